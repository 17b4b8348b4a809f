//! What a component may use while it runs: its inputs, the run's models, memory and knowledge, the limits.
//!
//! Components reach models only through [`Call::complete`], which counts, limits, streams and records; a
//! component that called a provider itself would escape the limits.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::OnceCell, time::Instant};

use super::{Event, EventSink, Inputs, Limits, RunError, RunRequest, plan::Planned};
use crate::{
    flow::Node,
    memory::{Role, Turn},
    model::{ModelAnswer, ModelChoice, ModelError, ModelRequest, ModelResolver, Resolved, TokenSink, Usage},
    retrieve::Passage,
};

/// How many passages of knowledge a model is given.
const PASSAGES: usize = 6;
/// How many messages of history are given to a model that asks for them.
const HISTORY: usize = 12;

/// What is common to all components of a run.
pub(crate) struct Context<'r> {
    pub(crate) request: &'r RunRequest,
    pub(crate) events: &'r dyn EventSink,
    pub(crate) limits: Limits,
    models: &'r dyn ModelResolver,
    began: Instant,
    model_calls: AtomicUsize,
    held: AtomicUsize,
    usage: Mutex<Usage>,
    streamed: Mutex<String>,
    knowledge: OnceCell<Vec<Passage>>,
}

impl<'r> Context<'r> {
    pub(super) fn new(
        request: &'r RunRequest,
        events: &'r dyn EventSink,
        models: &'r dyn ModelResolver,
        limits: Limits,
    ) -> Self {
        Self {
            request,
            events,
            limits,
            models,
            began: Instant::now(),
            model_calls: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            usage: Mutex::default(),
            streamed: Mutex::default(),
            knowledge: OnceCell::new(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was already handed on as tokens.
    pub(super) fn streamed(&self) -> String {
        self.streamed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts what a component produced.
    pub(super) fn hold(&self, bytes: usize) -> Result<(), RunError> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held > self.limits.held_bytes {
            return Err(RunError::Limit(format!("its components produced more than {} bytes", self.limits.held_bytes)));
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
    async fn before(&self) -> Result<Vec<Turn>, ComponentError> {
        let mut turns = self.history(HISTORY).await?;
        // The chat input has already added what was said now.
        if turns.last().is_some_and(|it| it.role == Role::User && it.text == self.request.input) {
            turns.pop();
        }
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

/// One component at work.
pub(crate) struct Call<'c> {
    /// The node.
    pub(crate) node: &'c Node,
    /// Its inputs.
    pub(crate) inputs: Inputs,
    /// The outputs that somebody reads; none when nobody does, and then all are wanted.
    wanted: &'c [&'c str],
    speaks: bool,
    streams: bool,
    context: &'c Context<'c>,
    spent: Mutex<(Option<Usage>, Option<String>)>,
}

impl<'c> Call<'c> {
    pub(super) fn new(planned: &'c Planned<'_>, inputs: Inputs, context: &'c Context<'c>) -> Self {
        Self {
            node: planned.node,
            inputs,
            wanted: &planned.wanted,
            speaks: planned.speaks,
            streams: planned.streams,
            context,
            spent: Mutex::default(),
        }
    }

    /// Returns the request of the run.
    pub(crate) fn request(&self) -> &RunRequest {
        self.context.request
    }

    /// Tells whether an output has to be computed.
    pub(crate) fn wants(&self, output: &str) -> bool {
        self.wanted.is_empty() || self.wanted.contains(&output)
    }

    /// Finds the model that serves a choice.
    pub(crate) fn model(&self, choice: &ModelChoice) -> Result<Resolved, ComponentError> {
        self.context.models.resolve(choice).map_err(ComponentError::Model)
    }

    /// Asks a model. Persona and knowledge are added for the model that the person hears.
    pub(crate) async fn complete(
        &self,
        model: &Resolved,
        mut request: ModelRequest,
    ) -> Result<ModelAnswer, ComponentError> {
        let context = self.context;
        let calls = context.model_calls.fetch_add(1, Ordering::Relaxed) + 1;
        if calls > context.limits.model_calls {
            return Err(limit(format!("it asked its models more than {} times", context.limits.model_calls)));
        }
        if context.usage().input_tokens + context.usage().output_tokens > context.limits.tokens {
            return Err(limit(format!("its models used more than {} tokens", context.limits.tokens)));
        }
        request.model.clone_from(&model.model);
        request.question.clone_from(&context.request.input);
        request.stream = self.streams && context.request.stream;
        if self.speaks {
            request.persona = context.request.persona.clone();
            request.knowledge = context.knowledge().await?;
            if model.provider.wants_history() {
                request.history = context.before().await?;
            }
        }
        let sink = Tokens { context, streams: request.stream };
        let answer = model.provider.complete(&request, &sink).await.map_err(ComponentError::Model)?;
        if answer.text.len() > context.limits.held_bytes {
            return Err(limit(format!("its model wrote more than {} bytes", context.limits.held_bytes)));
        }
        context.usage.lock().unwrap_or_else(PoisonError::into_inner).add(answer.usage);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.0.get_or_insert_default().add(answer.usage);
        spent.1 = Some(answer.model.clone()).filter(|it| !it.is_empty());
        drop(spent);
        Ok(answer)
    }

    /// Returns the newest messages of the conversation, oldest first.
    pub(crate) async fn history(&self, most: usize) -> Result<Vec<Turn>, ComponentError> {
        self.context.history(most).await
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

    pub(super) fn spent(&self) -> (Option<Usage>, Option<String>) {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn limit(message: String) -> ComponentError {
    ComponentError::Run(RunError::Limit(message))
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
            self.context.streamed.lock().unwrap_or_else(PoisonError::into_inner).push_str(piece);
            self.context.events.event(Event::Token(piece.to_owned())).await;
        }
        Ok(())
    }
}
