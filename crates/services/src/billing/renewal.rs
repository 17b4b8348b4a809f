//! What happens when a period is over.

use domain::pricing::Interval;
use domain::state::{Entitlement, OrderKind, OrderState, PaymentState, SubscriptionState};
use domain::view::catalog::PlanView;
use domain::{Money, OrderId, PaymentId, PlanId, SubscriptionId, Timestamp, UserId};
use store::billings::{self as rows, BillingRow};
use store::orders::{self, NewOrder, OrderRow, PaymentRow};
use store::subscriptions::{self, SubscriptionRow};
use store::{Scope, Tx, catalog, statements};

use super::{drop_renewal, tell_gateway};
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result, chain};
use crate::ledger;
use crate::orders as flow;
use crate::ports::{ChargeError, ChargeRequest, Charged};

/// For how many days an agent answers although its period is not paid.
const GRACE_DAYS: i64 = 7;
/// After how many days without payment a subscription ends.
const END_DAYS: i64 = 21;
/// How many days pass between one try of a payment and the next.
const RETRY_DAYS: [i64; 3] = [1, 2, 3];
/// How long it takes until a rail is asked again that was away.
const AWAY_SECONDS: i64 = 600;
/// How many subscriptions are looked at in one go.
const AT_ONCE: i64 = 200;

/// What is to be done outside of the database.
enum Next {
    Nothing,
    Charge(ChargeRequest, i64),
}

/// Renews what is due, tries payments again, and ends what nobody pays.
pub(crate) async fn renew_due(ctx: &Ctx) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let due = rows::due(&mut tx, ctx.now(), AT_ONCE).await?;
    drop(tx);
    for id in due {
        // One that fails must not keep the others from being renewed.
        if let Err(error) = renew(ctx, id).await {
            tracing::warn!(subscription.id = %id, error = %chain(&error), "a subscription could not be renewed");
        }
    }
    Ok(())
}

async fn renew(ctx: &Ctx, id: SubscriptionId) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    subscriptions::lock(&mut tx, id).await?;
    let Some(row) = rows::get(&mut tx, id).await? else { return Ok(()) };
    let subscription =
        subscriptions::get(&mut tx, id, now.month_start()).await?.ok_or(Error::NotFound("subscription"))?;
    let next = match row.renewal_order_id {
        None if row.period_end <= now => period_over(ctx, &mut tx, &row, &subscription, now).await?,
        None => Next::Nothing,
        Some(order) => unpaid(ctx, &mut tx, &row, order, now).await?,
    };
    tx.commit().await?;
    crate::gateway::forget_organization(ctx, row.organization_id);
    ctx.jobs_wake.notify_one();
    if let Next::Charge(request, attempt) = next {
        charge(ctx, id, request, attempt).await?;
    }
    Ok(())
}

/// Begins the next period, asks for its payment, or ends the subscription.
async fn period_over(
    ctx: &Ctx,
    tx: &mut Tx,
    row: &BillingRow,
    subscription: &SubscriptionRow,
    now: Timestamp,
) -> Result<Next> {
    match subscription.state {
        SubscriptionState::Ok => {}
        SubscriptionState::Terminated => {
            super::end(tx, row.subscription_id).await?;
            return Ok(Next::Nothing);
        }
        // Something is under way; the next sweep finds how it went.
        _ => return Ok(Next::Nothing),
    }
    let used = plan_of(tx, subscription.plan_id).await?;
    let next = match row.next_plan_id {
        Some(id) => plan_of(tx, id).await?,
        None => used.clone(),
    };
    super::close_before(tx, row, &used, &next, now).await?;
    let owed = statements::owed(tx, row.subscription_id, subscription.currency).await?;
    let created_by = buyer(tx, row).await?;
    if row.cancel_at_period_end && owed.is_zero() {
        flow::end_with_period(tx, subscription, created_by, "The period is over, and it was canceled.", now).await?;
        return Ok(Next::Nothing);
    }
    let mut row = row.clone();
    if row.next_plan_id.is_some() {
        subscriptions::set_plan(tx, row.subscription_id, next.id, now).await?;
        if next.interval != used.interval {
            // Years are not counted on from months.
            row = BillingRow { anchor: row.period_end, periods: 0, ..row };
        }
        row.next_plan_id = None;
        // Another plan has another quota.
        tell_gateway(tx, &row, now).await?;
    }
    let total = if row.cancel_at_period_end {
        // The last bill: what was used, and nothing in advance.
        owed
    } else {
        let price = next.whole_price();
        // What is paid once is paid after trying, too.
        let once = if row.period_start.plus_days(next.trial_days) == row.period_end && row.periods == 0 {
            price.once().minor
        } else {
            0
        };
        Money::new(price.fixed().minor + once + owed.minor, price.currency)
    };
    if total.is_zero() {
        rows::update(tx, &next_period(&row, next.interval, now)).await?;
        return Ok(Next::Nothing);
    }
    let order = NewOrder {
        id: OrderId(fresh_id()),
        project: subscription.project_id,
        provider: subscription.provider_id,
        offering: subscription.offering_id,
        plan: next.id,
        old_plan: None,
        subscription: Some(row.subscription_id),
        kind: OrderKind::Renew,
        state: OrderState::PendingConsumer,
        name: subscription.name.clone(),
        amount_minor: total.minor,
        currency: total.currency,
        created_by,
        now,
    };
    let tenant = on_behalf(row.organization_id);
    orders::insert(tx, tenant, &order).await?;
    statements::ask(tx, row.subscription_id, order.currency, order.id).await?;
    let note = if row.cancel_at_period_end { "What was used is due." } else { "The next period began." };
    orders::insert_step(tx, tenant, fresh_id(), order.id, order.state, note, now).await?;
    // One that was canceled answers no more, whether its last bill is paid or not.
    let (entitlement, grace_until) = if row.cancel_at_period_end {
        (Entitlement::Suspended, now.plus_days(END_DAYS))
    } else {
        (Entitlement::Grace, now.plus_days(GRACE_DAYS))
    };
    let asked = BillingRow {
        entitlement,
        grace_until: Some(grace_until),
        renewal_order_id: Some(order.id),
        attempts: 0,
        next_attempt_at: Some(now),
        ..row
    };
    rows::update(tx, &asked).await?;
    if asked.cancel_at_period_end {
        tell_gateway(tx, &asked, now).await?;
    }
    unpaid(ctx, tx, &asked, order.id, now).await
}

async fn plan_of(tx: &mut Tx, id: PlanId) -> Result<PlanView> {
    catalog::plan(tx, id).await?.ok_or(Error::NotFound("plan"))
}

/// Looks after an order that is not paid yet: tries again, suspends, ends.
async fn unpaid(ctx: &Ctx, tx: &mut Tx, row: &BillingRow, order: OrderId, now: Timestamp) -> Result<Next> {
    orders::lock(tx, order).await?;
    let order = orders::get(tx, order).await?.ok_or(Error::NotFound("order"))?;
    if order.state != OrderState::PendingConsumer {
        // Paid or over meanwhile: whoever did it has written so.
        return Ok(Next::Nothing);
    }
    let mut row = row.clone();
    if order.created_at.plus_days(END_DAYS) <= now {
        drop_renewal(tx, row.subscription_id, now).await?;
        let subscription = subscriptions::get(tx, row.subscription_id, now.month_start())
            .await?
            .ok_or(Error::NotFound("subscription"))?;
        let buyer = buyer(tx, &row).await?;
        flow::end_with_period(tx, &subscription, buyer, "It was not paid for three weeks.", now).await?;
        return Ok(Next::Nothing);
    }
    if row.entitlement == Entitlement::Grace && row.grace_until.is_some_and(|until| until <= now) {
        row.entitlement = Entitlement::Suspended;
        // The next thing that comes with the time is the end.
        row.grace_until = Some(order.created_at.plus_days(END_DAYS));
        rows::update(tx, &row).await?;
        tell_gateway(tx, &row, now).await?;
        flow::letters::suspended(ctx, tx, &order, now).await?;
    }
    if row.next_attempt_at.is_none_or(|at| at > now) {
        return Ok(Next::Nothing);
    }
    // What another rail took is unknown to this one.
    let earlier = match row.method_payment_id {
        Some(id) => orders::payment(tx, id).await?.filter(|payment| payment.rail == ctx.payments.rail()),
        None => None,
    };
    let request = ChargeRequest {
        key: format!("{}-{}", order.id, row.attempts),
        of: row.organization_id,
        earlier_payment: earlier.map(|payment| payment.charge),
        order: order.id,
        amount: Money::new(order.amount_minor, order.currency),
        description: format!("{} — {}", order.offering_name, order.plan_name),
    };
    Ok(Next::Charge(request, row.attempts))
}

/// Charges, and writes down how it went. Should the process die in between, the same key is charged again, once.
async fn charge(ctx: &Ctx, id: SubscriptionId, request: ChargeRequest, attempt: i64) -> Result<()> {
    let outcome = ctx.payments.charge(request.clone()).await;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    subscriptions::lock(&mut tx, id).await?;
    orders::lock(&mut tx, request.order).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("subscription"))?;
    let order = orders::get(&mut tx, request.order).await?.ok_or(Error::NotFound("order"))?;
    match outcome {
        Ok(charged) => take(ctx, &mut tx, &order, charged, now).await?,
        // Another process has tried, or its buyer has paid meanwhile.
        Err(_) if row.attempts != attempt || row.renewal_order_id != Some(order.id) => {}
        Err(ChargeError::Declined(why)) => {
            let pause = usize::try_from(attempt).ok().and_then(|attempt| RETRY_DAYS.get(attempt));
            let next = pause.map(|days| now.plus_days(*days));
            rows::update(&mut tx, &BillingRow { attempts: attempt + 1, next_attempt_at: next, ..row.clone() }).await?;
            let tenant = on_behalf(row.organization_id);
            let note = format!("The payment failed: {why}");
            orders::insert_step(&mut tx, tenant, fresh_id(), order.id, order.state, &note, now).await?;
            flow::letters::to_pay(ctx, &mut tx, &order, row.entitlement, &why, now).await?;
        }
        Err(ChargeError::Rail(error)) => {
            tracing::warn!(order.id = %order.id, %error, "the payment rail charged nothing; it is asked again");
            let later = Some(now.plus_seconds(AWAY_SECONDS));
            rows::update(&mut tx, &BillingRow { next_attempt_at: later, ..row.clone() }).await?;
        }
    }
    tx.commit().await?;
    crate::gateway::forget_organization(ctx, row.organization_id);
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Books money that was charged for an order. It goes back if the order was paid or dropped meanwhile.
async fn take(ctx: &Ctx, tx: &mut Tx, order: &OrderRow, charged: Charged, now: Timestamp) -> Result<()> {
    let payment = PaymentRow {
        id: PaymentId(fresh_id()),
        order_id: order.id,
        organization_id: order.organization_id,
        provider_id: order.provider_id,
        rail: ctx.payments.rail().to_owned(),
        reference: charged.reference.clone(),
        charge: charged.reference,
        amount_minor: order.amount_minor,
        currency: order.currency,
        state: PaymentState::Succeeded,
        method: charged.method,
        created_at: now,
        back_minor: 0,
    };
    if !orders::insert_payment(tx, on_behalf(order.organization_id), &payment).await? {
        return Ok(());
    }
    if order.state != OrderState::PendingConsumer {
        let why = format!("It was charged when the order was {} already; it goes back.", order.state);
        return flow::refuse(ctx, tx, order, &payment, charged.fee_minor, &why, now).await;
    }
    ledger::sold(ctx, tx, order, &payment, charged.fee_minor, now).await?;
    paid(tx, order, &format!("Paid with {}.", payment.method), now).await
}

/// Begins the period that an order has paid for.
pub(crate) async fn paid(tx: &mut Tx, order: &OrderRow, note: &str, now: Timestamp) -> Result<()> {
    let id = order.subscription_id.ok_or(Error::NotFound("subscription"))?;
    let row = rows::get(tx, id).await?.filter(|row| row.renewal_order_id == Some(order.id));
    let Some(row) = row else {
        return Err(Error::Conflict("The subscription that this pays for has ended.".to_owned()));
    };
    if row.cancel_at_period_end {
        // It was the last bill.
        let over = BillingRow { renewal_order_id: None, next_attempt_at: None, grace_until: None, ..row.clone() };
        rows::update(tx, &over).await?;
        flow::finish_renewal(tx, order, note, now).await?;
        let subscription =
            subscriptions::get(tx, id, now.month_start()).await?.ok_or(Error::NotFound("subscription"))?;
        let buyer = buyer(tx, &row).await?;
        return flow::end_with_period(tx, &subscription, buyer, "It was canceled, and its last bill is paid.", now)
            .await;
    }
    let interval = plan_of(tx, order.plan_id).await?.interval;
    let payment = orders::kept_payments(tx, order.id).await?.last().map(|payment| payment.id);
    let next = BillingRow { method_payment_id: payment.or(row.method_payment_id), ..next_period(&row, interval, now) };
    rows::update(tx, &next).await?;
    tell_gateway(tx, &next, now).await?;
    flow::finish_renewal(tx, order, note, now).await
}

/// Returns the period after this one. One that was suspended begins anew: what was not answered is not paid for.
fn next_period(row: &BillingRow, interval: Interval, now: Timestamp) -> BillingRow {
    let months = interval.months();
    let (anchor, mut periods) =
        if row.entitlement == Entitlement::Suspended { (now, 1) } else { (row.anchor, row.periods + 1) };
    // Periods that went by while nobody asked, as when the program stood still, are not asked for.
    while anchor.plus_months(periods * months) <= now {
        periods += 1;
    }
    BillingRow {
        anchor,
        periods,
        period_start: anchor.plus_months((periods - 1) * months),
        period_end: anchor.plus_months(periods * months),
        entitlement: Entitlement::Granted,
        grace_until: None,
        renewal_order_id: None,
        attempts: 0,
        next_attempt_at: None,
        ..row.clone()
    }
}

/// Returns who bought the subscription, in whose name its orders are made.
async fn buyer(tx: &mut Tx, row: &BillingRow) -> Result<UserId> {
    let (user, _) = rows::bought_by(tx, row.subscription_id).await?.ok_or(Error::NotFound("order"))?;
    Ok(user)
}
