//! What a run leaves behind for whoever wrote the flow: what each step took, and, only where the host says so,
//! what went through it.
//!
//! Steps reach the host as events, so a run that fails or is cut off leaves its steps, too. What the words of a
//! run are never appears below [`TraceDetail::Texts`], in errors neither.

use serde::{Deserialize, Serialize};

use super::RunError;
use crate::{import::without_secrets, model::Usage, value::Value};

/// The longest text of a value that is told, in characters.
const TEXT: usize = 2_000;

/// How much of what goes through a run its steps tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceDetail {
    /// Times and tokens.
    #[default]
    Times,
    /// Also of which kind and how large each value was.
    Shapes,
    /// Also the values themselves, without secrets, and cut.
    Texts,
}

/// One component of a run, or one use of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepTrace {
    /// The node's id.
    pub node: String,
    /// What its author calls it; of a tool its name.
    pub display_name: String,
    /// Its component type; empty for a tool.
    pub component: String,
    /// The node that used it as a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_by: Option<String>,
    /// When it began, in microseconds after the run began.
    pub started_us: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// How often it asked a model.
    #[serde(skip_serializing_if = "is_zero")]
    pub model_calls: u32,
    /// How long it waited for models, in microseconds.
    #[serde(skip_serializing_if = "is_zero_us")]
    pub model_us: u64,
    /// What its model calls took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Which model answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What came to it: over connections, from the caller, or as a tool's arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<StepValue>,
    /// What it gave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<StepValue>,
    /// Why it failed, in words that quote nothing of what was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was said of the failure, where that may be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
}

/// A value that went into a step or came out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepValue {
    /// The field or output.
    pub name: String,
    /// `message`, `data`, `table`, `list`, `json`, `model`, `tools` or `embeddings`.
    pub kind: String,
    /// About how many bytes it holds.
    pub bytes: usize,
    /// Itself as text, where that may be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero_us(number: &u64) -> bool {
    *number == 0
}

/// What a component's models took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) usage: Option<Usage>,
    pub(crate) model: Option<String>,
    pub(crate) model_calls: u32,
    pub(crate) model_us: u64,
}

impl Spent {
    /// Writes it into a step.
    pub(super) fn into_step(self, step: StepTrace) -> StepTrace {
        let Self { usage, model, model_calls, model_us } = self;
        StepTrace { model_calls, model_us, usage, model, ..step }
    }
}

/// Decides what of a run is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracer {
    detail: TraceDetail,
    /// What variables hold, longest first, with their names.
    secrets: Vec<(String, String)>,
}

impl Tracer {
    pub(super) fn new(detail: TraceDetail, variables: &std::collections::BTreeMap<String, String>) -> Self {
        let mut secrets: Vec<(String, String)> = variables
            .iter()
            // What is shorter is in every text by chance.
            .filter(|(_, value)| value.chars().count() >= 4)
            .map(|(name, value)| (value.clone(), name.clone()))
            .collect();
        secrets.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self { detail, secrets }
    }

    /// Tells of values as far as that is wanted.
    pub(super) fn values<'v>(&self, values: impl Iterator<Item = (&'v str, &'v Value)>) -> Vec<StepValue> {
        if self.detail < TraceDetail::Shapes {
            return Vec::new();
        }
        values
            .map(|(name, value)| StepValue {
                name: name.to_owned(),
                kind: value.kind().to_owned(),
                bytes: value.bytes(),
                text: self.text(|| value.as_text()).filter(|text| !text.is_empty()),
            })
            .collect()
    }

    /// Tells of a text as far as that is wanted.
    pub(super) fn text(&self, text: impl FnOnce() -> String) -> Option<String> {
        (self.detail == TraceDetail::Texts).then(|| self.cleaned(&text()))
    }

    /// Writes into a step why it failed.
    pub(super) fn failed(&self, error: &RunError, step: StepTrace) -> StepTrace {
        StepTrace { error: Some(error.without_texts()), error_detail: self.text(|| error.with_cause()), ..step }
    }

    fn cleaned(&self, text: &str) -> String {
        // Cut twice, so that what is left of a secret at the end goes with it.
        let mut text: String = text.chars().take(TEXT * 2).collect();
        for (value, name) in &self.secrets {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), &format!("[{name}]"));
            }
        }
        let text = without_secrets(&text);
        let cut: String = text.chars().take(TEXT).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { text }
    }
}
