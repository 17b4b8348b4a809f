//! Batch Run: one question to a model for each row of a table, side by side.

use std::fmt::Write as _;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs, models};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    memory::Role,
    model::{ModelMessage, ModelRequest},
    value::{Value, python},
};

/// How many questions are open at once.
const AT_ONCE: usize = 8;

#[derive(Debug)]
pub(super) struct BatchRun;

#[async_trait]
impl Component for BatchRun {
    fn types(&self) -> &'static [&'static str] {
        &["BatchRunComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["batch_results"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        if node.fields.get("model").is_some_and(|it| it.kind == "model") { models::needs(node) } else { Vec::new() }
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let model = models::resolve(call)?;
        let rows = inputs.value("df").map(Value::to_rows).unwrap_or_default();
        let column = inputs.text("column_name");
        if let Some(column) = column.as_ref().filter(|column| !rows.iter().any(|row| row.contains_key(*column))) {
            return Err(ComponentError::Failed(format!("column {column:?} is not in the table")));
        }
        let system = inputs.text("system_message").unwrap_or_default();
        let ask = |row: &Map<String, Json>| {
            let text = match &column {
                Some(column) => row.get(column).map(python).unwrap_or_default(),
                None => toml(row),
            };
            let request = ModelRequest {
                system: system.clone(),
                messages: vec![ModelMessage::said(Role::User, text)],
                temperature: inputs.number("temperature"),
                ..ModelRequest::default()
            };
            let model = &model;
            async move { call.complete(model, request).await }
        };
        let asked: Vec<_> = rows.iter().map(ask).collect();
        let answers: Vec<_> = futures::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let name = inputs.text("output_column_name").unwrap_or_else(|| "model_response".into());
        let with_metadata = inputs.flag("enable_metadata", false);
        let rows = rows.into_iter().zip(answers).enumerate().map(|(index, (mut row, answer))| {
            let written = answer.text.chars().count();
            row.insert(name.clone(), Json::String(answer.text));
            row.insert("batch_index".into(), json!(index));
            if with_metadata {
                let read = row.get("text_input").and_then(Json::as_str).map_or(0, |it| it.chars().count());
                let about = json!({
                    "has_system_message": !system.is_empty(),
                    "input_length": read,
                    "response_length": written,
                    "processing_status": "success",
                });
                row.insert("metadata".into(), about);
            }
            row
        });
        Ok(Outputs::one("batch_results", Value::table(rows.collect())))
    }
}

/// Writes a row as TOML, each column a table with its value, as Langflow does.
fn toml(row: &Map<String, Json>) -> String {
    let bare = |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let mut text = String::new();
    for (index, (key, value)) in row.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let key = if bare(key) { key.clone() } else { Json::from(key.as_str()).to_string() };
        let _ = writeln!(text, "[{key}]\nvalue = {}", Json::from(python(value)));
    }
    text
}
