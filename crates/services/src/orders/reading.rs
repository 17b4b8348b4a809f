//! Reading orders and payments: as their buyer, as their provider, as an operator.

use domain::state::{CheckoutState, OrderKind, OrderState};
use domain::view::order::{OrderStep, OrderView, PaymentView};
use domain::view::{Page, Paging};
use domain::{Money, OfferingId, OrderId, OrganizationId, Permission};
use store::Scope;
use store::orders::{self as rows, OrderQuery, OrderRow};

use super::{is_member, together, visible};
use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// Which orders are asked for; what is empty is not asked about.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderFilter {
    /// Of this buyer.
    pub organization: Option<OrganizationId>,
    /// Of this provider.
    pub provider: Option<OrganizationId>,
    /// In this state.
    pub state: Option<OrderState>,
    /// Of this kind.
    pub kind: Option<OrderKind>,
    /// Of this offering.
    pub offering: Option<OfferingId>,
}

/// Returns an order to its buyer, its provider, and to operators.
pub async fn get(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<OrderView> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = visible(&mut tx, who, id).await?;
    let buyer = is_member(who, row.organization_id);
    let steps = rows::steps(&mut tx, id).await?;
    let checkout = match row.state {
        OrderState::PendingConsumer if buyer => rows::checkout_of_order(&mut tx, row.paid_by()).await?,
        _ => None,
    };
    let together = match row.lead_id {
        // What else was bought is no business of one provider.
        Some(lead) if buyer || who.operator().is_ok() => Some(together::view(&mut tx, lead, &row.bundle_name).await?),
        _ => None,
    };
    let mut view = view(row);
    view.together = together;
    view.steps = steps
        .into_iter()
        .map(|step| OrderStep { at: step.at.readable(), state: step.state, note: step.note })
        .collect();
    let now = ctx.now();
    view.checkout_url = checkout
        .filter(|checkout| checkout.state == CheckoutState::Open && checkout.expires_at > now)
        .map(|checkout| checkout.url);
    if !buyer {
        // What a subscription's settings are is its buyer's business.
        view.config_id = None;
    }
    Ok(view)
}

/// Lists orders, newest first: of one buyer, of one provider, or all that the caller may see.
pub async fn list(ctx: &Ctx, who: &Principal, filter: OrderFilter, paging: Paging) -> Result<Page<OrderView>> {
    let viewer = who.user()?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let operator = viewer.user.operator;
    let mut queries = Vec::new();
    let query = |organization, provider| OrderQuery {
        organization,
        provider,
        state: filter.state,
        kind: filter.kind,
        offering: filter.offering,
    };
    let sees = |organization: Option<OrganizationId>| organization.is_none_or(|id| is_member(who, id));
    if operator
        || ((filter.organization.is_some() || filter.provider.is_some())
            && sees(filter.organization)
            && sees(filter.provider))
    {
        queries.push(query(filter.organization, filter.provider));
    } else if filter.organization.is_some()
        && is_member(who, filter.provider.unwrap_or(OrganizationId(uuid::Uuid::nil())))
    {
        // A provider looks at the orders of one of its customers.
        queries.push(query(filter.organization, filter.provider));
    } else if filter.organization.is_none() && filter.provider.is_none() {
        queries.extend(viewer.memberships.iter().map(|membership| query(Some(membership.organization_id), None)));
    } else {
        return Err(Error::NotFound("organization"));
    }
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut found = Vec::new();
    let mut total = 0;
    let until = paging.offset() + paging.page_size;
    for query in &queries {
        total += rows::count(&mut tx, query).await?;
        found.extend(rows::list(&mut tx, query, until, 0).await?);
    }
    found.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    let skip = usize::try_from(paging.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(paging.page_size).unwrap_or(usize::MAX);
    let rows = found.into_iter().skip(skip).take(take).map(view).collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Lists what an organization has paid, newest first.
pub async fn payments(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Vec<PaymentView>> {
    let member = who.member(organization, Permission::ViewBilling)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut views = Vec::new();
    for row in rows::payments(&mut tx, member.tenant, 300).await? {
        let order = rows::get(&mut tx, row.order_id).await?.ok_or(Error::NotFound("order"))?;
        views.push(PaymentView {
            id: row.id,
            order_id: row.order_id,
            description: format!("{} — {}", order.offering_name, order.plan_name),
            amount: Money::new(row.amount_minor, row.currency),
            back: Money::new(row.back_minor, row.currency),
            state: row.state,
            created: row.created_at.readable(),
            method: row.method,
        });
    }
    Ok(views)
}

fn view(row: OrderRow) -> OrderView {
    OrderView {
        id: row.id,
        kind: row.kind,
        state: row.state,
        amount: Money::new(row.amount_minor, row.currency),
        organization_id: row.organization_id,
        organization_name: row.organization_name,
        project_id: row.project_id,
        project_name: row.project_name,
        offering_id: row.offering_id,
        offering_name: row.offering_name,
        offering_thumbnail: row.offering_thumbnail,
        provider_id: row.provider_id,
        provider_name: row.provider_name,
        plan_id: row.plan_id,
        plan_name: row.plan_name,
        old_plan_id: row.old_plan_id,
        subscription_id: row.subscription_id,
        config_id: row.config_id,
        subscription_name: row.name,
        created_by: row.created_by,
        created: row.created_at,
        modified: row.modified_at,
        error_message: row.error_message,
        checkout_url: None,
        together: None,
        steps: Vec::new(),
    }
}
