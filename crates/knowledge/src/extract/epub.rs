//! Electronic books: their chapters in the order of reading.

use super::flow::Flow;
use super::package::{Package, resolved};
use super::xml::{Node, walk};
use super::{ExtractError, Limits, html};
use crate::document::Document;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut package = Package::open(bytes, limits)?;
    if package.has("META-INF/encryption.xml") && package.text("META-INF/encryption.xml")?.contains("xmlenc#aes") {
        return Err(ExtractError::Protected);
    }
    let mut place = None;
    walk(&package.text("META-INF/container.xml")?, |node| {
        if let Node::Open("rootfile", attributes) = node {
            place = place.take().or_else(|| attributes.get("full-path"));
        }
    })?;
    let place = place.ok_or(ExtractError::Damaged)?;
    let (mut parts, mut order, mut title) = (Vec::new(), Vec::new(), None);
    walk(&package.text(&place)?, |node| match node {
        Node::Open("item", attributes) => {
            parts.push((attributes.get("id").unwrap_or_default(), attributes.get("href").unwrap_or_default()));
        }
        Node::Open("itemref", attributes) => order.push(attributes.get("idref").unwrap_or_default()),
        Node::Open("title", _) if title.is_none() => title = Some(String::new()),
        Node::Text(text) => {
            if let Some(open) = title.as_mut().filter(|open| open.is_empty()) {
                open.push_str(text);
            }
        }
        _ => {}
    })?;
    let mut flow = Flow::new(limits);
    flow.title(&title.unwrap_or_default());
    for id in order {
        let Some((_, link)) = parts.iter().find(|(own, _)| *own == id) else { continue };
        let member = resolved(&place, &percent_decoded(link));
        if flow.is_full() {
            break;
        }
        if package.has(&member) {
            flow.append(html::read(&package.text(&member)?, limits));
        } else {
            flow.warn("A chapter is missing from the book.");
        }
    }
    Ok(flow.finish())
}

fn percent_decoded(link: &str) -> String {
    let mut bytes = Vec::with_capacity(link.len());
    let mut rest = link.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let coded = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = coded.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
