//! Plain text, in whatever encoding.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::Limits;
use super::flow::Flow;
use crate::document::{Document, paragraphs};

/// Reads bytes as text: by their mark, as UTF-8, as a page of HTML says, or as Western Windows text.
pub(super) fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_lowercase();
    let named = ["charset=", "encoding="].iter().find_map(|name| {
        let (_, rest) = head.split_once(name)?;
        let label = rest.trim_start_matches(['"', '\'']).split(['"', '\'', ' ', ';', '>', '?', '/']).next()?;
        Encoding::for_label(label.as_bytes())
    });
    // A file that says UTF-8 and is not is older than its first line.
    named
        .filter(|encoding| *encoding != UTF_8)
        .unwrap_or(WINDOWS_1252)
        .decode_without_bom_handling(bytes)
        .0
        .into_owned()
}

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Document {
    let mut flow = Flow::new(limits);
    flow.verbatim = true;
    for paragraph in paragraphs(&decode(bytes)) {
        flow.push(&paragraph);
        flow.end();
    }
    flow.finish()
}
