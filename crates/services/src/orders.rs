//! Every change that a buyer asks for: buying, switching plans, ending.
//!
//! An order moves only through the steps of [`OrderState::may_become`], and each step is an UPDATE
//! that names the state it leaves, so that two hands on one order cannot both succeed. What a
//! newcomer gets wrong: an event of a rail is a fact about money, not an order to us. It may come
//! twice, late, or for an order that is over; then the money goes back.

mod events;
mod fulfilment;

use domain::state::{CheckoutState, OfferingState, OrderKind, OrderState, SubscriptionState};
use domain::view::order::{NewOrder, OrderStep, OrderView, PaymentView};
use domain::view::{Page, Paging};
use domain::{
    CheckoutId, Money, OfferingId, OrderId, OrganizationId, Permission, PlanId, SubscriptionId, Timestamp,
};
use store::orders::{self as rows, CheckoutRow, OrderQuery, OrderRow};
use store::{Scope, Tx, catalog, organizations, subscriptions};

pub(crate) use events::{expire_checkouts, handle_event, refund};
pub use events::{pay_in_sandbox, receive_event};
pub(crate) use fulfilment::fulfil;

use crate::access::{Principal, on_behalf};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};
use crate::jobs::{self, Job};
use crate::ports::CheckoutRequest;

/// How long a checkout page may be paid.
const CHECKOUT_SECONDS: i64 = 24 * 3600;

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

/// Orders an offering. An order that costs something waits for payment and says where to pay.
pub async fn place(ctx: &Ctx, who: &Principal, order: NewOrder) -> Result<OrderView> {
    let member = who.member(order.organization_id, Permission::Buy)?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let card = catalog::card(&mut tx, order.offering_id).await?.filter(|row| row.listed).ok_or(Error::NotFound("offering"))?.card;
    if card.state != OfferingState::Active {
        return Err(Error::invalid("offering", "is not on sale now"));
    }
    if card.provider_id == order.organization_id {
        return Err(Error::Forbidden("a provider cannot buy what it sells itself"));
    }
    let plans = catalog::plans(&mut tx, order.offering_id).await?;
    let mut on_sale = plans.into_iter().filter(|plan| !plan.archived);
    let plan = match order.plan_id {
        Some(id) => on_sale.find(|plan| plan.id == id),
        None => on_sale.min_by_key(|plan| plan.price.minor),
    };
    let plan = plan.ok_or_else(|| Error::invalid("plan", "is not a plan of this offering that can be ordered"))?;
    let projects = organizations::projects(&mut tx, member.tenant).await?;
    let project = match order.project_id {
        Some(id) => projects.iter().find(|project| project.id == id),
        None => projects.first(),
    };
    let project = project.ok_or_else(|| Error::invalid("project", "is not a project of this organization"))?.id;
    let details = catalog::details(&mut tx, order.offering_id).await?.ok_or(Error::NotFound("offering"))?;
    let mut checks = Checks::default();
    let name = if order.name.trim().is_empty() { card.name.clone() } else { checks.text("name", &order.name, 1, 80) };
    checks.require(
        details.terms.is_empty() || order.accept_terms,
        "accepting_terms_of_service",
        "accept the terms to order",
    );
    checks.done()?;

    let new = rows::NewOrder {
        id: OrderId(fresh_id()),
        project,
        provider: card.provider_id,
        offering: card.id,
        plan: plan.id,
        old_plan: None,
        subscription: None,
        kind: OrderKind::Create,
        state: OrderState::PendingConsumer,
        name,
        amount_minor: plan.price.minor,
        currency: plan.price.currency,
        created_by: member.user,
        now,
    };
    begin(ctx, who, tx, new).await
}

/// Orders another plan for a subscription: a dearer one is paid for now, a cheaper one holds at once.
pub async fn switch_plan(ctx: &Ctx, who: &Principal, id: SubscriptionId, plan: PlanId) -> Result<OrderView> {
    let (tx, row) = changeable(ctx, who, id).await?;
    let mut tx = tx;
    let plans = catalog::plans(&mut tx, row.offering_id).await?;
    let wanted = plans
        .iter()
        .find(|candidate| candidate.id == plan && !candidate.archived)
        .ok_or_else(|| Error::invalid("plan", "is not a plan of this agent that can be ordered"))?;
    if wanted.id == row.plan_id {
        return Err(Error::invalid("plan", "is the plan that you have"));
    }
    if wanted.price.currency != row.currency {
        return Err(Error::invalid("plan", "is in another currency than the plan that you have"));
    }
    let dearer = wanted.price.minor > row.price_minor;
    let new = rows::NewOrder {
        id: OrderId(fresh_id()),
        project: row.project_id,
        provider: row.provider_id,
        offering: row.offering_id,
        plan: wanted.id,
        old_plan: Some(row.plan_id),
        subscription: Some(id),
        kind: OrderKind::Update,
        state: OrderState::PendingConsumer,
        name: row.name.clone(),
        amount_minor: if dearer { wanted.price.minor } else { 0 },
        currency: row.currency,
        created_by: who.user()?.user.id,
        now: ctx.now(),
    };
    begin(ctx, who, tx, new).await
}

/// Orders the end of a subscription, which takes effect at once.
pub async fn terminate(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<OrderView> {
    let (tx, row) = changeable(ctx, who, id).await?;
    let new = rows::NewOrder {
        id: OrderId(fresh_id()),
        project: row.project_id,
        provider: row.provider_id,
        offering: row.offering_id,
        plan: row.plan_id,
        old_plan: None,
        subscription: Some(id),
        kind: OrderKind::Terminate,
        state: OrderState::PendingConsumer,
        name: row.name,
        amount_minor: 0,
        currency: row.currency,
        created_by: who.user()?.user.id,
        now: ctx.now(),
    };
    begin(ctx, who, tx, new).await
}

/// Finds a subscription that its buyer may change now.
async fn changeable(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<(Tx, subscriptions::SubscriptionRow)> {
    let missing = || Error::NotFound("subscription");
    let viewer = who.user()?;
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = subscriptions::get(&mut tx, id, ctx.now().month_start()).await?.ok_or_else(missing)?;
    if !viewer.memberships.iter().any(|membership| membership.organization_id == row.organization_id) {
        return Err(missing());
    }
    who.member(row.organization_id, Permission::Buy)?;
    if !matches!(row.state, SubscriptionState::Ok | SubscriptionState::Erred) {
        return Err(Error::Conflict(format!("This subscription is {}; it cannot be changed now.", row.state)));
    }
    if rows::has_open_order(&mut tx, id).await? {
        return Err(Error::Conflict("Another order for this subscription is not over yet; pay or cancel it first.".to_owned()));
    }
    Ok((tx, row))
}

/// Writes an order, and sends it on: to the checkout page, or straight to being carried out.
async fn begin(ctx: &Ctx, who: &Principal, mut tx: Tx, new: rows::NewOrder) -> Result<OrderView> {
    let organization = match new.subscription {
        Some(subscription) => {
            let row = subscriptions::get(&mut tx, subscription, new.now.month_start()).await?;
            row.ok_or(Error::NotFound("subscription"))?.organization_id
        }
        None => {
            let projects = who.user()?;
            let mut found = None;
            for membership in &projects.memberships {
                let tenant = on_behalf(membership.organization_id);
                if organizations::projects(&mut tx, tenant).await?.iter().any(|project| project.id == new.project) {
                    found = Some(membership.organization_id);
                }
            }
            found.ok_or(Error::NotFound("project"))?
        }
    };
    rows::insert(&mut tx, on_behalf(organization), &new).await?;
    let note = match new.kind {
        OrderKind::Create => "Ordered.",
        OrderKind::Update => "A switch of plan was ordered.",
        OrderKind::Terminate => "The end was ordered.",
    };
    rows::insert_step(&mut tx, on_behalf(organization), fresh_id(), new.id, new.state, note, new.now).await?;
    if new.amount_minor == 0 {
        let row = rows::get(&mut tx, new.id).await?.ok_or(Error::NotFound("order"))?;
        paid(&mut tx, &row, "Nothing to pay.", new.now).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    if new.amount_minor > 0 {
        // Without a page to pay at, the order stays, and `checkout` opens one later.
        if let Err(error) = checkout(ctx, who, new.id).await {
            tracing::warn!(order.id = %new.id, %error, "the checkout page could not be opened yet");
        }
    }
    get(ctx, who, new.id).await
}

/// Returns an order to its buyer, its provider, and to operators.
pub async fn get(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<OrderView> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = visible(&mut tx, who, id).await?;
    let buyer = is_member(who, row.organization_id);
    let steps = rows::steps(&mut tx, id).await?;
    let checkout = match row.state {
        OrderState::PendingConsumer if buyer => rows::checkout_of_order(&mut tx, id).await?,
        _ => None,
    };
    let mut view = view(row);
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
    if operator || ((filter.organization.is_some() || filter.provider.is_some()) && sees(filter.organization) && sees(filter.provider)) {
        queries.push(query(filter.organization, filter.provider));
    } else if filter.organization.is_some() && is_member(who, filter.provider.unwrap_or(OrganizationId(uuid::Uuid::nil()))) {
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

/// Returns where to pay an order, opening the page if none is open.
pub async fn checkout(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<String> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = bought(&mut tx, who, id).await?;
    if row.state != OrderState::PendingConsumer || row.amount_minor == 0 {
        return Err(Error::Conflict(format!("This order is {}; there is nothing to pay.", row.state)));
    }
    let now = ctx.now();
    let open = rows::checkout_of_order(&mut tx, id).await?;
    drop(tx);
    if let Some(open) = open.filter(|open| open.state == CheckoutState::Open && open.expires_at > now) {
        return Ok(open.url);
    }
    let base = &ctx.settings.public_url;
    let expires_at = now.plus_seconds(CHECKOUT_SECONDS);
    let request = CheckoutRequest {
        order: id,
        amount: Money::new(row.amount_minor, row.currency),
        description: format!("{} — {}", row.offering_name, row.plan_name),
        email: who.user()?.user.email.clone(),
        success_url: format!("{base}/marketplace-order/{id}/"),
        cancel_url: format!("{base}/marketplace-order/{id}/"),
        expires_at,
    };
    let opened = ctx.payments.open_checkout(request).await.map_err(|error| {
        tracing::warn!(order.id = %id, %error, "the payment rail opened no page");
        Error::Upstream("The payment page cannot be opened now. The order is kept; try again in a minute.".to_owned())
    })?;
    let checkout = CheckoutRow {
        id: CheckoutId(fresh_id()),
        order_id: id,
        organization_id: row.organization_id,
        rail: ctx.payments.rail().to_owned(),
        session: opened.session,
        url: opened.url.clone(),
        state: CheckoutState::Open,
        expires_at,
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::insert_checkout(&mut tx, on_behalf(row.organization_id), &checkout, now).await?;
    tx.commit().await?;
    Ok(opened.url)
}

/// Takes an order back that is not being carried out yet; what was paid goes back.
pub async fn cancel(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = bought(&mut tx, who, id).await?;
    step(&mut tx, &row, OrderState::Canceled, "Canceled by the buyer.", "", now).await?;
    let open = rows::checkout_of_order(&mut tx, id).await?.filter(|open| open.state == CheckoutState::Open);
    if let Some(open) = &open {
        rows::set_checkout_state(&mut tx, open.id, CheckoutState::Expired).await?;
    }
    events::give_back(&mut tx, id, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    if let Some(open) = open
        && let Err(error) = ctx.payments.expire_checkout(&open.session).await
    {
        // Should someone pay there all the same, the event finds a canceled order and the money goes back.
        tracing::info!(order.id = %id, %error, "the checkout page could not be closed");
    }
    Ok(())
}

/// Approves an order as its buyer. What costs something is approved by paying it.
pub async fn approve_as_consumer(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = bought(&mut tx, who, id).await?;
    if row.amount_minor > 0 {
        return Err(Error::Conflict("Pay the order to approve it; checkout_url says where.".to_owned()));
    }
    paid(&mut tx, &row, "Approved by the buyer.", ctx.now()).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Accepts a paid order as its provider.
pub async fn approve_as_provider(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = sold(&mut tx, who, id).await?;
    if row.state != OrderState::PendingProvider {
        return Err(Error::Conflict(format!("This order is {}; it does not wait for the provider.", row.state)));
    }
    fulfilment::start(&mut tx, &row, "Accepted by the provider.", now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Refuses a paid order as its provider; the buyer gets the money back and reads the reason.
pub async fn reject_as_provider(ctx: &Ctx, who: &Principal, id: OrderId, reason: &str) -> Result<()> {
    let mut checks = Checks::default();
    let reason = checks.text("reason", reason, 3, 500);
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = sold(&mut tx, who, id).await?;
    checks.done()?;
    if row.state != OrderState::PendingProvider {
        return Err(Error::Conflict(format!("This order is {}; it does not wait for the provider.", row.state)));
    }
    step(&mut tx, &row, OrderState::Rejected, &format!("Refused by the provider: {reason}"), &reason, now).await?;
    events::give_back(&mut tx, id, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
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
            state: row.state,
            created: row.created_at.readable(),
            method: row.method,
        });
    }
    Ok(views)
}

fn is_member(who: &Principal, organization: OrganizationId) -> bool {
    who.member(organization, Permission::View).is_ok()
}

/// Finds an order that the caller may see.
async fn visible(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let operator = who.user()?.user.operator;
    rows::get(tx, id)
        .await?
        .filter(|row| operator || is_member(who, row.organization_id) || is_member(who, row.provider_id))
        .ok_or(Error::NotFound("order"))
}

/// Finds an order of which the caller is the buyer.
async fn bought(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let row = visible(tx, who, id).await?;
    who.member(row.organization_id, Permission::Buy).map_err(hide_organization)?;
    Ok(row)
}

/// Finds an order of which the caller is the provider.
async fn sold(tx: &mut Tx, who: &Principal, id: OrderId) -> Result<OrderRow> {
    let row = visible(tx, who, id).await?;
    who.member(row.provider_id, Permission::Sell).map_err(hide_organization)?;
    Ok(row)
}

fn hide_organization(error: Error) -> Error {
    match error {
        Error::NotFound(_) => Error::NotFound("order"),
        other => other,
    }
}

/// Moves an order on and writes down why; an order that has moved meanwhile is a conflict.
async fn step(tx: &mut Tx, row: &OrderRow, to: OrderState, note: &str, error: &str, now: Timestamp) -> Result<()> {
    let conflict = || Error::Conflict(format!("This order is {}; it cannot become {to}.", row.state));
    if !row.state.may_become(to) || !rows::step(tx, row.id, row.state, to, error, now).await? {
        return Err(conflict());
    }
    rows::insert_step(tx, on_behalf(row.organization_id), fresh_id(), row.id, to, note, now).await?;
    Ok(())
}

/// Sends on an order for which nothing is owed any more.
async fn paid(tx: &mut Tx, row: &OrderRow, note: &str, now: Timestamp) -> Result<()> {
    if row.manual_approval && row.kind == OrderKind::Create {
        step(tx, row, OrderState::PendingProvider, &format!("{note} The provider looks at it."), "", now).await
    } else {
        fulfilment::start(tx, row, note, now).await
    }
}

async fn enqueue_fulfilment(tx: &mut Tx, order: OrderId, now: Timestamp) -> Result<()> {
    jobs::enqueue(tx, &Job::Fulfil { order }, now, now, Some(&format!("fulfil:{order}"))).await
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
        steps: Vec::new(),
    }
}
