//! Load CSV and Load JSON: records out of a text that is typed in, or of a file that the caller gave to the run.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Component, Outputs};
use crate::{
    check::{Need, NeedKind},
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain},
};

/// Load CSV: a record for each row; every cell is text.
#[derive(Debug)]
pub(super) struct LoadCsv;

#[async_trait]
impl Component for LoadCsv {
    fn types(&self) -> &'static [&'static str] {
        &["CSVtoData", "CSVToDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data_list"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        needs(node, ["csv_file", "csv_path"])
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = only_source(call, "CSV", ["csv_file", "csv_path", "csv_string"])?;
        let text_key = call.inputs.text("text_key").unwrap_or_else(|| "text".into());
        let failed = |error: csv::Error| ComponentError::Failed(format!("CSV parsing error: {error}"));
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let head = reader.headers().map_err(failed)?.clone();
        let mut records = Vec::new();
        for row in reader.records() {
            let row = row.map_err(failed)?;
            // A row that is too short has nothing in its last columns.
            let cell = |at: usize| row.get(at).map_or(Json::Null, |cell| Json::String(cell.to_owned()));
            let data: Map<String, Json> =
                head.iter().enumerate().map(|(at, name)| (name.to_owned(), cell(at))).collect();
            records.push(Value::data(Data { data, text_key: text_key.clone() }));
        }
        Ok(Outputs::one("data_list", Value::List(records)))
    }
}

/// Load JSON: a record, or a list of them.
#[derive(Debug)]
pub(super) struct LoadJson;

#[async_trait]
impl Component for LoadJson {
    fn types(&self) -> &'static [&'static str] {
        &["JSONtoData", "JSONToDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        needs(node, ["json_file", "json_path"])
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = only_source(call, "JSON", ["json_file", "json_path", "json_string"])?;
        let failed = |why: String| ComponentError::Failed(format!("this is no JSON of records: {why}"));
        let record = |json: Json| match json {
            Json::Object(map) => Ok(Value::data(Data::new(map))),
            other => Err(failed(format!("{} is not an object", plain(&other).chars().take(40).collect::<String>()))),
        };
        let value = match serde_json::from_str(&text).map_err(|error| failed(error.to_string()))? {
            Json::Array(list) => Value::List(list.into_iter().map(record).collect::<Result<_, _>>()?),
            other => record(other)?,
        };
        Ok(Outputs::one("data", value))
    }
}

fn needs(node: &Node, fields: [&str; 2]) -> Vec<Need> {
    let named = fields.iter().filter_map(|name| node.fields.get(*name)).map(|field| plain(&field.value));
    let name = named.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
    if name.is_empty() {
        return Vec::new();
    }
    vec![Need { kind: NeedKind::File, name, detail: String::new(), nodes: vec![node.id.clone()] }]
}

/// Reads the one of three fields that is filled: a file, a file's path, or the text itself.
fn only_source(call: &Call<'_>, what: &str, fields: [&str; 3]) -> Result<String, ComponentError> {
    let [file, path, text] = fields.map(|name| call.inputs.text(name));
    let name = match (file, path, text) {
        (None, None, Some(text)) => return Ok(text),
        (Some(name), None, None) | (None, Some(name), None) => name,
        _ => {
            return Err(ComponentError::Failed(format!(
                "Please provide exactly one of: {what} file, file path, or {what} string."
            )));
        }
    };
    let Some(content) = call.file(&name) else {
        return Err(ComponentError::Failed(format!("the run has no file {name:?}")));
    };
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
    let text =
        std::str::from_utf8(content).map_err(|_| ComponentError::Failed(format!("{name:?} is not a text file")))?;
    Ok(text.to_owned())
}
