//! The gateway: every way to an agent passes [`admit`], runs the flow, and is metered.
//!
//! The hot path asks the database for nothing that it has seen: keys and agents are remembered, every
//! change forgets them before it is answered, and other processes are told through
//! `gateway_changes`. What a newcomer gets wrong: an answer ends only after its invocation is
//! committed; [`meter`] commits many at once.

mod admit;
mod demo;
mod idempotency;
mod invoke;
mod known;
mod limit;
mod meter;
mod page;
mod quota;
mod report;
pub mod ring;
mod session;
mod trace;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use domain::{ConfigId, KeyId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Scope, gateway as rows};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use admit::{Caller, Credential, SessionCaller, Validation, authenticate, portal_caller, validate};
pub use demo::{
    DEMO_FILE_BYTES, Demo, DemoAnswer, DemoCall, admit_demo, demo_files, demo_messages, forget_demo_files, give_demo,
};
pub use invoke::{Call, Running, invoke};
pub use known::{Agent, KnownKey};
pub use limit::Limits;
pub use page::{PageMessage, page_message, page_messages};
pub use report::{Reported, UsageReport, check_runtime, report_usage};
pub use session::{OpenSession, OpenedSession, WidgetBoot, boot, messages, open_session, portal_messages};

use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::throttle::Throttle;

/// Calls that run at once in one process.
const PLACES: usize = 1024;
/// Demos that run at once in one process.
const DEMO_PLACES: usize = 64;
/// How often changes of other processes are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How often things are cleaned up.
const SWEEP: Duration = Duration::from_mins(1);
/// How long the last calls may take when the program ends.
const DRAIN: Duration = Duration::from_secs(33);

/// Why the gateway did not answer: the status, a word for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct GatewayError {
    /// The HTTP status.
    pub status: u16,
    /// A word for programs.
    pub error: String,
    /// A sentence for people.
    pub detail: String,
    /// Seconds until another try makes sense.
    pub retry_after: Option<i64>,
    /// The limit that was met.
    #[serde(skip)]
    pub limits: Option<Limits>,
}

impl GatewayError {
    /// Makes an error.
    pub fn new(status: u16, error: &str, detail: impl Into<String>) -> Self {
        Self { status, error: error.to_owned(), detail: detail.into(), retry_after: None, limits: None }
    }

    /// Says when another try makes sense.
    #[must_use]
    pub const fn after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Says when another try makes sense, in whole seconds.
    #[must_use]
    pub(crate) fn after_duration(self, wait: Duration) -> Self {
        self.after(i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(60).max(1))
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "unauthorized", "Invalid or missing API key")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "not_found", "There is no such agent.")
    }

    pub(crate) fn origin_not_allowed(origin: Option<&str>) -> Self {
        let detail = match origin {
            Some(origin) => {
                let origin: String = origin.chars().take(200).collect();
                format!(
                    "This agent may not be used on {origin}. Its owner can add that page to the allowed origins of the agent and of its key."
                )
            }
            None => "This key works on web pages alone, and the request names none.".to_owned(),
        };
        Self::new(403, "origin_not_allowed", detail)
    }
}

impl From<crate::Error> for GatewayError {
    fn from(error: crate::Error) -> Self {
        use crate::Error;

        match error {
            Error::SignedOut => Self::new(401, "unauthorized", "Sign in first."),
            Error::Forbidden(text) => Self::new(403, "forbidden", text),
            Error::NotFound(_) | Error::Gone(_) => Self::not_found(),
            Error::Invalid(_) => Self::new(422, "invalid", error.to_string()),
            Error::Conflict(text) => Self::new(409, "conflict", text),
            Error::PaymentRequired(text) => Self::new(402, "payment_required", text),
            Error::TooMany { message, retry_after } => {
                Self::new(429, "rate_limited", message).after_duration(retry_after)
            }
            Error::Upstream(text) => Self::new(502, "bad_gateway", text),
            Error::Timeout(text) => Self::new(504, "timeout", text),
            Error::Internal(source) => {
                tracing::error!(error = %source, "the gateway failed");
                Self::new(500, "internal", "Something went wrong on our side; the call was not counted.")
            }
        }
    }
}

impl From<store::Error> for GatewayError {
    fn from(error: store::Error) -> Self {
        crate::Error::from(error).into()
    }
}

/// What the gateway keeps in memory.
#[derive(Debug)]
pub struct Gateway {
    /// Keys that were verified, by a keyed digest of the credential.
    keys: DashMap<[u8; 32], Arc<KnownKey>>,
    /// Keys that session tokens name.
    keys_by_id: DashMap<KeyId, Arc<KnownKey>>,
    /// Agents.
    agents: DashMap<ConfigId, Arc<Agent>>,
    /// Moves with every change; see [`known`].
    generation: AtomicU64,
    /// The secrets that sign.
    ring: ArcSwapOption<ring::Ring>,
    /// Leased quota.
    quota: quota::Quotas,
    /// Calls a minute.
    limits: limit::Buckets,
    /// Invocations that wait to be committed.
    meter: meter::Meter,
    /// Calls that run.
    calls: TaskTracker,
    /// Places for calls that run at once.
    places: Arc<Semaphore>,
    /// Places for demos.
    demo_places: Semaphore,
    /// Unknown publishable keys, by address: sixty at once, then one a second.
    unknown_keys: Throttle,
    /// Demo messages, by address: thirty at once, then one every ten seconds.
    demos: Throttle,
    /// New conversations, by address: thirty at once, then one every two seconds.
    sessions: Throttle,
    /// Reports of secret keys in browsers, by key.
    reports: Throttle,
    /// Looks for secrets that other processes have added to the ring.
    ring_reads: Throttle,
    /// Makes digests in `keys` useless to whoever reads the memory of another process.
    digest_key: [u8; 32],
    /// This process, in leases.
    replica: Uuid,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            keys: DashMap::new(),
            keys_by_id: DashMap::new(),
            agents: DashMap::new(),
            generation: AtomicU64::new(0),
            ring: ArcSwapOption::empty(),
            quota: quota::Quotas::default(),
            limits: limit::Buckets::default(),
            meter: meter::Meter::default(),
            calls: TaskTracker::new(),
            places: Arc::new(Semaphore::new(PLACES)),
            demo_places: Semaphore::new(DEMO_PLACES),
            unknown_keys: Throttle::new(60, Duration::from_secs(1)),
            demos: Throttle::new(30, Duration::from_secs(10)),
            sessions: Throttle::new(30, Duration::from_secs(2)),
            reports: Throttle::new(1, Duration::from_mins(1)),
            ring_reads: Throttle::new(3, Duration::from_secs(1)),
            digest_key: crate::secret::random(),
            replica: fresh_id(),
        }
    }
}

/// Drops what is known of a config and its keys, after a change was committed and before it is answered.
pub fn forget_config(ctx: &Ctx, config: ConfigId) {
    ctx.gateway.forget_config(config);
}

/// Drops what is known of an organization's configs and keys.
pub fn forget_organization(ctx: &Ctx, organization: OrganizationId) {
    ctx.gateway.forget_organization(organization);
}

/// Tells every process that a config's gateway state has changed, in the caller's transaction.
pub(crate) async fn config_changed(tx: &mut store::Tx, config: ConfigId, now: Timestamp) -> Result<()> {
    rows::note_change(tx, fresh_id(), Some(config), None, now).await?;
    Ok(())
}

/// Tells every process that an organization's gateway state has changed, in the caller's transaction.
pub(crate) async fn organization_changed(
    tx: &mut store::Tx,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<()> {
    rows::note_change(tx, fresh_id(), None, Some(organization), now).await?;
    Ok(())
}

/// Runs what the gateway does beside calls, until `stop`: commits invocations, notices changes of
/// other processes, cleans up. It ends when the last call has, and everything is committed.
pub async fn run(ctx: Ctx, stop: CancellationToken) {
    let drained = CancellationToken::new();
    let meter = tokio::spawn(meter::run(ctx.clone(), drained.clone()));
    let mut listener = listen(&ctx).await;
    let mut since = ctx.now();
    let mut swept: Option<tokio::time::Instant> = None;
    while !stop.is_cancelled() {
        if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
            if let Err(error) = sweep(&ctx).await {
                tracing::warn!(%error, "cleaning up the gateway failed; it is tried again in a minute");
            }
            swept = Some(tokio::time::Instant::now());
        }
        let told = async {
            match &mut listener {
                Some(told) => told.recv().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        let listening = tokio::select! {
            fine = told => fine,
            () = tokio::time::sleep(LOOK) => true,
            () = stop.cancelled() => break,
        };
        if !listening {
            tracing::warn!("the database no longer tells of changes; they are looked for every half second");
            listener = None;
        }
        match notice(&ctx, since).await {
            Ok(seen) => since = seen,
            // Without news, nothing that was remembered may be trusted.
            Err(error) => {
                tracing::warn!(%error, "changes could not be read; what is known of keys and agents is dropped");
                ctx.gateway.forget_everything();
            }
        }
    }
    ctx.gateway.calls.close();
    if tokio::time::timeout(DRAIN, ctx.gateway.calls.wait()).await.is_err() {
        tracing::warn!(calls = ctx.gateway.calls.len(), "calls still ran when the program ended; they cost nothing");
    }
    drained.cancel();
    if meter.await.is_err() {
        tracing::error!("the meter has died");
    }
    if let Err(error) = quota::give_back_all(&ctx).await {
        tracing::warn!(%error, "leases could not be given back; they expire by themselves");
    }
}

async fn listen(ctx: &Ctx) -> Option<store::Listener> {
    match ctx.store.listen(rows::CHANGES_CHANNEL).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "the database cannot tell of changes; they are looked for every half second");
            None
        }
    }
}

/// Drops what other processes have changed; returns until when everything is known.
async fn notice(ctx: &Ctx, since: Timestamp) -> Result<Timestamp> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    // Clocks and commits of other processes lag behind ours, so the last five seconds are read again.
    for change in rows::changes(&mut tx, since.plus_seconds(-5)).await? {
        if let Some(config) = change.config_id {
            ctx.gateway.forget_config(config);
        }
        if let Some(organization) = change.organization_id {
            ctx.gateway.forget_organization(organization);
        }
    }
    Ok(now)
}

/// Gives up calls and leases of processes that died, and removes what nobody looks at any more.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let given_up = meter::sweep(ctx, now).await?;
    if given_up > 0 {
        tracing::warn!(calls = given_up, "calls had begun and never ended; they cost nothing");
    }
    quota::sweep(ctx, now).await?;
    crate::caps::alert(ctx, now).await?;
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::sweep(&mut tx, now.plus_seconds(-3600), now.plus_seconds(-idempotency::KEPT_SECONDS), now).await?;
    store::traces::sweep(&mut tx, now.plus_seconds(-trace::KEPT_SECONDS)).await?;
    tx.commit().await?;
    Ok(())
}

/// Tells whether calls can be expected to work: the database and the runtime.
pub async fn health(ctx: &Ctx) -> Vec<(&'static str, bool)> {
    let database = match ctx.store.read(Scope::System).await {
        Ok(mut tx) => rows::changes(&mut tx, ctx.now()).await.is_ok(),
        Err(_) => false,
    };
    vec![("database", database), ("runtime", ctx.runtime.health().await.is_ok())]
}
