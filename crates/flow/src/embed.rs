//! Embeddings: the meaning of texts as numbers. Which model makes them is the host's decision; a flow only says
//! that it wants some.

use async_trait::async_trait;

/// A model that turns texts into numbers.
#[async_trait]
pub trait Embedder: Send + Sync + std::fmt::Debug {
    /// Embeds texts, in their order; all vectors have the same dimensions.
    async fn embed(&self, texts: &[&str]) -> Result<Embedded, EmbedError>;
}

/// Texts as numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One vector for each text.
    pub vectors: Vec<Vec<f32>>,
    /// How many tokens the model read; 0 where it does not say.
    pub tokens: u64,
}

/// Texts that were not embedded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the embedding model did not answer: {0}")]
pub struct EmbedError(pub String);
