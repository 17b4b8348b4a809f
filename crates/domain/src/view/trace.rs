//! What a run of a provider's flow leaves behind: its steps, and, with the buyer's consent, their texts.

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, InvocationId, OrganizationId, Timestamp,
    state::{InvocationState, Source},
};

/// One component of a run, or one use of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceStep {
    /// The node's id in the flow.
    pub node: String,
    /// What its author calls it.
    pub name: String,
    /// Its component type; empty for a tool, and for a step of a remote runtime.
    pub component: String,
    /// The node that used it as a tool.
    pub used_by: Option<String>,
    /// When it began, in microseconds after the run began.
    pub started_us: i64,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// How much of that it waited for models.
    pub model_us: i64,
    /// How often it asked a model.
    pub model_calls: i64,
    /// Which model answered.
    pub model: Option<String>,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// What came to it.
    pub inputs: Vec<TraceValue>,
    /// What it gave.
    pub outputs: Vec<TraceValue>,
    /// Why it failed, in words that quote nothing of what was said.
    pub error: Option<String>,
    /// What was said of the failure; only with the buyer's consent.
    pub error_detail: Option<String>,
}

impl TraceStep {
    /// Takes out all that was said.
    #[must_use]
    pub fn without_texts(mut self) -> Self {
        self.error_detail = None;
        for value in self.inputs.iter_mut().chain(&mut self.outputs) {
            value.text = None;
        }
        self
    }
}

/// A value that went into a step or came out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceValue {
    /// The field or output.
    pub name: String,
    /// `message`, `data`, `table`, `list`, `json`, `model` or `tools`.
    pub kind: String,
    /// About how many bytes it holds.
    pub bytes: i64,
    /// Itself as text, without secrets, and cut; only with the buyer's consent.
    pub text: Option<String>,
}

/// A run of a provider's agent. It does not say whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// Which; buyers know it as the `request_id`.
    pub id: InvocationId,
    /// Of which agent.
    pub agent_id: AgentId,
    /// Which version of its flow ran.
    pub version: String,
    /// Through which door it was asked for.
    pub source: Source,
    /// How it ended.
    pub state: InvocationState,
    /// What the caller was answered.
    pub status: i64,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub elapsed_ms: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// Whether the buyer lets the provider read what was said.
    pub texts: bool,
}

/// A run with its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceView {
    /// The run.
    pub run: RunView,
    /// Whose agent it is.
    pub provider_id: OrganizationId,
    /// What ran, in the order of beginning.
    pub steps: Vec<TraceStep>,
    /// How many steps more there were than are kept.
    pub left_out: i64,
}
