//! Who may call, and whether this call may run now: the one door that every way to an agent passes.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use domain::state::{KeyKind, KeyScope, Source};
use domain::view::config::KeyView;
use domain::{ConfigId, OrganizationId, Permission};
use serde::Serialize;
use store::gateway::ConfigSnapshot;
use store::{Scope, gateway as rows, keys as key_rows};

use super::{GatewayError, quota, ring};
use crate::access::Principal;
use crate::ctx::Ctx;
use crate::keys::{PUBLISHABLE_PREFIX, SECRET_PREFIX};
use crate::secret;
use crate::throttle::Throttle;

/// Calls a minute that one publishable key may make, whatever the plan allows.
const PUBLISHABLE_PER_MINUTE: i64 = 60;
/// Unknown publishable keys that one address may try: sixty at once, then one a second.
static UNKNOWN_KEYS: LazyLock<Throttle> = LazyLock::new(|| Throttle::new(60, Duration::from_secs(1)));

/// A key that was verified.
#[derive(Debug)]
pub struct KnownKey {
    /// Whose.
    pub(crate) organization: OrganizationId,
    /// What it may do.
    pub(crate) view: KeyView,
}

/// What came with a request.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// The key or session token.
    pub token: &'a str,
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// Whether a browser sent it from some page: `Origin`, or a `Sec-Fetch-Site` that is not `none`.
    pub from_page: bool,
    /// The address that it came from.
    pub ip: IpAddr,
}

/// Who calls, through which door.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A program with a secret key, or a page with a publishable one.
    Key(Arc<KnownKey>),
    /// A widget with a session token.
    Session {
        /// The config.
        config: ConfigId,
        /// The conversation.
        session: String,
        /// The page's origin.
        origin: String,
    },
    /// A member, in the portal's test chat.
    Portal {
        /// The config.
        config: ConfigId,
        /// Who.
        user: domain::UserId,
    },
}

impl Caller {
    pub(crate) fn config(&self) -> ConfigId {
        match self {
            Self::Key(key) => key.view.config_id,
            Self::Session { config, .. } | Self::Portal { config, .. } => *config,
        }
    }

    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Key(key) if key.view.kind == KeyKind::Publishable => Source::Widget,
            Self::Key(_) => Source::Api,
            Self::Session { .. } => Source::Widget,
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
            Self::Session { session, .. } => format!("session:{session}"),
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
        let key = known_key(ctx, credential).await?;
        check_browser(ctx, &key, credential).await?;
        Ok(Caller::Key(key))
    } else {
        let ring = ring::current(ctx).await?;
        let claims = ring.verify_session(ctx, token, ctx.now()).ok_or_else(GatewayError::unauthorized)?;
        let config = claims.cfg.parse().map_err(|_| GatewayError::unauthorized())?;
        // The token dies with the key that it was exchanged for.
        if let Some(key) = &claims.key {
            let hash = hex::decode(key).map_err(|_| GatewayError::unauthorized())?;
            let mut tx = ctx.store.read(Scope::System).await?;
            let found = key_rows::by_hash(&mut tx, &hash).await?;
            let alive = found.is_some_and(|(_, key)| key.revoked.is_none() && key.expires.is_none_or(|at| at > ctx.now()));
            if !alive {
                return Err(GatewayError::unauthorized());
            }
        }
        Ok(Caller::Session { config, session: claims.sid, origin: claims.org })
    }
}

/// Lets a member into the test chat of one of their organization's agents.
pub async fn portal_caller(ctx: &Ctx, who: &Principal, config: ConfigId) -> crate::Result<Caller> {
    let member = crate::configs::member(ctx, who, config, Permission::Configure).await?;
    Ok(Caller::Portal { config, user: member.user })
}

async fn known_key(ctx: &Ctx, credential: &Credential<'_>) -> Result<Arc<KnownKey>, GatewayError> {
    let token = credential.token;
    let now = ctx.now();
    let digest = *blake3::keyed_hash(&ctx.gateway.digest_key, token.as_bytes()).as_bytes();
    if let Some(key) = ctx.gateway.keys.get(&digest)
        && key.view.expires.is_none_or(|at| at > now)
    {
        return Ok(key.clone());
    }
    // A signature is checked before the database is asked, so that junk never reaches it.
    match token.strip_prefix(SECRET_PREFIX) {
        Some(jwt) => {
            let ring = ring::current(ctx).await?;
            if ring.verify_key(ctx, jwt, now).is_none() {
                return Err(GatewayError::unauthorized());
            }
        }
        None => UNKNOWN_KEYS.hit(&credential.ip.to_string(), now).map_err(|wait| {
            GatewayError::new(429, "rate_limited", "Too many keys were tried from here.")
                .after(i64::try_from(wait.as_secs()).unwrap_or(60).max(1))
        })?,
    }
    let mut tx = ctx.store.read(Scope::System).await?;
    let (organization, view) = key_rows::by_hash(&mut tx, &secret::digest(token)).await?.ok_or_else(GatewayError::unauthorized)?;
    if view.revoked.is_some() || view.expires.is_some_and(|at| at <= now) {
        return Err(GatewayError::unauthorized());
    }
    let key = Arc::new(KnownKey { organization, view });
    ctx.gateway.keys.insert(digest, key.clone());
    Ok(key)
}

/// Holds a key to its origins. A publishable key does nothing without one; a secret key from a page
/// is answered only if it may do nothing but invoke and that page is on its list, and is reported.
async fn check_browser(ctx: &Ctx, key: &KnownKey, credential: &Credential<'_>) -> Result<(), GatewayError> {
    let covered = credential.origin.is_some_and(|origin| key.view.allowed_origins.iter().any(|allowed| allowed.covers(origin)));
    match key.view.kind {
        KeyKind::Publishable if covered => Ok(()),
        KeyKind::Publishable => Err(GatewayError::new(
            403,
            "origin_not_allowed",
            "This key works only on the pages that its owner has listed, and this is none of them.",
        )),
        KeyKind::Secret if !credential.from_page => Ok(()),
        KeyKind::Secret => {
            let origin = credential.origin.unwrap_or("an unknown page");
            if key.view.seen_in_browser.as_deref() != Some(origin) {
                let mut tx = ctx.store.write(Scope::System).await?;
                key_rows::note_browser(&mut tx, key.view.id, &origin.chars().take(300).collect::<String>()).await?;
                tx.commit().await?;
                super::forget_config(ctx, key.view.config_id);
            }
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

/// Returns a config's snapshot, from memory where it is known.
pub(crate) async fn config(ctx: &Ctx, id: ConfigId) -> Result<Option<Arc<ConfigSnapshot>>, GatewayError> {
    if let Some(config) = ctx.gateway.configs.get(&id) {
        return Ok(Some(config.clone()));
    }
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(snapshot) = rows::snapshot(&mut tx, id).await? else { return Ok(None) };
    let snapshot = Arc::new(snapshot);
    ctx.gateway.configs.insert(id, snapshot.clone());
    Ok(Some(snapshot))
}

/// A call that may run: it holds one call of the month's quota until it is settled.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) config: Arc<ConfigSnapshot>,
    pub(crate) caller: Caller,
    pub(crate) ticket: quota::Ticket,
}

/// Decides whether a call may run now: cheap refusals first, the quota last.
pub(crate) async fn admit(ctx: &Ctx, caller: Caller) -> Result<Admitted, GatewayError> {
    let now = ctx.now();
    let config = config(ctx, caller.config()).await?.ok_or_else(GatewayError::not_found)?;
    if let Caller::Key(key) = &caller
        && !key.view.scopes.contains(&KeyScope::Invoke)
    {
        return Err(GatewayError::new(403, "scope_missing", "This key may not invoke."));
    }
    check_answers(&config)?;
    if let Caller::Session { origin, .. } = &caller
        && !config.allowed_origins.0.iter().any(|allowed| allowed.covers(origin))
    {
        return Err(GatewayError::new(403, "origin_not_allowed", "This agent may not be used on this page."));
    }
    let per_minute = config.requests_per_minute;
    let too_many = |wait: Duration| {
        let seconds = i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(60).max(1);
        GatewayError::new(429, "rate_limited", format!("More than {per_minute} calls a minute; wait {seconds} s.")).after(seconds)
    };
    if let Caller::Key(key) = &caller {
        let own = if key.view.kind == KeyKind::Publishable { per_minute.min(PUBLISHABLE_PER_MINUTE) } else { per_minute };
        ctx.gateway.limits.hit(key.view.id.0, own, now).map_err(too_many)?;
    }
    // An organization may use several agents at once, so its own limit is by subscription.
    ctx.gateway.limits.hit(config.subscription_id.0, per_minute, now).map_err(too_many)?;
    let ticket = quota::reserve(ctx, &config, now).await?;
    Ok(Admitted { config, caller, ticket })
}

/// Tells whether a config answers at all.
pub(crate) fn check_answers(config: &ConfigSnapshot) -> Result<(), GatewayError> {
    if config.blocked_at.is_some() {
        return Err(GatewayError::new(403, "organization_blocked", "This organization is blocked; its owner can ask the operator why."));
    }
    if !config.subscription_state.is_usable() {
        return Err(GatewayError::new(402, "no_subscription", "The subscription of this agent is not active."));
    }
    if !config.live {
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
    let config = config(ctx, key.view.config_id).await?.ok_or_else(GatewayError::not_found)?;
    Ok(Validation {
        valid: true,
        config_uuid: config.id.to_string(),
        tenant_id: config.organization_id.to_string(),
        project_id: config.project_id.to_string(),
        scopes: key.view.scopes.clone(),
        expires_at: key.view.expires.map(domain::Timestamp::rfc3339),
        monthly_quota: config.monthly_quota,
        active: check_answers(&config).is_ok(),
        config: serde_json::json!({
            "agent_name": config.agent_name,
            "greeting_message": config.greeting_message,
            "tone": config.tone,
        }),
    })
}
