//! What all models over HTTP have in common: one question, retries, an answer whole or piece by piece.
//!
//! Retries happen only before the first piece of an answer has been handed on: after that, a second try
//! would say the beginning twice. Error texts never carry the key or the prompt. What a provider's bodies
//! look like is its [`Wire`].

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};

use super::{
    ModelAnswer, ModelError, ModelProvider, ModelRequest, TokenSink, ToolCall, ToolSchema, Usage, estimate_tokens,
    sse::Events,
};

/// The most bytes of one answer that we read.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// The most tools that a model may call at once.
const CALLS: usize = 64;
/// The longest that we wait before we try again.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What one provider's requests and answers look like.
pub trait Wire: Clone + Debug + Send + Sync + 'static {
    /// What errors call the provider.
    const NAME: &'static str;
    /// What is cut off a base URL that somebody gave with the path of a call.
    const PATH: &'static str;

    /// Returns the path below the base URL.
    fn path(&self, request: &ModelRequest) -> String;

    /// Returns the body.
    fn body(&self, request: &ModelRequest) -> Json;

    /// Returns the headers that carry the key, and others that each call has.
    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)>;

    /// Takes a part of an answer into `part`: an event of a stream, or the whole.
    fn take(&self, event: &Json, part: &mut Part);
}

/// The header of a key as most providers want it.
pub(super) fn bearer(key: Option<&str>) -> Vec<(&'static str, String)> {
    key.map(|key| ("authorization", format!("Bearer {key}"))).into_iter().collect()
}

/// A tool as OpenAI writes it, and whoever follows it.
pub(super) fn function(tool: &ToolSchema) -> Json {
    json!({"type": "function", "function": {
        "name": tool.name, "description": tool.description, "parameters": tool.parameters,
    }})
}

/// What of an answer has arrived.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Text that has arrived since it was last taken.
    pub text: String,
    /// The tools to be called, by their place in the answer; arguments are JSON in pieces.
    pub calls: Vec<PartialCall>,
    /// What it took.
    pub usage: Option<Usage>,
    /// Which model answers.
    pub model: Option<String>,
    /// Whether the answer came to its end.
    pub finished: bool,
}

/// A tool call in pieces.
#[derive(Clone, Debug, Default)]
pub struct PartialCall {
    /// Its place in the answer.
    pub index: u64,
    /// The provider's name of the call.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// The arguments, as JSON.
    pub arguments: String,
}

impl Part {
    /// Returns the call at a place; none when there are too many.
    pub fn call(&mut self, index: u64) -> Option<&mut PartialCall> {
        if let Some(at) = self.calls.iter().position(|call| call.index == index) {
            return self.calls.get_mut(at);
        }
        if self.calls.len() >= CALLS {
            return None;
        }
        self.calls.push(PartialCall { index, ..PartialCall::default() });
        self.calls.last_mut()
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.calls.iter().map(|call| call.arguments.len()).sum::<usize>()
    }
}

/// A model over HTTP.
#[derive(Clone, Debug)]
pub struct HttpModel<W> {
    client: reqwest::Client,
    wire: W,
    name: String,
    base_url: String,
    key: Option<SecretString>,
    attempts: u32,
    backoff: Duration,
    idle: Duration,
}

impl<W: Wire + Default> HttpModel<W> {
    /// Speaks to `base_url`, which ends where the path of a call begins, `https://api.openai.com/v1`.
    pub fn new(base_url: &str, key: Option<SecretString>) -> Result<Self, ModelError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // A model endpoint has no reason to send us, and the key, elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| ModelError {
                provider: "model".into(),
                status: None,
                retryable: false,
                message: "the HTTP client could not be made".into(),
            })?;
        Ok(Self::with_client(client, base_url, key))
    }

    /// The same with a client of the host's, which should not follow redirects.
    pub fn with_client(client: reqwest::Client, base_url: &str, key: Option<SecretString>) -> Self {
        Self {
            client,
            wire: W::default(),
            name: W::NAME.into(),
            base_url: base_url.trim().trim_end_matches('/').trim_end_matches(W::PATH).to_owned(),
            key,
            attempts: 3,
            backoff: Duration::from_millis(300),
            idle: Duration::from_mins(1),
        }
    }
}

impl<W: Wire> HttpModel<W> {
    /// Sets the name that errors use.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets how often a call is tried, and how long the first pause is.
    pub fn with_retries(mut self, attempts: u32, backoff: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.backoff = backoff;
        self
    }

    /// Sets how long the endpoint may be silent.
    pub fn with_idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    async fn attempt(
        &self,
        request: &ModelRequest,
        body: &Json,
        tokens: &dyn TokenSink,
    ) -> Result<ModelAnswer, Failure> {
        let mut call = self.client.post(format!("{}{}", self.base_url, self.wire.path(request))).json(body);
        for (name, value) in self.wire.headers(self.key.as_ref().map(SecretString::expose_secret)) {
            call = call.header(name, value);
        }
        let response = match tokio::time::timeout(self.idle, call.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let what = if error.is_connect() { "it cannot be reached" } else { "the connection failed" };
                return Err(Failure::before(self.error(None, true, what)));
            }
            Err(_) => return Err(Failure::before(self.error(None, true, "it did not answer in time"))),
        };
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let kind = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let framing = if kind.starts_with("text/event-stream") {
            Framing::Events(Events::default())
        } else if kind.starts_with("application/x-ndjson") {
            Framing::Lines(Vec::new())
        } else {
            return self.read_whole(request, response, tokens).await;
        };
        self.read_stream(request, response, framing, tokens).await
    }

    async fn refusal(&self, response: reqwest::Response) -> Failure {
        let status = response.status().as_u16();
        let wait = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|it| it.to_str().ok())
            .and_then(|it| it.parse::<u64>().ok())
            .map(Duration::from_secs);
        let retryable = matches!(status, 408 | 409 | 425 | 429 | 500..=599);
        let body = self.bytes(response, 64 * 1024).await.unwrap_or_default();
        let said = serde_json::from_slice::<Json>(&body).ok().and_then(|json| {
            let error = &json["error"];
            error["message"]
                .as_str()
                .or_else(|| error.as_str())
                .or_else(|| json["detail"].as_str())
                .map(ToOwned::to_owned)
        });
        let what = match status {
            401 | 403 => "it refused the key".to_owned(),
            404 => "it does not know this model or address".to_owned(),
            429 => "it is rate limited or out of quota".to_owned(),
            _ => said.map_or_else(|| format!("it answered {status}"), |said| short(&self.without_key(&said))),
        };
        Failure { error: self.error(Some(status), retryable, what), wait, started: false }
    }

    async fn read_whole(
        &self,
        request: &ModelRequest,
        response: reqwest::Response,
        tokens: &dyn TokenSink,
    ) -> Result<ModelAnswer, Failure> {
        let body = self.bytes(response, ANSWER_BYTES).await.map_err(Failure::before)?;
        let json: Json = serde_json::from_slice(&body)
            .map_err(|_| Failure::before(self.error(Some(200), false, "its answer is not JSON")))?;
        self.said_error(&json).map_err(Failure::before)?;
        let mut part = Part::default();
        self.wire.take(&json, &mut part);
        if !part.finished && part.text.is_empty() && part.calls.is_empty() {
            return Err(Failure::before(self.error(Some(200), false, "its answer has no choices")));
        }
        let text = std::mem::take(&mut part.text);
        if request.stream && !text.is_empty() {
            tokens.token(&text).await.map_err(Failure::after)?;
        }
        Ok(Self::answer(request, text, part))
    }

    async fn read_stream(
        &self,
        request: &ModelRequest,
        response: reqwest::Response,
        mut framing: Framing,
        tokens: &dyn TokenSink,
    ) -> Result<ModelAnswer, Failure> {
        let mut body = response.bytes_stream();
        let mut part = Part::default();
        let mut text = String::new();
        loop {
            let fail = |error: ModelError, text: &str| Failure { error, wait: None, started: !text.is_empty() };
            let chunk = match tokio::time::timeout(self.idle, body.next()).await {
                Ok(Some(Ok(chunk))) => Some(chunk),
                Ok(Some(Err(_))) => {
                    return Err(fail(self.error(None, true, "the connection broke"), &text));
                }
                Ok(None) => None,
                Err(_) => return Err(fail(self.error(None, true, "it fell silent"), &text)),
            };
            let at_end = chunk.is_none();
            let ready = framing.push(chunk.as_deref());
            if framing.pending() > ANSWER_BYTES || text.len() + part.bytes() > ANSWER_BYTES {
                return Err(fail(self.error(Some(200), false, "its answer is too long"), &text));
            }
            for event in ready {
                if event.trim() == "[DONE]" {
                    part.finished = true;
                    continue;
                }
                let Ok(json) = serde_json::from_str::<Json>(&event) else {
                    continue;
                };
                self.said_error(&json).map_err(|error| fail(error, &text))?;
                self.wire.take(&json, &mut part);
                let piece = std::mem::take(&mut part.text);
                if !piece.is_empty() {
                    text.push_str(&piece);
                    tokens.token(&piece).await.map_err(Failure::after)?;
                }
            }
            if at_end {
                break;
            }
        }
        // An endpoint that just closes has not finished its sentence.
        if !part.finished {
            return Err(Failure {
                error: self.error(None, true, "its answer ended in the middle"),
                wait: None,
                started: !text.is_empty(),
            });
        }
        Ok(Self::answer(request, text, part))
    }

    fn answer(request: &ModelRequest, text: String, part: Part) -> ModelAnswer {
        let usage = part.usage.unwrap_or_else(|| Usage {
            input_tokens: estimate_tokens(&request.full_system())
                + request.messages.iter().map(|it| estimate_tokens(&it.text)).sum::<u64>(),
            output_tokens: estimate_tokens(&text),
            estimated: true,
        });
        let calls = part.calls.into_iter().filter(|call| !call.name.is_empty()).map(|call| {
            let written = call.arguments.trim();
            let arguments = if written.is_empty() {
                Json::Object(serde_json::Map::new())
            } else {
                serde_json::from_str(written).unwrap_or_else(|_| Json::String(call.arguments.clone()))
            };
            ToolCall { id: call.id, name: call.name, arguments }
        });
        let tool_calls = calls.collect();
        ModelAnswer { text, tool_calls, usage, model: part.model.unwrap_or_else(|| request.model.clone()) }
    }

    async fn bytes(&self, response: reqwest::Response, most: usize) -> Result<Vec<u8>, ModelError> {
        let mut body = response.bytes_stream();
        let mut all = Vec::new();
        while let Some(chunk) =
            tokio::time::timeout(self.idle, body.next()).await.map_err(|_| self.error(None, true, "it fell silent"))?
        {
            all.extend_from_slice(&chunk.map_err(|_| self.error(None, true, "the connection broke"))?);
            if all.len() > most {
                return Err(self.error(Some(200), false, "its answer is too long"));
            }
        }
        Ok(all)
    }

    /// Some endpoints answer 200 and put the error inside.
    fn said_error(&self, json: &Json) -> Result<(), ModelError> {
        let error = &json["error"];
        if error.is_null() {
            return Ok(());
        }
        let said = error["message"].as_str().or_else(|| error.as_str()).unwrap_or("it answered with an error");
        let code = error["code"].as_u64().and_then(|it| u16::try_from(it).ok());
        let busy = matches!(error["type"].as_str(), Some("overloaded_error" | "rate_limit_error" | "api_error"));
        let retryable = busy || code.is_some_and(|it| it == 429 || it >= 500);
        Err(self.error(code, retryable, short(&self.without_key(said))))
    }

    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) if !key.expose_secret().is_empty() => text.replace(key.expose_secret(), "[key]"),
            _ => text.to_owned(),
        }
    }

    fn error(&self, status: Option<u16>, retryable: bool, message: impl Into<String>) -> ModelError {
        ModelError { provider: self.name.clone(), status, retryable, message: message.into() }
    }
}

#[async_trait]
impl<W: Wire> ModelProvider for HttpModel<W> {
    async fn complete(&self, request: &ModelRequest, tokens: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        let body = self.wire.body(request);
        let mut attempt = 1;
        loop {
            match self.attempt(request, &body, tokens).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.error.retryable && !failure.started && attempt < self.attempts => {
                    let pause = self.backoff.saturating_mul(1 << (attempt - 1).min(6));
                    // An endpoint that asks for minutes is asking the caller, not us.
                    let pause = failure.wait.map_or(pause, |wait| wait.max(pause));
                    if pause > LONGEST_PAUSE {
                        return Err(failure.error);
                    }
                    tracing::debug!(attempt, model.status = failure.error.status, "trying the model again");
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    fn with_key(&self, key: SecretString) -> Option<Arc<dyn ModelProvider>> {
        Some(Arc::new(Self { key: Some(key), ..self.clone() }))
    }
}

/// How the parts of a streamed answer are told apart.
enum Framing {
    /// Server-sent events.
    Events(Events),
    /// One JSON a line.
    Lines(Vec<u8>),
}

impl Framing {
    /// Takes bytes, or the end, and returns the parts that they complete.
    fn push(&mut self, chunk: Option<&[u8]>) -> Vec<String> {
        match self {
            // A last event may lack its empty line.
            Self::Events(events) => events.push(chunk.unwrap_or(b"\n\n")),
            Self::Lines(kept) => {
                kept.extend_from_slice(chunk.unwrap_or(b"\n"));
                let Some(end) = kept.iter().rposition(|byte| *byte == b'\n') else {
                    return Vec::new();
                };
                let whole: Vec<u8> = kept.drain(..=end).collect();
                let lines = String::from_utf8_lossy(&whole);
                lines.lines().filter(|line| !line.trim().is_empty()).map(ToOwned::to_owned).collect()
            }
        }
    }

    fn pending(&self) -> usize {
        match self {
            Self::Events(events) => events.pending(),
            Self::Lines(kept) => kept.len(),
        }
    }
}

struct Failure {
    error: ModelError,
    wait: Option<Duration>,
    /// Whether pieces of the answer were already handed on.
    started: bool,
}

impl Failure {
    fn before(error: ModelError) -> Self {
        Self { error, wait: None, started: false }
    }

    fn after(error: ModelError) -> Self {
        Self { error, wait: None, started: true }
    }
}

fn short(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 200 {
        line = line.chars().take(200).collect::<String>() + "…";
    }
    line
}
