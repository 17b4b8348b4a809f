//! Another plan: what it costs now and from when it holds, before and while it is ordered.

use domain::pricing::{self, Switch};
use domain::state::Entitlement;
use domain::view::catalog::PlanView;
use domain::view::money::PlanChange;
use domain::{Money, Permission, SubscriptionId, Timestamp};
use store::billings::BillingRow;
use store::subscriptions::{self as rows, SubscriptionRow};
use store::{Scope, billings, catalog};

use super::decide;
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
    let period = billings::get(&mut tx, id).await?;
    let plans = catalog::plans(&mut tx, row.offering_id).await?;
    Ok(plans
        .into_iter()
        .filter(|plan| !plan.archived && plan.id != row.plan_id && plan.price.currency == row.currency)
        .map(|plan| {
            let Worked { due, from, switch } = worked_out(&row, &plan, period.as_ref(), now);
            PlanChange {
                now: due,
                plan_id: plan.id,
                name: plan.name,
                price: plan.price,
                interval: plan.interval,
                from,
                credit: switch.credit,
                debit: switch.debit,
            }
        })
        .collect())
}

/// Takes back that a subscription goes on with another plan.
pub async fn keep_plan(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<()> {
    decide(ctx, who, id, "subscription.keep", |row| BillingRow { next_plan_id: None, ..row }).await
}

/// What a switch of plans comes to.
pub(crate) struct Worked {
    /// What is charged now.
    pub(crate) due: Money,
    /// When it holds from, where not at once.
    pub(crate) from: Option<Timestamp>,
    /// What goes back of the old plan, and what the rest of the period costs on the new one.
    pub(crate) switch: Switch,
}

/// Works out a switch. Days are not divided, so that what is shown is what is charged all day long: the new plan is
/// paid from the beginning of this day on, and the old one is given back from there.
pub(crate) fn worked_out(
    row: &SubscriptionRow,
    plan: &PlanView,
    period: Option<&BillingRow>,
    now: Timestamp,
) -> Worked {
    let nothing = Money::new(0, plan.price.currency);
    let none = Switch { credit: nothing, debit: nothing };
    // A subscription without a period is one that was not set up: it has paid for nothing yet.
    let Some(period) = period.filter(|period| period.entitlement != Entitlement::Ended) else {
        return Worked { due: nothing, from: None, switch: none };
    };
    // While it is tried, and while it costs nothing, another plan holds at once and is paid with the first period.
    if period.periods == 0 {
        return Worked { due: nothing, from: None, switch: none };
    }
    if plan.interval != row.pay_interval || plan.price.minor < row.price_minor {
        return Worked { due: nothing, from: Some(period.period_end), switch: none };
    }
    let old = Money::new(row.price_minor, row.currency);
    let switch = pricing::switch(old, plan.price, (period.period_start, period.period_end), now.day().start());
    Worked { due: Money::new(switch.due().minor.max(0), plan.price.currency), from: None, switch }
}
