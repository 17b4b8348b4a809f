//! Any endpoint that speaks OpenAI's `/embeddings`: OpenAI itself, Ollama, vLLM, TEI, LiteLLM.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Embedder;
use crate::endpoint::{Endpoint, EndpointError};

/// An OpenAI-compatible endpoint.
#[derive(Clone, Debug)]
pub struct OpenAiEmbedder {
    endpoint: Endpoint,
    model: String,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
    /// Not every endpoint says it.
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Default, Deserialize)]
struct Used {
    #[serde(default)]
    prompt_tokens: u64,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

impl OpenAiEmbedder {
    /// Speaks to `base_url`, which ends where `/embeddings` begins: `http://localhost:11434/v1` for Ollama.
    pub fn new(base_url: &str, key: Option<SecretString>, model: &str) -> Result<Self, EndpointError> {
        Ok(Self { endpoint: Endpoint::new(base_url, "embeddings", key)?, model: model.to_owned() })
    }

    /// Sets how often a request is tried, and how long the first pause is.
    pub fn with_retries(self, attempts: u32, backoff: Duration) -> Self {
        Self { endpoint: self.endpoint.with_retries(attempts, backoff), ..self }
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &str {
        &self.model
    }

    fn other(&self, model: &str) -> Option<Arc<dyn Embedder>> {
        Some(Arc::new(Self { model: model.to_owned(), ..self.clone() }))
    }

    fn once(&self) -> Option<Arc<dyn Embedder>> {
        Some(Arc::new(self.clone().with_retries(1, Duration::ZERO)))
    }

    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EndpointError> {
        Ok(self.embed_counted(texts).await?.0)
    }

    async fn embed_counted(&self, texts: &[&str]) -> Result<(Vec<Vec<f32>>, u64), EndpointError> {
        if texts.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let request = Request { model: &self.model, input: texts, encoding_format: "float" };
        parse(&self.endpoint.ask(&request).await?, texts.len())
    }
}

fn parse(body: &[u8], count: usize) -> Result<(Vec<Vec<f32>>, u64), EndpointError> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| EndpointError::Answer(format!("it is not the JSON of embeddings ({error})")))?;
    let tokens = answer.usage.unwrap_or_default().prompt_tokens;
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; count];
    for item in answer.data {
        // Endpoints may answer in any order.
        match vectors.get_mut(item.index) {
            Some(place @ None) => *place = Some(item.embedding),
            _ => return Err(EndpointError::Answer(format!("a vector for text {}", item.index))),
        }
    }
    let whole: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
    Ok((whole.ok_or_else(|| EndpointError::Answer("a text has no vector".to_owned()))?, tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::tests::server;

    fn embedder(url: &str) -> OpenAiEmbedder {
        OpenAiEmbedder::new(url, Some("sk-secret".into()), "small").unwrap().with_retries(3, Duration::ZERO)
    }

    const TWO: &str =
        r#"200 OK|{"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}],"model":"small"}"#;

    #[tokio::test]
    async fn vectors_come_in_the_order_of_the_texts() {
        let (url, asked) = server(vec![TWO]).await;
        let vectors = embedder(&url).embed(&["a", "b"]).await.unwrap();
        assert_eq!(vectors, [[1.0, 0.0], [0.0, 1.0]]);
        let asked = asked.lock().unwrap()[0].to_lowercase();
        assert!(
            asked.starts_with("post /v1/embeddings ") && asked.contains("authorization: bearer sk-secret"),
            "{asked}"
        );
        assert!(asked.ends_with(r#"{"model":"small","input":["a","b"],"encoding_format":"float"}"#), "{asked}");
    }

    #[tokio::test]
    async fn the_tokens_that_an_endpoint_counts_are_told() {
        let counted = r#"200 OK|{"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":7,"total_tokens":7}}"#;
        let (url, _) = server(vec![counted]).await;
        assert_eq!(embedder(&url).embed_counted(&["a"]).await.unwrap(), (vec![vec![1.0]], 7));
        let (url, _) = server(vec![TWO]).await;
        assert_eq!(embedder(&url).embed_counted(&["a", "b"]).await.unwrap().1, 0);
    }

    #[tokio::test]
    async fn a_busy_endpoint_is_asked_again() {
        let (url, asked) = server(vec!["429 Too Many\r\nretry-after: 0|{}", "503 Later|", TWO]).await;
        assert_eq!(embedder(&url).embed(&["a", "b"]).await.unwrap().len(), 2);
        assert_eq!(asked.lock().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_tells_neither_key_nor_text() {
        let (url, asked) = server(vec!["401 No|{\"error\":\"sk-secret for text a\"}"]).await;
        let error = embedder(&url).embed(&["a"]).await.unwrap_err();
        assert!(!error.is_temporary());
        assert_eq!(error.to_string(), "the endpoint refuses: status 401");
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_answer_that_lacks_a_vector_is_an_error() {
        for answer in [
            r#"200 OK|{"data":[{"index":0,"embedding":[1]}]}"#,
            r#"200 OK|{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#,
            r#"200 OK|{"data":[{"index":7,"embedding":[1]}]}"#,
            "200 OK|<html>",
        ] {
            let (url, _) = server(vec![answer]).await;
            let error = embedder(&url).embed(&["a", "b"]).await.unwrap_err();
            assert!(matches!(error, EndpointError::Answer(_)), "{answer}: {error}");
        }
    }
}
