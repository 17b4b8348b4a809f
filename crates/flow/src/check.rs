//! Says what this engine makes of each component of a flow.
//!
//! A component is *native* when we know its type and the hash of its Python source, or when it has no
//! source at all because we made it. What a newcomer gets wrong: a known type with an unknown hash is not
//! run as if it were known, because its author may have changed what it does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::components;
use crate::flow::{Flow, Node, Position, RemovedSecret};

/// The first twelve digits of SHA-256 over each published version of the components that we run, by type.
///
/// Made by hashing `template.code.value` of the starter flows and of the component index of the published
/// packages `langflow-base` (0.4.3, 0.6.9, 0.8.4, 0.10.3, 1.13.0) and `lfx` (1.13.0).
static HASHES: LazyLock<HashMap<String, HashSet<String>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("check/hashes.json")).unwrap_or_default());

/// Components that execute code of the flow; Langflow's own list.
const EXECUTES: &[&str] = &[
    "PythonREPLComponent",
    "PythonREPLTool",
    "PythonREPLToolComponent",
    "PythonFunction",
    "PythonCodeStructuredTool",
    "Smart Function",
    "SmartTransform",
    "LambdaFilterComponent",
    "CSVAgent",
    "CodeActAgentSmolagents",
    "OpenDsStarAgent",
    "Cuga",
    "CustomComponent",
    "MCPStdio",
];

/// What a component, or a whole flow, is to our engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeClass {
    /// Runs here.
    Native,
    /// A known type with source that we do not know.
    Review,
    /// Not run here.
    Unsupported,
    /// Executes code.
    Never,
}

/// Whether a flow runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every component is native.
    Native,
    /// Some component needs another look.
    Review,
    /// Some component is not run here.
    Unsupported,
    /// It is no flow that could run anywhere.
    Invalid,
}

/// What we found in a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether it runs here.
    pub verdict: Verdict,
    /// The flow's own name.
    pub flow_name: String,
    /// How many components it has.
    pub node_count: usize,
    /// How many connections.
    pub edge_count: usize,
    /// Each component.
    pub nodes: Vec<NodeReport>,
    /// Connections, by node id.
    pub edges: Vec<(String, String)>,
    /// What whoever installs it must have.
    pub needs: Vec<Need>,
    /// What keeps it from running, for people.
    pub problems: Vec<String>,
    /// Secrets that were in the export and are gone.
    pub secrets_removed: Vec<RemovedSecret>,
}

/// What we found in a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its id.
    pub id: String,
    /// What its author calls it.
    pub display_name: String,
    /// Its component type.
    pub component: String,
    /// What it is to our engine.
    pub class: NodeClass,
    /// Why; empty for native ones.
    pub reason: String,
    /// What can be done about it; empty for native ones.
    pub advice: String,
    /// Where it lies in Studio.
    pub position: Position,
}

/// Something that a flow needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    /// What kind of thing.
    pub kind: NeedKind,
    /// Which one, for people.
    pub name: String,
}

/// What kind of thing a flow needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// A language model.
    Model,
    /// A variable with a value.
    Variable,
}

/// Says what this engine makes of a flow.
pub fn check(flow: &Flow) -> Report {
    let nodes: Vec<NodeReport> = flow.nodes.iter().map(node_report).collect();
    let mut problems = problems(flow);
    problems.extend(flow.notes.iter().cloned());
    let fatal = !self::problems(flow).is_empty();
    let worst = nodes.iter().map(|node| node.class).max().unwrap_or(NodeClass::Native);
    let verdict = match worst {
        _ if fatal => Verdict::Invalid,
        NodeClass::Native => Verdict::Native,
        NodeClass::Review => Verdict::Review,
        NodeClass::Unsupported | NodeClass::Never => Verdict::Unsupported,
    };
    Report {
        verdict,
        flow_name: flow.name.clone(),
        node_count: flow.nodes.len(),
        edge_count: flow.edges.len(),
        edges: flow.edges.iter().map(|edge| (edge.source.clone(), edge.target.clone())).collect(),
        needs: needs(flow),
        problems,
        secrets_removed: flow.secrets_removed.clone(),
        nodes,
    }
}

/// Returns a component's type without the spellings of later versions: `ext:openai:OpenAIModel@official`
/// is `OpenAIModel`, and a prompt has had two names.
pub(crate) fn plain_type(component: &str) -> &str {
    let name = match component.strip_prefix("ext:") {
        Some(rest) => rest.rsplit(':').next().unwrap_or(rest).split('@').next().unwrap_or(rest),
        None => component,
    };
    if name == "Prompt Template" { "Prompt" } else { name }
}

fn node_report(node: &Node) -> NodeReport {
    let (class, reason, advice) = classify(node);
    NodeReport {
        id: node.id.clone(),
        display_name: node.display_name.clone(),
        component: node.component.clone(),
        class,
        reason: reason.to_owned(),
        advice: advice.to_owned(),
        position: node.position,
    }
}

fn classify(node: &Node) -> (NodeClass, &'static str, &'static str) {
    let name = plain_type(&node.component);
    if EXECUTES.contains(&name) {
        return (
            NodeClass::Never,
            "It executes code that comes with the flow.",
            "Replace it with components that do the same without code.",
        );
    }
    if !components::is_known(name) {
        return (
            NodeClass::Unsupported,
            "Our engine does not have this component.",
            "Replace it, or leave out the part of the flow that needs it.",
        );
    }
    match &node.code_hash {
        None => (NodeClass::Native, "", ""),
        Some(hash) if !node.edited && HASHES.get(name).is_some_and(|known| known.contains(hash)) => (NodeClass::Native, "", ""),
        Some(_) => (
            NodeClass::Review,
            "Its source is not one that was published with Langflow, so it may do something else than ours.",
            "Update the component in Langflow (its menu, then Update), and export again.",
        ),
    }
}

fn problems(flow: &Flow) -> Vec<String> {
    let mut problems = Vec::new();
    let count = |names: &[&str]| flow.nodes.iter().filter(|node| names.contains(&plain_type(&node.component))).count();
    if flow.nodes.is_empty() {
        problems.push("The flow has no components.".to_owned());
        return problems;
    }
    if count(&["ChatInput", "TextInput", "Webhook"]) == 0 {
        problems.push("It has no input: add a Chat Input, so that there is something to answer.".to_owned());
    }
    if count(&["ChatInput"]) > 1 {
        problems.push("It has more than one Chat Input; only one is allowed.".to_owned());
    }
    if count(&["ChatOutput", "TextOutput"]) == 0 {
        problems.push("It has no output: add a Chat Output, so that the answer gets out.".to_owned());
    }
    if has_cycle(flow) {
        problems.push("Its components feed each other in a circle without a Loop.".to_owned());
    }
    problems
}

/// Tells whether components feed each other in a circle.
fn has_cycle(flow: &Flow) -> bool {
    let mut waiting: BTreeMap<&str, usize> = flow.nodes.iter().map(|node| (node.id.as_str(), 0)).collect();
    for edge in flow.edges.iter().filter(|edge| !edge.closes_loop) {
        if let Some(count) = waiting.get_mut(edge.target.as_str()) {
            *count += 1;
        }
    }
    let mut ready: Vec<&str> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut done = 0;
    while let Some(id) = ready.pop() {
        done += 1;
        for edge in flow.edges.iter().filter(|edge| edge.source == id && !edge.closes_loop) {
            if let Some(count) = waiting.get_mut(edge.target.as_str()) {
                *count -= 1;
                if *count == 0 {
                    ready.push(edge.target.as_str());
                }
            }
        }
    }
    done < flow.nodes.len()
}

fn needs(flow: &Flow) -> Vec<Need> {
    let mut needs = BTreeSet::new();
    for node in &flow.nodes {
        if plain_type(&node.component) == "LanguageModelComponent" {
            let choice = components::choice(node);
            let name = match (choice.provider, choice.model) {
                (Some(provider), Some(model)) => format!("A language model: {provider} {model}"),
                (Some(provider), None) => format!("A language model of {provider}"),
                _ => "A language model; which one is left open".to_owned(),
            };
            needs.insert(Need { kind: NeedKind::Model, name });
        }
        for (name, field) in &node.fields {
            // The key of a model is the host's own.
            let variable = field.value.as_str().filter(|value| !value.is_empty() && field.load_from_db && name != "api_key");
            if let Some(value) = variable {
                needs.insert(Need { kind: NeedKind::Variable, name: format!("The variable {value}") });
            }
        }
    }
    needs.into_iter().collect()
}
