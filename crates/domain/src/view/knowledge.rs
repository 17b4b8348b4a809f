//! Documents that an agent answers from, and what was found in them.

use serde::{Deserialize, Serialize};

use crate::state::{DocumentKind, DocumentState};
use crate::{ConfigId, DocumentId, PassageId, SiteId, Timestamp};

/// A document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentView {
    /// Which.
    pub id: DocumentId,
    /// Whose.
    pub config_id: ConfigId,
    /// What it was given as.
    pub kind: DocumentKind,
    /// The file's name, the question, or the page's title.
    pub name: String,
    /// Where the page is; empty for what is none.
    pub url: String,
    /// The site that the page was found on.
    pub site_id: Option<SiteId>,
    /// How long what was given is.
    pub bytes: i64,
    /// How far it is.
    pub state: DocumentState,
    /// How much of the work is done, of a hundred.
    pub progress: i64,
    /// Why it failed.
    pub reason: String,
    /// What of it could not be read.
    pub warnings: Vec<String>,
    /// What it calls itself.
    pub title: String,
    /// What it is written in; `und` where that is not known.
    pub language: String,
    /// Its pages, sheets or slides; 0 where it has none.
    pub pages: i64,
    /// How many passages it was cut into.
    pub passages: i64,
    /// When it was given.
    pub created: Timestamp,
    /// When it changed last.
    pub modified: Timestamp,
}

/// What the documents of one agent may be together, by its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentQuota {
    /// How many.
    pub documents: i64,
    /// How many bytes.
    pub bytes: i64,
    /// How many pages, where two passages are one at least: what has no pages is measured by its text.
    pub pages: i64,
}

impl Default for DocumentQuota {
    fn default() -> Self {
        Self { documents: 500, bytes: 250_000_000, pages: 20_000 }
    }
}

/// All documents of an agent together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowledgeTotals {
    /// How many there are.
    pub documents: i64,
    /// How long what was given is.
    pub bytes: i64,
    /// How many pages were read; two passages are one at least.
    pub pages: i64,
    /// What all of them may be.
    pub most: DocumentQuota,
    /// How many bytes one may have.
    pub most_bytes_each: i64,
    /// How many passages are found by their meaning, of a hundred; nothing where words alone are compared.
    pub meant: Option<i64>,
}

/// Web pages that an agent answers from: one, or those below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteView {
    /// Which.
    pub id: SiteId,
    /// Whose.
    pub config_id: ConfigId,
    /// Where it begins.
    pub url: String,
    /// How many pages are read at the most; 1 is that page alone.
    pub most_pages: i64,
    /// Hours until it is read again; 0 is never.
    pub every_hours: i64,
    /// When it is read again.
    pub next: Option<Timestamp>,
    /// How many of its pages are there.
    pub pages: i64,
    /// How many of them wait to be read, or are being read.
    pub under_way: i64,
    /// How many of them failed.
    pub failed: i64,
    /// When it was given.
    pub created: Timestamp,
}

/// A question that found nothing in the documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapView {
    /// The question, in small letters.
    pub question: String,
    /// How often it was asked.
    pub times: i64,
    /// When last.
    pub last: Timestamp,
}

/// A passage of a document, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassageView {
    /// Which.
    pub id: PassageId,
    /// The headings above it, the outermost first.
    pub headings: Vec<String>,
    /// The first page it stands on.
    pub page: Option<i64>,
    /// What it says.
    pub text: String,
}

/// A passage that an answer is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The number that the answer names it by, as in `[1]`, if it does.
    pub number: i64,
    /// The document.
    pub document_id: DocumentId,
    /// The passage.
    pub passage_id: PassageId,
    /// What the document is called.
    pub name: String,
    /// The page that the passage begins on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<i64>,
    /// Where it is on the web; empty for what is no web page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The beginning of the passage.
    pub text: String,
}

impl Citation {
    /// Returns where it is on the web, if that may be linked: nothing but pages, whatever is written down.
    pub fn link(&self) -> Option<&str> {
        let is_page = self.url.starts_with("https://") || self.url.starts_with("http://");
        (is_page && !self.url.contains(|c: char| c.is_whitespace() || c.is_control())).then_some(self.url.as_str())
    }
}

/// A passage that was found, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundPassage {
    /// Which.
    pub id: PassageId,
    /// The document it is of.
    pub document_id: DocumentId,
    /// What that is called.
    pub document_name: String,
    /// Where it is on the web; empty for what is no web page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub document_url: String,
    /// The headings above it, the outermost first.
    pub headings: Vec<String>,
    /// The first page it stands on.
    pub page: Option<i64>,
    /// All that it says.
    pub text: String,
    /// The part that answers, cut into pieces; every second one is a word that was asked for.
    pub pieces: Vec<String>,
    /// The words of the question that it holds, as they were typed.
    pub matched: Vec<String>,
    /// How much of the question it covers, of a hundred.
    pub coverage: i64,
    /// How near its meaning is to the question's, of a hundred; 0 is what chance gives. Nothing where words alone are
    /// compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearness: Option<i64>,
    /// By what it was ranked; comparable only within one search.
    pub score: f64,
}
