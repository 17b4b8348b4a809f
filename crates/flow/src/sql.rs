//! Databases that a flow may ask. The host names them; a flow can't bring an address of its own.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

/// Answers read-only questions in SQL.
#[async_trait]
pub trait Databases: Send + Sync + std::fmt::Debug {
    /// Runs one query on the database that the flow calls `name` and returns its rows.
    ///
    /// The host has to see to it that nothing can be written, and that time and rows are bounded.
    async fn query(&self, name: &str, query: &str) -> Result<Vec<Map<String, Json>>, SqlError>;
}

/// Has no databases.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDatabases;

#[async_trait]
impl Databases for NoDatabases {
    async fn query(&self, _: &str, _: &str) -> Result<Vec<Map<String, Json>>, SqlError> {
        Err(SqlError("no database is set up here".into()))
    }
}

/// A query that was not answered; the text may be shown to a model.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SqlError(pub String);
