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

/// Makes a demo conversation in which nothing was said yet, if it is not there; tells whether it may be used.
pub async fn open_demo(
    tx: &mut Tx,
    id: &str,
    offering: OfferingId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO demo_sessions (id, offering_id, used, turns, created_at, expires_at) VALUES ($1, $2, 0, $3, $4, $5)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_owned())
    .bind(offering)
    .bind(Json(Value::Array(Vec::new())))
    .bind(now)
    .bind(expires_at)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Writes a visitor's document as the next one of a conversation.
pub async fn insert_demo_document(tx: &mut Tx, id: &str, name: &str, passages: &Value) -> Result<(), Error> {
    tx.query(
        "INSERT INTO demo_documents (demo_id, ordinal, name, passages)
         VALUES ($1, (SELECT COALESCE(MAX(ordinal) + 1, 0) FROM demo_documents WHERE demo_id = $1), $2, $3)",
    )
    .bind(id.to_owned())
    .bind(name.to_owned())
    .bind(Json(passages.clone()))
    .execute()
    .await?
    .exactly_one()
}

/// Lists a visitor's documents: the names, and what was read of each.
pub async fn demo_documents(tx: &mut Tx, id: &str) -> Result<Vec<(String, Json<Value>)>, Error> {
    tx.query("SELECT name, passages FROM demo_documents WHERE demo_id = $1 ORDER BY ordinal")
        .bind(id.to_owned())
        .fetch_all()
        .await
}

/// Lists the names of a visitor's documents.
pub async fn demo_document_names(tx: &mut Tx, id: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = tx
        .query("SELECT name FROM demo_documents WHERE demo_id = $1 ORDER BY ordinal")
        .bind(id.to_owned())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Deletes a visitor's documents.
pub async fn delete_demo_documents(tx: &mut Tx, id: &str) -> Result<(), Error> {
    tx.query("DELETE FROM demo_documents WHERE demo_id = $1").bind(id.to_owned()).execute().await?.any();
    Ok(())
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
