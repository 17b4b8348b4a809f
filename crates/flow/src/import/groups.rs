//! Expands groups: a group node is replaced by the flow inside it, and edges to it by edges to its children.
//!
//! A group may hold groups, so this works on the raw JSON from the outside in until none is left. The count
//! of nodes is checked at each step: an export of a few kilobytes can claim a very large expansion.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::{ImportError, handles, limits};

/// Returns all nodes and edges of a flow with its groups expanded.
pub(super) fn expand(export: &Json) -> Result<(Vec<Json>, Vec<Json>), ImportError> {
    let mut nodes = list(&export["data"]["nodes"]);
    let mut edges = list(&export["data"]["edges"]);
    count(&nodes, &edges)?;
    // Children must not collide with what is there, or a group could expand into itself for ever.
    let mut seen: HashSet<String> = nodes.iter().map(id_of).collect();
    while let Some(index) = nodes.iter().position(is_group) {
        let group = nodes.swap_remove(index);
        let inside = &group["data"]["node"]["flow"];
        let inside = inside.get("data").unwrap_or(inside);
        let mut children = list(&inside["nodes"]);
        for child in &children {
            let id = id_of(child);
            if !seen.insert(id.clone()) {
                return Err(ImportError::NotAFlow(format!("the id {id:?} is used by two components")));
            }
        }
        overwrite_fields(&group, &mut children);
        for edge in &mut edges {
            retarget(edge, &group);
        }
        edges.extend(list(&inside["edges"]));
        nodes.append(&mut children);
        count(&nodes, &edges)?;
    }
    Ok((nodes, edges))
}

fn count(nodes: &[Json], edges: &[Json]) -> Result<(), ImportError> {
    if nodes.len() > limits::NODES {
        return Err(ImportError::TooManyNodes);
    }
    if edges.len() > limits::EDGES {
        return Err(ImportError::TooManyEdges);
    }
    Ok(())
}

fn list(value: &Json) -> Vec<Json> {
    value.as_array().cloned().unwrap_or_default()
}

fn id_of(node: &Json) -> String {
    node["id"].as_str().or_else(|| node["data"]["id"].as_str()).unwrap_or_default().to_owned()
}

fn is_group(node: &Json) -> bool {
    node["data"]["node"]["flow"].is_object()
}

/// Fields of the group that stand for a child's field carry the value that was set on the group.
fn overwrite_fields(group: &Json, children: &mut [Json]) {
    let Some(template) = group["data"]["node"]["template"].as_object() else {
        return;
    };
    for field in template.values() {
        let Some((child_id, child_field)) = field.get("proxy").and_then(handles::proxy) else {
            continue;
        };
        let Some(child) = children.iter_mut().find(|child| id_of(child) == child_id) else {
            continue;
        };
        let Some(target) = child
            .pointer_mut("/data/node/template")
            .and_then(|template| template.get_mut(child_field.as_str()))
            .and_then(Json::as_object_mut)
        else {
            continue;
        };
        for key in ["value", "load_from_db", "file_path", "api_editable"] {
            if let Some(value) = field.get(key) {
                target.insert(key.into(), value.clone());
            }
        }
    }
}

fn retarget(edge: &mut Json, group: &Json) {
    let group_id = id_of(group);
    if edge["target"].as_str() == Some(&group_id) {
        let handle = handles::target(edge);
        let behind = handle.proxy.clone().or_else(|| {
            let field = handle.field.as_deref()?;
            handles::proxy(group["data"]["node"]["template"].get(field)?.get("proxy")?)
        });
        if let Some((child, field)) = behind {
            set(edge, "target", &child);
            // Nested groups: the child may itself be a group, whose own field says where to go on.
            set_handle(edge, "targetHandle", json!({"fieldName": field, "id": child, "inputTypes": handle.types}));
        }
    }
    if edge["source"].as_str() == Some(&group_id) {
        let handle = handles::source(edge);
        let Some(name) = handle.name else { return };
        let outputs = group["data"]["node"]["outputs"].as_array();
        let listed =
            outputs.into_iter().flatten().find(|output| output["name"].as_str() == Some(&name)).and_then(|output| {
                Some((output["proxy"]["id"].as_str()?.to_owned(), output["proxy"]["name"].as_str()?.to_owned()))
            });
        // Without a proxy the name still says it: `<child id>_<output>`.
        let behind = listed.or_else(|| {
            let inside = &group["data"]["node"]["flow"];
            let inside = inside.get("data").unwrap_or(inside);
            inside["nodes"].as_array()?.iter().map(id_of).find_map(|child| {
                let output = name.strip_prefix(&child)?.strip_prefix('_')?;
                Some((child.clone(), output.to_owned()))
            })
        });
        if let Some((child, output)) = behind {
            set(edge, "source", &child);
            set_handle(edge, "sourceHandle", json!({"name": output, "id": child, "output_types": handle.types}));
        }
    }
}

fn set(edge: &mut Json, key: &str, value: &str) {
    if let Some(edge) = edge.as_object_mut() {
        edge.insert(key.into(), value.into());
    }
}

fn set_handle(edge: &mut Json, which: &str, handle: Json) {
    let Some(edge) = edge.as_object_mut() else {
        return;
    };
    let data = edge.entry("data").or_insert_with(|| json!({}));
    if !data.is_object() {
        *data = json!({});
    }
    if let Some(data) = data.as_object_mut() {
        data.insert(which.into(), handle);
    }
}
