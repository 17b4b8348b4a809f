//! OpenDocument text and presentations.

use super::flow::Flow;
use super::package::Package;
use super::xml::{Node, walk};
use super::{ExtractError, Limits};
use crate::document::Document;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut package = Package::open(bytes, limits)?;
    if package.has("META-INF/manifest.xml") && package.text("META-INF/manifest.xml")?.contains("encryption-data") {
        return Err(ExtractError::Protected);
    }
    let mut flow = Flow::new(limits);
    if package.has("meta.xml") {
        flow.title(&super::docx::core_title(&package.text("meta.xml")?));
    }
    let most = limits.pages;
    // Comments, and what was deleted while changes were tracked, are not what the document says.
    let mut hidden = 0_usize;
    walk(&package.text("content.xml")?, |node| match node {
        Node::Open("annotation" | "tracked-changes" | "forms", _) => hidden += 1,
        Node::Close("annotation" | "tracked-changes" | "forms") => hidden = hidden.saturating_sub(1),
        _ if hidden > 0 || flow.page.is_some_and(|page| page > most) => {}
        Node::Open("page", _) => flow.page = Some(flow.page.unwrap_or(0) + 1),
        Node::Open("h", attributes) => {
            flow.heading(attributes.get("outline-level").and_then(|level| level.parse().ok()).unwrap_or(1));
        }
        Node::Open("list-item", _) => flow.item(),
        Node::Close("h" | "p" | "list-item") => flow.end(),
        Node::Text(text) => flow.push(text),
        Node::Open("s" | "tab", _) => flow.push(" "),
        Node::Open("line-break", _) => flow.line_break(),
        Node::Open("table", _) => flow.begin_table(),
        Node::Close("table") => flow.end_table(),
        Node::Close("table-row") => flow.end_row(),
        Node::Close("table-cell") => flow.end_cell(),
        _ => {}
    })?;
    Ok(flow.finish())
}
