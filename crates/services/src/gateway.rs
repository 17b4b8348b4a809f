//! The gateway: every way to an agent passes [`admit::admit`], runs the flow, and is metered.
//!
//! The hot path asks the database for nothing that it has seen: keys and configs are kept as
//! snapshots that every change drops before it is answered, and other processes read
//! `gateway_changes` every half second. What a newcomer gets wrong: the answer ends only after its
//! invocation is committed; [`meter`] commits many at once.

pub mod admit;
mod demo;
mod invoke;
mod meter;
mod quota;
pub mod ring;
mod session;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dashmap::DashMap;
use domain::{ConfigId, InvocationId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Scope, gateway as rows};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use admit::{Caller, Credential, Validation, authenticate, portal_caller, validate};
pub use demo::{DemoAnswer, demo};
pub use invoke::{Call, Running, invoke};
pub use session::{OpenSession, OpenedSession, WidgetBoot, boot, messages, open_session};

use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::throttle::Buckets;

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
}

impl GatewayError {
    /// Makes an error.
    pub fn new(status: u16, error: &str, detail: impl Into<String>) -> Self {
        Self { status, error: error.to_owned(), detail: detail.into(), retry_after: None }
    }

    /// Says when another try makes sense.
    #[must_use]
    pub const fn after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "unauthorized", "Invalid or missing API key")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "not_found", "There is no such agent.")
    }
}

impl From<crate::Error> for GatewayError {
    fn from(error: crate::Error) -> Self {
        use crate::Error;

        match error {
            Error::SignedOut => Self::unauthorized(),
            Error::Forbidden(text) => Self::new(403, "forbidden", text),
            Error::NotFound(_) => Self::not_found(),
            Error::Invalid(_) => Self::new(422, "invalid", error.to_string()),
            Error::Conflict(text) => Self::new(409, "conflict", text),
            Error::PaymentRequired(text) => Self::new(402, "payment_required", text),
            Error::TooMany { message, retry_after } => Self::new(429, "rate_limited", message)
                .after(i64::try_from(retry_after.as_secs()).unwrap_or(60).max(1)),
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
    pub(crate) keys: DashMap<[u8; 32], Arc<admit::KnownKey>>,
    /// Snapshots of configs.
    pub(crate) configs: DashMap<ConfigId, Arc<rows::ConfigSnapshot>>,
    /// The secrets that sign.
    pub(crate) ring: ArcSwapOption<ring::Ring>,
    /// Leased quota.
    pub(crate) quota: quota::Quotas,
    /// Calls a minute, by key and by organization.
    pub(crate) limits: Buckets,
    /// Invocations that wait to be committed.
    pub(crate) meter: meter::Meter,
    /// Makes digests in `keys` useless to whoever reads the memory of another process.
    pub(crate) digest_key: [u8; 32],
    /// This process, in leases.
    pub(crate) replica: Uuid,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            keys: DashMap::new(),
            configs: DashMap::new(),
            ring: ArcSwapOption::empty(),
            quota: quota::Quotas::default(),
            limits: Buckets::default(),
            meter: meter::Meter::default(),
            digest_key: crate::secret::random(),
            replica: fresh_id(),
        }
    }
}

/// Drops what is known of a config and its keys, after a change was committed and before it is answered.
pub fn forget_config(ctx: &Ctx, config: ConfigId) {
    ctx.gateway.configs.remove(&config);
    ctx.gateway.keys.retain(|_, key| key.view.config_id != config);
}

/// Drops what is known of an organization's configs and keys.
pub fn forget_organization(ctx: &Ctx, organization: OrganizationId) {
    ctx.gateway.configs.retain(|_, config| config.organization_id != organization);
    ctx.gateway.keys.retain(|_, key| key.organization != organization);
}

/// Tells every process that an organization's gateway state has changed, in the caller's transaction.
pub(crate) async fn organization_changed(tx: &mut store::Tx, organization: OrganizationId, now: Timestamp) -> Result<()> {
    rows::note_change(tx, fresh_id(), None, Some(organization), now).await?;
    Ok(())
}

/// Runs what the gateway does beside calls, until `stop`: commits invocations, notices changes of
/// other processes, gives back leases. Everything that waits to be committed is, before it ends.
pub async fn run(ctx: Ctx, stop: CancellationToken) {
    let meter = tokio::spawn(meter::run(ctx.clone(), stop.clone()));
    let mut since = ctx.now();
    let mut ticks = 0_u64;
    while !stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            () = stop.cancelled() => break,
        }
        match notice(&ctx, since).await {
            Ok(seen) => since = seen,
            // Without news, nothing that was remembered may be trusted.
            Err(error) => {
                tracing::warn!(%error, "changes could not be read; what is known of keys and configs is dropped");
                ctx.gateway.keys.clear();
                ctx.gateway.configs.clear();
            }
        }
        ticks += 1;
        if ticks % 120 == 0 && let Err(error) = sweep(&ctx).await {
            tracing::warn!(%error, "cleaning up the gateway failed; it is tried again in a minute");
        }
    }
    if meter.await.is_err() {
        tracing::error!("the meter has died");
    }
    if let Err(error) = quota::give_back_all(&ctx).await {
        tracing::warn!(%error, "leases could not be given back; they expire by themselves");
    }
}

/// Drops what other processes have changed; returns until when everything is known.
async fn notice(ctx: &Ctx, since: Timestamp) -> Result<Timestamp> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    // Clocks and commits of other processes lag behind ours, so the last five seconds are read again.
    let changes = rows::changes(&mut tx, since.plus_seconds(-5)).await?;
    for change in changes {
        if let Some(config) = change.config_id {
            forget_config(ctx, config);
        }
        if let Some(organization) = change.organization_id {
            forget_organization(ctx, organization);
        }
    }
    Ok(now)
}

async fn sweep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::sweep(&mut tx, now.plus_seconds(-3600), now.plus_days(-1), now).await?;
    for lease in rows::leases(&mut tx, now, None).await? {
        rows::end_lease(&mut tx, &lease).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What a remote runtime reports: tokens of a call that it ran itself.
#[derive(Clone, Debug, Deserialize)]
pub struct UsageReport {
    /// The config.
    pub config: ConfigId,
    /// The call's id; the same id again counts nothing.
    pub request_id: Option<InvocationId>,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
}

/// Books what a remote runtime reports; tells whether it was new. Without an id the report is taken,
/// and cannot be told from a repetition.
pub async fn report_usage(ctx: &Ctx, secret: Option<&str>, report: &UsageReport) -> std::result::Result<(InvocationId, bool), GatewayError> {
    use subtle::ConstantTimeEq as _;

    let fine = match (&ctx.settings.runtime_secret, secret) {
        (Some(ours), Some(theirs)) => bool::from(ours.as_bytes().ct_eq(theirs.as_bytes())),
        _ => false,
    };
    if !fine {
        return Err(GatewayError::new(401, "unauthorized", "Invalid or missing X-Runtime-Secret"));
    }
    for (name, tokens) in [("input_tokens", report.input_tokens), ("output_tokens", report.output_tokens)] {
        if !(0..=100_000_000).contains(&tokens) {
            return Err(GatewayError::new(422, "invalid", format!("{name} must be from 0 to 100000000")));
        }
    }
    let now = ctx.now();
    let config = admit::config(ctx, report.config).await?.ok_or_else(GatewayError::not_found)?;
    let id = report.request_id.unwrap_or_else(|| InvocationId(fresh_id()));
    let row = rows::InvocationRow {
        id,
        organization: config.organization_id,
        config: config.id,
        subscription: config.subscription_id,
        provider: config.provider_id,
        offering: config.offering_id,
        key: None,
        session: String::new(),
        source: domain::state::Source::Runtime,
        state: domain::state::InvocationState::Succeeded,
        status: 200,
        input_tokens: report.input_tokens,
        output_tokens: report.output_tokens,
        elapsed_ms: 0,
        error: String::new(),
        started: now,
        finished: now,
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    let new = meter::book(&mut tx, &row, None, None).await?;
    tx.commit().await?;
    Ok((id, new))
}

/// Tells whether calls can be expected to work: the database and the runtime.
pub async fn health(ctx: &Ctx) -> Vec<(&'static str, bool)> {
    let database = match ctx.store.read(Scope::System).await {
        Ok(mut tx) => rows::changes(&mut tx, ctx.now()).await.is_ok(),
        Err(_) => false,
    };
    vec![("database", database), ("runtime", ctx.runtime.health().await.is_ok())]
}
