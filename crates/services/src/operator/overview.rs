//! The operator's first page.

use domain::{Day, view::operator::AdminOverview};
use store::{Scope, figures, jobs};

use crate::{Ctx, Principal, Result};

/// How many days the trend shows.
const DAYS: i64 = 30;

/// Returns the operator's first page.
pub async fn overview(ctx: &Ctx, who: &Principal) -> Result<AdminOverview> {
    who.operator()?;
    let now = ctx.now();
    let first = Day(now.day().0 - DAYS + 1);
    let mut tx = ctx.store.read(Scope::System).await?;
    let totals = figures::totals(&mut tx, now.plus_days(-1)).await?;
    let revenue = figures::money(&mut tx, None, now.month_start(), now.next_month_start()).await?;
    let orders = figures::orders(&mut tx).await?;
    let used = figures::calls(&mut tx, first).await?;
    let (jobs_waiting, jobs_dead) = jobs::counts(&mut tx).await?;
    Ok(AdminOverview {
        applications: totals.applications,
        submissions: totals.submissions,
        users: totals.users,
        organizations: totals.organizations,
        subscriptions: totals.subscriptions,
        offerings: totals.offerings,
        calls: totals.calls,
        failed: totals.failed,
        revenue,
        orders,
        jobs_waiting,
        jobs_dead,
        trend: trend(&used, first, DAYS),
    })
}

/// Returns answered calls by day, with the days in that had none.
pub(crate) fn trend(used: &[(Day, i64, i64)], first: Day, days: i64) -> Vec<(String, i64)> {
    (first.0..first.0 + days)
        .map(Day)
        .map(|day| {
            let calls = used.iter().find(|(of, ..)| *of == day).map_or(0, |(_, calls, _)| *calls);
            (day.iso(), calls)
        })
        .collect()
}
