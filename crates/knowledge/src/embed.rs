//! Embeddings: the meaning of texts as numbers, from a model.
//!
//! [`Embedder`] is the port, [`OpenAiEmbedder`] speaks to any endpoint of OpenAI's shape, Ollama's included, and
//! [`LocalEmbedder`] computes a small model itself.
//!
//! What a newcomer would get wrong: a cosine says nothing by itself. One model gives 0.1 to texts that have
//! nothing to do with each other, another 0.7; [`chance`] measures what a model gives to such texts, and only
//! what is above it is a reason to believe that a passage answers a question.

mod local;
mod openai;

pub use local::{LocalEmbedder, LocalModelError};
pub use openai::OpenAiEmbedder;

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use crate::endpoint::EndpointError;
use crate::vector::{Query, Vector};

/// The most texts that one request carries.
pub const BATCH: usize = 64;

/// A model that turns texts into numbers.
#[async_trait]
pub trait Embedder: Send + Sync + std::fmt::Debug {
    /// Names the model; vectors of different models are never compared.
    fn model(&self) -> &str;

    /// Embeds texts, at most [`BATCH`] of them, in their order.
    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EndpointError>;

    /// The same, and how many tokens the model read; 0 where it does not say.
    async fn embed_counted(&self, texts: &[&str]) -> Result<(Vec<Vec<f32>>, u64), EndpointError> {
        Ok((self.embed(texts).await?, 0))
    }

    /// Returns another model of the same place, which questions are asked of while the vectors of this one are made.
    fn other(&self, model: &str) -> Option<Arc<dyn Embedder>> {
        let _ = model;
        None
    }

    /// Returns the same model, asked once and never again: somebody waits for a question. Nothing where it is asked
    /// only once anyway.
    fn once(&self) -> Option<Arc<dyn Embedder>> {
        None
    }
}

/// Tells whether two texts are the same.
pub type ContentHash = [u8; 32];

/// Returns the SHA-256 of a text.
pub fn content_hash(text: &str) -> ContentHash {
    Sha256::digest(text.as_bytes()).into()
}

/// Returns the vectors of texts, at most [`BATCH`] of them, in their order.
pub async fn vectors(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<Vector>, EndpointError> {
    let answers = embedder.embed(texts).await?;
    if answers.len() != texts.len() {
        return Err(EndpointError::Answer(format!("{} vectors for {} texts", answers.len(), texts.len())));
    }
    let vectors = answers.iter().map(|numbers| Vector::new(numbers)).collect::<Result<Vec<_>, _>>();
    let vectors = vectors.map_err(|error| EndpointError::Answer(error.to_string()))?;
    let dimensions = vectors.first().map(Vector::dimensions);
    if vectors.iter().any(|vector| Some(vector.dimensions()) != dimensions) {
        return Err(EndpointError::Answer("vectors of one model differ in their dimensions".to_owned()));
    }
    Ok(vectors)
}

/// Returns the vector of a question.
pub async fn question(embedder: &dyn Embedder, text: &str) -> Result<Query, EndpointError> {
    let answers = embedder.embed(&[text]).await?;
    let numbers = answers.first().ok_or_else(|| EndpointError::Answer("no vector for a question".to_owned()))?;
    Query::new(numbers).map_err(|error| EndpointError::Answer(error.to_string()))
}

/// Questions, and passages of which none answers any of them.
const UNRELATED: ([&str; 8], [&str; 8]) = (
    [
        "How long does a refund take?",
        "Which wood is a violin made of?",
        "When does the museum open on Sundays?",
        "What is the boiling point of water on a mountain?",
        "Who may see my salary?",
        "How do I change the tyre of a bicycle?",
        "Is the soup free of gluten?",
        "What does error E-17 on the dishwasher mean?",
    ],
    [
        "Penguins feed their young in turns and walk far over the ice to the sea.",
        "The treaty was signed in spring after the two kingdoms had fought for a decade.",
        "A compiler turns the text of a program into instructions of a machine.",
        "Roses should be pruned before the first buds open, with clean shears.",
        "The goalkeeper saved the penalty and the team went through to the final.",
        "Interest is added to the savings account at the end of each quarter.",
        "The comet returns every seventy-six years and can be seen without a telescope.",
        "Children under six travel without a ticket on all buses of the city.",
    ],
);

/// Returns the cosine that texts without anything to do with each other rarely reach by a model: the mean and three
/// standard deviations over 64 pairs of a question and a passage.
pub async fn chance(embedder: &dyn Embedder) -> Result<f32, EndpointError> {
    let (questions, passages) = UNRELATED;
    let passages = vectors(embedder, &passages).await?;
    let mut cosines = Vec::with_capacity(64);
    for numbers in embedder.embed(&questions).await? {
        let question = Query::new(&numbers).map_err(|error| EndpointError::Answer(error.to_string()))?;
        cosines.extend(passages.iter().filter_map(|passage| passage.cosine(&question)));
    }
    if cosines.is_empty() {
        return Err(EndpointError::Answer("vectors of one model differ in their dimensions".to_owned()));
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 64")]
    let count = cosines.len() as f32;
    let mean = cosines.iter().sum::<f32>() / count;
    let variance = cosines.iter().map(|cosine| (cosine - mean).powi(2)).sum::<f32>() / count;
    Ok((mean + 3.0 * variance.sqrt()).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with vectors of so many dimensions, one more for each text where it is broken.
    #[derive(Debug)]
    struct Scripted {
        broken: bool,
        missing: usize,
    }

    #[async_trait]
    impl Embedder for Scripted {
        fn model(&self) -> &'static str {
            "scripted"
        }

        async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EndpointError> {
            let of = |(place, text): (usize, &&str)| {
                let mut numbers = vec![1.0, text.len() as f32 / 100.0];
                numbers.resize(if self.broken { 2 + place } else { 2 }, 0.5);
                numbers
            };
            Ok(texts.iter().enumerate().map(of).skip(self.missing).collect())
        }
    }

    #[tokio::test]
    async fn an_answer_that_makes_no_sense_is_none() {
        let ask = async |broken, missing| vectors(&Scripted { broken, missing }, &["a", "bb"]).await;
        assert_eq!(ask(false, 0).await.unwrap().len(), 2);
        assert!(matches!(ask(true, 0).await, Err(EndpointError::Answer(_))));
        assert!(matches!(ask(false, 1).await, Err(EndpointError::Answer(_))));
        let none = question(&Scripted { broken: false, missing: 1 }, "a").await;
        assert!(matches!(none, Err(EndpointError::Answer(_))));
    }

    #[tokio::test]
    async fn a_model_to_which_everything_is_alike_proves_nothing() {
        let floor = chance(&Scripted { broken: false, missing: 0 }).await.unwrap();
        assert!(floor > 0.95, "{floor}");
    }
}
