//! PowerPoint: one page a slide, in the order of the show, with what the speaker notes.

use super::flow::Flow;
use super::package::{Package, resolved};
use super::xml::{Node, walk};
use super::{ExtractError, Limits};
use crate::document::Document;

const SHOW: &str = "ppt/presentation.xml";

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut package = Package::open(bytes, limits)?;
    let mut flow = Flow::new(limits);
    if package.has("docProps/core.xml") {
        flow.title(&super::docx::core_title(&package.text("docProps/core.xml")?));
    }
    let links = links(&mut package, SHOW)?;
    let mut order = Vec::new();
    walk(&package.text(SHOW)?, |node| {
        // Its own number is called `id` too.
        if let Node::Open("sldId", attributes) = node {
            order.extend(attributes.all("id").into_iter().find_map(|id| links.iter().find(|link| link.id == id)));
        }
    })?;
    let order: Vec<String> = order.into_iter().map(|link| link.target.clone()).collect();
    for (slide, number) in order.iter().zip(1..) {
        if number > limits.pages || flow.is_full() {
            flow.warn(format!("There are {} slides; only the first {} were read.", order.len(), number - 1));
            break;
        }
        flow.page = Some(number);
        shapes(&package.text(slide)?, &mut flow)?;
        for link in self::links(&mut package, slide)?.into_iter().filter(|link| !link.target.is_empty()) {
            if link.kind.ends_with("/chart") && package.has(&link.target) {
                chart(&package.text(&link.target)?, &mut flow)?;
            } else if link.kind.ends_with("/notesSlide") && package.has(&link.target) {
                shapes(&package.text(&link.target)?, &mut flow)?;
            }
        }
    }
    Ok(flow.finish())
}

struct Link {
    id: String,
    kind: String,
    target: String,
}

/// Where the links of a member lead.
fn links(package: &mut Package<'_>, member: &str) -> Result<Vec<Link>, ExtractError> {
    let (directory, file) = member.rsplit_once('/').unwrap_or(("", member));
    let place = format!("{directory}/_rels/{file}.rels");
    let mut found = Vec::new();
    if package.has(&place) {
        walk(&package.text(&place)?, |node| {
            if let Node::Open("Relationship", attributes) = node {
                found.push(Link {
                    id: attributes.get("Id").unwrap_or_default(),
                    kind: attributes.get("Type").unwrap_or_default(),
                    target: resolved(member, &attributes.get("Target").unwrap_or_default()),
                });
            }
        })?;
    }
    Ok(found)
}

fn shapes(xml: &str, flow: &mut Flow) -> Result<(), ExtractError> {
    let mut in_text = false;
    let mut kind = String::new();
    walk(xml, |node| match node {
        Node::Open("sp", _) => kind.clear(),
        Node::Close("sp") => {
            flow.end();
            kind.clear();
        }
        Node::Open("ph", attributes) => kind = attributes.get("type").unwrap_or_default(),
        // Numbers of slides and dates say nothing.
        _ if matches!(kind.as_str(), "sldNum" | "dt" | "ftr" | "hdr") => {}
        Node::Open("p", _) if kind == "title" || kind == "ctrTitle" => flow.heading(1),
        Node::Open("p", _) | Node::Close("p") => flow.end(),
        Node::Open("t", _) => in_text = true,
        Node::Close("t") => in_text = false,
        Node::Text(text) if in_text => flow.push(text),
        Node::Open("br", _) => flow.line_break(),
        Node::Open("tbl", _) => flow.begin_table(),
        Node::Close("tbl") => flow.end_table(),
        Node::Close("tr") => flow.end_row(),
        Node::Close("tc") => flow.end_cell(),
        _ => {}
    })
}

/// A row of figures in a chart.
#[derive(Default)]
struct Series {
    name: String,
    categories: Vec<String>,
    values: Vec<String>,
}

/// The figures of a chart as a table: a row a category, a column a series.
fn chart(xml: &str, flow: &mut Flow) -> Result<(), ExtractError> {
    let mut all: Vec<Series> = Vec::new();
    let (mut part, mut value, mut in_title) = (String::new(), None::<String>, false);
    flow.end();
    walk(xml, |node| match node {
        Node::Open("ser", _) => all.push(Series::default()),
        Node::Open(name @ ("tx" | "cat" | "val" | "xVal" | "yVal"), _) => name.clone_into(&mut part),
        Node::Close("tx" | "cat" | "val" | "xVal" | "yVal") => part.clear(),
        Node::Open("v", _) => value = Some(String::new()),
        Node::Close("v") => {
            if let (Some(value), Some(series)) = (value.take(), all.last_mut()) {
                match part.as_str() {
                    "tx" => series.name = value,
                    "cat" | "xVal" => series.categories.push(value),
                    "val" | "yVal" => series.values.push(value),
                    _ => {}
                }
            }
        }
        Node::Open("t", _) => in_title = true,
        Node::Close("t") => in_title = false,
        Node::Text(text) => match &mut value {
            Some(value) => value.push_str(text),
            None if in_title => flow.push(text),
            None => {}
        },
        _ => {}
    })?;
    flow.end();
    let Some(first) = all.first() else { return Ok(()) };
    let rows = all.iter().map(|series| series.values.len().max(series.categories.len())).max().unwrap_or(0);
    flow.begin_table();
    let names = std::iter::once("").chain(all.iter().map(|series| series.name.as_str()));
    let figures = (0..rows).map(|row| {
        let cell = move |cells: &'_ [String]| cells.get(row).cloned().unwrap_or_default();
        std::iter::once(cell(&first.categories)).chain(all.iter().map(move |series| cell(&series.values))).collect()
    });
    for row in std::iter::once(names.map(str::to_owned).collect::<Vec<_>>()).chain(figures) {
        for text in row {
            flow.push(&text);
            flow.end_cell();
        }
        flow.end_row();
    }
    flow.end_table();
    Ok(())
}
