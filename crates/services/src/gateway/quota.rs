//! The month's quota: leased from the database in lots, spent in memory, exact at the end.
//!
//! A lot is an eighth of what is left, one call when little is, so that the last call is admitted
//! once however many ask and however many processes there are. What a newcomer gets wrong: a call
//! that runs still belongs to its lot, so only what nobody holds may go back early.

use std::sync::Arc;

use dashmap::DashMap;
use domain::{SubscriptionId, Timestamp};
use store::{Scope, gateway as rows};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::GatewayError;
use super::known::Agent;
use crate::clock::fresh_id;
use crate::ctx::Ctx;

/// How long a lot may be spent.
const SPENT_SECONDS: i64 = 240;
/// How long after the longest run a lot's calls are certainly settled.
const SETTLED_SECONDS: i64 = 60;
/// The largest lot.
const LARGEST: i64 = 256;

/// The lots that this process holds.
#[derive(Debug, Default)]
pub(crate) struct Quotas(DashMap<SubscriptionId, Arc<Mutex<Lot>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Lot {
    month: i64,
    /// Nothing without a limit.
    lease: Option<Uuid>,
    /// Calls that nobody holds.
    left: i64,
    spent_until: i64,
    limit: Option<i64>,
}

/// One call of a month's quota, held by a call that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) month: Timestamp,
    pub(crate) lease: Option<Uuid>,
}

/// Takes one call out of the month's quota.
pub(crate) async fn reserve(ctx: &Ctx, agent: &Agent, now: Timestamp) -> Result<Ticket, GatewayError> {
    let month = now.month_start();
    let lot = ctx.gateway.quota.0.entry(agent.subscription_id).or_default().clone();
    let mut lot = lot.lock().await;
    let limit = agent.monthly_quota;
    if lot.month != month.0 || lot.limit != limit || lot.spent_until <= now.0 {
        if let (Some(lease), true) = (lot.lease, lot.left > 0) {
            return_units(ctx, agent.subscription_id, Timestamp(lot.month), lease, lot.left).await?;
        }
        *lot = Lot { month: month.0, limit, spent_until: i64::MAX, ..Lot::default() };
        if limit.is_none() {
            let mut tx = ctx.store.write(Scope::System).await?;
            rows::open_period(&mut tx, agent.organization_id, agent.subscription_id, month).await?;
            tx.commit().await?;
        }
    }
    let Some(limit) = limit else {
        return Ok(Ticket { month, lease: None });
    };
    if lot.left == 0 {
        let Some((lease, amount)) = take_lot(ctx, agent, month, limit, now).await? else {
            let reset = month.next_month_start();
            let text = format!(
                "The plan’s {limit} calls of this month are used up. The next month begins on {}; a larger plan helps now.",
                reset.day().iso()
            );
            return Err(GatewayError::new(402, "quota_exceeded", text).after(reset.seconds() - now.seconds()));
        };
        *lot = Lot {
            month: month.0,
            lease: Some(lease),
            left: amount,
            spent_until: now.plus_seconds(SPENT_SECONDS).0,
            limit: Some(limit),
        };
    }
    lot.left -= 1;
    Ok(Ticket { month, lease: lot.lease })
}

async fn take_lot(
    ctx: &Ctx,
    agent: &Agent,
    month: Timestamp,
    limit: i64,
    now: Timestamp,
) -> Result<Option<(Uuid, i64)>, GatewayError> {
    let longest = i64::try_from(ctx.settings.run_timeout.as_secs()).unwrap_or(600);
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::open_period(&mut tx, agent.organization_id, agent.subscription_id, month).await?;
    let (used, leased) = rows::period(&mut tx, agent.subscription_id, month).await?;
    let mut lease = rows::Lease {
        id: fresh_id(),
        organization: agent.organization_id,
        subscription: agent.subscription_id,
        month,
        replica: ctx.gateway.replica,
        amount: ((limit - used - leased) / 8).clamp(1, LARGEST),
        expires_at: now.plus_seconds(SPENT_SECONDS + longest + SETTLED_SECONDS),
    };
    let mut granted = rows::lease(&mut tx, &lease, limit).await?;
    if !granted && lease.amount > 1 {
        // Another process took some in between.
        lease.amount = 1;
        granted = rows::lease(&mut tx, &lease, limit).await?;
    }
    tx.commit().await?;
    Ok(granted.then_some((lease.id, lease.amount)))
}

/// Puts a call back that failed and so costs nothing.
pub(crate) async fn put_back(ctx: &Ctx, subscription: SubscriptionId, ticket: &Ticket) {
    let Some(lease) = ticket.lease else { return };
    let lot = ctx.gateway.quota.0.get(&subscription).map(|lot| lot.clone());
    if let Some(lot) = lot {
        let mut lot = lot.lock().await;
        if lot.lease == Some(lease) {
            lot.left += 1;
            return;
        }
    }
    // Its lot is no longer spent here, so the call goes back to the month itself.
    if let Err(error) = return_units(ctx, subscription, ticket.month, lease, 1).await {
        tracing::warn!(%error, "a call could not be put back; it returns when its lease expires");
    }
}

async fn return_units(
    ctx: &Ctx,
    subscription: SubscriptionId,
    month: Timestamp,
    lease: Uuid,
    calls: i64,
) -> Result<(), GatewayError> {
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::return_units(&mut tx, subscription, month, lease, calls).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives back everything that this process holds, when it ends.
pub(crate) async fn give_back_all(ctx: &Ctx) -> crate::Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    for lease in rows::leases_of(&mut tx, ctx.gateway.replica).await? {
        rows::end_lease(&mut tx, &lease).await?;
    }
    tx.commit().await?;
    ctx.gateway.quota.0.clear();
    Ok(())
}

/// Gives back what processes that died had leased.
pub(crate) async fn sweep(ctx: &Ctx, now: Timestamp) -> crate::Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    for lease in rows::expired_leases(&mut tx, now).await? {
        rows::end_lease(&mut tx, &lease).await?;
    }
    tx.commit().await?;
    Ok(())
}
