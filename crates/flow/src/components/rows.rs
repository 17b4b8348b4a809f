//! Components of older versions for records and rows: a table of records, rows as text, one key, some records.

use async_trait::async_trait;
use serde_json::{Map, json};

use super::{
    Component, Outputs,
    template::{columns, render},
};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain, python},
};

/// Data to Table: a row for each record.
#[derive(Debug)]
pub(super) struct DataToTable;

#[async_trait]
impl Component for DataToTable {
    fn types(&self) -> &'static [&'static str] {
        &["DataToDataFrame", "DataToDataFrameComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let items = call.inputs.value("data_list").map(Value::items).unwrap_or_default();
        let rows = items.iter().map(|item| {
            let data = item.to_data();
            let text = data.text();
            let mut row = data.data;
            if !text.is_empty() {
                row.insert("text".into(), json!(text));
            }
            row
        });
        Ok(Outputs::one("dataframe", Value::table(rows.collect())))
    }
}

/// Parse Table: each row as text.
#[derive(Debug)]
pub(super) struct ParseTable;

#[async_trait]
impl Component for ParseTable {
    fn types(&self) -> &'static [&'static str] {
        &["ParseDataFrame", "ParseDataFrameComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["text"]
    }

    fn problems(&self, node: &Node) -> Vec<String> {
        let template = node.fields.get("template").map(|it| plain(&it.value)).unwrap_or_default();
        columns(&template).err().into_iter().collect()
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let template = call.inputs.text("template").unwrap_or_else(|| "{text}".into());
        let pieces = columns(&template).map_err(ComponentError::Failed)?;
        let separator = call.inputs.text("sep").unwrap_or_else(|| "\n".into());
        let rows = call.inputs.value("df").map(Value::to_rows).unwrap_or_default();
        let has = |name: &str| rows.iter().any(|row| row.contains_key(name));
        let lines: Result<Vec<String>, String> = rows
            .iter()
            .map(|row| {
                render(&pieces, |name| match row.get(name) {
                    Some(value) => Ok(python(value)),
                    None if has(name) => Ok("nan".into()),
                    None => Err(format!("there is no column {name:?}")),
                })
            })
            .collect();
        Ok(Outputs::one("text", Value::text(lines.map_err(ComponentError::Failed)?.join(&separator))))
    }
}

/// Extract Key: one field of records.
#[derive(Debug)]
pub(super) struct ExtractKey;

#[async_trait]
impl Component for ExtractKey {
    fn types(&self) -> &'static [&'static str] {
        &["ExtractaKey", "ExtractDataKeyComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["extracted_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let key = call.inputs.text("key").unwrap_or_default();
        let of =
            |data: &Data| data.data.get(&key).map(|value| Data::new(Map::from_iter([(key.clone(), value.clone())])));
        let error = |message: String| Value::data(Data::of_json(json!({ "error": message })));
        let extracted = match call.inputs.value("data_input") {
            Some(Value::List(list)) => Value::List(
                list.iter()
                    .filter_map(|it| if let Value::Data(data) = it { of(data) } else { None })
                    .map(Value::data)
                    .collect(),
            ),
            Some(Value::Data(data)) => match of(data) {
                Some(found) => Value::data(found),
                None => error(format!("Key '{key}' not found in Data object.")),
            },
            _ => error("Invalid input. Expected Data object or list of Data objects.".into()),
        };
        Ok(Outputs::one("extracted_data", extracted))
    }
}

/// Filter Values: the records whose field is as wanted.
#[derive(Debug)]
pub(super) struct FilterValues;

#[async_trait]
impl Component for FilterValues {
    fn types(&self) -> &'static [&'static str] {
        &["FilterDataValues", "DataFilterComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["filtered_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let mut items = inputs.value("input_data").map(Value::items).unwrap_or_default();
        if let (Some(key), Some(wanted)) = (inputs.text("filter_key"), inputs.text("filter_value")) {
            let operator = inputs.text("operator").unwrap_or_default();
            items.retain(|item| {
                let data = item.to_data().data;
                data.get(&key).map(python).is_some_and(|value| match operator.as_str() {
                    "not equals" => value != wanted,
                    "contains" => value.contains(&wanted),
                    "starts with" => value.starts_with(&wanted),
                    "ends with" => value.ends_with(&wanted),
                    _ => value == wanted,
                })
            });
        }
        Ok(Outputs::one("filtered_data", Value::List(items)))
    }
}
