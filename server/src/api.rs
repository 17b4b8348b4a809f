//! The REST API, in the shapes of the Waldur marketplace: bare arrays, `X-Result-Count`, `Link`,
//! trailing slashes, 32-digit identifiers.
//!
//! A handler is about ten lines: who is asking, parse, call the use case, map. Its `utoipa::path`
//! is its documentation and its route; `/api/schema.json` is made of them, and a test tries every
//! one of them as a stranger.

mod account;
mod auth;
mod bundles;
mod caps;
mod catalog;
mod configs;
mod docs;
pub mod error;
mod knowledge;
mod list;
mod money;
mod orders;
mod payouts;
mod provider_agents;
mod refunds;
mod stripe;
pub(crate) mod wire;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::IntoResponse as _;
use axum::routing::{any, get};
use tower::ServiceExt as _;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::error::ApiError;
use crate::guard::{ClientIp, RequestId};
use crate::http::AppState;

#[derive(OpenApi)]
#[openapi(info(
    title = "CMP",
    description = "The marketplace's REST API. Users send `Authorization: Token …`; the agent gateway takes keys."
))]
struct Documented;

/// Builds the API's routes, and the description of them.
pub fn documented_router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Documented::openapi())
        .merge(auth::router())
        .merge(account::router())
        .merge(catalog::router())
        .merge(orders::router())
        .merge(configs::router())
        .merge(knowledge::router())
        .merge(money::router())
        .merge(caps::router())
        .merge(bundles::router())
        .merge(payouts::router())
        .merge(refunds::router())
        .merge(stripe::router())
        .merge(provider_agents::router())
        .merge(crate::gateway::router())
        .merge(crate::webhooks::router())
        .merge(docs::router())
}

/// What stood before the addresses about payments in earlier versions of the API: each is answered as the one that
/// follows it, and so is each without its last slash.
const OLDER_PREFIX: &str = "/api/site-agent";

/// Builds the API's routes.
pub fn router() -> Router<AppState> {
    let (router, openapi) = documented_router().split_for_parts();
    let schema = bytes::Bytes::from(openapi.to_json().unwrap_or_default());
    let newer = router.clone().fallback(|| async { ApiError(services::Error::NotFound("page")) });
    let older = move |State(state): State<AppState>, request: Request| async move {
        match newer_name(request) {
            Ok(request) => newer.with_state::<()>(state).oneshot(request).await.unwrap_or_else(|never| match never {}),
            Err(missing) => missing.into_response(),
        }
    };
    router
        .route("/api/schema.json", get(move || async move { ([("content-type", "application/json")], schema) }))
        .route("/api/site-agent/api/{*rest}", any(older.clone()))
        .route("/api/stripe/{*rest}", any(older.clone()))
        .route("/api/stripe-customers", any(older.clone()))
        .route("/api/stripe-payment-methods", any(older.clone()))
        .route("/api/stripe-subscriptions", any(older.clone()))
        .route("/api/stripe-subscriptions/{uuid}/{action}", any(older))
}

/// Gives a request about payments, under its older name, the newer one.
fn newer_name(request: Request) -> Result<Request, ApiError> {
    let missing = || ApiError(services::Error::NotFound("page"));
    let path = request.uri().path();
    let path = path.strip_prefix(OLDER_PREFIX).unwrap_or(path);
    if !path.starts_with("/api/stripe") || path.contains("//") {
        return Err(missing());
    }
    let slash = if path.ends_with('/') { "" } else { "/" };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let newer = format!("{path}{slash}{query}").parse::<Uri>().map_err(|_| missing())?;
    let (mut parts, body) = request.into_parts();
    parts.uri = newer;
    // Who asks, and from where, goes along; what the older address was taken apart into does not.
    let known = std::mem::take(&mut parts.extensions);
    if let Some(principal) = known.get::<services::Principal>() {
        parts.extensions.insert(principal.clone());
    }
    if let Some(ip) = known.get::<ClientIp>() {
        parts.extensions.insert(*ip);
    }
    if let Some(id) = known.get::<RequestId>() {
        parts.extensions.insert(id.clone());
    }
    Ok(Request::from_parts(parts, body))
}
