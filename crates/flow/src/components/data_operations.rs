//! JSON Operations: keys of a record selected, removed, renamed or set, and records put together.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Component, Outputs, text_operations::chosen};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain},
};

/// What it can do.
pub(super) const OPERATIONS: [&str; 6] =
    ["Select Keys", "Combine", "Append or Update", "Remove Keys", "Rename Keys", "Path Selection"];

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
    let of = |key: &str, value: Json| Map::from_iter([(key.to_owned(), value)]);
    match steps(path) {
        None => of("error", Json::String(format!("{path:?} is not a path"))),
        Some(steps) => match at(from, &steps) {
            Some(Json::Object(record)) => record.clone(),
            Some(other) => of("result", other.clone()),
            None => of("result", Json::Null),
        },
    }
}

/// One step of a path.
enum Step {
    Key(String),
    /// From the end where it is negative.
    Place(i64),
}

/// Reads the paths that Studio offers, `.a.b[0]["c d"]`; expressions of jq beyond them are none.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim();
    if !rest.starts_with(['.', '[']) {
        return None;
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[').or_else(|| rest.strip_prefix(".[")) {
            let (inside, after) = match inside.strip_prefix('"') {
                Some(key) => {
                    let (key, after) = key.split_once("\"]")?;
                    steps.push(Step::Key(key.to_owned()));
                    ("", after)
                }
                None => inside.split_once(']')?,
            };
            if !inside.is_empty() {
                steps.push(Step::Place(inside.trim().parse().ok()?));
            }
            rest = after;
            continue;
        }
        let key = rest.strip_prefix('.')?;
        if key.is_empty() && steps.is_empty() {
            return Some(steps);
        }
        let end = key.find(['.', '[']).unwrap_or(key.len());
        let (key, after) = key.split_at(end);
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        if key.is_empty() || !key.chars().all(is_name) {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        rest = after;
    }
    Some(steps)
}

fn at<'j>(from: &'j Json, steps: &[Step]) -> Option<&'j Json> {
    steps.iter().try_fold(from, |json, step| match (step, json) {
        (Step::Key(key), json) => json.get(key),
        (Step::Place(place), Json::Array(list)) if *place < 0 => {
            list.len().checked_sub(usize::try_from(place.unsigned_abs()).ok()?).and_then(|at| list.get(at))
        }
        (Step::Place(place), json) => json.get(usize::try_from(*place).ok()?),
    })
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
        for wrong in ["a", ".a | keys", ".a[", ".a..b", ""] {
            assert!(of(wrong).get("error").is_some(), "{wrong}");
        }
    }
}
