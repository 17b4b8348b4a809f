//! A model elsewhere, asked over HTTP: of embeddings, of an order.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

/// The most bytes of one answer: a batch of 64 texts in 4,096 dimensions, written out.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Why an endpoint gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EndpointError {
    /// It could not be reached, or is busy; later may be better.
    #[error("the endpoint does not answer: {0}")]
    Unavailable(String),
    /// It refuses: a wrong key, a model it does not have, texts that are too long.
    #[error("the endpoint refuses: {0}")]
    Refused(String),
    /// Its answer makes no sense.
    #[error("the endpoint answered something else: {0}")]
    Answer(String),
}

impl EndpointError {
    /// Tells whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Where to ask, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    client: reqwest::Client,
    url: String,
    key: Option<SecretString>,
    attempts: u32,
    backoff: Duration,
}

impl Endpoint {
    /// Asks `base_url/path`; the path may be written in the base already.
    pub(crate) fn new(base_url: &str, path: &str, key: Option<SecretString>) -> Result<Self, EndpointError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(1))
            // An endpoint has no reason to send texts of buyers, and the key, elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| EndpointError::Refused("the HTTP client could not be made".to_owned()))?;
        let base_url = base_url.trim().trim_end_matches('/').trim_end_matches(path).trim_end_matches('/');
        let url = format!("{base_url}/{path}");
        Ok(Self { client, url, key, attempts: 4, backoff: Duration::from_millis(500) })
    }

    /// Sets how often a request is tried, and how long the first pause is.
    pub(crate) fn with_retries(mut self, attempts: u32, backoff: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.backoff = backoff;
        self
    }

    /// Sends a request until it is answered, refused, or was tried often enough.
    pub(crate) async fn ask(&self, body: &(impl Serialize + Sync)) -> Result<Vec<u8>, EndpointError> {
        let mut pause = self.backoff;
        for attempt in 1.. {
            match self.attempt(body).await {
                Ok(answer) => return Ok(answer),
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
        Err(EndpointError::Unavailable("it was tried too often".to_owned()))
    }

    async fn attempt(&self, body: &(impl Serialize + Sync)) -> Result<Vec<u8>, (EndpointError, Option<Duration>)> {
        let mut request = self.client.post(&self.url).json(body);
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
            let error = if temporary { EndpointError::Unavailable(said) } else { EndpointError::Refused(said) };
            return Err((error, wait.map(Duration::from_secs)));
        }
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| (unreachable(&error), None))? {
            if answer.len() + part.len() > ANSWER_BYTES {
                return Err((EndpointError::Answer("it does not end".to_owned()), None));
            }
            answer.extend_from_slice(&part);
        }
        Ok(answer)
    }
}

fn unreachable(error: &reqwest::Error) -> EndpointError {
    let what = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    EndpointError::Unavailable(what.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A server that gives scripted answers, one a connection, and keeps what it was asked.
    pub(crate) async fn server(answers: Vec<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
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
}
