//! Money that goes back: refunds, disputes, and cases that a person has to look at.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::view::money::{CallView, CaseView, PaidView, RefundView};
use domain::{Currency, Money, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use services::refunds::RefundFilter;
use services::{Error, billing, cases, ledger, refunds};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::list::ListQuery;
use super::wire::{Body, Who, path_id};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(give_back))
        .routes(routes!(of_order))
        .routes(routes!(calls))
        .routes(routes!(all_cases))
        .routes(routes!(close))
        .routes(routes!(reconcile))
}

fn refund(view: RefundView) -> Value {
    json!({
        "uuid": view.id,
        "payment_uuid": view.payment_id,
        "order_uuid": view.order_id,
        "customer_uuid": view.organization_id,
        "provider_uuid": view.provider_id,
        "amount": view.amount.decimal(),
        "currency": view.amount.currency,
        "cause": view.cause,
        "state": view.state,
        "reason": view.reason,
        "backend_id": view.reference,
        "created": view.created.rfc3339(),
        "settled": view.settled.map(Timestamp::rfc3339),
    })
}

/// Lists refunds, newest first: to operators all, to others those of what `customer_uuid` has bought or
/// `provider_uuid` has sold.
#[utoipa::path(get, path = "/api/marketplace-refunds/", tag = "money",
    responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn list(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let filter = RefundFilter { buyer: list.parsed("customer_uuid")?, provider: list.parsed("provider_uuid")? };
    list.answer(refunds::list(&state.ctx, &who.principal, filter, list.paging).await?.map(refund))
}

/// What is given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    /// How much, `12.50`; all that is left where it is left out.
    amount: Option<String>,
    /// Why; the buyer reads it.
    reason: String,
}

/// Gives a payment back, or a part of it: for operators, and for owners of the organization that has sold.
#[utoipa::path(post, path = "/api/marketplace-payments/{uuid}/refund/", tag = "money", request_body = RefundBody,
    responses((status = 201), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn give_back(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<RefundBody>,
) -> ApiResult<Response> {
    let id = path_id("payment", &uuid)?;
    // Every currency that something is sold in has two decimals.
    let minor = match body.amount.as_deref() {
        None => None,
        Some(text) => Some(
            Money::from_decimal(text, Currency::Usd)
                .ok_or_else(|| ApiError(Error::invalid("amount", "write it as a number with two decimals, 12.50")))?
                .minor,
        ),
    };
    let view = refunds::give_back(&state.ctx, &who.principal, id, minor, &body.reason).await?;
    Ok((StatusCode::CREATED, Json(refund(view))).into_response())
}

/// Answers what was paid for an order, and what went back.
#[utoipa::path(get, path = "/api/marketplace-orders/{uuid}/payments/", tag = "money",
    responses((status = 200), (status = 403), (status = 404)))]
async fn of_order(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = refunds::of_order(&state.ctx, &who.principal, path_id("order", &uuid)?).await?;
    let paid = |paid: PaidView| {
        json!({
            "uuid": paid.id,
            "amount": paid.amount.decimal(),
            "left": paid.left.decimal(),
            "currency": paid.amount.currency,
            "method": paid.method,
            "backend_id": paid.reference,
            "created": paid.when.rfc3339(),
            "refundable": paid.refundable,
        })
    };
    Ok(Json(json!({
        "order_uuid": view.order_id,
        "payments": view.payments.into_iter().map(paid).collect::<Vec<_>>(),
        "refunds": view.refunds.into_iter().map(refund).collect::<Vec<_>>(),
    }))
    .into_response())
}

/// Lists the calls behind what an order asks for, newest first: those that its statements bill, or, where the price is
/// the same whatever is used, those of the time that it pays for.
#[utoipa::path(get, path = "/api/marketplace-orders/{uuid}/calls/", tag = "money",
    responses((status = 200), (status = 403), (status = 404)))]
async fn calls(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("order", &uuid)?;
    let view = billing::calls_of_order(&state.ctx, &who.principal, id, list.paging).await?;
    list.answer(view.calls.map(|call: CallView| {
        json!({
            "request_id": call.id,
            "source": call.source,
            "input_tokens": call.input_tokens,
            "output_tokens": call.output_tokens,
            "elapsed_ms": call.elapsed_ms,
            "started": call.started.rfc3339(),
        })
    }))
}

/// Lists what a person has to look at: refunds that failed, disputes, differences. The open ones come first.
#[utoipa::path(get, path = "/api/marketplace-cases/", tag = "money", responses((status = 200), (status = 403)))]
async fn all_cases(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let case = |case: CaseView| {
        json!({
            "uuid": case.id,
            "kind": case.kind,
            "subject": case.subject,
            "title": case.title,
            "description": case.detail,
            "order_uuid": case.order_id,
            "created": case.opened.rfc3339(),
            "closed": case.closed.map(Timestamp::rfc3339),
            "closed_by": case.closed_by,
            "note": case.note,
        })
    };
    list.answer(cases::list(&state.ctx, &who.principal, list.paging).await?.cases.map(case))
}

/// What came of a case.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    /// In a sentence.
    note: String,
}

/// Says that a case is done with.
#[utoipa::path(post, path = "/api/marketplace-cases/{uuid}/close/", tag = "money", request_body = CloseBody,
    responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409)))]
async fn close(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<CloseBody>,
) -> ApiResult<Response> {
    cases::close(&state.ctx, &who.principal, path_id("case", &uuid)?, &body.note).await?;
    Ok(Json(json!({"status": "closed"})).into_response())
}

/// Compares the ledger with what the payment company says; each difference is a case.
#[utoipa::path(post, path = "/api/marketplace-ledger/reconcile/", tag = "money",
    responses((status = 200), (status = 403), (status = 502)))]
async fn reconcile(State(state): State<AppState>, who: Who) -> ApiResult<Response> {
    let differences = ledger::reconcile_now(&state.ctx, &who.principal).await?;
    Ok(Json(json!({"differences": differences})).into_response())
}
