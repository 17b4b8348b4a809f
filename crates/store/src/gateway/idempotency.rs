//! Idempotency keys: what makes a repeated call harmless.

use domain::{InvocationId, OrganizationId, Timestamp};
use serde_json::Value;

use crate::{Error, Json, Tx};

/// Which idempotency key: callers choose them, so one is unique for its caller alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// Whose call.
    pub organization: OrganizationId,
    /// The key, session or person that sent it.
    pub caller: String,
    /// The key.
    pub key: String,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct IdempotencyRow {
    /// SHA-256 of the body that it was first sent with.
    pub body_hash: Vec<u8>,
    /// The invocation.
    pub invocation_id: InvocationId,
    /// What it was answered; nothing while it runs.
    pub status: Option<i64>,
    /// The answer.
    pub answer: Option<Json<Value>>,
    /// When it was first sent.
    pub created_at: Timestamp,
}

/// Claims an idempotency key; tells whether it is new.
pub async fn claim_key(
    tx: &mut Tx,
    name: &KeyName,
    body_hash: &[u8],
    invocation: InvocationId,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO idempotency_keys (organization_id, caller, idempotency_key, body_hash, invocation_id, status, answer, created_at)
             VALUES ($1, $2, $3, $4, $5, NULL, NULL, $6)
             ON CONFLICT (organization_id, caller, idempotency_key) DO NOTHING",
        )
        .bind(name.organization)
        .bind(name.caller.clone())
        .bind(name.key.clone())
        .bind(body_hash.to_vec())
        .bind(invocation)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds what an idempotency key stands for.
pub async fn idempotency_key(tx: &mut Tx, name: &KeyName) -> Result<Option<IdempotencyRow>, Error> {
    tx.query(
        "SELECT body_hash, invocation_id, status, answer, created_at FROM idempotency_keys
         WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(name.organization)
    .bind(name.caller.clone())
    .bind(name.key.clone())
    .fetch_optional()
    .await
}

/// Keeps the answer under an idempotency key.
pub async fn answer_key(tx: &mut Tx, name: &KeyName, status: i64, answer: &Value) -> Result<(), Error> {
    tx.query(
        "UPDATE idempotency_keys SET status = $4, answer = $5
         WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(name.organization)
    .bind(name.caller.clone())
    .bind(name.key.clone())
    .bind(status)
    .bind(Json(answer.clone()))
    .execute()
    .await?
    .any();
    Ok(())
}

/// Forgets the claim of one invocation on an idempotency key, so that the call can be tried again.
pub async fn release_key(tx: &mut Tx, name: &KeyName, invocation: InvocationId) -> Result<(), Error> {
    tx.query(
        "DELETE FROM idempotency_keys
         WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3 AND invocation_id = $4 AND status IS NULL",
    )
    .bind(name.organization)
    .bind(name.caller.clone())
    .bind(name.key.clone())
    .bind(invocation)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Forgets an idempotency key, whatever it stands for.
pub async fn forget_key(tx: &mut Tx, name: &KeyName) -> Result<(), Error> {
    tx.query("DELETE FROM idempotency_keys WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3")
        .bind(name.organization)
        .bind(name.caller.clone())
        .bind(name.key.clone())
        .execute()
        .await?
        .any();
    Ok(())
}
