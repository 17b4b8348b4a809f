//! Runs a flow: which nodes, in which order, with which values, inside which limits.
//!
//! A run is one future and spawns nothing, so dropping it (the caller went away, time is up) leaves nothing
//! behind. Branches still run side by side: they wait for models, not for each other.

mod context;
mod inputs;
mod limits;
mod plan;
mod schedule;
mod trace;
mod tweaks;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    context::{Call, ComponentError, ToolUse},
    inputs::Inputs,
    plan::{Plan, active_nodes, finds_cycle, is_tool_output},
    tweaks::{Tweaked as Tweaks, apply as declared},
};
pub use self::{
    limits::{Limit, Limits},
    trace::{StepTrace, StepValue, TraceDetail},
};
use crate::{
    components::human_input::{self, Resumed},
    embed::Embedder,
    flow::Flow,
    memory::{MemoryStore, NoMemory},
    model::{ModelError, ModelResolver, ModelSet, Usage},
    retrieve::Retriever,
    sql::{Databases, NoDatabases},
    web::{NoWeb, Web},
};

/// Runs flows. Built once and shared.
#[derive(Clone, Debug)]
pub struct Engine {
    models: Arc<dyn ModelResolver>,
    web: Arc<dyn Web>,
    databases: Arc<dyn Databases>,
    embedder: Option<Arc<dyn Embedder>>,
    limits: Limits,
    accepts_reviewed: bool,
    clock: fn() -> SystemTime,
}

impl Engine {
    /// Makes an engine that asks these models.
    pub fn new(models: Arc<dyn ModelResolver>) -> Self {
        Self {
            models,
            web: Arc::new(NoWeb),
            databases: Arc::new(NoDatabases),
            embedder: None,
            limits: Limits::default(),
            accepts_reviewed: false,
            clock: system_time,
        }
    }

    /// Makes an engine that needs no network.
    pub fn offline() -> Self {
        Self::new(Arc::new(ModelSet::offline()))
    }

    /// Lets components read from the web, through this client and no other.
    pub fn with_web(mut self, web: Arc<dyn Web>) -> Self {
        self.web = web;
        self
    }

    /// Lets components ask these databases.
    pub fn with_databases(mut self, databases: Arc<dyn Databases>) -> Self {
        self.databases = databases;
        self
    }

    /// Lets components turn texts into numbers; without it, vector stores compare words.
    pub fn with_embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Sets what tells the time to components that ask.
    pub fn with_clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the limits of each run.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Also runs known components whose code is not known, because a person has looked at them.
    pub fn accepting_reviewed(mut self) -> Self {
        self.accepts_reviewed = true;
        self
    }

    /// Returns the limits of each run.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Runs a flow.
    ///
    /// The [`Event::Token`]s of a run that succeeds add up to [`RunOutput::text`], whether a model streamed
    /// them or the engine handed the text on in one piece.
    pub async fn run(
        &self,
        flow: &Flow,
        request: RunRequest,
        events: &dyn EventSink,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RunError> {
        let wall_time = request.timeout.map_or(self.limits.wall_time, |it| it.min(self.limits.wall_time));
        let plan = Plan::new(flow, self.accepts_reviewed)?;
        if request.input.len() > self.limits.input_bytes {
            return Err(RunError::Input(format!("the message is longer than {} bytes", self.limits.input_bytes)));
        }
        if plan.takes_input() && request.input.trim().is_empty() {
            return Err(RunError::Input("the message is empty".into()));
        }
        let tweaked = tweaks::apply(flow, &request.tweaks)?;
        let resumed = self.resumed(flow, &request).await?;
        let mut request = request;
        if let Some(resumed) = &resumed {
            request.input.clone_from(&resumed.input);
        }
        let context = context::Context::new(&request, events, self, &flow.flows);
        let context = match resumed {
            Some(Resumed { decided, last, .. }) => {
                let settled = plan.settled_by(&last, |node| decided.contains_key(&node.id));
                context.resuming(decided, settled)
            }
            None => context,
        };
        let work = schedule::run(flow, &plan, &tweaked, &context);
        let outcome = tokio::select! {
            // A caller who is gone must not win against an answer by chance.
            biased;
            () = cancel.cancelled() => Err(RunError::Cancelled),
            () = tokio::time::sleep(wall_time) => Err(RunError::Timeout(wall_time)),
            output = work => output,
        };
        if let Err(error) = &outcome {
            context.cut_off(error).await;
        }
        outcome
    }

    /// Finds out whether the message decides what the flow has asked a person.
    async fn resumed(&self, flow: &Flow, request: &RunRequest) -> Result<Option<Resumed>, RunError> {
        if human_input::asking(flow).next().is_none() || request.session_id.is_empty() {
            return Ok(None);
        }
        let history = request.memory.history(&request.session_id, self.limits.history_messages).await;
        let history =
            history.map_err(|error| RunError::Invalid(format!("the conversation could not be read: {error}")))?;
        Ok(human_input::resumed(flow, &history, &request.input))
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// What the person said.
    pub input: String,
    /// The conversation.
    pub session_id: String,
    /// Changes of fields that the flow's author declared as editable.
    pub tweaks: Map<String, Json>,
    /// What was said before.
    pub memory: Arc<dyn MemoryStore>,
    /// The buyer's persona.
    pub persona: Persona,
    /// The buyer's knowledge.
    pub knowledge: Option<Arc<dyn Retriever>>,
    /// Values of variables by name.
    pub variables: BTreeMap<String, String>,
    /// The files that the flow may read, by the name under which it knows them.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// Whether the answer is wanted piece by piece from the model.
    pub stream: bool,
    /// How long it may last, where that is less than the engine's limit.
    pub timeout: Option<Duration>,
    /// How much of what goes through it its steps tell.
    pub trace: TraceDetail,
}

impl RunRequest {
    /// Makes a request with nothing but a message.
    pub fn new(input: impl Into<String>, session_id: impl Into<String>) -> Self {
        Self {
            input: input.into(),
            session_id: session_id.into(),
            tweaks: Map::new(),
            memory: Arc::new(NoMemory),
            persona: Persona::default(),
            knowledge: None,
            variables: BTreeMap::new(),
            files: BTreeMap::new(),
            stream: true,
            timeout: None,
            trace: TraceDetail::default(),
        }
    }
}

/// How the buyer wants the agent to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Persona {
    /// What it calls itself.
    pub name: String,
    /// `professional`, `friendly` or `casual`.
    pub tone: String,
    /// What it says first.
    pub greeting: String,
    /// What it should do or not do.
    pub instructions: String,
}

impl Persona {
    /// Returns the persona as part of a system message; none when nothing is set.
    pub fn as_prompt(&self) -> Option<String> {
        let mut lines = Vec::new();
        if !self.name.trim().is_empty() {
            lines.push(format!("Your name is {}.", self.name.trim()));
        }
        if !self.tone.trim().is_empty() {
            lines.push(format!("Use a {} tone.", self.tone.trim()));
        }
        if !self.instructions.trim().is_empty() {
            lines.push(self.instructions.trim().to_owned());
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// What happens while a flow runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A piece of the answer.
    Token(String),
    /// A component began.
    StepStarted {
        /// The node's id.
        node: String,
        /// What its author calls it.
        display_name: String,
    },
    /// A component ended, or a tool that was used; also one that was under way when the run ended without an answer.
    StepFinished(StepTrace),
    /// An agent began to use a tool.
    ToolStarted {
        /// The id of the tool's node.
        node: String,
        /// The tool's name.
        tool: String,
        /// With which arguments.
        arguments: Json,
    },
    /// A tool ended.
    ToolFinished {
        /// The id of the tool's node.
        node: String,
        /// The tool's name.
        tool: String,
        /// What it gave, as the model reads it.
        output: String,
        /// Whether it failed, which the model is told.
        failed: bool,
    },
    /// An output of the flow is complete.
    Message(OutputMessage),
}

/// Takes what happens while a flow runs.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Takes an event. A sink whose reader is gone drops it: only cancelling ends a run.
    async fn event(&self, event: Event);
}

/// Takes events and drops them.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

#[async_trait]
impl EventSink for NoEvents {
    async fn event(&self, _: Event) {}
}

#[async_trait]
impl EventSink for tokio::sync::mpsc::Sender<Event> {
    async fn event(&self, event: Event) {
        let _ = self.send(event).await;
    }
}

/// What one output of the flow said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputMessage {
    /// The node's id.
    pub node: String,
    /// What its author calls it.
    pub display_name: String,
    /// `chat` or `text`.
    pub kind: String,
    /// What it said.
    pub text: String,
    /// `Machine` or `User`.
    pub sender: String,
    /// What the sender calls itself.
    pub sender_name: String,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOutput {
    /// The answer: what the chat outputs said, or the text outputs where there is no chat output.
    pub text: String,
    /// Each output, in the order of the flow.
    pub messages: Vec<OutputMessage>,
    /// What its models took.
    pub usage: Usage,
    /// What ran, in the order of ending.
    pub steps: Vec<StepTrace>,
    /// What it wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<WrittenFile>,
}

/// A file that a flow wrote. It is handed to the caller; nothing is written on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its name, without any directory.
    pub name: String,
    /// What is in it.
    pub content: String,
}

#[expect(clippy::disallowed_methods, reason = "the one place; hosts and tests give the engine their own clock")]
fn system_time() -> SystemTime {
    SystemTime::now()
}

/// Why a run gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The message can't be used; the caller can mend it.
    #[error("{0}")]
    Input(String),
    /// Tweaks were refused; the caller can mend them.
    #[error("{message}")]
    Tweaks {
        /// What is wrong, naming the fields.
        message: String,
        /// `node.field` of each.
        fields: Vec<String>,
    },
    /// The flow can't run at all.
    #[error("the flow cannot run: {0}")]
    Invalid(String),
    /// A component of the flow is not run by this engine.
    #[error("{display_name} ({component}) is not run by this engine: {reason}")]
    Unsupported {
        /// The node's id.
        node: String,
        /// What its author calls it.
        display_name: String,
        /// Its component type.
        component: String,
        /// Why.
        reason: String,
    },
    /// A variable that the flow reads has no value.
    #[error("{display_name} needs the variable {name}, which has no value")]
    Variable {
        /// The node's id.
        node: String,
        /// What its author calls it.
        display_name: String,
        /// The variable.
        name: String,
    },
    /// A component failed.
    #[error("{display_name} failed: {message}")]
    Node {
        /// The node's id.
        node: String,
        /// What its author calls it.
        display_name: String,
        /// What happened.
        message: String,
    },
    /// A model did not answer.
    #[error("{display_name} failed")]
    Model {
        /// The node's id.
        node: String,
        /// What its author calls it.
        display_name: String,
        /// What the provider said.
        #[source]
        source: ModelError,
    },
    /// It took too long.
    #[error("the flow did not finish in {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// The caller went away.
    #[error("the run was cancelled")]
    Cancelled,
    /// The flow wanted more than a run may take.
    #[error("the run was ended: {0}")]
    Limit(Limit),
}

impl RunError {
    /// Says what failed with the cause, which for a model is what its provider said.
    pub fn with_cause(&self) -> String {
        match self {
            Self::Model { display_name, source, .. } => format!("{display_name} failed: {source}"),
            other => other.to_string(),
        }
    }

    /// Says what failed in words that quote nothing of what was said in the run.
    ///
    /// What a component or a model's provider says of its failure may quote what it was given.
    pub fn without_texts(&self) -> String {
        match self {
            Self::Input(_) => "the message can't be used".to_owned(),
            Self::Tweaks { .. } => "tweaks were refused".to_owned(),
            Self::Node { display_name, .. } => {
                format!("{display_name} failed; why is not shown, as it may quote what was said")
            }
            Self::Model { display_name, source, .. } => match source.status {
                Some(status) => format!("{display_name} failed: {} answered with the status {status}", source.provider),
                None => format!("{display_name} failed: {} did not answer", source.provider),
            },
            Self::Invalid(_)
            | Self::Unsupported { .. }
            | Self::Variable { .. }
            | Self::Timeout(_)
            | Self::Cancelled
            | Self::Limit(_) => self.to_string(),
        }
    }
}
