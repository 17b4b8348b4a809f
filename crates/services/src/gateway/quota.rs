//! Limits on a month's calls: a plan's quota, and the caps that an organization sets. Leased from the database in
//! lots, spent in memory, exact at the end.
//!
//! A lot is an eighth of what is left, one call when little is, so that the last call is admitted
//! once however many ask and however many processes there are. What a newcomer gets wrong: a call
//! that runs still belongs to its lots, so only what nobody holds may go back early.

use std::sync::Arc;

use dashmap::DashMap;
use domain::view::cap::CapScope;
use domain::{OrganizationId, Timestamp};
use store::{Scope, Tx, gateway as rows};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::GatewayError;
use super::known::{Agent, KnownKey};
use crate::clock::fresh_id;
use crate::ctx::Ctx;

/// How long a lot may be spent.
const SPENT_SECONDS: i64 = 240;
/// How long after the longest run a lot's calls are certainly settled.
const SETTLED_SECONDS: i64 = 60;
/// The largest lot.
const LARGEST: i64 = 256;

/// The lots that this process holds, by what they are of.
#[derive(Debug, Default)]
pub(crate) struct Quotas(DashMap<Uuid, Arc<Mutex<Lot>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Lot {
    month: i64,
    /// Nothing before the first.
    lease: Option<Uuid>,
    /// Calls that nobody holds.
    left: i64,
    spent_until: i64,
    limit: i64,
}

/// One call of each limit that holds for it, held by a call that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) month: Timestamp,
    /// What it is of, and out of which lease.
    held: [Option<(Uuid, Uuid)>; 3],
}

impl Ticket {
    /// Returns the lease that the call holds of a subscription, an organization or a key.
    pub(crate) fn lease(&self, scope: Uuid) -> Option<Uuid> {
        self.held.iter().flatten().find(|held| held.0 == scope).map(|held| held.1)
    }
}

/// A limit on a month's calls.
#[derive(Clone, Copy, Debug)]
struct Limit {
    of: Uuid,
    calls: i64,
    /// Whose cap it is; nothing for a plan's quota.
    cap: Option<CapScope>,
}

impl Limit {
    fn reached(self, month: Timestamp, now: Timestamp) -> GatewayError {
        let reset = month.next_month_start();
        let (calls, day) = (self.calls, reset.day().iso());
        let (code, text) = match self.cap {
            None => (
                "quota_exceeded",
                format!(
                    "The plan’s {calls} calls of this month are used up. The next month begins on {day}; a larger plan helps now."
                ),
            ),
            Some(scope) => {
                let whose = match scope {
                    CapScope::Organization => "all agents of this organization",
                    CapScope::Subscription => "this subscription",
                    CapScope::Key => "this key",
                };
                (
                    "cap_reached",
                    format!(
                        "The {calls} calls a month that the organization allows for {whose} are used up. The next month begins on {day}; an owner or admin can allow more."
                    ),
                )
            }
        };
        GatewayError::new(402, code, text).after(reset.seconds() - now.seconds())
    }
}

/// Lists the limits that hold for a call, those of few calls first: its key's, its subscription's, its organization's.
fn limits(agent: &Agent, key: Option<&KnownKey>) -> [Option<Limit>; 3] {
    let cap = |of: Uuid, calls: Option<i64>, scope: CapScope| calls.map(|calls| Limit { of, calls, cap: Some(scope) });
    let subscription = agent.subscription_id.0;
    let plan = agent.monthly_quota.map(|calls| Limit { of: subscription, calls, cap: None });
    let own = cap(subscription, agent.subscription_cap, CapScope::Subscription);
    [
        key.and_then(|key| cap(key.view.id.0, key.view.cap, CapScope::Key)),
        [plan, own].into_iter().flatten().min_by_key(|limit| limit.calls),
        cap(agent.organization_id.0, agent.organization_cap, CapScope::Organization),
    ]
}

/// Takes one call out of each limit that holds for it.
pub(crate) async fn reserve(
    ctx: &Ctx,
    agent: &Agent,
    key: Option<&KnownKey>,
    now: Timestamp,
) -> Result<Ticket, GatewayError> {
    let mut ticket = Ticket { month: now.month_start(), held: [None; 3] };
    for (place, limit) in limits(agent, key).into_iter().enumerate() {
        let Some(limit) = limit else { continue };
        match take(ctx, agent.organization_id, limit, ticket.month, now).await {
            Ok(lease) => ticket.held[place] = Some((limit.of, lease)),
            Err(error) => {
                put_back(ctx, &ticket).await;
                return Err(error);
            }
        }
    }
    Ok(ticket)
}

/// Tells whether a call would be admitted, as far as limits on a month's calls go.
pub(super) async fn has_room(
    tx: &mut Tx,
    agent: &Agent,
    key: Option<&KnownKey>,
    month: Timestamp,
) -> Result<bool, GatewayError> {
    for limit in limits(agent, key).into_iter().flatten() {
        if rows::period(tx, limit.of, month).await?.0 >= limit.calls {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes one call out of a limit; returns the lease that it is of.
async fn take(
    ctx: &Ctx,
    organization: OrganizationId,
    limit: Limit,
    month: Timestamp,
    now: Timestamp,
) -> Result<Uuid, GatewayError> {
    let lot = ctx.gateway.quota.0.entry(limit.of).or_default().clone();
    let mut lot = lot.lock().await;
    if lot.month != month.0 || lot.limit != limit.calls || lot.spent_until <= now.0 {
        if let (Some(lease), true) = (lot.lease, lot.left > 0) {
            return_units(ctx, limit.of, Timestamp(lot.month), lease, lot.left).await?;
        }
        *lot = Lot::default();
    }
    let lease = match lot.lease {
        Some(lease) if lot.left > 0 => lease,
        _ => {
            let (lease, amount) =
                take_lot(ctx, organization, limit, month, now).await?.ok_or_else(|| limit.reached(month, now))?;
            *lot = Lot {
                month: month.0,
                lease: Some(lease),
                left: amount,
                spent_until: now.plus_seconds(SPENT_SECONDS).0,
                limit: limit.calls,
            };
            lease
        }
    };
    lot.left -= 1;
    Ok(lease)
}

async fn take_lot(
    ctx: &Ctx,
    organization: OrganizationId,
    limit: Limit,
    month: Timestamp,
    now: Timestamp,
) -> Result<Option<(Uuid, i64)>, GatewayError> {
    let longest = i64::try_from(ctx.settings.run_timeout.as_secs()).unwrap_or(600);
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::open_period(&mut tx, organization, limit.of, month).await?;
    let (used, leased) = rows::period(&mut tx, limit.of, month).await?;
    let mut lease = rows::Lease {
        id: fresh_id(),
        organization,
        scope: limit.of,
        month,
        replica: ctx.gateway.replica,
        amount: ((limit.calls - used - leased) / 8).clamp(1, LARGEST),
        expires_at: now.plus_seconds(SPENT_SECONDS + longest + SETTLED_SECONDS),
    };
    let mut granted = rows::lease(&mut tx, &lease, limit.calls).await?;
    if !granted && lease.amount > 1 {
        // Another process took some in between.
        lease.amount = 1;
        granted = rows::lease(&mut tx, &lease, limit.calls).await?;
    }
    tx.commit().await?;
    Ok(granted.then_some((lease.id, lease.amount)))
}

/// Puts a call back that was refused or failed, and so costs nothing.
pub(crate) async fn put_back(ctx: &Ctx, ticket: &Ticket) {
    for &(scope, lease) in ticket.held.iter().flatten() {
        let lot = ctx.gateway.quota.0.get(&scope).map(|lot| lot.clone());
        if let Some(lot) = lot {
            let mut lot = lot.lock().await;
            if lot.lease == Some(lease) {
                lot.left += 1;
                continue;
            }
        }
        // Its lot is no longer spent here, so the call goes back to the month itself.
        if let Err(error) = return_units(ctx, scope, ticket.month, lease, 1).await {
            tracing::warn!(%error, "a call could not be put back; it returns when its lease expires");
        }
    }
}

async fn return_units(ctx: &Ctx, scope: Uuid, month: Timestamp, lease: Uuid, calls: i64) -> Result<(), GatewayError> {
    let mut tx = ctx.store.write(Scope::System).await?;
    rows::return_units(&mut tx, scope, month, lease, calls).await?;
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
    let mut tx = ctx.store.read(Scope::System).await?;
    let expired = rows::expired_leases(&mut tx, now).await?;
    drop(tx);
    for lease in expired {
        // Each by itself: whoever settles takes leases first and months after them.
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::end_lease(&mut tx, &lease).await?;
        tx.commit().await?;
    }
    Ok(())
}
