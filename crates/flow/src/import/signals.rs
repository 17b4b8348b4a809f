//! Draws the lines that Studio does not show: from what tells something by a name to what listens to that name.

use std::collections::HashMap;

use super::{ImportError, limits};
use crate::{
    components::{
        self, knowledge,
        signals::{HEARD, KEY, TOLD},
    },
    flow::{Edge, Field, Flow, Node},
    value::plain,
};

/// Adds a line from each Notify to each Listen of its name, and from each component that adds to a knowledge base to
/// each that searches it.
pub(super) fn connect(flow: &mut Flow) -> Result<(), ImportError> {
    let of = |component: &'static str| move |node: &Node| is(node, component).then(|| key(node));
    let told = ends(flow, of("Notify"), of("Listen"))?;
    let added = ends(flow, knowledge::adds_to, knowledge::searches)?;
    for (from, to) in told {
        join(flow, from, to, TOLD);
    }
    for (from, to) in added {
        // What is learned of an answer is for the next one: a line back would be a circle.
        if !leads(flow, to, from) {
            join(flow, from, to, knowledge::ADDED);
        }
    }
    if flow.edges.len() > limits::EDGES {
        return Err(ImportError::TooManyEdges);
    }
    Ok(())
}

/// Tells whether a Listen was imported before its lines were drawn.
pub(crate) fn lacks_lines(flow: &Flow, node: &Node) -> bool {
    is(node, "Listen")
        && !node.fields.contains_key(HEARD)
        && flow.nodes.iter().any(|it| is(it, "Notify") && !key(it).is_empty() && key(it) == key(node))
}

fn is(node: &Node, component: &str) -> bool {
    components::canonical_type(&node.component) == component
}

fn key(node: &Node) -> String {
    node.fields.get(KEY).map(|it| plain(&it.value)).unwrap_or_default()
}

/// Returns the places of all pairs of nodes whose names are the same; empty names are none.
fn ends(
    flow: &Flow,
    from: impl Fn(&Node) -> Option<String>,
    to: impl Fn(&Node) -> Option<String>,
) -> Result<Vec<(usize, usize)>, ImportError> {
    let mut named: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, node) in flow.nodes.iter().enumerate() {
        if let Some(name) = from(node).filter(|it| !it.is_empty()) {
            named.entry(name).or_default().push(at);
        }
    }
    let mut pairs = Vec::new();
    for (at, node) in flow.nodes.iter().enumerate() {
        let tellers = to(node).and_then(|name| named.get(&name));
        pairs.extend(tellers.into_iter().flatten().filter(|teller| **teller != at).map(|teller| (*teller, at)));
        if pairs.len() > limits::SIGNALS {
            return Err(ImportError::TooManyEdges);
        }
    }
    Ok(pairs)
}

fn join(flow: &mut Flow, from: usize, to: usize, output: &str) {
    let field = Field { kind: "other".into(), list: true, ..Field::default() };
    flow.nodes[to].fields.insert(HEARD.into(), field);
    flow.edges.push(Edge {
        source: flow.nodes[from].id.clone(),
        output: output.into(),
        target: flow.nodes[to].id.clone(),
        field: HEARD.into(),
        closes_loop: false,
    });
}

/// Tells whether lines lead from a node to another.
fn leads(flow: &Flow, from: usize, to: usize) -> bool {
    let place: HashMap<&str, usize> = flow.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
    let mut after = vec![Vec::new(); flow.nodes.len()];
    for edge in &flow.edges {
        if let (Some(from), Some(to)) = (place.get(edge.source.as_str()), place.get(edge.target.as_str())) {
            after[*from].push(*to);
        }
    }
    let mut seen = vec![false; flow.nodes.len()];
    let mut queue = vec![from];
    while let Some(at) = queue.pop() {
        if at == to {
            return true;
        }
        if !std::mem::replace(&mut seen[at], true) {
            queue.extend(&after[at]);
        }
    }
    false
}
