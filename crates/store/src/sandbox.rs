//! What the sandbox rail keeps. It stands for a company outside, so nothing else reads it.

use serde_json::Value;

use crate::{Error, Json, Tx};

/// Finds an object and its version.
pub async fn get(tx: &mut Tx, id: &str) -> Result<Option<(Value, i64)>, Error> {
    let row: Option<(Json<Value>, i64)> = tx
        .query("SELECT object, version FROM sandbox_objects WHERE id = $1")
        .bind(id.to_owned())
        .fetch_optional()
        .await?;
    Ok(row.map(|(object, version)| (object.0, version)))
}

/// Lists the objects whose names begin with a prefix, by name, after one of them.
pub async fn list(tx: &mut Tx, prefix: &str, after: &str, limit: i64) -> Result<Vec<(String, Value)>, Error> {
    let rows: Vec<(String, Json<Value>)> = tx
        .query(
            "SELECT id, object FROM sandbox_objects
             WHERE SUBSTR(id, 1, LENGTH($1)) = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(prefix.to_owned())
        .bind(after.to_owned())
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id, object)| (id, object.0)).collect())
}

/// Writes a new object; one that is there stays as it is.
pub async fn insert(tx: &mut Tx, id: &str, object: &Value) -> Result<(), Error> {
    tx.query("INSERT INTO sandbox_objects (id, object, version) VALUES ($1, $2, 1) ON CONFLICT (id) DO NOTHING")
        .bind(id.to_owned())
        .bind(Json(object.clone()))
        .execute()
        .await?
        .any();
    Ok(())
}

/// Writes an object, if it still has the version that was read; tells whether it had.
pub async fn update(tx: &mut Tx, id: &str, object: &Value, version: i64) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE sandbox_objects SET object = $2, version = version + 1 WHERE id = $1 AND version = $3")
        .bind(id.to_owned())
        .bind(Json(object.clone()))
        .bind(version)
        .execute()
        .await?;
    Ok(done.affected == 1)
}
