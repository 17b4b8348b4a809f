//! Subscriptions as the Stripe endpoints of the API show them: for which time they are paid, whether they may be
//! used, and how they end.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::SubscriptionId;
use domain::state::{Entitlement, SubscriptionState};
use domain::view::money::PlanChange;
use domain::view::order::SubscriptionView;
use serde::Deserialize;
use serde_json::{Value, json};
use services::{billing, orders, subscriptions};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::list::ListQuery;
use super::wire::{Body, Who, path_id};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_subscriptions))
        .routes(routes!(cancel))
        .routes(routes!(resume))
        .routes(routes!(preview))
}

fn view(view: SubscriptionView) -> Value {
    let period = view.period;
    let entitlement = period.as_ref().map(|period| period.entitlement);
    // Stripe's word for where a subscription stands.
    let status = match (view.state, entitlement) {
        (SubscriptionState::Terminated, _) | (_, Some(Entitlement::Ended)) => "canceled",
        (_, Some(Entitlement::Grace)) => "past_due",
        (_, Some(Entitlement::Suspended)) => "unpaid",
        (_, Some(Entitlement::Granted)) => "active",
        (_, None) => "incomplete",
    };
    json!({
        "uuid": view.id,
        "resource_uuid": view.id,
        "resource_name": view.name,
        "offering_name": view.offering_name,
        "plan_name": view.plan_name,
        "customer_uuid": view.organization_id,
        "status": status,
        "entitlement": entitlement,
        "cancel_at_period_end": period.as_ref().is_some_and(|period| period.cancel_at_period_end),
        "current_period_start": period.as_ref().map(|period| period.start.rfc3339()),
        "current_period_end": period.as_ref().map(|period| period.end.rfc3339()),
        "unpaid_order_uuid": period.as_ref().and_then(|period| period.unpaid_order),
        "amount": view.price.decimal(),
        "currency": view.price.currency,
        "quantity": 1,
    })
}

/// Lists the caller's subscriptions with the time that is paid. Filters: `customer_uuid`, `state`.
#[utoipa::path(get, path = "/api/stripe-subscriptions/", tag = "money", responses((status = 200), (status = 401)))]
async fn list_subscriptions(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let filter = subscriptions::SubscriptionFilter {
        organization: list.parsed("customer_uuid")?,
        provider: None,
        state: list.parsed("state")?,
    };
    let page = subscriptions::list(&state.ctx, &who.principal, filter, list.paging).await?;
    list.answer(page.map(view))
}

/// How a subscription ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct CancelBody {
    /// Whether it ends now, and not with the period that is paid.
    immediately: bool,
}

/// Has a subscription end with the period that is paid, or now. Once more changes nothing.
#[utoipa::path(post, path = "/api/stripe-subscriptions/{uuid}/cancel/", tag = "money", request_body = CancelBody,
    responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn cancel(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<CancelBody>,
) -> ApiResult<Response> {
    let id: SubscriptionId = path_id("subscription", &uuid)?;
    if body.immediately {
        orders::terminate(&state.ctx, &who.principal, id).await?;
    } else {
        billing::cancel_at_period_end(&state.ctx, &who.principal, id).await?;
    }
    answer(&state, &who, id).await
}

/// Takes back that a subscription ends with its period.
#[utoipa::path(post, path = "/api/stripe-subscriptions/{uuid}/resume/", tag = "money",
    responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn resume(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: SubscriptionId = path_id("subscription", &uuid)?;
    billing::resume(&state.ctx, &who.principal, id).await?;
    answer(&state, &who, id).await
}

/// Answers what each other plan costs if it is ordered today: what goes back, what the rest of the month costs, and
/// what is charged.
#[utoipa::path(get, path = "/api/stripe-subscriptions/{uuid}/preview_change/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn preview(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let changes = billing::changes(&state.ctx, &who.principal, path_id("subscription", &uuid)?).await?;
    let row = |change: PlanChange| {
        json!({
            "plan_uuid": change.plan_id,
            "plan_name": change.name,
            "currency": change.price.currency,
            "price": change.price.decimal(),
            "credit": change.credit.decimal(),
            "debit": change.debit.decimal(),
            "amount_due": change.now.decimal(),
        })
    };
    list.answer_all(changes.into_iter().map(row).collect())
}

async fn answer(state: &AppState, who: &Who, id: SubscriptionId) -> Result<Response, super::error::ApiError> {
    let now = subscriptions::get(&state.ctx, &who.principal, id).await?;
    Ok(Json(view(now)).into_response())
}
