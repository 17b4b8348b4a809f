//! Says what this engine makes of a flow, node by node, before anybody runs it.
//!
//! A node is native when its type is written here *and* the hash of its Python is one that a published
//! Langflow had. A known type with other code is for a person to review: running ours in its place could do
//! something else than what the provider has tested.

mod hashes;
mod known;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    components::{
        self, Kind, human_input,
        run_flow::{self, FlowName},
    },
    engine::{active_nodes, finds_cycle, is_tool_output},
    flow::{Flow, Node, Position, RemovedSecret},
    import::signals,
    tool,
};

/// What a whole flow is to this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Runs here.
    Native,
    /// Would run here once a person has looked at some of its code.
    Review,
    /// Does not run here.
    Unsupported,
    /// Would not run anywhere.
    Invalid,
}

/// What a node is to this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeClass {
    /// Runs here.
    Native,
    /// A known type with code that is not known.
    Review,
    /// Not run here.
    Unsupported,
    /// Executes code; not run in any process of ours.
    Never,
}

/// What we found in a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The whole.
    pub verdict: Verdict,
    /// The flow's own name.
    pub flow_name: String,
    /// The Langflow version that it was last opened with.
    pub langflow_version: Option<String>,
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
    /// What is worth knowing and keeps nothing from running.
    pub notes: Vec<String>,
    /// Which secrets were in the export and have been removed.
    pub secrets_removed: Vec<RemovedSecret>,
}

/// What we found in a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its id in the flow.
    pub id: String,
    /// What its author calls it.
    pub display_name: String,
    /// Its component type.
    #[serde(rename = "type")]
    pub component: String,
    /// What it is to this engine.
    pub class: NodeClass,
    /// Why; empty for native ones.
    pub reason: String,
    /// What the provider can do about it; empty for native ones.
    pub advice: String,
    /// Where it lies in Studio.
    pub position: Position,
    /// Whether a run reaches it.
    pub runs: bool,
}

/// What a flow needs from whoever installs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Of which kind.
    pub kind: NeedKind,
    /// Its name: a provider, a variable, a knowledge base; empty when any will do.
    pub name: String,
    /// More of it, for people: the model.
    pub detail: String,
    /// The nodes that need it.
    pub nodes: Vec<String>,
}

/// Kinds of needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// A language model.
    Model,
    /// The value of a variable.
    Variable,
    /// A knowledge base.
    KnowledgeBase,
    /// A model that turns texts into numbers.
    Embedding,
    /// Access to the web.
    Web,
    /// A file.
    File,
    /// A database that can be asked.
    Database,
}

impl Need {
    pub(crate) fn model(node: &str, provider: Option<&str>, model: Option<&str>) -> Self {
        Self {
            kind: NeedKind::Model,
            name: provider.unwrap_or_default().to_owned(),
            detail: model.unwrap_or_default().to_owned(),
            nodes: vec![node.to_owned()],
        }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, detail, .. } = self;
        match self.kind {
            NeedKind::Model => match (name.is_empty(), detail.is_empty()) {
                (true, true) => write!(out, "a language model"),
                (false, true) => write!(out, "a language model of {name}"),
                (true, false) => write!(out, "the language model {detail}"),
                (false, false) => write!(out, "the language model {detail} of {name}"),
            },
            NeedKind::Variable => write!(out, "a value for the variable {name}"),
            NeedKind::KnowledgeBase if name.is_empty() => write!(out, "a knowledge base"),
            NeedKind::KnowledgeBase => write!(out, "the knowledge base {name}"),
            NeedKind::Embedding => write!(out, "an embedding model"),
            NeedKind::Web => write!(out, "access to the web"),
            NeedKind::File if name.is_empty() => write!(out, "a file to read"),
            NeedKind::File => write!(out, "the file {name}"),
            NeedKind::Database if name.is_empty() => write!(out, "a database"),
            NeedKind::Database => write!(out, "the database {name}"),
        }
    }
}

/// What a node is, with the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) class: NodeClass,
    pub(crate) reason: String,
    pub(crate) advice: String,
}

/// Checks a flow.
pub fn check(flow: &Flow) -> Report {
    let active = active_nodes(flow, start(flow));
    let nodes: Vec<NodeReport> = flow
        .nodes
        .iter()
        .zip(&active)
        .map(|(node, runs)| {
            let Found { class, reason, advice } = classify(flow, node, &flow.flows);
            NodeReport {
                id: node.id.clone(),
                display_name: node.display_name.clone(),
                component: node.component.clone(),
                class,
                reason,
                advice,
                position: node.position,
                runs: *runs,
            }
        })
        .collect();
    let problems = problems(flow, &active);
    let verdict = match nodes.iter().map(|it| it.class).max() {
        _ if !problems.is_empty() => Verdict::Invalid,
        None | Some(NodeClass::Native) => Verdict::Native,
        Some(NodeClass::Review) => Verdict::Review,
        Some(NodeClass::Unsupported | NodeClass::Never) => Verdict::Unsupported,
    };
    Report {
        verdict,
        flow_name: flow.name.clone(),
        langflow_version: flow.langflow_version.clone(),
        node_count: flow.nodes.len(),
        edge_count: flow.edges.len(),
        nodes,
        edges: flow.edges.iter().map(|edge| (edge.source.clone(), edge.target.clone())).collect(),
        needs: needs(flow),
        problems,
        notes: notes(flow, &active),
        secrets_removed: flow.secrets_removed.clone(),
    }
}

/// Says what a node is to this engine, in its flow; `flows` are those that it may run.
pub(crate) fn classify(flow: &Flow, node: &Node, flows: &[Flow]) -> Found {
    let found = of_its_own(flow, node);
    if found.class == NodeClass::Native
        && let Some(name) = run_flow::named(node)
        && let Err((reason, advice)) = Inner::new(flows).runs(node, &name)
    {
        return Found { class: NodeClass::Unsupported, reason, advice };
    }
    found
}

/// Says what a node is to this engine, whatever the flow is that it may run.
fn of_its_own(flow: &Flow, node: &Node) -> Found {
    let canonical = components::canonical_type(&node.component);
    if let Some((reason, advice)) = known::never(node, canonical) {
        return Found { class: NodeClass::Never, reason, advice };
    }
    let Some(component) = components::find(&node.component) else {
        let (reason, advice) = known::unsupported(canonical);
        return Found { class: NodeClass::Unsupported, reason, advice };
    };
    match &node.code_hash {
        // Nothing but ours could have been meant: the export carries no code that could differ.
        None => {}
        Some(hash) if hashes::is_known(canonical, hash) => {}
        Some(_) if node.edited => {
            return Found {
                class: NodeClass::Review,
                reason: "its code was changed in Studio, and changed code is not run here".into(),
                advice: "Replace it by a fresh component of the same kind, or have the operator compare it with the original."
                    .into(),
            };
        }
        Some(_) => {
            return Found {
                class: NodeClass::Review,
                reason: "its code is of a Langflow version that we do not know, or was changed".into(),
                advice: "Update the component in Studio and export again, or ask the operator to look at it.".into(),
            };
        }
    }
    match missing_part(flow, node, component) {
        Some(part) => Found {
            class: NodeClass::Unsupported,
            reason: format!("it is used for {part}, which this engine does not have"),
            advice: "Use another output or setting of it, or run the flow on a remote Langflow.".into(),
        },
        None => native(),
    }
}

/// Looks through the flows that a flow runs, each once.
struct Inner<'f> {
    flows: &'f [Flow],
    /// Those that are being looked through: each is run by the one before it.
    around: Vec<usize>,
    fine: Vec<usize>,
}

impl<'f> Inner<'f> {
    fn new(flows: &'f [Flow]) -> Self {
        Self { flows, around: Vec::new(), fine: Vec::new() }
    }

    /// Says why the flow that a node runs does not run here, and what to do about it.
    fn runs(&mut self, node: &Node, name: &FlowName) -> Result<(), (String, String)> {
        let Some(at) = run_flow::find(node, self.flows) else {
            return Err((
                format!("the flow {name} that it runs is not in the export"),
                "Export the project, or both flows together, so that the file holds the flow that it runs, too.".into(),
            ));
        };
        if self.around.contains(&at) {
            return Err((
                format!("the flow {name} that it runs leads back to itself"),
                "Let no flow run one that runs it.".into(),
            ));
        }
        if self.fine.contains(&at) {
            return Ok(());
        }
        let flow = &self.flows[at];
        if let Some(problem) = problems(flow, &active_nodes(flow, start(flow))).first() {
            return Err((format!("the flow {name} that it runs does not run: {problem}"), "Mend that flow.".into()));
        }
        self.around.push(at);
        for inner in &flow.nodes {
            if let Some(next) = run_flow::named(inner) {
                self.runs(inner, &next)?;
            }
            if human_input::asking(flow).any(|it| it.id == inner.id) {
                let reason = format!("in the flow {name} that it runs, {} asks a person", inner.display_name);
                return Err((reason, "Let the flow ask that runs the other one.".into()));
            }
            let found = of_its_own(flow, inner);
            if found.class != NodeClass::Native {
                let reason = format!("in the flow {name} that it runs, {}: {}", inner.display_name, found.reason);
                return Err((reason, found.advice));
            }
        }
        self.around.pop();
        self.fine.push(at);
        Ok(())
    }
}

/// Finds an output, tool or setting of a component that is not written here.
fn missing_part(flow: &Flow, node: &Node, component: &dyn components::Component) -> Option<String> {
    let used = || flow.edges.iter().filter(|edge| edge.source == node.id && !edge.closes_loop);
    let (as_tools, as_values): (Vec<_>, Vec<_>) = used().partition(|edge| is_tool_output(node, &edge.output));
    let outputs = component.outputs();
    if let Some(edge) = as_values.iter().find(|edge| !outputs.is_empty() && !outputs.contains(&edge.output.as_str())) {
        return Some(format!("the output {:?}", edge.output));
    }
    if !as_tools.is_empty() {
        let offers = component.tools();
        if offers.is_empty() {
            return Some("a tool".into());
        }
        let rows = tool::described(node).into_iter().flatten();
        for row in rows.filter(|row| row["status"] != Json::Bool(false)) {
            let tag = row["tags"][0].as_str().unwrap_or_default();
            if row["approval_actions"].as_array().is_some_and(|it| !it.is_empty()) {
                return Some(format!("the tool {tag:?} with a person who allows each use"));
            }
            if !offers.iter().any(|(method, _)| tool::is_method(tag, method)) && !component.brings_own_tools() {
                return Some(format!("the tool {tag:?}"));
            }
        }
    }
    let is_filled = |field: &&&str| {
        flow.edges.iter().any(|edge| edge.target == node.id && edge.field == **field && !edge.closes_loop)
    };
    if let Some(field) = component.typed().iter().find(is_filled) {
        return Some(format!("{field:?} of another component"));
    }
    if signals::lacks_lines(flow, node) {
        return Some("names that nobody looked for when the flow was imported, before this".into());
    }
    component.missing(node)
}

fn native() -> Found {
    Found { class: NodeClass::Native, reason: String::new(), advice: String::new() }
}

fn start(flow: &Flow) -> Option<usize> {
    let is = |wanted: &'static str| move |node: &Node| components::canonical_type(&node.component) == wanted;
    flow.nodes.iter().position(is("Webhook")).or_else(|| flow.nodes.iter().position(is("ChatInput")))
}

fn kind_of(node: &Node) -> Kind {
    match components::canonical_type(&node.component) {
        "ChatOutput" | "TextOutput" => Kind::Output,
        _ => components::find(&node.component).map_or(Kind::Plain, components::Component::kind),
    }
}

fn problems(flow: &Flow, active: &[bool]) -> Vec<String> {
    let mut problems = Vec::new();
    if flow.nodes.is_empty() {
        return vec!["The flow has no components.".into()];
    }
    let inputs: Vec<&Node> = flow.nodes.iter().filter(|it| kind_of(it) == Kind::ChatInput).collect();
    if inputs.len() > 1 {
        let names: Vec<&str> = inputs.iter().map(|it| it.id.as_str()).collect();
        problems.push(format!("It has {} Chat Inputs ({}); only one is allowed.", inputs.len(), names.join(", ")));
    }
    let outputs: Vec<bool> = flow
        .nodes
        .iter()
        .zip(active)
        .filter(|(it, _)| kind_of(it) == Kind::Output)
        .map(|(_, active)| *active)
        .collect();
    if outputs.is_empty() {
        problems.push("It has no Chat Output or Text Output, so it has no answer. Add a Chat Output.".into());
    } else if !outputs.contains(&true) {
        problems.push("No output is connected to the Chat Input, so a message never gets an answer.".into());
    }
    let place = |id: &str| flow.nodes.iter().position(|it| it.id == id);
    let ends = flow
        .edges
        .iter()
        .filter(|edge| !edge.closes_loop)
        .filter_map(|edge| Some((place(&edge.source)?, place(&edge.target)?)));
    if let Some(at) = finds_cycle(flow.nodes.len(), ends) {
        problems.push(format!(
            "Its connections go round in a circle at {}; use a Loop component for that.",
            flow.nodes[at].display_name
        ));
    }
    for node in &flow.nodes {
        if let Some(component) = components::find(&node.component) {
            problems.extend(
                component.problems(node).into_iter().map(|it| format!("{} ({}): {it}.", node.display_name, node.id)),
            );
        }
    }
    problems.truncate(100);
    problems
}

/// How many notes are told at most.
const MOST_NOTES: usize = 100;

fn notes(flow: &Flow, active: &[bool]) -> Vec<String> {
    let mut notes = flow.notes.clone();
    let takes_input = flow.nodes.iter().any(|it| kind_of(it) == Kind::ChatInput);
    if !takes_input && !flow.nodes.is_empty() {
        notes.push("It has no Chat Input, so it answers the same whatever it is told.".into());
    }
    let still: Vec<&str> = flow
        .nodes
        .iter()
        .zip(active)
        .filter(|(_, active)| !**active)
        .map(|(node, _)| node.display_name.as_str())
        .take(20)
        .collect();
    if !still.is_empty() {
        notes.push(format!("Not connected to the input, so never run: {}.", still.join(", ")));
    }
    // What the flows that it runs do is what it does.
    for node in std::iter::once(flow).chain(&flow.flows).flat_map(|of| &of.nodes) {
        if let Some(note) = components::find(&node.component).and_then(|it| it.notes(node)) {
            notes.push(format!("{} {note}.", node.display_name));
        }
        let names_session =
            node.fields.get("session_id").is_some_and(|it| it.value.as_str().is_some_and(|it| !it.is_empty()));
        if names_session && components::find(&node.component).is_some() {
            notes.push(format!(
                "{} names a session of its own; here each conversation has its own session.",
                node.display_name
            ));
        }
    }
    // Components of the same name say the same.
    let mut said = HashSet::new();
    notes.retain(|note| said.insert(note.clone()));
    notes.truncate(MOST_NOTES);
    notes
}

fn needs(flow: &Flow) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let all = std::iter::once(flow).chain(&flow.flows).flat_map(|of| of.nodes.iter().map(move |node| (of, node)));
    for (flow, node) in all {
        let mut found = match components::find(&node.component) {
            Some(component) if component.is_filled_by_flow(flow, node) => Vec::new(),
            Some(component) => component.needs(node),
            None => known::needs(node, components::canonical_type(&node.component)),
        };
        for (name, field) in &node.fields {
            let Some(variable) = field.value.as_str().filter(|it| field.load_from_db && !it.is_empty()) else {
                continue;
            };
            // A model's key is the host's affair: the model is what is needed.
            if components::find(&node.component).is_some_and(|it| it.kind() == Kind::Model) && name == "api_key" {
                continue;
            }
            found.push(Need {
                kind: NeedKind::Variable,
                name: variable.to_owned(),
                detail: String::new(),
                nodes: vec![node.id.clone()],
            });
        }
        for need in found {
            match needs.iter_mut().find(|it| (it.kind, &it.name, &it.detail) == (need.kind, &need.name, &need.detail)) {
                Some(same) => same.nodes.extend(need.nodes),
                None => needs.push(need),
            }
        }
    }
    needs
}

/// Reads the name of a knowledge base, which newer versions wrap in an object.
pub(crate) fn knowledge_base_name(node: &Node) -> String {
    let value =
        ["knowledge_base", "kb_name", "memory_base"].iter().find_map(|name| node.fields.get(*name)).map(|it| &it.value);
    match value {
        Some(Json::String(name)) => name.clone(),
        Some(other) => other.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(),
        None => String::new(),
    }
}
