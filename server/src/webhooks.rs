//! What payment rails deliver, and the sandbox's own payment page for programs.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use services::orders;
use services::ports::{SandboxBank, SandboxCard, SandboxRefused};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::error::{ApiError, ApiResult};
use crate::gateway::extract::Raw;
use crate::http::AppState;

/// Builds the rails' routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sandbox_event))
        .routes(routes!(sandbox_pay))
        .routes(routes!(sandbox_bank))
        .routes(routes!(stripe_event))
        .routes(routes!(stripe_connect_event))
}

/// The largest event that is read.
const EVENT_BYTES: usize = 1024 * 1024;

/// Takes an event of Stripe's; it authenticates by its signature over the raw body.
#[utoipa::path(post, path = "/api/stripe/webhook/", tag = "orders", request_body = serde_json::Value,
    responses((status = 200), (status = 400), (status = 404), (status = 413), (status = 503)))]
async fn stripe_event(State(state): State<AppState>, headers: HeaderMap, body: Body) -> Response {
    let (ctx, rail) = (&state.ctx, state.ctx.payments.rail());
    if !rail.starts_with("stripe") {
        return not_used();
    }
    let Some(body) = event_bytes(body).await else { return too_large() };
    answered(orders::receive_event(ctx, rail, &body, stripe_signature(&headers)).await)
}

/// Takes an event of Stripe's about a provider's account.
#[utoipa::path(post, path = "/api/stripe/webhook/connect/", tag = "orders", request_body = serde_json::Value,
    responses((status = 200), (status = 400), (status = 404), (status = 413), (status = 503)))]
async fn stripe_connect_event(State(state): State<AppState>, headers: HeaderMap, body: Body) -> Response {
    let (ctx, rail) = (&state.ctx, state.ctx.payments.rail());
    if !rail.starts_with("stripe") {
        return not_used();
    }
    let Some(body) = event_bytes(body).await else { return too_large() };
    answered(orders::receive_connect_event(ctx, rail, &body, stripe_signature(&headers)).await)
}

fn stripe_signature(headers: &HeaderMap) -> &str {
    headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn event_bytes(body: Body) -> Option<bytes::Bytes> {
    axum::body::to_bytes(body, EVENT_BYTES).await.ok()
}

fn not_used() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({"detail": "Stripe is not used here."}))).into_response()
}

fn too_large() -> Response {
    let detail = format!("An event has {EVENT_BYTES} bytes at most.");
    (StatusCode::PAYLOAD_TOO_LARGE, Json(json!({"detail": detail}))).into_response()
}

/// Answers a webhook: what is stored is Stripe's no longer, and what is not, it delivers again.
fn answered(outcome: services::Result<()>) -> Response {
    let (status, answer) = match outcome {
        Ok(()) => (StatusCode::OK, json!({"received": true})),
        // The same words whatever is wrong: whoever forges learns nothing.
        Err(services::Error::Forbidden(_) | services::Error::Invalid(_)) => {
            (StatusCode::BAD_REQUEST, json!({"detail": "This is no event that Stripe has signed just now."}))
        }
        Err(error) => {
            tracing::error!(error = %services::error::chain(&error), "an event could not be stored");
            (StatusCode::SERVICE_UNAVAILABLE, json!({"detail": "The event was not stored; deliver it again."}))
        }
    };
    (status, Json(answer)).into_response()
}

/// Takes an event of the sandbox rail; it authenticates by its signature over the raw body.
#[utoipa::path(post, path = "/api/payments/sandbox/webhook/", tag = "orders", request_body = serde_json::Value, responses((status = 200), (status = 400), (status = 403)))]
async fn sandbox_event(State(state): State<AppState>, headers: HeaderMap, Raw(body): Raw) -> ApiResult<Response> {
    let signature = headers.get("sandbox-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    orders::receive_event(&state.ctx, "sandbox", &body, signature).await?;
    Ok(Json(json!({"received": true})).into_response())
}

/// A card for the sandbox's payment page.
#[derive(Debug, Deserialize, ToSchema)]
struct CardForm {
    #[serde(default)]
    number: String,
    /// `MM/YY`.
    #[serde(default)]
    expiry: String,
    #[serde(default)]
    cvc: String,
    #[serde(default)]
    name: String,
    /// For cards whose owner must confirm.
    #[serde(default)]
    confirmed: bool,
}

/// Pays on the sandbox's page with a test card, as its form does. No money moves.
#[utoipa::path(post, path = "/api/payments/sandbox/checkout/{session}/pay/", tag = "orders", request_body = CardForm,
    responses((status = 200), (status = 400), (status = 402), (status = 404), (status = 409)))]
async fn sandbox_pay(
    State(state): State<AppState>,
    Path(session): Path<String>,
    Json(form): Json<CardForm>,
) -> ApiResult<Response> {
    let card = SandboxCard {
        number: form.number,
        expiry: form.expiry,
        cvc: form.cvc,
        name: form.name,
        confirmed: form.confirmed,
    };
    match orders::pay_in_sandbox(&state.ctx, &session, &card).await {
        Ok(success_url) => Ok(Json(json!({"success_url": success_url})).into_response()),
        Err(refused) => refusal(refused),
    }
}

fn refusal(refused: SandboxRefused) -> ApiResult<Response> {
    match refused {
        SandboxRefused::Declined(code, message) => {
            Ok((StatusCode::PAYMENT_REQUIRED, Json(json!({"code": code, "detail": message}))).into_response())
        }
        SandboxRefused::Confirm => {
            let answer = json!({"code": "authentication_required", "detail": SandboxRefused::Confirm.to_string()});
            Ok((StatusCode::PAYMENT_REQUIRED, Json(answer)).into_response())
        }
        SandboxRefused::Form(field, message) => Err(ApiError(services::Error::invalid(field, message))),
        SandboxRefused::Closed(message) => Err(ApiError(services::Error::Conflict(message))),
        SandboxRefused::Failed(message) => Err(ApiError(services::Error::internal(message))),
    }
}

/// A bank account for the sandbox's page where a provider says where it is paid to.
#[derive(Debug, Deserialize, ToSchema)]
struct BankForm {
    #[serde(default)]
    holder: String,
    #[serde(default)]
    routing: String,
    #[serde(default)]
    account: String,
}

/// Sets a provider's bank account on the sandbox's page, as its form does; whoever knows the page may.
#[utoipa::path(post, path = "/api/payments/sandbox/payouts/{page}/bank/", tag = "money", request_body = BankForm,
    responses((status = 200), (status = 400), (status = 409)))]
async fn sandbox_bank(
    State(state): State<AppState>,
    Path(page): Path<String>,
    Json(form): Json<BankForm>,
) -> ApiResult<Response> {
    let missing = || ApiError(services::Error::NotFound("payment rail"));
    let sandbox = state.ctx.sandbox.clone().ok_or_else(missing)?;
    let bank = SandboxBank { holder: form.holder, routing: form.routing, account: form.account };
    match sandbox.set_bank(&page, &bank).await {
        Ok(return_url) => Ok(Json(json!({"return_url": return_url})).into_response()),
        Err(refused) => refusal(refused),
    }
}
