//! What payment rails deliver, and the sandbox's own payment page for programs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use services::orders;
use services::ports::{SandboxCard, SandboxRefused};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::error::{ApiError, ApiResult};
use crate::gateway::extract::Raw;
use crate::http::AppState;

/// Builds the rails' routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(sandbox_event)).routes(routes!(sandbox_pay))
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
        Err(SandboxRefused::Declined(code, message)) => {
            Ok((StatusCode::PAYMENT_REQUIRED, Json(json!({"code": code, "detail": message}))).into_response())
        }
        Err(SandboxRefused::Confirm) => {
            let answer = json!({"code": "authentication_required", "detail": SandboxRefused::Confirm.to_string()});
            Ok((StatusCode::PAYMENT_REQUIRED, Json(answer)).into_response())
        }
        Err(SandboxRefused::Form(field, message)) => Err(ApiError(services::Error::invalid(field, message))),
        Err(SandboxRefused::Closed(message)) => Err(ApiError(services::Error::Conflict(message))),
        Err(SandboxRefused::Failed(message)) => Err(ApiError(services::Error::internal(message))),
    }
}
