//! What flows along an edge: messages, data, tables, models.
//!
//! Langflow's conversions are kept, the odd ones too. A `Data` reads as its text key, a plain string is
//! cleaned of empty lines when a chat output shows it, a message is not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::model::Resolved;

/// A message of a conversation, or a text that one component hands to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The text.
    pub text: String,
    /// `User`, `Machine`, or empty for a text that nobody said.
    pub sender: String,
    /// What the sender calls itself.
    pub sender_name: String,
    /// The conversation.
    pub session_id: String,
}

impl Message {
    /// Makes a text that nobody said.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Its fields.
    pub data: Map<String, Json>,
    /// Which of them is its text.
    pub text_key: String,
}

impl Data {
    /// Returns the record's text, empty when it has none.
    pub fn text(&self) -> String {
        self.data.get(&self.text_key).map(plain).unwrap_or_default()
    }
}

/// Rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Each row, its columns by name.
    pub rows: Vec<Map<String, Json>>,
}

/// A value on an edge or in a field.
#[derive(Clone, Debug)]
pub enum Value {
    /// What a field held.
    Json(Json),
    /// A message.
    Message(Arc<Message>),
    /// A record.
    Data(Arc<Data>),
    /// Rows.
    Table(Arc<Table>),
    /// Several values.
    List(Vec<Value>),
    /// A language model, handed on to be called by another component.
    Model(Arc<Resolved>),
}

impl Value {
    /// Wraps a message.
    pub fn message(message: Message) -> Self {
        Self::Message(Arc::new(message))
    }

    /// Reads the value as text, the way Langflow does for a text field.
    pub fn as_text(&self) -> String {
        match self {
            Self::Json(json) => plain(json),
            Self::Message(message) => message.text.clone(),
            Self::Data(data) => data.text(),
            Self::Table(table) => markdown(table),
            Self::List(list) => list.iter().map(Self::as_text).collect::<Vec<_>>().join("\n"),
            Self::Model(_) => String::new(),
        }
    }

    /// Shows the value in a chat: strings are cleaned, records are fenced JSON, tables are Markdown.
    pub fn shown(&self) -> String {
        match self {
            Self::Json(json) => clean(&plain(json)),
            Self::Message(message) => message.text.clone(),
            Self::Data(data) => {
                let json = serde_json::to_string_pretty(&data.data).unwrap_or_default();
                clean(&format!("```json\n{json}\n```"))
            }
            Self::Table(table) => markdown(table),
            Self::List(list) => list.iter().map(Self::shown).collect::<Vec<_>>().join("\n"),
            Self::Model(_) => String::new(),
        }
    }

    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Json(Json::Null) => true,
            Self::Json(Json::String(text)) => text.is_empty(),
            Self::Json(Json::Array(list)) => list.is_empty(),
            Self::Json(_) | Self::Model(_) => false,
            Self::Message(message) => message.text.is_empty(),
            Self::Data(data) => data.data.is_empty(),
            Self::Table(table) => table.rows.is_empty(),
            Self::List(list) => list.is_empty(),
        }
    }

    /// Returns about how many bytes it holds, for the limit of a run.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Json(json) => json_bytes(json),
            Self::Message(message) => message.text.len() + message.sender_name.len() + 64,
            Self::Data(data) => map_bytes(&data.data),
            Self::Table(table) => table.rows.iter().map(map_bytes).sum(),
            Self::List(list) => list.iter().map(Self::bytes).sum(),
            Self::Model(_) => 64,
        }
    }
}

/// Writes a field's value as text: strings as they are, nothing as nothing, the rest as JSON.
pub(crate) fn plain(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Empties lines that hold only white space and folds three or more line ends into two.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut ends = 0;
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            ends += 1;
        }
        if line.trim().is_empty() {
            continue;
        }
        out.extend(std::iter::repeat_n('\n', ends.min(2)));
        ends = 0;
        out.push_str(line);
    }
    out.extend(std::iter::repeat_n('\n', ends.min(2)));
    out
}

fn markdown(table: &Table) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for key in table.rows.iter().flat_map(Map::keys) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    if columns.is_empty() {
        return String::new();
    }
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines =
        vec![row(columns.iter().map(|it| cell(it)).collect()), row(columns.iter().map(|_| ":---".into()).collect())];
    for it in &table.rows {
        lines.push(row(columns
            .iter()
            .map(|name| it.get(*name).map(|value| cell(&plain(value))).unwrap_or_default())
            .collect()));
    }
    lines.join("\n")
}

fn cell(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.trim_matches('\n').replace('|', "\\|").replace('\n', "<br/>")
}

fn json_bytes(json: &Json) -> usize {
    match json {
        Json::String(text) => text.len() + 24,
        Json::Array(list) => list.iter().map(json_bytes).sum::<usize>() + 24,
        Json::Object(map) => map_bytes(map),
        _ => 16,
    }
}

fn map_bytes(map: &Map<String, Json>) -> usize {
    map.iter().map(|(key, value)| key.len() + json_bytes(value) + 24).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_string_is_cleaned_when_shown_and_a_message_is_not() {
        assert_eq!(Value::Json(json!("a\n  \n\n\nb")).shown(), "a\n\nb");
        assert_eq!(Value::message(Message::text("a\n\n\n\nb")).shown(), "a\n\n\n\nb");
    }

    #[test]
    fn a_table_is_shown_as_markdown_with_its_cells_escaped() {
        let row = |text: &str| json!({ "text": text }).as_object().cloned().unwrap();
        let table = Table { rows: vec![row("a|b"), row("c\nd")] };
        assert_eq!(Value::Table(Arc::new(table)).shown(), "| text |\n| :--- |\n| a\\|b |\n| c<br/>d |");
    }

    #[test]
    fn a_record_is_shown_as_fenced_json() {
        let data = Data { data: json!({"a": 1}).as_object().cloned().unwrap(), text_key: "text".into() };
        assert_eq!(Value::Data(Arc::new(data)).shown(), "```json\n{\n  \"a\": 1\n}\n```");
    }
}
