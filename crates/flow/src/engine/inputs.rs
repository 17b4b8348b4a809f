//! The values that a component runs with: edges over tweaks over fields over its own defaults.
//!
//! A hidden field is not read, as in Langflow: the component's default holds instead. The readers here take
//! that default as an argument, so each component says it where it uses it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use super::RunError;
use crate::{
    flow::{Field, Node},
    value::{Value, plain},
};

/// The resolved inputs of one component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    values: HashMap<String, Value>,
    connected: Vec<String>,
}

impl Inputs {
    /// Resolves a node's fields; `arriving` holds field and value of each edge, in the order of the flow.
    pub(super) fn resolve(
        node: &Node,
        arriving: Vec<(String, Value)>,
        tweaked: Option<&HashMap<String, Json>>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, RunError> {
        let mut inputs = Self::default();
        for (name, field) in &node.fields {
            if arriving.iter().any(|(it, _)| it == name) {
                continue;
            }
            if let Some(value) = tweaked.and_then(|it| it.get(name)) {
                inputs.values.insert(name.clone(), Value::Json(value.clone()));
            } else if (field.show || field.override_skip)
                && let Some(value) = stored(node, field, variables)?
            {
                inputs.values.insert(name.clone(), value);
            }
        }
        for (name, value) in arriving {
            let collects = node.fields.get(&name).is_some_and(|field| field.list);
            match inputs.values.get_mut(&name) {
                Some(Value::List(list)) if collects => list.push(value),
                _ if collects => {
                    inputs.values.insert(name.clone(), Value::List(vec![value]));
                }
                _ => {
                    inputs.values.insert(name.clone(), value);
                }
            }
            inputs.connected.push(name);
        }
        Ok(inputs)
    }

    /// Returns a value that is there and not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_empty())
    }

    /// Returns a value even when it is empty; none when the node has no such field.
    pub(crate) fn any(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Sets a field, as an agent does that calls a tool.
    pub(crate) fn set(&mut self, name: &str, value: Json) {
        self.values.insert(name.to_owned(), Value::Json(value));
    }

    /// Reads a field as texts: of a list each item, of a text the text itself; empty ones are left out.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.value(name).map(Value::items).unwrap_or_default();
        items.iter().map(Value::as_text).filter(|text| !text.trim().is_empty()).collect()
    }

    /// Reads a table or dictionary field as pairs of a key and a value.
    pub(crate) fn pairs(&self, name: &str) -> Vec<(String, Json)> {
        match self.value(name) {
            Some(Value::Json(Json::Array(rows))) => rows
                .iter()
                .filter_map(|row| Some((row.get("key").and_then(Json::as_str)?.to_owned(), row["value"].clone())))
                .collect(),
            Some(Value::Json(Json::Object(map))) => {
                map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            Some(Value::Data(data)) => data.data.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            _ => Vec::new(),
        }
    }

    /// Tells whether an edge fills the field.
    pub(crate) fn is_connected(&self, name: &str) -> bool {
        self.connected.iter().any(|it| it == name)
    }

    /// Reads a field as text; nothing when it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(Value::as_text).filter(|text| !text.is_empty())
    }

    /// Reads a field as true or false. Text is true when it is not empty, `"false"` too: so it is in Langflow.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        match self.values.get(name) {
            Some(Value::Json(Json::Bool(flag))) => *flag,
            Some(Value::Json(Json::Number(number))) => number.as_f64() != Some(0.0),
            Some(Value::Json(Json::Null)) | None => default,
            Some(value) => !value.is_empty(),
        }
    }

    /// Reads a field as a number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.values.get(name)? {
            Value::Json(Json::Number(number)) => number.as_f64(),
            value => value.as_text().trim().parse().ok(),
        }
        .filter(|number: &f64| number.is_finite())
    }

    /// Reads a field as a count; negative ones are nothing.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        self.number(name).filter(|number| (0.0..1e15).contains(number)).map(|number| number as u64)
    }
}

fn stored(node: &Node, field: &Field, variables: &BTreeMap<String, String>) -> Result<Option<Value>, RunError> {
    if !field.load_from_db {
        return Ok(Some(Value::Json(unescaped(field))));
    }
    let name = plain(&field.value);
    if name.is_empty() {
        return Ok(None);
    }
    match variables.get(&name) {
        Some(value) => Ok(Some(Value::Json(Json::String(value.clone())))),
        // A key may be left to the host, which has its own models.
        None if field.password => Ok(None),
        None => Err(RunError::Variable { node: node.id.clone(), display_name: node.display_name.clone(), name }),
    }
}

/// Text fields are typed into one line in Studio, so `\n` in them means a line end.
fn unescaped(field: &Field) -> Json {
    match &field.value {
        Json::String(text) if field.kind == "str" && text.contains("\\n") => Json::String(text.replace("\\n", "\n")),
        Json::Array(items) if field.kind == "dict" && items.iter().all(|item| item.get("key").is_some()) => {
            let pairs = items.iter().map(|item| (plain(&item["key"]), item["value"].clone()));
            Json::Object(pairs.collect())
        }
        other => other.clone(),
    }
}
