//! What organizations have bought.

use domain::state::{SubscriptionState, SubscriptionStatus};
use domain::view::order::{PeriodView, SubscriptionView};
use domain::view::{Page, Paging};
use domain::{Money, OrganizationId, Permission, SubscriptionId};
use store::Scope;
use store::subscriptions::{self as rows, SubscriptionQuery, SubscriptionRow};

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

/// Which subscriptions are asked for; what is empty is not asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubscriptionFilter {
    /// Of this buyer.
    pub organization: Option<OrganizationId>,
    /// Of this provider.
    pub provider: Option<OrganizationId>,
    /// In this state.
    pub state: Option<SubscriptionState>,
    /// Standing there, in Stripe's words.
    pub status: Option<SubscriptionStatus>,
}

/// Lists subscriptions, newest first: of one buyer, of one provider, or all of the caller's.
pub async fn list(
    ctx: &Ctx,
    who: &Principal,
    filter: SubscriptionFilter,
    paging: Paging,
) -> Result<Page<SubscriptionView>> {
    let viewer = who.user()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let query = |organization, provider| SubscriptionQuery {
        organization,
        provider,
        state: filter.state,
        status: filter.status,
    };
    let queries = match (filter.organization, filter.provider) {
        (Some(organization), None) => {
            who.member(organization, Permission::View)?;
            vec![query(Some(organization), None)]
        }
        (organization, Some(provider)) => {
            who.member(provider, Permission::Sell)?;
            vec![query(organization, Some(provider))]
        }
        (None, None) if viewer.user.operator => vec![query(None, None)],
        (None, None) => {
            viewer.memberships.iter().map(|membership| query(Some(membership.organization_id), None)).collect()
        }
    };
    let month = ctx.now().month_start();
    let until = paging.offset() + paging.page_size;
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut found = Vec::new();
    let mut total = 0;
    for query in &queries {
        total += rows::count(&mut tx, query).await?;
        found.extend(rows::list(&mut tx, query, month, until, 0).await?);
    }
    found.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    let skip = usize::try_from(paging.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(paging.page_size).unwrap_or(usize::MAX);
    let provider_looks = filter.provider.is_some();
    let rows = found
        .into_iter()
        .skip(skip)
        .take(take)
        .map(|row| {
            let mut view = view(row);
            if provider_looks {
                view.config_id = None;
            }
            view
        })
        .collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Returns a subscription to its buyer.
pub async fn get(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<SubscriptionView> {
    let missing = || Error::NotFound("subscription");
    let operator = who.user()?.user.operator;
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::get(&mut tx, id, ctx.now().month_start()).await?.ok_or_else(missing)?;
    if !operator {
        who.member(row.organization_id, Permission::View).map_err(|_| missing())?;
    }
    Ok(view(row))
}

/// Gives a subscription another name.
pub async fn rename(ctx: &Ctx, who: &Principal, id: SubscriptionId, name: &str) -> Result<SubscriptionView> {
    let now = get(ctx, who, id).await?;
    let member = who.member(now.organization_id, Permission::Configure)?;
    let mut checks = Checks::default();
    let name = checks.line("name", name, 1, 80);
    checks.done()?;
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::rename(&mut tx, member.tenant, id, &name, ctx.now()).await?;
    tx.commit().await?;
    get(ctx, who, id).await
}

fn view(row: SubscriptionRow) -> SubscriptionView {
    let period = match (row.entitlement, row.period_start, row.period_end) {
        (Some(entitlement), Some(start), Some(end)) => Some(PeriodView {
            entitlement,
            start,
            end,
            until: end.day().to_string(),
            cancel_at_period_end: row.cancel_at_period_end.unwrap_or_default(),
            tried: row.periods == Some(0) && row.price_minor > 0,
            unpaid_order: row.renewal_order_id,
            next_plan: row.next_plan_name,
        }),
        _ => None,
    };
    SubscriptionView {
        id: row.id,
        name: row.name,
        state: row.state,
        organization_id: row.organization_id,
        organization_name: row.organization_name,
        project_id: row.project_id,
        project_name: row.project_name,
        offering_id: row.offering_id,
        offering_name: row.offering_name,
        offering_thumbnail: row.offering_thumbnail,
        category_slug: row.category_slug,
        category_title: row.category_title,
        provider_id: row.provider_id,
        provider_name: row.provider_name,
        plan_id: row.plan_id,
        plan_name: row.plan_name,
        price: Money::new(row.price_minor, row.currency),
        interval: row.pay_interval,
        monthly_quota: row.monthly_quota,
        used: row.used,
        config_id: row.config_id,
        created: row.created_at,
        modified: row.modified_at,
        error_message: row.error_message,
        order_id: row.order_id,
        period,
    }
}
