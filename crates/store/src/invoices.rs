//! Invoices and credit notes.

use domain::state::InvoiceKind;
use domain::{Currency, InvoiceId, OrderId, OrganizationId, PaymentId, RefundId, SubscriptionId, Timestamp};

use crate::{Error, Tenant, Tx};

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct InvoiceRow {
    /// Which.
    pub id: InvoiceId,
    /// In which series it is numbered.
    pub series: String,
    /// Its number there, from 1.
    pub number: i64,
    /// What it is.
    pub kind: InvoiceKind,
    /// The invoice that a credit note takes back, or takes something back of.
    pub corrects_id: Option<InvoiceId>,
    /// What a credit note is for.
    pub refund_id: Option<RefundId>,
    /// The buyer.
    pub organization_id: OrganizationId,
    /// By name, as it was then.
    pub buyer_name: String,
    /// The buyer's address for letters, as it was then; may be empty.
    pub buyer_email: String,
    /// The buyer's address, in lines, as it was then; may be empty.
    pub buyer_address: String,
    /// The buyer's VAT id, as it was then; may be empty.
    pub buyer_vat_id: String,
    /// Who invoices.
    pub seller_name: String,
    /// Where that is, in lines; may be empty.
    pub seller_address: String,
    /// Its VAT id; may be empty.
    pub seller_vat_id: String,
    /// For whose work.
    pub provider_id: OrganizationId,
    /// By name, as it was then.
    pub provider_name: String,
    /// For which order.
    pub order_id: OrderId,
    /// By which payment.
    pub payment_id: PaymentId,
    /// What was bought.
    pub description: String,
    /// How it was paid.
    pub method: String,
    /// In what.
    pub currency: Currency,
    /// With tax; a credit note's is below zero.
    pub total_minor: i64,
    /// What is tax of it.
    pub tax_minor: i64,
    /// When.
    pub issued_at: Timestamp,
}

/// Writes a document with the next number of its series; `row.number` is not looked at. One that is there for the
/// payment, or for the refund, stays as it is.
pub async fn insert(tx: &mut Tx, tenant: Tenant, row: &InvoiceRow) -> Result<(), Error> {
    let known: i64 = tx
        .query(
            "SELECT COUNT(*) FROM invoices
             WHERE payment_id = $1 AND kind = $2 AND (CAST($3 AS UUID) IS NULL OR refund_id = $3)",
        )
        .bind(row.payment_id)
        .bind(row.kind)
        .bind(row.refund_id)
        .fetch_scalar()
        .await?;
    if known > 0 {
        return Ok(());
    }
    tx.query("INSERT INTO invoice_series (series, last_number) VALUES ($1, 0) ON CONFLICT (series) DO NOTHING")
        .bind(row.series.clone())
        .execute()
        .await?
        .any();
    let number: i64 = tx
        .query("UPDATE invoice_series SET last_number = last_number + 1 WHERE series = $1 RETURNING last_number")
        .bind(row.series.clone())
        .fetch_scalar()
        .await?;
    tx.query(
        "INSERT INTO invoices (id, series, number, kind, corrects_id, organization_id, buyer_name, buyer_email, seller_name,
                               provider_id, provider_name, order_id, payment_id, description, method, currency,
                               total_minor, tax_minor, issued_at, buyer_address, buyer_vat_id, seller_address,
                               seller_vat_id, refund_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)",
    )
    .bind(row.id)
    .bind(row.series.clone())
    .bind(number)
    .bind(row.kind)
    .bind(row.corrects_id)
    .bind(tenant.id())
    .bind(row.buyer_name.clone())
    .bind(row.buyer_email.clone())
    .bind(row.seller_name.clone())
    .bind(row.provider_id)
    .bind(row.provider_name.clone())
    .bind(row.order_id)
    .bind(row.payment_id)
    .bind(row.description.clone())
    .bind(row.method.clone())
    .bind(row.currency)
    .bind(row.total_minor)
    .bind(row.tax_minor)
    .bind(row.issued_at)
    .bind(row.buyer_address.clone())
    .bind(row.buyer_vat_id.clone())
    .bind(row.seller_address.clone())
    .bind(row.seller_vat_id.clone())
    .bind(row.refund_id)
    .execute()
    .await?
    .exactly_one()
}

/// What stands on the invoices of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct DetailsRow {
    /// The legal name; empty where the organization's own will do.
    pub name: String,
    /// In lines.
    pub address: String,
    /// The VAT id.
    pub vat_id: String,
}

/// Finds what stands on an organization's invoices.
pub async fn details(tx: &mut Tx, tenant: Tenant) -> Result<Option<DetailsRow>, Error> {
    tx.query("SELECT name, address, vat_id FROM billing_details WHERE organization_id = $1")
        .bind(tenant.id())
        .fetch_optional()
        .await
}

/// Writes what stands on an organization's invoices from now on.
pub async fn save_details(tx: &mut Tx, tenant: Tenant, row: &DetailsRow, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO billing_details (organization_id, name, address, vat_id, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id) DO UPDATE SET name = $2, address = $3, vat_id = $4, updated_at = $5",
    )
    .bind(tenant.id())
    .bind(row.name.clone())
    .bind(row.address.clone())
    .bind(row.vat_id.clone())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Finds the invoice of a payment.
pub async fn of_payment(tx: &mut Tx, payment: PaymentId) -> Result<Option<InvoiceRow>, Error> {
    tx.query(
        "SELECT id, series, number, kind, corrects_id, organization_id, buyer_name, buyer_email, seller_name, provider_id,
                provider_name, order_id, payment_id, description, method, currency, total_minor, tax_minor, issued_at,
                buyer_address, buyer_vat_id, seller_address, seller_vat_id, refund_id
         FROM invoices WHERE payment_id = $1 AND kind = $2",
    )
    .bind(payment)
    .bind(InvoiceKind::Invoice)
    .fetch_optional()
    .await
}

/// Finds the credit note of a refund.
pub async fn credit_note_of(tx: &mut Tx, refund: RefundId) -> Result<Option<InvoiceRow>, Error> {
    tx.query(
        "SELECT id, series, number, kind, corrects_id, organization_id, buyer_name, buyer_email, seller_name, provider_id,
                provider_name, order_id, payment_id, description, method, currency, total_minor, tax_minor, issued_at,
                buyer_address, buyer_vat_id, seller_address, seller_vat_id, refund_id
         FROM invoices WHERE refund_id = $1 AND kind = $2",
    )
    .bind(refund)
    .bind(InvoiceKind::CreditNote)
    .fetch_optional()
    .await
}

/// Finds the newest invoice of a subscription.
pub async fn newest_of(tx: &mut Tx, subscription: SubscriptionId) -> Result<Option<InvoiceRow>, Error> {
    tx.query(
        "SELECT id, series, number, kind, corrects_id, organization_id, buyer_name, buyer_email, seller_name, provider_id,
                provider_name, order_id, payment_id, description, method, currency, total_minor, tax_minor, issued_at,
                buyer_address, buyer_vat_id, seller_address, seller_vat_id, refund_id
         FROM invoices
         WHERE kind = 'invoice' AND order_id IN (SELECT o.id FROM orders o WHERE o.subscription_id = $1)
         ORDER BY issued_at DESC, id DESC LIMIT 1",
    )
    .bind(subscription)
    .fetch_optional()
    .await
}

/// Finds a document, whoever's it is; the caller checks who may see it.
pub async fn get(tx: &mut Tx, id: InvoiceId) -> Result<Option<InvoiceRow>, Error> {
    tx.query(
        "SELECT id, series, number, kind, corrects_id, organization_id, buyer_name, buyer_email, seller_name, provider_id,
                provider_name, order_id, payment_id, description, method, currency, total_minor, tax_minor, issued_at,
                buyer_address, buyer_vat_id, seller_address, seller_vat_id, refund_id
         FROM invoices WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Lists an organization's documents, newest first.
pub async fn list(tx: &mut Tx, tenant: Tenant, limit: i64, offset: i64) -> Result<Vec<InvoiceRow>, Error> {
    tx.query(
        "SELECT id, series, number, kind, corrects_id, organization_id, buyer_name, buyer_email, seller_name, provider_id,
                provider_name, order_id, payment_id, description, method, currency, total_minor, tax_minor, issued_at,
                buyer_address, buyer_vat_id, seller_address, seller_vat_id, refund_id
         FROM invoices WHERE organization_id = $1 ORDER BY issued_at DESC, id DESC LIMIT $2 OFFSET $3",
    )
    .bind(tenant.id())
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts an organization's documents.
pub async fn count(tx: &mut Tx, tenant: Tenant) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM invoices WHERE organization_id = $1").bind(tenant.id()).fetch_scalar().await
}

/// Lists the series that have a gap or a number twice.
pub async fn gaps(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = tx
        .query(
            "SELECT s.series FROM invoice_series s
             LEFT JOIN invoices i ON i.series = s.series
             GROUP BY s.series, s.last_number
             HAVING COUNT(i.id) <> s.last_number OR COALESCE(MAX(i.number), 0) <> s.last_number
                 OR COUNT(DISTINCT i.number) <> s.last_number
             ORDER BY s.series",
        )
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(series,)| series).collect())
}
