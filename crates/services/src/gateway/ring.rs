//! The ring of secrets that sign keys and session tokens, so that one can be replaced without
//! killing what it signed: the newest that is not retired signs, all of them verify.

use std::sync::Arc;

use domain::view::config::KeyView;
use domain::{ConfigId, OrganizationId, ProjectId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{Scope, keys as rows};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::secret;

/// The audience of session tokens.
const SESSION_AUDIENCE: &str = "widget";
/// Clocks may differ by this much.
const LEEWAY_SECONDS: u64 = 30;

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

/// What a widget's session token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// Who made it.
    pub iss: String,
    /// For whom: the widget.
    pub aud: String,
    /// When it was made.
    pub iat: i64,
    /// Until when it holds.
    pub exp: i64,
    /// The config.
    pub cfg: String,
    /// The conversation.
    pub sid: String,
    /// The page's origin.
    pub org: String,
    /// The key that it was exchanged for; it dies with it.
    pub key: Option<String>,
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
    if let Some(ring) = ctx.gateway.ring.load_full() {
        return Ok(ring);
    }
    let mut tx = ctx.store.write(Scope::System).await?;
    let mut stored = rows::signing_keys(&mut tx).await?;
    if stored.is_empty() && ctx.settings.signing_secret.is_none() {
        let kid = hex::encode(secret::random::<4>());
        rows::insert_signing_key(&mut tx, &kid, &secret::random::<48>(), ctx.now()).await?;
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

impl Secret {
    fn new(kid: String, bytes: &[u8], signs: bool) -> Self {
        Self { kid, signs, encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes) }
    }
}

impl Ring {
    fn sign<T: Serialize>(&self, claims: &T) -> Result<String> {
        let signer = self.0.iter().find(|secret| secret.signs).ok_or_else(|| Error::internal("no secret signs"))?;
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(signer.kid.clone());
        encode(&header, claims, &signer.encoding).map_err(Error::internal)
    }

    fn verify<T: DeserializeOwned>(&self, token: &str, issuer: &str, audience: &str, now: Timestamp) -> Option<T> {
        let header = decode_header(token).ok()?;
        let kid = header.kid?;
        let secret = self.0.iter().find(|secret| secret.kid == kid)?;
        // The algorithm is ours to choose, never the token's; time is checked against our own clock.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = decode::<serde_json::Value>(token, &secret.decoding, &validation).ok()?.claims;
        let leeway = i64::try_from(LEEWAY_SECONDS).unwrap_or(0);
        let exp = claims.get("exp")?.as_i64()?;
        let nbf = claims.get("nbf").and_then(serde_json::Value::as_i64).unwrap_or(i64::MIN);
        if exp <= now.seconds() || nbf > now.seconds() + leeway {
            return None;
        }
        serde_json::from_value(claims).ok()
    }

    /// Signs a key's claims.
    pub fn sign_key(&self, ctx: &Ctx, key: &KeyView, organization: OrganizationId, project: ProjectId) -> Result<String> {
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
        self.sign(&claims)
    }

    /// Reads a key's claims, if one of our secrets signed them and they hold now.
    pub fn verify_key(&self, ctx: &Ctx, token: &str, now: Timestamp) -> Option<KeyClaims> {
        self.verify(token, &ctx.settings.issuer, &ctx.settings.audience, now)
    }

    /// Signs a session token.
    pub fn sign_session(
        &self,
        ctx: &Ctx,
        config: ConfigId,
        session: &str,
        origin: &str,
        key: Option<String>,
        now: Timestamp,
        seconds: i64,
    ) -> Result<String> {
        self.sign(&SessionClaims {
            iss: ctx.settings.issuer.clone(),
            aud: SESSION_AUDIENCE.to_owned(),
            iat: now.seconds(),
            exp: now.seconds() + seconds,
            cfg: config.to_string(),
            sid: session.to_owned(),
            org: origin.to_owned(),
            key,
        })
    }

    /// Reads a session token, if one of our secrets signed it and it holds now.
    pub fn verify_session(&self, ctx: &Ctx, token: &str, now: Timestamp) -> Option<SessionClaims> {
        self.verify(token, &ctx.settings.issuer, SESSION_AUDIENCE, now)
    }
}
