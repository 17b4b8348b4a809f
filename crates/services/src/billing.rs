//! For which time subscriptions are paid: periods, renewals, what happens when a payment fails, and the end.
//!
//! A period is paid in advance, and what was used in it afterwards: a period that is over makes an order of the kind `Renew`, which is paid like any other: by charging what its
//! buyer has saved or paid with, or by its buyer on a page. While it is unpaid the agent answers for some days more, and then
//! no more, until the order is paid. What a newcomer gets wrong: whoever changes this takes the subscription's row
//! first, then the order's, then the book.

mod calls;
mod renewal;
mod simulation;
mod statements;
mod switching;

use domain::state::{Entitlement, OrderKind};
use domain::view::catalog::PlanView;
use domain::{Money, OrganizationId, Permission, SubscriptionId, Timestamp};
use store::billings::{self as rows, BillingRow};
use store::orders::{self, OrderRow};
use store::{Scope, Tx, catalog, gateway, subscriptions};

use crate::access::{Principal, on_behalf};
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

pub use calls::calls_of_order;
pub(crate) use renewal::{paid, renew_due};
pub use simulation::simulate;
pub use statements::usage_bill;
pub(crate) use statements::{close_before, due_at_end};
pub(crate) use switching::{Worked, worked_out};
pub use switching::{changes, keep_plan};

/// Returns what is paid when a plan is ordered: nothing where it is tried first, which each organization may once of a
/// product.
pub(crate) async fn due_at_order(tx: &mut Tx, organization: OrganizationId, plan: &PlanView) -> Result<Money> {
    let tried = plan.trial_days > 0 && !subscriptions::had(tx, organization, plan.offering_id).await?;
    Ok(if tried { Money::new(0, plan.first_payment.currency) } else { plan.first_payment })
}

/// Begins the first period of a subscription, which was paid with its order, or is tried.
pub(crate) async fn begin(tx: &mut Tx, order: &OrderRow, id: SubscriptionId, now: Timestamp) -> Result<()> {
    let method = orders::kept_payments(tx, order.id).await?.last().map(|payment| payment.id);
    let plan = catalog::plan(tx, order.plan_id).await?.ok_or(Error::NotFound("plan"))?;
    // A first period that costs something and was not asked for is one to try.
    let tried = plan.trial_days > 0 && order.amount_minor == 0 && !plan.first_payment.is_zero();
    let (anchor, periods, period_end) = if tried {
        let until = now.plus_days(plan.trial_days);
        (until, 0, until)
    } else {
        (now, 1, now.plus_months(plan.interval.months()))
    };
    let row = BillingRow {
        subscription_id: id,
        organization_id: order.organization_id,
        anchor,
        periods,
        period_start: now,
        period_end,
        entitlement: Entitlement::Granted,
        grace_until: None,
        cancel_at_period_end: false,
        renewal_order_id: None,
        attempts: 0,
        next_attempt_at: None,
        method_payment_id: method,
        next_plan_id: None,
    };
    Ok(rows::insert(tx, on_behalf(order.organization_id), &row).await?)
}

/// Ends the periods of a subscription that is ended.
pub(crate) async fn end(tx: &mut Tx, id: SubscriptionId) -> Result<()> {
    if let Some(row) = rows::get(tx, id).await? {
        let over = BillingRow {
            entitlement: Entitlement::Ended,
            grace_until: None,
            renewal_order_id: None,
            next_attempt_at: None,
            next_plan_id: None,
            ..row
        };
        rows::update(tx, &over).await?;
    }
    Ok(())
}

/// Pays another period with the method that paid for another plan, from now on.
pub(crate) async fn use_method_of(tx: &mut Tx, order: &OrderRow, id: SubscriptionId) -> Result<()> {
    let method = orders::kept_payments(tx, order.id).await?.last().map(|payment| payment.id);
    if let (Some(row), Some(method)) = (rows::get(tx, id).await?, method) {
        rows::update(tx, &BillingRow { method_payment_id: Some(method), ..row }).await?;
    }
    Ok(())
}

/// Has a subscription end with its period; until then it can be resumed.
pub async fn cancel_at_period_end(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<()> {
    decide(ctx, who, id, "subscription.cancel", |row| BillingRow { cancel_at_period_end: true, ..row }).await
}

/// Writes down why a subscription is ended; an empty reason is none.
pub async fn note_reason(ctx: &Ctx, who: &Principal, id: SubscriptionId, reason: &str) -> Result<()> {
    let missing = || Error::NotFound("subscription");
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = subscriptions::get(&mut tx, id, ctx.now().month_start()).await?.ok_or_else(missing)?;
    let member = who.member(row.organization_id, Permission::Buy).map_err(|error| error.hiding("subscription"))?;
    let mut checks = Checks::default();
    let reason = checks.line("reason", reason, 0, 300);
    checks.done()?;
    if !reason.is_empty() {
        let of = Some(row.organization_id);
        audit::note(ctx, &mut tx, Some(member.user), of, "subscription.reason", &id.to_string(), &reason).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Takes back that a subscription ends with its period.
pub async fn resume(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<()> {
    decide(ctx, who, id, "subscription.resume", |row| BillingRow { cancel_at_period_end: false, ..row }).await
}

async fn decide(
    ctx: &Ctx,
    who: &Principal,
    id: SubscriptionId,
    action: &str,
    change: impl Fn(BillingRow) -> BillingRow,
) -> Result<()> {
    let missing = || Error::NotFound("subscription");
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    subscriptions::lock(&mut tx, id).await?;
    let subscription = subscriptions::get(&mut tx, id, now.month_start()).await?.ok_or_else(missing)?;
    let member =
        who.member(subscription.organization_id, Permission::Buy).map_err(|error| error.hiding("subscription"))?;
    let Some(row) = rows::get(&mut tx, id).await?.filter(|row| row.entitlement != Entitlement::Ended) else {
        return Err(Error::Conflict("This subscription has ended; it cannot be changed any more.".to_owned()));
    };
    if row.renewal_order_id.is_some() {
        return Err(Error::Conflict(
            "The next period has begun and is not paid; pay its order, or end the subscription now.".to_owned(),
        ));
    }
    let changed = change(row.clone());
    // A second time changes nothing, and is not written down again.
    if changed != row {
        rows::update(&mut tx, &changed).await?;
        let of = Some(subscription.organization_id);
        audit::note(ctx, &mut tx, Some(member.user), of, action, &id.to_string(), "").await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Writes down for which time subscriptions are paid that were bought before it was kept; at the start of the program.
pub async fn catch_up(ctx: &Ctx) -> Result<usize> {
    let now = ctx.now();
    let mut begun = 0;
    loop {
        let mut tx = ctx.store.write(Scope::System).await?;
        let missing = rows::missing(&mut tx, 200).await?;
        if missing.is_empty() {
            return Ok(begun);
        }
        for id in missing {
            let row =
                subscriptions::get(&mut tx, id, now.month_start()).await?.ok_or(Error::NotFound("subscription"))?;
            let method = rows::bought_by(&mut tx, id).await?.and_then(|(_, payment)| payment);
            // What has gone by was never asked for: the period that runs now counts as paid.
            let mut periods = 1;
            while row.created_at.plus_months(periods) <= now {
                periods += 1;
            }
            let new = BillingRow {
                subscription_id: id,
                organization_id: row.organization_id,
                anchor: row.created_at,
                periods,
                period_start: row.created_at.plus_months(periods - 1),
                period_end: row.created_at.plus_months(periods),
                entitlement: Entitlement::Granted,
                grace_until: None,
                cancel_at_period_end: false,
                renewal_order_id: None,
                attempts: 0,
                next_attempt_at: None,
                method_payment_id: method,
                next_plan_id: None,
            };
            rows::insert(&mut tx, on_behalf(row.organization_id), &new).await?;
            begun += 1;
        }
        tx.commit().await?;
    }
}

/// Cancels the unpaid order of a subscription's next period, because the subscription ends.
pub(crate) async fn drop_renewal(tx: &mut Tx, id: SubscriptionId, now: Timestamp) -> Result<()> {
    let Some(row) = rows::get(tx, id).await? else { return Ok(()) };
    let Some(order) = row.renewal_order_id else { return Ok(()) };
    orders::lock(tx, order).await?;
    let order = orders::get(tx, order).await?.ok_or(Error::NotFound("order"))?;
    debug_assert_eq!(order.kind, OrderKind::Renew);
    crate::orders::abandon_renewal(tx, &order, now).await?;
    Ok(rows::update(tx, &BillingRow { renewal_order_id: None, next_attempt_at: None, grace_until: None, ..row })
        .await?)
}

/// Tells the gateway of this process and of others that an agent answers again, or no more.
async fn tell_gateway(tx: &mut Tx, row: &BillingRow, now: Timestamp) -> Result<()> {
    Ok(gateway::note_change(tx, fresh_id(), None, Some(row.organization_id), now).await?)
}
