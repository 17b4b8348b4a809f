//! Builds the [`Flow`] out of expanded nodes and edges.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{
    ImportError,
    handles::{self, string, strings},
    limits, signals,
};
use crate::flow::{Edge, Field, Flow, Node, Output, Position, RemovedSecret};

/// Reads nodes and edges; notes are dropped, edges without both ends are dropped and said so.
pub(super) fn build(
    export: &Json,
    raw_nodes: &[Json],
    raw_edges: &[Json],
    secrets_removed: Vec<RemovedSecret>,
) -> Result<Flow, ImportError> {
    let mut flow = Flow {
        id: text(&export["id"], limits::ID_CHARS).unwrap_or_default(),
        name: text(&export["name"], 200).unwrap_or_else(|| "Untitled flow".into()),
        description: text(&export["description"], 2_000).unwrap_or_default(),
        langflow_version: text(&export["last_tested_version"], 40),
        secrets_removed,
        ..Flow::default()
    };
    let mut ids = HashSet::new();
    for raw in raw_nodes {
        if let Some(node) = node(raw)? {
            if !ids.insert(node.id.clone()) {
                return Err(ImportError::NotAFlow(format!("the id {:?} is used by two components", node.id)));
            }
            flow.nodes.push(node);
        }
    }
    let index: HashMap<&str, &Node> = flow.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut edges = Vec::new();
    let mut notes = Vec::new();
    for raw in raw_edges {
        match edge(raw, &index) {
            Ok(edge) => edges.push(edge),
            Err(Some(note)) => notes.push(note),
            Err(None) => {}
        }
    }
    flow.edges = edges;
    signals::connect(&mut flow)?;
    notes.truncate(50);
    flow.notes = notes;
    Ok(flow)
}

fn node(raw: &Json) -> Result<Option<Node>, ImportError> {
    let data = &raw["data"];
    let kind = data["type"].as_str().unwrap_or_default();
    // Notes of some versions have no component type; what tells them is the node's own type.
    if raw["type"].as_str() == Some("noteNode") || kind == "note" {
        return Ok(None);
    }
    let Some(id) = string(raw.get("id")).or_else(|| string(data.get("id"))) else {
        return Err(ImportError::NotAFlow("a component has no id".into()));
    };
    if id.chars().count() > limits::ID_CHARS {
        return Err(ImportError::NotAFlow("a component's id is too long".into()));
    }
    if kind.is_empty() || !data["node"].is_object() {
        return Err(ImportError::NotAFlow(format!("the component {id:?} has no type or no content")));
    }
    let inner = &data["node"];
    let mut fields = indexmap::IndexMap::new();
    let mut code_hash = None;
    for (name, raw) in inner["template"].as_object().into_iter().flatten() {
        let Some(map) = raw.as_object() else { continue };
        let field = field(map);
        if field.kind == "code" && name == "code" {
            code_hash = field.value.as_str().filter(|code| !code.trim().is_empty()).map(hash_of);
            continue;
        }
        // Studio's own bookkeeping (`_frontend_node_flow_id`) is no field.
        if !name.starts_with('_') {
            fields.insert(name.clone(), field);
        }
    }
    let outputs = inner["outputs"].as_array().into_iter().flatten().filter_map(output).collect();
    Ok(Some(Node {
        display_name: text(&data["display_name"], 200)
            .or_else(|| text(&inner["display_name"], 200))
            .unwrap_or_else(|| id.clone()),
        id,
        description: text(&inner["description"], 2_000).unwrap_or_default(),
        component: text(&data["type"], limits::ID_CHARS).unwrap_or_default(),
        position: Position { x: coordinate(&raw["position"]["x"]), y: coordinate(&raw["position"]["y"]) },
        code_hash,
        edited: inner["edited"].as_bool().unwrap_or(false),
        tool_mode: inner["tool_mode"].as_bool().unwrap_or(false),
        fields,
        outputs,
    }))
}

/// The name that Langflow itself gives to a version of a component's source.
fn hash_of(code: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(code.as_bytes()));
    digest.truncate(12);
    digest
}

fn field(map: &serde_json::Map<String, Json>) -> Field {
    let flag = |key: &str| map.get(key).and_then(Json::as_bool);
    Field {
        kind: string(map.get("type")).unwrap_or_default(),
        display_name: map.get("display_name").and_then(|it| text(it, 200)).unwrap_or_default(),
        // Only what a model reads is kept: the rest is for people in Studio.
        info: map
            .get("info")
            .filter(|_| flag("tool_mode") == Some(true))
            .and_then(|it| text(it, 500))
            .unwrap_or_default(),
        value: map.get("value").cloned().unwrap_or_default(),
        input_types: strings(map.get("input_types")),
        list: flag("list").or_else(|| flag("is_list")).unwrap_or(false),
        required: flag("required").unwrap_or(false),
        show: flag("show").unwrap_or(true),
        override_skip: flag("override_skip").unwrap_or(false),
        load_from_db: flag("load_from_db").unwrap_or(false),
        password: flag("password").unwrap_or(false),
        tool_mode: flag("tool_mode").unwrap_or(false),
        api_editable: flag("api_editable").unwrap_or(false),
    }
}

fn output(raw: &Json) -> Option<Output> {
    Some(Output {
        name: string(raw.get("name"))?,
        method: string(raw.get("method")).unwrap_or_default(),
        types: strings(raw.get("types")),
        allows_loop: raw["allows_loop"].as_bool().unwrap_or(false),
    })
}

/// Reads an edge; an error carries a note for people where one is due.
fn edge(raw: &Json, nodes: &HashMap<&str, &Node>) -> Result<Edge, Option<String>> {
    let end = |key: &str| raw[key].as_str().unwrap_or_default();
    let (Some(source), Some(target)) = (nodes.get(end("source")), nodes.get(end("target"))) else {
        let missing = if nodes.contains_key(end("source")) { end("target") } else { end("source") };
        let missing: String = missing.chars().take(80).collect();
        return Err(Some(format!("a connection to {missing:?} was left out: that component is not in the export")));
    };
    let from = handles::source(raw);
    let to = handles::target(raw);
    let output = from.name.or_else(|| output_by_type(source, &from.types, &to.types)).ok_or_else(|| {
        Some(format!("a connection from {} was left out: it does not say which output", source.display_name))
    })?;
    let (field, closes_loop) = match (to.field, to.loop_output) {
        (Some(field), _) => (field, false),
        (None, Some(output)) => (output, true),
        (None, None) => {
            return Err(Some(format!(
                "a connection to {} was left out: it does not say which field",
                target.display_name
            )));
        }
    };
    Ok(Edge { source: source.id.clone(), output, target: target.id.clone(), field, closes_loop })
}

/// Old exports name the types of an output and not the output itself.
fn output_by_type(node: &Node, gives: &[String], takes: &[String]) -> Option<String> {
    if let [only] = node.outputs.as_slice() {
        return Some(only.name.clone());
    }
    let fits = |output: &&Output, wanted: &[String]| output.types.iter().any(|it| wanted.contains(it));
    node.outputs
        .iter()
        .find(|it| fits(it, takes) && fits(it, gives))
        .or_else(|| node.outputs.iter().find(|it| fits(it, gives)))
        .map(|it| it.name.clone())
}

fn text(value: &Json, most: usize) -> Option<String> {
    let text: String = value.as_str()?.chars().filter(|c| !c.is_control() || *c == '\n').take(most).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn coordinate(value: &Json) -> f64 {
    value.as_f64().filter(|it| it.is_finite()).unwrap_or(0.0).clamp(-1e7, 1e7)
}
