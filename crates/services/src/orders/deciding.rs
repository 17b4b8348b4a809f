//! What people decide about an order that was placed: cancel, approve, refuse, try again.

use domain::state::{CheckoutState, OrderKind, OrderState, SubscriptionState};
use domain::view::order::OrderView;
use domain::{OrderId, OrganizationId};
use store::orders as rows;
use store::{Scope, Tx};

use super::{bought, enqueue_fulfilment, events, fulfilment, get, letters, paid, sold, step, together};
use crate::access::Principal;
use crate::audit;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

/// Takes an order back that is not being carried out yet; what was paid goes back.
pub async fn cancel(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let lead = bought(&mut tx, who, id).await?.paid_by();
    let all = together::hold(&mut tx, lead).await?;
    let row = bought(&mut tx, who, id).await?;
    if row.kind == OrderKind::Renew {
        return Err(Error::Conflict(
            "This order pays for the next month; end the subscription to be rid of it.".to_owned(),
        ));
    }
    // What is not paid yet is canceled together; once it is, each order goes its own way.
    let unpaid = row.state == OrderState::PendingConsumer;
    for order in all.iter().filter(|order| if unpaid { order.state == row.state } else { order.id == id }) {
        step(&mut tx, order, OrderState::Canceled, "Canceled by the buyer.", "", now).await?;
    }
    let open = rows::checkout_of_order(&mut tx, lead).await?.filter(|open| open.state == CheckoutState::Open);
    if let Some(open) = &open {
        rows::set_checkout_state(&mut tx, open.id, CheckoutState::Expired).await?;
    }
    events::give_back(&mut tx, id, now).await?;
    note(ctx, &mut tx, who, row.organization_id, "order.cancel", id, "").await?;
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
    rows::lock(&mut tx, id).await?;
    let row = bought(&mut tx, who, id).await?;
    if row.amount_minor > 0 {
        return Err(Error::Conflict("Pay the order to approve it; checkout_url says where.".to_owned()));
    }
    paid(ctx, &mut tx, &row, "Approved by the buyer.", ctx.now()).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Accepts a paid order as its provider.
pub async fn approve_as_provider(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::lock(&mut tx, id).await?;
    let row = sold(&mut tx, who, id).await?;
    if row.state != OrderState::PendingProvider {
        return Err(Error::Conflict(format!("This order is {}; it does not wait for the provider.", row.state)));
    }
    fulfilment::start(&mut tx, &row, "Accepted by the provider.", now).await?;
    note(ctx, &mut tx, who, row.provider_id, "order.approve", id, "").await?;
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
    rows::lock(&mut tx, id).await?;
    let row = sold(&mut tx, who, id).await?;
    checks.done()?;
    if row.state != OrderState::PendingProvider {
        return Err(Error::Conflict(format!("This order is {}; it does not wait for the provider.", row.state)));
    }
    letters::refused(ctx, &mut tx, &row, &reason, now).await?;
    step(&mut tx, &row, OrderState::Rejected, &format!("Refused by the provider: {reason}"), &reason, now).await?;
    events::give_back(&mut tx, id, now).await?;
    note(ctx, &mut tx, who, row.provider_id, "order.refuse", id, &reason).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Tries once more to carry out an order that failed, as an operator; one whose money went back is over.
pub async fn retry(ctx: &Ctx, who: &Principal, id: OrderId) -> Result<OrderView> {
    who.operator()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::lock(&mut tx, id).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("order"))?;
    let (OrderState::Erred, OrderKind::Create, Some(subscription)) = (row.state, row.kind, row.subscription_id) else {
        return Err(Error::Conflict(format!(
            "This order is {}; only a purchase that failed is tried again.",
            row.state
        )));
    };
    let kept: i64 = rows::kept_payments(&mut tx, id).await?.iter().map(|payment| payment.left().minor).sum();
    if kept < row.amount_minor {
        return Err(Error::Conflict(
            "What was paid for this order has gone back; the buyer has to order again.".to_owned(),
        ));
    }
    fulfilment::move_subscription(&mut tx, subscription, SubscriptionState::Creating, "", now).await?;
    step(&mut tx, &row, OrderState::Executing, "Tried again by an operator.", "", now).await?;
    enqueue_fulfilment(&mut tx, id, now).await?;
    note(ctx, &mut tx, who, row.organization_id, "order.retry", id, "").await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    get(ctx, who, id).await
}

/// Writes down who decided.
async fn note(
    ctx: &Ctx,
    tx: &mut Tx,
    who: &Principal,
    of: OrganizationId,
    action: &str,
    id: OrderId,
    detail: &str,
) -> Result<()> {
    audit::note(ctx, tx, Some(who.user()?.user.id), Some(of), action, &id.to_string(), detail).await
}
