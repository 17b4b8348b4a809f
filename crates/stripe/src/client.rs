//! Sending a request, and again where that can do no harm.
//!
//! What a newcomer gets wrong: an error is not a no. When the answer to a request that moves money is lost, the money
//! may have moved. So each failure says which of three it is, and only the caller, who has kept key and bytes, knows
//! what to do about the third.

use std::time::Duration;

use rand::RngExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::calls::{self, Call};
use crate::endpoint::{Endpoint, Mode};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(55);
/// The largest answer that is read.
const LARGEST: usize = 8 * 1024 * 1024;
/// The longest pause that an answer can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long to wait before each further try; as many as there are.
#[derive(Clone, Debug)]
pub struct Pauses(pub Vec<Duration>);

impl Default for Pauses {
    /// Two more tries, after half a second and after two.
    fn default() -> Self {
        Self(vec![Duration::from_millis(500), Duration::from_secs(2)])
    }
}

/// Asks Stripe.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    version: String,
    pauses: Pauses,
}

/// An answer of 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub body: Vec<u8>,
    /// Stripe's name for the request.
    pub request_id: String,
}

impl Answer {
    /// Reads what it says.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body).map_err(|error| Trouble::Unclear {
            why: format!("the answer to {} cannot be read: {error}", self.request_id),
            kept: false,
        })
    }
}

/// What Stripe says no with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// `card_error`, `invalid_request_error`, `idempotency_error` and others.
    pub kind: String,
    /// A word for programs, `card_declined`.
    pub code: String,
    /// A sentence; for the payer where it is a `card_error`, and for the operator elsewhere.
    pub message: String,
    /// Stripe's name for the request.
    pub request_id: String,
}

/// Why a request was not answered with what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Stripe says no, and has done nothing.
    #[error("Stripe refuses it: {} ({}, {})", .0.message, .0.code, .0.request_id)]
    Refused(Refusal),
    /// Stripe has done nothing, and may later.
    #[error("{0}")]
    NotNow(String),
    /// Stripe may have done it.
    #[error("{why}")]
    Unclear {
        /// What happened.
        why: String,
        /// Whether Stripe keeps that answer under the key, so that the same request is answered the same.
        kept: bool,
    },
}

#[derive(Deserialize)]
struct Envelope {
    error: Words,
}

#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    r#type: String,
    code: Option<String>,
    decline_code: Option<String>,
    message: Option<String>,
}

/// What one try came to.
struct Tried {
    outcome: Result<Answer, Trouble>,
    /// Whether the same bytes may be sent again now.
    again: bool,
    /// How long Stripe asks to wait.
    after: Option<Duration>,
}

impl Client {
    /// Makes a client.
    pub fn new(endpoint: Endpoint, pauses: Pauses) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            // The key goes where it is meant to go, and nowhere else.
            .redirect(Policy::none())
            .user_agent(concat!("cmp/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, endpoint, version: calls::version(), pauses })
    }

    /// Returns whether money moves.
    pub fn mode(&self) -> Mode {
        self.endpoint.mode()
    }

    /// Asks for something that can be asked for at any time, and reads the answer.
    pub async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Trouble> {
        self.send(call, None).await?.read()
    }

    /// Sends a request, with the same bytes and the same key each time that it is tried.
    pub async fn send(&self, call: &Call, key: Option<&str>) -> Result<Answer, Trouble> {
        let mut pauses = self.pauses.0.iter();
        loop {
            let Tried { outcome, again, after } = self.attempt(call, key).await;
            if let Err(trouble) = &outcome {
                tracing::info!(stripe.path = %call.path, %trouble, "Stripe did not do what it was asked for");
            }
            // What writes is sent again under a key alone.
            let Some(pause) = pauses.next().filter(|_| again && (call.reads || key.is_some())) else { return outcome };
            let pause = after.unwrap_or_else(|| pause.mul_f64(rand::rng().random_range(0.75..1.25)));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
    }

    async fn attempt(&self, call: &Call, key: Option<&str>) -> Tried {
        let failed = |trouble, again| Tried { outcome: Err(trouble), again, after: None };
        let Ok(url) = self.endpoint.base.join(&call.target()) else {
            return failed(Trouble::NotNow(format!("{:?} is no address", call.path)), false);
        };
        let method = if call.reads { reqwest::Method::GET } else { reqwest::Method::POST };
        let mut request = self
            .http
            .request(method, url)
            .header(AUTHORIZATION, format!("Bearer {}", self.endpoint.key.expose_secret()))
            .header(VERSION, &self.version);
        if let Some(key) = key {
            request = request.header(KEY, key);
        }
        if !call.reads {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(call.body.clone());
        }
        let response = match request.send().await {
            Ok(response) => response,
            // Nothing was sent over a connection that was never made.
            Err(error) if error.is_connect() || call.reads => {
                return failed(Trouble::NotNow(format!("Stripe cannot be reached: {}", chain(&error))), true);
            }
            Err(error) => {
                let why = format!("Stripe's answer was lost: {}", chain(&error));
                return failed(Trouble::Unclear { why, kept: false }, true);
            }
        };
        let status = response.status().as_u16();
        let header = |name: &str| text(response.headers(), name);
        let request_id = header("request-id");
        let told = header("stripe-should-retry");
        let kept = header("idempotent-replayed") == "true";
        let after = header("retry-after").parse().ok().map(Duration::from_secs);
        let body = match body(response).await {
            Ok(body) => body,
            Err(why) if call.reads => return failed(Trouble::NotNow(why), true),
            Err(why) => return failed(Trouble::Unclear { why, kept: false }, true),
        };
        tracing::debug!(stripe.path = %call.path, stripe.request_id = %request_id, status, "Stripe answered");
        if (200..300).contains(&status) {
            return Tried { outcome: Ok(Answer { body, request_id }), again: false, after: None };
        }
        let words = serde_json::from_slice::<Envelope>(&body).map(|envelope| envelope.error);
        let (kind, code, message) = match words {
            Ok(words) => (words.r#type, words.decline_code.or(words.code), words.message),
            Err(_) => (String::new(), None, None),
        };
        let code = code.unwrap_or_default();
        let message = message.unwrap_or_else(|| format!("an answer of {status}"));
        let why = format!("{message} (status {status}, request {request_id})");
        let trouble = match status {
            // The key is wrong, or may not do this: the operator can change that.
            401 | 403 | 409 | 425 | 429 => Trouble::NotNow(why),
            // The same key was used for something else: what came of that is to be looked up.
            400 if kind == "idempotency_error" => Trouble::Unclear { why, kept: true },
            400..500 => Trouble::Refused(Refusal { status, kind, code, message, request_id }),
            _ if call.reads => Trouble::NotNow(why),
            _ => Trouble::Unclear { why, kept },
        };
        let again = match told.as_str() {
            "true" => true,
            "false" => false,
            // What is kept under the key is answered again each time.
            _ => matches!(status, 409 | 425 | 429 | 500..) && !kept,
        };
        Tried { outcome: Err(trouble), again, after }
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Reads a body that is not too large.
async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err("Stripe's answer is too large".to_owned()),
            Ok(None) => return Ok(body),
            Err(error) => return Err(format!("Stripe's answer was cut off: {}", chain(&error))),
        }
    }
}

/// Writes an error with what caused it, and without the address.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "it took too long".to_owned() } else { "the connection failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
