//! Conversations of widgets: a key in a page is exchanged for a token of ten minutes.

use domain::ConfigId;
use domain::state::{KeyScope, Source};
use domain::view::chat::ChatMessage;
use domain::Origin;
use serde::Serialize;
use store::{Scope, gateway as rows};

use super::admit::{self, Caller, Credential, authenticate, check_answers};
use super::{GatewayError, ring};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::secret;

/// How long a session token holds.
const TOKEN_SECONDS: i64 = 600;
/// Messages that a widget shows again after a reload.
const SHOWN: i64 = 50;

/// What a widget needs to draw itself; it is public.
#[derive(Clone, Debug, Serialize)]
pub struct WidgetBoot {
    /// The config.
    pub config_id: ConfigId,
    /// What the agent calls itself.
    pub name: String,
    /// What it says first.
    pub greeting: String,
    /// What stands above the conversation.
    pub welcome: String,
    /// The accent colour.
    pub color: String,
    /// A picture's address.
    pub avatar_url: String,
    /// A picture's address.
    pub logo_url: String,
    /// Where the widget sits.
    pub position: String,
    /// Its colours.
    pub theme: String,
    /// Questions to start with.
    pub starters: Vec<String>,
    /// Pages that may show it.
    #[serde(skip)]
    pub allowed_origins: Vec<Origin>,
    /// Whether it answers now; otherwise a sentence that says why not.
    pub unavailable: Option<String>,
}

/// Returns what a widget needs to draw itself.
pub async fn boot(ctx: &Ctx, id: ConfigId) -> Result<WidgetBoot, GatewayError> {
    let config = admit::config(ctx, id).await?.ok_or_else(GatewayError::not_found)?;
    Ok(WidgetBoot {
        config_id: id,
        name: config.agent_name.clone(),
        greeting: config.greeting_message.clone(),
        welcome: config.welcome_message.clone(),
        color: config.primary_color.clone(),
        avatar_url: config.avatar_url.clone(),
        logo_url: config.logo_url.clone(),
        position: config.widget_position.clone(),
        theme: config.widget_theme.clone(),
        starters: config.starters.0.clone(),
        allowed_origins: config.allowed_origins.0.clone(),
        unavailable: check_answers(&config).err().map(|error| error.detail),
    })
}

/// What a widget opens a conversation with.
#[derive(Clone, Debug)]
pub struct OpenSession<'a> {
    /// The config.
    pub config: ConfigId,
    /// The page's key, and where it came from.
    pub credential: Credential<'a>,
    /// What the widget kept of an earlier conversation.
    pub handle: Option<&'a str>,
}

/// An open conversation.
#[derive(Clone, Debug, Serialize)]
pub struct OpenedSession {
    /// For `Authorization: Bearer …` of the following calls.
    pub token: String,
    /// For how many seconds it holds.
    pub expires_in: i64,
    /// The conversation.
    pub session_id: String,
    /// What the widget keeps to come back; it changes every time.
    pub handle: String,
}

/// Opens a conversation, or the one that the widget had.
pub async fn open_session(ctx: &Ctx, open: OpenSession<'_>) -> Result<OpenedSession, GatewayError> {
    let now = ctx.now();
    let Caller::Key(key) = authenticate(ctx, &open.credential).await? else {
        return Err(GatewayError::unauthorized());
    };
    if key.view.config_id != open.config || key.view.scopes != [KeyScope::Invoke] {
        return Err(GatewayError::new(403, "forbidden", "This key is not made for this widget."));
    }
    let config = admit::config(ctx, open.config).await?.ok_or_else(GatewayError::not_found)?;
    check_answers(&config)?;
    let origin = open.credential.origin.unwrap_or_default();
    // The key's list and the agent's are both walls; the agent's one is what the frame is held to.
    if !config.allowed_origins.0.iter().any(|allowed| allowed.covers(origin)) {
        return Err(GatewayError::new(403, "origin_not_allowed", "This agent may not be used on this page."));
    }
    let handle = secret::random_token();
    let hash = secret::digest(&handle);
    let tenant = on_behalf(config.organization_id);
    let mut tx = ctx.store.write(Scope::System).await?;
    let known = match open.handle {
        Some(old) if old.len() <= 100 => rows::session_of_handle(&mut tx, open.config, &secret::digest(old)).await?,
        _ => None,
    };
    let session_id = match known {
        Some(session) => {
            rows::set_handle(&mut tx, open.config, &session, &hash).await?;
            session
        }
        None => {
            let session = format!("w-{}", fresh_id().simple());
            rows::touch_session(&mut tx, tenant, open.config, &session, Source::Widget, origin, Some(&hash), now).await?;
            session
        }
    };
    tx.commit().await?;
    let ring = ring::current(ctx).await?;
    let key_hash = hex::encode(secret::digest(open.credential.token));
    let token = ring.sign_session(ctx, open.config, &session_id, origin, Some(key_hash), now, TOKEN_SECONDS)?;
    Ok(OpenedSession { token, expires_in: TOKEN_SECONDS, session_id, handle })
}

/// Lists the last messages of a session token's own conversation.
pub async fn messages(ctx: &Ctx, credential: &Credential<'_>) -> Result<Vec<ChatMessage>, GatewayError> {
    let Caller::Session { config, session, .. } = authenticate(ctx, credential).await? else {
        return Err(GatewayError::unauthorized());
    };
    let snapshot = admit::config(ctx, config).await?.ok_or_else(GatewayError::not_found)?;
    let tenant = on_behalf(snapshot.organization_id);
    let mut tx = ctx.store.read(tenant).await?;
    let rows = rows::messages(&mut tx, tenant, config, &session, SHOWN).await?;
    Ok(rows
        .into_iter()
        .map(|row| ChatMessage { role: row.role, text: row.text, created: row.created_at.rfc3339() })
        .collect())
}
