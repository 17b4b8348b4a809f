//! The ring of secrets that sign keys and session tokens, so that one can be replaced without
//! killing what it signed: the newest that is not retired signs, all of them verify.

use std::sync::Arc;

use domain::view::config::KeyView;
use domain::{ConfigId, KeyId, OrganizationId, ProjectId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{Scope, keys as rows};

use super::admit::SessionCaller;
use crate::access::Operator;
use crate::audit;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::secret;

/// The audience of session tokens.
const SESSION_AUDIENCE: &str = "widget";
/// Clocks of several machines may differ by this much.
const LEEWAY_SECONDS: i64 = 30;

/// What a secret key says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaims {
    /// Who made it.
    pub iss: String,
    /// For whom: the gateway.
    pub aud: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// From when it holds.
    pub nbf: i64,
    /// Until when it holds.
    pub exp: i64,
    /// The key's row.
    pub jti: String,
    /// The organization.
    pub tenant_id: String,
    /// The project.
    pub project_id: String,
    /// The config.
    pub config_uuid: String,
    /// `invoke`, `read`, `admin`.
    pub scopes: Vec<String>,
}

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SessionClaims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    /// The config.
    cfg: String,
    /// The conversation.
    sid: String,
    /// The page's origin.
    org: String,
    /// The key that it was exchanged for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// The secrets.
pub struct Ring(Vec<Secret>);

struct Secret {
    kid: String,
    signs: bool,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|secret| &secret.kid)).finish()
    }
}

/// Returns the ring, reading it on first use and making a secret if there is none at all.
pub async fn current(ctx: &Ctx) -> Result<Arc<Ring>> {
    match ctx.gateway.ring.load_full() {
        Some(ring) => Ok(ring),
        None => read(ctx).await,
    }
}

async fn read(ctx: &Ctx) -> Result<Arc<Ring>> {
    let mut tx = ctx.store.write(Scope::System).await?;
    let mut stored = rows::signing_keys(&mut tx).await?;
    if stored.is_empty() && ctx.settings.signing_secret.is_none() {
        rows::insert_signing_key(&mut tx, &fresh_kid(), &secret::random::<48>(), ctx.now()).await?;
        stored = rows::signing_keys(&mut tx).await?;
    }
    tx.commit().await?;
    let mut secrets = Vec::new();
    if let Some(bytes) = &ctx.settings.signing_secret {
        // Named by its digest, so that a replaced setting is another secret.
        let kid = hex::encode(&secret::digest(&hex::encode(bytes))[..4]);
        secrets.push(Secret::new(kid, bytes, true));
    }
    let configured = !secrets.is_empty();
    secrets.extend(stored.into_iter().map(|row| {
        let signs = !configured && row.retired_at.is_none();
        Secret::new(row.kid, &row.secret, signs)
    }));
    let ring = Arc::new(Ring(secrets));
    ctx.gateway.ring.store(Some(ring.clone()));
    Ok(ring)
}

/// Lets a fresh secret sign from now on; what older ones signed keeps working. Returns its name.
pub async fn rotate(ctx: &Ctx, operator: Operator) -> Result<String> {
    if ctx.settings.signing_secret.is_some() {
        return Err(Error::Conflict("The signing secret is set in the configuration; replace it there.".to_owned()));
    }
    let kid = fresh_kid();
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert_signing_key(&mut tx, &kid, &secret::random::<48>(), now).await?;
    rows::retire_signing_keys(&mut tx, &kid, now).await?;
    audit::note(ctx, &mut tx, Some(operator.id()), None, "signing_key.rotate", &kid, "").await?;
    tx.commit().await?;
    read(ctx).await?;
    Ok(kid)
}

fn fresh_kid() -> String {
    hex::encode(secret::random::<4>())
}

/// Signs a key's claims.
pub(crate) async fn sign_key(
    ctx: &Ctx,
    key: &KeyView,
    organization: OrganizationId,
    project: ProjectId,
) -> Result<String> {
    let claims = KeyClaims {
        iss: ctx.settings.issuer.clone(),
        aud: ctx.settings.audience.clone(),
        iat: key.created.seconds(),
        nbf: key.created.seconds(),
        exp: key.expires.unwrap_or_else(|| key.created.plus_days(3650)).seconds(),
        jti: key.id.to_string(),
        tenant_id: organization.to_string(),
        project_id: project.to_string(),
        config_uuid: key.config_id.to_string(),
        scopes: key.scopes.iter().map(ToString::to_string).collect(),
    };
    current(ctx).await?.sign(&claims)
}

/// Reads a key's claims, if one of our secrets signed them and they hold now.
pub(crate) async fn verify_key(ctx: &Ctx, token: &str, now: Timestamp) -> Result<Option<KeyClaims>> {
    verify(ctx, token, &ctx.settings.audience, now).await
}

/// Signs a session token that holds for some seconds.
pub(crate) async fn sign_session(ctx: &Ctx, session: &SessionCaller, now: Timestamp, seconds: i64) -> Result<String> {
    let claims = SessionClaims {
        iss: ctx.settings.issuer.clone(),
        aud: SESSION_AUDIENCE.to_owned(),
        iat: now.seconds(),
        exp: now.seconds() + seconds,
        cfg: session.config.to_string(),
        sid: session.session.clone(),
        org: session.origin.clone(),
        key: session.key.map(|key| key.to_string()),
    };
    current(ctx).await?.sign(&claims)
}

/// Reads a session token, if one of our secrets signed it and it holds now.
pub(crate) async fn verify_session(ctx: &Ctx, token: &str, now: Timestamp) -> Result<Option<SessionCaller>> {
    let Some(claims) = verify::<SessionClaims>(ctx, token, SESSION_AUDIENCE, now).await? else {
        return Ok(None);
    };
    let Ok(config) = claims.cfg.parse::<ConfigId>() else {
        return Ok(None);
    };
    let Ok(key) = claims.key.map(|key| key.parse::<KeyId>()).transpose() else {
        return Ok(None);
    };
    Ok(Some(SessionCaller { config, session: claims.sid, origin: claims.org, key }))
}

async fn verify<T: DeserializeOwned>(ctx: &Ctx, token: &str, audience: &str, now: Timestamp) -> Result<Option<T>> {
    let Some(kid) = decode_header(token).ok().and_then(|header| header.kid) else {
        return Ok(None);
    };
    let mut ring = current(ctx).await?;
    if !ring.knows(&kid) && ctx.gateway.ring_reads.hit("ring", now).is_ok() {
        // Another process may have turned the ring.
        ring = read(ctx).await?;
    }
    Ok(ring.verify(&kid, token, &ctx.settings.issuer, audience, now))
}

impl Secret {
    fn new(kid: String, bytes: &[u8], signs: bool) -> Self {
        Self { kid, signs, encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes) }
    }
}

impl Ring {
    fn knows(&self, kid: &str) -> bool {
        self.0.iter().any(|secret| secret.kid == kid)
    }

    fn sign<T: Serialize>(&self, claims: &T) -> Result<String> {
        let signer = self.0.iter().find(|secret| secret.signs).ok_or_else(|| Error::internal("no secret signs"))?;
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(signer.kid.clone());
        encode(&header, claims, &signer.encoding).map_err(Error::internal)
    }

    fn verify<T: DeserializeOwned>(
        &self,
        kid: &str,
        token: &str,
        issuer: &str,
        audience: &str,
        now: Timestamp,
    ) -> Option<T> {
        let secret = self.0.iter().find(|secret| secret.kid == kid)?;
        // The algorithm is ours to choose, never the token's; time is checked against our own clock.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = decode::<serde_json::Value>(token, &secret.decoding, &validation).ok()?.claims;
        let expires = claims.get("exp")?.as_i64()?;
        let begins = claims.get("nbf").and_then(serde_json::Value::as_i64).unwrap_or(i64::MIN);
        if expires <= now.seconds() || begins > now.seconds() + LEEWAY_SECONDS {
            return None;
        }
        serde_json::from_value(claims).ok()
    }
}
