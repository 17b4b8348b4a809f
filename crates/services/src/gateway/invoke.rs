//! One call: admitted, run, committed, answered.
//!
//! What a newcomer gets wrong: once a call is admitted it runs in a task of its own, so that a caller
//! who goes away takes neither the answer's record nor its quota along.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::state::InvocationState;
use domain::view::chat::{Answer, StreamEvent, Usage};
use domain::{InvocationId, Timestamp};
use futures::FutureExt as _;
use serde_json::{Map, Value};
use store::gateway::{self as rows, InvocationRow, MessageRow};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::admit::{Admitted, admit};
use super::idempotency::{self, Claim};
use super::limit::Limits;
use super::meter::{self, Ended, Kept, Said};
use super::session::portal_session;
use super::trace::{Steps, Traced};
use super::{Caller, GatewayError, quota};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::knowledge;
use crate::ports::{
    KnowledgeScope, KnowledgeSource, Persona, RunEvent, RunOutput, RunRequest, RuntimeError, TraceDetail, Turn,
};

/// Characters that a program may send.
const INPUT: usize = 32_000;
/// Characters that a visitor may send.
const VISITOR_INPUT: usize = 4_000;
/// Messages of a conversation that the flow is told.
const HISTORY: i64 = 40;
/// A call that runs for longer leaves a row while it runs.
const SOON: Duration = Duration::from_millis(250);
/// A caller who takes nothing for so long has gone away.
const STALLED: Duration = Duration::from_secs(15);
/// How long a runtime may take to say where a run stood whose time is up.
const ENDING: Duration = Duration::from_millis(300);

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// What the person said.
    pub input: String,
    /// The conversation; a program may choose it, everyone else is given one. Without it a program
    /// begins a new one, and a member goes on with their own test chat.
    pub session_id: Option<String>,
    /// Changes of declared fields; only for programs.
    pub tweaks: Map<String, Value>,
    /// Makes repetitions harmless.
    pub idempotency_key: Option<String>,
}

/// A call that runs.
#[derive(Debug)]
pub struct Running {
    /// The invocation.
    pub request_id: InvocationId,
    /// The conversation.
    pub session_id: String,
    /// What happens, in order; the last event is `MessageEnd` or `Error`.
    pub events: mpsc::Receiver<StreamEvent>,
    /// Where the caller's tightest limit stands; none for a stored answer.
    pub limits: Option<Limits>,
    /// Whether this is the stored answer of an earlier call.
    pub replayed: bool,
    failure: Arc<OnceLock<GatewayError>>,
}

impl Running {
    /// Waits for the end.
    pub async fn answer(mut self) -> Result<Answer, GatewayError> {
        while let Some(event) = self.events.recv().await {
            if let StreamEvent::MessageEnd(answer) = event {
                return Ok(answer);
            }
        }
        let failure = self.failure.get().cloned();
        Err(failure.unwrap_or_else(|| {
            GatewayError::new(500, "internal", "The call ended without an answer; it was not counted.")
        }))
    }
}

/// Admits a call and starts it. Once started it is finished and counted, whether or not the caller waits.
pub async fn invoke(ctx: &Ctx, caller: Caller, call: Call) -> Result<Running, GatewayError> {
    check(&caller, &call)?;
    let request_id = InvocationId(fresh_id());
    let kept = match &call.idempotency_key {
        Some(key) => match idempotency::claim(ctx, &caller, &call, key, request_id).await? {
            Claim::New(kept) => Some(kept),
            Claim::Answered(answer) => return Ok(replay(answer)),
        },
        None => None,
    };
    // From here on a caller who goes away must not leave the claim behind, so this is a task too.
    let starting = ctx.gateway.calls.spawn({
        let ctx = ctx.clone();
        async move { start(&ctx, caller, call, request_id, kept).await }
    });
    starting.await.map_err(|error| GatewayError::from(crate::Error::internal(error)))?
}

async fn start(
    ctx: &Ctx,
    caller: Caller,
    call: Call,
    request_id: InvocationId,
    kept: Option<Kept>,
) -> Result<Running, GatewayError> {
    let admitted = match admit(ctx, caller).await {
        Ok(admitted) => admitted,
        Err(error) => {
            if let Some(kept) = &kept {
                idempotency::release(ctx, kept, request_id).await;
            }
            return Err(error);
        }
    };
    let (session_id, continued) = match (&admitted.caller, &call.session_id) {
        (Caller::Session(session), _) => (session.session.clone(), true),
        (Caller::Key(_) | Caller::Portal { .. }, Some(session)) => (session.clone(), true),
        // A member has one test chat with an agent, which the page shows again.
        (Caller::Portal { user, .. }, None) => (portal_session(*user), true),
        (Caller::Key(_), None) => (fresh_id().simple().to_string(), false),
    };
    let (sender, events) = mpsc::channel(64);
    let failure = Arc::new(OnceLock::new());
    let running = Running {
        request_id,
        session_id: session_id.clone(),
        events,
        limits: Some(admitted.limits),
        replayed: false,
        failure: failure.clone(),
    };
    let task = Task {
        ctx: ctx.clone(),
        admitted,
        call,
        session_id,
        continued,
        request_id,
        started: ctx.now(),
        kept,
        listener: Listener { events: sender, gone: AtomicBool::new(false) },
        failure,
    };
    ctx.gateway.calls.spawn(task.run());
    Ok(running)
}

fn check(caller: &Caller, call: &Call) -> Result<(), GatewayError> {
    let trusted = caller.is_trusted();
    let limit = if trusted { INPUT } else { VISITOR_INPUT };
    let length = call.input.chars().count();
    if call.input.trim().is_empty() {
        return Err(GatewayError::new(422, "invalid", "input must not be empty"));
    }
    if call.input.contains('\0') {
        return Err(GatewayError::new(422, "invalid", "input must not contain the character U+0000"));
    }
    if length > limit {
        return Err(GatewayError::new(
            413,
            "too_large",
            format!("input may have {limit} characters at most; this has {length}"),
        ));
    }
    if !call.tweaks.is_empty() && !trusted {
        return Err(GatewayError::new(403, "tweaks_refused", "Only a secret key may send tweaks."));
    }
    if let Some(session) = &call.session_id {
        match caller {
            Caller::Session(own) if own.session != *session => {
                return Err(GatewayError::new(
                    403,
                    "session_refused",
                    "A session token speaks in its own session alone.",
                ));
            }
            Caller::Key(_) if !trusted => {
                return Err(GatewayError::new(403, "session_refused", "Only a secret key may choose a session."));
            }
            Caller::Key(_) | Caller::Session(_) | Caller::Portal { .. } => {}
        }
        let fine = (1..=128).contains(&session.len())
            && session.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c));
        if !fine {
            return Err(GatewayError::new(
                422,
                "invalid",
                "session_id may have 128 letters, digits and _ . : - at most",
            ));
        }
    }
    if let Some(key) = &call.idempotency_key
        && !((1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()))
    {
        return Err(GatewayError::new(422, "invalid", "Idempotency-Key may have 255 visible ASCII characters at most"));
    }
    Ok(())
}

fn replay(answer: Answer) -> Running {
    let (sender, events) = mpsc::channel(3);
    let (request_id, session_id) = (answer.request_id, answer.session_id.clone());
    let sent = [
        StreamEvent::Session { session_id: session_id.clone(), request_id },
        StreamEvent::Token { text: answer.output.clone() },
        StreamEvent::MessageEnd(answer),
    ];
    for event in sent {
        let _ = sender.try_send(event);
    }
    Running { request_id, session_id, events, limits: None, replayed: true, failure: Arc::default() }
}

/// Who waits for the answer. They may go away, and may be slow: a slow one slows the flow, up to a point.
#[derive(Debug)]
struct Listener {
    events: mpsc::Sender<StreamEvent>,
    gone: AtomicBool,
}

impl Listener {
    async fn tell(&self, event: StreamEvent) {
        if self.gone.load(Ordering::Relaxed) {
            return;
        }
        if !matches!(tokio::time::timeout(STALLED, self.events.send(event)).await, Ok(Ok(()))) {
            self.gone.store(true, Ordering::Relaxed);
        }
    }
}

struct Task {
    ctx: Ctx,
    admitted: Admitted,
    call: Call,
    session_id: String,
    /// Whether the conversation may have begun earlier.
    continued: bool,
    request_id: InvocationId,
    started: Timestamp,
    kept: Option<Kept>,
    listener: Listener,
    failure: Arc<OnceLock<GatewayError>>,
}

impl Task {
    async fn run(mut self) {
        let began = std::time::Instant::now();
        self.listener
            .tell(StreamEvent::Session { session_id: self.session_id.clone(), request_id: self.request_id })
            .await;
        // Whatever a runtime does, its call is settled.
        let mut steps = Steps::new();
        let outcome = AssertUnwindSafe(self.flow(&mut steps)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(request_id = %self.request_id, "a run has panicked");
            Err(GatewayError::new(502, "bad_gateway", "The agent failed; the call was not counted."))
        });
        let elapsed_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let agent = &self.admitted.agent;
        let traced = Traced::new(agent.agent_id, agent.flow_version_id, steps.finish(), agent.share_texts);
        match outcome {
            Ok(output) => self.succeed(output, elapsed_ms, traced).await,
            Err(error) => self.fail(error, elapsed_ms, traced).await,
        }
    }

    async fn history(&self) -> Result<Vec<Turn>, GatewayError> {
        if !self.continued {
            return Ok(Vec::new());
        }
        let tenant = on_behalf(self.admitted.agent.organization_id);
        let mut tx = self.ctx.store.read(tenant).await?;
        let rows = rows::messages(&mut tx, tenant, self.admitted.agent.id, &self.session_id, HISTORY).await?;
        Ok(rows.into_iter().map(turn).collect())
    }

    async fn flow(&mut self, steps: &mut Steps) -> Result<RunOutput, GatewayError> {
        let history = self.history().await?;
        let agent = &self.admitted.agent;
        let request = RunRequest {
            organization: agent.organization_id,
            flow_version: agent.flow_version_id,
            flow: agent.flow.clone(),
            input: self.call.input.clone(),
            config: Some(agent.id),
            session_id: self.session_id.clone(),
            history,
            tweaks: std::mem::take(&mut self.call.tweaks),
            persona: Persona {
                name: agent.agent_name.clone(),
                tone: agent.tone.clone(),
                greeting: agent.greeting_message.clone(),
                instructions: agent.system_prompt_override.clone(),
            },
            knowledge: (agent.knowledge_version > 0)
                .then(|| KnowledgeScope { tenant: on_behalf(agent.organization_id), config: agent.id })
                .map(KnowledgeSource::Base),
            timeout: self.ctx.settings.run_timeout,
            trace: if agent.share_texts { TraceDetail::Texts } else { TraceDetail::Shapes },
        };
        let mut running = std::pin::pin!(run(&self.ctx, request, steps, |event| self.listener.tell(event)));
        if let Ok(outcome) = tokio::time::timeout(SOON, &mut running).await {
            return outcome;
        }
        meter::begin(&self.ctx, self.row(InvocationState::Running, 0, 0, String::new()));
        running.await
    }

    async fn succeed(self, output: RunOutput, elapsed_ms: i64, traced: Traced) {
        if output.found_nothing {
            knowledge::note_gap(&self.ctx, &self.admitted.agent, &self.call.input).await;
        }
        let told = !matches!(self.admitted.caller, Caller::Session(_)) || self.admitted.agent.show_citations;
        let answer = Answer {
            // PostgreSQL keeps every character but this one.
            output: output.text.replace('\0', "\u{fffd}"),
            session_id: self.session_id.clone(),
            request_id: self.request_id,
            citations: if told { output.citations.clone() } else { Vec::new() },
            usage: Usage { input_tokens: output.input_tokens, output_tokens: output.output_tokens, elapsed_ms },
        };
        let mut row = self.row(InvocationState::Succeeded, 200, elapsed_ms, String::new());
        row.input_tokens = output.input_tokens;
        row.output_tokens = output.output_tokens;
        let origin = match &self.admitted.caller {
            Caller::Session(session) => session.origin.clone(),
            Caller::Key(_) | Caller::Portal { .. } => String::new(),
        };
        let said = Said { input: self.call.input, output: answer.output.clone(), origin, citations: output.citations };
        let kept = self.kept.map(|kept| Kept { answer: serde_json::to_value(&answer).ok(), ..kept });
        let claimed = kept.as_ref().map(|kept| Kept { name: kept.name.clone(), answer: None });
        let ended = Ended { row, ticket: Some(self.admitted.ticket), said: Some(said), kept, traced: Some(traced) };
        match meter::commit(&self.ctx, ended).await {
            Ok(()) => {
                metrics::counter!("cmp_invocations_total", "outcome" => "succeeded").increment(1);
                self.listener.tell(StreamEvent::MessageEnd(answer)).await;
            }
            Err(error) => {
                // An answer that could not be counted is not given.
                tracing::error!(%error, request_id = %self.request_id, "an answer is withheld, as it could not be recorded");
                quota::put_back(&self.ctx, &self.admitted.ticket).await;
                if let Some(claimed) = &claimed {
                    idempotency::release(&self.ctx, claimed, self.request_id).await;
                }
                let error = GatewayError::new(
                    503,
                    "not_recorded",
                    "The answer could not be recorded and was not charged; try again.",
                )
                .after(2);
                tell_failure(&self.listener, &self.failure, error).await;
            }
        }
    }

    async fn fail(self, error: GatewayError, elapsed_ms: i64, traced: Traced) {
        let row = self.row(
            InvocationState::Failed,
            i64::from(error.status),
            elapsed_ms,
            error.detail.replace('\0', "\u{fffd}"),
        );
        quota::put_back(&self.ctx, &self.admitted.ticket).await;
        let ended = Ended { row, ticket: None, said: None, kept: self.kept, traced: Some(traced) };
        if let Err(failure) = meter::commit(&self.ctx, ended).await {
            tracing::error!(error = %failure, request_id = %self.request_id, "a failed invocation could not be recorded");
        }
        metrics::counter!("cmp_invocations_total", "outcome" => "failed").increment(1);
        tell_failure(&self.listener, &self.failure, error).await;
    }

    fn row(&self, state: InvocationState, status: i64, elapsed_ms: i64, error: String) -> InvocationRow {
        let agent = &self.admitted.agent;
        InvocationRow {
            id: self.request_id,
            organization: agent.organization_id,
            config: agent.id,
            subscription: agent.subscription_id,
            provider: agent.provider_id,
            offering: agent.offering_id,
            key: self.admitted.caller.key(),
            session: self.session_id.clone(),
            source: self.admitted.caller.source(),
            state,
            status,
            input_tokens: 0,
            output_tokens: 0,
            elapsed_ms,
            error,
            started: self.started,
            finished: self.ctx.now(),
        }
    }
}

async fn tell_failure(listener: &Listener, failure: &OnceLock<GatewayError>, error: GatewayError) {
    let event =
        StreamEvent::Error { error: error.error.clone(), detail: error.detail.clone(), retry_after: error.retry_after };
    let _ = failure.set(error);
    listener.tell(event).await;
}

fn turn(row: MessageRow) -> Turn {
    Turn { agent: row.role == "agent", text: row.text }
}

/// Runs a flow within its time, passing on what happens; its steps are noted even when it fails.
pub(super) async fn run<F, Told>(
    ctx: &Ctx,
    request: RunRequest,
    steps: &mut Steps,
    tell: F,
) -> Result<RunOutput, GatewayError>
where
    F: Fn(StreamEvent) -> Told,
    Told: Future<Output = ()>,
{
    let timeout = request.timeout;
    let cancel = CancellationToken::new();
    let (sender, mut events) = mpsc::channel(64);
    let mut running = std::pin::pin!(ctx.runtime.run(request, sender, cancel.clone()));
    let mut deadline = std::pin::pin!(tokio::time::sleep(timeout));
    let outcome = loop {
        tokio::select! {
            // Events first, so that the answer's pieces come before its end.
            biased;
            Some(event) = events.recv() => {
                steps.note(&event);
                if let Some(event) = stream_event(event) {
                    tell(event).await;
                }
            }
            outcome = &mut running => break outcome,
            () = &mut deadline => {
                cancel.cancel();
                // It is told where it stood, if it says so at once.
                let ending = async {
                    loop {
                        tokio::select! {
                            biased;
                            Some(event) = events.recv() => steps.note(&event),
                            _ = &mut running => break,
                        }
                    }
                };
                let _ = tokio::time::timeout(ENDING, ending).await;
                break Err(RuntimeError::Timeout(format!("The agent did not answer within {} s.", timeout.as_secs())));
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        steps.note(&event);
        if let Some(event) = stream_event(event) {
            tell(event).await;
        }
    }
    outcome.map_err(|error| match error {
        RuntimeError::Refused(text) => GatewayError::new(422, "refused", text),
        RuntimeError::Failed(text) => GatewayError::new(502, "bad_gateway", text),
        RuntimeError::Timeout(text) => GatewayError::new(504, "timeout", text),
        RuntimeError::Cancelled => GatewayError::new(503, "cancelled", "The call was cancelled; try again.").after(1),
    })
}

/// Returns what the caller is told of it.
fn stream_event(event: RunEvent) -> Option<StreamEvent> {
    match event {
        RunEvent::Token(text) => Some(StreamEvent::Token { text }),
        RunEvent::Step(name) => Some(StreamEvent::Step { name }),
        RunEvent::StepEnded(_) => None,
    }
}
