//! Invoices and credit notes: written in the transaction of the sale or the refund, and never changed.
//!
//! The marketplace sells in its own name, so that it is the one who invoices; the provider is named. What a
//! newcomer gets wrong: the number is taken last, because whoever takes one makes everyone else wait.

use std::collections::HashMap;

use domain::state::InvoiceKind;
use domain::view::money::{InvoiceView, PartyView};
use domain::view::{Page, Paging};
use domain::{InvoiceId, Money, OrganizationId, Permission, SubscriptionId, Timestamp};
use store::invoices::{self as rows, DetailsRow, InvoiceRow};
use store::orders::{OrderRow, PaymentRow};
use store::refunds::RefundRow;
use store::{Scope, Tx, organizations};

use crate::access::{Principal, on_behalf};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result};

/// More rows than this are not exported at once.
const EXPORTED: i64 = 100_000;

/// Writes the invoice of a sale.
pub(crate) async fn invoice(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    payment: &PaymentRow,
    tax_minor: i64,
    now: Timestamp,
) -> Result<()> {
    if payment.amount_minor == 0 {
        return Ok(());
    }
    let buyer = party(tx, order.organization_id).await?;
    let seller = seller(ctx);
    let row = InvoiceRow {
        id: InvoiceId(fresh_id()),
        series: series(&payment.rail, now),
        number: 0,
        kind: InvoiceKind::Invoice,
        corrects_id: None,
        refund_id: None,
        organization_id: order.organization_id,
        buyer_name: buyer.name,
        buyer_email: buyer.email,
        buyer_address: buyer.address,
        buyer_vat_id: buyer.vat_id,
        seller_name: seller.name,
        seller_address: seller.address,
        seller_vat_id: seller.vat_id,
        provider_id: order.provider_id,
        provider_name: order.provider_name.clone(),
        order_id: order.id,
        payment_id: payment.id,
        description: format!("{} — {}", order.offering_name, order.plan_name),
        method: payment.method.clone(),
        currency: payment.currency,
        total_minor: payment.amount_minor,
        tax_minor,
        issued_at: now,
    };
    Ok(rows::insert(tx, on_behalf(order.organization_id), &row).await?)
}

/// Returns an organization as documents name it.
pub(crate) async fn party(tx: &mut Tx, id: OrganizationId) -> Result<PartyView> {
    let organization = organizations::get(tx, id).await?.ok_or(Error::NotFound("organization"))?;
    let DetailsRow { name, address, vat_id } = rows::details(tx, on_behalf(id)).await?.unwrap_or_default();
    let name = if name.is_empty() { organization.name } else { name };
    Ok(PartyView { name, address, vat_id, email: organization.email })
}

/// Returns the marketplace as documents name it.
pub(crate) fn seller(ctx: &Ctx) -> PartyView {
    let seller = &ctx.settings.seller;
    let name = if seller.name.is_empty() { &ctx.settings.site_name } else { &seller.name };
    PartyView {
        name: name.clone(),
        address: seller.address.clone(),
        vat_id: seller.vat_id.clone(),
        email: String::new(),
    }
}

/// Writes the credit note of what goes back of a sale.
pub(crate) async fn credit_note(tx: &mut Tx, payment: &PaymentRow, refund: &RefundRow, now: Timestamp) -> Result<()> {
    let Some(invoice) = rows::of_payment(tx, payment.id).await? else {
        return Ok(());
    };
    correction(tx, invoice, InvoiceKind::CreditNote, refund, -1, now).await
}

/// Writes that a credit note does not hold, because what was to go back does not.
pub(crate) async fn debit_note(tx: &mut Tx, refund: &RefundRow, now: Timestamp) -> Result<()> {
    let Some(note) = rows::credit_note_of(tx, refund.id).await? else {
        return Ok(());
    };
    correction(tx, note, InvoiceKind::DebitNote, refund, 1, now).await
}

async fn correction(
    tx: &mut Tx,
    corrected: InvoiceRow,
    kind: InvoiceKind,
    refund: &RefundRow,
    sign: i64,
    now: Timestamp,
) -> Result<()> {
    let row = InvoiceRow {
        id: InvoiceId(fresh_id()),
        series: series(&refund.rail, now),
        kind,
        corrects_id: Some(corrected.id),
        refund_id: Some(refund.id),
        total_minor: sign * refund.amount_minor,
        tax_minor: sign * refund.tax_minor,
        issued_at: now,
        ..corrected
    };
    Ok(rows::insert(tx, on_behalf(refund.organization_id), &row).await?)
}

/// Numbers begin anew each year, and pretended money has numbers of its own.
fn series(rail: &str, now: Timestamp) -> String {
    format!("{}-{}", rail.to_uppercase(), now.day().civil().0)
}

/// Returns what stands on an organization's invoices; its e-mail is the organization's own.
pub async fn details(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<PartyView> {
    let member = who.member(organization, Permission::View)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let DetailsRow { name, address, vat_id } = rows::details(&mut tx, member.tenant).await?.unwrap_or_default();
    Ok(PartyView { name, address, vat_id, email: String::new() })
}

/// Says what stands on an organization's invoices from now on; those that are written stay as they are.
pub async fn save_details(ctx: &Ctx, who: &Principal, organization: OrganizationId, new: PartyView) -> Result<()> {
    let member = who.member(organization, Permission::ManageOrganization)?;
    let mut checks = Checks::default();
    let row = DetailsRow {
        name: checks.line("legal_name", &new.name, 0, 120),
        address: checks.text("address", &new.address, 0, 500),
        vat_id: checks.line("vat_id", &new.vat_id, 0, 30).to_uppercase(),
    };
    let plain = row.vat_id.chars().all(|c| c.is_ascii_alphanumeric() || " .-/".contains(c));
    checks.require(plain, "vat_id", "has letters and digits alone, like DE123456789");
    checks.require(row.address.lines().count() <= 8, "address", "may have 8 lines at most");
    checks.done()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(member.tenant).await?;
    rows::save_details(&mut tx, member.tenant, &row, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Lists every document of an organization, oldest first, for a table on its own machine.
pub async fn all(ctx: &Ctx, who: &Principal, organization: OrganizationId) -> Result<Vec<InvoiceView>> {
    let member = who.member(organization, Permission::ViewBilling)?;
    let mut tx = ctx.store.read(member.tenant).await?;
    let mut found = rows::list(&mut tx, member.tenant, EXPORTED, 0).await?;
    found.reverse();
    let numbers: HashMap<InvoiceId, String> = found.iter().map(|row| (row.id, number(row))).collect();
    let with_corrected = |row: InvoiceRow| {
        let corrects = row.corrects_id.and_then(|id| numbers.get(&id).cloned());
        InvoiceView { corrects, ..view(row) }
    };
    Ok(found.into_iter().map(with_corrected).collect())
}

/// Lists an organization's documents, newest first.
pub async fn list(
    ctx: &Ctx,
    who: &Principal,
    organization: OrganizationId,
    paging: Paging,
) -> Result<Page<InvoiceView>> {
    let member = who.member(organization, Permission::ViewBilling)?;
    let paging = Paging::clamped(paging.page, paging.page_size);
    let mut tx = ctx.store.read(member.tenant).await?;
    let total = rows::count(&mut tx, member.tenant).await?;
    let found = rows::list(&mut tx, member.tenant, paging.page_size, paging.offset()).await?;
    let rows = found.into_iter().map(view).collect();
    Ok(Page { rows, total, page: paging.page, page_size: paging.page_size })
}

/// Returns the newest invoice of a subscription to whoever may see what its buyer pays; nothing to others.
pub async fn newest_of(
    ctx: &Ctx,
    who: &Principal,
    buyer: OrganizationId,
    subscription: SubscriptionId,
) -> Result<Option<InvoiceView>> {
    if !who.user()?.user.operator && who.member(buyer, Permission::ViewBilling).is_err() {
        return Ok(None);
    }
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::newest_of(&mut tx, subscription).await?.filter(|row| row.organization_id == buyer).map(view))
}

/// Returns one document to its buyer, and to operators.
pub async fn get(ctx: &Ctx, who: &Principal, id: InvoiceId) -> Result<InvoiceView> {
    let operator = who.user()?.user.operator;
    let mut tx = ctx.store.read(Scope::System).await?;
    let row = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("invoice"))?;
    if !operator {
        who.member(row.organization_id, Permission::ViewBilling).map_err(|error| error.hiding("invoice"))?;
    }
    let corrects = match row.corrects_id {
        Some(id) => rows::get(&mut tx, id).await?.map(|row| number(&row)),
        None => None,
    };
    Ok(InvoiceView { corrects, ..view(row) })
}

fn number(row: &InvoiceRow) -> String {
    format!("{}-{:06}", row.series, row.number)
}

fn view(row: InvoiceRow) -> InvoiceView {
    InvoiceView {
        number: number(&row),
        id: row.id,
        kind: row.kind,
        corrects: None,
        organization_id: row.organization_id,
        buyer: PartyView {
            name: row.buyer_name,
            address: row.buyer_address,
            vat_id: row.buyer_vat_id,
            email: row.buyer_email,
        },
        seller: PartyView {
            name: row.seller_name,
            address: row.seller_address,
            vat_id: row.seller_vat_id,
            email: String::new(),
        },
        provider_name: row.provider_name,
        order_id: row.order_id,
        description: row.description,
        method: row.method,
        total: Money::new(row.total_minor, row.currency),
        tax: Money::new(row.tax_minor, row.currency),
        issued: row.issued_at,
    }
}
