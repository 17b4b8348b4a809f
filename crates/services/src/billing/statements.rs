//! What was used of a subscription: closed into statements, previewed, and asked for with the next order.
//!
//! What a newcomer gets wrong: a statement does not look for the calls of a period. It takes everything that was
//! counted since the one before it, so that a call that is reported late is on the next bill, and none is on two.

use domain::pricing::{self, Bill, Usage};
use domain::view::catalog::PlanView;
use domain::view::money::{StatementView, UsageBill};
use domain::{Money, Permission, StatementId, SubscriptionId, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::billings::BillingRow;
use store::statements::{self as rows, StatementRow};
use store::subscriptions::SubscriptionRow;
use store::{Json, Scope, Tx, billings, catalog, subscriptions};

use crate::access::{Principal, on_behalf};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// How many closed statements are shown.
const SHOWN: i64 = 60;

/// No call is counted later than so many days after it began.
const LATE_DAYS: i64 = 7;

/// Closes what was used until now, by the prices of the plan that held. Where nothing that is used costs anything, it
/// closes too: what was free once is not billed under another plan.
async fn close(tx: &mut Tx, row: &BillingRow, plan: &PlanView, now: Timestamp) -> Result<()> {
    let id = row.subscription_id;
    let last = rows::last(tx, id).await?;
    let statement = StatementId(fresh_id());
    // What began before is billed already, or has been given up long ago.
    let began = last.as_ref().map_or(Timestamp(0), |last| last.closed_at.plus_days(-LATE_DAYS));
    let counted = rows::bill_calls(tx, id, statement, began).await?;
    let used = since(last.as_ref(), counted);
    let Bill { lines, total } = bill(plan, used);
    let subscription = subscriptions::get(tx, id, now.month_start()).await?.ok_or(Error::NotFound("subscription"))?;
    let mut new = StatementRow {
        id: statement,
        subscription_id: id,
        organization_id: row.organization_id,
        provider_id: subscription.provider_id,
        number: last.as_ref().map_or(0, |last| last.number) + 1,
        plan_id: plan.id,
        plan_name: plan.name.clone(),
        period_start: last.map_or(row.period_start, |last| last.closed_at),
        closed_at: now,
        total_calls: counted.calls,
        total_input_tokens: counted.input_tokens,
        total_output_tokens: counted.output_tokens,
        calls: used.calls,
        input_tokens: used.input_tokens,
        output_tokens: used.output_tokens,
        lines: Json(lines),
        currency: total.currency,
        amount_minor: total.minor,
        hash: String::new(),
        order_id: None,
    };
    new.hash = seal(&new);
    Ok(rows::insert(tx, on_behalf(row.organization_id), &new).await?)
}

/// Closes what was used of a subscription that is to end, and returns what is due for it.
pub(crate) async fn due_at_end(tx: &mut Tx, row: &SubscriptionRow, now: Timestamp) -> Result<Money> {
    let plan = catalog::plan(tx, row.plan_id).await?.ok_or(Error::NotFound("plan"))?;
    if let Some(billing) = billings::get(tx, row.id).await? {
        close_before(tx, &billing, &plan, &plan, now).await?;
    }
    Ok(rows::owed(tx, row.id, row.currency).await?)
}

/// Closes what was used on a plan before another follows, or the same, where what is used costs something on either.
pub(crate) async fn close_before(
    tx: &mut Tx,
    row: &BillingRow,
    plan: &PlanView,
    next: &PlanView,
    now: Timestamp,
) -> Result<()> {
    if plan.whole_price().is_metered() || next.whole_price().is_metered() {
        close(tx, row, plan, now).await
    } else {
        Ok(())
    }
}

/// Returns what was counted since a statement; from the beginning where there is none.
fn since(last: Option<&StatementRow>, counted: Usage) -> Usage {
    counted.since(last.map(StatementRow::counted).unwrap_or_default())
}

/// Prices what was used.
fn bill(plan: &PlanView, used: Usage) -> Bill {
    pricing::bill(&plan.whole_price().metered(), used, false)
}

/// Returns the seal of a statement: SHA-256 over what it says, as JSON on one line.
fn seal(row: &StatementRow) -> String {
    let text = json!([
        row.id,
        row.subscription_id,
        row.number,
        row.plan_id,
        row.period_start,
        row.closed_at,
        [row.total_calls, row.total_input_tokens, row.total_output_tokens],
        [row.calls, row.input_tokens, row.output_tokens],
        row.lines.0,
        row.currency,
        row.amount_minor,
    ])
    .to_string();
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Returns what was used of a subscription and what it costs: what runs, and what was closed.
pub async fn usage_bill(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<UsageBill> {
    let missing = || Error::NotFound("subscription");
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = subscriptions::get(&mut tx, id, now.month_start()).await?.ok_or_else(missing)?;
    who.member(row.organization_id, Permission::View).map_err(|error| error.hiding("subscription"))?;
    let billing = billings::get(&mut tx, id).await?;
    let plan = catalog::plan(&mut tx, row.plan_id).await?.ok_or(Error::NotFound("plan"))?;
    let closed = rows::list(&mut tx, id, SHOWN).await?;
    let last = closed.first();
    let used = since(last, rows::counted(&mut tx, id).await?);
    let Bill { lines, total } = bill(&plan, used);
    let running = StatementView {
        number: 0,
        plan: plan.name.clone(),
        from: last.map_or(row.created_at, |last| last.closed_at),
        until: now,
        lines,
        amount: total,
        order_id: None,
        hash: String::new(),
    };
    let next = match &billing {
        Some(billing) if billing.renewal_order_id.is_none() && !billing.cancel_at_period_end => {
            let next = match billing.next_plan_id {
                Some(next) => catalog::plan(&mut tx, next).await?.ok_or(Error::NotFound("plan"))?,
                None => plan,
            };
            let owed = rows::owed(&mut tx, id, next.price.currency).await?;
            Some((Money::new(next.price.minor + owed.minor, owed.currency), billing.period_end))
        }
        _ => None,
    };
    Ok(UsageBill {
        subscription_id: id,
        organization_id: row.organization_id,
        subscription_name: row.name,
        running,
        next,
        closed: closed.into_iter().map(view).collect(),
    })
}

pub(super) fn view(row: StatementRow) -> StatementView {
    StatementView {
        number: row.number,
        plan: row.plan_name,
        from: row.period_start,
        until: row.closed_at,
        lines: row.lines.0,
        amount: Money::new(row.amount_minor, row.currency),
        order_id: row.order_id,
        hash: row.hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_another_one_for_another_amount() {
        let row = StatementRow {
            id: StatementId(uuid::Uuid::nil()),
            subscription_id: SubscriptionId(uuid::Uuid::nil()),
            organization_id: domain::OrganizationId(uuid::Uuid::nil()),
            provider_id: domain::OrganizationId(uuid::Uuid::nil()),
            number: 1,
            plan_id: domain::PlanId(uuid::Uuid::nil()),
            plan_name: String::new(),
            period_start: Timestamp(0),
            closed_at: Timestamp(1),
            total_calls: 5,
            total_input_tokens: 0,
            total_output_tokens: 0,
            calls: 5,
            input_tokens: 0,
            output_tokens: 0,
            lines: Json(Vec::new()),
            currency: domain::Currency::Usd,
            amount_minor: 500,
            hash: String::new(),
            order_id: None,
        };
        assert_eq!(seal(&row).len(), 64);
        assert_ne!(seal(&row), seal(&StatementRow { amount_minor: 501, ..row.clone() }));
        assert_ne!(seal(&row), seal(&StatementRow { total_calls: 6, ..row }));
    }
}
