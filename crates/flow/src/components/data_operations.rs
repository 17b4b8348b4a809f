//! JSON Operations: keys of a record selected, removed, renamed or set, and records put together.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Component, Outputs, text_operations::chosen};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    jq::Program,
    value::{Data, Value, plain, python},
};

/// What it can do.
pub(super) const OPERATIONS: [&str; 7] =
    ["Select Keys", "Combine", "Append or Update", "Remove Keys", "Rename Keys", "Path Selection", QUERY];
/// What runs a program in jq.
pub(super) const QUERY: &str = "JQ Expression";

#[derive(Debug)]
pub(super) struct DataOperations;

#[async_trait]
impl Component for DataOperations {
    fn types(&self) -> &'static [&'static str] {
        &["DataOperations", "DataOperationsComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data_output"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let name = chosen(node.fields.get("operations").map(|it| &it.value)).unwrap_or_default();
        if name == QUERY {
            return missing_query(node, "query");
        }
        (!name.is_empty() && !OPERATIONS.contains(&name.as_str())).then(|| format!("the operation {name:?}"))
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let operation = match call.inputs.value("operations") {
            Some(Value::Json(json)) => chosen(Some(json)).unwrap_or_default(),
            _ => String::new(),
        };
        let data = operate(call, &operation).map_err(ComponentError::Failed)?;
        Ok(Outputs::one("data_output", Value::data(Data::new(data))))
    }
}

/// Does an operation on records.
pub(super) fn operate(call: &Call<'_>, operation: &str) -> Result<Map<String, Json>, String> {
    let inputs = &call.inputs;
    let records: Vec<Map<String, Json>> =
        inputs.value("data").map(Value::items).unwrap_or_default().iter().map(|it| it.to_data().data).collect();
    if operation == "Combine" {
        return Ok(records.into_iter().fold(Map::new(), combined));
    }
    let mut records = records.into_iter();
    let first = records.next().unwrap_or_default();
    if operation == "Path Selection" {
        let path = inputs.text("selected_key").unwrap_or_default();
        return Ok(selected(&Json::Object(first), &path));
    }
    if records.next().is_some() {
        return Err(format!("{operation} operation is not supported for multiple data objects."));
    }
    // A record around a record is looked into.
    let data = match first.get("data") {
        Some(Json::Object(inner)) => inner.clone(),
        _ => first,
    };
    Ok(match operation {
        QUERY => queried(&Json::Object(data), &inputs.text("query").unwrap_or_default())?,
        "Select Keys" => {
            let wanted = inputs.texts("select_keys_input");
            if wanted.iter().any(|key| !data.contains_key(key)) {
                let keys: Vec<&str> = data.keys().map(String::as_str).collect();
                return Err(format!("Select key not found in data. Available keys: {}", keys.join(", ")));
            }
            data.into_iter().filter(|(key, _)| wanted.contains(key)).collect()
        }
        "Append or Update" => {
            let mut data = data;
            data.extend(inputs.pairs("append_update_data"));
            data
        }
        "Remove Keys" => {
            let wanted = inputs.texts("remove_keys_input");
            renamed(data, &|key| (!wanted.iter().any(|it| it == key)).then(|| key.to_owned()))
        }
        "Rename Keys" => {
            let names: Vec<(String, String)> =
                inputs.pairs("rename_keys_input").into_iter().map(|(from, to)| (from, plain(&to))).collect();
            let name = |key: &str| names.iter().find(|(from, _)| from == key).map_or(key, |(_, to)| to).to_owned();
            renamed(data, &|key| Some(name(key)))
        }
        _ => Map::new(),
    })
}

/// Returns what a path leads to: a record, or a record around what it is; of a path that is none why.
fn selected(from: &Json, path: &str) -> Map<String, Json> {
    let found = Program::read(path).and_then(|program| program.run(from));
    match found {
        Ok(found) => record_of(found.into_iter().next().unwrap_or_default()),
        Err(error) => Map::from_iter([("error".to_owned(), Json::String(error))]),
    }
}

/// Returns what a program makes of a record.
fn queried(from: &Json, query: &str) -> Result<Map<String, Json>, String> {
    let mut found = Program::read(query).and_then(|program| program.run(from)).map_err(in_query)?;
    let found = match (found.pop(), found.is_empty()) {
        (None, _) => return Err(in_query("No result from JSON query.".into())),
        (Some(only), true) => only,
        (Some(last), false) => {
            found.push(last);
            Json::Array(found)
        }
    };
    if found.is_null() || found == "None" {
        return Err(in_query("JSON query returned null/None. Check if the path exists in your data.".into()));
    }
    Ok(record_of(found))
}

fn in_query(error: String) -> String {
    format!("JSON Query error: {error}")
}

fn record_of(found: Json) -> Map<String, Json> {
    match found {
        Json::Object(record) => record,
        other => Map::from_iter([("result".to_owned(), other)]),
    }
}

/// Says why a program of jq that a node holds does not run; nothing where it runs or another component gives it.
pub(super) fn missing_query(node: &Node, field: &str) -> Option<String> {
    let query = node.fields.get(field).filter(|it| !it.load_from_db).map(|it| plain(&it.value)).unwrap_or_default();
    let error = Program::read(&query).err().filter(|_| !query.trim().is_empty())?;
    Some(format!("a program in jq that is not run here ({error})"))
}

/// Parse JSON: what a program in jq finds in records or texts.
#[derive(Debug)]
pub(super) struct ParseJson;

#[async_trait]
impl Component for ParseJson {
    fn types(&self) -> &'static [&'static str] {
        &["ParseJSONData", "ParseJSONDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["filtered_data"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        missing_query(node, "query")
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let read = |value: &Value| match value {
            Value::Data(data) => Ok(Json::Object(data.data.clone())),
            other => {
                let text = other.as_text();
                serde_json::from_str(&text)
                    .or_else(|error| super::json_cleaner::repaired(&text).ok_or(error))
                    .map_err(|error| ComponentError::Failed(format!("Invalid JSON: {error}")))
            }
        };
        let from = match call.inputs.value("input_value") {
            None => return Ok(Outputs::one("filtered_data", Value::List(Vec::new()))),
            Some(Value::List(list)) => list.iter().map(read).collect::<Result<Json, _>>()?,
            Some(one) => read(one)?,
        };
        let query = call.inputs.text("query").unwrap_or_default();
        let found = Program::read(&query).and_then(|program| program.run(&from)).map_err(ComponentError::Failed)?;
        let records = found.into_iter().map(|it| match it {
            Json::Object(record) => Value::data(Data::new(record)),
            other => Value::data(Data::of_text(python(&other))),
        });
        Ok(Outputs::one("filtered_data", Value::List(records.collect())))
    }
}

/// Gives each key another name, or none and takes it out, all the way down; JSON that we read is never deep.
fn renamed(data: Map<String, Json>, name: &dyn Fn(&str) -> Option<String>) -> Map<String, Json> {
    fn inside(value: Json, name: &dyn Fn(&str) -> Option<String>) -> Json {
        match value {
            Json::Object(map) => Json::Object(renamed(map, name)),
            Json::Array(list) => list.into_iter().map(|it| inside(it, name)).collect(),
            other => other,
        }
    }
    data.into_iter().filter_map(|(key, value)| Some((name(&key)?, inside(value, name)))).collect()
}

/// Values of the same key become a list.
fn combined(mut all: Map<String, Json>, more: Map<String, Json>) -> Map<String, Json> {
    for (key, value) in more {
        match (all.get_mut(&key), value) {
            (None, value) => {
                all.insert(key, value);
            }
            (Some(Json::Array(list)), Json::Array(values)) => list.extend(values),
            (Some(Json::Array(list)), value) => list.push(value),
            (Some(there), value) => {
                let mut list = vec![there.take()];
                match value {
                    Json::Array(values) => list.extend(values),
                    value => list.push(value),
                }
                *there = Json::Array(list);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_into_a_record() {
        let from = json!({"a": {"b": [{"c d": 1}, 2]}, "e": {"f": true}});
        let of = |path: &str| Json::Object(selected(&from, path));
        assert_eq!(of(".e"), json!({"f": true}));
        assert_eq!(of(r#".a.b[0]["c d"]"#), json!({"result": 1}));
        assert_eq!(of(".a.b[-1]"), json!({"result": 2}));
        assert_eq!(of(".a.x"), json!({"result": null}));
        assert_eq!(of("."), from);
        assert_eq!(of(".a.b | length"), json!({"result": 2}));
        for wrong in ["a", ".a[", ".a..b", "", "env"] {
            assert!(of(wrong).get("error").is_some(), "{wrong}");
        }
    }
}
