//! Type Convert: messages, records and tables into each other.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

/// The longest text that is read as CSV.
const CSV_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct TypeConverter;

#[async_trait]
impl Component for TypeConverter {
    fn types(&self) -> &'static [&'static str] {
        &["TypeConverterComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["message_output", "data_output", "dataframe_output"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let Some(input) = call.inputs.any("input_data") else {
            return Err(ComponentError::Failed("nothing is connected to it".into()));
        };
        // Of several only the first is converted.
        let input = match input {
            Value::List(list) => list.first().cloned().unwrap_or_else(|| Value::text("")),
            other => other.clone(),
        };
        let is_text = matches!(&input, Value::Message(_) | Value::Json(Json::String(_)));
        let parsed = call.inputs.flag("auto_parse", false) && is_text;
        let read = if parsed { Value::data(structured(&input.as_text())) } else { input.clone() };
        let mut outputs = Outputs::default();
        if call.wants("message_output") {
            outputs.add("message_output", Value::message(input.to_message()));
        }
        if call.wants("data_output") {
            outputs.add("data_output", Value::data(read.to_data()));
        }
        if call.wants("dataframe_output") {
            outputs.add("dataframe_output", Value::table(read.to_rows()));
        }
        Ok(outputs)
    }
}

/// Reads a text as JSON or CSV where it is one.
fn structured(text: &str) -> Data {
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    match serde_json::from_str::<Json>(trimmed) {
        Ok(Json::Object(map)) => return Data::new(map),
        Ok(Json::Array(list)) if list.iter().all(Json::is_object) => return of_records(list),
        _ => {}
    }
    let looks_like_csv = trimmed.split_once('\n').is_some_and(|(head, _)| head.contains(','));
    if looks_like_csv && let Some(rows) = csv_rows(trimmed) {
        return of_records(rows.into_iter().map(Json::Object).collect());
    }
    Data::of_text(text)
}

fn of_records(records: Vec<Json>) -> Data {
    Data::new(Map::from_iter([("records".to_owned(), Json::Array(records))]))
}

/// Reads CSV with a head; numbers become numbers. None when its rows are not of one length.
pub(super) fn csv_rows(text: &str) -> Option<Vec<Map<String, Json>>> {
    if text.len() > CSV_BYTES {
        return None;
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().ok()?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.ok()?;
        let cells = head.iter().zip(&record).map(|(name, cell)| (name.to_owned(), typed(cell)));
        rows.push(cells.collect());
    }
    Some(rows)
}

fn typed(cell: &str) -> Json {
    if cell.is_empty() {
        return Json::Null;
    }
    if let Ok(whole) = cell.parse::<i64>() {
        return json!(whole);
    }
    match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => json!(number),
        _ => json!(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_what_it_is() {
        assert_eq!(structured("{\"a\": 1}").data["a"], 1);
        assert_eq!(structured("[{\"a\": 1}]").data["records"][0]["a"], 1);
        assert_eq!(structured("a,b\n1,x").data["records"][0], json!({"a": 1, "b": "x"}));
        assert_eq!(structured("just, text").text(), "just, text");
        assert_eq!(structured("a,b\n1").text(), "a,b\n1");
    }
}
