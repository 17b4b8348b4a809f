//! From a file to a [`Document`].
//!
//! What a newcomer would get wrong: these functions are not to be called where other people's requests
//! are served. A hostile file can make a parser take all memory, never end, or panic, and no care taken
//! here can rule that out. [`worker::Worker`] calls them in a process of its own.

mod csv;
mod docx;
mod epub;
mod flow;
mod format;
mod html;
mod mail;
mod markdown;
mod odf;
mod package;
mod pdf;
mod pptx;
mod sheets;
mod text;
pub mod worker;
mod xml;

pub use format::Format;

use serde::{Deserialize, Serialize};

use crate::document::Document;

/// How much of one file is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes of text that come out; what is beyond is left out with a warning.
    pub text: usize,
    /// The most pages, sheets or slides.
    pub pages: u32,
    /// The most cells of all tables.
    pub cells: usize,
    /// The most bytes that a packed file may unpack to.
    pub unpacked: u64,
    /// The most files that a packed file may hold.
    pub members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A book of two thousand pages has five million letters. What ranking keeps in memory grows with the text, and
        // most with one whose words are all different.
        Self { text: 8 << 20, pages: 2000, cells: 500_000, unpacked: 200 << 20, members: 10_000 }
    }
}

/// Why a file gave no text, in words for whoever uploaded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum ExtractError {
    /// The format is not read.
    #[error(
        "{0} cannot be read; PDF, Word, PowerPoint, Excel, OpenDocument, EPUB, HTML, Markdown, CSV, e-mail and plain text can"
    )]
    Unsupported(String),
    /// The file is not what it says, or broken.
    #[error("the file is damaged or is not what its name says")]
    Damaged,
    /// The file wants a password.
    #[error("the file is protected by a password")]
    Protected,
    /// There are pages, but no words on them.
    #[error("the file holds no text; a scan has to be turned into text first, which programs for OCR do")]
    NoText,
    /// It is a picture, of whatever.
    #[error(
        "the file is a picture and holds no text; what is written in it has to be turned into text first, which programs for OCR do"
    )]
    Picture,
    /// The file unpacks to more than we are willing to read.
    #[error("the file unpacks to more than can be read")]
    TooLarge,
    /// Reading it took too much memory or time, or ended the process that read it.
    #[error("the file is too complex to be read")]
    TooComplex,
    /// The process that reads files could not be started.
    #[error("files cannot be read at the moment")]
    Unavailable,
}

/// Reads a file. The name only helps where the content does not say what it is.
pub fn extract(name: &str, bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut document = match Format::of(name, bytes)? {
        Format::Text => text::read(bytes, limits),
        Format::Markdown => markdown::read(&text::decode(bytes), limits),
        Format::Html => html::read(&text::decode(bytes), limits),
        Format::Csv => csv::read(&text::decode(bytes), limits),
        Format::Docx => docx::read(bytes, limits)?,
        Format::Pptx => pptx::read(bytes, limits)?,
        Format::Odf => odf::read(bytes, limits)?,
        Format::Sheets => sheets::read(bytes, limits)?,
        Format::Epub => epub::read(bytes, limits)?,
        Format::Mail => mail::read(bytes, limits)?,
        Format::Pdf => pdf::read(bytes, limits)?,
    };
    if document.is_empty() {
        return Err(ExtractError::NoText);
    }
    document.title = document.title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
    Ok(document)
}

#[cfg(test)]
mod tests;
