//! Parser: records and rows as text, by a template or as they are.

use async_trait::async_trait;

use super::{
    Component, Outputs,
    template::{columns, render},
};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Value, clean, plain, python},
};

#[derive(Debug)]
pub(super) struct Parser;

#[async_trait]
impl Component for Parser {
    fn types(&self) -> &'static [&'static str] {
        &["ParserComponent", "parser"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["parsed_text"]
    }

    fn problems(&self, node: &Node) -> Vec<String> {
        let field = |name: &str| node.fields.get(name).map(|it| plain(&it.value)).unwrap_or_default();
        if field("mode") == "Stringify" {
            return Vec::new();
        }
        columns(&field("pattern")).err().into_iter().collect()
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let Some(input) = call.inputs.any("input_data") else {
            return Err(ComponentError::Failed("nothing is connected to it".into()));
        };
        let text = if call.inputs.text("mode").as_deref() == Some("Stringify") {
            stringify(input, call.inputs.flag("clean_data", false))
        } else {
            parse(call, input).map_err(ComponentError::Failed)?
        };
        Ok(Outputs::one("parsed_text", Value::text(text)))
    }
}

fn parse(call: &Call<'_>, input: &Value) -> Result<String, String> {
    let pattern = call.inputs.text("pattern").unwrap_or_default();
    let pieces = columns(&pattern)?;
    let separator = match call.inputs.any("sep") {
        Some(value) => value.as_text(),
        None => "\n".into(),
    };
    let is_table = matches!(input, Value::Table(_));
    let rows = match input {
        Value::List(list) => list.iter().map(|it| it.to_data().data).collect(),
        Value::Table(table) => table.rows.clone(),
        other => vec![other.to_data().data],
    };
    let all = if is_table { input_columns(input) } else { Vec::new() };
    let lines: Result<Vec<String>, String> = rows
        .iter()
        .map(|row| {
            render(&pieces, |name| match row.get(name) {
                Some(value) => Ok(python(value)),
                // A table without the column is a mistake; a row without it, or a record, shows nothing.
                None if is_table && !all.iter().any(|it| it == name) => Err(format!("there is no column {name:?}")),
                None if is_table => Ok("nan".into()),
                None => Ok(String::new()),
            })
        })
        .collect();
    Ok(lines?.join(&separator))
}

fn input_columns(input: &Value) -> Vec<String> {
    match input {
        Value::Table(table) => table.columns(),
        _ => Vec::new(),
    }
}

/// Shows a value as a chat does; `clean` also drops empty rows and empty lines in cells.
fn stringify(input: &Value, drops_empty: bool) -> String {
    match input {
        Value::List(list) => list.iter().map(|it| stringify(it, drops_empty)).collect::<Vec<_>>().join("\n"),
        Value::Table(_) if drops_empty => input.tidied().shown(),
        Value::Json(json) => clean(&plain(json)),
        other => other.shown(),
    }
}
