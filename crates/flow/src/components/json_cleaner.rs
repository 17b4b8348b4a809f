//! JSON Cleaner: what a model meant when it wrote JSON that is none.

use async_trait::async_trait;
use serde_json::{Map, Number, Value as Json};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Value, python_json},
};

/// The deepest nesting that is read.
const DEPTH: usize = 100;

#[derive(Debug)]
pub(super) struct JsonCleaner;

#[async_trait]
impl Component for JsonCleaner {
    fn types(&self) -> &'static [&'static str] {
        &["JSONCleaner"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["output"]
    }

    fn missing(&self, node: &crate::flow::Node) -> Option<String> {
        let normalizes = node.fields.get("normalize_unicode").is_some_and(|field| field.value == true);
        normalizes.then(|| "the normal form of Unicode".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let failed = |what: String| ComponentError::Failed(what);
        let text = call.inputs.text("json_str").unwrap_or_default();
        let (Some(start), Some(end)) = (text.find('{'), text.rfind('}')) else {
            return Err(failed("Invalid JSON string: Missing '{' or '}'".into()));
        };
        let mut text = text.get(start..=end).unwrap_or_default().to_owned();
        if call.inputs.flag("remove_control_chars", false) {
            text.retain(|c| !c.is_ascii_control());
        }
        if call.inputs.flag("validate_json", false)
            && let Err(error) = serde_json::from_str::<Json>(&text)
        {
            return Err(failed(format!("Invalid JSON string: {error}")));
        }
        let json = repaired(&text).ok_or_else(|| failed("the JSON is nested too deep".into()))?;
        Ok(Outputs::one("output", Value::text(python_json(&json))))
    }
}

/// Reads JSON, and what nearly is: other quotes or none, commas too many or too few, what was left open, comments,
/// Python's words. None where it is nested too deep.
pub(super) fn repaired(text: &str) -> Option<Json> {
    if let Ok(json) = serde_json::from_str(text) {
        return Some(json);
    }
    let mut reader = Reader { signs: text.chars().collect(), at: 0 };
    reader.value(0)
}

struct Reader {
    signs: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.signs.get(self.at).copied()
    }

    /// Goes on to what is neither space nor comment.
    fn skip(&mut self) {
        while let Some(sign) = self.peek() {
            let next = self.signs.get(self.at + 1).copied();
            if sign.is_whitespace() {
                self.at += 1;
            } else if sign == '#' || (sign == '/' && next == Some('/')) {
                while self.peek().is_some_and(|it| it != '\n') {
                    self.at += 1;
                }
            } else if sign == '/' && next == Some('*') {
                let rest = &self.signs[self.at + 2..];
                let end = rest.windows(2).position(|it| it == ['*', '/']);
                self.at = end.map_or(self.signs.len(), |end| self.at + 2 + end + 2);
            } else {
                break;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEPTH {
            return None;
        }
        self.skip();
        match self.peek() {
            Some('{') => self.record(depth),
            Some('[') => self.list(depth),
            Some(quote @ ('"' | '\'' | '“' | '”')) => Some(Json::String(self.quoted(quote))),
            _ => Some(word(&self.bare(&[',', '}', ']', '\n']))),
        }
    }

    fn record(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.skip();
            match self.peek() {
                // A list around this ends it, though it was left open.
                None | Some(']') => break,
                Some('}') => {
                    self.at += 1;
                    break;
                }
                Some(',') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            let key = match self.peek() {
                Some(quote @ ('"' | '\'' | '“' | '”')) => self.quoted(quote),
                _ => self.bare(&[':', ',', '}', '\n']),
            };
            self.skip();
            let value = if self.peek() == Some(':') {
                self.at += 1;
                self.value(depth + 1)?
            } else {
                Json::String(String::new())
            };
            map.insert(key, value);
        }
        Some(Json::Object(map))
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None | Some('}') => break,
                Some(']') => {
                    self.at += 1;
                    break;
                }
                Some(',') => self.at += 1,
                Some(_) => {
                    let before = self.at;
                    let value = self.value(depth + 1)?;
                    self.skip();
                    // A key: the list was left open, and the record around it goes on.
                    if self.peek() == Some(':') && value.is_string() && depth > 0 {
                        self.at = before;
                        break;
                    }
                    list.push(value);
                }
            }
        }
        Some(Json::Array(list))
    }

    /// Reads a text up to its quote; one that is not closed ends where a line does.
    fn quoted(&mut self, quote: char) -> String {
        let close = if quote == '“' { '”' } else { quote };
        self.at += 1;
        let mut text = String::new();
        while let Some(sign) = self.peek() {
            self.at += 1;
            if sign == close {
                break;
            }
            if sign != '\\' {
                text.push(sign);
                continue;
            }
            let escaped = self.peek();
            self.at += 1;
            match escaped {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('u') => {
                    let digits: String = self.signs.iter().skip(self.at).take(4).collect();
                    if let Some(sign) = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                        text.push(sign);
                        self.at += 4;
                    }
                }
                Some(other) => text.push(other),
                None => {}
            }
        }
        text
    }

    /// Reads what has no quotes, up to one of these; at least one sign, so that it always goes on.
    fn bare(&mut self, ends: &[char]) -> String {
        let start = self.at;
        while self.peek().is_some_and(|sign| !ends.contains(&sign)) {
            self.at += 1;
        }
        let text: String = self.signs[start.min(self.signs.len())..self.at].iter().collect();
        if self.at == start && self.peek().is_some_and(|sign| !matches!(sign, ',' | '}' | ']')) {
            self.at += 1;
        }
        text.trim().to_owned()
    }
}

fn word(text: &str) -> Json {
    match text {
        "true" | "True" => Json::Bool(true),
        "false" | "False" => Json::Bool(false),
        "null" | "None" => Json::Null,
        _ => text.parse::<Number>().map_or_else(|_| Json::String(text.to_owned()), Json::Number),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_model_meant_is_read() {
        for (text, meant) in [
            (r#"{"a": 1}"#, json!({"a": 1})),
            ("{'a': 'it', b: True, }", json!({"a": "it", "b": true})),
            (r#"{"a": [1, 2 "#, json!({"a": [1, 2]})),
            (r#"{"a": [1, 2, "b": "x"}"#, json!({"a": [1, 2], "b": "x"})),
            (r#"{"a": "x" "b": None}"#, json!({"a": "x", "b": null})),
            ("{\"a\": 1, // one\n \"b\": two words}", json!({"a": 1, "b": "two words"})),
            (r#"{"a": {"b": [}}"#, json!({"a": {"b": []}})),
            (r"{'a': 'it\'s\n\u0041'}", json!({"a": "it's\nA"})),
        ] {
            assert_eq!(repaired(text), Some(meant), "{text}");
        }
        assert_eq!(repaired(&"{'a':".repeat(1_000)), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_go_on_for_ever(text in r#"[\{\}\[\]:,'"a1 \n\\/#*u“]{0,60}"#) {
            let _ = repaired(&text);
        }
    }
}
