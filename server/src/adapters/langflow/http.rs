//! Requests to a Langflow server: the key, time, retries and bounds. Knows nothing of flows.
//!
//! What a server says about an error goes to the log, shortened and without keys, and never further.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use services::ports::RuntimeError;

/// The most bytes of an answer that is not streamed; Langflow returns whole flows.
const BODY_BYTES: usize = 16 * 1024 * 1024;
/// How often something is tried that may be repeated.
const TRIES: u32 = 3;
/// The first pause between tries; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A Langflow server's address and key.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
    key: SecretString,
}

/// What came of a request that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// There was no connection, so nothing was done.
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection broke or was too slow; something may have been done.
    #[error("the connection failed")]
    Broken(#[source] reqwest::Error),
    /// It answered with a status that is not success.
    #[error("it answered {status}: {said}")]
    Status {
        /// The status.
        status: StatusCode,
        /// Its word for the error, `FLOW_NOT_FOUND`; empty where it has none.
        code: String,
        /// Its text for the error, fit for a log.
        said: String,
        /// How long it asks us to wait.
        wait: Option<Duration>,
    },
    /// It answered with something else than JSON, or with too much of it.
    #[error("its answer cannot be read")]
    Unreadable,
}

impl Trouble {
    /// Returns the status, where it answered with one.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unreachable(_) | Self::Broken(_) | Self::Unreadable => None,
        }
    }

    /// Tells whether nothing was done yet, so that even a run may be tried again.
    fn before_anything(&self) -> bool {
        matches!(self, Self::Unreachable(_))
            || matches!(self.status(), Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE))
    }

    /// Tells whether it may pass, for what may be done twice.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Broken(_))
            || self.status().is_some_and(|it| it.is_server_error() || it == StatusCode::TOO_MANY_REQUESTS)
    }

    /// Logs the trouble and says of it what a caller may know.
    pub(super) fn told(self, while_doing: &'static str) -> RuntimeError {
        let error = services::error::chain(&self);
        let failed = |text: &str| RuntimeError::Failed(text.to_owned());
        match &self {
            Self::Status { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, .. } => {
                tracing::error!(error, while_doing, "the Langflow server refuses `langflow.api_key`");
                failed("The runtime of this agent is not available.")
            }
            Self::Status { status: StatusCode::PAYLOAD_TOO_LARGE, .. } => {
                RuntimeError::Refused("The message is too large for the runtime of this agent.".to_owned())
            }
            Self::Status { code, .. } if code == "TWEAKS_REFUSED" || code == "LFX_SERVE_UNSUPPORTED_FIELDS" => {
                tracing::warn!(
                    error,
                    while_doing,
                    "the Langflow server refuses changes of fields; see its tweaks policy"
                );
                RuntimeError::Refused("The runtime of this agent does not take these changes.".to_owned())
            }
            Self::Unreachable(_) => {
                tracing::error!(error, while_doing, "the Langflow server cannot be reached");
                failed("The runtime of this agent cannot be reached. Try again in a moment.")
            }
            Self::Status { .. } | Self::Broken(_) | Self::Unreadable => {
                tracing::warn!(error, while_doing, "the Langflow server failed");
                failed("The agent could not answer. Try again in a moment.")
            }
        }
    }
}

impl Http {
    /// Speaks to the server at `base`.
    pub(super) fn new(base: &str, key: SecretString) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // A redirect would take our key and the buyer's words elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, base: base.trim().trim_end_matches('/').to_owned(), key })
    }

    /// Asks once and reads the answer.
    pub(super) async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Value, Trouble> {
        let response = self.send(method, path, body, Some(within)).await?;
        let bytes = self.bytes(response).await?;
        // A deletion is answered with nothing.
        if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes).map_err(|_| Trouble::Unreadable) }
    }

    /// The same for what may be done twice: tried again when it may pass.
    pub(super) async fn repeat(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        within: Duration,
    ) -> Result<Value, Trouble> {
        let mut tried = 1;
        loop {
            match self.once(method.clone(), path, body, within).await {
                Err(trouble) if trouble.may_pass() && tried < TRIES => pause(&trouble, tried).await,
                outcome => return outcome,
            }
            tried += 1;
        }
    }

    /// Begins a run, whose answer is streamed; tried again only while nothing was done.
    pub(super) async fn begin(&self, path: &str, body: &Value) -> Result<Response, Trouble> {
        let mut tried = 1;
        loop {
            match self.send(Method::POST, path, Some(body), None).await {
                Err(trouble) if trouble.before_anything() && tried < TRIES => pause(&trouble, tried).await,
                outcome => return outcome,
            }
            tried += 1;
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        within: Option<Duration>,
    ) -> Result<Response, Trouble> {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).header("x-api-key", self.key.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(within) = within {
            request = request.timeout(within);
        }
        let response = request.send().await.map_err(|error| {
            let error = error.without_url();
            if error.is_connect() { Trouble::Unreachable(error) } else { Trouble::Broken(error) }
        })?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    async fn refusal(&self, response: Response) -> Trouble {
        let status = response.status();
        let wait = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = self.bytes(response).await.unwrap_or_default();
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let detail = &json["detail"];
        let code = detail["code"].as_str().unwrap_or_default().to_owned();
        let said = detail.as_str().map_or_else(|| detail.to_string(), str::to_owned);
        Trouble::Status { status, code, said: self.fit_for_a_log(&said), wait }
    }

    async fn bytes(&self, response: Response) -> Result<Vec<u8>, Trouble> {
        let mut body = response.bytes_stream();
        let mut all = Vec::new();
        while let Some(piece) = body.next().await {
            all.extend_from_slice(&piece.map_err(|error| Trouble::Broken(error.without_url()))?);
            if all.len() > BODY_BYTES {
                return Err(Trouble::Unreadable);
            }
        }
        Ok(all)
    }

    /// Shortens what a server said, and takes out our key and whatever else looks like one.
    pub(super) fn fit_for_a_log(&self, said: &str) -> String {
        let key = self.key.expose_secret();
        let said = if key.is_empty() { said.to_owned() } else { said.replace(key, "[key]") };
        let words: Vec<&str> = said.split_whitespace().collect();
        flow::without_secrets(&words.join(" ")).chars().take(300).collect()
    }
}

async fn pause(trouble: &Trouble, tried: u32) {
    let asked = match trouble {
        Trouble::Status { wait, .. } => *wait,
        Trouble::Unreachable(_) | Trouble::Broken(_) | Trouble::Unreadable => None,
    };
    let pause = asked.unwrap_or(PAUSE * 2_u32.pow(tried - 1)).min(LONGEST_PAUSE);
    tracing::debug!(tried, error = %trouble, "asking the Langflow server again");
    tokio::time::sleep(pause).await;
}
