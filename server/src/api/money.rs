//! Money: what providers earn, what the platform took, the ledger, the rules of commission.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Money;
use domain::view::money::{
    BalanceView, CommissionRuleView, EarningView, EarningsSummary, EntryView, InvoiceView, PartyView, RevenueRow,
    TaxYear, TransactionView,
};
use serde::Deserialize;
use serde_json::{Value, json};
use services::ledger::{self, NewRule, TransactionFilter};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::list::ListQuery;
use super::wire::{Body, CSV, PDF, Who, file, path_id, reference};
use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(earnings))
        .routes(routes!(earnings_csv))
        .routes(routes!(tax_year))
        .routes(routes!(balance))
        .routes(routes!(revenue))
        .routes(routes!(transactions))
        .routes(routes!(balances))
        .routes(routes!(check))
        .routes(routes!(rules, add_rule))
        .routes(routes!(end_rule))
        .routes(routes!(invoices))
        .routes(routes!(invoice))
        .routes(routes!(invoice_pdf))
        .routes(routes!(invoices_csv))
        .routes(routes!(billing_details, save_billing_details))
}

/// Writes an amount as the rest of the API does, with the currency beside it.
fn amount(money: Money) -> Value {
    json!(money.decimal())
}

/// Writes amounts in several currencies.
pub(super) fn amounts(amounts: Vec<Money>) -> Vec<Value> {
    amounts.into_iter().map(|money| json!({"amount": amount(money), "currency": money.currency})).collect()
}

/// Lists what a provider has earned, newest first: each sale with what the buyer paid, what the platform keeps,
/// what is the provider's, and until when that is held back.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/earnings/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn earnings(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let view = ledger::earnings(&state.ctx, &who.principal, id, list.paging).await?;
    list.answer(view.sales.map(earning))
}

fn earning(sale: EarningView) -> Value {
    json!({
        "uuid": sale.id,
        "order_uuid": sale.order_id,
        "customer_name": sale.buyer,
        "description": sale.description,
        "currency": sale.gross.currency,
        "gross": amount(sale.gross),
        "tax": amount(sale.tax),
        "commission": amount(sale.commission),
        "commission_rate": sale.rate,
        "net": amount(sale.net),
        "state": sale.state,
        "created": sale.sold.rfc3339(),
        "release_at": sale.release.rfc3339(),
        "released_at": sale.released.map(domain::Timestamp::rfc3339),
        "returned_at": sale.returned.map(domain::Timestamp::rfc3339),
        "refunded": amount(sale.back),
        "kept": amount(sale.kept),
        "payout_uuid": sale.payout_id,
    })
}

/// Answers what a provider has earned as a table for a spreadsheet, a line a sale.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/earnings_csv/", tag = "money",
    responses((status = 200, content_type = "text/csv"), (status = 404)))]
async fn earnings_csv(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let sales = ledger::earnings_csv(&state.ctx, &who.principal, id).await?;
    let table = csv_of(&sales).map_err(services::Error::internal)?;
    Ok(file("earnings.csv", CSV, table))
}

/// Writes an amount as a number, without its currency.
fn cents(money: Money) -> String {
    let minor = money.minor.unsigned_abs();
    format!("{}{}.{:02}", if money.minor < 0 { "-" } else { "" }, minor / 100, minor % 100)
}

fn csv_of(sales: &[EarningView]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let head = [
        "sold",
        "order",
        "description",
        "buyer",
        "currency",
        "gross",
        "tax",
        "commission",
        "commission_rate",
        "net",
        "refunded",
        "kept",
        "state",
        "release",
        "payout",
    ];
    table.write_record(head)?;
    for sale in sales {
        table.write_record([
            sale.sold.rfc3339(),
            sale.order_id.to_string(),
            harmless(&sale.description),
            harmless(&sale.buyer),
            sale.gross.currency.to_string(),
            cents(sale.gross),
            cents(sale.tax),
            cents(sale.commission),
            sale.rate.clone(),
            cents(sale.net),
            cents(sale.back),
            cents(sale.kept),
            sale.state.to_string(),
            sale.release.rfc3339(),
            sale.payout_id.map(|id| id.to_string()).unwrap_or_default(),
        ])?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// Writes a person's words so that no spreadsheet takes them for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Answers what a provider has earned in a year as a table for its taxes, a line a month and one for the year: `year`
/// says which, this one where it is left out.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/tax_year_csv/", tag = "money",
    responses((status = 200, content_type = "text/csv"), (status = 400), (status = 404)))]
async fn tax_year(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let year = list.parsed("year")?.unwrap_or_else(|| state.ctx.now().day().civil().0);
    let view = ledger::tax_year(&state.ctx, &who.principal, id, year).await?;
    let table = tax_table(&view).map_err(services::Error::internal)?;
    Ok(file(&format!("earnings-{year}.csv"), CSV, table))
}

fn tax_table(view: &TaxYear) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "period",
        "provider",
        "provider_vat_id",
        "marketplace",
        "marketplace_vat_id",
        "currency",
        "sales",
        "gross",
        "refunded",
        "tax",
        "commission",
        "net",
        "paid_out",
    ])?;
    for row in view.months.iter().chain(&view.totals) {
        table.write_record([
            row.month.clone(),
            harmless(&view.provider.name),
            harmless(&view.provider.vat_id),
            harmless(&view.marketplace.name),
            harmless(&view.marketplace.vat_id),
            row.gross.currency.to_string(),
            row.sales.to_string(),
            cents(row.gross),
            cents(row.back),
            cents(row.tax),
            cents(row.commission),
            cents(row.net),
            cents(row.paid),
        ])?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// Answers what a provider has: held back, available, owed, and what its sales come to.
#[utoipa::path(get, path = "/api/marketplace-service-providers/{uuid}/balance/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn balance(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    list: ListQuery,
) -> ApiResult<Response> {
    let id = path_id("provider", &uuid)?;
    let view = ledger::earnings(&state.ctx, &who.principal, id, list.paging).await?;
    let total = |total: EarningsSummary| {
        json!({
            "currency": total.gross.currency,
            "sales": total.sales,
            "gross": amount(total.gross),
            "tax": amount(total.tax),
            "commission": amount(total.commission),
            "net": amount(total.net),
        })
    };
    Ok(Json(json!({
        "held_back": amounts(view.held_back),
        "available": amounts(view.available),
        "owed": amounts(view.owed),
        "totals": view.totals.into_iter().map(total).collect::<Vec<_>>(),
        "hold_days": view.hold_days,
    }))
    .into_response())
}

/// Answers what the platform took and earned in each of the last months, by currency.
#[utoipa::path(get, path = "/api/marketplace-revenue/", tag = "money", responses((status = 200), (status = 403)))]
async fn revenue(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let view = ledger::revenue(&state.ctx, &who.principal).await?;
    let row = |row: RevenueRow| {
        json!({
            "month": row.month,
            "currency": row.sold.currency,
            "sold": amount(row.sold),
            "returned": amount(row.returned),
            "kept": amount(row.kept),
            "commission": amount(row.commission),
            "fees": amount(row.fees),
            "net": amount(row.net),
        })
    };
    list.answer_all(view.rows.into_iter().map(row).collect())
}

/// Lists the ledger's transactions with their lines, newest first; `kind`, `account` and `customer_uuid` choose.
#[utoipa::path(get, path = "/api/marketplace-ledger/", tag = "money",
    responses((status = 200), (status = 400), (status = 403)))]
async fn transactions(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let filter = TransactionFilter {
        kind: list.parsed("kind")?,
        account: list.parsed("account")?,
        owner: list.parsed("customer_uuid")?,
    };
    let page = ledger::transactions(&state.ctx, &who.principal, filter, list.paging).await?;
    list.answer(page.map(transaction))
}

fn transaction(view: TransactionView) -> Value {
    let entry = |entry: EntryView| {
        json!({
            "account": entry.account,
            "customer_uuid": entry.owner_id,
            "customer_name": entry.owner,
            "amount": amount(entry.amount),
            "currency": entry.amount.currency,
        })
    };
    json!({
        "uuid": view.id,
        "number": view.number,
        "kind": view.kind,
        "source": view.source,
        "memo": view.memo,
        "created": view.occurred.rfc3339(),
        "hash": view.hash,
        "entries": view.entries.into_iter().map(entry).collect::<Vec<_>>(),
    })
}

/// Lists the balance of every account of the ledger.
#[utoipa::path(get, path = "/api/marketplace-ledger/balances/", tag = "money", responses((status = 200), (status = 403)))]
async fn balances(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let rows = ledger::balances(&state.ctx, &who.principal).await?;
    let row = |row: BalanceView| {
        json!({
            "account": row.account,
            "kind": row.kind,
            "customer_uuid": row.owner_id,
            "customer_name": row.owner,
            "balance": amount(row.amount),
            "currency": row.amount.currency,
        })
    };
    list.answer_all(rows.into_iter().map(row).collect())
}

/// Looks through the whole ledger, and says what must hold and whether it does.
#[utoipa::path(get, path = "/api/marketplace-ledger/check/", tag = "money", responses((status = 200), (status = 403)))]
async fn check(State(state): State<AppState>, who: Who) -> ApiResult<Response> {
    let check = ledger::check(&state.ctx, &who.principal).await?;
    let holds = check.holds();
    let findings: Vec<Value> = check
        .findings
        .into_iter()
        .map(
            |finding| json!({"rule": finding.rule, "holds": finding.problems.is_empty(), "problems": finding.problems}),
        )
        .collect();
    Ok(Json(json!({"rail": check.book, "holds": holds, "findings": findings})).into_response())
}

/// Lists the rules of commission, those that began last first.
#[utoipa::path(get, path = "/api/marketplace-commission-rules/", tag = "money", responses((status = 200), (status = 403)))]
async fn rules(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let view = ledger::rules(&state.ctx, &who.principal).await?;
    list.answer_all(view.rules.into_iter().map(rule).collect())
}

fn rule(view: CommissionRuleView) -> Value {
    json!({
        "uuid": view.id,
        "customer_uuid": view.provider_id,
        "customer_name": view.provider_name,
        "category_uuid": view.category_id,
        "category_title": view.category_title,
        "basis_points": view.basis_points,
        "percent": view.percent,
        "valid_from": view.from,
        "valid_until": view.until,
        "active": view.began && !view.over,
        "note": view.note,
        "created_by": view.created_by,
    })
}

/// A rule of commission to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    /// The provider whose sales are meant; every provider's where it is left out.
    customer: Option<String>,
    /// The slug of the category whose sales are meant.
    #[serde(default)]
    category: String,
    /// The platform's share in percent, `12.5`.
    percent: String,
    /// The first day, `2026-12-01`; at once where it is left out.
    #[serde(default)]
    valid_from: String,
    /// The last day; without an end where it is left out.
    #[serde(default)]
    valid_until: String,
    #[serde(default)]
    note: String,
}

/// Makes a rule of commission, for sales from its first day on.
#[utoipa::path(post, path = "/api/marketplace-commission-rules/", tag = "money", request_body = RuleBody,
    responses((status = 201), (status = 400), (status = 403)))]
async fn add_rule(State(state): State<AppState>, who: Who, Body(body): Body<RuleBody>) -> ApiResult<Response> {
    let RuleBody { customer, category, percent, valid_from, valid_until, note } = body;
    let provider = customer.map(|text| reference("customer", &text)).transpose()?;
    let new = NewRule { provider, category, percent, from: valid_from, until: valid_until, note };
    let id = ledger::add_rule(&state.ctx, &who.principal, new).await?;
    Ok((StatusCode::CREATED, Json(json!({"uuid": id}))).into_response())
}

/// Ends a rule of commission now.
#[utoipa::path(post, path = "/api/marketplace-commission-rules/{uuid}/end/", tag = "money",
    responses((status = 200), (status = 403), (status = 404), (status = 409)))]
async fn end_rule(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("commission rule", &uuid)?;
    ledger::end_rule(&state.ctx, &who.principal, id).await?;
    Ok(Json(json!({"status": "ended"})).into_response())
}

/// Lists an organization's invoices and credit notes, newest first: `customer_uuid` says whose.
#[utoipa::path(get, path = "/api/marketplace-invoices/", tag = "money",
    responses((status = 200), (status = 400), (status = 401), (status = 404)))]
async fn invoices(State(state): State<AppState>, who: Who, list: ListQuery) -> ApiResult<Response> {
    let organization = match list.parsed("customer_uuid")? {
        Some(organization) => organization,
        None => match who.principal.user()?.memberships.first() {
            Some(membership) => membership.organization_id,
            None => return list.answer_all(Vec::<Value>::new()),
        },
    };
    let page = services::invoices::list(&state.ctx, &who.principal, organization, list.paging).await?;
    list.answer(page.map(invoice_of))
}

/// Answers one invoice or credit note.
#[utoipa::path(get, path = "/api/marketplace-invoices/{uuid}/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn invoice(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = services::invoices::get(&state.ctx, &who.principal, path_id("invoice", &uuid)?).await?;
    Ok(Json(invoice_of(view)).into_response())
}

/// Answers one invoice or credit note as a PDF.
#[utoipa::path(get, path = "/api/marketplace-invoices/{uuid}/pdf/", tag = "money",
    responses((status = 200, content_type = "application/pdf"), (status = 404)))]
async fn invoice_pdf(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let view = services::invoices::get(&state.ctx, &who.principal, path_id("invoice", &uuid)?).await?;
    Ok(file(&format!("{}.pdf", view.number), PDF, crate::pdf::invoice(&view)?))
}

/// Answers an organization's invoices and credit notes as a table for a spreadsheet, oldest first.
#[utoipa::path(get, path = "/api/customers/{uuid}/invoices_csv/", tag = "money",
    responses((status = 200, content_type = "text/csv"), (status = 403), (status = 404)))]
async fn invoices_csv(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let id = path_id("customer", &uuid)?;
    let all = services::invoices::all(&state.ctx, &who.principal, id).await?;
    let table = invoice_table(&all).map_err(services::Error::internal)?;
    Ok(file("invoices.csv", CSV, table))
}

fn invoice_table(all: &[InvoiceView]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "number",
        "kind",
        "corrects",
        "issued",
        "issuer",
        "issuer_vat_id",
        "customer",
        "customer_vat_id",
        "provider",
        "description",
        "currency",
        "net",
        "tax",
        "total",
    ])?;
    for view in all {
        let net = Money::new(view.total.minor - view.tax.minor, view.total.currency);
        table.write_record([
            view.number.clone(),
            view.kind.to_string(),
            view.corrects.clone().unwrap_or_default(),
            view.issued.day().iso(),
            harmless(&view.seller.name),
            harmless(&view.seller.vat_id),
            harmless(&view.buyer.name),
            harmless(&view.buyer.vat_id),
            harmless(&view.provider_name),
            harmless(&view.description),
            view.total.currency.to_string(),
            cents(net),
            cents(view.tax),
            cents(view.total),
        ])?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}

/// What stands on invoices.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DetailsBody {
    /// The legal name; empty where the organization's own will do.
    #[serde(default)]
    legal_name: String,
    /// In lines.
    #[serde(default)]
    address: String,
    #[serde(default)]
    vat_id: String,
}

/// Answers what stands on an organization's invoices.
#[utoipa::path(get, path = "/api/customers/{uuid}/billing_details/", tag = "money",
    responses((status = 200), (status = 404)))]
async fn billing_details(State(state): State<AppState>, who: Who, Path(uuid): Path<String>) -> ApiResult<Response> {
    let party = services::invoices::details(&state.ctx, &who.principal, path_id("customer", &uuid)?).await?;
    Ok(Json(json!({"legal_name": party.name, "address": party.address, "vat_id": party.vat_id})).into_response())
}

/// Says what stands on an organization's invoices from now on.
#[utoipa::path(put, path = "/api/customers/{uuid}/billing_details/", tag = "money", request_body = DetailsBody,
    responses((status = 200), (status = 400), (status = 403), (status = 404)))]
async fn save_billing_details(
    State(state): State<AppState>,
    who: Who,
    Path(uuid): Path<String>,
    Body(body): Body<DetailsBody>,
) -> ApiResult<Response> {
    let id = path_id("customer", &uuid)?;
    let party = PartyView { name: body.legal_name, address: body.address, vat_id: body.vat_id, email: String::new() };
    services::invoices::save_details(&state.ctx, &who.principal, id, party).await?;
    let party = services::invoices::details(&state.ctx, &who.principal, id).await?;
    Ok(Json(json!({"legal_name": party.name, "address": party.address, "vat_id": party.vat_id})).into_response())
}

fn invoice_of(view: InvoiceView) -> Value {
    json!({
        "uuid": view.id,
        "number": view.number,
        "kind": view.kind,
        "corrects": view.corrects,
        "customer_uuid": view.organization_id,
        "customer_name": view.buyer.name,
        "customer_email": view.buyer.email,
        "customer_address": view.buyer.address,
        "customer_vat_id": view.buyer.vat_id,
        "issuer_name": view.seller.name,
        "issuer_address": view.seller.address,
        "issuer_vat_id": view.seller.vat_id,
        "provider_name": view.provider_name,
        "order_uuid": view.order_id,
        "description": view.description,
        "method": view.method,
        "currency": view.total.currency,
        "total": amount(view.total),
        "tax": amount(view.tax),
        "issued": view.issued.rfc3339(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buyers_name_is_no_formula() {
        assert_eq!(["=1+1", "+1", "-1", "@x", "Ada"].map(harmless), ["'=1+1", "'+1", "'-1", "'@x", "Ada"]);
    }
}
