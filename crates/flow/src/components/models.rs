//! What components that ask a model have in common: which model, whose key, and schemas for structured answers.

use secrecy::SecretString;
use serde_json::{Map, Value as Json, json};

use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    model::{ModelChoice, Resolved},
    value::{Value, plain},
};

/// Finds the model that a node's fields name, or that is connected to one of them.
pub(super) fn resolve(call: &Call<'_>) -> Result<Resolved, ComponentError> {
    let inputs = &call.inputs;
    for field in ["model", "llm"] {
        if let Some(Value::Model(model)) = inputs.value(field) {
            return Ok((**model).clone());
        }
    }
    let (mut provider, mut model) = match inputs.value("model") {
        Some(Value::Json(json)) => selected(Some(json)),
        _ => (None, None),
    };
    // The old fields are the only ones of old versions and overrides in new ones.
    provider = inputs.text("provider").or_else(|| inputs.text("agent_llm")).or(provider);
    model = inputs.text("model_name").or(model);
    call.model(&ModelChoice { provider, model, key: key(call) })
}

/// Returns the key that the run brings along. One in the flow itself was removed at import, so what is left is
/// the value of a variable.
pub(super) fn key(call: &Call<'_>) -> Option<SecretString> {
    call.inputs.text("api_key").map(SecretString::from)
}

/// Returns the need of a model that a node's fields name.
pub(super) fn needs(node: &Node) -> Vec<Need> {
    let field = |name: &str| node.fields.get(name).filter(|it| !it.load_from_db).map(|it| &it.value);
    let text = |name: &str| field(name).map(plain).filter(|it| !it.is_empty());
    let (provider, model) = selected(field("model"));
    let provider = text("provider").or_else(|| text("agent_llm")).or(provider);
    let model = text("model_name").or(model);
    vec![Need::model(&node.id, provider.as_deref(), model.as_deref())]
}

/// Reads provider and model out of the newer model field: a list of one, an object, or a bare name.
pub(super) fn selected(field: Option<&Json>) -> (Option<String>, Option<String>) {
    let one = match field {
        Some(Json::Array(list)) => list.first(),
        other => other,
    };
    let text = |key: &str| one.and_then(|it| it.get(key)).map(plain).filter(|it| !it.is_empty());
    match one {
        Some(Json::String(name)) if !name.is_empty() => (None, Some(name.clone())),
        _ => (text("provider"), text("name")),
    }
}

/// One field of a structured answer, a row of the table that an author fills in Studio.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SchemaField {
    pub(super) name: String,
    kind: String,
    description: String,
    multiple: bool,
}

/// Reads the rows of an output schema.
pub(super) fn schema_rows(value: Option<&Value>) -> Result<Vec<SchemaField>, String> {
    let rows = match value {
        Some(Value::Json(Json::Array(rows))) => rows.clone(),
        Some(other) => other.to_rows().into_iter().map(Json::Object).collect(),
        None => Vec::new(),
    };
    rows.iter().map(schema_row).collect()
}

fn schema_row(row: &Json) -> Result<SchemaField, String> {
    let text = |key: &str| row.get(key).map(plain).unwrap_or_default();
    let multiple = match &row["multiple"] {
        Json::Bool(flag) => *flag,
        Json::String(text) => matches!(text.trim().to_lowercase().as_str(), "true" | "1" | "t" | "y" | "yes"),
        other => other.as_f64().is_some_and(|number| number != 0.0),
    };
    let kind = match text("type").as_str() {
        "" | "str" | "text" => "string",
        "int" => "integer",
        "float" | "number" => "number",
        "bool" | "boolean" => "boolean",
        "list" => "array",
        "dict" => "object",
        other => return Err(format!("its output schema has the type {other:?}, which there is not")),
    };
    let name = text("name");
    let name = if name.is_empty() { "field".to_owned() } else { name };
    Ok(SchemaField { name, kind: kind.into(), description: text("description"), multiple })
}

/// Makes the JSON schema of `{"objects": [record, …]}`.
pub(super) fn envelope(rows: &[SchemaField], description: &str) -> Json {
    let mut properties = Map::new();
    for row in rows {
        let mut one = json!({ "type": row.kind });
        if row.kind == "object" {
            one["additionalProperties"] = json!(true);
        }
        if row.kind == "array" {
            one["items"] = json!({});
        }
        let mut property = if row.multiple { json!({"type": "array", "items": one}) } else { one };
        property["description"] = json!(row.description);
        properties.insert(row.name.clone(), property);
    }
    let required: Vec<&String> = properties.keys().collect();
    let record = json!({"type": "object", "required": required, "properties": properties});
    json!({
        "type": "object",
        "properties": {"objects": {"type": "array", "items": record, "minItems": 1, "description": description}},
        "required": ["objects"],
    })
}

/// Returns the first JSON object or list in a text; models like to write around it.
pub(super) fn json_in(text: &str) -> Option<Json> {
    let whole = serde_json::from_str::<Json>(text.trim()).ok();
    if let Some(json) = whole.filter(|json| json.is_object() || json.is_array()) {
        return Some(json);
    }
    // A text of nothing but brackets must not be read again from each of them.
    let starts = text.char_indices().filter(|(_, c)| matches!(c, '{' | '[')).take(200);
    for (at, _) in starts {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Json>();
        if let Some(Ok(json)) = values.next() {
            return Some(json);
        }
    }
    None
}

/// Returns the records of a structured answer: those of the envelope, a list's, or the one that it is.
pub(super) fn records(json: Json) -> Vec<Json> {
    match json {
        Json::Object(mut map) => match map.get("objects") {
            Some(Json::Array(_)) => records(map.swap_remove("objects").unwrap_or_default()),
            _ => vec![Json::Object(map)],
        },
        Json::Array(list) => list,
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_in_what_a_model_writes_around_it() {
        assert_eq!(json_in("Sure! {not json} ```json\n{\"a\": [1]}\n``` done").unwrap(), json!({"a": [1]}));
        assert_eq!(json_in("nothing [here"), None);
        assert_eq!(json_in(&"[".repeat(100_000)), None);
    }

    #[test]
    fn a_schema_row_becomes_a_property() {
        let rows = json!([{"name": "tags", "type": "str", "description": "d", "multiple": "True"}]);
        let rows = schema_rows(Some(&Value::Json(rows))).unwrap();
        let schema = envelope(&rows, "A list.");
        let property = &schema["properties"]["objects"]["items"]["properties"]["tags"];
        assert_eq!(*property, json!({"type": "array", "items": {"type": "string"}, "description": "d"}));
        assert!(schema_rows(Some(&Value::Json(json!([{"name": "x", "type": "code"}])))).is_err());
    }
}
