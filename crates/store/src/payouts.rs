//! Where providers are paid to, and what was paid.
//!
//! What a newcomer gets wrong: a payout pays all that is available, so that it is what became available between two
//! transactions of the book; nothing else links it to the sales behind it.

pub mod reversals;

use domain::ledger::{AccountCode, TransactionKind};
use domain::state::{PayoutReversalState, PayoutState};
use domain::{Currency, Money, OrganizationId, PayoutId, Timestamp, UserId};

use crate::{Error, Json, Tx};

/// A provider's account at a rail.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AccountRow {
    /// Whose.
    pub provider_id: OrganizationId,
    /// At which rail.
    pub book: String,
    /// The rail's name for it.
    pub reference: String,
    /// What people read, `Bank account •••• 6789`; empty until the rail knows one.
    pub destination: String,
    /// Whether the rail pays to it.
    pub ready: bool,
    /// What the rail still wants, in sentences.
    pub due: Json<Vec<String>>,
    /// Why an operator pays nothing to it for now; empty where none does.
    pub held: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its destination last became another one.
    pub changed_at: Timestamp,
}

/// A payout.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PayoutRow {
    /// Which.
    pub id: PayoutId,
    /// In which book.
    pub book: String,
    /// To whom.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider_name: String,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount_minor: i64,
    /// How much of it was taken back.
    pub reversed_minor: i64,
    /// The rail's name for the account on that day.
    pub account: String,
    /// What people read of it.
    pub destination: String,
    /// The transaction of the book after which what it pays became available.
    pub after_number: i64,
    /// The last transaction of the book before it was set apart.
    pub until_number: i64,
    /// How far it is.
    pub state: PayoutState,
    /// The rail's name for it; empty until it was made.
    pub reference: String,
    /// Why the rail refused it.
    pub failure: String,
    /// Who decided it.
    pub created_by: UserId,
    /// When it was set apart.
    pub created_at: Timestamp,
    /// When it was known what became of it.
    pub settled_at: Option<Timestamp>,
}

impl PayoutRow {
    /// Returns how much it is.
    pub const fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }

    /// Returns how much of it was taken back.
    pub const fn reversed(&self) -> Money {
        Money::new(self.reversed_minor, self.currency)
    }
}

/// What a provider might be paid.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DueRow {
    /// Who.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider_name: String,
    /// In what.
    pub currency: Currency,
    /// How much is available.
    pub minor: i64,
    /// Whether it has an account that the rail pays to; nothing where it has none.
    pub ready: Option<bool>,
    /// Where to; empty or nothing where the rail knows no place.
    pub destination: Option<String>,
    /// Why an operator pays nothing for now.
    pub held: Option<String>,
    /// Since when the destination is what it is.
    pub changed_at: Option<Timestamp>,
    /// Whether another payout is under way.
    pub sending: bool,
}

/// One thing that a payout pays.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LineRow {
    /// The transaction's place in the book.
    pub number: i64,
    /// What it was about.
    pub kind: TransactionKind,
    /// What caused it.
    pub source: String,
    /// What people read.
    pub memo: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// How much became available by it, or stopped to be.
    pub minor: i64,
}

/// Finds a provider's account.
pub async fn account(tx: &mut Tx, book: &str, provider: OrganizationId) -> Result<Option<AccountRow>, Error> {
    tx.query(
        "SELECT provider_id, book, reference, destination, ready, due, held, created_at, changed_at
         FROM payout_accounts WHERE book = $1 AND provider_id = $2",
    )
    .bind(book.to_owned())
    .bind(provider)
    .fetch_optional()
    .await
}

/// Writes a new account; one that is there stays as it is.
pub async fn insert_account(tx: &mut Tx, row: &AccountRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO payout_accounts (provider_id, book, reference, destination, ready, due, held, created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (provider_id, book) DO NOTHING",
    )
    .bind(row.provider_id)
    .bind(row.book.clone())
    .bind(row.reference.clone())
    .bind(row.destination.clone())
    .bind(row.ready)
    .bind(row.due.clone())
    .bind(row.held.clone())
    .bind(row.created_at)
    .bind(row.changed_at)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Writes down what the rail says of an account.
pub async fn update_account(tx: &mut Tx, row: &AccountRow) -> Result<(), Error> {
    tx.query(
        "UPDATE payout_accounts SET destination = $3, ready = $4, due = $5, changed_at = $6
         WHERE book = $1 AND provider_id = $2",
    )
    .bind(row.book.clone())
    .bind(row.provider_id)
    .bind(row.destination.clone())
    .bind(row.ready)
    .bind(row.due.clone())
    .bind(row.changed_at)
    .execute()
    .await?
    .exactly_one()
}

/// Says that an operator pays nothing for now, and why, or pays again; tells whether there is an account.
pub async fn hold(tx: &mut Tx, book: &str, provider: OrganizationId, why: &str) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE payout_accounts SET held = $3 WHERE book = $1 AND provider_id = $2")
        .bind(book.to_owned())
        .bind(provider)
        .bind(why.to_owned())
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Lists what is available to providers, and what stands in the way of paying it.
pub async fn due(tx: &mut Tx, book: &str) -> Result<Vec<DueRow>, Error> {
    tx.query(
        "SELECT b.provider_id, o.name AS provider_name, b.currency, b.minor, a.ready, a.destination, a.held, a.changed_at,
                EXISTS (SELECT 1 FROM payouts p
                        WHERE p.book = $1 AND p.provider_id = b.provider_id AND p.currency = b.currency
                          AND p.state = $3) AS sending
         FROM (SELECT organization_id AS provider_id, currency, CAST(-SUM(amount_minor) AS BIGINT) AS minor
               FROM ledger_entries
               WHERE book = $1 AND account = $2
               GROUP BY organization_id, currency
               HAVING SUM(amount_minor) < 0) b
         JOIN organizations o ON o.id = b.provider_id
         LEFT JOIN payout_accounts a ON a.provider_id = b.provider_id AND a.book = $1
         ORDER BY o.name, b.provider_id, b.currency",
    )
    .bind(book.to_owned())
    .bind(AccountCode::ProviderAvailable)
    .bind(PayoutState::Sending)
    .fetch_all()
    .await
}

/// Returns up to which transaction of the book a provider's money has been set apart; 0 where none was.
pub async fn set_apart_until(
    tx: &mut Tx,
    book: &str,
    provider: OrganizationId,
    currency: Currency,
) -> Result<i64, Error> {
    tx.query(
        "SELECT CAST(COALESCE(MAX(until_number), 0) AS BIGINT) FROM payouts
         WHERE book = $1 AND provider_id = $2 AND currency = $3",
    )
    .bind(book.to_owned())
    .bind(provider)
    .bind(currency)
    .fetch_scalar()
    .await
}

/// Writes a payout.
pub async fn insert(tx: &mut Tx, row: &PayoutRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO payouts (id, book, provider_id, currency, amount_minor, account, destination, after_number,
                              until_number, state, reference, failure, created_by, created_at, settled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(row.id)
    .bind(row.book.clone())
    .bind(row.provider_id)
    .bind(row.currency)
    .bind(row.amount_minor)
    .bind(row.account.clone())
    .bind(row.destination.clone())
    .bind(row.after_number)
    .bind(row.until_number)
    .bind(row.state)
    .bind(row.reference.clone())
    .bind(row.failure.clone())
    .bind(row.created_by)
    .bind(row.created_at)
    .bind(row.settled_at)
    .execute()
    .await?
    .exactly_one()
}

/// Writes down what became of a payout; tells whether that was not known yet.
pub async fn settle(
    tx: &mut Tx,
    id: PayoutId,
    state: PayoutState,
    reference: &str,
    failure: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE payouts SET state = $2, reference = $3, failure = $4, settled_at = $5
             WHERE id = $1 AND state = $6",
        )
        .bind(id)
        .bind(state)
        .bind(reference.to_owned())
        .bind(failure.to_owned())
        .bind(now)
        .bind(PayoutState::Sending)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds a payout, whoever's it is; the caller checks who may see it.
pub async fn get(tx: &mut Tx, id: PayoutId) -> Result<Option<PayoutRow>, Error> {
    tx.query(
        "SELECT p.id, p.book, p.provider_id, o.name AS provider_name, p.currency, p.amount_minor, p.account, p.destination,
                p.after_number, p.until_number, p.state, p.reference, p.failure, p.created_by, p.created_at, p.settled_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM payout_reversals r
                      WHERE r.payout_id = p.id AND r.state = 'made') AS BIGINT) AS reversed_minor
         FROM payouts p JOIN organizations o ON o.id = p.provider_id
         WHERE p.id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Lists payouts, newest first: to one provider or to all.
pub async fn list(
    tx: &mut Tx,
    book: &str,
    provider: Option<OrganizationId>,
    limit: i64,
    offset: i64,
) -> Result<Vec<PayoutRow>, Error> {
    tx.query(
        "SELECT p.id, p.book, p.provider_id, o.name AS provider_name, p.currency, p.amount_minor, p.account, p.destination,
                p.after_number, p.until_number, p.state, p.reference, p.failure, p.created_by, p.created_at, p.settled_at,
                CAST((SELECT COALESCE(SUM(r.amount_minor), 0) FROM payout_reversals r
                      WHERE r.payout_id = p.id AND r.state = 'made') AS BIGINT) AS reversed_minor
         FROM payouts p JOIN organizations o ON o.id = p.provider_id
         WHERE p.book = $1 AND (CAST($2 AS UUID) IS NULL OR p.provider_id = $2)
         ORDER BY p.created_at DESC, p.id DESC
         LIMIT $3 OFFSET $4",
    )
    .bind(book.to_owned())
    .bind(provider)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts payouts.
pub async fn count(tx: &mut Tx, book: &str, provider: Option<OrganizationId>) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM payouts WHERE book = $1 AND (CAST($2 AS UUID) IS NULL OR provider_id = $2)")
        .bind(book.to_owned())
        .bind(provider)
        .fetch_scalar()
        .await
}

/// Lists payouts of which it is not known what became of them, oldest first.
pub async fn sending(tx: &mut Tx, book: &str, before: Timestamp, limit: i64) -> Result<Vec<PayoutId>, Error> {
    let rows: Vec<(PayoutId,)> = tx
        .query(
            "SELECT id FROM payouts WHERE book = $1 AND state = $2 AND created_at <= $3
             ORDER BY created_at, id LIMIT $4",
        )
        .bind(book.to_owned())
        .bind(PayoutState::Sending)
        .bind(before)
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Adds up what was paid to a provider, less what was taken back, by currency.
pub async fn paid(tx: &mut Tx, book: &str, provider: OrganizationId) -> Result<Vec<Money>, Error> {
    let rows: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(SUM(minor) AS BIGINT)
             FROM (SELECT currency, amount_minor AS minor FROM payouts
                   WHERE book = $1 AND provider_id = $2 AND state = $3
                   UNION ALL
                   SELECT currency, -amount_minor FROM payout_reversals
                   WHERE book = $1 AND provider_id = $2 AND state = $4) AS moved
             GROUP BY currency HAVING SUM(minor) <> 0 ORDER BY currency",
        )
        .bind(book.to_owned())
        .bind(provider)
        .bind(PayoutState::Paid)
        .bind(PayoutReversalState::Made)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(currency, minor)| Money::new(minor, currency)).collect())
}

/// Lists what a payout pays, oldest first.
pub async fn lines(tx: &mut Tx, payout: &PayoutRow, limit: i64, offset: i64) -> Result<Vec<LineRow>, Error> {
    tx.query(
        "SELECT t.number, t.kind, t.source, t.memo, t.occurred_at, -e.amount_minor AS minor
         FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
         WHERE e.book = $1 AND e.organization_id = $2 AND e.account = $3 AND e.currency = $4
           AND t.number > $5 AND t.number <= $6 AND t.kind <> $7
         ORDER BY t.number, e.line
         LIMIT $8 OFFSET $9",
    )
    .bind(payout.book.clone())
    .bind(payout.provider_id)
    .bind(AccountCode::ProviderAvailable)
    .bind(payout.currency)
    .bind(payout.after_number)
    .bind(payout.until_number)
    .bind(TransactionKind::PayoutReserved)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts what a payout pays.
pub async fn count_lines(tx: &mut Tx, payout: &PayoutRow) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*)
         FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
         WHERE e.book = $1 AND e.organization_id = $2 AND e.account = $3 AND e.currency = $4
           AND t.number > $5 AND t.number <= $6 AND t.kind <> $7",
    )
    .bind(payout.book.clone())
    .bind(payout.provider_id)
    .bind(AccountCode::ProviderAvailable)
    .bind(payout.currency)
    .bind(payout.after_number)
    .bind(payout.until_number)
    .bind(TransactionKind::PayoutReserved)
    .fetch_scalar()
    .await
}

/// Lists payouts whose amount is not the sum of what they pay.
pub async fn mismatched(tx: &mut Tx, book: &str) -> Result<Vec<PayoutId>, Error> {
    let rows: Vec<(PayoutId,)> = tx
        .query(
            "SELECT p.id FROM payouts p
             WHERE p.book = $1
               AND p.amount_minor <> (
                   SELECT COALESCE(-SUM(e.amount_minor), 0)
                   FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
                   WHERE e.book = p.book AND e.organization_id = p.provider_id AND e.account = $2
                     AND e.currency = p.currency AND t.number > p.after_number AND t.number <= p.until_number
                     AND t.kind <> $3)
             ORDER BY p.id",
        )
        .bind(book.to_owned())
        .bind(AccountCode::ProviderAvailable)
        .bind(TransactionKind::PayoutReserved)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Adds up payouts in a state, by provider and currency.
pub async fn sums(tx: &mut Tx, book: &str, state: PayoutState) -> Result<Vec<(OrganizationId, Money)>, Error> {
    let rows: Vec<(OrganizationId, Currency, i64)> = tx
        .query(
            "SELECT provider_id, currency, CAST(SUM(amount_minor) AS BIGINT) FROM payouts
             WHERE book = $1 AND state = $2 GROUP BY provider_id, currency",
        )
        .bind(book.to_owned())
        .bind(state)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id, currency, minor)| (id, Money::new(minor, currency))).collect())
}
