//! Embeddings: the meaning of texts as numbers, from a model elsewhere.
//!
//! [`Embedder`] is the port, [`OpenAiEmbedder`] speaks to any endpoint of OpenAI's shape, Ollama's
//! included. [`embed_all`] asks for each different text once: what a [`VectorCache`] knows is not asked
//! for again, and what an endpoint answered is kept before the next batch is sent, so that a failure in
//! the middle costs only what was on its way.

mod cache;
mod openai;

pub use cache::{ContentHash, MemoryCache, VectorCache, content_hash};
pub use openai::OpenAiEmbedder;

use std::collections::HashMap;

use async_trait::async_trait;

use crate::vector::Vector;

/// The most texts that one request carries.
pub const BATCH: usize = 64;

/// A model that turns texts into numbers.
#[async_trait]
pub trait Embedder: Send + Sync + std::fmt::Debug {
    /// Names the model; vectors of different models are never compared.
    fn model(&self) -> &str;

    /// Embeds texts, at most [`BATCH`] of them, in their order.
    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// Embeddings that could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// The endpoint could not be reached, or is busy; later may be better.
    #[error("the embedding endpoint does not answer: {0}")]
    Unavailable(String),
    /// The endpoint refuses: a wrong key, a model it does not have, texts that are too long.
    #[error("the embedding endpoint refuses: {0}")]
    Refused(String),
    /// The endpoint's answer makes no sense.
    #[error("the embedding endpoint answered something else: {0}")]
    Answer(String),
    /// What is kept of earlier answers could not be read or written.
    #[error("the kept vectors could not be used: {0}")]
    Cache(String),
}

impl EmbedError {
    /// Tells whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Cache(_))
    }
}

/// Returns the vectors of texts, in their order.
///
/// `done` is called with how many of the texts have theirs, after each batch.
pub async fn embed_all(
    embedder: &dyn Embedder,
    cache: &dyn VectorCache,
    texts: &[&str],
    mut done: impl FnMut(usize) + Send,
) -> Result<Vec<Vector>, EmbedError> {
    let hashes: Vec<ContentHash> = texts.iter().map(|text| content_hash(text)).collect();
    let mut known: HashMap<ContentHash, Vector> = HashMap::new();
    for some in hashes.chunks(500) {
        known.extend(cache.known(embedder.model(), some).await?);
    }
    let mut missing: Vec<(ContentHash, &str)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (hash, text) in hashes.iter().zip(texts) {
        if !known.contains_key(hash) && seen.insert(*hash) {
            missing.push((*hash, text));
        }
    }
    for batch in missing.chunks(BATCH) {
        let asked: Vec<&str> = batch.iter().map(|(_, text)| *text).collect();
        let answers = embedder.embed(&asked).await?;
        if answers.len() != batch.len() {
            return Err(EmbedError::Answer(format!("{} vectors for {} texts", answers.len(), batch.len())));
        }
        let mut fresh = Vec::with_capacity(batch.len());
        for ((hash, _), numbers) in batch.iter().zip(answers) {
            let vector = Vector::new(&numbers).map_err(|error| EmbedError::Answer(error.to_string()))?;
            fresh.push((*hash, vector));
        }
        cache.keep(embedder.model(), &fresh).await?;
        known.extend(fresh);
        done(hashes.iter().filter(|hash| known.contains_key(*hash)).count());
    }
    let vectors: Vec<Vector> = hashes.iter().filter_map(|hash| known.get(hash).cloned()).collect();
    let dimensions = vectors.first().map(Vector::dimensions);
    if vectors.iter().any(|vector| Some(vector.dimensions()) != dimensions) {
        return Err(EmbedError::Answer("vectors of one model differ in their dimensions".to_owned()));
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Answers with the length of a text, and fails after some requests.
    #[derive(Debug, Default)]
    struct Scripted {
        asked: Mutex<Vec<usize>>,
        fails_at: Option<usize>,
    }

    #[async_trait]
    impl Embedder for Scripted {
        fn model(&self) -> &'static str {
            "scripted"
        }

        async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
            let mut asked = self.asked.lock().unwrap();
            if self.fails_at == Some(asked.len()) {
                return Err(EmbedError::Unavailable("busy".into()));
            }
            asked.push(texts.len());
            Ok(texts.iter().map(|text| vec![text.len() as f32, 1.0]).collect())
        }
    }

    #[tokio::test]
    async fn each_different_text_is_asked_for_once() {
        let (embedder, cache) = (Scripted::default(), MemoryCache::default());
        let vectors = embed_all(&embedder, &cache, &["a", "bb", "a"], |_| {}).await.unwrap();
        assert_eq!(vectors[0], vectors[2]);
        embed_all(&embedder, &cache, &["bb", "ccc"], |_| {}).await.unwrap();
        assert_eq!(*embedder.asked.lock().unwrap(), [2, 1]);
    }

    #[tokio::test]
    async fn what_was_answered_before_a_failure_is_not_asked_for_again() {
        let texts: Vec<String> = (0..150).map(|n| format!("text {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let cache = MemoryCache::default();
        let failing = Scripted { fails_at: Some(1), ..Scripted::default() };
        let error = embed_all(&failing, &cache, &texts, |_| {}).await.unwrap_err();
        assert!(error.is_temporary());
        let mut progress = Vec::new();
        let embedder = Scripted::default();
        embed_all(&embedder, &cache, &texts, |done| progress.push(done)).await.unwrap();
        assert_eq!(*embedder.asked.lock().unwrap(), [64, 22]);
        assert_eq!(progress, [128, 150]);
    }
}
