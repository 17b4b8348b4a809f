//! A flow as we keep it: groups expanded, notes dropped, handles read, Python replaced by its hash.
//!
//! The serde form of [`Flow`] is what gets stored with a flow version, so a field may be added here with
//! `#[serde(default)]` but never renamed. A component is told by [`Node::component`], never by the id's prefix.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A flow that was imported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Its id in Studio, which other flows call it by; empty when the export says none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its name in Studio.
    pub name: String,
    /// What its author says of it.
    #[serde(default)]
    pub description: String,
    /// The Langflow version that it was last opened with, when the export says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub langflow_version: Option<String>,
    /// Its components.
    pub nodes: Vec<Node>,
    /// Its connections.
    pub edges: Vec<Edge>,
    /// What was taken out of the export because it was a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets_removed: Vec<RemovedSecret>,
    /// What the import had to leave out, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The flows of the same export that it runs, and those that these run; none of them has flows itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flow>,
}

impl Flow {
    /// Finds a node by its id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

/// One component of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id, `ChatInput-b6UCc`.
    pub id: String,
    /// Its component type as exported, `ChatInput`, `ext:openai:OpenAIModel@official`.
    pub component: String,
    /// What its author calls it.
    pub display_name: String,
    /// What it does, to people and to models that may call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it lies in Studio.
    #[serde(default)]
    pub position: Position,
    /// The first twelve hexadecimal digits of SHA-256 over its Python source; none when it had no source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_hash: Option<String>,
    /// Whether Studio says that its author changed the source.
    #[serde(default, skip_serializing_if = "is_false")]
    pub edited: bool,
    /// Whether it offers itself as a tool to an agent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tool_mode: bool,
    /// Its fields, in the order of the export.
    #[serde(default)]
    pub fields: IndexMap<String, Field>,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Vec<Output>,
}

/// Where a node lies in Studio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// One field of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// `str`, `int`, `prompt`, `model`, `other` …; empty when the export has none.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Its label in Studio.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// What it is for, to people and to models that may fill it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub info: String,
    /// What it holds.
    #[serde(default)]
    pub value: Json,
    /// Which types may be connected to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_types: Vec<String>,
    /// Whether it collects several connections.
    #[serde(default, skip_serializing_if = "is_false")]
    pub list: bool,
    /// Whether it must be filled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Whether it applies; hidden fields are not read.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub show: bool,
    /// Whether it is read though hidden.
    #[serde(default, skip_serializing_if = "is_false")]
    pub override_skip: bool,
    /// Whether `value` is the name of a variable.
    #[serde(default, skip_serializing_if = "is_false")]
    pub load_from_db: bool,
    /// Whether it holds a secret.
    #[serde(default, skip_serializing_if = "is_false")]
    pub password: bool,
    /// Whether an agent fills it when the component is a tool.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tool_mode: bool,
    /// Whether its author lets callers change it with a tweak.
    #[serde(default, skip_serializing_if = "is_false")]
    pub api_editable: bool,
}

impl Default for Field {
    fn default() -> Self {
        Self {
            kind: String::new(),
            display_name: String::new(),
            info: String::new(),
            value: Json::Null,
            input_types: Vec::new(),
            list: false,
            required: false,
            show: true,
            override_skip: false,
            load_from_db: false,
            password: false,
            tool_mode: false,
            api_editable: false,
        }
    }
}

/// One output of a component.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Its name, `text_output`.
    pub name: String,
    /// The Python method that computed it; agents name tools after it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// What it gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Whether a loop may be closed here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allows_loop: bool,
}

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The node that it comes from.
    pub source: String,
    /// Which of that node's outputs.
    pub output: String,
    /// The node that it goes to.
    pub target: String,
    /// Which of that node's fields; for the edge that closes a loop, the loop's output.
    pub field: String,
    /// Whether it closes a loop.
    #[serde(default, skip_serializing_if = "is_false")]
    pub closes_loop: bool,
}

/// A secret that was in an export. The secret itself is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedSecret {
    /// The node's id.
    pub node: String,
    /// What its author calls the node.
    pub display_name: String,
    /// The field.
    pub field: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_true(flag: &bool) -> bool {
    *flag
}

fn yes() -> bool {
    true
}
