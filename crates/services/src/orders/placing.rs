//! Placing orders: a purchase, another plan, the end.
//!
//! What a newcomer gets wrong: the price is the plan's at this moment and stays the order's, whatever
//! the provider does to the plan later.

use domain::state::{OfferingState, OrderKind, OrderState, SubscriptionState};
use domain::view::order::{NewOrder, OrderView};
use domain::{OfferingId, OrderId, OrganizationId, Permission, PlanId, ProjectId, SubscriptionId, Timestamp};
use store::billings::BillingRow;
use store::orders as rows;
use store::{Scope, Tenant, Tx, billings, catalog, organizations, statements, subscriptions};

use super::{checkout, get, paid};
use crate::access::{Principal, on_behalf};
use crate::audit;
use crate::billing::{self, Worked};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

/// Orders an offering. An order that costs something waits for payment and says where to pay.
pub async fn place(ctx: &Ctx, who: &Principal, order: NewOrder) -> Result<OrderView> {
    let member = who.member(order.organization_id, Permission::Buy)?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let card = catalog::card(&mut tx, order.offering_id)
        .await?
        .filter(|row| row.listed)
        .ok_or(Error::NotFound("offering"))?
        .card;
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
    let project = project_of(&mut tx, member.tenant, order.project_id).await?;
    let mut checks = Checks::default();
    let name = if order.name.trim().is_empty() { card.name.clone() } else { checks.line("name", &order.name, 1, 80) };
    require_terms(&mut tx, &mut checks, order.offering_id, order.accept_terms).await?;
    checks.done()?;

    let amount = billing::due_at_order(&mut tx, order.organization_id, &plan).await?;
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
        amount_minor: amount.minor,
        currency: amount.currency,
        created_by: member.user,
        now,
    };
    begin(ctx, who, tx, order.organization_id, new).await
}

/// Returns the project into which somebody buys: the one that is named, or the first.
pub(super) async fn project_of(tx: &mut Tx, buyer: Tenant, wanted: Option<ProjectId>) -> Result<ProjectId> {
    let projects = organizations::projects(tx, buyer).await?;
    let found = match wanted {
        Some(id) => projects.iter().find(|project| project.id == id),
        None => projects.first(),
    };
    Ok(found.ok_or_else(|| Error::invalid("project", "is not a project of this organization"))?.id)
}

/// Requires that an offering's terms are accepted, where it has any.
pub(super) async fn require_terms(
    tx: &mut Tx,
    checks: &mut Checks,
    offering: OfferingId,
    accepted: bool,
) -> Result<()> {
    let details = catalog::details(tx, offering).await?.ok_or(Error::NotFound("offering"))?;
    checks.require(details.terms.is_empty() || accepted, "accepting_terms_of_service", "accept the terms to order");
    Ok(())
}

/// What became of the wish for another plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Switched {
    /// It was ordered, and holds once it is paid.
    Ordered(Box<OrderView>),
    /// It holds from then on, when the period is over that is paid.
    From(Timestamp),
}

/// Orders another plan for a subscription: for a dearer one the rest of the period is paid now; a cheaper one, or one
/// that is paid in other periods, holds when the period is over that is paid.
///
/// `expected` is what its buyer was shown; anything else is a conflict, and nothing is ordered.
pub async fn switch_plan(
    ctx: &Ctx,
    who: &Principal,
    id: SubscriptionId,
    plan: PlanId,
    expected: Option<i64>,
) -> Result<Switched> {
    let (mut tx, row) = changeable(ctx, who, id, Change::Switch).await?;
    if row.state != SubscriptionState::Ok {
        return Err(not_now(row.state));
    }
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
    let now = ctx.now();
    let period = billings::get(&mut tx, id).await?;
    let Worked { due, from, .. } = billing::worked_out(&row, wanted, period.as_ref(), now);
    if expected.is_some_and(|expected| expected != due.minor) {
        return Err(Error::Conflict(format!("The switch costs {due} now, and not what you were shown; look again.")));
    }
    if let (Some(from), Some(period)) = (from, period) {
        let later = BillingRow { next_plan_id: Some(wanted.id), ..period };
        billings::update(&mut tx, &later).await?;
        let (user, of) = (Some(who.user()?.user.id), Some(row.organization_id));
        audit::note(ctx, &mut tx, user, of, "subscription.switch", &id.to_string(), &wanted.name).await?;
        tx.commit().await?;
        return Ok(Switched::From(from));
    }
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
        amount_minor: due.minor,
        currency: row.currency,
        created_by: who.user()?.user.id,
        now,
    };
    Ok(Switched::Ordered(Box::new(begin(ctx, who, tx, row.organization_id, new).await?)))
}

/// Orders the end of a subscription, which takes effect at once, or as soon as what was used of it is paid.
pub async fn terminate(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<OrderView> {
    let (mut tx, row) = changeable(ctx, who, id, Change::End).await?;
    let due = billing::due_at_end(&mut tx, &row, ctx.now()).await?;
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
        name: row.name.clone(),
        amount_minor: due.minor,
        currency: due.currency,
        created_by: who.user()?.user.id,
        now: ctx.now(),
    };
    begin(ctx, who, tx, row.organization_id, new).await
}

/// What its buyer wants to do to a subscription.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Switch,
    End,
}

/// Finds a subscription that its buyer may change now.
async fn changeable(
    ctx: &Ctx,
    who: &Principal,
    id: SubscriptionId,
    change: Change,
) -> Result<(Tx, subscriptions::SubscriptionRow)> {
    let missing = || Error::NotFound("subscription");
    let viewer = who.user()?;
    let mut tx = ctx.store.write(Scope::System).await?;
    // Two orders for one subscription come one after the other.
    subscriptions::lock(&mut tx, id).await?;
    let row = subscriptions::get(&mut tx, id, ctx.now().month_start()).await?.ok_or_else(missing)?;
    if !viewer.memberships.iter().any(|membership| membership.organization_id == row.organization_id) {
        return Err(missing());
    }
    who.member(row.organization_id, Permission::Buy)?;
    if !matches!(row.state, SubscriptionState::Ok | SubscriptionState::Erred) {
        return Err(not_now(row.state));
    }
    if change == Change::End {
        // Nobody has to pay for another month in order to end it.
        billing::drop_renewal(&mut tx, id, ctx.now()).await?;
    }
    if rows::has_open_order(&mut tx, id).await? {
        return Err(Error::Conflict(
            "Another order for this subscription is not over yet; pay or cancel it first.".to_owned(),
        ));
    }
    Ok((tx, row))
}

fn not_now(state: SubscriptionState) -> Error {
    Error::Conflict(if state == SubscriptionState::Terminated {
        "This subscription has ended; it cannot be changed any more.".to_owned()
    } else {
        format!("This subscription is {}; it cannot be changed now.", state.to_string().to_lowercase())
    })
}

/// Writes an order, and sends it on: to the checkout page, or straight to being carried out.
async fn begin(
    ctx: &Ctx,
    who: &Principal,
    mut tx: Tx,
    organization: OrganizationId,
    new: rows::NewOrder,
) -> Result<OrderView> {
    rows::insert(&mut tx, on_behalf(organization), &new).await?;
    let note = match new.kind {
        OrderKind::Create => "Ordered.",
        OrderKind::Update => "A switch of plan was ordered.",
        OrderKind::Terminate => "The end was ordered.",
        OrderKind::Renew => "The next period began.",
    };
    rows::insert_step(&mut tx, on_behalf(organization), fresh_id(), new.id, new.state, note, new.now).await?;
    if let (OrderKind::Terminate, Some(subscription)) = (new.kind, new.subscription) {
        statements::ask(&mut tx, subscription, new.currency, new.id).await?;
    }
    if new.amount_minor == 0 {
        let row = rows::get(&mut tx, new.id).await?.ok_or(Error::NotFound("order"))?;
        paid(ctx, &mut tx, &row, "Nothing to pay.", new.now).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    if new.amount_minor > 0 { to_be_paid(ctx, who, new.id).await } else { get(ctx, who, new.id).await }
}

/// Opens the page where an order is paid, and returns the order.
pub(super) async fn to_be_paid(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<OrderView> {
    // Without a page to pay at, the order stays, and `checkout` opens one later.
    if let Err(error) = checkout(ctx, who, id).await {
        tracing::warn!(order.id = %id, %error, "the checkout page could not be opened yet");
    }
    get(ctx, who, id).await
}
