//! What is on sale: categories, public offerings, providers.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::state::OfferingState;
use domain::view::catalog::{
    CatalogQuery, CatalogSort, CategoryView, OfferingCard, OfferingView, PlanView, ProviderView,
};
use domain::{OfferingId, OrganizationId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use services::{Ctx, Error, catalog, operator, provider};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference, url_of};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(categories))
        .routes(routes!(category))
        .routes(routes!(offerings))
        .routes(routes!(offering))
        .routes(routes!(plans))
        .routes(routes!(plan))
        .routes(routes!(providers, apply))
        .routes(routes!(provider_of))
        .routes(routes!(approve_provider))
        .routes(routes!(reject_provider))
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
struct Category {
    url: String,
    uuid: String,
    title: String,
    name: String,
    slug: String,
    description: String,
    icon: String,
    color: String,
    offering_count: i64,
    available_offerings_count: i64,
}

fn category_of(ctx: &Ctx, view: CategoryView) -> Category {
    Category {
        url: url_of(ctx, "marketplace-categories", view.id),
        uuid: view.id.to_string(),
        name: view.title.clone(),
        title: view.title,
        slug: view.slug,
        description: view.description,
        icon: view.icon,
        color: view.color,
        offering_count: view.offerings,
        available_offerings_count: view.offerings,
    }
}

/// Lists the categories.
#[utoipa::path(get, path = "/api/marketplace-categories/", tag = "catalog", responses((status = 200, body = [Category])))]
async fn categories(State(state): State<AppState>, list: ListQuery) -> ApiResult<Response> {
    let mut rows = catalog::categories(&state.ctx).await?;
    if let Some(title) = list.one("title") {
        let title = title.to_lowercase();
        rows.retain(|category| category.title.to_lowercase().contains(&title));
    }
    list.answer_all(rows.into_iter().map(|view| category_of(&state.ctx, view)).collect())
}

/// Answers one category.
#[utoipa::path(get, path = "/api/marketplace-categories/{uuid}/", tag = "catalog", responses((status = 200, body = Category), (status = 404)))]
async fn category(State(state): State<AppState>, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("category", &uuid)?;
    let view = catalog::categories(&state.ctx).await?.into_iter().find(|category| category.id == id);
    let view = view.ok_or(ApiError(Error::NotFound("category")))?;
    Ok(Json(category_of(&state.ctx, view)).into_response())
}

/// A plan of an offering.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plan {
    url: String,
    uuid: String,
    name: String,
    description: String,
    article_code: String,
    unit: String,
    unit_price: String,
    init_price: i64,
    switch_price: i64,
    minimal_price: String,
    currency: String,
    /// Calls a month; null means without a limit.
    monthly_quota: Option<i64>,
    requests_per_minute: i64,
    /// What the documents of an agent may be.
    document_limit: i64,
    document_megabytes: i64,
    document_pages: i64,
    archived: bool,
    is_active: bool,
    #[serde(rename = "plan_type")]
    kind: String,
    max_amount: Option<i64>,
    resources_count: i64,
    organization_groups: Vec<Value>,
    /// What is paid besides the price.
    components: Vec<Value>,
    /// For how many days it can be tried before the first payment.
    trial_days: i64,
    offering: String,
    /// By component: what one unit costs.
    prices: Value,
    future_prices: Value,
    /// By component: how many units are in the price.
    quotas: Value,
}

pub(super) fn plan_of(ctx: &Ctx, view: &PlanView) -> Plan {
    Plan {
        url: format!("{}plans/{}/", url_of(ctx, "marketplace-public-offerings", view.offering_id), view.id),
        uuid: view.id.to_string(),
        name: view.name.clone(),
        description: view.description.clone(),
        article_code: String::new(),
        unit: view.interval.to_string(),
        unit_price: view.price.decimal(),
        init_price: view.whole_price().once().minor,
        switch_price: 0,
        minimal_price: view.price.decimal(),
        currency: view.price.currency.to_string(),
        monthly_quota: view.monthly_quota,
        requests_per_minute: view.requests_per_minute,
        document_limit: view.documents.documents,
        document_megabytes: view.documents.bytes / 1_000_000,
        document_pages: view.documents.pages,
        archived: view.archived,
        is_active: !view.archived,
        kind: if view.whole_price().is_metered() {
            "usage"
        } else if view.monthly_quota.is_some() {
            "usage-limited"
        } else {
            "fixed"
        }
        .to_owned(),
        max_amount: None,
        resources_count: 0,
        organization_groups: Vec::new(),
        components: view.terms.parts.iter().map(|part| json!(part)).collect(),
        trial_days: view.trial_days,
        offering: url_of(ctx, "marketplace-public-offerings", view.offering_id),
        prices: json!({"subscription": view.price.decimal()}),
        future_prices: json!({}),
        quotas: json!({"calls": view.monthly_quota}),
    }
}

/// A listed offering.
#[derive(Debug, Serialize, ToSchema)]
struct Offering {
    url: String,
    uuid: String,
    created: String,
    name: String,
    slug: String,
    /// One sentence.
    description: String,
    full_description: String,
    terms_of_service: String,
    terms_of_service_link: String,
    privacy_policy_link: String,
    customer: String,
    customer_uuid: String,
    customer_name: String,
    category: String,
    category_uuid: String,
    category_title: String,
    attributes: Value,
    options: Value,
    resource_options: Value,
    components: Vec<Value>,
    plugin_options: Value,
    state: String,
    vendor_details: String,
    getting_started: String,
    integration_guide: String,
    thumbnail: String,
    image: Option<String>,
    order_count: Option<i64>,
    plans: Vec<Plan>,
    screenshots: Vec<Value>,
    r#type: String,
    shared: bool,
    billable: bool,
    files: Vec<Value>,
    tags: Vec<Value>,
    quotas: Vec<Value>,
    paused_reason: String,
    country: String,
    backend_id: String,
    organization_groups: Vec<Value>,
    total_customers: i64,
    /// 1 to 5, rounded; null without reviews.
    rating: Option<i64>,
}

fn offering_of(ctx: &Ctx, card: OfferingCard, rest: Option<&OfferingView>) -> Offering {
    let thumbnail = if card.thumbnail.is_empty() {
        String::new()
    } else {
        format!("{}{}", ctx.settings.public_url, card.thumbnail)
    };
    Offering {
        url: url_of(ctx, "marketplace-public-offerings", card.id),
        uuid: card.id.to_string(),
        created: card.created.rfc3339(),
        name: card.name,
        slug: card.slug,
        description: card.tagline,
        full_description: rest.map(|view| view.full_description.clone()).unwrap_or_default(),
        terms_of_service: rest.map(|view| view.terms.clone()).unwrap_or_default(),
        terms_of_service_link: String::new(),
        privacy_policy_link: String::new(),
        customer: url_of(ctx, "customers", card.provider_id),
        customer_uuid: card.provider_id.to_string(),
        customer_name: card.provider_name,
        category: url_of(ctx, "marketplace-categories", card.category_id),
        category_uuid: card.category_id.to_string(),
        category_title: card.category_title,
        attributes: json!({}),
        options: json!({}),
        resource_options: json!({}),
        components: Vec::new(),
        plugin_options: match rest {
            Some(view) => json!({"capabilities": view.capabilities, "demo": view.demo, "auto_approve": !view.manual_approval}),
            None => json!({}),
        },
        state: card.state.wire().to_owned(),
        vendor_details: rest.map(|view| view.provider.description.clone()).unwrap_or_default(),
        getting_started: String::new(),
        integration_guide: String::new(),
        image: (!thumbnail.is_empty()).then(|| thumbnail.clone()),
        thumbnail,
        order_count: None,
        plans: rest.map(|view| view.plans.iter().map(|plan| plan_of(ctx, plan)).collect()).unwrap_or_default(),
        screenshots: rest
            .map(|view| {
                view.screenshots
                    .iter()
                    .map(|path| json!({"image": format!("{}{path}", ctx.settings.public_url), "name": "", "description": ""}))
                    .collect()
            })
            .unwrap_or_default(),
        r#type: "Marketplace.SiteAgent".to_owned(),
        shared: true,
        billable: true,
        files: Vec::new(),
        tags: card.tags.iter().map(|tag| json!({"name": tag})).collect(),
        quotas: Vec::new(),
        paused_reason: String::new(),
        country: String::new(),
        backend_id: String::new(),
        organization_groups: Vec::new(),
        total_customers: card.customers,
        rating: (card.review_count > 0).then_some((card.rating_tenths + 5) / 10),
    }
}

/// Lists what is on sale. Filters: `keyword` or `query` or `name`, `category_uuid`, `category` (slug),
/// `customer_uuid`, `state`; `o` orders by `name`, `-created`, `-total_customers` or `-rating`.
#[utoipa::path(get, path = "/api/marketplace-public-offerings/", tag = "catalog", responses((status = 200, body = [Offering])))]
async fn offerings(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let mut query = CatalogQuery { sort: CatalogSort::Popular, ..CatalogQuery::default() };
    query.search =
        ["keyword", "query", "search", "name"].iter().find_map(|name| list.one(name)).unwrap_or_default().to_owned();
    query.provider = match list.one("customer_uuid").or_else(|| list.one("customer")) {
        Some(text) => Some(reference("customer", text)?),
        None => None,
    };
    query.category = match list.one("category_uuid") {
        Some(text) => {
            let id: domain::CategoryId = reference("category_uuid", text)?;
            let found = catalog::categories(&state.ctx).await?.into_iter().find(|category| category.id == id);
            match found {
                Some(category) => category.slug,
                None => return list.answer_all(Vec::<Offering>::new()),
            }
        }
        None => list.one("category").unwrap_or_default().to_owned(),
    };
    query.sort = match list.one("o") {
        None | Some("-total_customers" | "total_customers") => CatalogSort::Popular,
        Some("name" | "-name") => CatalogSort::Name,
        Some("-created" | "created") => CatalogSort::Newest,
        Some("-rating") => CatalogSort::Rating,
        Some(other) => {
            return Err(ApiError(Error::invalid("o", format!("{other:?} is not a field to order by"))));
        }
    };
    let states: Vec<&str> = list.all("state").collect();
    if let Some(wrong) = states.iter().find(|state| state.parse::<OfferingState>().is_err()) {
        return Err(ApiError(Error::invalid(
            "state",
            format!("{wrong:?} is not a state; states are Active and Paused"),
        )));
    }
    // The catalog is listed states only, so a filter can but take some of it away.
    let page = catalog::offerings(&state.ctx, query, list.paging).await?;
    let total = page.total;
    let mut rows = Vec::with_capacity(page.rows.len());
    for card in page.rows {
        if !states.is_empty() && !states.contains(&card.state.wire()) {
            continue;
        }
        // Rows carry the plans, as clients expect; a page is small.
        let view = catalog::offering(&state.ctx, &who.principal, card.id).await?;
        rows.push(offering_of(&state.ctx, card, Some(&view)));
    }
    list.answer(domain::view::Page { rows, total, page: page.page, page_size: page.page_size })
}

async fn offering_view(state: &AppState, who: &Who, uuid: &str) -> ApiResult<OfferingView> {
    let id: OfferingId = path_id("offering", uuid)?;
    Ok(catalog::offering(&state.ctx, &who.principal, id).await?)
}

/// Answers one offering.
#[utoipa::path(get, path = "/api/marketplace-public-offerings/{uuid}/", tag = "catalog", responses((status = 200, body = Offering), (status = 404)))]
async fn offering(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = offering_view(&state, &who, &uuid).await?;
    Ok(Json(offering_of(&state.ctx, view.card.clone(), Some(&view))).into_response())
}

/// Lists the plans of an offering.
#[utoipa::path(get, path = "/api/marketplace-public-offerings/{uuid}/plans/", tag = "catalog", responses((status = 200, body = [Plan]), (status = 404)))]
async fn plans(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let view = offering_view(&state, &who, &uuid).await?;
    list.answer_all(view.plans.iter().map(|plan| plan_of(&state.ctx, plan)).collect())
}

/// Answers one plan of an offering.
#[utoipa::path(get, path = "/api/marketplace-public-offerings/{uuid}/plans/{plan_uuid}/", tag = "catalog", responses((status = 200, body = Plan), (status = 404)))]
async fn plan(
    State(state): State<AppState>,
    who: Who,
    Path((uuid, plan_uuid)): Path<(String, String)>,
) -> ApiResult<Response> {
    let view = offering_view(&state, &who, &uuid).await?;
    let id = path_id("plan", &plan_uuid)?;
    let plan = view.plans.iter().find(|plan| plan.id == id).ok_or(ApiError(Error::NotFound("plan")))?;
    Ok(Json(plan_of(&state.ctx, plan)).into_response())
}

/// An organization that sells.
#[derive(Debug, Serialize, ToSchema)]
struct Provider {
    url: String,
    uuid: String,
    created: String,
    description: String,
    customer: String,
    customer_uuid: String,
    customer_name: String,
    customer_abbreviation: String,
    customer_native_name: String,
    customer_country: String,
    customer_image: Option<String>,
    image: Option<String>,
    organization_groups: Vec<Value>,
    offering_count: i64,
    /// `applied`, `approved`, `rejected` or `suspended`.
    state: String,
}

fn provider_row(ctx: &Ctx, view: ProviderView) -> Provider {
    Provider {
        url: url_of(ctx, "marketplace-service-providers", view.id),
        uuid: view.id.to_string(),
        created: view.since,
        description: view.description,
        customer: url_of(ctx, "customers", view.id),
        customer_uuid: view.id.to_string(),
        customer_name: view.name,
        customer_abbreviation: String::new(),
        customer_native_name: String::new(),
        customer_country: String::new(),
        customer_image: None,
        image: None,
        organization_groups: Vec::new(),
        offering_count: view.offerings,
        state: view.state.to_string(),
    }
}

/// Lists the approved providers.
#[utoipa::path(get, path = "/api/marketplace-service-providers/", tag = "catalog", responses((status = 200, body = [Provider])))]
async fn providers(State(state): State<AppState>, list: ListQuery) -> ApiResult<Response> {
    let page = catalog::providers(&state.ctx, list.paging).await?;
    list.answer(page.map(|view| provider_row(&state.ctx, view)))
}

/// An application to sell.
#[derive(Debug, Deserialize, ToSchema)]
struct Application {
    /// The organization's address or identifier.
    customer: String,
    /// What it makes, for the operator and the buyers.
    #[serde(default)]
    description: String,
    #[serde(default)]
    website: String,
}

/// Asks to sell; the operator decides.
#[utoipa::path(post, path = "/api/marketplace-service-providers/", tag = "catalog", request_body = Application,
    responses((status = 201), (status = 400), (status = 401), (status = 404), (status = 409)))]
async fn apply(State(state): State<AppState>, who: Who, Body(body): Body<Application>) -> ApiResult<Response> {
    let organization: OrganizationId = reference("customer", &body.customer)?;
    provider::apply(&state.ctx, &who.principal, organization, &body.description, &body.website).await?;
    let view = provider::application(&state.ctx, &who.principal, organization).await?;
    let answer = json!({
        "uuid": organization.to_string(),
        "url": url_of(&state.ctx, "marketplace-service-providers", organization),
        "customer_uuid": organization.to_string(),
        "state": view.map(|view| view.state),
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Answers one approved provider.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/", tag = "catalog", responses((status = 200, body = Provider), (status = 404)))]
async fn provider_of(State(state): State<AppState>, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = catalog::provider(&state.ctx, path_id("provider", &uuid)?).await?;
    Ok(Json(provider_row(&state.ctx, view)).into_response())
}

/// Lets an applicant sell; operators only.
#[utoipa::path(post, path = "/api/marketplace-service-providers/{uuid}/approve/", tag = "operator", responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn approve_provider(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    operator::decide_application(&state.ctx, &who.principal, id, operator::Decision::Approve).await?;
    Ok(Json(json!({"detail": "The organization may sell now.", "state": "approved"})).into_response())
}

/// Why something is refused.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Refusal {
    /// For the one who is refused.
    #[serde(default)]
    pub(super) reason: String,
}

/// Refuses an applicant with a reason; operators only.
#[utoipa::path(post, path = "/api/marketplace-service-providers/{uuid}/reject/", tag = "operator", request_body = Refusal,
    responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn reject_provider(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<Refusal>,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let decision = operator::Decision::Refuse { reason: body.reason };
    operator::decide_application(&state.ctx, &who.principal, id, decision).await?;
    Ok(Json(json!({"detail": "The application is refused.", "state": "rejected"})).into_response())
}
