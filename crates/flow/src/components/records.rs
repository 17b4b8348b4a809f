//! Components that make records: of fields that are typed in, of an older record, of several put together.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

/// Create Data: a record of the fields that its author typed in.
#[derive(Debug)]
pub(super) struct CreateData;

#[async_trait]
impl Component for CreateData {
    fn types(&self) -> &'static [&'static str] {
        &["CreateData", "CreateDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let mut made = Map::new();
        for name in field_names(call) {
            made.extend(call.inputs.pairs(name));
        }
        let text_key = call.inputs.text("text_key").unwrap_or_default();
        if call.inputs.flag("text_key_validator", false) {
            check(&text_key, &made)?;
        }
        Ok(Outputs::one("data", Value::data(Data { data: made, text_key })))
    }
}

/// Update Data: records with some fields set.
#[derive(Debug)]
pub(super) struct UpdateData;

#[async_trait]
impl Component for UpdateData {
    fn types(&self) -> &'static [&'static str] {
        &["UpdateData", "UpdateDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let mut changes = Map::new();
        for name in field_names(call) {
            match call.inputs.value(name) {
                // What is connected there has the field's own name.
                Some(Value::Message(_) | Value::Data(_)) => {
                    let text = call.inputs.text(name).unwrap_or_default();
                    changes.insert(name.to_owned(), Json::String(text));
                }
                _ => changes.extend(call.inputs.pairs(name)),
            }
        }
        let text_key = call.inputs.text("text_key");
        let mut records = Vec::new();
        for item in call.inputs.value("old_data").map(Value::items).unwrap_or_default() {
            let Value::Data(old) = item else {
                records.push(item);
                continue;
            };
            let mut record = (*old).clone();
            record.data.extend(changes.clone());
            if let Some(key) = &text_key {
                record.text_key.clone_from(key);
                check(key, &record.data)?;
            }
            records.push(Value::data(record));
        }
        Ok(Outputs::one("data", Value::List(records)))
    }
}

/// Returns the fields that an author added: `field_1_key`, `field_2_key` …, in the order of the export.
fn field_names<'c>(call: &Call<'c>) -> impl Iterator<Item = &'c str> + use<'c> {
    let is_one = |name: &&str| name.starts_with("field_") && name.ends_with("_key");
    call.node.fields.keys().map(String::as_str).filter(is_one)
}

fn check(key: &str, record: &Map<String, Json>) -> Result<(), ComponentError> {
    if key.is_empty() || record.contains_key(key) {
        return Ok(());
    }
    let keys = record.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(ComponentError::Failed(format!("Text Key: '{key}' not found in the Data keys: '{keys}'")))
}

/// Combine Data: several records as one row, or as rows.
#[derive(Debug)]
pub(super) struct MergeData;

#[async_trait]
impl Component for MergeData {
    fn types(&self) -> &'static [&'static str] {
        &["MergeDataComponent", "MergeData"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["combined_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let items = call.inputs.value("data_inputs").map(Value::items).unwrap_or_default();
        let records: Vec<Map<String, Json>> = items.iter().map(|item| item.to_data().data).collect();
        let operation = call.inputs.text("operation").unwrap_or_else(|| "Concatenate".into());
        // Of less than two there is nothing to combine, and Langflow gives an empty table.
        let rows = if records.len() < 2 { Vec::new() } else { combined(&operation, records)? };
        Ok(Outputs::one("combined_data", Value::table(rows)))
    }
}

fn combined(operation: &str, records: Vec<Map<String, Json>>) -> Result<Vec<Map<String, Json>>, ComponentError> {
    let mut row = Map::new();
    match operation {
        "Append" => return Ok(records),
        "Concatenate" => {
            for (key, value) in records.into_iter().flatten() {
                let joined = match (row.get(&key), &value) {
                    (Some(Json::String(before)), Json::String(after)) => Json::String(format!("{before}\n{after}")),
                    _ => value,
                };
                row.insert(key, joined);
            }
        }
        "Merge" => {
            for (key, value) in records.into_iter().flatten() {
                match row.get_mut(&key) {
                    Some(Json::Array(list)) if value.is_string() => list.push(value),
                    Some(before) if value.is_string() => *before = Json::Array(vec![before.take(), value]),
                    _ => {
                        row.insert(key, value);
                    }
                }
            }
        }
        "Join" => {
            for (at, record) in records.into_iter().enumerate() {
                for (key, value) in record {
                    row.insert(if at == 0 { key } else { format!("{key}_doc{}", at + 1) }, value);
                }
            }
        }
        other => return Err(ComponentError::Failed(format!("{other:?} is not a way to combine data"))),
    }
    Ok(vec![row])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_combined_as_the_operation_says() {
        let records = || {
            [json!({"a": "x", "n": 1}), json!({"a": "y", "n": 2}), json!({"a": "z"})]
                .map(|it| Data::of_json(it).data)
                .to_vec()
        };
        let rows =
            |operation: &str| combined(operation, records()).unwrap().into_iter().map(Json::Object).collect::<Vec<_>>();
        assert_eq!(rows("Concatenate"), [json!({"a": "x\ny\nz", "n": 2})]);
        assert_eq!(rows("Merge"), [json!({"a": ["x", "y", "z"], "n": 2})]);
        assert_eq!(rows("Join"), [json!({"a": "x", "n": 1, "a_doc2": "y", "n_doc2": 2, "a_doc3": "z"})]);
        assert_eq!(rows("Append").len(), 3);
        assert!(combined("Shuffle", records()).is_err());
    }
}
