//! A month's calls: what is used, and what is leased to running processes.
//!
//! They are counted of a subscription, of its organization and of the key that they were made with, each by
//! itself; the id of any of them is a *scope* here.

use domain::{OrganizationId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Either, Error, Json, Tx};

/// Makes a month's row of a scope, if it is not there.
pub async fn open_period(
    tx: &mut Tx,
    organization: OrganizationId,
    scope: Uuid,
    month: Timestamp,
) -> Result<(), Error> {
    // A new month is a new row; nothing is ever set back to zero.
    tx.query(
        "INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased) VALUES ($1, $2, $3, 0, 0)
         ON CONFLICT (scope_id, period_start) DO NOTHING",
    )
    .bind(scope)
    .bind(month)
    .bind(organization)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Returns how much of a month is used and leased.
pub async fn period(tx: &mut Tx, scope: Uuid, month: Timestamp) -> Result<(i64, i64), Error> {
    let row: Option<(i64, i64)> = tx
        .query("SELECT used, leased FROM quota_periods WHERE scope_id = $1 AND period_start = $2")
        .bind(scope)
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
    /// Of which scope.
    pub scope: Uuid,
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
             WHERE scope_id = $1 AND period_start = $2 AND used + leased + $3 <= $4",
        )
        .bind(lease.scope)
        .bind(lease.month)
        .bind(lease.amount)
        .bind(limit)
        .execute()
        .await?;
    if done.affected != 1 {
        return Ok(false);
    }
    tx.query(
        "INSERT INTO quota_leases (id, scope_id, period_start, organization_id, replica, amount, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(lease.id)
    .bind(lease.scope)
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

/// Calls that were made.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Of which scope.
    pub scope: Uuid,
    /// Of which month.
    pub month: Timestamp,
    /// Whose.
    pub organization: OrganizationId,
    /// Out of which lease; nothing where the scope has no limit.
    pub lease: Option<Uuid>,
    /// How many.
    pub calls: i64,
}

/// Counts calls: out of their leases as far as those are still there, beside them otherwise. They come ordered
/// by scope and month, so that two processes never wait for each other in a circle.
pub async fn settle(tx: &mut Tx, made: &[Made]) -> Result<(), Error> {
    if made.is_empty() {
        return Ok(());
    }
    // A statement touches a row once, so what differs in its lease alone is added up.
    let mut sums: Vec<(Made, i64)> = Vec::with_capacity(made.len());
    for &row in made {
        let leased = match row.lease {
            Some(lease) => take(tx, lease, row.calls).await?,
            None => 0,
        };
        match sums.last_mut() {
            Some((sum, out)) if (sum.scope, sum.month) == (row.scope, row.month) => {
                sum.calls += row.calls;
                *out += leased;
            }
            _ => sums.push((row, leased)),
        }
    }
    let rows: Vec<Value> = sums
        .iter()
        .map(|(sum, leased)| {
            json!({"scope": sum.scope.simple(), "month": sum.month.0, "organization": sum.organization,
                   "calls": sum.calls, "leased": leased})
        })
        .collect();
    tx.query_either(Either {
        sqlite: "INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
                 SELECT unhex(value ->> 'scope'), value ->> 'month', unhex(value ->> 'organization'), value ->> 'calls',
                        -(value ->> 'leased')
                 FROM json_each($1) WHERE true
                 ON CONFLICT (scope_id, period_start) DO UPDATE
                 SET used = used + excluded.used, leased = leased + excluded.leased",
        postgres: "INSERT INTO quota_periods (scope_id, period_start, organization_id, used, leased)
                   SELECT r.scope, r.month, r.organization, r.calls, -r.leased
                   FROM jsonb_to_recordset($1)
                        AS r (scope UUID, month BIGINT, organization UUID, calls BIGINT, leased BIGINT)
                   ORDER BY r.scope, r.month
                   ON CONFLICT (scope_id, period_start) DO UPDATE
                   SET used = quota_periods.used + excluded.used, leased = quota_periods.leased + excluded.leased",
    })
    .bind(Json(Value::Array(rows)))
    .execute()
    .await?
    .any();
    Ok(())
}

/// Gives calls of a lease back to its month: they were not made.
pub async fn return_units(tx: &mut Tx, scope: Uuid, month: Timestamp, lease: Uuid, calls: i64) -> Result<(), Error> {
    let returned = take(tx, lease, calls).await?;
    tx.query("UPDATE quota_periods SET leased = leased - $3 WHERE scope_id = $1 AND period_start = $2")
        .bind(scope)
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
    /// Of which scope.
    pub scope_id: Uuid,
    /// Of which month.
    pub period_start: Timestamp,
}

/// Lists leases that have expired.
pub async fn expired_leases(tx: &mut Tx, now: Timestamp) -> Result<Vec<LeaseRow>, Error> {
    tx.query(
        "SELECT id, scope_id, period_start FROM quota_leases WHERE expires_at <= $1 ORDER BY scope_id, id LIMIT 1000",
    )
    .bind(now)
    .fetch_all()
    .await
}

/// Lists the leases that a process holds.
pub async fn leases_of(tx: &mut Tx, replica: Uuid) -> Result<Vec<LeaseRow>, Error> {
    tx.query("SELECT id, scope_id, period_start FROM quota_leases WHERE replica = $1 ORDER BY scope_id, id")
        .bind(replica)
        .fetch_all()
        .await
}

/// Ends a lease and gives what is left of it back to its month.
pub async fn end_lease(tx: &mut Tx, lease: &LeaseRow) -> Result<(), Error> {
    let row: Option<(i64,)> =
        tx.query("DELETE FROM quota_leases WHERE id = $1 RETURNING amount").bind(lease.id).fetch_optional().await?;
    let Some((amount,)) = row else { return Ok(()) };
    tx.query("UPDATE quota_periods SET leased = leased - $3 WHERE scope_id = $1 AND period_start = $2")
        .bind(lease.scope_id)
        .bind(lease.period_start)
        .bind(amount)
        .execute()
        .await?
        .exactly_one()
}
