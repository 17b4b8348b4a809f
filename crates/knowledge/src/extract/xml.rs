//! XML as a sequence of opened and closed elements and of text.
//!
//! Entities that a document defines itself are left out, not expanded, so that a billion laughs are
//! none. Nothing here recurses, so that no depth of nesting is dangerous.

use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::ExtractError;

/// A piece of XML; names are without their prefixes.
pub(super) enum Node<'a> {
    Open(&'a str, Attributes<'a>),
    Close(&'a str),
    Text(&'a str),
}

/// The attributes of an element.
pub(super) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// Returns an attribute by its name without a prefix.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// Returns every attribute of a name, whatever its prefix.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let named = self.0.attributes().flatten().filter(|attribute| attribute.key.local_name().into_inner() == name);
        let value = |found: Attribute<'_>| {
            found.normalized_value(XmlVersion::Implicit1_0).unwrap_or_else(|_| found.value.clone()).into_owned()
        };
        named.map(value).collect()
    }
}

/// Goes through an XML text.
pub(super) fn walk(xml: &str, mut each: impl FnMut(Node<'_>)) -> Result<(), ExtractError> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    loop {
        match reader.read_event().map_err(|_| ExtractError::Damaged)? {
            Event::Start(start) => each(Node::Open(start.local_name().into_inner(), Attributes(&start))),
            Event::End(end) => each(Node::Close(end.local_name().into_inner())),
            Event::Text(text) => each(Node::Text(&text.xml10_content())),
            Event::CData(text) => each(Node::Text(&text.xml10_content())),
            Event::GeneralRef(name) => {
                let known = match &*name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    "nbsp" => Some(' '),
                    _ => name.resolve_char_ref().ok().flatten(),
                };
                if let Some(c) = known {
                    each(Node::Text(c.encode_utf8(&mut [0; 4])));
                }
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}
