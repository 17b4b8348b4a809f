//! Markdown with tables.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Limits;
use super::flow::Flow;
use crate::document::Document;

pub(super) fn read(text: &str, limits: &Limits) -> Document {
    let mut flow = Flow::new(limits);
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_FOOTNOTES;
    let mut in_item = 0_usize;
    let mut metadata = false;
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some(String::new());
                flow.heading(level as u8);
            }
            Event::End(TagEnd::Heading(_)) => {
                // The first heading is what the document is called.
                flow.title(&heading.take().unwrap_or_default());
                flow.end();
            }
            Event::Start(Tag::Item) => {
                in_item += 1;
                flow.item();
            }
            Event::End(TagEnd::Item) => {
                in_item -= 1;
                flow.end();
            }
            Event::Start(Tag::CodeBlock(_)) => {
                flow.end();
                flow.verbatim = true;
            }
            Event::End(TagEnd::CodeBlock) => {
                flow.end();
                flow.verbatim = false;
            }
            Event::Start(Tag::Table(_)) => flow.begin_table(),
            Event::End(TagEnd::Table) => flow.end_table(),
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => flow.end_row(),
            Event::End(TagEnd::TableCell) => flow.end_cell(),
            Event::Start(Tag::MetadataBlock(_)) => metadata = true,
            Event::End(TagEnd::MetadataBlock(_)) => metadata = false,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition) => flow.end(),
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) if in_item == 0 => flow.end(),
            // The paragraphs of an item belong to it.
            Event::Start(Tag::Paragraph) | Event::SoftBreak => flow.push(" "),
            Event::Text(text) if metadata => {
                let titled = text.lines().find_map(|line| line.strip_prefix("title:"));
                flow.title(titled.unwrap_or_default().trim().trim_matches(['"', '\'']));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
                flow.push(&text);
            }
            Event::HardBreak => flow.line_break(),
            _ => {}
        }
        if flow.is_full() {
            break;
        }
    }
    flow.finish()
}
