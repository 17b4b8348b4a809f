//! One call: admitted, run, committed, answered.

use std::sync::Arc;

use domain::state::InvocationState;
use domain::view::chat::{Answer, StreamEvent, Usage};
use domain::{InvocationId, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use store::gateway::{InvocationRow, MessageRow};
use store::{Scope, gateway as rows};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::admit::{Admitted, admit};
use super::meter::{self, Kept, Said};
use super::{Caller, GatewayError, quota};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::ports::{Persona, RunEvent, RunOutput, RunRequest, RuntimeError, Turn};

/// Characters that a program may send; visitors may send fewer.
const INPUT: usize = 32_000;
const VISITOR_INPUT: usize = 4_000;
/// Messages of a conversation that the flow is told.
const HISTORY: i64 = 40;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// What the person said.
    pub input: String,
    /// The conversation; a program may choose it, everyone else is given one.
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
    /// The status of an error event, which the event itself does not carry.
    pub status: Arc<std::sync::atomic::AtomicU16>,
    /// Whether this is the stored answer of an earlier call.
    pub replayed: bool,
}

impl Running {
    /// Waits for the end.
    pub async fn answer(mut self) -> Result<Answer, GatewayError> {
        while let Some(event) = self.events.recv().await {
            match event {
                StreamEvent::MessageEnd(answer) => return Ok(answer),
                StreamEvent::Error { error, detail, retry_after } => {
                    let status = self.status.load(std::sync::atomic::Ordering::Relaxed);
                    return Err(GatewayError { status, error, detail, retry_after });
                }
                StreamEvent::Session { .. } | StreamEvent::Token { .. } | StreamEvent::Step { .. } => {}
            }
        }
        Err(GatewayError::new(500, "internal", "The call ended without an answer; it was not counted."))
    }
}

/// Admits a call and starts it. Once started it is finished and counted, whether or not the caller waits.
pub async fn invoke(ctx: &Ctx, caller: Caller, call: Call) -> Result<Running, GatewayError> {
    check(&caller, &call)?;
    let request_id = InvocationId(fresh_id());
    let kept = match &call.idempotency_key {
        Some(key) => match claim(ctx, &caller, &call, key, request_id).await? {
            Claim::New(kept) => Some(kept),
            Claim::Answered(answer) => return Ok(replay(answer)),
        },
        None => None,
    };
    let admitted = match admit(ctx, caller).await {
        Ok(admitted) => admitted,
        Err(error) => {
            release(ctx, kept.as_ref()).await;
            return Err(error);
        }
    };
    let session_id = match &admitted.caller {
        Caller::Session { session, .. } => session.clone(),
        Caller::Portal { user, .. } => call.session_id.clone().unwrap_or_else(|| format!("portal-{user}")),
        Caller::Key(_) => call.session_id.clone().unwrap_or_else(|| fresh_id().simple().to_string()),
    };
    let (sender, events) = mpsc::channel(64);
    let status = Arc::new(std::sync::atomic::AtomicU16::new(200));
    let task = Task {
        ctx: ctx.clone(),
        admitted,
        call,
        session_id: session_id.clone(),
        request_id,
        started: ctx.now(),
        kept: kept.map(|kept| kept.1),
        events: sender,
        status: status.clone(),
    };
    tokio::spawn(task.run());
    Ok(Running { request_id, session_id, events, status, replayed: false })
}

fn check(caller: &Caller, call: &Call) -> Result<(), GatewayError> {
    let trusted = caller.is_trusted();
    let limit = if trusted { INPUT } else { VISITOR_INPUT };
    let length = call.input.chars().count();
    if call.input.trim().is_empty() {
        return Err(GatewayError::new(422, "invalid", "input must not be empty"));
    }
    if length > limit {
        return Err(GatewayError::new(413, "too_large", format!("input may have {limit} characters at most; this has {length}")));
    }
    if !call.tweaks.is_empty() && !trusted {
        return Err(GatewayError::new(403, "tweaks_refused", "Only a secret key may send tweaks."));
    }
    if let Some(session) = &call.session_id {
        if matches!(caller, Caller::Session { session: own, .. } if own != session) {
            return Err(GatewayError::new(403, "session_refused", "A session token speaks in its own session only."));
        }
        if matches!(caller, Caller::Key(_)) && !trusted {
            return Err(GatewayError::new(403, "session_refused", "Only a secret key may choose a session."));
        }
        let fine = (1..=128).contains(&session.len()) && session.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c));
        if !fine {
            return Err(GatewayError::new(422, "invalid", "session_id may have 128 letters, digits and _ . : - at most"));
        }
    }
    if let Some(key) = &call.idempotency_key
        && !((1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()))
    {
        return Err(GatewayError::new(422, "invalid", "Idempotency-Key may have 255 visible ASCII characters at most"));
    }
    Ok(())
}

enum Claim {
    New((domain::OrganizationId, Kept)),
    Answered(Answer),
}

/// Claims an idempotency key, or finds what it was answered.
async fn claim(ctx: &Ctx, caller: &Caller, call: &Call, key: &str, id: InvocationId) -> Result<Claim, GatewayError> {
    let config = super::admit::config(ctx, caller.config()).await?.ok_or_else(GatewayError::not_found)?;
    let (organization, name) = (config.organization_id, caller.name());
    let mut hash = Sha256::new();
    hash.update(call.input.as_bytes());
    hash.update([0]);
    hash.update(call.session_id.as_deref().unwrap_or_default().as_bytes());
    hash.update([0]);
    hash.update(Value::Object(call.tweaks.clone()).to_string().as_bytes());
    let hash = hash.finalize().to_vec();
    let patience = ctx.settings.run_timeout.as_millis() / 100;
    for _ in 0..patience.max(10) {
        let now = ctx.now();
        let mut tx = ctx.store.write(Scope::System).await?;
        if rows::claim_key(&mut tx, organization, &name, key, &hash, id, now).await? {
            tx.commit().await?;
            return Ok(Claim::New((organization, Kept { caller: name, key: key.to_owned(), answer: None })));
        }
        let Some(row) = rows::idempotency_key(&mut tx, organization, &name, key).await? else { continue };
        if row.body_hash != hash {
            return Err(GatewayError::new(422, "idempotency_key_reused", "This Idempotency-Key was sent with another body."));
        }
        if let (Some(_), Some(answer)) = (row.status, row.answer) {
            let answer = serde_json::from_value(answer.0).map_err(|error| GatewayError::from(crate::Error::internal(error)))?;
            return Ok(Claim::Answered(answer));
        }
        // The first call runs, or the process died under it: then its claim is worth nothing.
        let patience = i64::try_from(ctx.settings.run_timeout.as_secs()).unwrap_or(30) + 30;
        if row.created_at.plus_seconds(patience) <= now {
            rows::release_key(&mut tx, organization, &name, key).await?;
            tx.commit().await?;
            continue;
        }
        drop(tx);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(GatewayError::new(409, "in_progress", "A call with this Idempotency-Key is still running.").after(1))
}

async fn release(ctx: &Ctx, kept: Option<&(domain::OrganizationId, Kept)>) {
    let Some((organization, kept)) = kept else { return };
    let released = async {
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::release_key(&mut tx, *organization, &kept.caller, &kept.key).await?;
        tx.commit().await
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "an idempotency key could not be released; it expires");
    }
}

fn replay(answer: Answer) -> Running {
    let (sender, events) = mpsc::channel(4);
    let (request_id, session_id) = (answer.request_id, answer.session_id.clone());
    let sent = [
        StreamEvent::Session { session_id: session_id.clone(), request_id },
        StreamEvent::Token { text: answer.output.clone() },
        StreamEvent::MessageEnd(answer),
    ];
    for event in sent {
        let _ = sender.try_send(event);
    }
    let status = Arc::new(std::sync::atomic::AtomicU16::new(200));
    Running { request_id, session_id, events, status, replayed: true }
}

struct Task {
    ctx: Ctx,
    admitted: Admitted,
    call: Call,
    session_id: String,
    request_id: InvocationId,
    started: Timestamp,
    kept: Option<Kept>,
    events: mpsc::Sender<StreamEvent>,
    status: Arc<std::sync::atomic::AtomicU16>,
}

impl Task {
    async fn run(mut self) {
        let began = std::time::Instant::now();
        self.tell(StreamEvent::Session { session_id: self.session_id.clone(), request_id: self.request_id }).await;
        let outcome = match self.history().await {
            Ok(history) => self.flow(history).await,
            Err(error) => Err(error),
        };
        let elapsed_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        match outcome {
            Ok(output) => self.succeed(output, elapsed_ms).await,
            Err(error) => self.fail(error, elapsed_ms).await,
        }
    }

    /// Sends an event to a caller who may have gone away.
    async fn tell(&self, event: StreamEvent) {
        let _ = self.events.send(event).await;
    }

    async fn history(&self) -> Result<Vec<Turn>, GatewayError> {
        let new = matches!(self.admitted.caller, Caller::Key(_)) && self.call.session_id.is_none();
        if new {
            return Ok(Vec::new());
        }
        let tenant = on_behalf(self.admitted.config.organization_id);
        let mut tx = self.ctx.store.read(tenant).await?;
        let rows = rows::messages(&mut tx, tenant, self.admitted.config.id, &self.session_id, HISTORY).await?;
        Ok(rows.into_iter().map(turn).collect())
    }

    async fn flow(&mut self, history: Vec<Turn>) -> Result<RunOutput, GatewayError> {
        let config = &self.admitted.config;
        let request = RunRequest {
            organization: config.organization_id,
            flow_version: config.flow_version_id,
            flow: Arc::new(config.flow.0.clone()),
            input: self.call.input.clone(),
            session_id: self.session_id.clone(),
            history,
            tweaks: std::mem::take(&mut self.call.tweaks),
            persona: Persona {
                name: config.agent_name.clone(),
                tone: config.tone.clone(),
                greeting: config.greeting_message.clone(),
                instructions: config.system_prompt_override.clone(),
            },
            timeout: self.ctx.settings.run_timeout,
        };
        run(&self.ctx, request, |event| self.tell(event)).await
    }

    async fn succeed(self, output: RunOutput, elapsed_ms: i64) {
        let answer = Answer {
            output: output.text,
            session_id: self.session_id.clone(),
            request_id: self.request_id,
            usage: Usage { input_tokens: output.input_tokens, output_tokens: output.output_tokens, elapsed_ms },
        };
        let mut row = self.row(InvocationState::Succeeded, 200, elapsed_ms, String::new());
        row.input_tokens = output.input_tokens;
        row.output_tokens = output.output_tokens;
        let origin = match &self.admitted.caller {
            Caller::Session { origin, .. } => origin.clone(),
            Caller::Key(_) | Caller::Portal { .. } => String::new(),
        };
        let said = Said { input: self.call.input.clone(), output: answer.output.clone(), origin };
        let mut kept = None;
        let Self { ctx, admitted, events, status, kept: claimed, .. } = self;
        if let Some(mut claimed) = claimed {
            claimed.answer = serde_json::to_value(&answer).ok();
            kept = Some(claimed);
        }
        let event = match meter::commit(&ctx, row, Some(admitted.ticket), Some(said), kept).await {
            Ok(()) => {
                metrics::counter!("cmp_invocations_total", "outcome" => "succeeded").increment(1);
                StreamEvent::MessageEnd(answer)
            }
            Err(error) => {
                // An answer that could not be counted is not given.
                quota::put_back(&ctx, admitted.config.subscription_id, &admitted.ticket).await;
                error_event(error.into(), &status)
            }
        };
        let _ = events.send(event).await;
    }

    async fn fail(self, error: GatewayError, elapsed_ms: i64) {
        let row = self.row(InvocationState::Failed, i64::from(error.status), elapsed_ms, error.detail.clone());
        let Self { ctx, admitted, events, status, kept, .. } = self;
        quota::put_back(&ctx, admitted.config.subscription_id, &admitted.ticket).await;
        if let Err(failure) = meter::commit(&ctx, row, None, None, kept).await {
            tracing::error!(error = %failure, "a failed invocation could not be recorded");
        }
        metrics::counter!("cmp_invocations_total", "outcome" => "failed").increment(1);
        let _ = events.send(error_event(error, &status)).await;
    }

    fn row(&self, state: InvocationState, status: i64, elapsed_ms: i64, error: String) -> InvocationRow {
        let config = &self.admitted.config;
        InvocationRow {
            id: self.request_id,
            organization: config.organization_id,
            config: config.id,
            subscription: config.subscription_id,
            provider: config.provider_id,
            offering: config.offering_id,
            key: match &self.admitted.caller {
                Caller::Key(key) => Some(key.view.id),
                Caller::Session { .. } | Caller::Portal { .. } => None,
            },
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

fn error_event(error: GatewayError, status: &std::sync::atomic::AtomicU16) -> StreamEvent {
    status.store(error.status, std::sync::atomic::Ordering::Relaxed);
    StreamEvent::Error { error: error.error, detail: error.detail, retry_after: error.retry_after }
}

fn turn(row: MessageRow) -> Turn {
    Turn { agent: row.role == "agent", text: row.text }
}

/// Runs a flow within its time, passing on what happens.
pub(super) async fn run<F, Told>(ctx: &Ctx, request: RunRequest, tell: F) -> Result<RunOutput, GatewayError>
where
    F: Fn(StreamEvent) -> Told,
    Told: Future<Output = ()>,
{
    let timeout = request.timeout;
    let cancel = CancellationToken::new();
    let (sender, mut events) = mpsc::channel(64);
    let mut running = std::pin::pin!(ctx.runtime.run(request, sender, cancel.clone()));
    let deadline = tokio::time::sleep(timeout);
    let mut deadline = std::pin::pin!(deadline);
    let outcome = loop {
        tokio::select! {
            // Events first, so that the answer's pieces come before its end.
            biased;
            Some(event) = events.recv() => tell(stream_event(event)).await,
            outcome = &mut running => break outcome,
            () = &mut deadline => {
                cancel.cancel();
                let seconds = timeout.as_secs();
                break Err(RuntimeError::Timeout(format!("The agent did not answer within {seconds} s.")));
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        tell(stream_event(event)).await;
    }
    outcome.map_err(|error| match error {
        RuntimeError::Refused(text) => GatewayError::new(422, "refused", text),
        RuntimeError::Failed(text) => GatewayError::new(502, "bad_gateway", text),
        RuntimeError::Timeout(text) => GatewayError::new(504, "timeout", text),
        RuntimeError::Cancelled => GatewayError::new(503, "cancelled", "The call was cancelled; try again."),
    })
}

fn stream_event(event: RunEvent) -> StreamEvent {
    match event {
        RunEvent::Token(text) => StreamEvent::Token { text },
        RunEvent::Step(name) => StreamEvent::Step { name },
    }
}
