//! The month's quota: leased from the database in lots, spent in memory, exact at the end.
//!
//! A lot is an eighth of what is left, one call when little is, so that the last call is admitted
//! once however many ask and however many processes there are. A lot that its process does not
//! spend expires and goes back.

use std::sync::Arc;

use dashmap::DashMap;
use domain::{SubscriptionId, Timestamp};
use store::gateway::ConfigSnapshot;
use store::{Scope, gateway as rows};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::GatewayError;
use crate::clock::fresh_id;
use crate::ctx::Ctx;

/// How long a lot may be spent.
const LEASE_SECONDS: i64 = 300;
/// A lot is not spent in its last seconds, so that a call ends before it expires.
const MARGIN_SECONDS: i64 = 60;

/// The lots that this process holds.
#[derive(Debug, Default)]
pub(crate) struct Quotas(DashMap<SubscriptionId, Arc<Mutex<Lot>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Lot {
    month: i64,
    /// Nothing without a limit.
    lease: Option<Uuid>,
    left: i64,
    expires_at: i64,
    limit: Option<i64>,
}

/// One call of a month's quota, held by a call that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) month: Timestamp,
    pub(crate) lease: Option<Uuid>,
}

/// Takes one call out of the month's quota.
pub(crate) async fn reserve(ctx: &Ctx, config: &ConfigSnapshot, now: Timestamp) -> Result<Ticket, GatewayError> {
    let month = now.month_start();
    let lot = ctx.gateway.quota.0.entry(config.subscription_id).or_default().clone();
    let mut lot = lot.lock().await;
    let stale = lot.month != month.0 || lot.limit != config.monthly_quota || lot.expires_at <= now.0;
    if stale {
        // What is left of the old lot goes back when it expires, or now if a plan has changed.
        if let (Some(lease), true) = (lot.lease, lot.left > 0) {
            give_back(ctx, lease, config.subscription_id, lot.month).await?;
        }
        *lot = Lot { month: month.0, limit: config.monthly_quota, ..Lot::default() };
    }
    let Some(limit) = config.monthly_quota else {
        if stale || lot.expires_at == 0 {
            let mut tx = ctx.store.write(Scope::System).await?;
            rows::open_period(&mut tx, config.organization_id, config.subscription_id, month).await?;
            tx.commit().await?;
            lot.expires_at = i64::MAX;
        }
        return Ok(Ticket { month, lease: None });
    };
    if lot.left == 0 {
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::open_period(&mut tx, config.organization_id, config.subscription_id, month).await?;
        let (used, leased) = rows::period(&mut tx, config.subscription_id, month).await?;
        let free = limit - used - leased;
        let amount = (free / 8).clamp(1, 256);
        let lease = fresh_id();
        let expires_at = now.plus_seconds(LEASE_SECONDS);
        let granted = rows::lease(
            &mut tx,
            lease,
            config.organization_id,
            config.subscription_id,
            month,
            ctx.gateway.replica,
            amount,
            limit,
            expires_at,
        )
        .await?;
        if !granted {
            let reset = month.next_month_start();
            let seconds = reset.seconds() - now.seconds();
            return Err(GatewayError::new(
                402,
                "quota_exceeded",
                format!("The plan’s {limit} calls of this month are used up. The next month begins on {}; a larger plan helps now.", reset.day()),
            )
            .after(seconds));
        }
        tx.commit().await?;
        *lot = Lot {
            month: month.0,
            lease: Some(lease),
            left: amount,
            expires_at: expires_at.plus_seconds(-MARGIN_SECONDS).0,
            limit: config.monthly_quota,
        };
    }
    lot.left -= 1;
    Ok(Ticket { month, lease: lot.lease })
}

/// Puts a call back that failed and so costs nothing.
pub(crate) async fn put_back(ctx: &Ctx, subscription: SubscriptionId, ticket: &Ticket) {
    let Some(lot) = ctx.gateway.quota.0.get(&subscription).map(|lot| lot.clone()) else { return };
    let mut lot = lot.lock().await;
    // The call of a lot that is gone goes back to its month when that lease ends.
    if lot.lease.is_some() && lot.lease == ticket.lease && lot.month == ticket.month.0 {
        lot.left += 1;
    }
}

async fn give_back(ctx: &Ctx, lease: Uuid, subscription: SubscriptionId, month: i64) -> Result<(), GatewayError> {
    let mut tx = ctx.store.write(Scope::System).await?;
    let ours = rows::leases(&mut tx, Timestamp(i64::MIN), Some(ctx.gateway.replica)).await?;
    // Calls that still run settle beside a lease that is gone.
    for row in ours.iter().filter(|row| row.id == lease && row.subscription_id == subscription && row.period_start.0 == month) {
        rows::end_lease(&mut tx, row).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Gives back everything that this process holds, when it ends.
pub(crate) async fn give_back_all(ctx: &Ctx) -> crate::Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    for lease in rows::leases(&mut tx, Timestamp(i64::MIN), Some(ctx.gateway.replica)).await? {
        rows::end_lease(&mut tx, &lease).await?;
    }
    tx.commit().await?;
    Ok(())
}
