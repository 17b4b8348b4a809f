//! Any endpoint that speaks OpenAI's `/chat/completions`, streaming or not.
//!
//! Retries happen only before the first piece of an answer has been handed on: after that, a second try
//! would say the beginning twice. Error texts never carry the key or the prompt.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};

use super::{ModelAnswer, ModelError, ModelProvider, ModelRequest, TokenSink, Usage, estimate_tokens, sse::Events};
use crate::memory::Role;

/// The most bytes of one answer that we read.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// An OpenAI-compatible endpoint.
#[derive(Clone, Debug)]
pub struct OpenAiCompatible {
    client: reqwest::Client,
    name: String,
    base_url: String,
    key: Option<SecretString>,
    attempts: u32,
    backoff: Duration,
    idle: Duration,
}

impl OpenAiCompatible {
    /// Speaks to `base_url`, which ends where `/chat/completions` begins, `https://api.openai.com/v1`.
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
            name: "OpenAI".into(),
            base_url: base_url.trim().trim_end_matches('/').trim_end_matches("/chat/completions").to_owned(),
            key,
            attempts: 3,
            backoff: Duration::from_millis(300),
            idle: Duration::from_mins(1),
        }
    }

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

    fn body(request: &ModelRequest) -> Json {
        let mut messages = Vec::new();
        let system = request.full_system();
        if !system.is_empty() {
            messages.push(json!({ "role": "system", "content": system }));
        }
        for message in &request.messages {
            let role = if message.role == Role::Agent { "assistant" } else { "user" };
            messages.push(json!({ "role": role, "content": message.text }));
        }
        let mut body = json!({ "model": request.model, "messages": messages, "stream": request.stream });
        if request.stream {
            body["stream_options"] = json!({ "include_usage": true });
        }
        // Reasoning models refuse a temperature and count their tokens under another name.
        let reasons = reasons(&request.model);
        if let Some(temperature) = request.temperature.filter(|_| !reasons) {
            body["temperature"] = json!(temperature);
        }
        if let Some(most) = request.max_tokens.filter(|most| *most > 0) {
            body[if reasons { "max_completion_tokens" } else { "max_tokens" }] = json!(most);
        }
        body
    }

    async fn attempt(
        &self,
        request: &ModelRequest,
        body: &Json,
        tokens: &dyn TokenSink,
    ) -> Result<ModelAnswer, Failure> {
        let mut call = self.client.post(format!("{}/chat/completions", self.base_url)).json(body);
        if let Some(key) = &self.key {
            call = call.bearer_auth(key.expose_secret());
        }
        let response = match tokio::time::timeout(self.idle, call.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let what = if error.is_connect() { "it cannot be reached" } else { "the connection failed" };
                return Err(Failure::before(self.error(None, true, what)));
            }
            Err(_) => {
                return Err(Failure::before(self.error(None, true, "it did not answer in time")));
            }
        };
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(response).await);
        }
        let is_stream = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .and_then(|it| it.to_str().ok())
            .is_some_and(|it| it.starts_with("text/event-stream"));
        if is_stream {
            self.read_stream(request, response, tokens).await
        } else {
            self.read_whole(request, response, tokens).await
        }
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
        let Some(message) = json["choices"].get(0).map(|choice| &choice["message"]) else {
            return Err(Failure::before(self.error(Some(200), false, "its answer has no choices")));
        };
        let text = content(&message["content"]);
        if request.stream && !text.is_empty() {
            tokens.token(&text).await.map_err(Failure::after)?;
        }
        Ok(Self::answer(request, text, usage(&json["usage"]), json["model"].as_str()))
    }

    async fn read_stream(
        &self,
        request: &ModelRequest,
        response: reqwest::Response,
        tokens: &dyn TokenSink,
    ) -> Result<ModelAnswer, Failure> {
        let mut body = response.bytes_stream();
        let mut events = Events::default();
        let (mut text, mut used, mut model) = (String::new(), None, None);
        let mut finished = false;
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
            let ready = match chunk {
                Some(chunk) => events.push(&chunk),
                // A last event may lack its empty line.
                None => events.push(b"\n\n"),
            };
            if events.pending() > ANSWER_BYTES || text.len() > ANSWER_BYTES {
                return Err(fail(self.error(Some(200), false, "its answer is too long"), &text));
            }
            for event in ready {
                if event.trim() == "[DONE]" {
                    finished = true;
                    continue;
                }
                let Ok(json) = serde_json::from_str::<Json>(&event) else {
                    continue;
                };
                self.said_error(&json).map_err(|error| fail(error, &text))?;
                if let Some(name) = json["model"].as_str() {
                    model = Some(name.to_owned());
                }
                if let Some(counted) = usage(&json["usage"]) {
                    used = Some(counted);
                }
                let Some(choice) = json["choices"].get(0) else {
                    continue;
                };
                finished |= choice["finish_reason"].is_string();
                let piece = content(&choice["delta"]["content"]);
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
        if !finished {
            return Err(Failure {
                error: self.error(None, true, "its answer ended in the middle"),
                wait: None,
                started: !text.is_empty(),
            });
        }
        Ok(Self::answer(request, text, used, model.as_deref()))
    }

    fn answer(request: &ModelRequest, text: String, used: Option<Usage>, model: Option<&str>) -> ModelAnswer {
        let usage = used.unwrap_or_else(|| Usage {
            input_tokens: estimate_tokens(&request.full_system())
                + request.messages.iter().map(|it| estimate_tokens(&it.text)).sum::<u64>(),
            output_tokens: estimate_tokens(&text),
            estimated: true,
        });
        ModelAnswer { text, usage, model: model.unwrap_or(&request.model).to_owned() }
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
        let retryable = code.is_some_and(|it| it == 429 || it >= 500);
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
impl ModelProvider for OpenAiCompatible {
    async fn complete(&self, request: &ModelRequest, tokens: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        let body = Self::body(request);
        let mut attempt = 1;
        loop {
            match self.attempt(request, &body, tokens).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.error.retryable && !failure.started && attempt < self.attempts => {
                    let pause = self.backoff.saturating_mul(1 << (attempt - 1).min(6));
                    // An endpoint that asks for minutes is asking the caller, not us.
                    let pause = failure.wait.map_or(pause, |wait| wait.max(pause));
                    if pause > Duration::from_secs(20) {
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

fn reasons(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["o1", "o3", "o4", "gpt-5"].iter().any(|start| name.starts_with(start)) && !name.contains("chat")
}

/// Text, or a list of parts of which the text ones count.
fn content(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

fn usage(value: &Json) -> Option<Usage> {
    Some(Usage {
        input_tokens: value["prompt_tokens"].as_u64()?,
        output_tokens: value["completion_tokens"].as_u64().unwrap_or(0),
        estimated: false,
    })
}

fn short(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 200 {
        line = line.chars().take(200).collect::<String>() + "…";
    }
    line
}
