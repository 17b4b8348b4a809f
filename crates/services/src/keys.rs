//! Keys of configs: made, shown once, revoked, regenerated.
//!
//! A secret key is `ar_sk_live_` and a JWT, so that a program can read what it is for; what makes it
//! valid is its row, found by its SHA-256. A publishable key is `ar_pk_live_` and 32 random
//! characters: it is no secret, and does nothing without an origin on its list.

use domain::state::{KeyKind, KeyScope};
use domain::view::config::{CreatedKey, KeyView, NewKey};
use domain::{ConfigId, KeyId, Permission, Timestamp};
use rand::RngExt as _;
use store::{Scope, Tx, caps, configs as config_rows, keys as rows};

use crate::access::{Member, Principal};
use crate::audit;
use crate::clock::fresh_id;
use crate::configs::{member, parse_origins};
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::gateway::{self, ring};
use crate::secret;

/// What secret keys begin with.
pub const SECRET_PREFIX: &str = "ar_sk_live_";
/// What publishable keys begin with.
pub const PUBLISHABLE_PREFIX: &str = "ar_pk_live_";
/// Live keys that a config may have.
const KEYS: usize = 100;

/// Lists an agent's keys, newest first.
pub async fn list(ctx: &Ctx, who: &Principal, config: ConfigId) -> Result<Vec<KeyView>> {
    let member = member(ctx, who, config, Permission::ManageKeys).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::of_config(&mut tx, member.tenant, config).await?)
}

/// Lists the keys of every organization whose keys the caller manages.
pub async fn list_all(ctx: &Ctx, who: &Principal) -> Result<Vec<KeyView>> {
    let mut views = Vec::new();
    for membership in &who.user()?.memberships {
        if let Ok(member) = who.member(membership.organization_id, Permission::ManageKeys) {
            let mut tx = ctx.store.read(member.tenant).await?;
            views.extend(rows::of_organization(&mut tx, member.tenant).await?);
        }
    }
    Ok(views)
}

/// Makes a key; its secret is in the answer, and nowhere afterwards.
pub async fn create(ctx: &Ctx, who: &Principal, config: ConfigId, new: NewKey) -> Result<CreatedKey> {
    let member = member(ctx, who, config, Permission::ManageKeys).await?;
    let mut checks = Checks::default();
    let name = checks.line("name", &new.name, 1, 80);
    let origins = parse_origins(&mut checks, &new.allowed_origins);
    let days = new.expires_in_days.unwrap_or(ctx.settings.key_days);
    checks.require((1..=3650).contains(&days), "expires_in_days", "must be from 1 to 3650");
    let mut scopes = new.scopes;
    scopes.sort();
    scopes.dedup();
    checks.require(!scopes.is_empty(), "scopes", "must name at least one scope");
    if new.kind == KeyKind::Publishable {
        checks.require(
            !origins.is_empty(),
            "allowed_origins",
            "are required: a key for web pages works only on pages that you name, like https://shop.example",
        );
        checks.require(scopes == [KeyScope::Invoke], "scopes", "of a key for web pages can only be invoke");
    }
    checks.done()?;
    let now = ctx.now();
    let draft = KeyView {
        id: KeyId(fresh_id()),
        config_id: config,
        kind: new.kind,
        name,
        prefix: String::new(),
        publishable: None,
        scopes,
        allowed_origins: origins,
        created: now,
        // A publishable key lies in pages that nobody visits to renew it.
        expires: (new.kind == KeyKind::Secret || new.expires_in_days.is_some()).then(|| now.plus_days(days)),
        revoked: None,
        last_used: None,
        seen_in_browser: None,
        cap: None,
    };
    insert(ctx, member, draft, now, None).await
}

/// Revokes a key; from the answer on, nothing is admitted with it.
pub async fn revoke(ctx: &Ctx, who: &Principal, id: KeyId) -> Result<KeyView> {
    let member = owned(ctx, who, id).await?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::revoke(&mut tx, member.tenant, id, now).await?;
    let view = rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("key"))?;
    note(ctx, &mut tx, member, "key.revoke", &view).await?;
    gateway::config_changed(&mut tx, view.config_id, now).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, view.config_id);
    Ok(view)
}

/// Revokes a key and makes another like it, for as long as the first was made for.
pub async fn regenerate(ctx: &Ctx, who: &Principal, id: KeyId) -> Result<CreatedKey> {
    let member = owned(ctx, who, id).await?;
    let now = ctx.now();
    let mut tx = ctx.store.read(member.tenant).await?;
    let old = rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("key"))?;
    drop(tx);
    if old.revoked.is_some() {
        return Err(Error::Conflict("This key is revoked; make a new one.".to_owned()));
    }
    let lifetime = old.expires.map(|expires| expires.seconds() - old.created.seconds());
    let draft = KeyView {
        id: KeyId(fresh_id()),
        prefix: String::new(),
        publishable: None,
        created: now,
        expires: lifetime.map(|seconds| now.plus_seconds(seconds)),
        last_used: None,
        seen_in_browser: None,
        ..old
    };
    insert(ctx, member, draft, now, Some(id)).await
}

/// Writes where browsers may use a key.
pub async fn set_origins(ctx: &Ctx, who: &Principal, id: KeyId, origins: &[String]) -> Result<KeyView> {
    let member = owned(ctx, who, id).await?;
    let mut checks = Checks::default();
    let origins = parse_origins(&mut checks, origins);
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let key = rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("key"))?;
    checks.require(
        key.kind == KeyKind::Secret || !origins.is_empty(),
        "allowed_origins",
        "are required: a key for web pages works only on pages that you name",
    );
    checks.done()?;
    rows::set_origins(&mut tx, member.tenant, id, &origins).await?;
    gateway::config_changed(&mut tx, key.config_id, now).await?;
    let key = rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound("key"))?;
    note(ctx, &mut tx, member, "key.origins", &key).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, key.config_id);
    Ok(key)
}

async fn note(ctx: &Ctx, tx: &mut Tx, member: Member, action: &str, key: &KeyView) -> Result<()> {
    let of = Some(member.tenant.id());
    audit::note(ctx, tx, Some(member.user), of, action, &key.id.to_string(), &key.prefix).await
}

async fn owned(ctx: &Ctx, who: &Principal, id: KeyId) -> Result<Member> {
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let organization = rows::owner(&mut tx, id).await?.ok_or(Error::NotFound("key"))?;
    who.member(organization, Permission::ManageKeys).map_err(|error| error.hiding("key"))
}

async fn insert(
    ctx: &Ctx,
    member: Member,
    mut key: KeyView,
    now: Timestamp,
    replaces: Option<KeyId>,
) -> Result<CreatedKey> {
    let credential = match key.kind {
        KeyKind::Secret => {
            let mut tx = ctx.store.read(member.tenant).await?;
            let config = config_rows::get(&mut tx, member.tenant, key.config_id, now.month_start())
                .await?
                .ok_or(Error::NotFound("agent"))?;
            drop(tx);
            let token = ring::sign_key(ctx, &key, member.tenant.id(), config.project_id).await?;
            format!("{SECRET_PREFIX}{token}")
        }
        KeyKind::Publishable => {
            let mut rng = rand::rng();
            let random: String = (0..32).map(|_| char::from(rng.sample(rand::distr::Alphanumeric))).collect();
            format!("{PUBLISHABLE_PREFIX}{random}")
        }
    };
    key.prefix = match key.kind {
        // The first characters of every JWT are the same; the last ones tell keys apart.
        KeyKind::Secret => format!("{SECRET_PREFIX}…{}", &credential[credential.len() - 6..]),
        KeyKind::Publishable => credential.chars().take(SECRET_PREFIX.len() + 6).collect(),
    };
    key.publishable = (key.kind == KeyKind::Publishable).then(|| credential.clone());
    let mut tx = ctx.store.write(Scope::System).await?;
    let live = rows::of_config(&mut tx, member.tenant, key.config_id).await?;
    if replaces.is_none() && live.iter().filter(|key| key.revoked.is_none()).count() >= KEYS {
        return Err(Error::Conflict(format!("An agent has {KEYS} keys at most; revoke one first.")));
    }
    rows::insert(&mut tx, member.tenant, &key, &secret::digest(&credential), member.user).await?;
    if let Some(old) = replaces {
        rows::revoke(&mut tx, member.tenant, old, now).await?;
        if let Some(calls) = key.cap {
            caps::set(&mut tx, member.tenant, key.id.0, calls, member.user, now).await?;
        }
    }
    note(ctx, &mut tx, member, if replaces.is_some() { "key.regenerate" } else { "key.create" }, &key).await?;
    // A new key may also name pages that may show the agent.
    gateway::config_changed(&mut tx, key.config_id, now).await?;
    tx.commit().await?;
    gateway::forget_config(ctx, key.config_id);
    Ok(CreatedKey { key, secret: credential })
}
