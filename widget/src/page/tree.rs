//! Builds what [`crate::markdown`] says as nodes: no HTML text is ever parsed.

use web_sys::{Document, Element, Node};

use crate::markdown::{Sink, Tag};

/// Builds below a node.
pub(super) struct Tree<'a> {
    pub(super) document: &'a Document,
    /// The words on the button that copies code.
    pub(super) copy: &'a str,
    /// Where the next node goes; the first is never left.
    pub(super) open: Vec<Node>,
}

impl Tree<'_> {
    fn append(&self, name: &str) -> Option<Element> {
        let element = self.document.create_element(name).ok()?;
        self.open.last()?.append_child(&element).ok()?;
        Some(element)
    }

    fn begin(&mut self, tag: Tag, detail: &str) -> Option<Node> {
        Some(match tag {
            Tag::Table => {
                let around = self.append("div")?;
                // Wide tables scroll, and the keyboard must be able to do it.
                set(&around, "tabindex", "0");
                around.set_class_name("table");
                let table = self.document.create_element("table").ok()?;
                around.append_child(&table).ok()?
            }
            Tag::Pre => {
                let around = self.append("div")?;
                around.set_class_name("code");
                let pre = self.document.create_element("pre").ok()?;
                set(&pre, "tabindex", "0");
                let code = self.document.create_element("code").ok()?;
                pre.append_child(&code).ok()?;
                around.append_child(&pre).ok()?;
                let copy = self.document.create_element("button").ok()?;
                set(&copy, "type", "button");
                copy.set_class_name("copy");
                copy.set_text_content(Some(self.copy));
                around.append_child(&copy).ok()?;
                code.into()
            }
            Tag::Link => {
                let link = self.append("a")?;
                set(&link, "href", detail);
                set(&link, "target", "_blank");
                set(&link, "rel", "noopener noreferrer nofollow ugc");
                link.into()
            }
            Tag::Numbers => {
                let list = self.append("ol")?;
                set(&list, "start", detail);
                list.into()
            }
            Tag::Head => {
                let cell = self.append("th")?;
                set(&cell, "scope", "col");
                cell.into()
            }
            other => self.append(name_of(other))?.into(),
        })
    }
}

impl Sink for Tree<'_> {
    fn open(&mut self, tag: Tag, detail: &str) {
        if let Some(node) = self.begin(tag, detail).or_else(|| self.open.last().cloned()) {
            self.open.push(node);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(node) = self.open.last() {
            let _ = node.append_child(&self.document.create_text_node(text));
        }
    }

    fn close(&mut self) {
        self.open.pop();
    }
}

const fn name_of(tag: Tag) -> &'static str {
    match tag {
        Tag::Paragraph => "p",
        Tag::Heading(1) => "h2",
        Tag::Heading(2) => "h3",
        Tag::Heading(_) => "h4",
        Tag::Bullets => "ul",
        Tag::Numbers => "ol",
        Tag::Item => "li",
        Tag::Quote => "blockquote",
        Tag::Pre => "pre",
        Tag::Code => "code",
        Tag::Strong => "strong",
        Tag::Em => "em",
        Tag::Del => "del",
        Tag::Link => "a",
        Tag::Break => "br",
        Tag::Rule => "hr",
        Tag::Table => "table",
        Tag::Row => "tr",
        Tag::Head => "th",
        Tag::Cell => "td",
    }
}

fn set(element: &Element, name: &str, value: &str) {
    let _ = element.set_attribute(name, value);
}
