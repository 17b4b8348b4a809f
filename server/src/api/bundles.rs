//! Bundles: products of several providers that are bought together.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::view::bundle::{BundleForm, BundlePart, BundleView};
use domain::{BundleId, Currency, Money};
use serde::Deserialize;
use serde_json::{Value, json};
use services::orders::{self, NewBundleOrder};
use services::{Error, bundles};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(offered, create))
        .routes(routes!(one))
        .routes(routes!(of_provider))
        .routes(routes!(put_plan))
        .routes(routes!(take_out))
        .routes(routes!(propose))
        .routes(routes!(agree))
        .routes(routes!(withdraw))
        .routes(routes!(order))
}

/// Lists the bundles that are on sale, newest first.
#[utoipa::path(get, path = "/api/marketplace-bundles/", tag = "bundles", responses((status = 200)))]
async fn offered(State(state): State<AppState>, list: ListQuery) -> ApiResult<Response> {
    let found = bundles::offered(&state.ctx, list.paging).await?;
    list.answer(found.map(bundle))
}

/// Answers a bundle that is on sale, or that the caller's organization has to do with.
#[utoipa::path(get, path = "/api/marketplace-bundles/{uuid}/", tag = "bundles",
    responses((status = 200), (status = 404)))]
async fn one(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = bundles::get(&state.ctx, &who.principal, path_id("bundle", &uuid)?).await?;
    Ok(Json(bundle(view)).into_response())
}

/// Lists the bundles that a provider has put together, or was asked to be in.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/bundles/", tag = "bundles",
    responses((status = 200), (status = 403), (status = 404)))]
async fn of_provider(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let found = bundles::of_provider(&state.ctx, &who.principal, path_id("provider", &uuid)?).await?;
    list.answer_all(found.into_iter().map(bundle).collect())
}

/// A new bundle.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBundle {
    /// Who puts it together.
    provider: String,
    name: String,
    #[serde(default)]
    description: String,
    /// What all of it costs each period, 49.00.
    price: String,
    /// USD where nothing is said.
    #[serde(default)]
    currency: Option<String>,
}

/// Begins a bundle: a draft without products.
#[utoipa::path(post, path = "/api/marketplace-bundles/", tag = "bundles", request_body = NewBundle,
    responses((status = 201), (status = 400), (status = 403), (status = 404)))]
async fn create(State(state): State<AppState>, who: Who, Body(body): Body<NewBundle>) -> ApiResult<Response> {
    let currency: Currency = match &body.currency {
        Some(code) => code.parse().map_err(|_| Error::invalid("currency", "is not one that is sold in"))?,
        None => Currency::Usd,
    };
    let price = Money::from_decimal(&body.price, currency)
        .ok_or_else(|| Error::invalid("price", "must be a number as text, \"49.00\""))?;
    let form = BundleForm { name: body.name, description: body.description, price };
    let view = bundles::create(&state.ctx, &who.principal, reference("provider", &body.provider)?, form).await?;
    Ok((StatusCode::CREATED, Json(bundle(view))).into_response())
}

/// A plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanBody {
    plan: String,
}

/// Puts a plan's product into a draft; another plan of the same product takes the first one's place.
#[utoipa::path(post, path = "/api/marketplace-bundles/{uuid}/put/", tag = "bundles", request_body = PlanBody,
    responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn put_plan(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<PlanBody>,
) -> ApiResult<Response> {
    let id: BundleId = path_id("bundle", &uuid)?;
    let view = bundles::put(&state.ctx, &who.principal, id, reference("plan", &body.plan)?).await?;
    Ok(Json(bundle(view)).into_response())
}

/// A product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OfferingBody {
    offering: String,
}

/// Takes a product out of a draft.
#[utoipa::path(post, path = "/api/marketplace-bundles/{uuid}/take_out/", tag = "bundles", request_body = OfferingBody,
    responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn take_out(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<OfferingBody>,
) -> ApiResult<Response> {
    let id: BundleId = path_id("bundle", &uuid)?;
    let view = bundles::take_out(&state.ctx, &who.principal, id, reference("offering", &body.offering)?).await?;
    Ok(Json(bundle(view)).into_response())
}

/// Proposes a draft to the providers of its products; each one's part of the price is set from then on.
#[utoipa::path(post, path = "/api/marketplace-bundles/{uuid}/propose/", tag = "bundles",
    responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn propose(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = bundles::propose(&state.ctx, &who.principal, path_id("bundle", &uuid)?).await?;
    Ok(Json(bundle(view)).into_response())
}

/// Agrees, as the provider of a product, that it is sold in a bundle for its part of the price.
#[utoipa::path(post, path = "/api/marketplace-bundles/{uuid}/agree/", tag = "bundles", request_body = OfferingBody,
    responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn agree(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<OfferingBody>,
) -> ApiResult<Response> {
    let id: BundleId = path_id("bundle", &uuid)?;
    let view = bundles::agree(&state.ctx, &who.principal, id, reference("offering", &body.offering)?).await?;
    Ok(Json(bundle(view)).into_response())
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    reason: String,
}

/// Ends the offer of a bundle; whoever has bought it keeps it.
#[utoipa::path(post, path = "/api/marketplace-bundles/{uuid}/withdraw/", tag = "bundles", request_body = ReasonBody,
    responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn withdraw(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<ReasonBody>,
) -> ApiResult<Response> {
    let id: BundleId = path_id("bundle", &uuid)?;
    let view = bundles::withdraw(&state.ctx, &who.principal, id, &body.reason).await?;
    Ok(Json(bundle(view)).into_response())
}

/// Who orders a bundle.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BundleOrder {
    /// The organization that buys.
    customer: String,
    /// Into which project; the first one where nothing is said.
    #[serde(default)]
    project: Option<String>,
    #[serde(default)]
    accepting_terms_of_service: bool,
}

/// Orders a bundle: an order for each product, paid together by way of the first.
#[utoipa::path(post, path = "/api/marketplace-bundles/{uuid}/order/", tag = "bundles", request_body = BundleOrder,
    responses((status = 201), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn order(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<BundleOrder>,
) -> ApiResult<Response> {
    let new = NewBundleOrder {
        organization_id: reference("customer", &body.customer)?,
        project_id: body.project.as_deref().map(|project| reference("project", project)).transpose()?,
        bundle_id: path_id("bundle", &uuid)?,
        accept_terms: body.accepting_terms_of_service,
    };
    let placed = orders::place_bundle(&state.ctx, &who.principal, new).await?;
    let together = placed.together.ok_or(Error::NotFound("order"))?;
    let parts: Vec<Value> = together
        .orders
        .iter()
        .map(|(id, name, amount)| json!({"order_uuid": id, "offering_name": name, "amount": amount.decimal()}))
        .collect();
    let answer = json!({
        "order_uuid": placed.id,
        "bundle_name": together.bundle,
        "amount": together.total.decimal(),
        "currency": together.total.currency,
        "orders": parts,
        "checkout_url": placed.checkout_url,
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

fn bundle(view: BundleView) -> Value {
    let alone = view.alone();
    let interval = view.interval();
    json!({
        "uuid": view.id,
        "name": view.name,
        "description": view.description,
        "provider_uuid": view.owner_id,
        "provider_name": view.owner_name,
        "price": view.price.decimal(),
        "alone": alone.decimal(),
        "currency": view.price.currency,
        "interval": interval,
        "state": view.state,
        "parts": view.parts.into_iter().map(part).collect::<Vec<_>>(),
    })
}

fn part(part: BundlePart) -> Value {
    json!({
        "offering_uuid": part.offering_id,
        "offering_name": part.offering_name,
        "provider_uuid": part.provider_id,
        "provider_name": part.provider_name,
        "like_plan_uuid": part.base_plan_id,
        "plan_name": part.plan_name,
        "plan_uuid": part.plan_id,
        "calls": part.monthly_quota,
        "alone": part.alone.decimal(),
        "price": part.price.decimal(),
        "agreed": part.plan_id.is_some(),
        "on_sale": part.on_sale,
    })
}
