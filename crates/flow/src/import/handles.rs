//! Reads the ends of an edge, in the three ways that Langflow has written them.
//!
//! Newer exports carry objects in `edge.data`; the strings beside them are JSON with `œ` for quotes. The very
//! first format was `type|field|id`.

use serde_json::{Map, Value as Json};

/// The end of an edge where it leaves a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SourceHandle {
    /// The output's name; missing in old exports.
    pub(super) name: Option<String>,
    /// What it gives.
    pub(super) types: Vec<String>,
}

/// The end of an edge where it enters a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TargetHandle {
    /// The field's name; missing for the edge that closes a loop.
    pub(super) field: Option<String>,
    /// The output of the loop that the edge closes.
    pub(super) loop_output: Option<String>,
    /// What it takes.
    pub(super) types: Vec<String>,
    /// The child and field behind a group's field.
    pub(super) proxy: Option<(String, String)>,
}

pub(super) fn source(edge: &Json) -> SourceHandle {
    let Some(handle) = handle(edge, "sourceHandle") else {
        return match edge["sourceHandle"].as_str().map(|it| it.split('|').collect::<Vec<_>>()) {
            Some(parts) if parts.len() >= 3 => {
                SourceHandle { name: None, types: parts[2..].iter().map(ToString::to_string).collect() }
            }
            _ => SourceHandle::default(),
        };
    };
    let types = strings(handle.get("output_types").or_else(|| handle.get("baseClasses")));
    SourceHandle { name: string(handle.get("name")), types }
}

pub(super) fn target(edge: &Json) -> TargetHandle {
    let Some(handle) = handle(edge, "targetHandle") else {
        return match edge["targetHandle"].as_str().map(|it| it.split('|').collect::<Vec<_>>()) {
            Some(parts) if parts.len() == 3 => TargetHandle {
                field: Some(parts[1].to_owned()),
                types: parts[0].split(';').map(ToOwned::to_owned).collect(),
                ..TargetHandle::default()
            },
            _ => TargetHandle::default(),
        };
    };
    let proxy = handle.get("proxy").and_then(proxy);
    let field = string(handle.get("fieldName"));
    let loop_output = if field.is_none() { string(handle.get("name")) } else { None };
    let types = strings(handle.get("inputTypes").or_else(|| handle.get("output_types")));
    TargetHandle { field, loop_output, types, proxy }
}

/// Reads `{"id": child, "field": field}` of a group's field.
pub(super) fn proxy(value: &Json) -> Option<(String, String)> {
    Some((string(value.get("id"))?, string(value.get("field"))?))
}

pub(super) fn string(value: Option<&Json>) -> Option<String> {
    value.and_then(Json::as_str).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

pub(super) fn strings(value: Option<&Json>) -> Vec<String> {
    value.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).map(ToOwned::to_owned).collect()
}

fn handle(edge: &Json, which: &str) -> Option<Map<String, Json>> {
    if let Some(Json::Object(map)) = edge.get("data").and_then(|data| data.get(which)) {
        return Some(map.clone());
    }
    match edge.get(which)? {
        Json::Object(map) => Some(map.clone()),
        Json::String(text) => serde_json::from_str(&text.replace('œ', "\"")).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_handle_is_read_from_its_string_where_the_object_is_missing() {
        let edge = json!({
            "sourceHandle": "{œdataTypeœ: œChatInputœ, œidœ: œaœ, œnameœ: œmessageœ, œoutput_typesœ: [œMessageœ]}",
            "targetHandle": "{œfieldNameœ:œinput_valueœ,œidœ:œbœ,œinputTypesœ:[œMessageœ],œtypeœ:œstrœ}",
        });
        assert_eq!(source(&edge).name.as_deref(), Some("message"));
        assert_eq!(target(&edge).field.as_deref(), Some("input_value"));
    }

    #[test]
    fn the_first_format_with_bars_is_read() {
        let edge = json!({"sourceHandle": "ChatOpenAI|x|BaseLanguageModel|LLM", "targetHandle": "LLM|llm|y"});
        assert_eq!(source(&edge).types, ["BaseLanguageModel", "LLM"]);
        assert_eq!(target(&edge).field.as_deref(), Some("llm"));
    }

    #[test]
    fn an_edge_that_closes_a_loop_has_no_field() {
        let edge = json!({"data": {"targetHandle": {"dataType": "LoopComponent", "id": "l", "name": "item", "output_types": ["Data"]}}});
        assert_eq!(target(&edge).loop_output.as_deref(), Some("item"));
    }
}
