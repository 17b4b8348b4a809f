//! Traces of runs, for the provider whose flow ran.
//!
//! A trace says what each step took. What was said is in it only where the buyer allows that, and whose run it
//! was never is: buyers tell a provider the `request_id` of an answer that they ask about.

use domain::{
    AgentId, InvocationId,
    state::InvocationState,
    view::{
        Page, Paging,
        trace::{RunView, TraceView},
    },
};
use store::{Scope, traces as rows};

use super::{Need, in_organization, of_agent};
use crate::{Ctx, Error, Principal, Result};

/// Lists runs of an agent whose traces are kept, newest first; all, or those that ended in one way.
pub async fn runs(
    ctx: &Ctx,
    who: &Principal,
    agent: AgentId,
    state: Option<InvocationState>,
    paging: Paging,
) -> Result<Page<RunView>> {
    let member = of_agent(ctx, who, agent, Need::View).await?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(member.tenant).await?;
    let total = rows::count(&mut tx, member.tenant, agent, state).await?;
    let rows = rows::list(&mut tx, member.tenant, agent, state, paging.page_size, paging.offset()).await?;
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Returns the trace of a run.
pub async fn trace(ctx: &Ctx, who: &Principal, id: InvocationId) -> Result<TraceView> {
    const RUN: &str = "run";
    who.user()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let provider = rows::provider(&mut tx, id).await?.ok_or(Error::NotFound(RUN))?;
    drop(tx);
    let member = in_organization(who, provider, Need::View).map_err(|error| error.hiding(RUN))?;
    let mut tx = ctx.store.read(member.tenant).await?;
    rows::get(&mut tx, member.tenant, id).await?.ok_or(Error::NotFound(RUN))
}
