//! What is compared with a payment company: what we say has moved in some time, and until when that was compared.

use domain::{Currency, Money, OrderId, Timestamp};

use crate::{Error, Tx};

/// Money that we say has moved.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MovedRow {
    /// The rail's id of it.
    pub reference: String,
    /// The order behind it; a payout has none.
    pub order_id: Option<OrderId>,
    /// In what.
    pub currency: Currency,
    /// How much, above zero.
    pub amount_minor: i64,
}

impl MovedRow {
    /// Returns how much it is.
    pub const fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }
}

/// Lists charges that were taken from one moment until another; one may have paid for several orders.
pub async fn payments(tx: &mut Tx, rail: &str, from: Timestamp, until: Timestamp) -> Result<Vec<MovedRow>, Error> {
    tx.query(
        "SELECT p.charge AS reference, p.order_id, p.currency,
                CAST((SELECT SUM(q.amount_minor) FROM payments q
                      WHERE q.rail = p.rail AND q.charge = p.charge) AS BIGINT) AS amount_minor
         FROM payments p
         WHERE p.rail = $1 AND p.created_at >= $2 AND p.created_at < $3 AND p.amount_minor > 0
           AND p.reference = p.charge
         ORDER BY p.created_at, p.id",
    )
    .bind(rail.to_owned())
    .bind(from)
    .bind(until)
    .fetch_all()
    .await
}

/// Lists refunds that the rail has made from one moment until another; what a bank took is no refund of the rail's.
/// One that was divided over orders that were paid together is one.
pub async fn refunds(tx: &mut Tx, rail: &str, from: Timestamp, until: Timestamp) -> Result<Vec<MovedRow>, Error> {
    tx.query(
        "SELECT r.reference, r.order_id, r.currency,
                CAST((SELECT SUM(q.amount_minor) FROM refunds q
                      WHERE q.rail = r.rail AND q.state <> 'reversed'
                        AND (q.reference = r.reference
                             OR substr(q.reference, 1, length(r.reference) + 1) = r.reference || '#'))
                     AS BIGINT) AS amount_minor
         FROM refunds r
         WHERE r.rail = $1 AND r.settled_at >= $2 AND r.settled_at < $3 AND r.state = 'paid' AND r.cause <> 'dispute'
           AND r.reference NOT LIKE '%#%'
         ORDER BY r.settled_at, r.id",
    )
    .bind(rail.to_owned())
    .bind(from)
    .bind(until)
    .fetch_all()
    .await
}

/// Lists payouts that the rail has made from one moment until another.
pub async fn payouts(tx: &mut Tx, rail: &str, from: Timestamp, until: Timestamp) -> Result<Vec<MovedRow>, Error> {
    tx.query(
        "SELECT reference, CAST(NULL AS UUID) AS order_id, currency, amount_minor FROM payouts
         WHERE book = $1 AND settled_at >= $2 AND settled_at < $3 AND state = 'paid' ORDER BY settled_at, id",
    )
    .bind(rail.to_owned())
    .bind(from)
    .bind(until)
    .fetch_all()
    .await
}

/// Lists what the rail has taken back, until a moment, of payouts that it has made from another one on.
pub async fn reversals(tx: &mut Tx, rail: &str, from: Timestamp, until: Timestamp) -> Result<Vec<MovedRow>, Error> {
    tx.query(
        "SELECT r.reference, CAST(NULL AS UUID) AS order_id, r.currency, r.amount_minor
         FROM payout_reversals r JOIN payouts p ON p.id = r.payout_id
         WHERE r.book = $1 AND p.settled_at >= $2 AND r.settled_at < $3 AND r.state = 'made'
         ORDER BY r.settled_at, r.id",
    )
    .bind(rail.to_owned())
    .bind(from)
    .bind(until)
    .fetch_all()
    .await
}

/// Finds what was taken back of a payout by the rail's id.
pub async fn reversal(tx: &mut Tx, rail: &str, reference: &str) -> Result<Option<MovedRow>, Error> {
    tx.query(
        "SELECT reference, CAST(NULL AS UUID) AS order_id, currency, amount_minor FROM payout_reversals
         WHERE book = $1 AND reference = $2",
    )
    .bind(rail.to_owned())
    .bind(reference.to_owned())
    .fetch_optional()
    .await
}

/// Finds a payment by the rail's id.
pub async fn payment(tx: &mut Tx, rail: &str, reference: &str) -> Result<Option<MovedRow>, Error> {
    tx.query(
        "SELECT p.charge AS reference, p.order_id, p.currency,
                CAST((SELECT SUM(q.amount_minor) FROM payments q
                      WHERE q.rail = p.rail AND q.charge = p.charge) AS BIGINT) AS amount_minor
         FROM payments p WHERE p.rail = $1 AND p.reference = $2",
    )
    .bind(rail.to_owned())
    .bind(reference.to_owned())
    .fetch_optional()
    .await
}

/// Finds a refund by the rail's id.
pub async fn refund(tx: &mut Tx, rail: &str, reference: &str) -> Result<Option<MovedRow>, Error> {
    tx.query(
        "SELECT r.reference, r.order_id, r.currency,
                CAST((SELECT SUM(q.amount_minor) FROM refunds q
                      WHERE q.rail = r.rail AND q.state <> 'reversed'
                        AND (q.reference = r.reference
                             OR substr(q.reference, 1, length(r.reference) + 1) = r.reference || '#'))
                     AS BIGINT) AS amount_minor
         FROM refunds r WHERE r.rail = $1 AND r.reference = $2 AND r.state <> 'reversed'",
    )
    .bind(rail.to_owned())
    .bind(reference.to_owned())
    .fetch_optional()
    .await
}

/// Finds a payout by the rail's id.
pub async fn payout(tx: &mut Tx, rail: &str, reference: &str) -> Result<Option<MovedRow>, Error> {
    tx.query(
        "SELECT reference, CAST(NULL AS UUID) AS order_id, currency, amount_minor FROM payouts
         WHERE book = $1 AND reference = $2",
    )
    .bind(rail.to_owned())
    .bind(reference.to_owned())
    .fetch_optional()
    .await
}

/// Returns until when a rail was compared with the ledger.
pub async fn compared_until(tx: &mut Tx, rail: &str) -> Result<Option<Timestamp>, Error> {
    let row: Option<(Timestamp,)> = tx
        .query("SELECT compared_until FROM reconciliations WHERE rail = $1")
        .bind(rail.to_owned())
        .fetch_optional()
        .await?;
    Ok(row.map(|(until,)| until))
}

/// Notes until when a rail was compared with the ledger.
pub async fn set_compared_until(tx: &mut Tx, rail: &str, until: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO reconciliations (rail, compared_until) VALUES ($1, $2)
         ON CONFLICT (rail) DO UPDATE SET compared_until = excluded.compared_until",
    )
    .bind(rail.to_owned())
    .bind(until)
    .execute()
    .await?
    .exactly_one()
}
