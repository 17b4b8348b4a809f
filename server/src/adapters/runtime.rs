//! Our own flow engine as the `AgentRuntime` port.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::FlowVersionId;
use domain::view::agent::{FlowClass, FlowNode, FlowReport, RemoteRuntime};
use domain::view::knowledge::{Citation, FoundPassage};
use domain::view::trace::{TraceStep, TraceValue};
use flow::{
    Anthropic, EmbedError, Embedded, Engine, Event, EventSink, Flow, Gemini, GuardedWeb, ModelProvider, ModelSet,
    NodeClass, Ollama, OpenAiCompatible, Passage, RetrieveError, Retriever, RunError, TurnsMemory, Verdict, WebPolicy,
};
use knowledge::{Embedder, Language};
use services::ports::{
    AgentRuntime, ImportRefused, ImportedFlow, KnowledgeBase, KnowledgeQuery, KnowledgeSource, Provision, RunEvent,
    RunOutput, RunRequest, RuntimeChoice, RuntimeError, TraceDetail,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::kept::KeptFlows;
use crate::config::{ModelSection, WebSection};

/// Flows that are kept read.
const KEPT: usize = 1000;
/// Characters of a passage that a citation shows.
const CITED: usize = 280;

/// Runs flows in this process.
#[derive(Debug)]
pub struct EmbeddedRuntime {
    engine: Engine,
    flows: KeptFlows<Flow>,
    /// The buyers' documents.
    knowledge: Option<Arc<dyn KnowledgeBase>>,
}

/// Builds the engine with the model that the settings name; without one the built-in answerer answers.
pub fn engine(model: &ModelSection, web: &WebSection) -> anyhow::Result<Engine> {
    let models = if model.base_url.is_empty() {
        ModelSet::offline()
    } else {
        let set = ModelSet::new(provider(model)?, model.name.clone());
        // Without a name of ours, the endpoint is asked for the model that the flow names.
        if model.name.is_empty() { set.keeping_flow_models() } else { set }
    };
    let engine = Engine::new(Arc::new(models));
    // An engine that is given no client reads nothing.
    Ok(if web.enabled { engine.with_web(Arc::new(GuardedWeb::new(policy(web))?)) } else { engine })
}

/// The model that documents are searched with, for flows.
#[derive(Debug)]
pub struct Meanings(pub Arc<dyn Embedder>);

#[async_trait]
impl flow::Embedder for Meanings {
    async fn embed(&self, texts: &[&str]) -> Result<Embedded, EmbedError> {
        let mut all = Embedded { vectors: Vec::with_capacity(texts.len()), tokens: 0 };
        for batch in texts.chunks(knowledge::embed::BATCH) {
            let answer = self.0.embed_counted(batch).await;
            let (vectors, tokens) = answer.map_err(|error| EmbedError(error.to_string()))?;
            all.vectors.extend(vectors);
            all.tokens = all.tokens.saturating_add(tokens);
        }
        Ok(all)
    }
}

/// What the operator's settings let flows read.
fn policy(web: &WebSection) -> WebPolicy {
    WebPolicy {
        only: (!web.allow.is_empty()).then(|| web.allow.clone()),
        never: web.deny.clone(),
        private: web.private.clone(),
        timeout: Duration::from_secs(web.timeout_seconds),
        bytes: web.max_bytes,
        ..WebPolicy::default()
    }
}

/// Finds out from its address which way of speaking an endpoint has; most speak OpenAI's.
fn provider(model: &ModelSection) -> anyhow::Result<Arc<dyn ModelProvider>> {
    let (address, key) = (model.base_url.trim_end_matches('/'), model.api_key.clone());
    let host = address.split("://").nth(1).unwrap_or(address).split('/').next().unwrap_or_default();
    // Google and Ollama also have an OpenAI-compatible way, under a path that says so.
    let is_compatible = address.ends_with("/openai") || address.ends_with("/v1");
    Ok(match host {
        "api.anthropic.com" => Arc::new(Anthropic::new(address.trim_end_matches("/v1"), key)?),
        "generativelanguage.googleapis.com" if !is_compatible => Arc::new(Gemini::new(address, key)?),
        host if host.ends_with(":11434") && !is_compatible => Arc::new(Ollama::new(address, key)?),
        _ => Arc::new(OpenAiCompatible::new(address, key)?),
    })
}

impl EmbeddedRuntime {
    /// Makes the runtime.
    pub fn new(model: &ModelSection, web: &WebSection) -> anyhow::Result<Self> {
        Ok(Self { engine: engine(model, web)?, flows: KeptFlows::new(KEPT), knowledge: None })
    }

    /// Lets flows search buyers' documents.
    #[must_use]
    pub fn with_knowledge(mut self, knowledge: Arc<dyn KnowledgeBase>) -> Self {
        self.knowledge = Some(knowledge);
        self
    }

    /// Lets flows ask the model that documents are searched with.
    #[must_use]
    pub fn with_embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.engine = self.engine.with_embedder(Arc::new(Meanings(embedder)));
        self
    }

    fn flow(&self, version: FlowVersionId, stored: &serde_json::Value) -> Result<Arc<Flow>, RuntimeError> {
        self.flows.get(version, || serde_json::from_value(stored.clone()))
    }
}

#[async_trait]
impl AgentRuntime for EmbeddedRuntime {
    async fn import(&self, export: &[u8], _: RuntimeChoice) -> Result<ImportedFlow, ImportRefused> {
        let (flow::Imported { flow, .. }, report) = read(export)?;
        let flow = serde_json::to_value(&flow).map_err(|error| ImportRefused(error.to_string()))?;
        Ok(ImportedFlow { flow, report })
    }

    async fn provision(&self, run: &Provision) -> Result<(), RuntimeError> {
        let flow = self.flow(run.flow_version, &run.flow)?;
        let report = flow::check(&flow);
        if report.verdict == Verdict::Native {
            Ok(())
        } else {
            Err(RuntimeError::Refused("the flow has components that do not run here".to_owned()))
        }
    }

    async fn run(
        &self,
        request: RunRequest,
        events: mpsc::Sender<RunEvent>,
        cancel: CancellationToken,
    ) -> Result<RunOutput, RuntimeError> {
        let flow = self.flow(request.flow_version, &request.flow)?;
        let turns = turns(request.history);
        let documents = request.knowledge.zip(self.knowledge.clone());
        let documents = documents.map(|(source, base)| Arc::new(Documents::new(base, source)));
        let run = flow::RunRequest {
            timeout: Some(request.timeout),
            knowledge: documents.clone().map(|documents| documents as Arc<dyn Retriever>),
            tweaks: request.tweaks,
            memory: Arc::new(TurnsMemory::new(turns)),
            persona: persona(request.persona),
            trace: match request.trace {
                TraceDetail::None => flow::TraceDetail::Times,
                TraceDetail::Shapes => flow::TraceDetail::Shapes,
                TraceDetail::Texts => flow::TraceDetail::Texts,
            },
            ..flow::RunRequest::new(request.input, request.session_id)
        };
        let passed = Passed { events: events.clone(), traces: request.trace != TraceDetail::None };
        let output = tokio::select! {
            // An answer that is whole wins over a reader who has just left.
            biased;
            output = self.engine.run(&flow, run, &passed, cancel) => output.map_err(failed)?,
            () = events.closed() => return Err(RuntimeError::Cancelled),
        };
        let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let (citations, found_nothing) = documents.map(|it| it.cited(&output.text)).unwrap_or_default();
        Ok(RunOutput {
            citations,
            found_nothing,
            text: output.text,
            input_tokens: tokens(output.usage.input_tokens),
            output_tokens: tokens(output.usage.output_tokens),
        })
    }

    async fn health(&self) -> Result<(), RuntimeError> {
        Ok(())
    }
}

/// Turns the conversation into what the flow crate reads.
pub(super) fn turns(history: Vec<services::ports::Turn>) -> Vec<flow::Turn> {
    let turn = |turn: services::ports::Turn| {
        if turn.agent { flow::Turn::agent(turn.text) } else { flow::Turn::user(turn.text) }
    };
    history.into_iter().map(turn).collect()
}

/// Turns the persona into what the flow crate reads.
pub(super) fn persona(persona: services::ports::Persona) -> flow::Persona {
    let services::ports::Persona { name, tone, greeting, instructions } = persona;
    flow::Persona { name, tone, greeting, instructions }
}

/// The documents of one run, as it asks them: each passage has a number, by which a model can name it.
#[derive(Debug)]
struct Documents {
    base: Arc<dyn KnowledgeBase>,
    source: KnowledgeSource,
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    asked: bool,
    passages: Vec<FoundPassage>,
}

impl Documents {
    fn new(base: Arc<dyn KnowledgeBase>, source: KnowledgeSource) -> Self {
        Self { base, source, given: Mutex::default() }
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what an answer is from, and whether the documents were asked in vain.
    fn cited(&self, answer: &str) -> (Vec<Citation>, bool) {
        let given = self.given();
        let texts: Vec<(&str, Language)> =
            given.passages.iter().map(|passage| (passage.text.as_str(), Language::detect(&passage.text))).collect();
        let citations = knowledge::cited(answer, &texts).into_iter().map(|place| {
            let passage = &given.passages[place];
            Citation {
                number: i64::try_from(place + 1).unwrap_or(i64::MAX),
                document_id: passage.document_id,
                passage_id: passage.id,
                name: passage.document_name.clone(),
                page: passage.page,
                url: passage.document_url.clone(),
                text: passage.text.chars().take(CITED).collect(),
            }
        });
        (citations.collect(), given.asked && given.passages.is_empty())
    }
}

#[async_trait]
impl Retriever for Documents {
    async fn passages(&self, question: &str, most: usize) -> Result<Vec<Passage>, RetrieveError> {
        let query = KnowledgeQuery { text: question.to_owned(), most, documents: Vec::new() };
        let found = match &self.source {
            KnowledgeSource::Base(scope) => self.base.search(*scope, &query).await,
            KnowledgeSource::Loose(passages) => self.base.search_loose(passages, &query).await,
        };
        let found = found.map_err(|error| {
            tracing::warn!(%error, "documents could not be searched");
            RetrieveError("they cannot be searched at the moment".to_owned())
        })?;
        let mut given = self.given();
        given.asked = true;
        let mut passages = Vec::with_capacity(found.len());
        for passage in found {
            let known = given.passages.iter().position(|known| known.id == passage.id);
            let place = known.unwrap_or_else(|| {
                given.passages.push(passage.clone());
                given.passages.len() - 1
            });
            let mut title = format!("[{}] {}", place + 1, passage.document_name);
            for heading in passage.headings.iter().filter(|heading| **heading != passage.document_name) {
                title.push_str(" › ");
                title.push_str(heading);
            }
            if let Some(page) = passage.page {
                title.push_str(&format!(", page {page}"));
            }
            passages.push(Passage { title, text: passage.text, url: passage.document_url });
        }
        Ok(passages)
    }
}

/// Passes events on to a caller who may have gone away.
struct Passed {
    events: mpsc::Sender<RunEvent>,
    traces: bool,
}

#[async_trait]
impl EventSink for Passed {
    async fn event(&self, event: Event) {
        let event = match event {
            Event::Token(text) => RunEvent::Token(text),
            Event::StepStarted { display_name, .. } => RunEvent::Step(display_name),
            Event::ToolStarted { tool, .. } => RunEvent::Step(tool),
            Event::StepFinished(step) if self.traces => RunEvent::StepEnded(Box::new(traced(step))),
            _ => return,
        };
        let _ = self.events.send(event).await;
    }
}

/// Turns a step into what is kept of it.
fn traced(step: flow::StepTrace) -> TraceStep {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let value = |value: flow::StepValue| TraceValue {
        name: value.name,
        kind: value.kind,
        bytes: i64::try_from(value.bytes).unwrap_or(i64::MAX),
        text: value.text,
    };
    let usage = step.usage.unwrap_or_default();
    TraceStep {
        node: step.node,
        name: step.display_name,
        component: step.component,
        used_by: step.used_by,
        started_us: whole(step.started_us),
        duration_us: whole(step.duration_us),
        model_us: whole(step.model_us),
        model_calls: step.model_calls.into(),
        model: step.model,
        input_tokens: whole(usage.input_tokens),
        output_tokens: whole(usage.output_tokens),
        inputs: step.inputs.into_iter().map(value).collect(),
        outputs: step.outputs.into_iter().map(value).collect(),
        error: step.error,
        error_detail: step.error_detail,
    }
}

/// Reads an export and says what our engine makes of it.
pub(super) fn read(export: &[u8]) -> Result<(flow::Imported, FlowReport), ImportRefused> {
    let refused = |error: flow::ImportError| ImportRefused(error.to_string());
    let imported = flow::parse(export).map_err(refused)?.single().map_err(refused)?;
    let report = view(flow::check(&imported.flow));
    Ok((imported, report))
}

/// Says what went wrong without telling a buyer what is inside the provider's flow.
pub(super) fn failed(error: RunError) -> RuntimeError {
    match error {
        RunError::Input(_) | RunError::Tweaks { .. } => RuntimeError::Refused(error.to_string()),
        RunError::Timeout(_) => RuntimeError::Timeout("The agent did not answer in time.".to_owned()),
        RunError::Cancelled => RuntimeError::Cancelled,
        RunError::Invalid(_)
        | RunError::Unsupported { .. }
        | RunError::Variable { .. }
        | RunError::Node { .. }
        | RunError::Model { .. } => {
            tracing::warn!(error = services::error::chain(&error), "a flow failed");
            RuntimeError::Failed("The agent could not answer. Try again in a moment.".to_owned())
        }
        // What it went past is for its provider to mend: another try ends the same way.
        RunError::Limit(limit) => {
            tracing::warn!(error = %limit, "a flow went past a limit");
            RuntimeError::Failed(format!("The agent went past what one answer may take: {limit}."))
        }
    }
}

fn view(report: flow::Report) -> FlowReport {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    FlowReport {
        verdict: match report.verdict {
            Verdict::Native => FlowClass::Native,
            Verdict::Review => FlowClass::Review,
            Verdict::Unsupported => FlowClass::Unsupported,
            Verdict::Invalid => FlowClass::Invalid,
        },
        flow_name: report.flow_name,
        node_count: count(report.node_count),
        edge_count: count(report.edge_count),
        nodes: report
            .nodes
            .into_iter()
            .map(|node| FlowNode {
                id: node.id,
                display_name: node.display_name,
                component: node.component,
                class: match node.class {
                    NodeClass::Native => FlowClass::Native,
                    NodeClass::Review => FlowClass::Review,
                    NodeClass::Unsupported => FlowClass::Unsupported,
                    NodeClass::Never => FlowClass::Never,
                },
                reason: node.reason,
                advice: node.advice,
                x: node.position.x,
                y: node.position.y,
            })
            .collect(),
        edges: report.edges,
        needs: report.needs.iter().map(ToString::to_string).collect(),
        problems: report.problems,
        notes: report.notes,
        secrets_removed: report
            .secrets_removed
            .into_iter()
            .map(|secret| format!("{}: {}", secret.display_name, secret.field))
            .collect(),
        remote: RemoteRuntime::None,
    }
}
