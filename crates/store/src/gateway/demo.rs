//! Demo conversations of visitors: nobody's tenant, never billed, gone when they expire.

use domain::{OfferingId, Timestamp};
use serde_json::Value;

use crate::{Error, Json, Tx};

/// A visitor's conversation with a demo.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DemoRow {
    /// Messages sent.
    pub used: i64,
    /// What was said.
    pub turns: Json<Value>,
}

/// Finds a demo conversation.
pub async fn demo(tx: &mut Tx, id: &str, offering: OfferingId, now: Timestamp) -> Result<Option<DemoRow>, Error> {
    tx.query("SELECT used, turns FROM demo_sessions WHERE id = $1 AND offering_id = $2 AND expires_at > $3")
        .bind(id.to_owned())
        .bind(offering)
        .bind(now)
        .fetch_optional()
        .await
}

/// Takes one message of a demo conversation, which it makes if need be; tells whether there was one left.
pub async fn take_demo(
    tx: &mut Tx,
    id: &str,
    offering: OfferingId,
    allowed: i64,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO demo_sessions (id, offering_id, used, turns, created_at, expires_at) VALUES ($1, $2, 1, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET used = demo_sessions.used + 1
             WHERE demo_sessions.used < $6 AND demo_sessions.offering_id = $2",
        )
        .bind(id.to_owned())
        .bind(offering)
        .bind(Json(Value::Array(Vec::new())))
        .bind(now)
        .bind(expires_at)
        .bind(allowed)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Gives a message back that was not answered.
pub async fn give_back_demo(tx: &mut Tx, id: &str) -> Result<(), Error> {
    tx.query("UPDATE demo_sessions SET used = used - 1 WHERE id = $1 AND used > 0")
        .bind(id.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}

/// Writes what was said in a demo conversation.
pub async fn save_demo(tx: &mut Tx, id: &str, turns: &Value) -> Result<(), Error> {
    tx.query("UPDATE demo_sessions SET turns = $2 WHERE id = $1")
        .bind(id.to_owned())
        .bind(Json(turns.clone()))
        .execute()
        .await?
        .any();
    Ok(())
}
