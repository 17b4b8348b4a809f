//! Split Text: a text in chunks of about a size, cut at a separator, each repeating the end of the one before.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value, plain},
};

/// The most chunks that a text may become.
pub(super) const CHUNKS: usize = 100_000;

#[derive(Debug)]
pub(super) struct SplitText;

#[async_trait]
impl Component for SplitText {
    fn types(&self) -> &'static [&'static str] {
        &["SplitText", "SplitTextComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe", "chunks"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let failed = |message: &str| ComponentError::Failed(message.into());
        let text_key = inputs.text("text_key").unwrap_or_else(|| "text".into());
        let Some(input) = inputs.value("data_inputs") else {
            return Err(failed("it has no text to split"));
        };
        let size = size(inputs.count("chunk_size"), 1000);
        let overlap = size_or_none(inputs.count("chunk_overlap"), 200);
        if overlap > size {
            return Err(failed("the overlap is larger than the chunks"));
        }
        let separator = match inputs.any("separator").map(Value::as_text) {
            Some(text) if text == "/n" => "\n".into(),
            Some(text) if text == "/t" => "\t".into(),
            Some(text) => text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r"),
            None => "\n".into(),
        };
        let keep = match inputs.text("keep_separator").unwrap_or_default().to_lowercase().as_str() {
            "true" | "start" => Keep::Start,
            "end" => Keep::End,
            _ => Keep::Not,
        };
        let clean = inputs.flag("clean_output", false);
        let mut rows = Vec::new();
        for item in input.items() {
            let mut about = record(&item);
            let text = about.shift_remove(&text_key).map(|it| plain(&it)).unwrap_or_default();
            for chunk in split(&text, &separator, size, overlap, keep) {
                let mut row = Map::from_iter([("text".to_owned(), json!(chunk))]);
                if !clean {
                    row.extend(about.clone());
                }
                rows.push(row);
                if rows.len() > CHUNKS {
                    return Err(failed("the text has too many chunks"));
                }
            }
        }
        let chunks = rows.iter().map(|row| Value::data(Data::new(row.clone()))).collect();
        let mut outputs = Outputs::one("dataframe", Value::table(rows));
        outputs.add("chunks", Value::List(chunks));
        Ok(outputs)
    }
}

/// A message takes what is known of it along.
fn record(item: &Value) -> Map<String, Json> {
    match item {
        Value::Message(message) => {
            let known = json!({
                "text": message.text,
                "sender": message.sender,
                "sender_name": message.sender_name,
                "session_id": message.session_id,
            });
            Data::of_json(known).data
        }
        other => other.to_data().data,
    }
}

/// Returns a size that is one, or what holds where there is none.
pub(super) fn size(given: Option<u64>, default: usize) -> usize {
    given.and_then(|it| usize::try_from(it).ok()).filter(|it| *it > 0).unwrap_or(default)
}

/// Returns a size, which may be nothing, or what holds where there is none.
pub(super) fn size_or_none(given: Option<u64>, default: usize) -> usize {
    given.and_then(|it| usize::try_from(it).ok()).unwrap_or(default)
}

/// What becomes of a separator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Not,
    Start,
    End,
}

/// Splits at the separator and puts pieces together again until a chunk is full, in characters.
pub(super) fn split(text: &str, separator: &str, size: usize, overlap: usize, keep: Keep) -> Vec<String> {
    let glue = if keep == Keep::Not { separator } else { "" };
    merged(&pieces(text, separator, keep), glue, size, overlap)
}

/// Puts pieces together until a chunk is full, each chunk beginning with the end of the one before.
pub(super) fn merged(pieces: &[String], glue: &str, size: usize, overlap: usize) -> Vec<String> {
    let glue_length = glue.chars().count();
    let mut chunks = Vec::new();
    let mut held: std::collections::VecDeque<(usize, &str)> = std::collections::VecDeque::new();
    let mut total = 0;
    let join = |held: &std::collections::VecDeque<(usize, &str)>| {
        let text = held.iter().map(|(_, it)| *it).collect::<Vec<_>>().join(glue);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    for piece in pieces {
        let length = piece.chars().count();
        let with_glue = |held: usize| if held == 0 { 0 } else { glue_length };
        if total + length + with_glue(held.len()) > size && !held.is_empty() {
            chunks.extend(join(&held));
            // The end of this chunk is the beginning of the next.
            while total > overlap || (total + length + with_glue(held.len()) > size && total > 0) {
                let Some((first, _)) = held.pop_front() else { break };
                total -= first + if held.is_empty() { 0 } else { glue_length };
            }
        }
        total += length + with_glue(held.len());
        held.push_back((length, piece));
    }
    chunks.extend(join(&held));
    chunks
}

/// Cuts a text at a separator; at an empty one, into characters.
pub(super) fn pieces(text: &str, separator: &str, keep: Keep) -> Vec<String> {
    let parts: Vec<String> = if separator.is_empty() {
        text.chars().map(String::from).collect()
    } else {
        let split: Vec<&str> = text.split(separator).collect();
        let last = split.len() - 1;
        let part = |(index, part): (usize, &&str)| match keep {
            Keep::Start if index > 0 => format!("{separator}{part}"),
            Keep::End if index < last => format!("{part}{separator}"),
            Keep::Not | Keep::Start | Keep::End => (*part).to_owned(),
        };
        split.iter().enumerate().map(part).collect()
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_filled_and_overlap() {
        assert_eq!(split("a\nb\nc", "\n", 1, 0, Keep::Not), ["a", "b", "c"]);
        assert_eq!(split("aa bb cc dd", " ", 5, 2, Keep::Not), ["aa bb", "bb cc", "cc dd"]);
        assert_eq!(split("aa bb", " ", 100, 0, Keep::Not), ["aa bb"]);
        assert_eq!(split("a,b,c", ",", 1, 0, Keep::Start), ["a", ",b", ",c"]);
        assert_eq!(split("a,b", ",", 2, 0, Keep::End), ["a,", "b"]);
        assert!(split("", "\n", 10, 0, Keep::Not).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn nothing_of_the_text_is_lost(text in "[ab \n]{0,60}", size in 1_usize..20, overlap in 0_usize..20) {
            let chunks = split(&text, " ", size, overlap.min(size), Keep::Not).join(" ");
            for word in text.split_whitespace() {
                proptest::prop_assert!(chunks.contains(word));
            }
        }
    }
}
