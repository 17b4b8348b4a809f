//! Keys of configs, and the ring of secrets that sign them.

use domain::state::{KeyKind, KeyScope};
use domain::view::config::KeyView;
use domain::{ConfigId, KeyId, OrganizationId, Origin, Timestamp, UserId};

use crate::{Error, Json, Tenant, Tx};

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: KeyId,
    config_id: ConfigId,
    kind: KeyKind,
    name: String,
    prefix: String,
    publishable: Option<String>,
    scopes: Json<Vec<KeyScope>>,
    allowed_origins: Json<Vec<Origin>>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    seen_in_browser: Option<String>,
    cap: Option<i64>,
}

impl From<KeyRow> for KeyView {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            config_id: row.config_id,
            kind: row.kind,
            name: row.name,
            prefix: row.prefix,
            publishable: row.publishable,
            scopes: row.scopes.0,
            allowed_origins: row.allowed_origins.0,
            created: row.created_at,
            expires: row.expires_at,
            revoked: row.revoked_at,
            last_used: row.last_used_at,
            seen_in_browser: row.seen_in_browser,
            cap: row.cap,
        }
    }
}

/// A secret that signs keys.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SigningKeyRow {
    /// Its name in the header of what it signs.
    pub kid: String,
    /// The secret.
    pub secret: Vec<u8>,
    /// Since when it signs nothing new.
    pub retired_at: Option<Timestamp>,
}

/// Writes a key; `hash` is the SHA-256 of the whole credential.
pub async fn insert(tx: &mut Tx, tenant: Tenant, key: &KeyView, hash: &[u8], by: UserId) -> Result<(), Error> {
    tx.query(
        "INSERT INTO keys (id, organization_id, config_id, kind, name, prefix, hash, publishable, scopes, allowed_origins,
                           created_by, created_at, expires_at, revoked_at, last_used_at, seen_in_browser)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULL, NULL, NULL)",
    )
    .bind(key.id)
    .bind(tenant.id())
    .bind(key.config_id)
    .bind(key.kind)
    .bind(key.name.clone())
    .bind(key.prefix.clone())
    .bind(hash.to_vec())
    .bind(key.publishable.clone())
    .bind(Json(key.scopes.clone()))
    .bind(Json(key.allowed_origins.clone()))
    .bind(by)
    .bind(key.created)
    .bind(key.expires)
    .execute()
    .await?
    .exactly_one()
}

/// Lists the keys of a config, newest first.
pub async fn of_config(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Vec<KeyView>, Error> {
    let rows: Vec<KeyRow> = tx
        .query(
            "SELECT id, config_id, kind, name, prefix, publishable, scopes, allowed_origins, created_at, expires_at,
                    revoked_at, last_used_at, seen_in_browser, (SELECT c.calls FROM caps c WHERE c.scope_id = keys.id) AS cap
             FROM keys WHERE config_id = $1 AND organization_id = $2 ORDER BY created_at DESC, id DESC",
        )
        .bind(config)
        .bind(tenant.id())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(KeyView::from).collect())
}

/// Lists the keys of an organization, newest first.
pub async fn of_organization(tx: &mut Tx, tenant: Tenant) -> Result<Vec<KeyView>, Error> {
    let rows: Vec<KeyRow> = tx
        .query(
            "SELECT id, config_id, kind, name, prefix, publishable, scopes, allowed_origins, created_at, expires_at,
                    revoked_at, last_used_at, seen_in_browser, (SELECT c.calls FROM caps c WHERE c.scope_id = keys.id) AS cap
             FROM keys WHERE organization_id = $1 ORDER BY created_at DESC, id DESC",
        )
        .bind(tenant.id())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(KeyView::from).collect())
}

/// Finds a key.
pub async fn get(tx: &mut Tx, tenant: Tenant, id: KeyId) -> Result<Option<KeyView>, Error> {
    let row: Option<KeyRow> = tx
        .query(
            "SELECT id, config_id, kind, name, prefix, publishable, scopes, allowed_origins, created_at, expires_at,
                    revoked_at, last_used_at, seen_in_browser, (SELECT c.calls FROM caps c WHERE c.scope_id = keys.id) AS cap
             FROM keys WHERE id = $1 AND organization_id = $2",
        )
        .bind(id)
        .bind(tenant.id())
        .fetch_optional()
        .await?;
    Ok(row.map(KeyView::from))
}

/// Finds whose a key is; before a tenant is known.
pub async fn owner(tx: &mut Tx, id: KeyId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT organization_id FROM keys WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(organization,)| organization))
}

/// Finds a key by its hash, and whose it is.
pub async fn by_hash(tx: &mut Tx, hash: &[u8]) -> Result<Option<(OrganizationId, KeyView)>, Error> {
    let row: Option<(KeyId,)> =
        tx.query("SELECT id FROM keys WHERE hash = $1").bind(hash.to_vec()).fetch_optional().await?;
    match row {
        Some((id,)) => find(tx, id).await,
        None => Ok(None),
    }
}

/// Finds a key, and whose it is.
pub async fn find(tx: &mut Tx, id: KeyId) -> Result<Option<(OrganizationId, KeyView)>, Error> {
    let Some(organization) = owner(tx, id).await? else {
        return Ok(None);
    };
    let row: Option<KeyRow> = tx
        .query(
            "SELECT id, config_id, kind, name, prefix, publishable, scopes, allowed_origins, created_at, expires_at,
                    revoked_at, last_used_at, seen_in_browser, (SELECT c.calls FROM caps c WHERE c.scope_id = keys.id) AS cap
             FROM keys WHERE id = $1",
        )
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|row| (organization, KeyView::from(row))))
}

/// Lists the origins that the live keys of a config work on.
pub async fn origins(tx: &mut Tx, config: ConfigId, now: Timestamp) -> Result<Vec<Origin>, Error> {
    let rows: Vec<(Json<Vec<Origin>>,)> = tx
        .query(
            "SELECT allowed_origins FROM keys
             WHERE config_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at",
        )
        .bind(config)
        .bind(now)
        .fetch_all()
        .await?;
    let mut origins: Vec<Origin> = Vec::new();
    for origin in rows.into_iter().flat_map(|(row,)| row.0) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

/// Revokes a key; one that is revoked stays as it is.
pub async fn revoke(tx: &mut Tx, tenant: Tenant, id: KeyId, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE keys SET revoked_at = $3 WHERE id = $1 AND organization_id = $2 AND revoked_at IS NULL")
        .bind(id)
        .bind(tenant.id())
        .bind(now)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Writes where browsers may use a key.
pub async fn set_origins(tx: &mut Tx, tenant: Tenant, id: KeyId, origins: &[Origin]) -> Result<(), Error> {
    tx.query("UPDATE keys SET allowed_origins = $3 WHERE id = $1 AND organization_id = $2")
        .bind(id)
        .bind(tenant.id())
        .bind(Json(origins.to_vec()))
        .execute()
        .await?
        .exactly_one()
}

/// Notes when a key was last used.
pub async fn touch(tx: &mut Tx, id: KeyId, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)")
        .bind(id)
        .bind(now)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Notes that a secret key arrived from a browser.
pub async fn note_browser(tx: &mut Tx, id: KeyId, origin: &str) -> Result<(), Error> {
    tx.query("UPDATE keys SET seen_in_browser = $2 WHERE id = $1")
        .bind(id)
        .bind(origin.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}

/// Lists the ring, newest first.
pub async fn signing_keys(tx: &mut Tx) -> Result<Vec<SigningKeyRow>, Error> {
    tx.query("SELECT kid, secret, retired_at FROM signing_keys ORDER BY created_at DESC, kid DESC").fetch_all().await
}

/// Adds a secret to the ring; a name that is there stays as it is.
pub async fn insert_signing_key(tx: &mut Tx, kid: &str, secret: &[u8], now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO signing_keys (kid, secret, created_at, retired_at) VALUES ($1, $2, $3, NULL) ON CONFLICT (kid) DO NOTHING",
    )
    .bind(kid.to_owned())
    .bind(secret.to_vec())
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Retires every secret of the ring but one: they verify, and sign nothing new.
pub async fn retire_signing_keys(tx: &mut Tx, but: &str, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE signing_keys SET retired_at = $2 WHERE kid <> $1 AND retired_at IS NULL")
        .bind(but.to_owned())
        .bind(now)
        .execute()
        .await?
        .any();
    Ok(())
}
