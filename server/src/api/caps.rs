//! Caps: how many calls a month an organization allows itself, its subscriptions and its keys.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::view::cap::CapView;
use serde::Deserialize;
use serde_json::{Value, json};
use services::caps;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::list::ListQuery;
use super::wire::{Body, Who, path_id};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, set))
}

/// Lists what can have a cap, with this month's calls: the organization, its subscriptions, its keys.
#[utoipa::path(get, path = "/api/customers/{uuid}/caps/", tag = "money",
    responses((status = 200), (status = 403), (status = 404)))]
async fn list(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let all = caps::list(&state.ctx, &who.principal, path_id("customer", &uuid)?).await?;
    list.answer_all(all.into_iter().map(cap).collect())
}

/// A cap.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CapBody {
    /// The organization, one of its subscriptions or one of its keys.
    scope_uuid: String,
    /// Calls a month; null takes the cap away.
    calls: Option<i64>,
}

/// Sets how many calls a month the organization, a subscription or a key may make, from the answer on.
#[utoipa::path(post, path = "/api/customers/{uuid}/caps/", tag = "money", request_body = CapBody,
    responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn set(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<CapBody>,
) -> ApiResult<Response> {
    let organization = path_id("customer", &uuid)?;
    let view = caps::set(&state.ctx, &who.principal, organization, &body.scope_uuid, body.calls).await?;
    Ok(Json(cap(view)).into_response())
}

fn cap(view: CapView) -> Value {
    let left = view.limit().map(|limit| (limit - view.used).max(0));
    json!({
        "scope": view.scope,
        "scope_uuid": view.scope_id,
        "name": view.name,
        "part_of": view.part_of,
        "plan_calls": view.quota,
        "calls": view.cap,
        "used": view.used,
        "left": left,
    })
}
