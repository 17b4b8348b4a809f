//! Orders, and the subscriptions that they make (`resources`).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::view::order::{NewOrder, OrderView, SubscriptionView};
use domain::{OrderId, SubscriptionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use services::orders::{ComingBack, Switched};
use services::{Ctx, Error, orders, subscriptions};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalog::Refusal;
use super::error::ApiResult;
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference, url_of};
use crate::guard::RequestId;
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_orders, place))
        .routes(routes!(order))
        .routes(routes!(checkout))
        .routes(routes!(cancel))
        .routes(routes!(approve_by_consumer))
        .routes(routes!(approve_by_provider))
        .routes(routes!(reject_by_provider))
        .routes(routes!(resources))
        .routes(routes!(resource))
        .routes(routes!(switch_plan))
        .routes(routes!(terminate))
        .routes(routes!(provider_resources))
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
struct Order {
    url: String,
    uuid: String,
    created: String,
    modified: String,
    r#type: String,
    state: String,
    cost: String,
    currency: String,
    fixed_price: String,
    activation_price: i64,
    output: String,
    error_message: String,
    offering: String,
    offering_uuid: String,
    offering_name: String,
    offering_type: String,
    offering_shared: bool,
    offering_billable: bool,
    offering_thumbnail: String,
    provider_name: String,
    provider_uuid: String,
    plan: String,
    plan_uuid: String,
    plan_name: String,
    plan_unit: String,
    attributes: Value,
    limits: Value,
    project_uuid: String,
    project_name: String,
    customer_uuid: String,
    customer_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    marketplace_resource_uuid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_uuid: Option<String>,
    resource_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_plan_uuid: Option<String>,
    /// The agent's settings, once it is provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    config_uuid: Option<String>,
    created_by_full_name: String,
    can_terminate: bool,
    /// Where to pay, while the order waits for payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkout_url: Option<String>,
}

fn order_of(ctx: &Ctx, view: OrderView) -> Order {
    let subscription = view.subscription_id.map(|id| id.to_string());
    Order {
        url: url_of(ctx, "marketplace-orders", view.id),
        uuid: view.id.to_string(),
        created: view.created.rfc3339(),
        modified: view.modified.rfc3339(),
        r#type: view.kind.to_string(),
        state: view.state.to_string(),
        cost: view.amount.decimal(),
        currency: view.amount.currency.to_string(),
        fixed_price: view.amount.decimal(),
        activation_price: 0,
        output: String::new(),
        error_message: view.error_message,
        offering: url_of(ctx, "marketplace-public-offerings", view.offering_id),
        offering_uuid: view.offering_id.to_string(),
        offering_name: view.offering_name,
        offering_type: "Marketplace.SiteAgent".to_owned(),
        offering_shared: true,
        offering_billable: true,
        offering_thumbnail: view.offering_thumbnail,
        provider_name: view.provider_name,
        provider_uuid: view.provider_id.to_string(),
        plan: format!("{}plans/{}/", url_of(ctx, "marketplace-public-offerings", view.offering_id), view.plan_id),
        plan_uuid: view.plan_id.to_string(),
        plan_name: view.plan_name,
        plan_unit: "month".to_owned(),
        attributes: json!({"name": view.subscription_name}),
        limits: json!({}),
        project_uuid: view.project_id.to_string(),
        project_name: view.project_name,
        customer_uuid: view.organization_id.to_string(),
        customer_name: view.organization_name,
        marketplace_resource_uuid: subscription.clone(),
        resource_uuid: subscription,
        resource_name: view.subscription_name,
        old_plan_uuid: view.old_plan_id.map(|id| id.to_string()),
        config_uuid: view.config_id.map(|id| id.to_string()),
        created_by_full_name: view.created_by,
        can_terminate: !view.state.is_final(),
        checkout_url: view.checkout_url,
    }
}

/// Lists the orders that the caller may see: as buyer, as provider, or all for operators.
/// Filters: `customer_uuid`, `provider_uuid`, `state`, `type`, `offering_uuid`.
#[utoipa::path(get, path = "/api/marketplace-orders/", tag = "orders", responses((status = 200, body = [Order]), (status = 401)))]
async fn list_orders(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let filter = orders::OrderFilter {
        organization: list.parsed("customer_uuid")?,
        provider: list.parsed("provider_uuid")?,
        state: list.parsed("state")?,
        kind: list.parsed("type")?,
        offering: list.parsed("offering_uuid")?,
    };
    let page = orders::list(&state.ctx, &who.principal, filter, list.paging).await?;
    list.answer(page.map(|view| order_of(&state.ctx, view)))
}

/// What to buy.
#[derive(Debug, Deserialize, ToSchema)]
struct OrderRequest {
    /// The offering's address or identifier.
    offering: String,
    /// The project's address or identifier.
    project: String,
    /// The plan's address or identifier; the cheapest plan where it is left out.
    #[serde(default)]
    plan: Option<String>,
    /// `name` names the subscription.
    #[serde(default)]
    attributes: serde_json::Map<String, Value>,
    #[serde(default)]
    accepting_terms_of_service: bool,
}

/// Orders an offering. An order that costs something waits in `pending-consumer` and says where to pay.
#[utoipa::path(post, path = "/api/marketplace-orders/", tag = "orders", request_body = OrderRequest,
    responses((status = 201, body = Order), (status = 400), (status = 401), (status = 403), (status = 404)))]
async fn place(State(state): State<AppState>, who: Who, Body(body): Body<OrderRequest>) -> ApiResult<Response> {
    let project: domain::ProjectId = reference("project", &body.project)?;
    let projects = services::organizations::projects(&state.ctx, &who.principal, None).await?;
    let organization = projects
        .iter()
        .find(|candidate| candidate.id == project)
        .map(|found| found.organization_id)
        .ok_or_else(|| services::Error::invalid("project", "there is no such project among yours"))?;
    let order = NewOrder {
        organization_id: organization,
        project_id: Some(project),
        offering_id: reference("offering", &body.offering)?,
        plan_id: body.plan.as_deref().map(|plan| reference("plan", plan)).transpose()?,
        name: body.attributes.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        accept_terms: body.accepting_terms_of_service,
    };
    let view = orders::place(&state.ctx, &who.principal, order).await?;
    Ok((StatusCode::CREATED, Json(order_of(&state.ctx, view))).into_response())
}

/// Answers one order.
#[utoipa::path(get, path = "/api/marketplace-orders/{uuid}/", tag = "orders", responses((status = 200, body = Order), (status = 404)))]
async fn order(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = orders::get(&state.ctx, &who.principal, path_id("order", &uuid)?).await?;
    Ok(Json(order_of(&state.ctx, view)).into_response())
}

/// Which order to pay, and where the buyer comes back to. What is paid is what the order costs: nothing here says it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckoutOf {
    /// The order's address or identifier.
    order_uuid: String,
    /// Where the buyer comes back to after paying: of this marketplace, or of a site that its operator allows.
    #[serde(default)]
    success_url: Option<String>,
    /// Where the buyer comes back to without paying.
    #[serde(default)]
    cancel_url: Option<String>,
}

/// Opens the checkout page of an unpaid order; the same order and the same addresses have the same page while it is
/// open.
#[utoipa::path(post, path = "/api/stripe/checkout/", tag = "orders", request_body = CheckoutOf,
    responses((status = 200), (status = 400), (status = 401), (status = 404), (status = 409), (status = 429), (status = 502)))]
async fn checkout(
    State(state): State<AppState>,
    who: Who,
    request: Extension<RequestId>,
    Body(body): Body<CheckoutOf>,
) -> ApiResult<Response> {
    let CheckoutOf { order_uuid, success_url, cancel_url } = body;
    let id: OrderId = reference("order_uuid", &order_uuid)?;
    let back = ComingBack { success_url, cancel_url };
    let visit = match orders::visit(&state.ctx, &who.principal, id, back).await {
        Err(Error::Upstream(detail)) => {
            let answer = json!({"detail": detail, "request_id": request.0.0});
            return Ok((StatusCode::BAD_GATEWAY, Json(answer)).into_response());
        }
        visit => visit?,
    };
    // Periods are ours: what is paid for on the page is an order, once.
    let mode = if state.ctx.sandbox.is_some() { "sandbox" } else { "payment" };
    Ok(Json(json!({
        "checkout_url": visit.url,
        "session_id": visit.session,
        "order_uuid": id,
        "mode": mode,
        "expires_at": visit.expires_at.rfc3339(),
        "amount_due": visit.amount.decimal(),
        "currency": visit.amount.currency,
    }))
    .into_response())
}

/// Takes an order back that is not carried out yet.
#[utoipa::path(post, path = "/api/marketplace-orders/{uuid}/cancel/", tag = "orders", responses((status = 202), (status = 404), (status = 409)))]
async fn cancel(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    orders::cancel(&state.ctx, &who.principal, path_id("order", &uuid)?).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"detail": "The order is canceled."}))).into_response())
}

/// Approves an order as its buyer: possible where nothing is owed; otherwise paying approves it.
#[utoipa::path(post, path = "/api/marketplace-orders/{uuid}/approve_by_consumer/", tag = "orders", responses((status = 200), (status = 404), (status = 409)))]
async fn approve_by_consumer(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    orders::approve_as_consumer(&state.ctx, &who.principal, path_id("order", &uuid)?).await?;
    Ok(Json(json!({"detail": "The order is approved."})).into_response())
}

/// Accepts a paid order as its provider, where the offering asks for that.
#[utoipa::path(post, path = "/api/marketplace-orders/{uuid}/approve_by_provider/", tag = "orders", responses((status = 200), (status = 404), (status = 409)))]
async fn approve_by_provider(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    orders::approve_as_provider(&state.ctx, &who.principal, path_id("order", &uuid)?).await?;
    Ok(Json(json!({"detail": "The order is approved."})).into_response())
}

/// Refuses a paid order as its provider; the buyer gets the money back.
#[utoipa::path(post, path = "/api/marketplace-orders/{uuid}/reject_by_provider/", tag = "orders", request_body = Refusal,
    responses((status = 200), (status = 404), (status = 409)))]
async fn reject_by_provider(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Refusal>,
) -> ApiResult<Response> {
    orders::reject_as_provider(&state.ctx, &who.principal, path_id("order", &uuid)?, &body.reason).await?;
    Ok(Json(json!({"detail": "The order is rejected."})).into_response())
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
struct Resource {
    url: String,
    uuid: String,
    name: String,
    slug: String,
    description: String,
    state: String,
    plan: String,
    plan_uuid: String,
    plan_name: String,
    plan_unit: String,
    price: String,
    offering: String,
    offering_uuid: String,
    offering_name: String,
    offering_type: String,
    offering_thumbnail: String,
    category_title: String,
    provider_name: String,
    provider_uuid: String,
    project: String,
    project_uuid: String,
    project_name: String,
    customer_uuid: String,
    customer_name: String,
    attributes: Value,
    limits: Value,
    options: Value,
    /// Calls made this month.
    current_usages: Value,
    /// Calls in a month.
    limit_usage: Value,
    is_usage_based: bool,
    is_limit_based: bool,
    can_terminate: bool,
    paused: bool,
    downscaled: bool,
    restrict_member_access: bool,
    error_message: String,
    created: String,
    modified: String,
    /// The agent's settings, once it is provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    config_uuid: Option<String>,
    has_api_keys: bool,
}

fn resource_of(ctx: &Ctx, view: SubscriptionView) -> Resource {
    Resource {
        url: url_of(ctx, "marketplace-resources", view.id),
        uuid: view.id.to_string(),
        name: view.name,
        slug: String::new(),
        description: String::new(),
        state: view.state.to_string(),
        plan: format!("{}plans/{}/", url_of(ctx, "marketplace-public-offerings", view.offering_id), view.plan_id),
        plan_uuid: view.plan_id.to_string(),
        plan_name: view.plan_name,
        plan_unit: "month".to_owned(),
        price: view.price.decimal(),
        offering: url_of(ctx, "marketplace-public-offerings", view.offering_id),
        offering_uuid: view.offering_id.to_string(),
        offering_name: view.offering_name,
        offering_type: "Marketplace.SiteAgent".to_owned(),
        offering_thumbnail: view.offering_thumbnail,
        category_title: view.category_title,
        provider_name: view.provider_name,
        provider_uuid: view.provider_id.to_string(),
        project: url_of(ctx, "projects", view.project_id),
        project_uuid: view.project_id.to_string(),
        project_name: view.project_name,
        customer_uuid: view.organization_id.to_string(),
        customer_name: view.organization_name,
        attributes: json!({}),
        limits: json!({"calls": view.monthly_quota}),
        options: json!({}),
        current_usages: json!({"calls": view.used}),
        limit_usage: json!({"calls": view.monthly_quota}),
        is_usage_based: true,
        is_limit_based: view.monthly_quota.is_some(),
        can_terminate: view.state.is_usable() || view.state == domain::state::SubscriptionState::Erred,
        paused: false,
        downscaled: false,
        restrict_member_access: false,
        error_message: view.error_message,
        created: view.created.rfc3339(),
        modified: view.modified.rfc3339(),
        config_uuid: view.config_id.map(|id| id.to_string()),
        has_api_keys: true,
    }
}

/// Lists the caller's subscriptions. Filters: `customer_uuid`, `state`.
#[utoipa::path(get, path = "/api/marketplace-resources/", tag = "orders", responses((status = 200, body = [Resource]), (status = 401)))]
async fn resources(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let filter = subscriptions::SubscriptionFilter {
        organization: list.parsed("customer_uuid")?,
        provider: None,
        state: list.parsed("state")?,
        status: None,
    };
    let page = subscriptions::list(&state.ctx, &who.principal, filter, list.paging).await?;
    list.answer(page.map(|view| resource_of(&state.ctx, view)))
}

/// Lists what others have subscribed to of the caller's provider: `provider_uuid` says which.
#[utoipa::path(get, path = "/api/marketplace-provider-resources/", tag = "orders", responses((status = 200, body = [Resource]), (status = 401)))]
async fn provider_resources(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let provider = match list.parsed("provider_uuid")? {
        Some(provider) => provider,
        None => {
            let memberships = &who.principal.user()?.memberships;
            match memberships.iter().find(|membership| membership.provider.is_some()) {
                Some(membership) => membership.organization_id,
                None => return list.answer_all(Vec::<Resource>::new()),
            }
        }
    };
    let filter = subscriptions::SubscriptionFilter {
        organization: None,
        provider: Some(provider),
        state: list.parsed("state")?,
        status: None,
    };
    let page = subscriptions::list(&state.ctx, &who.principal, filter, list.paging).await?;
    list.answer(page.map(|view| resource_of(&state.ctx, view)))
}

/// Answers one subscription.
#[utoipa::path(get, path = "/api/marketplace-resources/{uuid}/", tag = "orders", responses((status = 200, body = Resource), (status = 404)))]
async fn resource(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: SubscriptionId = path_id("subscription", &uuid)?;
    let view = subscriptions::get(&state.ctx, &who.principal, id).await?;
    Ok(Json(resource_of(&state.ctx, view)).into_response())
}

/// Which plan to switch to.
#[derive(Debug, Deserialize, ToSchema)]
struct SwitchPlan {
    /// The plan's address or identifier.
    plan: String,
}

/// Orders a switch of plan.
#[utoipa::path(post, path = "/api/marketplace-resources/{uuid}/switch_plan/", tag = "orders", request_body = SwitchPlan,
    responses((status = 200), (status = 400), (status = 404), (status = 409)))]
async fn switch_plan(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<SwitchPlan>,
) -> ApiResult<Response> {
    let id = path_id("subscription", &uuid)?;
    let plan = reference("plan", &body.plan)?;
    Ok(Json(match orders::switch_plan(&state.ctx, &who.principal, id, plan, None).await? {
        Switched::Ordered(view) => json!({"order_uuid": view.id.to_string(), "checkout_url": view.checkout_url}),
        // There is nothing to pay and nothing to wait for: it holds when the period is over that is paid.
        Switched::From(from) => json!({"order_uuid": null, "checkout_url": null, "scheduled_for": from.rfc3339()}),
    })
    .into_response())
}

/// Orders the end of a subscription.
#[utoipa::path(post, path = "/api/marketplace-resources/{uuid}/terminate/", tag = "orders", responses((status = 200), (status = 404), (status = 409)))]
async fn terminate(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = orders::terminate(&state.ctx, &who.principal, path_id("subscription", &uuid)?).await?;
    Ok(Json(json!({"order_uuid": view.id.to_string(), "checkout_url": view.checkout_url})).into_response())
}
