//! Events of payment rails: stored first, believed later, and money that has no order given back.

use domain::state::{CheckoutState, OrderState, PaymentState};
use domain::{Money, OrderId, PaymentId, Timestamp};
use store::orders::{self as rows, PaymentRow};
use store::{Scope, Tx};

use super::{paid, step};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::ports::{PaymentsError, RailEventContent, SandboxCard, SandboxRefused};

/// Takes an event that a rail delivered: verifies it over its raw bytes, stores it, and queues the
/// rest. The same event again changes nothing.
pub async fn receive_event(ctx: &Ctx, rail: &str, body: &[u8], signature: &str) -> Result<()> {
    if rail != ctx.payments.rail() {
        return Err(Error::NotFound("payment rail"));
    }
    let now = ctx.now();
    let event = ctx.payments.read_event(body, signature, now).map_err(|error| match error {
        PaymentsError::BadSignature => Error::Forbidden("the event’s signature is wrong"),
        PaymentsError::Refused(text) | PaymentsError::Unavailable(text) => Error::invalid("", text),
    })?;
    let content = serde_json::to_value(&event.content).map_err(Error::internal)?;
    let stored = serde_json::json!({"content": content, "event": event.payload});
    let mut tx = ctx.store.write(Scope::System).await?;
    if rows::insert_event(&mut tx, rail, &event.id, &event.kind, &stored, now).await? {
        let job = Job::RailEvent { rail: rail.to_owned(), event: event.id.clone() };
        jobs::enqueue(&mut tx, &job, now, now, Some(&format!("event:{rail}:{}", event.id))).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Pays on the sandbox's own page, and delivers the event that says so; returns where the buyer goes.
pub async fn pay_in_sandbox(
    ctx: &Ctx,
    session: &str,
    card: &SandboxCard,
) -> std::result::Result<String, SandboxRefused> {
    let page = ctx.sandbox.as_ref().ok_or_else(|| SandboxRefused::Closed("There is no such payment page.".to_owned()))?;
    let paid = page.pay(session, card).await?;
    let (body, signature) = paid.event;
    // The rail's side is done. Should the delivery fail here, paying again delivers it again.
    receive_event(ctx, "sandbox", &body, &signature).await.map_err(|error| SandboxRefused::Failed(error.to_string()))?;
    Ok(paid.success_url)
}

/// Believes a stored event; a job, so it may run twice.
pub(crate) async fn handle_event(ctx: &Ctx, rail: &str, id: &str) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let event = rows::event(&mut tx, rail, id).await?.ok_or_else(|| Error::invalid("event", "is not in the inbox"))?;
    if !rows::handle_event(&mut tx, rail, id, now).await? {
        return Ok(());
    }
    let content = event.payload.0["content"].clone();
    let content: RailEventContent = serde_json::from_value(content).map_err(|error| Error::invalid("event", error.to_string()))?;
    match content {
        RailEventContent::CheckoutPaid { session, reference, amount, method } => {
            take(&mut tx, rail, &session, &reference, amount, &method, now).await?;
        }
        RailEventContent::CheckoutExpired { session } => expire(&mut tx, rail, &session, now).await?,
        RailEventContent::Refunded { reference } => {
            if let Some(payment) = rows::payment_of_reference(&mut tx, rail, &reference).await? {
                rows::set_payment_state(&mut tx, payment.id, PaymentState::Refunded, Some(now)).await?;
            }
        }
        RailEventContent::Other => {}
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Books a payment and sends its order on; money that no order waits for goes back.
async fn take(
    tx: &mut Tx,
    rail: &str,
    session: &str,
    reference: &str,
    amount: Money,
    method: &str,
    now: Timestamp,
) -> Result<()> {
    let checkout = rows::checkout_of_session(tx, rail, session)
        .await?
        .ok_or_else(|| Error::internal(format!("a payment for the unknown visit {session:?}")))?;
    let order = rows::get(tx, checkout.order_id).await?.ok_or(Error::NotFound("order"))?;
    let payment = PaymentRow {
        id: PaymentId(fresh_id()),
        order_id: order.id,
        organization_id: order.organization_id,
        provider_id: order.provider_id,
        rail: rail.to_owned(),
        reference: reference.to_owned(),
        amount_minor: amount.minor,
        currency: amount.currency,
        state: PaymentState::Succeeded,
        method: method.to_owned(),
        created_at: now,
    };
    if !rows::insert_payment(tx, on_behalf(order.organization_id), &payment).await? {
        return Ok(());
    }
    rows::set_checkout_state(tx, checkout.id, CheckoutState::Paid).await?;
    let owed = Money::new(order.amount_minor, order.currency);
    if order.state == OrderState::PendingConsumer && amount == owed {
        return paid(tx, &order, &format!("Paid with {method}."), now).await;
    }
    tracing::warn!(order.id = %order.id, order.state = %order.state, "a payment does not fit its order and is given back");
    give_back(tx, order.id, now).await
}

/// Ends an order that was not paid in time.
async fn expire(tx: &mut Tx, rail: &str, session: &str, now: Timestamp) -> Result<()> {
    let Some(checkout) = rows::checkout_of_session(tx, rail, session).await? else { return Ok(()) };
    rows::set_checkout_state(tx, checkout.id, CheckoutState::Expired).await?;
    let newest = rows::checkout_of_order(tx, checkout.order_id).await?;
    let order = rows::get(tx, checkout.order_id).await?.ok_or(Error::NotFound("order"))?;
    if order.state == OrderState::PendingConsumer && newest.is_some_and(|newest| newest.id == checkout.id) {
        step(tx, &order, OrderState::Canceled, "Not paid in time.", "", now).await?;
    }
    Ok(())
}

/// Queues a refund of everything that was paid for an order and is still here.
pub(super) async fn give_back(tx: &mut Tx, order: OrderId, now: Timestamp) -> Result<()> {
    for payment in rows::kept_payments(tx, order).await? {
        rows::set_payment_state(tx, payment.id, PaymentState::Refunding, None).await?;
        let job = Job::Refund { payment: payment.id };
        jobs::enqueue(tx, &job, now, now, Some(&format!("refund:{}", payment.id))).await?;
    }
    Ok(())
}

/// Gives a payment back; a job, so it may run twice, and so may the rail's refund.
pub(crate) async fn refund(ctx: &Ctx, id: PaymentId) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(payment) = rows::payment(&mut tx, id).await? else { return Ok(()) };
    drop(tx);
    if payment.state == PaymentState::Refunded {
        return Ok(());
    }
    ctx.payments.refund(&payment.reference).await.map_err(Error::internal)?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::set_payment_state(&mut tx, id, PaymentState::Refunded, Some(now)).await?;
    tx.commit().await?;
    Ok(())
}

/// Closes checkout pages that are past their time, and the orders that waited for them.
pub(crate) async fn expire_checkouts(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let stale = rows::stale_checkouts(&mut tx, now, 100).await?;
    drop(tx);
    for checkout in stale {
        if checkout.rail == ctx.payments.rail() {
            ctx.payments.expire_checkout(&checkout.session).await.map_err(Error::internal)?;
        }
        let mut tx = ctx.store.write(Scope::System).await?;
        expire(&mut tx, &checkout.rail, &checkout.session, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
