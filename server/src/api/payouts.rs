//! Paying providers: where to, what was paid, and the run that pays.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::view::payout::{PayoutAccountView, PayoutLine, PayoutPlanRow, PayoutView};
use domain::{Money, OrganizationId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use services::payouts::{BackFromAccount, Standing};
use services::{Error, payouts};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::money::amounts;
use super::wire::{Body, PDF, Who, file, path_id, reference};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(of_provider))
        .routes(routes!(account, open_account))
        .routes(routes!(connect_status, connect))
        .routes(routes!(login_link))
        .routes(routes!(hold))
        .routes(routes!(list))
        .routes(routes!(plan))
        .routes(routes!(run))
        .routes(routes!(statement))
        .routes(routes!(statement_pdf))
}

fn payout(view: PayoutView) -> Value {
    json!({
        "uuid": view.id,
        "customer_uuid": view.provider_id,
        "customer_name": view.provider,
        "amount": view.amount.decimal(),
        "reversed": view.reversed.decimal(),
        "currency": view.amount.currency,
        "destination": view.destination,
        "state": view.state,
        "backend_id": view.reference,
        "error_message": view.failure,
        "created": view.created.rfc3339(),
        "settled": view.settled.map(Timestamp::rfc3339),
    })
}

/// Lists what was paid out to a provider, newest first.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/payouts/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn of_provider(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let view = payouts::overview(&state.ctx, &who.principal, id, list.paging).await?;
    list.answer(view.payouts.map(payout))
}

/// Answers where a provider is paid to, what the payment rail still wants, and what waits to be paid.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/payout_account/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn account(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let view = payouts::overview(&state.ctx, &who.principal, id, list.paging).await?;
    let account = |account: PayoutAccountView| {
        json!({
            "backend_id": account.reference,
            "destination": account.destination,
            "ready": account.ready,
            "currently_due": account.due,
            "held": account.held,
            "waits_until": account.waits_until.map(Timestamp::rfc3339),
        })
    };
    Ok(Json(json!({
        "account": view.account.map(account),
        "available": amounts(view.available),
        "in_transit": amounts(view.in_transit),
        "paid": amounts(view.paid),
        "minimum": view.minimum,
    }))
    .into_response())
}

/// Opens a provider's account at the payment rail, and answers the page where it says where it is paid to; that page
/// is for its owners alone.
#[utoipa::path(post, path = "/api/marketplace-service-providers/{uuid}/payout_account/", tag = "money",
    responses((status = 200), (status = 403), (status = 404), (status = 409), (status = 502)))]
async fn open_account(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let url = payouts::open_account(&state.ctx, &who.principal, id).await?;
    Ok(Json(json!({"onboarding_url": url})).into_response())
}

/// Whose account is opened.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ConnectBody {
    /// The provider; the caller's own organization where it is left out.
    customer_uuid: Option<String>,
    /// Where the page leads back to: of this marketplace, or of a site that its operator allows.
    return_url: Option<String>,
    /// Where the page leads when it is over, to ask for a fresh one.
    refresh_url: Option<String>,
}

/// Finds the provider that is meant: the one that is named, or the caller's first organization.
fn meant(who: &Who, named: Option<&str>) -> Result<OrganizationId, ApiError> {
    match named {
        Some(text) => reference("customer_uuid", text),
        None => {
            let first = who.principal.user()?.memberships.first().map(|membership| membership.organization_id);
            first.ok_or(ApiError(Error::NotFound("provider")))
        }
    }
}

/// Opens a provider's account as `payout_account` does, and says how it stands; the account is opened once, and its
/// page anew each time.
#[utoipa::path(post, path = "/api/stripe/connect/", tag = "money", request_body = ConnectBody,
    responses((status = 200), (status = 400), (status = 401), (status = 403), (status = 404), (status = 409), (status = 502)))]
async fn connect(State(state): State<AppState>, who: Who, Body(body): Body<ConnectBody>) -> ApiResult<Response> {
    let id = meant(&who, body.customer_uuid.as_deref())?;
    let back = BackFromAccount { return_url: body.return_url, refresh_url: body.refresh_url };
    let opened = payouts::open_account_and_come_back(&state.ctx, &who.principal, id, back).await?;
    let mut answer = standing(payouts::standing(&state.ctx, &who.principal, id).await?);
    answer["onboarding_url"] = json!(opened.url);
    answer["expires_at"] = json!(opened.expires_at.map(Timestamp::rfc3339));
    Ok(Json(answer).into_response())
}

/// Answers how a provider's account stands with the payment company, what is still wanted in words, and what the
/// provider has: `customer_uuid` says whose.
#[utoipa::path(get, path = "/api/stripe/connect/", tag = "money",
    responses((status = 200), (status = 400), (status = 401), (status = 404)))]
async fn connect_status(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let id = match list.parsed("customer_uuid")? {
        Some(id) => id,
        None => meant(&who, None)?,
    };
    Ok(Json(standing(payouts::standing(&state.ctx, &who.principal, id).await?)).into_response())
}

/// Opens the payment company's own pages about a provider's account, which are for its owners alone.
#[utoipa::path(post, path = "/api/stripe/connect/login-link/", tag = "money", request_body = LoginBody,
    responses((status = 200), (status = 401), (status = 403), (status = 404), (status = 409), (status = 502)))]
async fn login_link(State(state): State<AppState>, who: Who, Body(body): Body<LoginBody>) -> ApiResult<Response> {
    let id = meant(&who, body.customer_uuid.as_deref())?;
    let url = payouts::login_link(&state.ctx, &who.principal, id).await?;
    Ok(Json(json!({"url": url})).into_response())
}

/// Whose pages are opened.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct LoginBody {
    /// The provider; the caller's own organization where it is left out.
    customer_uuid: Option<String>,
}

fn standing(standing: Standing) -> Value {
    let Standing { account, status, pending, available, in_transit } = standing;
    let disabled = status.as_ref().and_then(|status| status.disabled.clone());
    let word = match &account {
        None => "none",
        Some(account) if !account.held.is_empty() => "held",
        Some(_) if disabled.as_deref().is_some_and(|reason| reason.starts_with("rejected")) => "rejected",
        Some(account) if account.ready => "active",
        // It has been paid to before, or could have been.
        Some(account) if !account.destination.is_empty() => "restricted",
        Some(_) => "pending",
    };
    let due: Vec<Value> = match &status {
        Some(status) => status.due.iter().map(|due| json!({"code": due.code, "text": due.text})).collect(),
        // Without an answer, what was known last.
        None => {
            account.iter().flat_map(|account| &account.due).map(|text| json!({"code": null, "text": text})).collect()
        }
    };
    json!({
        "status": word,
        "account_id": account.as_ref().map(|account| &account.reference),
        "transfers_active": account.as_ref().is_some_and(|account| account.ready),
        "payouts_enabled": status.is_some_and(|status| status.pays_out),
        "currently_due": due,
        "disabled_reason": disabled,
        "balance": {
            "pending": amounts(pending),
            "available": amounts(available),
            "in_transit": amounts(in_transit),
        },
    })
}

/// Why payouts are held back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    /// What the provider reads; empty to go on paying.
    reason: String,
}

/// Holds a provider's payouts back, or goes on with them.
#[utoipa::path(post, path = "/api/marketplace-service-providers/{uuid}/payout_hold/", tag = "money",
    request_body = HoldBody, responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn hold(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<HoldBody>,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    payouts::hold(&state.ctx, &who.principal, id, &body.reason).await?;
    Ok(Json(json!({"held": body.reason.trim()})).into_response())
}

/// Lists payouts to every provider, newest first.
#[utoipa::path(get, path = "/api/marketplace-payouts/", tag = "money", responses((status = 200), (status = 403)))]
async fn list(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    list.answer(payouts::list(&state.ctx, &who.principal, list.paging).await?.map(payout))
}

/// Answers what a run would pay now, and to whom nothing and why; it changes nothing.
#[utoipa::path(get, path = "/api/marketplace-payouts/plan/", tag = "money", responses((status = 200), (status = 403)))]
async fn plan(State(state): State<AppState>, who: Who) -> ApiResult<Response> {
    let plan = payouts::plan(&state.ctx, &who.principal).await?;
    let row = |row: PayoutPlanRow| {
        json!({
            "customer_uuid": row.provider_id,
            "customer_name": row.provider,
            "amount": row.amount.decimal(),
            "currency": row.amount.currency,
            "destination": row.destination,
            "will_be_paid": row.obstacle.is_empty(),
            "obstacle": row.obstacle,
        })
    };
    let rows: Vec<Value> = plan.rows.into_iter().map(row).collect();
    Ok(Json(json!({"rows": rows, "total": amounts(plan.total)})).into_response())
}

/// Pays every provider to whom something is due.
#[utoipa::path(post, path = "/api/marketplace-payouts/run/", tag = "money",
    responses((status = 202), (status = 403), (status = 409)))]
async fn run(State(state): State<AppState>, who: Who) -> ApiResult<Response> {
    let count = payouts::run(&state.ctx, &who.principal).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"payouts": count}))).into_response())
}

/// Answers the statement of a payout as a PDF.
#[utoipa::path(get, path = "/api/marketplace-payouts/{uuid}/pdf/", tag = "money",
    responses((status = 200, content_type = "application/pdf"), (status = 404), (status = 409)))]
async fn statement_pdf(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("payout", &uuid)?;
    let view = payouts::document(&state.ctx, &who.principal, id).await?;
    let name = format!("payout-{}-{id}.pdf", view.payout.created.day());
    Ok(file(&name, PDF, crate::pdf::statement(&view)?))
}

/// Answers a payout with what it is made of.
#[utoipa::path(get, path = "/api/marketplace-payouts/{uuid}/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn statement(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("payout", &uuid)?;
    let view = payouts::statement(&state.ctx, &who.principal, id, list.paging).await?;
    let line = |line: PayoutLine| {
        json!({
            "number": line.number,
            "kind": line.kind,
            "description": line.memo,
            "created": line.when.rfc3339(),
            "order_uuid": line.order_id,
            "customer_name": line.buyer,
            "gross": line.gross.map(Money::decimal),
            "amount": line.amount.decimal(),
        })
    };
    let mut answer = payout(view.payout);
    answer["lines"] = view.lines.rows.into_iter().map(line).collect();
    answer["lines_total"] = json!(view.lines.total);
    Ok(Json(answer).into_response())
}
