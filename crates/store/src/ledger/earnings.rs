//! What providers earn.

use domain::state::EarningState;
use domain::{
    BasisPoints, CommissionRuleId, Currency, EarningId, OrderId, OrganizationId, PaymentId, PayoutId, Timestamp,
};

use crate::{Either, Error, Tx};

/// An earning to write.
#[derive(Clone, Debug)]
pub struct NewEarning {
    /// Which.
    pub id: EarningId,
    /// In which book.
    pub book: String,
    /// By which payment.
    pub payment: PaymentId,
    /// For which order.
    pub order: OrderId,
    /// Who earns.
    pub provider: OrganizationId,
    /// Who paid.
    pub buyer: OrganizationId,
    /// What was sold.
    pub description: String,
    /// How it is divided.
    pub shares: domain::ledger::Shares,
    /// The share of the platform on that day.
    pub rate: BasisPoints,
    /// The rule that said so; nothing where the configuration did.
    pub rule: Option<CommissionRuleId>,
    /// When.
    pub sold_at: Timestamp,
    /// Until when it is held back.
    pub release_at: Timestamp,
}

/// An earning.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EarningRow {
    /// Which.
    pub id: EarningId,
    /// In which book.
    pub book: String,
    /// By which payment.
    pub payment_id: PaymentId,
    /// For which order.
    pub order_id: OrderId,
    /// Who earns.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider_name: String,
    /// Who paid.
    pub organization_id: OrganizationId,
    /// By name.
    pub organization_name: String,
    /// What was sold.
    pub description: String,
    /// In what.
    pub currency: Currency,
    /// What the buyer paid.
    pub gross_minor: i64,
    /// What is tax of it.
    pub tax_minor: i64,
    /// What the platform keeps.
    pub commission_minor: i64,
    /// What the provider earns.
    pub net_minor: i64,
    /// The share of the platform on that day, in hundredths of a percent.
    pub commission_basis_points: i64,
    /// Where it stands.
    pub state: EarningState,
    /// When it was sold.
    pub sold_at: Timestamp,
    /// Until when it is held back.
    pub release_at: Timestamp,
    /// When it was released.
    pub released_at: Option<Timestamp>,
    /// When its sale went back whole.
    pub returned_at: Option<Timestamp>,
    /// What went back of it to the buyer.
    pub back_gross_minor: i64,
    /// What the provider gave back of it.
    pub back_net_minor: i64,
}

/// Sums of the sales of a provider that stand, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EarningTotals {
    /// In what.
    pub currency: Currency,
    /// How many.
    pub sales: i64,
    /// What buyers paid.
    pub gross_minor: i64,
    /// What is tax of it.
    pub tax_minor: i64,
    /// What the platform keeps.
    pub commission_minor: i64,
    /// What the provider earns.
    pub net_minor: i64,
}

/// Writes an earning that is held back.
pub async fn insert_earning(tx: &mut Tx, new: &NewEarning) -> Result<(), Error> {
    tx.query(
        "INSERT INTO earnings (id, book, payment_id, order_id, provider_id, organization_id, description, currency,
                               gross_minor, tax_minor, commission_minor, net_minor, commission_basis_points, rule_id,
                               state, sold_at, release_at, released_at, returned_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, NULL, NULL)",
    )
    .bind(new.id)
    .bind(new.book.clone())
    .bind(new.payment)
    .bind(new.order)
    .bind(new.provider)
    .bind(new.buyer)
    .bind(new.description.clone())
    .bind(new.shares.gross().currency)
    .bind(new.shares.gross().minor)
    .bind(new.shares.tax().minor)
    .bind(new.shares.commission().minor)
    .bind(new.shares.net().minor)
    .bind(i64::from(new.rate.0))
    .bind(new.rule)
    .bind(EarningState::Pending)
    .bind(new.sold_at)
    .bind(new.release_at)
    .execute()
    .await?
    .exactly_one()
}

/// Finds what was earned by a payment.
pub async fn earning_of_payment(tx: &mut Tx, payment: PaymentId) -> Result<Option<EarningRow>, Error> {
    tx.query(
        "SELECT e.id, e.book, e.payment_id, e.order_id, e.provider_id, p.name AS provider_name, e.organization_id,
                b.name AS organization_name, e.description, e.currency, e.gross_minor, e.tax_minor, e.commission_minor,
                e.net_minor, e.commission_basis_points, e.state, e.sold_at, e.release_at, e.released_at, e.returned_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_gross_minor,
                CAST((SELECT COALESCE(SUM(r.net_minor), 0) FROM refunds r
                      WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_net_minor
         FROM earnings e
         JOIN organizations p ON p.id = e.provider_id
         JOIN organizations b ON b.id = e.organization_id
         WHERE e.payment_id = $1",
    )
    .bind(payment)
    .fetch_optional()
    .await
}

/// Finds an earning.
pub async fn earning(tx: &mut Tx, id: EarningId) -> Result<Option<EarningRow>, Error> {
    tx.query(
        "SELECT e.id, e.book, e.payment_id, e.order_id, e.provider_id, p.name AS provider_name, e.organization_id,
                b.name AS organization_name, e.description, e.currency, e.gross_minor, e.tax_minor, e.commission_minor,
                e.net_minor, e.commission_basis_points, e.state, e.sold_at, e.release_at, e.released_at, e.returned_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                      WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_gross_minor,
                CAST((SELECT COALESCE(SUM(r.net_minor), 0) FROM refunds r
                      WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_net_minor
         FROM earnings e
         JOIN organizations p ON p.id = e.provider_id
         JOIN organizations b ON b.id = e.organization_id
         WHERE e.id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// An earning in a list, with the payout that has paid it or is to pay it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ListedEarning {
    /// The earning.
    #[sqlx(flatten)]
    pub earning: EarningRow,
    /// The first payout after its release that did not come back; none where it has settled a debt instead.
    pub payout_id: Option<PayoutId>,
}

/// Lists a provider's earnings, newest first.
pub async fn earnings(
    tx: &mut Tx,
    book: &str,
    provider: OrganizationId,
    limit: i64,
    offset: i64,
) -> Result<Vec<ListedEarning>, Error> {
    // The dialects write an id as text in different ways.
    tx.query_either(Either {
        sqlite: "SELECT e.id, e.book, e.payment_id, e.order_id, e.provider_id, p.name AS provider_name, e.organization_id,
                        b.name AS organization_name, e.description, e.currency, e.gross_minor, e.tax_minor, e.commission_minor,
                        e.net_minor, e.commission_basis_points, e.state, e.sold_at, e.release_at, e.released_at, e.returned_at,
                        CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                              WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_gross_minor,
                        CAST((SELECT COALESCE(SUM(r.net_minor), 0) FROM refunds r
                              WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_net_minor,
                        (SELECT o.id FROM payouts o
                         WHERE o.book = e.book AND o.provider_id = e.provider_id AND o.currency = e.currency AND o.state <> 'failed'
                           AND o.until_number >= (
                               SELECT t.number FROM ledger_transactions t
                               JOIN ledger_entries l ON l.transaction_id = t.id AND l.account = 'provider_available'
                               WHERE t.book = e.book AND t.kind = 'release' AND t.source = LOWER(HEX(e.id)))
                         ORDER BY o.until_number LIMIT 1) AS payout_id
                 FROM earnings e
                 JOIN organizations p ON p.id = e.provider_id
                 JOIN organizations b ON b.id = e.organization_id
                 WHERE e.book = $1 AND e.provider_id = $2
                 ORDER BY e.sold_at DESC, e.id DESC
                 LIMIT $3 OFFSET $4",
        postgres: "SELECT e.id, e.book, e.payment_id, e.order_id, e.provider_id, p.name AS provider_name, e.organization_id,
                          b.name AS organization_name, e.description, e.currency, e.gross_minor, e.tax_minor, e.commission_minor,
                          e.net_minor, e.commission_basis_points, e.state, e.sold_at, e.release_at, e.released_at, e.returned_at,
                          CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM refunds r
                                WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_gross_minor,
                          CAST((SELECT COALESCE(SUM(r.net_minor), 0) FROM refunds r
                                WHERE r.payment_id = e.payment_id AND r.state <> 'reversed') AS BIGINT) AS back_net_minor,
                          (SELECT o.id FROM payouts o
                           WHERE o.book = e.book AND o.provider_id = e.provider_id AND o.currency = e.currency AND o.state <> 'failed'
                             AND o.until_number >= (
                                 SELECT t.number FROM ledger_transactions t
                                 JOIN ledger_entries l ON l.transaction_id = t.id AND l.account = 'provider_available'
                                 WHERE t.book = e.book AND t.kind = 'release' AND t.source = REPLACE(CAST(e.id AS TEXT), '-', ''))
                           ORDER BY o.until_number LIMIT 1) AS payout_id
                   FROM earnings e
                   JOIN organizations p ON p.id = e.provider_id
                   JOIN organizations b ON b.id = e.organization_id
                   WHERE e.book = $1 AND e.provider_id = $2
                   ORDER BY e.sold_at DESC, e.id DESC
                   LIMIT $3 OFFSET $4",
    })
    .bind(book.to_owned())
    .bind(provider)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts earnings.
pub async fn count_earnings(tx: &mut Tx, book: &str, provider: Option<OrganizationId>) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM earnings WHERE book = $1 AND (CAST($2 AS UUID) IS NULL OR provider_id = $2)")
        .bind(book.to_owned())
        .bind(provider)
        .fetch_scalar()
        .await
}

/// Adds up what stands of sales, by currency: of one provider or of all.
pub async fn earning_totals(
    tx: &mut Tx,
    book: &str,
    provider: Option<OrganizationId>,
) -> Result<Vec<EarningTotals>, Error> {
    tx.query(
        "SELECT e.currency, CAST(SUM(CASE WHEN e.state <> $3 THEN 1 ELSE 0 END) AS BIGINT) AS sales,
                CAST(COALESCE(SUM(e.gross_minor), 0) AS BIGINT) AS gross_minor,
                CAST(COALESCE(SUM(e.tax_minor), 0) AS BIGINT) AS tax_minor,
                CAST(COALESCE(SUM(e.commission_minor), 0) AS BIGINT) AS commission_minor,
                CAST(COALESCE(SUM(e.net_minor), 0) AS BIGINT) AS net_minor
         FROM (
             SELECT currency, state, gross_minor, tax_minor, commission_minor, net_minor
             FROM earnings
             WHERE book = $1 AND (CAST($2 AS UUID) IS NULL OR provider_id = $2)
             UNION ALL
             SELECT r.currency, $3, -r.amount_minor, -r.tax_minor, -r.commission_minor, -r.net_minor
             FROM refunds r
             JOIN earnings s ON s.payment_id = r.payment_id
             WHERE r.rail = $1 AND (CAST($2 AS UUID) IS NULL OR r.provider_id = $2) AND r.state <> 'reversed') AS e
         GROUP BY e.currency
         HAVING SUM(e.gross_minor) <> 0
         ORDER BY e.currency",
    )
    .bind(book.to_owned())
    .bind(provider)
    .bind(EarningState::Returned)
    .fetch_all()
    .await
}

/// What a provider has sold, given back and been paid in some time, in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PeriodTotals {
    /// In what.
    pub currency: Currency,
    /// How many sales.
    pub sales: i64,
    /// What buyers paid.
    pub gross_minor: i64,
    /// What went back to them.
    pub back_minor: i64,
    /// What is tax of the rest.
    pub tax_minor: i64,
    /// What the platform keeps of the rest.
    pub commission_minor: i64,
    /// What the provider has of the rest.
    pub net_minor: i64,
    /// What it was paid out.
    pub paid_minor: i64,
}

/// Adds up what happened to a provider's money from one moment until another, each thing when it happened.
pub async fn period_totals(
    tx: &mut Tx,
    book: &str,
    provider: OrganizationId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<PeriodTotals>, Error> {
    tx.query(
        "SELECT m.currency, CAST(SUM(m.sales) AS BIGINT) AS sales, CAST(SUM(m.gross_minor) AS BIGINT) AS gross_minor,
                CAST(SUM(m.back_minor) AS BIGINT) AS back_minor, CAST(SUM(m.tax_minor) AS BIGINT) AS tax_minor,
                CAST(SUM(m.commission_minor) AS BIGINT) AS commission_minor,
                CAST(SUM(m.net_minor) AS BIGINT) AS net_minor, CAST(SUM(m.paid_minor) AS BIGINT) AS paid_minor
         FROM (
             SELECT currency, 1 AS sales, gross_minor, 0 AS back_minor, tax_minor, commission_minor, net_minor,
                    0 AS paid_minor
             FROM earnings WHERE book = $1 AND provider_id = $2 AND sold_at >= $3 AND sold_at < $4
             UNION ALL
             SELECT currency, 0, 0, amount_minor, -tax_minor, -commission_minor, -net_minor, 0
             FROM refunds
             WHERE rail = $1 AND provider_id = $2 AND created_at >= $3 AND created_at < $4 AND state <> 'reversed'
               AND tax_minor + commission_minor + net_minor > 0
             UNION ALL
             SELECT currency, 0, 0, 0, 0, 0, 0, amount_minor
             FROM payouts
             WHERE book = $1 AND provider_id = $2 AND state = 'paid' AND settled_at >= $3 AND settled_at < $4) AS m
         GROUP BY m.currency
         ORDER BY m.currency",
    )
    .bind(book.to_owned())
    .bind(provider)
    .bind(from)
    .bind(until)
    .fetch_all()
    .await
}

/// Lists earnings that need not be held back any more, with their orders.
pub async fn due_for_release(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<(PaymentId, OrderId)>, Error> {
    tx.query(
        "SELECT payment_id, order_id FROM earnings
         WHERE state = $1 AND release_at <= $2
         ORDER BY release_at, id LIMIT $3",
    )
    .bind(EarningState::Pending)
    .bind(now)
    .bind(limit)
    .fetch_all()
    .await
}

/// Says that an earning is no longer held back; tells whether it was.
pub async fn mark_released(tx: &mut Tx, id: EarningId, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE earnings SET state = $2, released_at = $3 WHERE id = $1 AND state = $4")
        .bind(id)
        .bind(EarningState::Available)
        .bind(now)
        .bind(EarningState::Pending)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Says that an earning's sale went back whole.
pub async fn mark_returned(tx: &mut Tx, id: EarningId, now: Timestamp) -> Result<(), Error> {
    tx.query("UPDATE earnings SET state = $2, returned_at = $3 WHERE id = $1")
        .bind(id)
        .bind(EarningState::Returned)
        .bind(now)
        .execute()
        .await?
        .exactly_one()
}

/// Says that an earning's sale stands again, in part at least.
pub async fn unmark_returned(tx: &mut Tx, id: EarningId) -> Result<(), Error> {
    tx.query(
        "UPDATE earnings SET state = CASE WHEN released_at IS NULL THEN $2 ELSE $3 END, returned_at = NULL
         WHERE id = $1",
    )
    .bind(id)
    .bind(EarningState::Pending)
    .bind(EarningState::Available)
    .execute()
    .await?
    .exactly_one()
}
