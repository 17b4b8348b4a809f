//! Vectors that were answered before, by model and content.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::EmbedError;
use crate::vector::Vector;

/// Tells whether two texts are the same.
pub type ContentHash = [u8; 32];

/// Returns the SHA-256 of a text.
pub fn content_hash(text: &str) -> ContentHash {
    Sha256::digest(text.as_bytes()).into()
}

/// Keeps vectors. One that serves several tenants must keep theirs apart, or its speed tells one
/// tenant what another has.
#[async_trait]
pub trait VectorCache: Send + Sync {
    /// Returns what is kept of these contents.
    async fn known(&self, model: &str, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vector)>, EmbedError>;

    /// Keeps vectors.
    async fn keep(&self, model: &str, vectors: &[(ContentHash, Vector)]) -> Result<(), EmbedError>;
}

/// Keeps them in memory.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<HashMap<(String, ContentHash), Vector>>);

impl MemoryCache {
    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<(String, ContentHash), Vector>> {
        // A panic elsewhere leaves whole entries.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl VectorCache for MemoryCache {
    async fn known(&self, model: &str, hashes: &[ContentHash]) -> Result<Vec<(ContentHash, Vector)>, EmbedError> {
        let kept = self.kept();
        let found = hashes.iter().filter_map(|hash| Some((*hash, kept.get(&(model.to_owned(), *hash))?.clone())));
        Ok(found.collect())
    }

    async fn keep(&self, model: &str, vectors: &[(ContentHash, Vector)]) -> Result<(), EmbedError> {
        self.kept().extend(vectors.iter().map(|(hash, vector)| ((model.to_owned(), *hash), vector.clone())));
        Ok(())
    }
}
