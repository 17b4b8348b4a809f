//! Runs a flow: components as soon as what they need is there, parallel branches side by side.
//!
//! Only what is connected to the input runs. What a newcomer gets wrong: edges override what a field
//! holds, and a field that is hidden is not read at all.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::check::{NodeClass, check, plain_type};
use crate::components::{self, Inputs};
use crate::flow::{Flow, Node};
use crate::memory::{MemoryStore, NoMemory, Turn};
use crate::model::{ModelChoice, ModelError, ModelRequest, ModelResolver, NoTokens, TokenSink, Usage};
use crate::retrieve::{Passage, Retriever};
use crate::value::Value;

/// How many passages a model is given.
const PASSAGES: usize = 6;

/// How the buyer wants the agent to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Returns what a model is told of it; nothing where nothing is set.
    pub fn as_prompt(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.name.is_empty() {
            parts.push(format!("Your name is {}.", self.name));
        }
        match self.tone.as_str() {
            "professional" => parts.push("Speak precisely and courteously.".to_owned()),
            "friendly" => parts.push("Speak warmly and helpfully.".to_owned()),
            "casual" => parts.push("Speak briefly and relaxed.".to_owned()),
            _ => {}
        }
        if !self.instructions.trim().is_empty() {
            parts.push(self.instructions.trim().to_owned());
        }
        (!parts.is_empty()).then(|| parts.join("\n"))
    }
}

/// What a run may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time in all.
    pub wall: Duration,
    /// Calls of models.
    pub model_calls: usize,
    /// Bytes that its values hold together.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { wall: Duration::from_secs(120), model_calls: 50, bytes: 32 * 1024 * 1024 }
    }
}

/// One run.
#[derive(Debug)]
pub struct RunRequest {
    /// What the person said.
    pub input: String,
    /// The conversation.
    pub session_id: String,
    /// Changes of fields that the flow declares editable: by node id or display name, then by field.
    pub tweaks: Map<String, Json>,
    /// What was said before.
    pub memory: Arc<dyn MemoryStore>,
    /// How the buyer wants the agent to be.
    pub persona: Persona,
    /// What the buyer's documents say.
    pub knowledge: Arc<dyn Retriever>,
    /// Values of variables, by name.
    pub variables: HashMap<String, String>,
}

impl Default for RunRequest {
    fn default() -> Self {
        Self {
            input: String::new(),
            session_id: String::new(),
            tweaks: Map::new(),
            memory: Arc::new(NoMemory),
            persona: Persona::default(),
            knowledge: Arc::new(Vec::<Passage>::new()),
            variables: HashMap::new(),
        }
    }
}

/// What happens while a flow runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A component begins: its display name.
    Step(String),
    /// A piece of the answer.
    Token(String),
}

/// Takes events as they happen.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Takes an event.
    async fn event(&self, event: Event);
}

/// Drops events.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

#[async_trait]
impl EventSink for NoEvents {
    async fn event(&self, _: Event) {}
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOutput {
    /// The answer: the first output's text.
    pub text: String,
    /// Each output's text.
    pub messages: Vec<OutputMessage>,
    /// Tokens of all model calls.
    pub usage: Usage,
    /// What ran, in the order in which it ended.
    pub steps: Vec<StepTrace>,
}

/// What one output gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputMessage {
    /// The output's id.
    pub node: String,
    /// The text.
    pub text: String,
}

/// One component's part of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTrace {
    /// The component's id.
    pub node: String,
    /// What its author calls it.
    pub display_name: String,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// Why a run gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The flow or its input cannot run.
    #[error("{0}")]
    Invalid(String),
    /// Tweaks of fields that the flow does not declare editable.
    #[error("these fields may not be changed: {0}")]
    TweaksRefused(String),
    /// A component that this engine does not run.
    #[error("{0}")]
    Unsupported(String),
    /// A model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It took too long.
    #[error("the run took longer than {0} s")]
    Timeout(u64),
    /// The caller went away.
    #[error("the run was cancelled")]
    Cancelled,
    /// It wanted more than a run may have.
    #[error("the run exceeded its limit of {0}")]
    LimitExceeded(&'static str),
}

/// Runs flows.
#[derive(Clone, Debug)]
pub struct Engine {
    models: Arc<dyn ModelResolver>,
    limits: Limits,
}

impl Engine {
    /// Makes an engine that uses these models.
    pub fn new(models: Arc<dyn ModelResolver>) -> Self {
        Self { models, limits: Limits::default() }
    }

    /// Sets what a run may take.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Runs a flow whose components are all native, from its input to its outputs.
    pub async fn run(
        &self,
        flow: &Flow,
        request: RunRequest,
        events: &dyn EventSink,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RunError> {
        let report = check(flow);
        if let Some(problem) = report.problems.first().filter(|_| report.verdict == crate::check::Verdict::Invalid) {
            return Err(RunError::Invalid(problem.clone()));
        }
        if let Some(node) = report.nodes.iter().find(|node| node.class != NodeClass::Native) {
            return Err(RunError::Unsupported(format!("{} cannot run here: {}", node.display_name, node.reason)));
        }
        check_tweaks(flow, &request.tweaks)?;
        let running = Running {
            engine: self,
            flow,
            request,
            events,
            usage: Mutex::new(Usage::default()),
            calls: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            streamed: AtomicU64::new(0),
        };
        tokio::select! {
            outcome = running.run() => outcome,
            () = tokio::time::sleep(self.limits.wall) => Err(RunError::Timeout(self.limits.wall.as_secs())),
            () = cancel.cancelled() => Err(RunError::Cancelled),
        }
    }
}

/// Refuses tweaks of anything that the flow does not declare editable; an unknown name is refused too.
fn check_tweaks(flow: &Flow, tweaks: &Map<String, Json>) -> Result<(), RunError> {
    let mut refused = Vec::new();
    for (key, value) in tweaks {
        let nodes: Vec<&Node> = flow.nodes.iter().filter(|node| node.id == *key || node.display_name == *key).collect();
        let Some(fields) = value.as_object().filter(|_| !nodes.is_empty()) else {
            refused.push(key.clone());
            continue;
        };
        for field in fields.keys() {
            let declared = nodes.iter().all(|node| {
                node.fields.get(field).is_some_and(|field| field.api_editable && field.kind != "code" && !field.password)
            });
            if !declared {
                refused.push(format!("{key}.{field}"));
            }
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(RunError::TweaksRefused(refused.join(", "))) }
}

/// A run that is under way.
pub(crate) struct Running<'r> {
    engine: &'r Engine,
    flow: &'r Flow,
    pub(crate) request: RunRequest,
    events: &'r dyn EventSink,
    usage: Mutex<Usage>,
    calls: AtomicUsize,
    bytes: AtomicUsize,
    /// Bytes of the answer that were streamed already.
    streamed: AtomicU64,
}

impl Running<'_> {
    async fn run(&self) -> Result<RunOutput, RunError> {
        let connected = connected(self.flow);
        let nodes: Vec<&Node> = self.flow.nodes.iter().filter(|node| connected.contains(node.id.as_str())).collect();
        let edges: Vec<_> = self.flow.edges.iter().filter(|edge| connected.contains(edge.source.as_str())).collect();
        let mut waits: HashMap<&str, usize> = nodes
            .iter()
            .map(|node| (node.id.as_str(), edges.iter().filter(|edge| edge.target == node.id).count()))
            .collect();
        let mut values: HashMap<&str, Value> = HashMap::new();
        let mut ready: Vec<&Node> = nodes.iter().copied().filter(|node| waits[node.id.as_str()] == 0).collect();
        let mut under_way = FuturesUnordered::new();
        let mut steps = Vec::new();
        loop {
            for node in ready.drain(..) {
                let brought = edges
                    .iter()
                    .filter(|edge| edge.target == node.id)
                    .filter_map(|edge| Some((edge.field.clone(), values.get(edge.source.as_str())?.clone())))
                    .collect();
                under_way.push(self.step(node, brought));
            }
            let Some(ended) = under_way.next().await else { break };
            let (node, value, elapsed_ms) = ended?;
            steps.push(StepTrace { node: node.id.clone(), display_name: node.display_name.clone(), elapsed_ms });
            values.insert(node.id.as_str(), value);
            for edge in edges.iter().filter(|edge| edge.source == node.id) {
                if let Some(count) = waits.get_mut(edge.target.as_str()) {
                    *count -= 1;
                    if *count == 0 {
                        ready.extend(nodes.iter().copied().filter(|node| node.id == edge.target));
                    }
                }
            }
        }
        let messages: Vec<OutputMessage> = nodes
            .iter()
            .filter(|node| is_output(node))
            .filter_map(|node| Some(OutputMessage { node: node.id.clone(), text: values.get(node.id.as_str())?.as_text() }))
            .collect();
        let text = messages.first().map(|message| message.text.clone()).unwrap_or_default();
        if self.streamed.load(Ordering::Relaxed) == 0 && !text.is_empty() {
            self.events.event(Event::Token(text.clone())).await;
        }
        Ok(RunOutput { text, messages, usage: *self.usage.lock().await, steps })
    }

    async fn step<'n>(&self, node: &'n Node, edges: Vec<(String, Value)>) -> Result<(&'n Node, Value, u64), RunError> {
        self.events.event(Event::Step(node.display_name.clone())).await;
        let began = Instant::now();
        let live = self.feeds_the_answer(node);
        let value = components::run(self, &Inputs { node, edges }, live).await?;
        if self.bytes.fetch_add(value.bytes(), Ordering::Relaxed) + value.bytes() > self.engine.limits.bytes {
            return Err(RunError::LimitExceeded("bytes"));
        }
        Ok((node, value, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }

    /// Tells whether a component's text is the answer, so that its pieces may go out as they come.
    fn feeds_the_answer(&self, node: &Node) -> bool {
        let first = self.flow.nodes.iter().find(|node| is_output(node));
        first.is_some_and(|output| {
            let mut sources = self.flow.edges.iter().filter(|edge| edge.target == output.id && edge.field == "input_value");
            sources.next().is_some_and(|edge| edge.source == node.id) && sources.next().is_none()
        })
    }

    /// Returns what a field holds when no edge brings anything: a tweak, a variable, or the export's value.
    pub(crate) fn stored(&self, node: &Node, name: &str) -> Result<Option<Value>, RunError> {
        for key in [&node.id, &node.display_name] {
            if let Some(value) = self.request.tweaks.get(key).and_then(|fields| fields.get(name)) {
                return Ok(Some(Value::Json(value.clone())));
            }
        }
        let Some(field) = node.fields.get(name).filter(|field| field.show || field.override_skip) else { return Ok(None) };
        if field.load_from_db && let Some(variable) = field.value.as_str().filter(|variable| !variable.is_empty()) {
            return match self.request.variables.get(variable) {
                Some(value) => Ok(Some(Value::Json(Json::String(value.clone())))),
                None => Err(RunError::Invalid(format!("{} needs the variable {variable}, which has no value", node.display_name))),
            };
        }
        let value = match (&field.value, field.kind.as_str()) {
            (Json::Null, _) => return Ok(None),
            // Langflow reads a typed backslash and n in a text as a line end.
            (Json::String(text), "str") => Json::String(text.replace("\\n", "\n")),
            (value, _) => value.clone(),
        };
        Ok(Some(Value::Json(value)))
    }

    /// Returns what was said before.
    pub(crate) async fn history(&self, most: usize) -> Result<Vec<Turn>, RunError> {
        let read = self.request.memory.history(&self.request.session_id, most).await;
        read.map_err(|error| RunError::Invalid(format!("the conversation could not be read: {error}")))
    }

    /// Returns what the buyer's documents say to the question.
    pub(crate) async fn knowledge(&self) -> Result<Vec<Passage>, RunError> {
        let found = self.request.knowledge.passages(&self.request.input, PASSAGES).await;
        found.map_err(|error| RunError::Invalid(format!("the documents could not be searched: {error}")))
    }

    /// Asks the model that a component names; a live answer goes out piece by piece.
    pub(crate) async fn ask(&self, choice: &ModelChoice, mut request: ModelRequest, live: bool) -> Result<String, RunError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) >= self.engine.limits.model_calls {
            return Err(RunError::LimitExceeded("model calls"));
        }
        let model = self.engine.models.resolve(choice)?;
        request.model.clone_from(&model.model);
        let answer = if live {
            model.provider.complete(&request, &Pieces { run: self }).await?
        } else {
            model.provider.complete(&request, &NoTokens).await?
        };
        self.usage.lock().await.add(answer.usage);
        Ok(answer.text)
    }
}

/// Passes the pieces of an answer on.
struct Pieces<'p, 'r> {
    run: &'p Running<'r>,
}

#[async_trait]
impl TokenSink for Pieces<'_, '_> {
    async fn token(&self, piece: &str) -> Result<(), ModelError> {
        self.run.streamed.fetch_add(piece.len() as u64, Ordering::Relaxed);
        self.run.events.event(Event::Token(piece.to_owned())).await;
        Ok(())
    }
}

fn is_output(node: &Node) -> bool {
    matches!(plain_type(&node.component), "ChatOutput" | "TextOutput")
}

/// Returns what is connected to the input: what it reaches, and what that needs.
fn connected(flow: &Flow) -> HashSet<&str> {
    let start = ["ChatInput", "Webhook", "TextInput"]
        .iter()
        .find_map(|name| flow.nodes.iter().find(|node| plain_type(&node.component) == *name));
    let mut found: HashSet<&str> = start.iter().map(|node| node.id.as_str()).collect();
    let mut open: Vec<&str> = found.iter().copied().collect();
    while let Some(id) = open.pop() {
        for edge in flow.edges.iter().filter(|edge| edge.source == id) {
            if found.insert(edge.target.as_str()) {
                open.push(edge.target.as_str());
            }
        }
    }
    let mut open: Vec<&str> = found.iter().copied().collect();
    while let Some(id) = open.pop() {
        for edge in flow.edges.iter().filter(|edge| edge.target == id) {
            if found.insert(edge.source.as_str()) {
                open.push(edge.source.as_str());
            }
        }
    }
    found
}
