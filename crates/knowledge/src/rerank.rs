//! Another look at what was found: a model that reads question and passage together.

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, EndpointError};

/// A model that says how well passages answer a question.
#[async_trait]
pub trait Reranker: Send + Sync + std::fmt::Debug {
    /// Returns the places of passages, the best first; those that it left out come last, as they were.
    async fn rerank(&self, question: &str, passages: &[&str]) -> Result<Vec<usize>, EndpointError>;
}

/// Any endpoint that speaks the `/rerank` of Jina and Cohere: TEI, vLLM, Infinity, LiteLLM.
#[derive(Clone, Debug)]
pub struct HttpReranker {
    endpoint: Endpoint,
    model: String,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    query: &'a str,
    documents: &'a [&'a str],
    top_n: usize,
    return_documents: bool,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    relevance_score: f64,
}

impl HttpReranker {
    /// Speaks to `base_url`, which ends where `/rerank` begins.
    pub fn new(base_url: &str, key: Option<SecretString>, model: &str) -> Result<Self, EndpointError> {
        // Someone waits: it is tried once.
        let endpoint = Endpoint::new(base_url, "rerank", key)?.with_retries(1, std::time::Duration::ZERO);
        Ok(Self { endpoint, model: model.to_owned() })
    }
}

#[async_trait]
impl Reranker for HttpReranker {
    async fn rerank(&self, question: &str, passages: &[&str]) -> Result<Vec<usize>, EndpointError> {
        if passages.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request {
            model: &self.model,
            query: question,
            documents: passages,
            top_n: passages.len(),
            return_documents: false,
        };
        order(&self.endpoint.ask(&request).await?, passages.len())
    }
}

/// Reads an order of so many passages.
fn order(body: &[u8], count: usize) -> Result<Vec<usize>, EndpointError> {
    let Answer { mut results } = serde_json::from_slice(body)
        .map_err(|error| EndpointError::Answer(format!("it is not the JSON of an order ({error})")))?;
    // Most say the best first; none promises it.
    results.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
    let mut places = Vec::with_capacity(count);
    for Item { index, .. } in results {
        if index >= count || places.contains(&index) {
            return Err(EndpointError::Answer(format!("a place for passage {index}")));
        }
        places.push(index);
    }
    let rest: Vec<usize> = (0..count).filter(|place| !places.contains(place)).collect();
    places.extend(rest);
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::tests::server;

    #[tokio::test]
    async fn the_best_comes_first_and_what_was_left_out_last() {
        let body = r#"200 OK|{"model":"m","results":[{"index":2,"relevance_score":0.1},{"index":1,"relevance_score":0.9,"document":null}]}"#;
        let (url, asked) = server(vec![body]).await;
        let reranker = HttpReranker::new(&url, Some("sk-secret".into()), "m").unwrap();
        assert_eq!(reranker.rerank("why?", &["a", "b", "c", "d"]).await.unwrap(), [1, 2, 0, 3]);
        let asked = asked.lock().unwrap()[0].to_lowercase();
        assert!(asked.starts_with("post /v1/rerank ") && asked.contains("authorization: bearer sk-secret"), "{asked}");
        let sent = r#"{"model":"m","query":"why?","documents":["a","b","c","d"],"top_n":4,"return_documents":false}"#;
        assert!(asked.ends_with(sent), "{asked}");
    }

    #[tokio::test]
    async fn an_order_of_something_else_is_an_error() {
        for answer in [
            r#"200 OK|{"results":[{"index":9,"relevance_score":1}]}"#,
            r#"200 OK|{"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]}"#,
            "200 OK|<html>",
            "503 Later|",
        ] {
            let (url, _) = server(vec![answer]).await;
            let reranker = HttpReranker::new(&url, None, "m").unwrap();
            assert!(reranker.rerank("why?", &["a", "b"]).await.is_err(), "{answer}");
        }
    }
}
