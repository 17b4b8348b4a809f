//! What flows along an edge: messages, data, tables, models.
//!
//! Langflow's conversions are kept, the odd ones too. A `Data` reads as its text key, a plain string is
//! cleaned of empty lines when a chat output shows it, a message is not.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{model::Resolved, tool::Tool};

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
    /// Makes a record of fields, its text under `text`.
    pub fn new(data: Map<String, Json>) -> Self {
        Self { data, text_key: "text".into() }
    }

    /// Makes a record with nothing but a text.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self::new(Map::from_iter([("text".to_owned(), Json::String(text.into()))]))
    }

    /// Reads JSON as a record; what is no object becomes its `text` or its `results`.
    pub fn of_json(json: Json) -> Self {
        match json {
            Json::Object(map) => Self::new(map),
            Json::Array(list) => Self::new(Map::from_iter([("results".to_owned(), Json::Array(list))])),
            other => Self::of_text(plain(&other)),
        }
    }

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

impl Table {
    /// Returns the columns, in the order in which rows first name them.
    pub fn columns(&self) -> Vec<String> {
        let columns: indexmap::IndexSet<&String> = self.rows.iter().flat_map(Map::keys).collect();
        columns.into_iter().cloned().collect()
    }

    /// Returns the rows as a JSON list.
    pub fn records(&self) -> Json {
        self.rows.iter().cloned().map(Json::Object).collect()
    }
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
    /// Tools, handed on to be called by an agent.
    Tools(Vec<Arc<Tool>>),
    /// The host's embedding model, handed on to be asked by another component.
    Embeddings,
}

impl Value {
    /// Wraps a message.
    pub fn message(message: Message) -> Self {
        Self::Message(Arc::new(message))
    }

    /// Wraps a text that nobody said.
    pub fn text(text: impl Into<String>) -> Self {
        Self::message(Message::text(text))
    }

    /// Wraps a record.
    pub fn data(data: Data) -> Self {
        Self::Data(Arc::new(data))
    }

    /// Wraps rows.
    pub fn table(rows: Vec<Map<String, Json>>) -> Self {
        Self::Table(Arc::new(Table { rows }))
    }

    /// Converts to a message, the way Langflow does: a record is its text, or itself as JSON.
    pub fn to_message(&self) -> Message {
        match self {
            Self::Message(message) => (**message).clone(),
            Self::Data(data) if !data.data.contains_key(&data.text_key) => {
                Message::text(serde_json::to_string(&data.data).unwrap_or_default())
            }
            other => Message::text(other.as_text()),
        }
    }

    /// Converts to a record: a message keeps its text alone, rows become `results`.
    pub fn to_data(&self) -> Data {
        match self {
            Self::Data(data) => (**data).clone(),
            Self::Table(table) => Data::new(Map::from_iter([("results".to_owned(), table.records())])),
            Self::Json(json @ (Json::Object(_) | Json::Array(_))) => Data::of_json(json.clone()),
            Self::List(list) => match list.as_slice() {
                [one] => one.to_data(),
                many => Data::of_json(many.iter().map(Self::to_json).collect()),
            },
            other => Data::of_text(other.as_text()),
        }
    }

    /// Converts to rows: a record that holds nothing but a list of records is that list.
    pub fn to_rows(&self) -> Vec<Map<String, Json>> {
        match self {
            Self::Table(table) => table.rows.clone(),
            Self::List(list) => list.iter().flat_map(Self::to_rows).collect(),
            Self::Json(Json::Array(list)) => list.iter().map(|it| Data::of_json(it.clone()).data).collect(),
            other => {
                let data = other.to_data().data;
                let only = if data.len() == 1 { data.values().next() } else { None };
                match only.and_then(Json::as_array).filter(|list| list.iter().all(Json::is_object)) {
                    Some(list) => list.iter().filter_map(Json::as_object).cloned().collect(),
                    None => vec![data],
                }
            }
        }
    }

    /// Returns the value as JSON: messages as their text, rows as a list.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Json(json) => json.clone(),
            Self::Message(message) => Json::String(message.text.clone()),
            Self::Data(data) => Json::Object(data.data.clone()),
            Self::Table(table) => table.records(),
            Self::List(list) => list.iter().map(Self::to_json).collect(),
            Self::Model(_) | Self::Tools(_) | Self::Embeddings => Json::Null,
        }
    }

    /// Returns what it holds one by one: the items of a list, the rows of a table, or itself.
    pub fn items(&self) -> Vec<Value> {
        match self {
            Self::List(list) => list.iter().flat_map(Self::items).collect(),
            Self::Table(table) => table.rows.iter().map(|row| Self::data(Data::new(row.clone()))).collect(),
            Self::Json(Json::Array(list)) => list.iter().map(|it| Self::Json(it.clone())).collect(),
            other => vec![other.clone()],
        }
    }

    /// Reads the value as text, the way Langflow does for a text field.
    pub fn as_text(&self) -> String {
        match self {
            Self::Json(json) => plain(json),
            Self::Message(message) => message.text.clone(),
            Self::Data(data) => data.text(),
            Self::Table(table) => markdown(table),
            Self::List(list) => list.iter().map(Self::as_text).collect::<Vec<_>>().join("\n"),
            Self::Model(_) | Self::Tools(_) | Self::Embeddings => String::new(),
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
            Self::Model(_) | Self::Tools(_) | Self::Embeddings => String::new(),
        }
    }

    /// Returns the value without rows that are empty and empty lines in cells.
    pub(crate) fn tidied(&self) -> Self {
        let Self::Table(table) = self else {
            return self.clone();
        };
        let mut rows = table.rows.clone();
        rows.retain(|row| row.values().any(|value| !value.is_null()));
        for value in rows.iter_mut().flat_map(Map::values_mut) {
            if let Some(text) = value.as_str() {
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                *value = lines.join("\n").into();
            }
        }
        Self::table(rows)
    }

    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Json(Json::Null) => true,
            Self::Json(Json::String(text)) => text.is_empty(),
            Self::Json(Json::Array(list)) => list.is_empty(),
            Self::Json(_) | Self::Model(_) | Self::Embeddings => false,
            Self::Tools(tools) => tools.is_empty(),
            Self::Message(message) => message.text.is_empty(),
            Self::Data(data) => data.data.is_empty(),
            Self::Table(table) => table.rows.is_empty(),
            Self::List(list) => list.is_empty(),
        }
    }

    /// Returns the word for what it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Json(Json::String(_)) | Self::Message(_) => "message",
            Self::Json(_) => "json",
            Self::Data(_) => "data",
            Self::Table(_) => "table",
            Self::List(_) => "list",
            Self::Model(_) => "model",
            Self::Tools(_) => "tools",
            Self::Embeddings => "embeddings",
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
            Self::Model(_) | Self::Embeddings => 64,
            Self::Tools(tools) => tools.len() * 256,
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

/// Writes a value as Python's `str()` does: what templates of records show.
pub(crate) fn python(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => python_repr(other),
    }
}

fn python_repr(json: &Json) -> String {
    match json {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() < 1e16 => format!("{float:.1}"),
            _ => number.to_string(),
        },
        Json::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut out = String::from(quote);
            for c in text.chars() {
                match c {
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    '\\' => out.push_str("\\\\"),
                    c if c == quote => {
                        out.push('\\');
                        out.push(c);
                    }
                    c => out.push(c),
                }
            }
            out.push(quote);
            out
        }
        Json::Array(list) => format!("[{}]", list.iter().map(python_repr).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{}: {}", python_repr(&Json::String(key.clone())), python_repr(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes JSON with the spaces that Python puts into it.
pub(crate) fn python_json(json: &Json) -> String {
    match json {
        Json::Array(list) => format!("[{}]", list.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{}: {}", Json::from(key.as_str()), python_json(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
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

pub(crate) fn markdown(table: &Table) -> String {
    let columns = table.columns();
    if columns.is_empty() {
        return String::new();
    }
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    // Numbers stand on the right.
    let is_number = |name: &String| {
        let mut values = table.rows.iter().filter_map(|it| it.get(name)).filter(|it| !it.is_null()).peekable();
        values.peek().is_some() && values.all(Json::is_number)
    };
    let side = |name: &String| if is_number(name) { "---:".to_owned() } else { ":---".to_owned() };
    let mut lines = vec![row(columns.iter().map(|it| cell(it)).collect()), row(columns.iter().map(side).collect())];
    for it in &table.rows {
        lines.push(row(columns
            .iter()
            .map(|name| it.get(name).map(|value| cell(&in_cell(value))).unwrap_or_default())
            .collect()));
    }
    lines.join("\n")
}

/// Lists, records and flags stand in a table as Python prints them, everything else as it is.
fn in_cell(value: &Json) -> String {
    match value {
        Json::Array(_) | Json::Object(_) | Json::Bool(_) => python(value),
        Json::Null | Json::String(_) | Json::Number(_) => plain(value),
    }
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
