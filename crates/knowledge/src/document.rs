//! What is left of a file when its format is forgotten: headings, paragraphs, tables, and their pages.

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// A document as a sequence of blocks, in the order in which a person reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What the document calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its parts.
    pub blocks: Vec<Block>,
    /// What was lost on the way, in words for whoever uploaded it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One part of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The page, sheet or slide it stands on, counted from 1; nothing where the format has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// What it is.
    #[serde(flatten)]
    pub body: Body,
}

/// What a block is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// A heading of level 1 (the outermost) to 6.
    Heading {
        /// How deep it stands.
        level: u8,
        /// Its words.
        text: String,
    },
    /// A paragraph, an item of a list, or lines that belong together.
    Text {
        /// Its words.
        text: String,
    },
    /// A table; its head is repeated in every chunk that holds some of its rows.
    Table {
        /// The names of the columns; empty when the table has none.
        head: Vec<String>,
        /// Its rows, each a list of cells.
        rows: Vec<Vec<String>>,
    },
}

impl Document {
    /// Adds a heading.
    pub fn heading(&mut self, page: Option<u32>, level: u8, text: impl Into<String>) {
        self.blocks.push(Block { page, body: Body::Heading { level: level.clamp(1, 6), text: text.into() } });
    }

    /// Adds a paragraph.
    pub fn text(&mut self, page: Option<u32>, text: impl Into<String>) {
        self.blocks.push(Block { page, body: Body::Text { text: text.into() } });
    }

    /// Adds a table.
    pub fn table(&mut self, page: Option<u32>, head: Vec<String>, rows: Vec<Vec<String>>) {
        self.blocks.push(Block { page, body: Body::Table { head, rows } });
    }

    /// A document that is one text, whose paragraphs are parted by empty lines.
    pub fn of_text(title: Option<&str>, text: &str) -> Self {
        let mut document = Self { title: title.map(str::to_owned), ..Self::default() };
        for paragraph in paragraphs(text) {
            document.text(None, paragraph);
        }
        document
    }

    /// Tells whether it holds no word at all.
    pub fn is_empty(&self) -> bool {
        !self.blocks.iter().any(|block| block.strings().any(|text| text.contains(char::is_alphanumeric)))
    }

    /// Returns the language that most of it is written in.
    pub fn language(&self) -> Language {
        // A few thousand characters tell a language as surely as all of them.
        let mut sample = String::new();
        for text in self.blocks.iter().flat_map(Block::strings) {
            sample.push_str(text);
            sample.push(' ');
            if sample.len() > 8000 {
                break;
            }
        }
        Language::detect(&sample)
    }
}

impl Block {
    /// Goes through every text of the block.
    pub fn strings(&self) -> impl Iterator<Item = &str> {
        let (one, head, rows): (Option<&String>, &[String], &[Vec<String>]) = match &self.body {
            Body::Heading { text, .. } | Body::Text { text } => (Some(text), &[], &[]),
            Body::Table { head, rows } => (None, head, rows),
        };
        one.into_iter().chain(head).chain(rows.iter().flatten()).map(String::as_str)
    }
}

/// Splits a text where an empty line stands.
pub(crate) fn paragraphs(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = String::new();
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            if !open.trim().is_empty() {
                found.push(open.trim().to_owned());
            }
            open.clear();
        } else {
            open.push_str(line.trim_end());
            open.push('\n');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_end_at_empty_lines() {
        assert_eq!(paragraphs("a\nb\n\n  \nc\r\n"), ["a\nb", "c"]);
    }

    #[test]
    fn a_document_of_rules_and_blanks_is_empty() {
        assert!(Document::of_text(None, " \n\n--- ***").is_empty());
        assert!(!Document::of_text(None, "0").is_empty());
    }
}
