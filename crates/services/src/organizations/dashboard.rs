//! A buyer's first page.

use domain::view::Paging;
use domain::view::order::BuyerDashboard;
use domain::{Day, OrganizationId, Permission};
use store::figures;

use crate::access::Principal;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::operator::trend;
use crate::orders::{self, OrderFilter};
use crate::subscriptions::{self, SubscriptionFilter};

/// How many days the trend shows.
const DAYS: i64 = 30;
/// How many months of spending are shown.
const MONTHS: usize = 6;
/// How many of the newest orders and subscriptions are shown.
const SHOWN: i64 = 10;

/// Returns a buyer's first page. What was spent is for those who may see payments.
pub async fn dashboard(ctx: &Ctx, who: &Principal, id: OrganizationId) -> Result<BuyerDashboard> {
    let member = who.member(id, Permission::View)?;
    let now = ctx.now();
    let first = Day(now.day().0 - DAYS + 1);
    let month = now.month_start();

    let mut tx = ctx.store.read(member.tenant).await?;
    let agents = figures::live_agents(&mut tx, member.tenant).await?;
    let this_month = figures::calls_of(&mut tx, member.tenant, month.day()).await?;
    let last_days = figures::calls_of(&mut tx, member.tenant, first).await?;
    let mut spend_by_month = Vec::new();
    if who.member(id, Permission::ViewBilling).is_ok() {
        let (mut from, mut until) = (month, now.next_month_start());
        for _ in 0..MONTHS {
            let money = figures::money(&mut tx, Some(id), from, until).await?;
            let name: String = from.day().iso().chars().take(7).collect();
            spend_by_month.push((name, money));
            until = from;
            from = from.plus_seconds(-1).month_start();
        }
        spend_by_month.reverse();
    }
    drop(tx);

    let newest = Paging { page: 1, page_size: SHOWN };
    let filter = OrderFilter { organization: Some(id), ..OrderFilter::default() };
    let orders = orders::list(ctx, who, filter, newest).await?.rows;
    let filter = SubscriptionFilter { organization: Some(id), ..SubscriptionFilter::default() };
    let subscriptions = subscriptions::list(ctx, who, filter, newest).await?.rows;
    Ok(BuyerDashboard {
        agents,
        calls: this_month.iter().map(|(_, calls, _)| calls).sum(),
        failed: this_month.iter().map(|(_, _, failed)| failed).sum(),
        spend: spend_by_month.last().map(|(_, money)| money.clone()).unwrap_or_default(),
        spend_by_month,
        trend: trend(&last_days, first, DAYS),
        subscriptions,
        orders,
    })
}
