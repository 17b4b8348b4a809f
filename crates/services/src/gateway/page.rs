//! The chat as a page of ours, for browsers without scripts: its visitors have a handle and no token.

use std::net::IpAddr;
use std::sync::Arc;

use domain::ConfigId;
use domain::state::Source;
use domain::view::chat::ChatMessage;
use store::Scope;
use store::gateway::{self as rows, ChatSession};

use super::admit::{Caller, SessionCaller, check_answers};
use super::invoke::{Call, invoke};
use super::known::{self, Agent};
use super::{GatewayError, session};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::secret;

/// What a visitor of the page sends.
#[derive(Clone, Debug)]
pub struct PageMessage<'a> {
    /// What they said.
    pub input: &'a str,
    /// The conversation that their browser kept.
    pub handle: Option<&'a str>,
    /// Makes sending the same form twice harmless.
    pub once: Option<String>,
    /// Where they call from.
    pub ip: IpAddr,
}

/// Says something to an agent; returns the handle of the conversation if this began it.
pub async fn page_message(
    ctx: &Ctx,
    config: ConfigId,
    message: PageMessage<'_>,
) -> Result<Option<String>, GatewayError> {
    let agent = shown(ctx, config).await?;
    check_answers(&agent)?;
    let (session, fresh) = if let Some(session) = find(ctx, config, message.handle).await? {
        (session, None)
    } else {
        session::slow_down(ctx, message.ip)?;
        let (session, handle) = begin(ctx, &agent).await?;
        (session, Some(handle))
    };
    let caller = Caller::Session(SessionCaller { config, session, origin: ctx.settings.public_url.clone(), key: None });
    let call = Call { input: message.input.to_owned(), idempotency_key: message.once, ..Call::default() };
    invoke(ctx, caller, call).await?.answer().await?;
    Ok(fresh)
}

/// Lists what was said in a conversation; nothing where there is none.
pub async fn page_messages(
    ctx: &Ctx,
    config: ConfigId,
    handle: Option<&str>,
) -> Result<Vec<ChatMessage>, GatewayError> {
    shown(ctx, config).await?;
    match find(ctx, config, handle).await? {
        Some(session) => session::said(ctx, config, &session).await,
        None => Ok(Vec::new()),
    }
}

/// Finds an agent that some page may show: one that no page may show has no page here either.
async fn shown(ctx: &Ctx, config: ConfigId) -> Result<Arc<Agent>, GatewayError> {
    known::agent(ctx, config).await?.filter(|agent| !agent.pages.is_empty()).ok_or_else(GatewayError::not_found)
}

async fn find(ctx: &Ctx, config: ConfigId, handle: Option<&str>) -> Result<Option<String>, GatewayError> {
    let Some(handle) = handle.filter(|handle| handle.len() <= 100) else {
        return Ok(None);
    };
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::session_of_handle(&mut tx, config, &secret::digest(handle)).await?)
}

async fn begin(ctx: &Ctx, agent: &Agent) -> Result<(String, String), GatewayError> {
    let handle = secret::random_token();
    let id = format!("p-{}", fresh_id().simple());
    let origin = &ctx.settings.public_url;
    let session = ChatSession {
        config: agent.id,
        id: &id,
        source: Source::Widget,
        origin,
        handle_hash: Some(&secret::digest(&handle)),
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::touch_session(&mut tx, on_behalf(agent.organization_id), &session, ctx.now()).await?;
    tx.commit().await?;
    Ok((id, handle))
}
