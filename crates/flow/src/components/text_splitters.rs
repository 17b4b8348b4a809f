//! Character and Recursive Character Text Splitter: records in smaller ones, as LangChain cuts them.

use async_trait::async_trait;
use serde_json::json;

use super::{
    Component, Outputs,
    split_text::{CHUNKS, Keep, merged, pieces, size, size_or_none, split},
};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

/// The most separators that are tried one after the other.
const SEPARATORS: usize = 20;

/// One of the two.
#[derive(Debug)]
pub(super) struct TextSplitter {
    pub(super) types: &'static [&'static str],
    /// Whether what is too long for one separator is cut at the next.
    pub(super) is_recursive: bool,
}

#[async_trait]
impl Component for TextSplitter {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let failed = |message: &str| ComponentError::Failed(message.into());
        let size = size(inputs.count("chunk_size"), 1000);
        let overlap = size_or_none(inputs.count("chunk_overlap"), 200);
        if overlap > size {
            return Err(failed("the overlap is larger than the chunks"));
        }
        let typed = |text: &str| text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r");
        let separators: Vec<String> = if self.is_recursive {
            let own = inputs.value("separators").map(Value::items).unwrap_or_default();
            let own: Vec<String> = own.iter().map(|it| typed(&it.as_text())).take(SEPARATORS).collect();
            if own.is_empty() { ["\n\n", "\n", " ", ""].map(String::from).into() } else { own }
        } else {
            vec![inputs.text("separator").map_or_else(|| "\n\n".into(), |it| typed(&it))]
        };
        let mut records = Vec::new();
        for item in inputs.value("data_input").map(Value::items).unwrap_or_default() {
            let data = item.to_data();
            let text = data.text();
            let mut about = data.data;
            about.shift_remove(&data.text_key);
            let chunks = match separators.as_slice() {
                [one] if !self.is_recursive => split(&text, one, size, overlap, Keep::Not),
                many => cut(&text, many, size, overlap),
            };
            for chunk in chunks {
                let mut record = about.clone();
                record.insert("text".into(), json!(chunk));
                records.push(Value::data(Data::new(record)));
            }
            if records.len() > CHUNKS {
                return Err(failed("the text has too many chunks"));
            }
        }
        Ok(Outputs::one("data", Value::List(records)))
    }
}

/// Cuts a text at the first separator that is in it, and what is still too long at those that follow.
fn cut(text: &str, separators: &[String], size: usize, overlap: usize) -> Vec<String> {
    let first = separators.iter().position(|it| text.contains(it.as_str())).unwrap_or(separators.len() - 1);
    let separator = &separators[first];
    let others = if separator.is_empty() { &[] } else { &separators[(first + 1).min(separators.len())..] };
    let others = if text.contains(separator.as_str()) { others } else { &[] };
    let mut chunks = Vec::new();
    let mut short: Vec<String> = Vec::new();
    for piece in pieces(text, separator, Keep::Start) {
        if piece.chars().count() < size {
            short.push(piece);
            continue;
        }
        chunks.extend(merged(&std::mem::take(&mut short), "", size, overlap));
        if others.is_empty() {
            chunks.push(piece);
        } else {
            chunks.extend(cut(&piece, others, size, overlap));
        }
    }
    chunks.extend(merged(&short, "", size, overlap));
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_one_separator_is_cut_at_the_next() {
        let separators = ["\n\n", "\n", " ", ""].map(String::from);
        let of = |text: &str, size| cut(text, &separators, size, 0);
        assert_eq!(of("one two\n\nthree four five", 10), ["one two", "three", "four five"]);
        assert_eq!(of("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(of("", 3), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn no_letter_is_lost(text in "[ab \n]{0,60}", size in 1_usize..12) {
            let separators = ["\n\n", "\n", " ", ""].map(String::from);
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).collect::<String>();
            let chunks = cut(&text, &separators, size, 0);
            proptest::prop_assert_eq!(letters(&chunks.concat()), letters(&text));
            proptest::prop_assert!(chunks.iter().all(|chunk| chunk.chars().count() <= size));
        }
    }
}
