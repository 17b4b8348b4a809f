//! Write File: hands a file to the caller. Nothing is written on the machine.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError, WrittenFile},
    flow::Node,
    value::{Value, markdown, plain, python},
};

#[derive(Debug)]
pub(super) struct SaveToFile;

#[async_trait]
impl Component for SaveToFile {
    fn types(&self) -> &'static [&'static str] {
        &["SaveToFile", "SaveToFileComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["message", "confirmation", "result"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("save_to_file", "message"), ("process_inputs", "message")]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let location = node.fields.get("storage_location").and_then(|it| it.value.get(0)).map(|it| plain(&it["name"]));
        if location.as_deref().is_some_and(|it| !matches!(it, "" | "Local")) {
            return Some("files in somebody's cloud".into());
        }
        let appends = node.fields.get("append_mode").is_some_and(|it| it.value == true);
        appends.then(|| "adding to a file that is there".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let failed = |message: String| ComponentError::Failed(message);
        let inputs = &call.inputs;
        // Older versions have a field for each type.
        let given = ["input", "message", "data", "df"].iter().find_map(|name| inputs.value(name));
        let Some(given) = given else {
            return Err(failed("Input type is not set.".into()));
        };
        let content = given_as(given);
        let (kind, default) = match &content {
            Value::Table(_) => ("DataFrame", "csv"),
            Value::Message(_) => ("Message", "json"),
            _ => ("Data", "json"),
        };
        let format = ["file_format", "local_format"].iter().find_map(|name| inputs.text(name));
        let format = format.unwrap_or_else(|| default.into()).to_lowercase();
        let (text, end) = written(&content, &format).map_err(failed)?;
        let path = inputs.text("file_name").or_else(|| inputs.text("file_path")).unwrap_or_default();
        let base = path.rsplit(['/', '\\']).next().unwrap_or_default().trim();
        if base.is_empty() || base == "." || base == ".." || base.chars().any(char::is_control) {
            return Err(failed("File name must be provided.".into()));
        }
        let has_end = base.rsplit_once('.').is_some_and(|(_, it)| it.eq_ignore_ascii_case(end));
        let name = if has_end { base.to_owned() } else { format!("{base}.{end}") };
        call.write(WrittenFile { name: name.clone(), content: text })?;
        let said = Value::text(format!("{kind} saved successfully as '{name}'"));
        let mut outputs = Outputs::one("message", said.clone());
        outputs.add("confirmation", said.clone());
        outputs.add("result", said);
        Ok(outputs)
    }
}

/// An agent writes what it has as text; a text of records is a table.
fn given_as(value: &Value) -> Value {
    match value {
        Value::Json(Json::String(text)) => match serde_json::from_str::<Json>(text) {
            Ok(json @ Json::Array(_)) => Value::table(Value::Json(json).to_rows()),
            Ok(Json::Object(map)) => Value::table(vec![map]),
            _ => Value::text(text.clone()),
        },
        Value::Json(Json::Array(_)) | Value::List(_) => Value::table(value.to_rows()),
        Value::Json(_) => Value::data(value.to_data()),
        other => other.clone(),
    }
}

/// Returns the content in a format, and the ending of its name.
fn written(value: &Value, format: &str) -> Result<(String, &'static str), String> {
    let pretty = |json: &Json| serde_json::to_string_pretty(json).map_err(|error| error.to_string());
    let unsupported = || Err(format!("Unsupported file format: {format}"));
    Ok(match (value, format) {
        (Value::Message(message), "txt") => (message.text.clone(), "txt"),
        (Value::Message(message), "markdown" | "md") => (format!("**Message:**\n\n{}", message.text), "md"),
        (Value::Message(message), "json") => (pretty(&serde_json::json!({ "message": message.text }))?, "json"),
        (Value::Message(message), "html") => (format!("<p>{}</p>\n", escaped(&message.text)), "html"),
        (Value::Message(message), "csv") => (csv_of(&[&["message"], &[&message.text]])?, "csv"),
        (value, "json") => (pretty(&value.to_json())?, "json"),
        (value, "txt") => (value.as_text(), "txt"),
        (value, "markdown" | "md") => (markdown(&crate::value::Table { rows: value.to_rows() }), "md"),
        (value, "csv") => (table_csv(value)?, "csv"),
        (value, "html") => (table_html(value), "html"),
        _ => return unsupported(),
    })
}

fn table_csv(value: &Value) -> Result<String, String> {
    let table = crate::value::Table { rows: value.to_rows() };
    let columns = table.columns();
    let mut lines: Vec<Vec<String>> = vec![columns.clone()];
    for row in &table.rows {
        let cell = |name: &String| row.get(name).filter(|it| !it.is_null()).map(python).unwrap_or_default();
        lines.push(columns.iter().map(cell).collect());
    }
    let lines: Vec<Vec<&str>> = lines.iter().map(|line| line.iter().map(String::as_str).collect()).collect();
    csv_of(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn csv_of(lines: &[&[&str]]) -> Result<String, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(*line).map_err(|error| error.to_string())?;
    }
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn table_html(value: &Value) -> String {
    let table = crate::value::Table { rows: value.to_rows() };
    let columns = table.columns();
    let row = |tag: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let body = table
        .rows
        .iter()
        .map(|it| row("td", columns.iter().map(|name| it.get(name).map(python).unwrap_or_default()).collect()));
    format!("<table>\n{}{}</table>\n", row("th", columns.clone()), body.collect::<String>())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
