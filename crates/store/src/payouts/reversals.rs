//! What is taken back of payouts.

use domain::state::{PayoutReversalState, PayoutState};
use domain::{Currency, Money, OrganizationId, PayoutId, PayoutReversalId, Timestamp};

use crate::{Error, Tx};

/// Money of a payout that is taken back.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PayoutReversalRow {
    /// Which.
    pub id: PayoutReversalId,
    /// Of which payout.
    pub payout_id: PayoutId,
    /// In which book.
    pub book: String,
    /// From whom.
    pub provider_id: OrganizationId,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount_minor: i64,
    /// How far it is.
    pub state: PayoutReversalState,
    /// The rail's name for it; empty until it was made.
    pub reference: String,
    /// Why the rail could not take it back.
    pub failure: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it was known what became of it.
    pub settled_at: Option<Timestamp>,
}

impl PayoutReversalRow {
    /// Returns how much it is.
    pub const fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }
}

/// Writes a reversal.
pub async fn insert(tx: &mut Tx, row: &PayoutReversalRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO payout_reversals (id, payout_id, book, provider_id, currency, amount_minor, state, reference, failure,
                                       created_at, settled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(row.id)
    .bind(row.payout_id)
    .bind(row.book.clone())
    .bind(row.provider_id)
    .bind(row.currency)
    .bind(row.amount_minor)
    .bind(row.state)
    .bind(row.reference.clone())
    .bind(row.failure.clone())
    .bind(row.created_at)
    .bind(row.settled_at)
    .execute()
    .await?
    .exactly_one()
}

/// Writes down what became of a reversal; tells whether that was not known yet.
pub async fn settle(
    tx: &mut Tx,
    id: PayoutReversalId,
    state: PayoutReversalState,
    reference: &str,
    failure: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE payout_reversals SET state = $2, reference = $3, failure = $4, settled_at = $5
             WHERE id = $1 AND state = $6",
        )
        .bind(id)
        .bind(state)
        .bind(reference.to_owned())
        .bind(failure.to_owned())
        .bind(now)
        .bind(PayoutReversalState::Sending)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds the reversal of a provider's payout of which it is not known yet what became of it; there is one at most.
pub async fn sending(
    tx: &mut Tx,
    book: &str,
    provider: OrganizationId,
    currency: Currency,
) -> Result<Option<PayoutReversalRow>, Error> {
    tx.query(
        "SELECT id, payout_id, book, provider_id, currency, amount_minor, state, reference, failure, created_at, settled_at
         FROM payout_reversals WHERE book = $1 AND provider_id = $2 AND currency = $3 AND state = $4",
    )
    .bind(book.to_owned())
    .bind(provider)
    .bind(currency)
    .bind(PayoutReversalState::Sending)
    .fetch_optional()
    .await
}

/// Lists reversals of which it has not been known since a moment what became of them, oldest first: from whom, and in
/// what.
pub async fn lost(
    tx: &mut Tx,
    book: &str,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(OrganizationId, Currency)>, Error> {
    tx.query(
        "SELECT provider_id, currency FROM payout_reversals
         WHERE book = $1 AND state = $2 AND created_at <= $3 ORDER BY created_at, id LIMIT $4",
    )
    .bind(book.to_owned())
    .bind(PayoutReversalState::Sending)
    .bind(before)
    .bind(limit)
    .fetch_all()
    .await
}

/// Finds the newest payout to a provider of which something is left to take back, and how much; one of which the rail
/// could not take anything back is left alone.
pub async fn newest_left(
    tx: &mut Tx,
    book: &str,
    provider: OrganizationId,
    currency: Currency,
) -> Result<Option<(PayoutId, i64)>, Error> {
    tx.query(
        "SELECT l.id, l.left_minor
         FROM (SELECT p.id, p.created_at,
                      CAST(p.amount_minor - (SELECT COALESCE(SUM(r.amount_minor), 0) FROM payout_reversals r
                                             WHERE r.payout_id = p.id AND r.state = $5) AS BIGINT) AS left_minor
               FROM payouts p
               WHERE p.book = $1 AND p.provider_id = $2 AND p.currency = $3 AND p.state = $4
                 AND NOT EXISTS (SELECT 1 FROM payout_reversals r WHERE r.payout_id = p.id AND r.state = $6)) AS l
         WHERE l.left_minor > 0
         ORDER BY l.created_at DESC, l.id DESC LIMIT 1",
    )
    .bind(book.to_owned())
    .bind(provider)
    .bind(currency)
    .bind(PayoutState::Paid)
    .bind(PayoutReversalState::Made)
    .bind(PayoutReversalState::Refused)
    .fetch_optional()
    .await
}

/// Adds up what a rail has taken back, by currency.
pub async fn sums(tx: &mut Tx, book: &str) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(SUM(amount_minor) AS BIGINT) FROM payout_reversals
             WHERE book = $1 AND state = $2 GROUP BY currency ORDER BY currency",
        )
        .bind(book.to_owned())
        .bind(PayoutReversalState::Made)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money::new(minor, currency)).collect())
}
