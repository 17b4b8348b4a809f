//! What a component may use while it runs: its inputs, the run's models, memory and knowledge, the web, tools.
//!
//! Components reach models only through [`Call::complete`], the web through [`Call::fetch`] and tools through
//! [`Call::use_tool`], which count, limit and record; a component that went around them would escape the limits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use serde_json::{Map, Value as Json};
use tokio::{sync::OnceCell, time::Instant};

use super::{
    Engine, Event, EventSink, Inputs, Limit, Limits, OutputMessage, Plan, RunError, RunRequest, StepTrace, WrittenFile,
    plan::Planned,
    schedule,
    trace::{Spent, Tracer},
    tweaks::Tweaked,
};
use crate::{
    components::{Outputs, human_input::Decided},
    flow::{Flow, Node},
    memory::{NoMemory, Role, Turn},
    model::{ModelAnswer, ModelChoice, ModelError, ModelRequest, Resolved, TokenSink, Usage},
    retrieve::Passage,
    tool::{Tool, shown_to_model},
    value::{Data, Value},
    web::{WebError, WebRequest, WebResponse},
};

/// How many passages of knowledge a model is given.
const PASSAGES: usize = 6;
/// How many messages of history are given to a model that asks for them.
const HISTORY: usize = 12;
/// How many texts one request to an embedding model carries.
const EMBEDDED_AT_ONCE: usize = 64;
/// How long it may take to tell of the steps that a run's end cut off.
const TELLING: Duration = Duration::from_millis(200);

/// What is common to all components of a run.
pub(crate) struct Context<'r> {
    pub(crate) request: &'r RunRequest,
    pub(crate) events: &'r dyn EventSink,
    pub(crate) limits: Limits,
    engine: &'r Engine,
    began: Instant,
    spent: Arc<Counted>,
    streamed: Mutex<String>,
    knowledge: OnceCell<Vec<Passage>>,
    pub(super) tracer: Tracer,
    inner_messages: Mutex<Vec<OutputMessage>>,
    /// The flows that it may run.
    flows: &'r [Flow],
    /// Whether a person hears what it says; nobody hears a flow that is a tool.
    is_heard: bool,
    /// What a person has decided in earlier runs, by node, and which nodes do not run again for that.
    decided: BTreeMap<String, Decided>,
    settled: Vec<bool>,
}

/// What a run took so far, the flows that it runs inside of it included.
#[derive(Default)]
struct Counted {
    model_calls: AtomicUsize,
    tool_calls: AtomicUsize,
    iterations: AtomicUsize,
    held: AtomicUsize,
    usage: Mutex<Usage>,
    steps: Mutex<Vec<StepTrace>>,
    /// The steps that have begun and not ended, each with when it began.
    under_way: Mutex<Vec<StepTrace>>,
    files: Mutex<Vec<WrittenFile>>,
    /// What was added to knowledge bases, by their names.
    added: Mutex<HashMap<String, Vec<Addition>>>,
}

/// A text that was added to a knowledge base, and what is known of it.
pub(crate) type Addition = (String, Map<String, Json>);

impl<'r> Context<'r> {
    pub(super) fn new(
        request: &'r RunRequest,
        events: &'r dyn EventSink,
        engine: &'r Engine,
        flows: &'r [Flow],
    ) -> Self {
        Self {
            request,
            events,
            limits: engine.limits,
            engine,
            began: Instant::now(),
            spent: Arc::default(),
            streamed: Mutex::default(),
            knowledge: OnceCell::new(),
            tracer: Tracer::new(request.trace, &request.variables),
            inner_messages: Mutex::default(),
            flows,
            is_heard: true,
            decided: BTreeMap::new(),
            settled: Vec::new(),
        }
    }

    /// Goes on with what a person has decided: what only led to the questions does not run again.
    pub(super) fn resuming(self, decided: BTreeMap<String, Decided>, settled: Vec<bool>) -> Self {
        Self { decided, settled, ..self }
    }

    /// Tells whether a node of the plan has had its turn in an earlier run.
    pub(super) fn is_settled(&self, index: usize) -> bool {
        self.settled.get(index).copied().unwrap_or(false)
    }

    /// Makes the context of a flow that this one runs: another request, and what it takes counts here.
    fn inside<'i>(&'i self, request: &'i RunRequest, events: &'i dyn EventSink) -> Context<'i> {
        Context {
            began: self.began,
            spent: self.spent.clone(),
            ..Context::new(request, events, self.engine, self.flows)
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn usage(&self) -> Usage {
        *lock(&self.spent.usage)
    }

    /// Returns what was already handed on as tokens.
    pub(super) fn streamed(&self) -> String {
        lock(&self.streamed).clone()
    }

    /// Records a component that begins, or a tool that is used.
    pub(super) fn begun(&self, step: &StepTrace) {
        lock(&self.spent.under_way).push(step.clone());
    }

    /// Records what ended.
    pub(super) async fn finished(&self, trace: StepTrace) {
        {
            let mut under_way = lock(&self.spent.under_way);
            let is_it = |step: &StepTrace| (&step.node, step.started_us) == (&trace.node, trace.started_us);
            if let Some(place) = under_way.iter().position(is_it) {
                under_way.swap_remove(place);
            }
        }
        lock(&self.spent.steps).push(trace.clone());
        self.events.event(Event::StepFinished(trace)).await;
    }

    /// Tells of the steps that were under way when the run ended without an answer.
    pub(super) async fn cut_off(&self, error: &RunError) {
        let mut steps = std::mem::take(&mut *lock(&self.spent.under_way));
        steps.sort_by_key(|step| step.started_us);
        let now = micros(self.elapsed());
        let telling = async {
            for step in steps {
                let duration_us = now.saturating_sub(step.started_us);
                let error = Some(format!("not finished when the run ended: {}", error.without_texts()));
                self.events.event(Event::StepFinished(StepTrace { duration_us, error, ..step })).await;
            }
        };
        // Whoever does not listen any more does not keep the run from ending.
        let _ = tokio::time::timeout(TELLING, telling).await;
    }

    /// Returns what ran.
    pub(super) fn steps(&self) -> Vec<StepTrace> {
        std::mem::take(&mut *lock(&self.spent.steps))
    }

    /// Keeps what an output inside of a loop said.
    pub(super) fn said_inside(&self, messages: Vec<OutputMessage>) {
        lock(&self.inner_messages).extend(messages);
    }

    /// Returns what outputs inside of loops said.
    pub(super) fn inner_messages(&self) -> Vec<OutputMessage> {
        std::mem::take(&mut *lock(&self.inner_messages))
    }

    /// Returns what was written.
    pub(super) fn files(&self) -> Vec<WrittenFile> {
        std::mem::take(&mut *lock(&self.spent.files))
    }

    /// Counts what a component produced.
    pub(super) fn hold(&self, bytes: usize) -> Result<(), RunError> {
        let held = self.spent.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held > self.limits.held_bytes {
            return Err(RunError::Limit(Limit::HeldBytes(self.limits.held_bytes)));
        }
        Ok(())
    }

    /// Counts a round of a loop.
    pub(super) fn iterate(&self) -> Result<(), RunError> {
        if self.spent.iterations.fetch_add(1, Ordering::Relaxed) >= self.limits.loop_iterations {
            return Err(RunError::Limit(Limit::LoopIterations(self.limits.loop_iterations)));
        }
        Ok(())
    }

    /// Counts a question to a model.
    fn ask_model(&self) -> Result<(), ComponentError> {
        if self.spent.model_calls.fetch_add(1, Ordering::Relaxed) >= self.limits.model_calls {
            return Err(limit(Limit::ModelCalls(self.limits.model_calls)));
        }
        Ok(())
    }

    /// Counts tokens that a model took.
    fn used(&self, more: Usage) -> Result<(), ComponentError> {
        let used = {
            let mut usage = lock(&self.spent.usage);
            usage.add(more);
            usage.input_tokens.saturating_add(usage.output_tokens)
        };
        if used > self.limits.tokens {
            return Err(limit(Limit::Tokens(self.limits.tokens)));
        }
        Ok(())
    }

    async fn knowledge(&self) -> Result<Vec<Passage>, ComponentError> {
        let Some(retriever) = &self.request.knowledge else {
            return Ok(Vec::new());
        };
        let found = self.knowledge.get_or_try_init(|| retriever.passages(&self.request.input, PASSAGES)).await;
        found.cloned().map_err(|error| ComponentError::Failed(format!("the knowledge could not be searched: {error}")))
    }

    /// Returns what was said before this message.
    async fn before(&self, most: usize) -> Result<Vec<Turn>, ComponentError> {
        let mut turns = self.history(most.saturating_add(1)).await?;
        // The chat input has already added what was said now.
        if turns.last().is_some_and(|it| it.role == Role::User && it.text == self.request.input) {
            turns.pop();
        }
        turns.drain(..turns.len().saturating_sub(most));
        Ok(turns)
    }

    async fn history(&self, most: usize) -> Result<Vec<Turn>, ComponentError> {
        let most = most.min(self.limits.history_messages);
        self.request
            .memory
            .history(&self.request.session_id, most)
            .await
            .map_err(|error| ComponentError::Failed(format!("the conversation could not be read: {error}")))
    }
}

/// Why a component failed. The engine adds which one.
#[derive(Debug)]
pub(crate) enum ComponentError {
    /// For its own reason.
    Failed(String),
    /// Because of its model.
    Model(ModelError),
    /// Because of the run: a limit.
    Run(RunError),
}

impl std::fmt::Display for ComponentError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(message) => out.write_str(message),
            Self::Model(error) => error.fmt(out),
            Self::Run(error) => error.fmt(out),
        }
    }
}

/// One component at work.
pub(crate) struct Call<'c> {
    /// The node.
    pub(crate) node: &'c Node,
    /// Its inputs.
    pub(crate) inputs: Inputs,
    /// The outputs that somebody reads; none when nobody does, and then all are wanted.
    wanted: Vec<&'c str>,
    speaks: bool,
    streams: bool,
    /// Whether an agent called it.
    is_tool: bool,
    context: &'c Context<'c>,
    spent: Arc<Mutex<Spent>>,
}

/// One use of a tool: where, with what, and who pays.
#[derive(Clone)]
pub(crate) struct ToolUse<'c> {
    /// The run.
    pub(crate) context: &'c Context<'c>,
    /// What a model wrote; the value is shown to the model.
    pub(crate) arguments: &'c Map<String, Json>,
    spent: Arc<Mutex<Spent>>,
}

impl<'c> Call<'c> {
    pub(super) fn new(planned: &'c Planned<'_>, inputs: Inputs, context: &'c Context<'c>) -> Self {
        Self {
            node: planned.node,
            inputs,
            wanted: planned.wanted.clone(),
            speaks: planned.speaks,
            streams: planned.streams,
            is_tool: false,
            context,
            spent: Arc::default(),
        }
    }

    /// Makes the call of a tool: one output, of a component that nobody hears.
    pub(crate) fn tool(node: &'c Node, inputs: Inputs, output: &'c str, used: &ToolUse<'c>) -> Self {
        Self {
            node,
            inputs,
            wanted: vec![output],
            speaks: false,
            streams: false,
            is_tool: true,
            context: used.context,
            spent: used.spent.clone(),
        }
    }

    /// Returns the request of the run.
    pub(crate) fn request(&self) -> &RunRequest {
        self.context.request
    }

    /// Returns what a person has decided at this node.
    pub(crate) fn decided(&self) -> Option<&Decided> {
        self.context.decided.get(&self.node.id)
    }

    /// Tells whether anything reads what it gives.
    pub(crate) fn has_followers(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Tells whether an agent called it.
    pub(crate) fn is_tool(&self) -> bool {
        self.is_tool
    }

    /// Tells whether its model's words reach the caller as they come.
    pub(crate) fn streams(&self) -> bool {
        self.streams && self.context.request.stream
    }

    /// Tells whether an output has to be computed.
    pub(crate) fn wants(&self, output: &str) -> bool {
        self.wanted.is_empty() || self.wanted.contains(&output)
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> SystemTime {
        (self.context.engine.clock)()
    }

    /// Finds the model that serves a choice.
    pub(crate) fn model(&self, choice: &ModelChoice) -> Result<Resolved, ComponentError> {
        self.context.engine.models.resolve(choice).map_err(ComponentError::Model)
    }

    /// Asks a model. Persona and knowledge are added for the model that the person hears.
    pub(crate) async fn complete(
        &self,
        model: &Resolved,
        request: ModelRequest,
    ) -> Result<ModelAnswer, ComponentError> {
        self.ask(model, request, self.speaks && self.context.is_heard, self.streams()).await
    }

    /// Asks a model about what the person does not hear, though the component speaks.
    pub(crate) async fn consider(
        &self,
        model: &Resolved,
        request: ModelRequest,
    ) -> Result<ModelAnswer, ComponentError> {
        self.ask(model, request, false, false).await
    }

    async fn ask(
        &self,
        model: &Resolved,
        mut request: ModelRequest,
        speaks: bool,
        streams: bool,
    ) -> Result<ModelAnswer, ComponentError> {
        let context = self.context;
        context.ask_model()?;
        request.model.clone_from(&model.model);
        request.question.clone_from(&context.request.input);
        request.stream |= streams;
        if speaks {
            request.persona = context.request.persona.clone();
            request.knowledge = context.knowledge().await?;
            if model.provider.wants_history() {
                request.history = context.before(HISTORY).await?;
            }
        }
        let sink = Tokens { context, streams };
        let asked = context.elapsed();
        let answer = model.provider.complete(&request, &sink).await;
        {
            let mut spent = lock(&self.spent);
            spent.model_calls += 1;
            spent.model_us = spent.model_us.saturating_add(micros(context.elapsed().saturating_sub(asked)));
            if let Ok(answer) = &answer {
                spent.usage.get_or_insert_default().add(answer.usage);
                spent.model = Some(answer.model.clone()).filter(|it| !it.is_empty());
            }
        }
        let answer = answer.map_err(ComponentError::Model)?;
        context.used(answer.usage)?;
        if answer.text.len() > context.limits.held_bytes {
            return Err(limit(Limit::AnswerBytes(context.limits.held_bytes)));
        }
        Ok(answer)
    }

    /// Returns the flows that it may run.
    pub(crate) fn flows(&self) -> &'c [Flow] {
        self.context.flows
    }

    /// Runs another flow inside of this run and returns what each of its nodes gave.
    pub(crate) async fn run_flow(
        &self,
        flow: &Flow,
        said: String,
        tweaks: Tweaked,
    ) -> Result<Vec<(String, Arc<Outputs>)>, ComponentError> {
        let outer = self.context;
        // A flow that runs two that run two others takes long without asking anybody.
        outer.iterate().map_err(ComponentError::Run)?;
        let plan = Plan::inner(flow).map_err(ComponentError::Run)?;
        let request = RunRequest { input: said, memory: Arc::new(NoMemory), stream: false, ..outer.request.clone() };
        let quiet = Quiet(outer.events);
        let context = Context { is_heard: outer.is_heard && self.speaks, ..outer.inside(&request, &quiet) };
        schedule::run_inner(&plan, &tweaks, &context).await.map_err(ComponentError::Run)
    }

    /// Tells whether there is a model that turns texts into numbers.
    pub(crate) fn can_embed(&self) -> bool {
        self.context.engine.embedder.is_some()
    }

    /// Turns texts into numbers, in their order; each request of [`EMBEDDED_AT_ONCE`] counts as a question to a model.
    pub(crate) async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, ComponentError> {
        let context = self.context;
        let Some(embedder) = &context.engine.embedder else {
            return Err(ComponentError::Failed("no embedding model is set up here".into()));
        };
        let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        for batch in texts.chunks(EMBEDDED_AT_ONCE) {
            context.ask_model()?;
            let asked = context.elapsed();
            let answer = embedder.embed(batch).await;
            let usage = Usage { input_tokens: answer.as_ref().map_or(0, |it| it.tokens), ..Usage::default() };
            {
                let mut spent = lock(&self.spent);
                spent.model_calls += 1;
                spent.model_us = spent.model_us.saturating_add(micros(context.elapsed().saturating_sub(asked)));
                if usage.input_tokens > 0 {
                    spent.usage.get_or_insert_default().add(usage);
                }
            }
            let answer = answer.map_err(|error| ComponentError::Failed(error.to_string()))?.vectors;
            context.used(usage)?;
            if answer.len() != batch.len() {
                return Err(ComponentError::Failed("the embedding model answered with too few vectors".into()));
            }
            context.hold(answer.iter().map(|it| it.len() * size_of::<f32>()).sum()).map_err(ComponentError::Run)?;
            vectors.extend(answer);
        }
        let dimensions = vectors.first().map_or(0, Vec::len);
        if dimensions == 0 && !texts.is_empty() || vectors.iter().any(|it| it.len() != dimensions) {
            return Err(ComponentError::Failed("the vectors of the embedding model differ in their dimensions".into()));
        }
        Ok(vectors)
    }

    /// Hands on a piece of the answer that no model streamed.
    pub(crate) async fn say(&self, piece: &str) -> Result<(), ComponentError> {
        let sink = Tokens { context: self.context, streams: self.streams() };
        sink.token(piece).await.map_err(ComponentError::Model)
    }

    /// Uses a tool and returns what the model is told of it. What the tool could not do is told, too; only what
    /// ends the whole run is an error.
    pub(crate) async fn use_tool(&self, tool: &Tool, arguments: &Map<String, Json>) -> Result<String, ComponentError> {
        let context = self.context;
        if context.spent.tool_calls.fetch_add(1, Ordering::Relaxed) >= context.limits.tool_calls {
            return Err(limit(Limit::ToolCalls(context.limits.tool_calls)));
        }
        let (node, name) = (tool.node.clone(), tool.schema.name.clone());
        let started =
            Event::ToolStarted { node: node.clone(), tool: name.clone(), arguments: Json::Object(arguments.clone()) };
        context.events.event(started).await;
        let given = || Value::Json(Json::Object(arguments.clone()));
        let step = StepTrace {
            node: node.clone(),
            display_name: name.clone(),
            used_by: Some(self.node.id.clone()),
            started_us: micros(context.elapsed()),
            inputs: context.tracer.values([("arguments", &given())].into_iter()),
            ..StepTrace::default()
        };
        context.begun(&step);
        let used = ToolUse { context, arguments, spent: Arc::default() };
        let outcome = tool.runs.run(used.clone()).await;
        let duration_us = micros(context.elapsed()).saturating_sub(step.started_us);
        let step = lock(&used.spent).clone().into_step(StepTrace { duration_us, ..step });
        let (output, failed) = match outcome {
            Ok(value) => {
                let outputs = context.tracer.values([("output", &value)].into_iter());
                context.finished(StepTrace { outputs, ..step }).await;
                (shown_to_model(&value), false)
            }
            Err(ComponentError::Run(error)) => {
                context.finished(context.tracer.failed(&error, step)).await;
                return Err(ComponentError::Run(error));
            }
            Err(error) => {
                let (node, display_name, said) = (tool.node.clone(), name.clone(), error.to_string());
                let error = RunError::Node { node, display_name, message: said.clone() };
                context.finished(context.tracer.failed(&error, step)).await;
                (said, true)
            }
        };
        context.hold(output.len()).map_err(ComponentError::Run)?;
        let finished = Event::ToolFinished { node, tool: name, output: output.clone(), failed };
        context.events.event(finished).await;
        Ok(output)
    }

    /// Reads from the web, under the host's policy.
    pub(crate) async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        let response = self.context.engine.web.fetch(request).await?;
        tracing::debug!(web.status = response.status, web.bytes = response.body.len(), "a flow read from the web");
        Ok(response)
    }

    /// Asks a database of the host's.
    pub(crate) async fn query(&self, database: &str, query: &str) -> Result<Vec<Map<String, Json>>, ComponentError> {
        let rows = self.context.engine.databases.query(database, query).await;
        rows.map_err(|error| ComponentError::Failed(error.to_string()))
    }

    /// Searches the buyer's knowledge.
    pub(crate) async fn passages(&self, question: &str, most: usize) -> Result<Vec<Passage>, ComponentError> {
        let Some(retriever) = &self.context.request.knowledge else {
            return Ok(Vec::new());
        };
        let found = retriever.passages(question, most).await;
        found.map_err(|error| ComponentError::Failed(format!("the knowledge could not be searched: {error}")))
    }

    /// Returns what this run added to a knowledge base.
    pub(crate) fn added_to(&self, base: &str) -> Vec<Addition> {
        lock(&self.context.spent.added).get(base).cloned().unwrap_or_default()
    }

    /// Adds texts to a knowledge base, for the time of this run.
    pub(crate) fn add_to(&self, base: &str, new: Vec<Addition>) -> Result<(), ComponentError> {
        let bytes = new.iter().map(|(text, about)| text.len() + Value::data(Data::new(about.clone())).bytes()).sum();
        self.context.hold(bytes).map_err(ComponentError::Run)?;
        lock(&self.context.spent.added).entry(base.to_owned()).or_default().extend(new);
        Ok(())
    }

    /// Returns a file that the caller gave to the run.
    pub(crate) fn file(&self, name: &str) -> Option<Arc<[u8]>> {
        let files = &self.context.request.files;
        // Exports name files by the path that they had on another machine.
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        files.get(name).or_else(|| files.get(last)).cloned()
    }

    /// Hands a file to the caller.
    pub(crate) fn write(&self, file: WrittenFile) -> Result<(), ComponentError> {
        self.context.hold(file.content.len()).map_err(ComponentError::Run)?;
        lock(&self.context.spent.files).push(file);
        Ok(())
    }

    /// Returns the newest messages of the conversation, oldest first.
    pub(crate) async fn history(&self, most: usize) -> Result<Vec<Turn>, ComponentError> {
        self.context.history(most).await
    }

    /// Returns the newest messages that were said before this one, oldest first.
    pub(crate) async fn before(&self, most: usize) -> Result<Vec<Turn>, ComponentError> {
        self.context.before(most).await
    }

    /// Adds a message to the conversation.
    pub(crate) async fn remember(&self, turn: Turn) -> Result<(), ComponentError> {
        let request = self.context.request;
        // Without a session there is nobody whose conversation it could be.
        if request.session_id.is_empty() || turn.text.is_empty() {
            return Ok(());
        }
        request
            .memory
            .append(&request.session_id, turn)
            .await
            .map_err(|error| ComponentError::Failed(format!("the conversation could not be kept: {error}")))
    }

    pub(super) fn spent(&self) -> Spent {
        lock(&self.spent).clone()
    }
}

fn limit(limit: Limit) -> ComponentError {
    ComponentError::Run(RunError::Limit(limit))
}

/// Returns whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands on what happens in a flow that another one runs, except what it says.
struct Quiet<'e>(&'e dyn EventSink);

#[async_trait]
impl EventSink for Quiet<'_> {
    async fn event(&self, event: Event) {
        if !matches!(event, Event::Message(_) | Event::Token(_)) {
            self.0.event(event).await;
        }
    }
}

/// Hands tokens on to the caller and remembers that they were.
struct Tokens<'c> {
    context: &'c Context<'c>,
    streams: bool,
}

#[async_trait]
impl TokenSink for Tokens<'_> {
    async fn token(&self, piece: &str) -> Result<(), ModelError> {
        if self.streams && !piece.is_empty() {
            lock(&self.context.streamed).push_str(piece);
            self.context.events.event(Event::Token(piece.to_owned())).await;
        }
        Ok(())
    }
}
