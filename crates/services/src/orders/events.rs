//! Events of payment rails: stored first, believed later, and money that has no order given back.

use domain::state::{CheckoutState, OrderKind, OrderState, PaymentState};
use domain::{Money, OrderId, PaymentId, Timestamp};
use store::orders::{self as rows, OrderRow, PaymentRow};
use store::{Scope, Tx, catalog, outbox};

use super::{paid, step, together};
use crate::access::on_behalf;
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::ledger;
use crate::ports::{PaymentsError, RailEvent, RailEventContent, SandboxCard, SandboxRefused};
use crate::refunds::{self, Charge};

/// Takes an event that a rail delivered: verifies it over its raw bytes, stores it, and queues the
/// rest. The same event again changes nothing.
pub async fn receive_event(ctx: &Ctx, rail: &str, body: &[u8], signature: &str) -> Result<()> {
    if rail != ctx.payments.rail() {
        return Err(Error::NotFound("payment rail"));
    }
    let event = ctx.payments.read_event(body, signature, ctx.now()).map_err(unbelieved)?;
    store_event(ctx, rail, event).await
}

/// Takes an event about a provider's account, which rails deliver to an address of its own.
pub async fn receive_connect_event(ctx: &Ctx, rail: &str, body: &[u8], signature: &str) -> Result<()> {
    if rail != ctx.payments.rail() {
        return Err(Error::NotFound("payment rail"));
    }
    let event = ctx.payments.read_connect_event(body, signature, ctx.now()).map_err(unbelieved)?;
    store_event(ctx, rail, event).await
}

fn unbelieved(error: PaymentsError) -> Error {
    match error {
        PaymentsError::BadSignature => Error::Forbidden("the event’s signature is wrong"),
        PaymentsError::Refused(text) | PaymentsError::Unavailable(text) => Error::invalid("", text),
    }
}

async fn store_event(ctx: &Ctx, rail: &str, event: RailEvent) -> Result<()> {
    let now = ctx.now();
    let content = serde_json::to_value(&event.content).map_err(Error::internal)?;
    let stored = serde_json::json!({"content": content, "event": event.payload});
    let mut tx = ctx.store.write(Scope::System).await?;
    let new = rows::insert_event(&mut tx, rail, &event.id, &event.kind, &stored, now).await?;
    // What counts is whether it was acted on: the job of one that came before may have given up.
    let acted_on = !new && rows::event(&mut tx, rail, &event.id).await?.is_some_and(|row| row.handled_at.is_some());
    if !acted_on {
        let job = Job::RailEvent { rail: rail.to_owned(), event: event.id.clone() };
        jobs::enqueue(&mut tx, &job, now, now, Some(&format!("event:{rail}:{}", event.id))).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// How often a rail is asked what has happened.
const ASK_SECONDS: i64 = 600;
/// How much of what it was asked before it is asked again, because an event can be late.
const OVERLAP_SECONDS: i64 = 3600;
/// How long rails keep their events, and a day less.
const KEPT_DAYS: i64 = 29;

/// Asks the rail what has happened, and takes what was never delivered.
pub(crate) async fn catch_up(ctx: &Ctx) -> Result<()> {
    let (now, rail) = (ctx.now(), ctx.payments.rail());
    let mut tx = ctx.store.read(Scope::System).await?;
    let asked = outbox::asked_until(&mut tx, rail).await?;
    drop(tx);
    if asked.is_some_and(|asked| asked.plus_seconds(ASK_SECONDS) > now) {
        return Ok(());
    }
    let since = asked.unwrap_or(now).plus_seconds(-OVERLAP_SECONDS).max(now.plus_days(-KEPT_DAYS));
    let events = match ctx.payments.events_since(since).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(%error, "the payment rail does not say what has happened; it is asked again in a minute");
            return Ok(());
        }
    };
    for event in events {
        store_event(ctx, rail, event).await?;
    }
    let mut tx = ctx.store.write(Scope::System).await?;
    outbox::set_asked_until(&mut tx, rail, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Pays on the sandbox's own page, and delivers the event that says so; returns where the buyer goes.
pub async fn pay_in_sandbox(
    ctx: &Ctx,
    session: &str,
    card: &SandboxCard,
) -> std::result::Result<String, SandboxRefused> {
    let page =
        ctx.sandbox.as_ref().ok_or_else(|| SandboxRefused::Closed("There is no such payment page.".to_owned()))?;
    let paid = page.pay(session, card).await?;
    let (body, signature) = paid.event;
    // The rail's side is done, and it has queued the same delivery for the case that this one fails.
    if let Err(error) = receive_event(ctx, "sandbox", &body, &signature).await {
        tracing::warn!(%session, %error, "a sandbox event was not delivered; a job delivers it again");
    }
    Ok(paid.success_url)
}

/// Delivers an event of a sandbox visit; mostly it is the second time, which changes nothing.
pub(crate) async fn deliver_sandbox_event(ctx: &Ctx, session: &str, kind: &str) -> Result<()> {
    let page = ctx.sandbox.as_ref().ok_or_else(|| Error::invalid("rail", "there is no sandbox here"))?;
    let (body, signature) = page.event(session, kind).await.map_err(Error::internal)?;
    receive_event(ctx, "sandbox", &body, &signature).await
}

/// Believes a stored event; a job, so it may run twice.
pub(crate) async fn handle_event(ctx: &Ctx, rail: &str, id: &str) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let event = rows::event(&mut tx, rail, id).await?.ok_or_else(|| Error::invalid("event", "is not in the inbox"))?;
    drop(tx);
    if event.handled_at.is_some() {
        return Ok(());
    }
    let content = event.payload.0["content"].clone();
    let content: RailEventContent =
        serde_json::from_value(content).map_err(|error| Error::invalid("event", error.to_string()))?;
    let content = match content {
        // An event of another rail, as of the time before it was exchanged, is not asked about.
        RailEventContent::Bell { .. } if rail != ctx.payments.rail() => RailEventContent::Other,
        RailEventContent::Bell { object } => {
            let kind = event.payload.0["event"]["type"].as_str().unwrap_or_default();
            ctx.payments.look(kind, &object).await.map_err(Error::internal)?
        }
        said => said,
    };
    let mut tx = ctx.store.write(Scope::System).await?;
    if !rows::handle_event(&mut tx, rail, id, now).await? {
        return Ok(());
    }
    match content {
        RailEventContent::CheckoutPaid { session, reference, amount, method, fee_minor } => {
            take(ctx, &mut tx, &Taken { rail, session, reference, amount, method, fee_minor }, now).await?;
        }
        RailEventContent::CheckoutExpired { session } => expire(&mut tx, rail, &session, now).await?,
        RailEventContent::Refunded { reference, refunds: told } => {
            refunds::heard(ctx, &mut tx, &Charge { rail, reference: &reference }, &told, now).await?;
        }
        RailEventContent::Disputed { reference, dispute } => {
            refunds::disputes::heard(ctx, &mut tx, &Charge { rail, reference: &reference }, &dispute, now).await?;
        }
        RailEventContent::Bell { .. } | RailEventContent::Other => {}
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Money that a rail says it has taken.
struct Taken<'a> {
    rail: &'a str,
    session: String,
    reference: String,
    amount: Money,
    method: String,
    fee_minor: i64,
}

/// Books a payment and sends its order on; money that no order waits for goes back.
async fn take(ctx: &Ctx, tx: &mut Tx, taken: &Taken<'_>, now: Timestamp) -> Result<()> {
    let Taken { rail, session, reference, amount, method, fee_minor } = taken;
    // The visit is written after the rail has opened it, so its event may be faster; it is tried again.
    let checkout = rows::checkout_of_session(tx, rail, session)
        .await?
        .ok_or_else(|| Error::internal(format!("a payment for the unknown visit {session:?}")))?;
    let orders = together::hold(tx, checkout.order_id).await?;
    let lead = orders.first().ok_or(Error::NotFound("order"))?;
    let owed = Money::new(orders.iter().map(|order| order.amount_minor).sum(), lead.currency);
    let why = if lead.state != OrderState::PendingConsumer {
        Some(format!("A payment of {amount} came when the order was {} already; it goes back.", lead.state))
    } else if *amount != owed {
        Some(format!("A payment of {amount} is not the {owed} that the order costs; it goes back."))
    } else {
        None
    };
    // What fits pays for each of its orders by itself; what does not is one payment, and goes back.
    let paying = if why.is_some() { std::slice::from_ref(lead) } else { orders.as_slice() };
    for (number, order) in paying.iter().enumerate() {
        let payment = PaymentRow {
            id: PaymentId(fresh_id()),
            order_id: order.id,
            organization_id: order.organization_id,
            provider_id: order.provider_id,
            rail: (*rail).to_owned(),
            reference: refunds::numbered(reference, number),
            charge: reference.clone(),
            amount_minor: if why.is_some() { amount.minor } else { order.amount_minor },
            currency: amount.currency,
            state: PaymentState::Succeeded,
            method: method.clone(),
            created_at: now,
            back_minor: 0,
        };
        if !rows::insert_payment(tx, on_behalf(order.organization_id), &payment).await? {
            return Ok(());
        }
        // What the rail keeps of a charge it keeps once.
        let fee_minor = if number == 0 { *fee_minor } else { 0 };
        if let Some(why) = &why {
            refuse(ctx, tx, order, &payment, fee_minor, why, now).await?;
        } else {
            ledger::sold(ctx, tx, order, &payment, fee_minor, now).await?;
            carry_out(ctx, tx, order, method, now).await?;
        }
    }
    rows::set_checkout_state(tx, checkout.id, CheckoutState::Paid).await?;
    Ok(())
}

/// Sends an order on that is paid; what cannot be done any more goes back.
async fn carry_out(ctx: &Ctx, tx: &mut Tx, order: &OrderRow, method: &str, now: Timestamp) -> Result<()> {
    let carried_out = match still_on_sale(tx, order).await {
        Ok(()) => paid(ctx, tx, order, &format!("Paid with {method}."), now).await,
        Err(gone) => Err(gone),
    };
    match carried_out {
        // What was ordered cannot be done any more, and nothing but the payment was written yet.
        Err(Error::Conflict(why)) => {
            step(tx, order, OrderState::Rejected, &format!("{why} What was paid goes back."), &why, now).await?;
            give_back(tx, order.id, now).await
        }
        other => other,
    }
}

/// Tells whether what was ordered may still be sold: between ordering and paying an operator may have stopped its
/// provider. A provider who pauses an offering keeps to what was agreed.
async fn still_on_sale(tx: &mut Tx, order: &OrderRow) -> Result<()> {
    if order.kind != OrderKind::Create {
        return Ok(());
    }
    let card = catalog::card(tx, order.offering_id).await?;
    if card.is_some_and(|row| row.listed) {
        return Ok(());
    }
    Err(Error::Conflict("Its provider may not sell any more.".to_owned()))
}

/// Gives one payment back that does not fit its order; the order stays as it is.
pub(crate) async fn refuse(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    payment: &PaymentRow,
    fee_minor: i64,
    why: &str,
    now: Timestamp,
) -> Result<()> {
    tracing::warn!(order.id = %order.id, payment.id = %payment.id, "{why}");
    ledger::unmatched(tx, payment, fee_minor, now).await?;
    rows::insert_step(tx, on_behalf(order.organization_id), fresh_id(), order.id, order.state, why, now).await?;
    let of = Some(order.organization_id);
    audit::note(ctx, tx, None, of, "payment.refuse", &payment.id.to_string(), why).await?;
    refunds::give_back_whole(tx, payment, now).await
}

/// Ends an order that was not paid in time.
pub(super) async fn expire(tx: &mut Tx, rail: &str, session: &str, now: Timestamp) -> Result<()> {
    let Some(checkout) = rows::checkout_of_session(tx, rail, session).await? else {
        return Ok(());
    };
    let orders = together::hold(tx, checkout.order_id).await?;
    rows::set_checkout_state(tx, checkout.id, CheckoutState::Expired).await?;
    let newest = rows::checkout_of_order(tx, checkout.order_id).await?;
    if newest.is_some_and(|newest| newest.id == checkout.id && newest.state == CheckoutState::Expired) {
        abandon(tx, &orders, now).await?;
    }
    Ok(())
}

/// Cancels orders that still wait for payment. The caller holds them.
pub(super) async fn abandon(tx: &mut Tx, orders: &[OrderRow], now: Timestamp) -> Result<()> {
    for order in orders {
        // The order of a next period waits longer: `billing` looks after it.
        if order.state == OrderState::PendingConsumer && order.kind != OrderKind::Renew {
            step(tx, order, OrderState::Canceled, "Not paid in time.", "", now).await?;
        }
    }
    Ok(())
}

/// Queues a refund of everything that was paid for an order and is still here.
pub(super) async fn give_back(tx: &mut Tx, order: OrderId, now: Timestamp) -> Result<()> {
    for payment in rows::kept_payments(tx, order).await? {
        refunds::give_back_whole(tx, &payment, now).await?;
    }
    Ok(())
}
