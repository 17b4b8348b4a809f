//! What a provider earns, and how its offerings are used.

use domain::{
    AgentId, Day, OfferingId, OrganizationId, Permission,
    view::{
        Paging,
        config::UsageDay,
        provider::{CustomerView, OfferingAnalytics, ProviderDashboard},
    },
};
use store::{Tx, provider_figures as rows};

use super::{Need, of_agent, of_offering};
use crate::{
    Ctx, Principal, Result,
    access::Member,
    orders::{self, OrderFilter},
};

/// How many days a trend shows.
const DAYS: i64 = 30;

/// How many of the last orders a first page shows.
const ORDERS: i64 = 10;

/// Returns a provider's first page.
pub async fn dashboard(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<ProviderDashboard> {
    let member = who.member(organization, Permission::View)?;
    let now = ctx.now();
    let month = now.month_start();
    let first = Day(now.day().0 - DAYS + 1);

    let mut tx = ctx.store.read(member.tenant).await?;
    let monthly = rows::monthly(&mut tx, member.tenant).await?;
    let (subscriptions, customers) = rows::subscriptions(&mut tx, member.tenant, None).await?;
    let this_month = rows::usage(&mut tx, member.tenant, None, month.day()).await?;
    let last_days = rows::usage(&mut tx, member.tenant, None, first).await?;
    let offerings = rows::offerings(&mut tx, member.tenant).await?;
    let revenue = rows::revenue(&mut tx, member.tenant, month).await?;
    drop(tx);
    let filter = OrderFilter { provider: Some(organization), ..OrderFilter::default() };
    let orders = orders::list(ctx, who, filter, Paging { page: 1, page_size: ORDERS }).await?.rows;

    Ok(ProviderDashboard {
        monthly,
        subscriptions,
        customers,
        calls: this_month.iter().map(|(_, day)| day.calls).sum(),
        failed: this_month.iter().map(|(_, day)| day.failed).sum(),
        trend: fill(&last_days, first).into_iter().map(|day| (day.day, day.calls)).collect(),
        orders,
        offerings,
        revenue,
    })
}

/// Returns the organizations that bought from a provider, newest first.
pub async fn customers(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Vec<CustomerView>> {
    let member = who.member(organization, Permission::View)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    Ok(rows::customers(&mut tx, member.tenant, ctx.now().month_start().day()).await?)
}

/// Returns how an offering was used in the last 30 days.
pub async fn offering_analytics(ctx: &Ctx, who: &Principal, id: OfferingId) -> Result<OfferingAnalytics> {
    let member = of_offering(ctx, who, id, Need::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    analytics(ctx, &mut tx, member, Some(id)).await
}

/// Returns how an agent was used in the last 30 days; nothing but zeros while it is not offered.
pub async fn agent_stats(ctx: &Ctx, who: &Principal, id: AgentId) -> Result<OfferingAnalytics> {
    let member = of_agent(ctx, who, id, Need::View).await?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let agent = store::agents::get(&mut tx, member.tenant, id).await?;
    analytics(ctx, &mut tx, member, agent.and_then(|agent| agent.offering_id)).await
}

async fn analytics(ctx: &Ctx, tx: &mut Tx, member: Member, offering: Option<OfferingId>) -> Result<OfferingAnalytics> {
    let today = ctx.now().day();
    let first = Day(today.0 - DAYS + 1);
    let ((subscriptions, customers), used, card) = match offering {
        Some(id) => (
            rows::subscriptions(tx, member.tenant, Some(id)).await?,
            rows::usage(tx, member.tenant, Some(id), first).await?,
            store::catalog::card(tx, id).await?,
        ),
        None => ((0, 0), Vec::new(), None),
    };
    let days = fill(&used, first);
    Ok(OfferingAnalytics {
        from: first.iso(),
        to: today.iso(),
        subscriptions,
        customers,
        calls: days.iter().map(|day| day.calls).sum(),
        failed: days.iter().map(|day| day.failed).sum(),
        input_tokens: days.iter().map(|day| day.input_tokens).sum(),
        output_tokens: days.iter().map(|day| day.output_tokens).sum(),
        days,
        rating_tenths: card.as_ref().map_or(0, |row| row.card.rating_tenths),
        review_count: card.as_ref().map_or(0, |row| row.card.review_count),
    })
}

/// Puts the days in that had no call.
fn fill(used: &[(Day, UsageDay)], first: Day) -> Vec<UsageDay> {
    (first.0..first.0 + DAYS)
        .map(Day)
        .map(|day| {
            used.iter().find(|(of, _)| *of == day).map_or_else(
                || UsageDay { day: day.iso(), calls: 0, failed: 0, input_tokens: 0, output_tokens: 0 },
                |(_, used)| used.clone(),
            )
        })
        .collect()
}
