//! What a month would have cost on each plan.

use domain::pricing::{self, Usage};
use domain::view::catalog::PlanView;
use domain::view::money::{PlanCost, Simulation};
use domain::{Day, Money, Permission, SubscriptionId, Timestamp};
use store::Scope;
use store::{catalog, configs, gateway as calls, subscriptions as rows};

use crate::access::{Principal, on_behalf};
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// Works out what the last whole month of a subscription would have cost on each plan that can be ordered, and on
/// its own, cheapest first.
pub async fn simulate(ctx: &Ctx, who: &Principal, id: SubscriptionId) -> Result<Simulation> {
    let missing = || Error::NotFound("subscription");
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::get(&mut tx, id, now.month_start()).await?.ok_or_else(missing)?;
    who.member(row.organization_id, Permission::View).map_err(|error| error.hiding("subscription"))?;
    let until = now.month_start();
    let from = Timestamp(until.0 - 1).month_start();
    let used = match configs::of_subscription(&mut tx, id).await? {
        Some(config) => {
            let last = Day(until.day().0 - 1);
            let days = calls::usage_days(&mut tx, on_behalf(row.organization_id), config, from.day(), last).await?;
            Usage {
                calls: days.iter().map(|day| day.calls).sum(),
                input_tokens: days.iter().map(|day| day.input_tokens).sum(),
                output_tokens: days.iter().map(|day| day.output_tokens).sum(),
            }
        }
        None => Usage::default(),
    };
    let plans = catalog::plans(&mut tx, row.offering_id).await?;
    let mut costs: Vec<PlanCost> = plans
        .into_iter()
        .filter(|plan| plan.id == row.plan_id || (!plan.archived && plan.price.currency == row.currency))
        .map(|plan| PlanCost {
            total: monthly_cost(&plan, used),
            refused: plan.monthly_quota.map_or(0, |quota| (used.calls - quota).max(0)),
            yours: plan.id == row.plan_id,
            monthly_quota: plan.monthly_quota,
            plan_id: plan.id,
            name: plan.name,
        })
        .collect();
    costs.sort_by_key(|cost| (cost.total.minor, cost.refused));
    Ok(Simulation {
        subscription_id: id,
        organization_id: row.organization_id,
        subscription_name: row.name,
        month: from.day().iso()[..7].to_owned(),
        calls: used.calls,
        input_tokens: used.input_tokens,
        output_tokens: used.output_tokens,
        costs,
    })
}

/// Returns what a month with so much use costs; of what is paid by the year, a twelfth.
fn monthly_cost(plan: &PlanView, used: Usage) -> Money {
    let price = plan.whole_price();
    let fixed = price.fixed().minor / price.interval.months();
    Money::new(fixed + pricing::bill(&price.metered(), used, false).total.minor, price.currency)
}
