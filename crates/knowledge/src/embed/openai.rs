//! Any endpoint that speaks OpenAI's `/embeddings`: OpenAI itself, Ollama, vLLM, TEI, LiteLLM.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{EmbedError, Embedder};

/// The most bytes of one answer: a batch of 64 texts in 4,096 dimensions, written out.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// An OpenAI-compatible endpoint.
#[derive(Clone, Debug)]
pub struct OpenAiEmbedder {
    client: reqwest::Client,
    url: String,
    key: Option<SecretString>,
    model: String,
    attempts: u32,
    backoff: Duration,
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
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

impl OpenAiEmbedder {
    /// Speaks to `base_url`, which ends where `/embeddings` begins: `http://localhost:11434/v1` for Ollama.
    pub fn new(base_url: &str, key: Option<SecretString>, model: &str) -> Result<Self, EmbedError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(1))
            // An endpoint has no reason to send texts of buyers, and the key, elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| EmbedError::Refused("the HTTP client could not be made".to_owned()))?;
        let base_url = base_url.trim().trim_end_matches('/').trim_end_matches("/embeddings");
        Ok(Self {
            client,
            url: format!("{base_url}/embeddings"),
            key,
            model: model.to_owned(),
            attempts: 4,
            backoff: Duration::from_millis(500),
        })
    }

    /// Sets how often a request is tried, and how long the first pause is.
    pub fn with_retries(mut self, attempts: u32, backoff: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.backoff = backoff;
        self
    }

    async fn attempt(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, (EmbedError, Option<Duration>)> {
        let mut request =
            self.client.post(&self.url).json(&Request { model: &self.model, input: texts, encoding_format: "float" });
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let mut response = request.send().await.map_err(|error| (unreachable(&error), None))?;
        let status = response.status();
        if !status.is_success() {
            // What it says may hold the texts, so only the status goes on.
            let said = format!("status {}", status.as_u16());
            let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let temporary = status.as_u16() == 429 || status.as_u16() == 408 || status.is_server_error();
            let error = if temporary { EmbedError::Unavailable(said) } else { EmbedError::Refused(said) };
            return Err((error, wait.map(Duration::from_secs)));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| (unreachable(&error), None))? {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err((EmbedError::Answer("it does not end".to_owned()), None));
            }
            body.extend_from_slice(&part);
        }
        parse(&body, texts.len()).map_err(|error| (error, None))
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &str {
        &self.model
    }

    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let mut pause = self.backoff;
        for attempt in 1.. {
            match self.attempt(texts).await {
                Ok(vectors) => return Ok(vectors),
                Err((error, wait)) => {
                    if attempt >= self.attempts || !error.is_temporary() {
                        return Err(error);
                    }
                    // An endpoint that asks for hours is asked again by the job, not by this call.
                    tokio::time::sleep(wait.unwrap_or(pause).min(Duration::from_secs(30))).await;
                    pause *= 2;
                }
            }
        }
        Err(EmbedError::Unavailable("it was tried too often".to_owned()))
    }
}

fn parse(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| EmbedError::Answer(format!("it is not the JSON of embeddings ({error})")))?;
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; count];
    for item in answer.data {
        // Endpoints may answer in any order.
        match vectors.get_mut(item.index) {
            Some(place @ None) => *place = Some(item.embedding),
            _ => return Err(EmbedError::Answer(format!("a vector for text {}", item.index))),
        }
    }
    let whole: Option<Vec<Vec<f32>>> = vectors.into_iter().collect();
    whole.ok_or_else(|| EmbedError::Answer("a text has no vector".to_owned()))
}

fn unreachable(error: &reqwest::Error) -> EmbedError {
    let what = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    EmbedError::Unavailable(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A server that gives scripted answers, one a connection, and keeps what it was asked.
    async fn server(answers: Vec<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = String::new();
                let mut bytes = [0; 4096];
                // The body of these small requests ends with its brace.
                while !request.ends_with('}') {
                    let count = stream.read(&mut bytes).await.unwrap();
                    request.push_str(&String::from_utf8_lossy(&bytes[..count]));
                }
                kept.lock().unwrap().push(request);
                let (head, body) = answer.split_once('|').unwrap();
                let text =
                    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        (url, asked)
    }

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
        assert_eq!(error.to_string(), "the embedding endpoint refuses: status 401");
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
            assert!(matches!(error, EmbedError::Answer(_)), "{answer}: {error}");
        }
    }
}
