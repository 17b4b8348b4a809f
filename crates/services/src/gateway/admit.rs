//! Who may call, and whether this call may run now: the one door that every way to an agent passes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::state::{KeyKind, KeyScope, Source};
use domain::{ConfigId, KeyId, Permission, Timestamp, UserId};
use serde::Serialize;
use store::{Scope, gateway as rows, keys as key_rows};
use tokio::sync::OwnedSemaphorePermit;

use super::known::{self, Agent, KnownKey};
use super::limit::Limits;
use super::{GatewayError, quota, ring};
use crate::access::Principal;
use crate::ctx::Ctx;
use crate::keys::{PUBLISHABLE_PREFIX, SECRET_PREFIX};

/// Calls a minute that one publishable key may make directly, whatever the plan allows.
const PUBLISHABLE_PER_MINUTE: i64 = 60;
/// Calls a minute that one visitor may make.
const SESSION_PER_MINUTE: i64 = 60;
/// Calls a minute that one organization may make, unless one of its plans allows half as many alone.
const ORGANIZATION_PER_MINUTE: i64 = 6_000;
/// How long a call may wait for its turn when everything is busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// What came with a request.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// The key or session token.
    pub token: &'a str,
    /// The origin of the page that sent it.
    pub origin: Option<&'a str>,
    /// Whether a browser sent it from a page that is none of ours.
    pub from_page: bool,
    /// The address that it came from.
    pub ip: IpAddr,
}

/// A conversation that a session token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCaller {
    /// The config.
    pub config: ConfigId,
    /// The conversation.
    pub session: String,
    /// The page's origin.
    pub origin: String,
    /// The key that it was exchanged for; none on our own page.
    pub key: Option<KeyId>,
}

/// Who calls, through which door. A test names every door.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A program with a secret key, or a page with a publishable one.
    Key(Arc<KnownKey>),
    /// A visitor with a session token: the widget, and our own chat page.
    Session(SessionCaller),
    /// A member, in the portal's test chat.
    Portal {
        /// The config.
        config: ConfigId,
        /// Who.
        user: UserId,
    },
}

impl Caller {
    pub(crate) fn config(&self) -> ConfigId {
        match self {
            Self::Key(key) => key.view.config_id,
            Self::Session(session) => session.config,
            Self::Portal { config, .. } => *config,
        }
    }

    pub(crate) fn key(&self) -> Option<KeyId> {
        match self {
            Self::Key(key) => Some(key.view.id),
            Self::Session(session) => session.key,
            Self::Portal { .. } => None,
        }
    }

    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Key(key) if key.view.kind == KeyKind::Secret => Source::Api,
            Self::Key(_) | Self::Session(_) => Source::Widget,
            Self::Portal { .. } => Source::Portal,
        }
    }

    /// Tells whether the caller is a program that its owner trusts with tweaks and sessions.
    pub(crate) fn is_trusted(&self) -> bool {
        matches!(self, Self::Key(key) if key.view.kind == KeyKind::Secret)
    }

    /// Names the caller within its organization, for idempotency keys.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Key(key) => format!("key:{}", key.view.id),
            Self::Session(session) => format!("session:{}", session.session),
            Self::Portal { user, .. } => format!("user:{user}"),
        }
    }
}

/// Finds out who a credential belongs to. Secret keys, publishable keys and session tokens all come here.
pub async fn authenticate(ctx: &Ctx, credential: &Credential<'_>) -> Result<Caller, GatewayError> {
    let token = credential.token;
    if token.len() > 2000 {
        return Err(GatewayError::unauthorized());
    }
    if token.starts_with(SECRET_PREFIX) || token.starts_with(PUBLISHABLE_PREFIX) {
        let key = key(ctx, credential).await?;
        check_browser(ctx, &key, credential).await?;
        return Ok(Caller::Key(key));
    }
    session(ctx, token).await.map(Caller::Session)
}

/// Lets a member into the test chat of one of their organization's agents.
pub async fn portal_caller(ctx: &Ctx, who: &Principal, config: ConfigId) -> crate::Result<Caller> {
    let member = crate::configs::member(ctx, who, config, Permission::View).await?;
    Ok(Caller::Portal { config, user: member.user })
}

/// Finds the key of a credential. A signature is checked before the database is asked, and unknown
/// publishable keys are counted by address, so that junk does not reach it.
async fn key(ctx: &Ctx, credential: &Credential<'_>) -> Result<Arc<KnownKey>, GatewayError> {
    let (token, now) = (credential.token, ctx.now());
    if let Some(key) = ctx.gateway.key_of(token, now) {
        return Ok(key);
    }
    match token.strip_prefix(SECRET_PREFIX) {
        Some(jwt) => {
            ring::verify_key(ctx, jwt, now).await?.ok_or_else(GatewayError::unauthorized)?;
        }
        None => ctx.gateway.unknown_keys.hit(&credential.ip.to_string(), now).map_err(|wait| {
            GatewayError::new(429, "rate_limited", "Many keys were tried from here; wait a little.")
                .after_duration(wait)
        })?,
    }
    known::read_key(ctx, token, now).await?.ok_or_else(GatewayError::unauthorized)
}

/// Reads a session token. It dies with the key that it was exchanged for, and with that key's origins.
async fn session(ctx: &Ctx, token: &str) -> Result<SessionCaller, GatewayError> {
    let now = ctx.now();
    let session = ring::verify_session(ctx, token, now).await?.ok_or_else(GatewayError::unauthorized)?;
    if let Some(id) = session.key {
        let key = known::key_by_id(ctx, id, now).await?.ok_or_else(GatewayError::unauthorized)?;
        if key.view.config_id != session.config || !key.covers(&session.origin) {
            return Err(GatewayError::unauthorized());
        }
    }
    Ok(session)
}

/// Holds a key to its origins. A publishable key does nothing without one; a secret key from a page
/// is answered only if it may do nothing but invoke and that page is on its list, and is reported.
async fn check_browser(ctx: &Ctx, key: &KnownKey, credential: &Credential<'_>) -> Result<(), GatewayError> {
    let covered = credential.origin.is_some_and(|origin| key.covers(origin));
    match key.view.kind {
        KeyKind::Publishable if covered => Ok(()),
        KeyKind::Publishable => Err(GatewayError::origin_not_allowed(credential.origin)),
        KeyKind::Secret if !credential.from_page => Ok(()),
        KeyKind::Secret => {
            report_browser(ctx, key, credential.origin.unwrap_or("an unknown page")).await?;
            if covered && key.view.scopes == [KeyScope::Invoke] {
                return Ok(());
            }
            Err(GatewayError::new(
                403,
                "secret_key_in_browser",
                "A secret key was sent from a web page. Use a publishable key there, and regenerate this one.",
            ))
        }
    }
}

/// Notes for the key's owner that it lies in a page; at most once a minute, whatever pages there are.
async fn report_browser(ctx: &Ctx, key: &KnownKey, origin: &str) -> Result<(), GatewayError> {
    let known = key.view.seen_in_browser.as_deref() == Some(origin);
    if known || ctx.gateway.reports.hit(&key.view.id.to_string(), ctx.now()).is_err() {
        return Ok(());
    }
    tracing::warn!(key.id = %key.view.id, "a secret key was sent from a web page");
    let mut tx = ctx.store.write(Scope::System).await?;
    key_rows::note_browser(&mut tx, key.view.id, &origin.chars().take(300).collect::<String>()).await?;
    tx.commit().await?;
    super::forget_config(ctx, key.view.config_id);
    Ok(())
}

/// A call that may run: it holds one call of the month's quota until it is settled or put back.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) agent: Arc<Agent>,
    pub(crate) caller: Caller,
    pub(crate) ticket: quota::Ticket,
    pub(crate) limits: Limits,
    /// A place among the calls that run at once, until this is dropped.
    _place: OwnedSemaphorePermit,
}

/// Decides whether a call may run now: cheap refusals first, the quota last.
pub(crate) async fn admit(ctx: &Ctx, caller: Caller) -> Result<Admitted, GatewayError> {
    let now = ctx.now();
    let agent = known::agent(ctx, caller.config()).await?.ok_or_else(GatewayError::not_found)?;
    check_caller(ctx, &caller, &agent)?;
    check_answers(&agent)?;
    let limits = count(ctx, &caller, &agent, now)?;
    let place = tokio::time::timeout(PATIENCE, ctx.gateway.places.clone().acquire_owned())
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| {
            GatewayError::new(503, "busy", "Many calls run at the moment; try again in a second.").after(1)
        })?;
    let key = key_of(ctx, &caller, now).await?;
    let ticket = quota::reserve(ctx, &agent, key.as_deref(), now).await?;
    Ok(Admitted { agent, caller, ticket, limits, _place: place })
}

/// Returns the key that a call is made with, or that its conversation was opened with.
async fn key_of(ctx: &Ctx, caller: &Caller, now: Timestamp) -> Result<Option<Arc<KnownKey>>, GatewayError> {
    match caller {
        Caller::Key(key) => Ok(Some(key.clone())),
        Caller::Session(SessionCaller { key: Some(id), .. }) => known::key_by_id(ctx, *id, now).await,
        Caller::Session(_) | Caller::Portal { .. } => Ok(None),
    }
}

fn check_caller(ctx: &Ctx, caller: &Caller, agent: &Agent) -> Result<(), GatewayError> {
    match caller {
        Caller::Key(key) if !key.view.scopes.contains(&KeyScope::Invoke) => {
            Err(GatewayError::new(403, "scope_missing", "This key may not invoke; its scopes do not include it."))
        }
        // On our own page there is no other site; an agent that no site may show is not shown here either.
        Caller::Session(session) if session.origin == ctx.settings.public_url && session.key.is_none() => {
            if agent.pages.is_empty() { Err(GatewayError::not_found()) } else { Ok(()) }
        }
        Caller::Session(session) if !agent.may_be_shown(&session.origin) => {
            Err(GatewayError::origin_not_allowed(Some(&session.origin)))
        }
        Caller::Key(_) | Caller::Session(_) | Caller::Portal { .. } => Ok(()),
    }
}

/// Counts a call against each limit that holds for it; a call that one refuses counts against none.
fn count(ctx: &Ctx, caller: &Caller, agent: &Agent, now: Timestamp) -> Result<Limits, GatewayError> {
    let plan = agent.requests_per_minute;
    let mut buckets = Vec::with_capacity(4);
    match caller {
        Caller::Key(key) if key.view.kind == KeyKind::Publishable => {
            buckets.push((key.view.id.0, plan.min(PUBLISHABLE_PER_MINUTE)));
        }
        Caller::Key(key) => buckets.push((key.view.id.0, plan)),
        Caller::Session(session) => {
            buckets.push((session_bucket(session), plan.min(SESSION_PER_MINUTE)));
            buckets.extend(session.key.map(|key| (key.0, plan)));
        }
        Caller::Portal { .. } => {}
    }
    buckets.push((agent.subscription_id.0, plan));
    buckets.push((agent.organization_id.0, ORGANIZATION_PER_MINUTE.max(plan.saturating_mul(2))));
    let mut tightest: Option<Limits> = None;
    for (index, &(bucket, per_minute)) in buckets.iter().enumerate() {
        match ctx.gateway.limits.hit(bucket, per_minute, now) {
            Ok(limits) if tightest.is_none_or(|known| limits.remaining < known.remaining) => tightest = Some(limits),
            Ok(_) => {}
            Err((limits, wait)) => {
                for &(bucket, per_minute) in &buckets[..index] {
                    ctx.gateway.limits.take_back(bucket, per_minute);
                }
                let error = GatewayError::new(429, "rate_limited", "").after_duration(wait);
                let detail =
                    format!("More than {} calls a minute; wait {} s.", limits.limit, error.retry_after.unwrap_or(1));
                return Err(GatewayError { detail, limits: Some(limits), ..error });
            }
        }
    }
    Ok(tightest.unwrap_or(Limits { limit: plan, remaining: 0, reset: 0 }))
}

fn session_bucket(session: &SessionCaller) -> uuid::Uuid {
    let hash = blake3::hash(format!("{}:{}", session.config, session.session).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Uuid::from_bytes(bytes)
}

/// Tells whether an agent answers at all.
pub(crate) fn check_answers(agent: &Agent) -> Result<(), GatewayError> {
    if agent.blocked_at.is_some() {
        return Err(GatewayError::new(
            403,
            "organization_blocked",
            "This organization is blocked; its owner can ask the operator why.",
        ));
    }
    if !agent.subscription_state.is_usable() {
        return Err(GatewayError::new(402, "no_subscription", "The subscription of this agent is not active."));
    }
    if !agent.entitlement.is_usable() {
        return Err(GatewayError::new(
            402,
            "payment_overdue",
            "The last payment for this agent failed; it answers again once its order is paid.",
        ));
    }
    if !agent.live {
        return Err(GatewayError::new(403, "not_live", "Its owner has switched this agent off."));
    }
    Ok(())
}

/// What a key is, for whoever holds it.
#[derive(Clone, Debug, Serialize)]
pub struct Validation {
    /// Always true: an invalid key is an error.
    pub valid: bool,
    /// The config.
    pub config_uuid: String,
    /// The organization.
    pub tenant_id: String,
    /// The project.
    pub project_id: String,
    /// What it may do.
    pub scopes: Vec<KeyScope>,
    /// Until when it holds, RFC 3339.
    pub expires_at: Option<String>,
    /// Calls in a month.
    pub monthly_quota: Option<i64>,
    /// Calls made this month.
    pub used: i64,
    /// Calls a minute.
    pub requests_per_minute: i64,
    /// Whether a call would be answered now, limits aside.
    pub active: bool,
    /// What the agent is like.
    pub config: serde_json::Value,
}

/// Says what a key is.
pub async fn validate(ctx: &Ctx, credential: &Credential<'_>) -> Result<Validation, GatewayError> {
    let Caller::Key(key) = authenticate(ctx, credential).await? else {
        return Err(GatewayError::unauthorized());
    };
    let agent = known::agent(ctx, key.view.config_id).await?.ok_or_else(GatewayError::not_found)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let month = ctx.now().month_start();
    let (used, _) = rows::period(&mut tx, agent.subscription_id.0, month).await?;
    let has_room = quota::has_room(&mut tx, &agent, Some(&key), month).await?;
    Ok(Validation {
        valid: true,
        config_uuid: agent.id.to_string(),
        tenant_id: agent.organization_id.to_string(),
        project_id: agent.project_id.to_string(),
        scopes: key.view.scopes.clone(),
        expires_at: key.view.expires.map(Timestamp::rfc3339),
        monthly_quota: agent.monthly_quota,
        used,
        requests_per_minute: agent.requests_per_minute,
        active: check_answers(&agent).is_ok() && has_room,
        config: serde_json::json!({
            "agent_name": agent.agent_name,
            "greeting_message": agent.greeting_message,
            "tone": agent.tone,
        }),
    })
}
