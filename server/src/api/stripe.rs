//! Subscriptions as the Stripe endpoints of the API show them: for which time they are paid, whether they may be
//! used, and how they end.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::state::SubscriptionStatus;
use domain::view::Page;
use domain::view::money::{InvoiceView, PlanChange, StatementView};
use domain::view::order::SubscriptionView;
use domain::{OrganizationId, Permission, SubscriptionId};
use serde::Deserialize;
use serde_json::{Value, json};
use services::ports::SavedMethod;
use services::rail::RailFacts;
use services::{Ctx, billing, orders, rail, subscriptions};
use store::outbox::CustomerRow;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::list::ListQuery;
use super::wire::{Body, Who, path_id, reference};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_subscriptions))
        .routes(routes!(cancel))
        .routes(routes!(resume))
        .routes(routes!(preview))
        .routes(routes!(change_plan))
        .routes(routes!(keep_plan))
        .routes(routes!(usage_bill))
        .routes(routes!(portal))
        .routes(routes!(config))
        .routes(routes!(customers))
        .routes(routes!(payment_methods))
}

/// Answers which payments are taken: pretended ones, Stripe's test payments, or real ones; the key for browsers; the
/// currency that is meant where none is named; and whether providers are paid.
#[utoipa::path(get, path = "/api/stripe/config/", tag = "money", responses((status = 200)))]
async fn config(State(state): State<AppState>) -> Response {
    let RailFacts { mode, publishable_key, pays_out } = rail::facts(&state.ctx);
    let currency = domain::Currency::Usd;
    Json(json!({
        "publishable_key": publishable_key,
        "mode": mode,
        "currency": currency,
        "connect_enabled": pays_out,
    }))
    .into_response()
}

/// The organization that is asked about, `organization` or `customer_uuid`.
fn organization_of(list: &ListQuery) -> ApiResult<Option<OrganizationId>> {
    Ok(match list.parsed("organization")? {
        Some(organization) => Some(organization),
        None => list.parsed("customer_uuid")?,
    })
}

/// Lists who the payment company knows the caller's organizations as; operators see all. Filter: `organization`.
#[utoipa::path(get, path = "/api/stripe-customers/", tag = "money",
    responses((status = 200), (status = 400), (status = 401), (status = 404)))]
async fn customers(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let row = |row: CustomerRow| {
        json!({
            // There is one for each organization.
            "uuid": row.organization_id,
            "organization_uuid": row.organization_id,
            "customer_uuid": row.organization_id,
            "customer_name": row.name,
            "stripe_id": row.customer,
            "email": row.email,
            "currency": row.currency,
            // What is given back goes back to the card: nobody has credit there.
            "balance": domain::Money::new(0, row.currency.unwrap_or(domain::Currency::Usd)).decimal(),
            "created": row.created_at.rfc3339(),
        })
    };
    let of = organization_of(&list)?;
    list.answer(rail::customers(&state.ctx, &who.principal, of, list.paging).await?.map(row))
}

/// Lists what an organization has paid with and may be charged again, newest first: `customer_uuid` says whose.
#[utoipa::path(get, path = "/api/stripe-payment-methods/", tag = "money",
    responses((status = 200), (status = 401), (status = 404), (status = 502)))]
async fn payment_methods(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let organization = match organization_of(&list)? {
        Some(organization) => organization,
        None => {
            let mine = &who.principal.user()?.memberships;
            match mine.iter().find(|membership| membership.role.may(Permission::ViewBilling)) {
                Some(membership) => membership.organization_id,
                None => return list.answer_all(Vec::<Value>::new()),
            }
        }
    };
    let row = |method: SavedMethod| {
        json!({
            "uuid": method.id,
            "id": method.id,
            "type": method.kind,
            "brand": method.brand,
            "last4": method.last4,
            "exp_month": method.exp_month,
            "exp_year": method.exp_year,
            "is_default": method.is_default,
        })
    };
    let methods = rail::methods(&state.ctx, &who.principal, organization).await?;
    list.answer_all(methods.into_iter().map(row).collect())
}

fn view(ctx: &Ctx, view: SubscriptionView, invoice: Option<InvoiceView>) -> Value {
    let period = view.period;
    let entitlement = period.as_ref().map(|period| period.entitlement);
    let tried = period.as_ref().is_some_and(|period| period.tried);
    let latest = invoice.map(|invoice| {
        json!({
            "uuid": invoice.id,
            "number": invoice.number,
            // An invoice is written when it is paid.
            "status": "paid",
            "total": invoice.total.decimal(),
            "currency": invoice.total.currency,
            "hosted_invoice_url":
                format!("{}/organizations/{}/billing/invoices/{}/", ctx.settings.public_url, view.organization_id, invoice.id),
        })
    });
    json!({
        "uuid": view.id,
        "order_uuid": view.order_id,
        "resource_uuid": view.id,
        "resource_name": view.name,
        "offering_name": view.offering_name,
        "plan_name": view.plan_name,
        "organization_uuid": view.organization_id,
        "customer_uuid": view.organization_id,
        "status": SubscriptionStatus::of(view.state, entitlement, tried),
        "entitlement": entitlement,
        "cancel_at_period_end": period.as_ref().is_some_and(|period| period.cancel_at_period_end),
        "current_period_start": period.as_ref().map(|period| period.start.rfc3339()),
        "current_period_end": period.as_ref().map(|period| period.end.rfc3339()),
        "trial_end": period.as_ref().filter(|period| period.tried).map(|period| period.end.rfc3339()),
        "unpaid_order_uuid": period.as_ref().and_then(|period| period.unpaid_order),
        "amount": view.price.decimal(),
        "currency": view.price.currency,
        "interval": view.interval,
        "pending_change": period.as_ref().and_then(|period| period.next_plan.clone()),
        "quantity": 1,
        "latest_invoice": latest,
    })
}

/// Adds a subscription's newest invoice, where the caller may see it.
async fn with_invoice(ctx: &Ctx, who: &Who, found: SubscriptionView) -> ApiResult<Value> {
    let invoice = services::invoices::newest_of(ctx, &who.principal, found.organization_id, found.id).await?;
    Ok(view(ctx, found, invoice))
}

/// Lists the caller's subscriptions with the time that is paid. Filters: `organization` (or `customer_uuid`), `status`
/// in Stripe's words, `state` in ours.
#[utoipa::path(get, path = "/api/stripe-subscriptions/", tag = "money", responses((status = 200), (status = 401)))]
async fn list_subscriptions(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let filter = subscriptions::SubscriptionFilter {
        organization: organization_of(&list)?,
        provider: None,
        state: list.parsed("state")?,
        status: list.parsed("status")?,
    };
    let page = subscriptions::list(&state.ctx, &who.principal, filter, list.paging).await?;
    let mut rows = Vec::new();
    for found in page.rows {
        rows.push(with_invoice(&state.ctx, &who, found).await?);
    }
    list.answer(Page { rows, total: page.total, page: page.page, page_size: page.page_size })
}

/// How a subscription ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct CancelBody {
    /// Whether it ends now, and not with the period that is paid.
    immediately: bool,
    /// Why, for the audit; 300 characters at most.
    reason: String,
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
    billing::note_reason(&state.ctx, &who.principal, id, &body.reason).await?;
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
            "interval": change.interval,
            "holds_from": change.from.map(domain::Timestamp::rfc3339),
        })
    };
    list.answer_all(changes.into_iter().map(row).collect())
}

/// The plan that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// The plan's address or identifier.
    plan: String,
    /// What was shown as charged now, in minor units; another amount is a conflict, and nothing is ordered.
    #[serde(default)]
    amount_due_minor: Option<i64>,
}

/// Changes the plan: a dearer one is paid and holds now, a cheaper one holds when the period is over.
#[utoipa::path(post, path = "/api/stripe-subscriptions/{uuid}/change_plan/", tag = "money", request_body = ChangeBody,
    responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn change_plan(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<ChangeBody>,
) -> ApiResult<Response> {
    let id: SubscriptionId = path_id("subscription", &uuid)?;
    let plan = reference("plan", &body.plan)?;
    let switched = orders::switch_plan(&state.ctx, &who.principal, id, plan, body.amount_due_minor).await?;
    let now = subscriptions::get(&state.ctx, &who.principal, id).await?;
    let mut answer = with_invoice(&state.ctx, &who, now).await?;
    if let orders::Switched::Ordered(order) = switched {
        answer["order_uuid"] = json!(order.id);
        answer["checkout_url"] = json!(order.checkout_url);
    }
    Ok(Json(answer).into_response())
}

/// Takes back that a subscription goes on with another plan.
#[utoipa::path(post, path = "/api/stripe-subscriptions/{uuid}/keep_plan/", tag = "money",
    responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn keep_plan(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id: SubscriptionId = path_id("subscription", &uuid)?;
    billing::keep_plan(&state.ctx, &who.principal, id).await?;
    answer(&state, &who, id).await
}

/// Answers what was used and what it costs, line by line: what runs, and each statement that was closed.
#[utoipa::path(get, path = "/api/stripe-subscriptions/{uuid}/usage_bill/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn usage_bill(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let bill = billing::usage_bill(&state.ctx, &who.principal, path_id("subscription", &uuid)?).await?;
    let next = bill.next.map(|(amount, at)| json!({"amount": amount.decimal(), "at": at.rfc3339()}));
    Ok(Json(json!({
        "currency": bill.running.amount.currency,
        "running": statement(bill.running),
        "next": next,
        "closed": bill.closed.into_iter().map(statement).collect::<Vec<_>>(),
    }))
    .into_response())
}

/// Where the payment company's pages lead back to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct PortalBody {
    /// Of this marketplace, or of a site that its operator allows; the page of payment methods where it is left out.
    return_url: Option<String>,
}

/// Opens the payment company's own pages about what the subscription's organization pays with, and answers where they
/// are: for its buyers alone, and for minutes. The sandbox has none but the marketplace's own.
#[utoipa::path(post, path = "/api/stripe-subscriptions/{uuid}/portal/", tag = "money", request_body = PortalBody,
    responses((status = 200), (status = 400), (status = 401), (status = 403), (status = 404), (status = 429), (status = 502)))]
async fn portal(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<PortalBody>,
) -> ApiResult<Response> {
    let id: SubscriptionId = path_id("subscription", &uuid)?;
    let url = rail::open_portal_of(&state.ctx, &who.principal, id, body.return_url).await?;
    Ok(Json(json!({"portal_url": url})).into_response())
}

fn statement(view: StatementView) -> Value {
    let line =
        |line: &domain::pricing::Line| json!({"text": line.text, "how": line.how, "amount": line.amount.decimal()});
    json!({
        "number": view.number,
        "plan_name": view.plan,
        "start": view.from.rfc3339(),
        "end": view.until.rfc3339(),
        "lines": view.lines.iter().map(line).collect::<Vec<_>>(),
        "amount": view.amount.decimal(),
        "order_uuid": view.order_id,
        "hash": view.hash,
    })
}

async fn answer(state: &AppState, who: &Who, id: SubscriptionId) -> Result<Response, super::error::ApiError> {
    let now = subscriptions::get(&state.ctx, &who.principal, id).await?;
    Ok(Json(with_invoice(&state.ctx, who, now).await?).into_response())
}
