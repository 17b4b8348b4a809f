//! Conversations of visitors: a key in a page is exchanged for a token of ten minutes.

use std::net::IpAddr;

use domain::state::{KeyScope, Source};
use domain::view::chat::ChatMessage;
use domain::{ConfigId, Origin};
use serde::Serialize;
use store::Scope;
use store::gateway::{self as rows, ChatSession};

use super::admit::{Caller, Credential, SessionCaller, authenticate, check_answers};
use super::{GatewayError, known, ring};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::secret;

/// How long a session token holds.
const TOKEN_SECONDS: i64 = 600;
/// Messages that are shown again after a reload.
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
    /// Pages that may show it, for `frame-ancestors`; nobody when it is empty.
    #[serde(skip)]
    pub allowed_origins: Vec<Origin>,
    /// Set when it does not answer now: a sentence that says why not.
    pub unavailable: Option<String>,
}

/// Returns what a widget needs to draw itself.
pub async fn boot(ctx: &Ctx, id: ConfigId) -> Result<WidgetBoot, GatewayError> {
    let agent = known::agent(ctx, id).await?.ok_or_else(GatewayError::not_found)?;
    Ok(WidgetBoot {
        config_id: id,
        name: agent.agent_name.clone(),
        greeting: agent.greeting_message.clone(),
        welcome: agent.welcome_message.clone(),
        color: agent.primary_color.clone(),
        avatar_url: agent.avatar_url.clone(),
        logo_url: agent.logo_url.clone(),
        position: agent.widget_position.clone(),
        theme: agent.widget_theme.clone(),
        starters: agent.starters.0.clone(),
        allowed_origins: agent.pages.clone(),
        // Visitors are told that it does not answer, not what its owner owes.
        unavailable: check_answers(&agent).err().map(|_| "This assistant is not available at the moment.".to_owned()),
    })
}

/// What a widget opens a conversation with.
#[derive(Clone, Debug)]
pub struct OpenSession<'a> {
    /// The config.
    pub config: ConfigId,
    /// The page's key, and the page that it came from.
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
    slow_down(ctx, open.credential.ip)?;
    let agent = known::agent(ctx, open.config).await?.ok_or_else(GatewayError::not_found)?;
    // A widget's key is always in a page, so it is always held to its origins.
    let credential = Credential { from_page: true, ..open.credential };
    let Caller::Key(key) = authenticate(ctx, &credential).await? else {
        return Err(GatewayError::unauthorized());
    };
    if key.view.config_id != open.config || key.view.scopes != [KeyScope::Invoke] {
        return Err(GatewayError::new(403, "forbidden", "This key belongs to another agent."));
    }
    check_answers(&agent)?;
    let origin = credential.origin.unwrap_or_default();
    if !agent.may_be_shown(origin) {
        return Err(GatewayError::origin_not_allowed(credential.origin));
    }
    let handle = secret::random_token();
    let hash = secret::digest(&handle);
    let mut tx = ctx.store.write(Scope::System).await?;
    let known = match open.handle {
        Some(old) if old.len() <= 100 => rows::session_of_handle(&mut tx, open.config, &secret::digest(old)).await?,
        Some(_) | None => None,
    };
    let session_id = if let Some(session) = known {
        rows::set_handle(&mut tx, open.config, &session, &hash).await?;
        session
    } else {
        let id = format!("w-{}", fresh_id().simple());
        let session =
            ChatSession { config: open.config, id: &id, source: Source::Widget, origin, handle_hash: Some(&hash) };
        rows::touch_session(&mut tx, on_behalf(agent.organization_id), &session, now).await?;
        id
    };
    tx.commit().await?;
    let session =
        SessionCaller { config: open.config, session: session_id, origin: origin.to_owned(), key: Some(key.view.id) };
    let token = ring::sign_session(ctx, &session, now, TOKEN_SECONDS).await?;
    Ok(OpenedSession { token, expires_in: TOKEN_SECONDS, session_id: session.session, handle })
}

pub(super) fn slow_down(ctx: &Ctx, ip: IpAddr) -> Result<(), GatewayError> {
    ctx.gateway.sessions.hit(&ip.to_string(), ctx.now()).map_err(|wait| {
        GatewayError::new(429, "rate_limited", "Many conversations were opened from here; wait a little.")
            .after_duration(wait)
    })
}

/// Lists the last messages of a session token's own conversation.
pub async fn messages(ctx: &Ctx, credential: &Credential<'_>) -> Result<Vec<ChatMessage>, GatewayError> {
    let Caller::Session(session) = authenticate(ctx, credential).await? else {
        return Err(GatewayError::unauthorized());
    };
    said(ctx, session.config, &session.session).await
}

/// Lists the last messages of a conversation.
pub(super) async fn said(ctx: &Ctx, config: ConfigId, session: &str) -> Result<Vec<ChatMessage>, GatewayError> {
    let agent = known::agent(ctx, config).await?.ok_or_else(GatewayError::not_found)?;
    let tenant = on_behalf(agent.organization_id);
    let mut tx = ctx.store.read(tenant).await?;
    let rows = rows::messages(&mut tx, tenant, config, session, SHOWN).await?;
    let shown = |message: ChatMessage| {
        if agent.show_citations { message } else { ChatMessage { citations: Vec::new(), ..message } }
    };
    Ok(rows.into_iter().map(message).map(shown).collect())
}

/// Lists the last messages of a member's own test chat.
pub async fn portal_messages(ctx: &Ctx, who: &crate::Principal, config: ConfigId) -> crate::Result<Vec<ChatMessage>> {
    let member = crate::configs::member(ctx, who, config, domain::Permission::Configure).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let session = portal_session(member.user);
    let rows = rows::messages(&mut tx, member.tenant, config, &session, SHOWN).await?;
    Ok(rows.into_iter().map(message).collect())
}

fn message(row: rows::MessageRow) -> ChatMessage {
    ChatMessage { role: row.role, text: row.text, created: row.created_at.rfc3339(), citations: row.citations.0 }
}

/// Names a member's own test chat.
pub(super) fn portal_session(user: domain::UserId) -> String {
    format!("portal-{user}")
}
