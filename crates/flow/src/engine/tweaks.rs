//! Changes that a caller makes to fields, under the *declared* policy.
//!
//! A tweak is a way into somebody else's flow, so unlike Langflow nothing is ignored: a field may be changed
//! only when its author declared it (`api_editable`), code and what interprets text as code never, and a node
//! or field that does not exist is an error instead of a silent nothing.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::RunError;
use crate::{
    components,
    flow::{Flow, Node},
};

/// The values of tweaked fields by node and field.
pub(crate) type Tweaked = HashMap<String, HashMap<String, Json>>;

/// The most bytes of all tweaks together.
const BYTES: usize = 256 * 1024;

/// Fields that hand text to an interpreter.
const INTERPRETED: [&str; 7] = [
    "code",
    "python_code",
    "function_code",
    "tool_code",
    "filter_instruction",
    "global_imports",
    "allow_dangerous_code",
];

/// Checks all tweaks and returns what they set; one that is refused refuses them all.
pub(crate) fn apply(flow: &Flow, tweaks: &Map<String, Json>) -> Result<Tweaked, RunError> {
    let mut tweaked = Tweaked::new();
    if tweaks.is_empty() {
        return Ok(tweaked);
    }
    if serde_json::to_vec(tweaks).map_or(usize::MAX, |it| it.len()) > BYTES {
        return Err(refused(format!("tweaks are larger than {} KiB", BYTES / 1024), []));
    }
    for (key, value) in tweaks {
        let named: Vec<&Node> = flow.nodes.iter().filter(|node| node.id == *key || node.display_name == *key).collect();
        match value {
            Json::Object(fields) if !named.is_empty() => {
                for node in named {
                    for (field, value) in fields {
                        set(node, field, value, &mut tweaked)?;
                    }
                }
            }
            Json::Object(_) => {
                return Err(refused(format!("tweaks name {key:?}, which is no component of this flow"), [key.clone()]));
            }
            _ => everywhere(flow, key, value, &mut tweaked)?,
        }
    }
    Ok(tweaked)
}

/// `{"field": value}` without a node sets the field wherever it is declared.
fn everywhere(flow: &Flow, field: &str, value: &Json, tweaked: &mut Tweaked) -> Result<(), RunError> {
    let having: Vec<&Node> = flow.nodes.iter().filter(|node| node.fields.contains_key(field)).collect();
    let declared: Vec<&&Node> = having.iter().filter(|node| node.fields[field].api_editable).collect();
    match (having.first(), declared.is_empty()) {
        _ if is_interpreted(field) => Err(code_refused(field)),
        (None, _) => Err(refused(
            format!("tweaks name {field:?}, which is no component and no field of this flow"),
            [field.to_owned()],
        )),
        (Some(first), true) => set(first, field, value, tweaked),
        (Some(_), false) => declared.into_iter().try_for_each(|node| set(node, field, value, tweaked)),
    }
}

fn set(node: &Node, name: &str, value: &Json, tweaked: &mut Tweaked) -> Result<(), RunError> {
    let full = format!("{}.{name}", node.id);
    if is_interpreted(name) || (node.component == "SQLComponent" && matches!(name, "database_url" | "query")) {
        return Err(code_refused(&full));
    }
    let Some(field) = node.fields.get(name) else {
        return Err(refused(format!("{} has no field {name:?} that could be tweaked", node.display_name), [full]));
    };
    if field.kind == "code" || field.kind == "mcp" {
        return Err(code_refused(&full));
    }
    if components::canonical_type(&node.component) == "ChatInput" && name == "input_value" {
        return Err(refused("send the message as the input, not as a tweak of the chat input".into(), [full]));
    }
    if !field.api_editable {
        return Err(refused(
            format!(
                "the field {name:?} of {} may not be changed: the flow's author has not declared it as editable by API",
                node.display_name
            ),
            [full],
        ));
    }
    // `{"value": …}` is the long form, except where the field itself holds a dictionary.
    let is_dictionary = matches!(field.kind.as_str(), "dict" | "NestedDict");
    let value = match value {
        Json::Object(map) if !is_dictionary => match (map.len(), map.get("value")) {
            (1, Some(value)) => value,
            _ => {
                return Err(refused(format!("only the value of {name:?} can be tweaked"), [full]));
            }
        },
        other => other,
    };
    if !fits(&field.kind, field.list, value) {
        return Err(refused(
            format!("the tweak of {name:?} has the wrong type, {} is wanted", wanted(&field.kind)),
            [full],
        ));
    }
    tweaked.entry(node.id.clone()).or_default().insert(name.to_owned(), value.clone());
    Ok(())
}

fn is_interpreted(field: &str) -> bool {
    INTERPRETED.contains(&field)
}

fn fits(kind: &str, list: bool, value: &Json) -> bool {
    if let (true, Json::Array(items)) = (list, value) {
        return items.iter().all(|item| fits(kind, false, item));
    }
    match kind {
        "bool" => value.is_boolean(),
        "int" => value.is_i64() || value.is_u64(),
        "float" | "slider" => value.is_number(),
        "str" | "prompt" | "query" | "tab" | "link" | "mustache" => {
            value.is_string() || value.is_number() || value.is_boolean()
        }
        _ => true,
    }
}

fn wanted(kind: &str) -> &str {
    match kind {
        "bool" => "true or false",
        "int" => "a whole number",
        "float" | "slider" => "a number",
        _ => "text",
    }
}

fn code_refused(field: &str) -> RunError {
    refused(format!("{field} holds code, which can never be tweaked"), [field.to_owned()])
}

fn refused<const N: usize>(message: String, fields: [String; N]) -> RunError {
    RunError::Tweaks { message, fields: fields.into() }
}
