//! How a use case's refusal looks in REST; the only place that maps it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A refusal of a use case.
#[derive(Debug)]
pub struct ApiError(pub services::Error);

/// The result of a handler.
pub type ApiResult<T> = Result<T, ApiError>;

impl From<services::Error> for ApiError {
    fn from(error: services::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        use services::Error;

        let message = self.0.to_string();
        match self.0 {
            Error::SignedOut => (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, "Token")],
                Json(json!({"detail": "Authentication credentials were not provided."})),
            )
                .into_response(),
            Error::Forbidden(_) => detail(StatusCode::FORBIDDEN, &message),
            Error::NotFound(_) => detail(StatusCode::NOT_FOUND, &message),
            Error::Gone(_) => detail(StatusCode::GONE, &message),
            Error::Invalid(problems) => {
                let mut fields: Map<String, Value> = Map::new();
                for (field, problem) in problems {
                    let field = if field.is_empty() { "non_field_errors".to_owned() } else { field };
                    if let Value::Array(list) = fields.entry(field).or_insert_with(|| json!([])) {
                        list.push(Value::String(problem));
                    }
                }
                (StatusCode::BAD_REQUEST, Json(Value::Object(fields))).into_response()
            }
            Error::Conflict(_) => detail(StatusCode::CONFLICT, &message),
            Error::PaymentRequired(_) => detail(StatusCode::PAYMENT_REQUIRED, &message),
            Error::TooMany { retry_after, .. } => {
                let mut response = detail(StatusCode::TOO_MANY_REQUESTS, &message);
                let seconds = retry_after.as_secs().max(1);
                if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                    response.headers_mut().insert(header::RETRY_AFTER, value);
                }
                response
            }
            Error::Upstream(_) => detail(StatusCode::BAD_GATEWAY, &message),
            Error::Timeout(_) => detail(StatusCode::GATEWAY_TIMEOUT, &message),
            Error::Internal(source) => {
                tracing::error!(error = %services::error::chain(source.as_ref()), "a use case failed");
                detail(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong on our side. Tell us the X-Request-ID of this answer.",
                )
            }
        }
    }
}

fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({"detail": text}))).into_response()
}
