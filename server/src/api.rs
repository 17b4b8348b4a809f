//! The REST API, in the shapes of the Waldur marketplace: bare arrays, `X-Result-Count`, `Link`,
//! trailing slashes, 32-digit identifiers.
//!
//! A handler is about ten lines: who is asking, parse, call the use case, map. Its `utoipa::path`
//! is its documentation and its route; `/api/schema.json` is made of them, and a test tries every
//! one of them as a stranger.

mod account;
mod auth;
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
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

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
        .merge(payouts::router())
        .merge(refunds::router())
        .merge(stripe::router())
        .merge(provider_agents::router())
        .merge(crate::gateway::router())
        .merge(crate::webhooks::router())
        .merge(docs::router())
}

/// Builds the API's routes.
pub fn router() -> Router<AppState> {
    let (router, openapi) = documented_router().split_for_parts();
    let schema = bytes::Bytes::from(openapi.to_json().unwrap_or_default());
    router.route("/api/schema.json", get(move || async move { ([("content-type", "application/json")], schema) }))
}
