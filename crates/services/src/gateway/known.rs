//! What the gateway remembers of keys and agents, and how it forgets.
//!
//! What a newcomer gets wrong: a row that was read before a change may arrive here after it. So
//! every change moves `generation`, and what was read under another generation is used once and
//! not kept: a revoked key cannot come back.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::view::config::KeyView;
use domain::{ConfigId, KeyId, OrganizationId, Origin, Timestamp};
use serde_json::Value;
use store::gateway::ConfigSnapshot;
use store::{Scope, gateway as rows, keys as key_rows};

use super::{Gateway, GatewayError};
use crate::ctx::Ctx;
use crate::secret;

/// A key that was verified.
#[derive(Debug)]
pub struct KnownKey {
    /// Whose.
    pub(crate) organization: OrganizationId,
    /// What it may do.
    pub(crate) view: KeyView,
}

impl KnownKey {
    /// Tells whether the key holds at `now`.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.view.revoked.is_none() && self.view.expires.is_none_or(|at| at > now)
    }

    /// Tells whether pages of an origin may use the key.
    pub(crate) fn covers(&self, origin: &str) -> bool {
        self.view.allowed_origins.iter().any(|allowed| allowed.covers(origin))
    }
}

/// An agent: its config's snapshot, and what is made of it once.
#[derive(Debug)]
pub struct Agent {
    snapshot: ConfigSnapshot,
    /// The flow; a run shares it.
    pub(crate) flow: Arc<Value>,
    /// Pages that may show the agent: its own list, or those of its keys where it has none.
    pub(crate) pages: Vec<Origin>,
}

impl Deref for Agent {
    type Target = ConfigSnapshot;

    fn deref(&self) -> &ConfigSnapshot {
        &self.snapshot
    }
}

impl Agent {
    /// Tells whether pages of an origin may show the agent.
    pub(crate) fn may_be_shown(&self, origin: &str) -> bool {
        self.pages.iter().any(|allowed| allowed.covers(origin))
    }
}

impl Gateway {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Makes a digest that means nothing outside this process.
    fn digest(&self, token: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.digest_key, token.as_bytes()).as_bytes()
    }

    /// Returns a credential's key, if it was verified before and still holds.
    pub(crate) fn key_of(&self, token: &str, now: Timestamp) -> Option<Arc<KnownKey>> {
        let key = self.keys.get(&self.digest(token)).map(|key| key.clone())?;
        key.holds(now).then_some(key)
    }

    pub(crate) fn forget_config(&self, config: ConfigId) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.agents.remove(&config);
        self.keys.retain(|_, key| key.view.config_id != config);
        self.keys_by_id.retain(|_, key| key.view.config_id != config);
    }

    pub(crate) fn forget_organization(&self, organization: OrganizationId) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.agents.retain(|_, agent| agent.organization_id != organization);
        self.keys.retain(|_, key| key.organization != organization);
        self.keys_by_id.retain(|_, key| key.organization != organization);
    }

    pub(crate) fn forget_everything(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.agents.clear();
        self.keys.clear();
        self.keys_by_id.clear();
    }
}

/// Reads a credential's key, whose signature was checked before.
pub(crate) async fn read_key(ctx: &Ctx, token: &str, now: Timestamp) -> Result<Option<Arc<KnownKey>>, GatewayError> {
    let gateway = &ctx.gateway;
    let generation = gateway.generation();
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some((organization, view)) = key_rows::by_hash(&mut tx, &secret::digest(token)).await? else {
        return Ok(None);
    };
    let key = Arc::new(KnownKey { organization, view });
    if !key.holds(now) {
        return Ok(None);
    }
    // The entry's lock makes this one step with `forget_config`, which moves the generation first.
    let entry = gateway.keys.entry(gateway.digest(token));
    if gateway.generation() == generation {
        entry.insert(key.clone());
    }
    Ok(Some(key))
}

/// Returns a key that a session token names, from memory where it is known.
pub(crate) async fn key_by_id(ctx: &Ctx, id: KeyId, now: Timestamp) -> Result<Option<Arc<KnownKey>>, GatewayError> {
    let gateway = &ctx.gateway;
    if let Some(key) = gateway.keys_by_id.get(&id).map(|key| key.clone()) {
        return Ok(key.holds(now).then_some(key));
    }
    let generation = gateway.generation();
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some((organization, view)) = key_rows::find(&mut tx, id).await? else {
        return Ok(None);
    };
    let key = Arc::new(KnownKey { organization, view });
    if !key.holds(now) {
        return Ok(None);
    }
    let entry = gateway.keys_by_id.entry(id);
    if gateway.generation() == generation {
        entry.insert(key.clone());
    }
    Ok(Some(key))
}

/// Returns an agent, from memory where it is known.
pub(crate) async fn agent(ctx: &Ctx, id: ConfigId) -> Result<Option<Arc<Agent>>, GatewayError> {
    let gateway = &ctx.gateway;
    if let Some(agent) = gateway.agents.get(&id).map(|agent| agent.clone()) {
        return Ok(Some(agent));
    }
    let generation = gateway.generation();
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(mut snapshot) = rows::snapshot(&mut tx, id).await? else {
        return Ok(None);
    };
    let pages = match snapshot.allowed_origins.0.as_slice() {
        [] => key_rows::origins(&mut tx, id, ctx.now()).await?,
        own => own.to_vec(),
    };
    let flow = Arc::new(std::mem::take(&mut snapshot.flow.0));
    let agent = Arc::new(Agent { snapshot, flow, pages });
    let entry = gateway.agents.entry(id);
    if gateway.generation() == generation {
        entry.insert(agent.clone());
    }
    Ok(Some(agent))
}
