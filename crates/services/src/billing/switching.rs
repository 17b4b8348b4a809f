//! Another plan in the middle of a month: what it costs now, before and while it is ordered.

use domain::pricing::{self, Switch};
use domain::view::money::PlanChange;
use domain::{Money, Permission, SubscriptionId, Timestamp};
use store::subscriptions::{self as rows, SubscriptionRow};
use store::{Scope, billings, catalog};

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// Works out what each other plan of a subscription costs now: what is charged if it is ordered today.
pub async fn changes(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<Vec<PlanChange>> {
    let missing = || Error::NotFound("subscription");
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::get(&mut tx, id, now.month_start()).await?.ok_or_else(missing)?;
    who.member(row.organization_id, Permission::View).map_err(|error| error.hiding("subscription"))?;
    let period = billings::get(&mut tx, id).await?.map(|row| (row.period_start, row.period_end));
    let plans = catalog::plans(&mut tx, row.offering_id).await?;
    Ok(plans
        .into_iter()
        .filter(|plan| !plan.archived && plan.id != row.plan_id && plan.price.currency == row.currency)
        .map(|plan| {
            let Switch { credit, debit } = worked_out(&row, plan.price, period, now);
            PlanChange {
                now: charged(&row, plan.price, period, now),
                plan_id: plan.id,
                name: plan.name,
                price: plan.price,
                credit,
                debit,
            }
        })
        .collect())
}

/// Returns what is charged for a plan that is ordered now: nothing for a cheaper one.
pub(crate) fn charged(
    row: &SubscriptionRow,
    price: Money,
    period: Option<(Timestamp, Timestamp)>,
    now: Timestamp,
) -> Money {
    let due = if price.minor > row.price_minor { worked_out(row, price, period, now).due().minor.max(0) } else { 0 };
    Money::new(due, price.currency)
}

/// Works out a switch. Days are not divided, so that what is shown is what is charged all day long: the new plan is
/// paid from the beginning of this day on, and the old one is given back from there.
fn worked_out(row: &SubscriptionRow, price: Money, period: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Switch {
    let old = Money::new(row.price_minor, row.currency);
    // A subscription without a period is one that was not set up: it has paid for nothing yet.
    let period = period.unwrap_or((now, now.plus_months(1)));
    pricing::switch(old, price, period, now.day().start())
}
