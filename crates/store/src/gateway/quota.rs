//! A month's quota: what is used, and what is leased to running processes.

use domain::{OrganizationId, SubscriptionId, Timestamp};
use uuid::Uuid;

use crate::{Error, Tx};

/// Makes a month's quota row, if it is not there.
pub async fn open_period(
    tx: &mut Tx,
    organization: OrganizationId,
    subscription: SubscriptionId,
    month: Timestamp,
) -> Result<(), Error> {
    // A new month is a new row; nothing is ever set back to zero.
    tx.query(
        "INSERT INTO quota_periods (subscription_id, period_start, organization_id, used, leased) VALUES ($1, $2, $3, 0, 0)
         ON CONFLICT (subscription_id, period_start) DO NOTHING",
    )
    .bind(subscription)
    .bind(month)
    .bind(organization)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Returns how much of a month is used and leased.
pub async fn period(tx: &mut Tx, subscription: SubscriptionId, month: Timestamp) -> Result<(i64, i64), Error> {
    let row: Option<(i64, i64)> = tx
        .query("SELECT used, leased FROM quota_periods WHERE subscription_id = $1 AND period_start = $2")
        .bind(subscription)
        .bind(month)
        .fetch_optional()
        .await?;
    Ok(row.unwrap_or((0, 0)))
}

/// Calls of a month that a process may spend.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Which lease.
    pub id: Uuid,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// Of which month.
    pub month: Timestamp,
    /// Which process.
    pub replica: Uuid,
    /// How many.
    pub amount: i64,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Leases calls of a month, if so many are left under `limit`; tells whether they were.
pub async fn lease(tx: &mut Tx, lease: &Lease, limit: i64) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE quota_periods SET leased = leased + $3
             WHERE subscription_id = $1 AND period_start = $2 AND used + leased + $3 <= $4",
        )
        .bind(lease.subscription)
        .bind(lease.month)
        .bind(lease.amount)
        .bind(limit)
        .execute()
        .await?;
    if done.affected != 1 {
        return Ok(false);
    }
    tx.query(
        "INSERT INTO quota_leases (id, subscription_id, period_start, organization_id, replica, amount, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(lease.id)
    .bind(lease.subscription)
    .bind(lease.month)
    .bind(lease.organization)
    .bind(lease.replica)
    .bind(lease.amount)
    .bind(lease.expires_at)
    .execute()
    .await?
    .exactly_one()?;
    Ok(true)
}

/// Counts calls of a month: out of a lease as far as that is still there, beside it otherwise.
pub async fn settle(
    tx: &mut Tx,
    subscription: SubscriptionId,
    month: Timestamp,
    lease: Option<Uuid>,
    calls: i64,
) -> Result<(), Error> {
    let leased = match lease {
        Some(lease) => take(tx, lease, calls).await?,
        None => 0,
    };
    tx.query("UPDATE quota_periods SET used = used + $3, leased = leased - $4 WHERE subscription_id = $1 AND period_start = $2")
        .bind(subscription)
        .bind(month)
        .bind(calls)
        .bind(leased)
        .execute()
        .await?
        .exactly_one()
}

/// Gives calls of a lease back to its month: they were not made.
pub async fn return_units(
    tx: &mut Tx,
    subscription: SubscriptionId,
    month: Timestamp,
    lease: Uuid,
    calls: i64,
) -> Result<(), Error> {
    let returned = take(tx, lease, calls).await?;
    tx.query("UPDATE quota_periods SET leased = leased - $3 WHERE subscription_id = $1 AND period_start = $2")
        .bind(subscription)
        .bind(month)
        .bind(returned)
        .execute()
        .await?
        .exactly_one()
}

/// Takes as many calls out of a lease as it still has; returns how many.
async fn take(tx: &mut Tx, lease: Uuid, calls: i64) -> Result<i64, Error> {
    let done = tx
        .query("UPDATE quota_leases SET amount = amount - $2 WHERE id = $1 AND amount >= $2")
        .bind(lease)
        .bind(calls)
        .execute()
        .await?;
    if done.affected == 1 {
        return Ok(calls);
    }
    let row: Option<(i64,)> =
        tx.query("SELECT amount FROM quota_leases WHERE id = $1").bind(lease).fetch_optional().await?;
    let Some((left,)) = row else { return Ok(0) };
    let left = left.min(calls);
    let done = tx
        .query("UPDATE quota_leases SET amount = amount - $2 WHERE id = $1 AND amount >= $2")
        .bind(lease)
        .bind(left)
        .execute()
        .await?;
    Ok(if done.affected == 1 { left } else { 0 })
}

/// A lease.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct LeaseRow {
    /// Which.
    pub id: Uuid,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// Of which month.
    pub period_start: Timestamp,
}

/// Lists leases that have expired.
pub async fn expired_leases(tx: &mut Tx, now: Timestamp) -> Result<Vec<LeaseRow>, Error> {
    tx.query("SELECT id, subscription_id, period_start FROM quota_leases WHERE expires_at <= $1 LIMIT 1000")
        .bind(now)
        .fetch_all()
        .await
}

/// Lists the leases that a process holds.
pub async fn leases_of(tx: &mut Tx, replica: Uuid) -> Result<Vec<LeaseRow>, Error> {
    tx.query("SELECT id, subscription_id, period_start FROM quota_leases WHERE replica = $1")
        .bind(replica)
        .fetch_all()
        .await
}

/// Ends a lease and gives what is left of it back to its month.
pub async fn end_lease(tx: &mut Tx, lease: &LeaseRow) -> Result<(), Error> {
    let row: Option<(i64,)> =
        tx.query("DELETE FROM quota_leases WHERE id = $1 RETURNING amount").bind(lease.id).fetch_optional().await?;
    let Some((amount,)) = row else { return Ok(()) };
    tx.query("UPDATE quota_periods SET leased = leased - $3 WHERE subscription_id = $1 AND period_start = $2")
        .bind(lease.subscription_id)
        .bind(lease.period_start)
        .bind(amount)
        .execute()
        .await?
        .exactly_one()
}
