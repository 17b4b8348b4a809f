//! Read File: the text of files that the caller gave to the run.
//!
//! An export names files by where they lay on another machine. Here the name alone counts, and only among the
//! files of the run: nothing is read from this machine.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs, type_converter::csv_rows};
use crate::{
    check::{Need, NeedKind},
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain},
};

#[derive(Debug)]
pub(super) struct File;

#[async_trait]
impl Component for File {
    fn types(&self) -> &'static [&'static str] {
        &["File", "FileComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["message", "dataframe", "data"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        let name = node.fields.get("path").map(|field| names(&field.value).join(", ")).unwrap_or_default();
        vec![Need { kind: NeedKind::File, name, detail: String::new(), nodes: vec![node.id.clone()] }]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let location = node.fields.get("storage_location").and_then(|it| it.value.get(0)).map(|it| plain(&it["name"]));
        if location.as_deref().is_some_and(|it| !matches!(it, "" | "Local")) {
            return Some("files in somebody's cloud".into());
        }
        let advanced = node.fields.get("advanced_mode").is_some_and(|it| it.value == true);
        advanced.then(|| "reading documents with Docling".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let inputs = &call.inputs;
        let mut wanted = match inputs.value("path") {
            Some(Value::Json(json)) => names(json),
            _ => Vec::new(),
        };
        wanted.extend(inputs.value("file_path").map(file_paths).unwrap_or_default());
        // With no file named, a run with files is about those.
        if wanted.is_empty() {
            wanted = call.request().files.keys().cloned().collect();
        }
        if wanted.is_empty() {
            return Err(ComponentError::Failed("there is no file to read; give one to the run".into()));
        }
        let mut files = Vec::new();
        for name in wanted {
            match call.file(&name) {
                Some(content) => files.push((base(&name), text_of(&name, &content)?)),
                None if inputs.flag("silent_errors", false) => {}
                None => return Err(ComponentError::Failed(format!("the run has no file {:?}", base(&name)))),
            }
        }
        let separator = inputs.any("separator").map_or_else(|| "\n\n".into(), Value::as_text);
        let mut rows: Vec<Map<String, Json>> = Vec::new();
        let mut records = Vec::new();
        for (name, text) in &files {
            let row = json!({"file_path": name, "text": text});
            records.push(Value::data(Data::of_json(row.clone())));
            let is_csv = name.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
            match csv_rows(text).filter(|_| is_csv) {
                Some(cells) => rows.extend(cells),
                None => rows.push(Data::of_json(row).data),
            }
        }
        let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
        let mut outputs = Outputs::one("message", Value::text(texts.join(&separator)));
        outputs.add("dataframe", Value::table(rows));
        outputs.add("data", if records.len() == 1 { records.remove(0) } else { Value::List(records) });
        Ok(outputs)
    }
}

/// Directory: all files that the caller gave to the run, or those of some types. No directory is read.
#[derive(Debug)]
pub(super) struct Directory;

#[async_trait]
impl Component for Directory {
    fn types(&self) -> &'static [&'static str] {
        &["Directory", "DirectoryComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![Need { kind: NeedKind::File, name: String::new(), detail: String::new(), nodes: vec![node.id.clone()] }]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let types: Vec<String> = call.inputs.texts("types").iter().map(|it| it.to_lowercase()).collect();
        let mut rows = Vec::new();
        for (name, content) in &call.request().files {
            let end = name.rsplit_once('.').map(|(_, end)| end.to_lowercase()).unwrap_or_default();
            if !types.is_empty() && !types.contains(&end) {
                continue;
            }
            match text_of(name, content) {
                Ok(text) => rows.push(Data::of_json(json!({"file_path": base(name), "text": text})).data),
                Err(_) if call.inputs.flag("silent_errors", false) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Outputs::one("dataframe", Value::table(rows)))
    }
}

/// Reads the paths of a file field: one, several, or none.
fn names(value: &Json) -> Vec<String> {
    match value {
        Json::Array(list) => list.iter().map(plain).filter(|it| !it.is_empty()).collect(),
        other => Some(plain(other)).filter(|it| !it.is_empty()).into_iter().collect(),
    }
}

fn file_paths(value: &Value) -> Vec<String> {
    let path = |item: &Value| match item {
        Value::Data(data) => data.data.get("file_path").map(plain).unwrap_or_default(),
        other => other.as_text(),
    };
    value.items().iter().map(path).filter(|it| !it.is_empty()).collect()
}

fn base(name: &str) -> String {
    name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned()
}

fn text_of(name: &str, content: &[u8]) -> Result<String, ComponentError> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    match std::str::from_utf8(content) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(ComponentError::Failed(format!("{:?} is not a text file; only text files are read here", base(name)))),
    }
}
