//! What goes back of payments, and disputes about them.
//!
//! What a newcomer gets wrong: whoever decides that money goes back holds the order's row, so that two of them cannot
//! give back more together than was paid.

use domain::state::{DisputeState, RefundCause, RefundState};
use domain::{Currency, DisputeId, Money, OrderId, OrganizationId, PaymentId, RefundId, Timestamp, UserId};

use crate::{Error, Tx};

/// Money that goes back.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RefundRow {
    /// Which.
    pub id: RefundId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Of which order.
    pub order_id: OrderId,
    /// To whom.
    pub organization_id: OrganizationId,
    /// Whose sale it was.
    pub provider_id: OrganizationId,
    /// On which rail.
    pub rail: String,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount_minor: i64,
    /// What of it was tax.
    pub tax_minor: i64,
    /// What of it the platform gives back.
    pub commission_minor: i64,
    /// What of it the provider gives back.
    pub net_minor: i64,
    /// Whether the provider's part was taken from what was held back.
    pub from_pending: bool,
    /// Why.
    pub cause: RefundCause,
    /// Where it stands.
    pub state: RefundState,
    /// The rail's own id, once it has one.
    pub reference: Option<String>,
    /// What people read.
    pub reason: String,
    /// Who decided it; nobody where the program did.
    pub created_by: Option<UserId>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it was given back, or came to us again.
    pub settled_at: Option<Timestamp>,
}

impl RefundRow {
    /// Returns how much it is.
    pub const fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }
}

/// What went back of a payment and has not come to us again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct ReturnedRow {
    /// How much.
    pub amount_minor: i64,
    /// What of it was tax.
    pub tax_minor: i64,
    /// What of it was the platform's.
    pub commission_minor: i64,
    /// What of it was the provider's.
    pub net_minor: i64,
    /// How many refunds are still on their way.
    pub due: i64,
}

/// Writes a refund.
pub async fn insert(tx: &mut Tx, row: &RefundRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO refunds (id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor,
                              tax_minor, commission_minor, net_minor, from_pending, cause, state, reference, reason,
                              created_by, created_at, settled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(row.id)
    .bind(row.payment_id)
    .bind(row.order_id)
    .bind(row.organization_id)
    .bind(row.provider_id)
    .bind(row.rail.clone())
    .bind(row.currency)
    .bind(row.amount_minor)
    .bind(row.tax_minor)
    .bind(row.commission_minor)
    .bind(row.net_minor)
    .bind(row.from_pending)
    .bind(row.cause)
    .bind(row.state)
    .bind(row.reference.clone())
    .bind(row.reason.clone())
    .bind(row.created_by)
    .bind(row.created_at)
    .bind(row.settled_at)
    .execute()
    .await?
    .exactly_one()
}

/// Finds a refund.
pub async fn get(tx: &mut Tx, id: RefundId) -> Result<Option<RefundRow>, Error> {
    tx.query(
        "SELECT id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor, tax_minor,
                commission_minor, net_minor, from_pending, cause, state, reference, reason, created_by, created_at,
                settled_at
         FROM refunds WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Lists the refunds of a payment, oldest first.
pub async fn of_payment(tx: &mut Tx, payment: PaymentId) -> Result<Vec<RefundRow>, Error> {
    tx.query(
        "SELECT id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor, tax_minor,
                commission_minor, net_minor, from_pending, cause, state, reference, reason, created_by, created_at,
                settled_at
         FROM refunds WHERE payment_id = $1 ORDER BY created_at, id",
    )
    .bind(payment)
    .fetch_all()
    .await
}

/// Lists the refunds of a rail, newest first: of one buyer, of one provider, or all.
pub async fn list(
    tx: &mut Tx,
    rail: &str,
    buyer: Option<OrganizationId>,
    provider: Option<OrganizationId>,
    limit: i64,
    offset: i64,
) -> Result<Vec<RefundRow>, Error> {
    tx.query(
        "SELECT id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor, tax_minor,
                commission_minor, net_minor, from_pending, cause, state, reference, reason, created_by, created_at,
                settled_at
         FROM refunds
         WHERE rail = $1 AND (CAST($2 AS UUID) IS NULL OR organization_id = $2)
           AND (CAST($3 AS UUID) IS NULL OR provider_id = $3)
         ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5",
    )
    .bind(rail.to_owned())
    .bind(buyer)
    .bind(provider)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts the same.
pub async fn count(
    tx: &mut Tx,
    rail: &str,
    buyer: Option<OrganizationId>,
    provider: Option<OrganizationId>,
) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM refunds
         WHERE rail = $1 AND (CAST($2 AS UUID) IS NULL OR organization_id = $2)
           AND (CAST($3 AS UUID) IS NULL OR provider_id = $3)",
    )
    .bind(rail.to_owned())
    .bind(buyer)
    .bind(provider)
    .fetch_scalar()
    .await
}

/// Adds up what went back of a payment and has not come to us again.
pub async fn returned(tx: &mut Tx, payment: PaymentId) -> Result<ReturnedRow, Error> {
    tx.query(
        "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) AS amount_minor,
                CAST(COALESCE(SUM(tax_minor), 0) AS BIGINT) AS tax_minor,
                CAST(COALESCE(SUM(commission_minor), 0) AS BIGINT) AS commission_minor,
                CAST(COALESCE(SUM(net_minor), 0) AS BIGINT) AS net_minor,
                CAST(COALESCE(SUM(CASE WHEN state = 'due' THEN 1 ELSE 0 END), 0) AS BIGINT) AS due
         FROM refunds WHERE payment_id = $1 AND state <> 'reversed'",
    )
    .bind(payment)
    .fetch_one()
    .await
}

/// Moves a refund on; tells whether it still was where the caller saw it.
pub async fn step(
    tx: &mut Tx,
    id: RefundId,
    from: RefundState,
    to: RefundState,
    reference: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE refunds SET state = $3, reference = COALESCE($4, reference), settled_at = $5
             WHERE id = $1 AND state = $2",
        )
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(reference.map(str::to_owned))
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Says that a refund is what a bank has taken.
pub async fn set_dispute(tx: &mut Tx, id: RefundId, dispute: DisputeId) -> Result<(), Error> {
    tx.query("UPDATE refunds SET dispute_id = $2 WHERE id = $1").bind(id).bind(dispute).execute().await?.exactly_one()
}

/// Lists what a bank has taken and not given back, in the order of the orders.
pub async fn of_dispute(tx: &mut Tx, dispute: DisputeId) -> Result<Vec<RefundRow>, Error> {
    tx.query(
        "SELECT id, payment_id, order_id, organization_id, provider_id, rail, currency, amount_minor, tax_minor,
                commission_minor, net_minor, from_pending, cause, state, reference, reason, created_by, created_at,
                settled_at
         FROM refunds WHERE dispute_id = $1 AND state <> 'reversed' ORDER BY order_id, id",
    )
    .bind(dispute)
    .fetch_all()
    .await
}

/// Adds up the refunds of a rail in a state, by currency.
pub async fn sums(tx: &mut Tx, rail: &str, state: RefundState) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(SUM(amount_minor) AS BIGINT) FROM refunds
             WHERE rail = $1 AND state = $2 GROUP BY currency ORDER BY currency",
        )
        .bind(rail.to_owned())
        .bind(state)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money::new(minor, currency)).collect())
}

/// A payment that its buyer's bank has taken back, or asks about.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DisputeRow {
    /// Which.
    pub id: DisputeId,
    /// On which rail.
    pub rail: String,
    /// The rail's own id.
    pub reference: String,
    /// Which payment.
    pub payment_id: PaymentId,
    /// The buyer.
    pub organization_id: OrganizationId,
    /// Whose sale it was.
    pub provider_id: OrganizationId,
    /// What went back of it.
    pub refund_id: Option<RefundId>,
    /// In what.
    pub currency: Currency,
    /// How much is disputed.
    pub amount_minor: i64,
    /// What the rail keeps for it.
    pub fee_minor: i64,
    /// Where it stands.
    pub state: DisputeState,
    /// The bank's word for why.
    pub reason: String,
    /// Until when the bank hears us.
    pub due_by: Option<Timestamp>,
    /// When we heard of it.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
}

/// Finds a dispute by the rail's id.
pub async fn dispute(tx: &mut Tx, rail: &str, reference: &str) -> Result<Option<DisputeRow>, Error> {
    tx.query(
        "SELECT id, rail, reference, payment_id, organization_id, provider_id, refund_id, currency, amount_minor,
                fee_minor, state, reason, due_by, created_at, modified_at
         FROM disputes WHERE rail = $1 AND reference = $2",
    )
    .bind(rail.to_owned())
    .bind(reference.to_owned())
    .fetch_optional()
    .await
}

/// Finds a dispute.
pub async fn dispute_by_id(tx: &mut Tx, id: DisputeId) -> Result<Option<DisputeRow>, Error> {
    tx.query(
        "SELECT id, rail, reference, payment_id, organization_id, provider_id, refund_id, currency, amount_minor,
                fee_minor, state, reason, due_by, created_at, modified_at
         FROM disputes WHERE id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Writes a dispute as it stands now.
pub async fn save_dispute(tx: &mut Tx, row: &DisputeRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO disputes (id, rail, reference, payment_id, organization_id, provider_id, refund_id, currency,
                               amount_minor, fee_minor, state, reason, due_by, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (rail, reference) DO UPDATE
         SET refund_id = $7, amount_minor = $9, fee_minor = $10, state = $11, reason = $12, due_by = $13,
             modified_at = $15",
    )
    .bind(row.id)
    .bind(row.rail.clone())
    .bind(row.reference.clone())
    .bind(row.payment_id)
    .bind(row.organization_id)
    .bind(row.provider_id)
    .bind(row.refund_id)
    .bind(row.currency)
    .bind(row.amount_minor)
    .bind(row.fee_minor)
    .bind(row.state)
    .bind(row.reason.clone())
    .bind(row.due_by)
    .bind(row.created_at)
    .bind(row.modified_at)
    .execute()
    .await?
    .exactly_one()
}
