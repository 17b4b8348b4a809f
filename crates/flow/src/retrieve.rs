//! Knowledge of the buyer that a run may use: documents, answers, pages.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A piece of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Where it is from, for people.
    #[serde(default)]
    pub title: String,
    /// What it says.
    pub text: String,
    /// Where it can be read.
    #[serde(default)]
    pub url: String,
}

/// Finds passages for a question.
#[async_trait]
pub trait Retriever: Send + Sync + std::fmt::Debug {
    /// Returns at most `most` passages, the best first.
    async fn passages(&self, question: &str, most: usize) -> Result<Vec<Passage>, RetrieveError>;
}

/// Knowledge that could not be searched.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RetrieveError(pub String);

/// Passages that are few enough to be used whole.
#[async_trait]
impl Retriever for Vec<Passage> {
    async fn passages(&self, _: &str, most: usize) -> Result<Vec<Passage>, RetrieveError> {
        Ok(self.iter().take(most).cloned().collect())
    }
}
