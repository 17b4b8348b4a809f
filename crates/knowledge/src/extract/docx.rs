//! Word documents: the body, its tables, and the notes below it.

use std::collections::HashMap;

use super::flow::Flow;
use super::package::Package;
use super::xml::{Node, walk};
use super::{ExtractError, Limits};
use crate::document::Document;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut package = Package::open(bytes, limits)?;
    let levels =
        if package.has("word/styles.xml") { levels(&package.text("word/styles.xml")?)? } else { HashMap::new() };
    let mut flow = Flow::new(limits);
    if package.has("docProps/core.xml") {
        flow.title(&core_title(&package.text("docProps/core.xml")?));
    }
    body(&package.text("word/document.xml")?, &levels, &mut flow)?;
    for notes in ["word/footnotes.xml", "word/endnotes.xml"] {
        if package.has(notes) {
            flow.page = None;
            body(&package.text(notes)?, &levels, &mut flow)?;
        }
    }
    Ok(flow.finish())
}

/// The title in the properties that Office formats share.
pub(super) fn core_title(xml: &str) -> String {
    let mut title = String::new();
    let mut inside = false;
    // Properties that cannot be read are no reason to refuse the text.
    let _ = walk(xml, |node| match node {
        Node::Open("title", _) => inside = true,
        Node::Close("title") => inside = false,
        Node::Text(text) if inside => title.push_str(text),
        _ => {}
    });
    title
}

/// The styles that are headings, with their level.
fn levels(styles: &str) -> Result<HashMap<String, u8>, ExtractError> {
    let mut found = HashMap::new();
    let mut style = String::new();
    walk(styles, |node| match node {
        Node::Open("style", attributes) => style = attributes.get("styleId").unwrap_or_default(),
        Node::Open("name", attributes) => {
            let name = attributes.get("val").unwrap_or_default().to_lowercase();
            let level =
                if name == "title" { Some(1) } else { name.strip_prefix("heading ").and_then(|n| n.parse().ok()) };
            if let Some(level) = level {
                found.insert(style.clone(), level);
            }
        }
        Node::Open("outlineLvl", attributes) => {
            // Counted from 0; 9 is the body.
            if let Some(level) =
                attributes.get("val").and_then(|value| value.parse::<u8>().ok()).filter(|level| *level < 9)
            {
                found.entry(style.clone()).or_insert(level + 1);
            }
        }
        _ => {}
    })?;
    Ok(found)
}

fn body(xml: &str, levels: &HashMap<String, u8>, flow: &mut Flow) -> Result<(), ExtractError> {
    let mut in_text = false;
    // Old copies of pictures and shapes repeat the text of the new ones.
    let mut fallback = 0_usize;
    walk(xml, |node| match node {
        Node::Open("Fallback", _) => fallback += 1,
        Node::Close("Fallback") => fallback = fallback.saturating_sub(1),
        _ if fallback > 0 => {}
        Node::Open("p", _) | Node::Close("p") => flow.end(),
        Node::Open("pStyle", attributes) => {
            if let Some(level) = attributes.get("val").and_then(|style| levels.get(&style)) {
                flow.heading(*level);
            }
        }
        Node::Open("numPr", _) => flow.item(),
        Node::Open("t", _) => in_text = true,
        Node::Close("t") => in_text = false,
        Node::Text(text) if in_text => flow.push(text),
        Node::Open("tab", _) => flow.push(" "),
        Node::Open("noBreakHyphen", _) => flow.push("-"),
        Node::Open("br", attributes) if attributes.get("type").as_deref() == Some("page") => flow.line_break(),
        Node::Open("br" | "cr", _) => flow.line_break(),
        // Where Word broke the page when it last showed the document.
        Node::Open("lastRenderedPageBreak", _) => flow.page = Some(flow.page.unwrap_or(1) + 1),
        Node::Open("tbl", _) => flow.begin_table(),
        Node::Close("tbl") => flow.end_table(),
        Node::Close("tr") => flow.end_row(),
        Node::Close("tc") => flow.end_cell(),
        _ => {}
    })
}
