//! The gateway's doors over HTTP: invoke, validate, usage, health, sessions, demos, and the test chat.
//!
//! Errors are `{"error", "detail"}` with the status that fits; a stream's error is its last event.

pub(crate) mod extract;
mod stream;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::view::chat::ChatMessage;
use domain::{ConfigId, OfferingId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use services::Principal;
use services::gateway::{self, Call, Credential, DemoCall, GatewayError, Limits, OpenSession, UsageReport};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::ClientIp;
use crate::http::AppState;
use extract::{Raw, Sender};

/// Builds the gateway's routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(invoke))
        .routes(routes!(validate, validate_get))
        .routes(routes!(usage))
        .routes(routes!(health))
        .routes(routes!(session))
        .routes(routes!(messages))
        .routes(routes!(demo))
        .routes(routes!(runtime_auth))
        .routes(routes!(runtime_usage))
        .routes(routes!(portal_chat))
}

/// A refusal of the gateway.
pub(crate) struct Refused(pub(crate) GatewayError);

impl From<GatewayError> for Refused {
    fn from(error: GatewayError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(json!({"error": error.error, "detail": error.detail}))).into_response();
        if let Some(seconds) = error.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        show_limits(&mut response, error.limits);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What to say to an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invoke {
    /// What the person said.
    input: String,
    /// The conversation; a new one where it is left out.
    #[serde(default)]
    session_id: Option<String>,
    /// Changes of fields that the flow declares.
    #[serde(default)]
    #[schema(value_type = Object)]
    tweaks: Map<String, Value>,
    /// Whether to stream, like `Accept: text/event-stream`.
    #[serde(default)]
    stream: bool,
}

impl Invoke {
    fn call(self, headers: &HeaderMap) -> Call {
        Call {
            input: self.input,
            session_id: self.session_id,
            tweaks: self.tweaks,
            idempotency_key: idempotency_key(headers),
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn wants_stream(headers: &HeaderMap, asked: bool) -> bool {
    asked
        || headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.contains("text/event-stream"))
}

/// Tells a caller where their tightest limit stands.
fn show_limits(response: &mut Response, limits: Option<Limits>) {
    let Some(limits) = limits else { return };
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(limits.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(limits.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(limits.reset));
}

async fn answer(running: gateway::Running, streamed: bool) -> Result<Response, Refused> {
    let (replayed, limits) = (running.replayed, running.limits);
    let mut response = if streamed {
        stream::sse(running.events)
    } else {
        match running.answer().await {
            Ok(answer) => Json(answer).into_response(),
            Err(error) => Refused(error).into_response(),
        }
    };
    show_limits(&mut response, limits);
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Calls an agent with a key or a session token; streams as server-sent events where that is asked for.
#[utoipa::path(post, path = "/api/agent-gateway/invoke/", tag = "gateway", request_body = Invoke,
    responses((status = 200), (status = 401), (status = 402), (status = 403), (status = 404), (status = 409), (status = 413), (status = 422), (status = 429), (status = 502), (status = 504)))]
async fn invoke(State(state): State<AppState>, sender: Sender, headers: HeaderMap, body: Raw) -> Response {
    let outcome = async {
        // Who is nobody learns nothing of what is wrong with the body.
        let caller = gateway::authenticate(&state.ctx, &sender.credential()?).await?;
        let body: Invoke = body.read()?;
        let streamed = wants_stream(&headers, body.stream);
        let running = gateway::invoke(&state.ctx, caller, body.call(&headers)).await?;
        answer(running, streamed).await
    };
    sender.cors()(outcome.await.into_response())
}

async fn validated(state: &AppState, sender: &Sender) -> Response {
    let outcome = async {
        let validation = gateway::validate(&state.ctx, &sender.credential()?).await?;
        Ok::<_, Refused>(Json(validation).into_response())
    };
    sender.cors()(outcome.await.into_response())
}

/// Says what a key is.
#[utoipa::path(post, path = "/api/agent-gateway/validate/", tag = "gateway", responses((status = 200), (status = 401), (status = 403)))]
async fn validate(State(state): State<AppState>, sender: Sender) -> Response {
    validated(&state, &sender).await
}

/// Says what a key is.
#[utoipa::path(get, path = "/api/agent-gateway/validate/", tag = "gateway", responses((status = 200), (status = 401), (status = 403)))]
async fn validate_get(State(state): State<AppState>, sender: Sender) -> Response {
    validated(&state, &sender).await
}

/// Says what a key is: the older name, which takes the key in the body too.
#[utoipa::path(post, path = "/api/runtime/auth/", tag = "gateway", request_body = Value, responses((status = 200), (status = 401), (status = 403)))]
async fn runtime_auth(State(state): State<AppState>, mut sender: Sender, body: Raw) -> Response {
    let body: Value = body.read().unwrap_or_default();
    if let (None, Some(key)) = (&sender.token, body["api_key"].as_str()) {
        sender.token = Some(key.to_owned());
    }
    validated(&state, &sender).await
}

/// What a remote runtime has spent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Spent {
    config_uuid: String,
    /// The runtime's own name for what it reports: the same name again counts nothing. The header
    /// `Idempotency-Key` does the same.
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default, alias = "tokens_input")]
    input_tokens: i64,
    #[serde(default, alias = "tokens_output")]
    output_tokens: i64,
    /// How many calls; 1 where it is left out.
    #[serde(default)]
    api_calls: Option<i64>,
}

async fn spent(state: &AppState, headers: &HeaderMap, body: Raw) -> Result<Response, Refused> {
    let secret = headers.get("x-runtime-secret").and_then(|value| value.to_str().ok());
    gateway::check_runtime(&state.ctx, secret)?;
    let body: Spent = body.read()?;
    let config = body
        .config_uuid
        .parse::<ConfigId>()
        .map_err(|_| GatewayError::new(422, "invalid", "config_uuid is not an identifier"))?;
    let report = UsageReport {
        config,
        request_id: body.request_id.or_else(|| idempotency_key(headers)),
        calls: body.api_calls.unwrap_or(1),
        input_tokens: body.input_tokens,
        output_tokens: body.output_tokens,
    };
    let reported = gateway::report_usage(&state.ctx, secret, &report).await?;
    Ok(Json(json!({"status": "ok", "request_id": reported.request_id, "recorded": reported.recorded})).into_response())
}

/// Reports what a remote runtime has spent; it authenticates with `X-Runtime-Secret`.
#[utoipa::path(post, path = "/api/agent-gateway/usage/", tag = "gateway", request_body = Spent, responses((status = 200), (status = 401), (status = 404), (status = 422)))]
async fn usage(State(state): State<AppState>, headers: HeaderMap, body: Raw) -> Result<Response, Refused> {
    spent(&state, &headers, body).await
}

/// Reports what a remote runtime has spent: the older name.
#[utoipa::path(post, path = "/api/runtime/usage/", tag = "gateway", request_body = Spent, responses((status = 200), (status = 401), (status = 404), (status = 422)))]
async fn runtime_usage(State(state): State<AppState>, headers: HeaderMap, body: Raw) -> Result<Response, Refused> {
    spent(&state, &headers, body).await
}

/// Says whether calls can be expected to work.
#[utoipa::path(get, path = "/api/agent-gateway/health/", tag = "gateway", responses((status = 200), (status = 503)))]
async fn health(State(state): State<AppState>) -> Response {
    let checks = gateway::health(&state.ctx).await;
    let healthy = checks.iter().all(|(_, fine)| *fine);
    let word = |fine: bool| if fine { "healthy" } else { "unhealthy" };
    let checks: Map<String, Value> =
        checks.into_iter().map(|(name, fine)| (name.to_owned(), word(fine).into())).collect();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"status": word(healthy), "checks": checks}))).into_response()
}

/// What a widget opens a conversation with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Open {
    config_id: String,
    /// The key of the page.
    key: String,
    /// The origin of the page that shows the widget, as its frame was told by the browser.
    parent_origin: String,
    /// What the widget kept of an earlier conversation.
    #[serde(default)]
    handle: Option<String>,
}

/// Exchanges a page's key for a session token of ten minutes.
#[utoipa::path(post, path = "/api/agent-gateway/session/", tag = "gateway", request_body = Open, responses((status = 200), (status = 401), (status = 402), (status = 403), (status = 404)))]
async fn session(State(state): State<AppState>, sender: Sender, body: Raw) -> Response {
    let outcome = async {
        let body: Open = body.read()?;
        let config = body
            .config_id
            .parse::<ConfigId>()
            .map_err(|_| GatewayError::new(404, "not_found", "There is no such agent."))?;
        // A frame of ours speaks for the page around it; a page speaks for itself alone.
        let origin = if sender.is_ours() { Some(body.parent_origin.as_str()) } else { sender.origin.as_deref() };
        let credential = Credential { token: &body.key, origin, from_page: true, ip: sender.ip.0 };
        let opened =
            gateway::open_session(&state.ctx, OpenSession { config, credential, handle: body.handle.as_deref() })
                .await?;
        Ok::<_, Refused>(Json(opened).into_response())
    };
    sender.cors()(outcome.await.into_response())
}

/// Lists the last messages of a session token's own conversation.
#[utoipa::path(get, path = "/api/agent-gateway/session/messages/", tag = "gateway", responses((status = 200), (status = 401)))]
async fn messages(State(state): State<AppState>, sender: Sender) -> Response {
    let outcome = async {
        let messages: Vec<ChatMessage> = gateway::messages(&state.ctx, &sender.credential()?).await?;
        Ok::<_, Refused>(Json(messages).into_response())
    };
    sender.cors()(outcome.await.into_response())
}

/// What a visitor says to a demo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Demo {
    input: String,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    stream: bool,
}

/// Lets a visitor try an offering: a few messages, nothing billed.
#[utoipa::path(post, path = "/api/agent-gateway/demo/{offering_uuid}/", tag = "gateway", request_body = Demo, responses((status = 200), (status = 402), (status = 404), (status = 413), (status = 422), (status = 429)))]
async fn demo(
    State(state): State<AppState>,
    Extension(ip): Extension<ClientIp>,
    Path(offering): Path<String>,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response, Refused> {
    let offering = offering
        .parse::<OfferingId>()
        .map_err(|_| GatewayError::new(404, "not_found", "There is no such offering."))?;
    let body: Demo = body.read()?;
    let streamed = wants_stream(&headers, body.stream);
    let call = DemoCall { offering, session_id: body.session_id, input: body.input, ip: ip.0 };
    let demo = gateway::admit_demo(&state.ctx, call).await?;
    if !streamed {
        return Ok(Json(demo.answer(&state.ctx, None).await?).into_response());
    }
    let (sender, events) = tokio::sync::mpsc::channel(64);
    let remaining = demo.remaining();
    tokio::spawn(async move { demo.answer(&state.ctx, Some(sender)).await });
    let mut response = stream::sse(events);
    response.headers_mut().insert("x-demo-remaining", HeaderValue::from(remaining));
    Ok(response)
}

/// The portal's test chat: a member talks to their own agent; metered like any other call.
#[utoipa::path(post, path = "/ui-stream/chat/{config}/", tag = "portal", request_body = Invoke, responses((status = 200), (status = 401), (status = 403), (status = 404)))]
async fn portal_chat(
    State(state): State<AppState>,
    principal: Option<Extension<Principal>>,
    Path(config): Path<String>,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response, Refused> {
    let principal = principal.map(|Extension(principal)| principal).unwrap_or_default();
    let config =
        config.parse::<ConfigId>().map_err(|_| GatewayError::new(404, "not_found", "There is no such agent."))?;
    let caller = gateway::portal_caller(&state.ctx, &principal, config).await.map_err(GatewayError::from)?;
    let body: Invoke = body.read()?;
    let streamed = wants_stream(&headers, body.stream);
    let call = body.call(&headers);
    let running = gateway::invoke(&state.ctx, caller, call).await?;
    answer(running, streamed).await
}
