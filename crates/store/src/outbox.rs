//! What a payment company is asked to do, who it knows our buyers as, and until when it was asked what has happened.
//!
//! An operation is written before it is sent, so that it can be sent again as it was. It is begun anew, with other
//! bytes under another key, only by whoever has seen that nothing came of it.

use domain::{Currency, OrganizationId, Timestamp};
use serde_json::Value;

use crate::{Error, Json, Tenant, Tx};

/// Something that a payment company is asked to do.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct OperationRow {
    /// What.
    pub operation: String,
    /// How often it was begun anew.
    pub generation: i64,
    /// Path and form.
    pub call: Json<Value>,
    /// `waiting`, `done` or `refused`.
    pub state: String,
    /// The id of what it made, or why it was refused.
    pub outcome: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was sent for the first time.
    pub sent_at: Option<Timestamp>,
}

/// Writes an operation that is to be sent; one that is there stays as it is.
pub async fn insert(tx: &mut Tx, rail: &str, operation: &str, call: &Value, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO rail_operations (rail, operation, generation, call, state, outcome, created_at, sent_at, ended_at)
         VALUES ($1, $2, 0, $3, 'waiting', '', $4, NULL, NULL)
         ON CONFLICT (rail, operation) DO NOTHING",
    )
    .bind(rail.to_owned())
    .bind(operation.to_owned())
    .bind(Json(call.clone()))
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Finds an operation.
pub async fn get(tx: &mut Tx, rail: &str, operation: &str) -> Result<Option<OperationRow>, Error> {
    tx.query(
        "SELECT operation, generation, call, state, outcome, created_at, sent_at FROM rail_operations
         WHERE rail = $1 AND operation = $2",
    )
    .bind(rail.to_owned())
    .bind(operation.to_owned())
    .fetch_optional()
    .await
}

/// Notes when an operation is sent for the first time.
pub async fn sent(tx: &mut Tx, rail: &str, operation: &str, generation: i64, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "UPDATE rail_operations SET sent_at = $4
         WHERE rail = $1 AND operation = $2 AND generation = $3 AND sent_at IS NULL",
    )
    .bind(rail.to_owned())
    .bind(operation.to_owned())
    .bind(generation)
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Notes what came of an operation, `done` or `refused`, unless somebody has begun it anew meanwhile.
pub async fn end(
    tx: &mut Tx,
    rail: &str,
    operation: &str,
    generation: i64,
    (state, outcome): (&str, &str),
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE rail_operations SET state = $4, outcome = $5, ended_at = $6
         WHERE rail = $1 AND operation = $2 AND generation = $3 AND state <> 'done'",
    )
    .bind(rail.to_owned())
    .bind(operation.to_owned())
    .bind(generation)
    .bind(state.to_owned())
    .bind(outcome.to_owned())
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Begins an operation anew of which nothing came; tells whether nobody else has.
pub async fn renew(
    tx: &mut Tx,
    rail: &str,
    operation: &str,
    generation: i64,
    call: &Value,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE rail_operations
             SET generation = generation + 1, call = $4, state = 'waiting', outcome = '', created_at = $5, sent_at = NULL,
                 ended_at = NULL
             WHERE rail = $1 AND operation = $2 AND generation = $3 AND state <> 'done'",
        )
        .bind(rail.to_owned())
        .bind(operation.to_owned())
        .bind(generation)
        .bind(Json(call.clone()))
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Lists operations that were written before a moment and have not ended, the oldest first.
pub async fn waiting(tx: &mut Tx, rail: &str, before: Timestamp, limit: i64) -> Result<Vec<OperationRow>, Error> {
    tx.query(
        "SELECT operation, generation, call, state, outcome, created_at, sent_at FROM rail_operations
         WHERE rail = $1 AND state = 'waiting' AND created_at < $2 ORDER BY created_at LIMIT $3",
    )
    .bind(rail.to_owned())
    .bind(before)
    .bind(limit)
    .fetch_all()
    .await
}

/// Who a payment company knows a buyer as.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CustomerRow {
    /// The buyer.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub name: String,
    /// The company's id of it.
    pub customer: String,
    /// Where the company writes to.
    pub email: String,
    /// Since when.
    pub created_at: Timestamp,
    /// What it paid in last, where it has paid.
    pub currency: Option<Currency>,
}

/// Notes who a payment company knows a buyer as; what was noted first stays.
pub async fn insert_customer(
    tx: &mut Tx,
    tenant: Tenant,
    rail: &str,
    customer: &str,
    email: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO rail_customers (rail, organization_id, customer, email, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(rail.to_owned())
    .bind(tenant.id())
    .bind(customer.to_owned())
    .bind(email.to_owned())
    .bind(now)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Finds who a payment company knows a buyer as.
pub async fn customer(tx: &mut Tx, rail: &str, of: OrganizationId) -> Result<Option<CustomerRow>, Error> {
    tx.query(
        "SELECT c.organization_id, o.name, c.customer, c.email, c.created_at,
                (SELECT p.currency FROM payments p WHERE p.organization_id = c.organization_id AND p.rail = c.rail
                 ORDER BY p.created_at DESC LIMIT 1) AS currency
         FROM rail_customers c JOIN organizations o ON o.id = c.organization_id
         WHERE c.rail = $1 AND c.organization_id = $2",
    )
    .bind(rail.to_owned())
    .bind(of)
    .fetch_optional()
    .await
}

/// Lists the buyers that a payment company knows, the newest first.
pub async fn customers(tx: &mut Tx, rail: &str, limit: i64, offset: i64) -> Result<Vec<CustomerRow>, Error> {
    tx.query(
        "SELECT c.organization_id, o.name, c.customer, c.email, c.created_at,
                (SELECT p.currency FROM payments p WHERE p.organization_id = c.organization_id AND p.rail = c.rail
                 ORDER BY p.created_at DESC LIMIT 1) AS currency
         FROM rail_customers c JOIN organizations o ON o.id = c.organization_id
         WHERE c.rail = $1 ORDER BY c.created_at DESC, c.customer LIMIT $2 OFFSET $3",
    )
    .bind(rail.to_owned())
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts the buyers that a payment company knows.
pub async fn count_customers(tx: &mut Tx, rail: &str) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM rail_customers WHERE rail = $1").bind(rail.to_owned()).fetch_scalar().await
}

/// Returns until when a payment company was asked what has happened.
pub async fn asked_until(tx: &mut Tx, rail: &str) -> Result<Option<Timestamp>, Error> {
    let row: Option<(Timestamp,)> =
        tx.query("SELECT asked_at FROM rail_cursors WHERE rail = $1").bind(rail.to_owned()).fetch_optional().await?;
    Ok(row.map(|(at,)| at))
}

/// Notes until when a payment company was asked what has happened.
pub async fn set_asked_until(tx: &mut Tx, rail: &str, at: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO rail_cursors (rail, asked_at) VALUES ($1, $2)
         ON CONFLICT (rail) DO UPDATE SET asked_at = excluded.asked_at",
    )
    .bind(rail.to_owned())
    .bind(at)
    .execute()
    .await?
    .any();
    Ok(())
}
