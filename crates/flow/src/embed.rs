//! Embeddings: the meaning of texts as numbers. Which model makes them is the host's decision; a flow only says
//! that it wants some.

use async_trait::async_trait;

/// A model that turns texts into numbers.
#[async_trait]
pub trait Embedder: Send + Sync + std::fmt::Debug {
    /// Embeds texts, in their order; all vectors have the same dimensions.
    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// Texts that were not embedded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the embedding model did not answer: {0}")]
pub struct EmbedError(pub String);
