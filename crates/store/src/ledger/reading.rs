//! What the books say.

use domain::ledger::{AccountCode, Balance, Figures, TransactionKind};
use domain::state::{PayoutState, RefundState};
use domain::{Currency, LedgerTransactionId, Money, OrganizationId, PaymentId, Timestamp};

use crate::{Either, Error, Tx, payouts, refunds};

/// A transaction without its lines.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TransactionRow {
    /// Which.
    pub id: LedgerTransactionId,
    /// Its place in the book, from 1.
    pub number: i64,
    /// What it is about.
    pub kind: TransactionKind,
    /// What caused it.
    pub source: String,
    /// The currency of all its lines.
    pub currency: Currency,
    /// The transaction that it takes back.
    pub reverses_id: Option<LedgerTransactionId>,
    /// What people read.
    pub memo: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// The seal of it and of all before it.
    pub hash: Vec<u8>,
}

/// One line of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EntryRow {
    /// Of which transaction.
    pub transaction_id: LedgerTransactionId,
    /// Which account.
    pub account: AccountCode,
    /// Whose account it is; the platform's own are nobody's.
    pub organization_id: Option<OrganizationId>,
    /// By name; empty for the platform's own.
    pub organization_name: String,
    /// In what.
    pub currency: Currency,
    /// Debits are positive, credits negative.
    pub amount_minor: i64,
}

/// Which transactions are asked for; what is empty is not asked about.
#[derive(Clone, Debug, Default)]
pub struct TransactionQuery {
    /// In which book.
    pub book: String,
    /// About what.
    pub kind: Option<TransactionKind>,
    /// With a line on this account.
    pub account: Option<AccountCode>,
    /// With a line on an account of this organization.
    pub owner: Option<OrganizationId>,
}

/// Finds the transaction of a cause.
pub(super) async fn of_cause(
    tx: &mut Tx,
    book: &str,
    kind: TransactionKind,
    source: &str,
) -> Result<Option<LedgerTransactionId>, Error> {
    let row: Option<(LedgerTransactionId,)> = tx
        .query("SELECT id FROM ledger_transactions WHERE book = $1 AND kind = $2 AND source = $3")
        .bind(book.to_owned())
        .bind(kind)
        .bind(source.to_owned())
        .fetch_optional()
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Finds the transaction of a cause with its lines, as they were posted.
pub async fn posted(
    tx: &mut Tx,
    book: &str,
    kind: TransactionKind,
    source: &str,
) -> Result<Option<(LedgerTransactionId, Vec<EntryRow>)>, Error> {
    Ok(match of_cause(tx, book, kind, source).await? {
        Some(id) => Some((id, entries(tx, id).await?)),
        None => None,
    })
}

/// Lists the lines of one transaction, in their order.
pub async fn entries(tx: &mut Tx, id: LedgerTransactionId) -> Result<Vec<EntryRow>, Error> {
    tx.query(
        "SELECT e.transaction_id, e.account, e.organization_id, COALESCE(o.name, '') AS organization_name,
                e.currency, e.amount_minor
         FROM ledger_entries e
         LEFT JOIN organizations o ON o.id = e.organization_id
         WHERE e.transaction_id = $1
         ORDER BY e.line",
    )
    .bind(id)
    .fetch_all()
    .await
}

/// Lists transactions in the order they were posted in.
pub(super) async fn in_order(tx: &mut Tx, book: &str, after: i64, limit: i64) -> Result<Vec<TransactionRow>, Error> {
    tx.query(
        "SELECT id, number, kind, source, currency, reverses_id, memo, occurred_at, recorded_at, hash
         FROM ledger_transactions WHERE book = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .bind(book.to_owned())
    .bind(after)
    .bind(limit)
    .fetch_all()
    .await
}

/// Lists the lines of all transactions after one and up to another.
pub(super) async fn entries_between(tx: &mut Tx, book: &str, after: i64, until: i64) -> Result<Vec<EntryRow>, Error> {
    tx.query(
        "SELECT e.transaction_id, e.account, e.organization_id, '' AS organization_name, e.currency, e.amount_minor
         FROM ledger_entries e
         JOIN ledger_transactions t ON t.id = e.transaction_id
         WHERE t.book = $1 AND t.number > $2 AND t.number <= $3
         ORDER BY t.number, e.line",
    )
    .bind(book.to_owned())
    .bind(after)
    .bind(until)
    .fetch_all()
    .await
}

/// Lists transactions, newest first.
pub async fn transactions(
    tx: &mut Tx,
    query: &TransactionQuery,
    limit: i64,
    offset: i64,
) -> Result<Vec<TransactionRow>, Error> {
    tx.query(
        "SELECT t.id, t.number, t.kind, t.source, t.currency, t.reverses_id, t.memo, t.occurred_at, t.recorded_at, t.hash
         FROM ledger_transactions t
         WHERE t.book = $1
           AND (CAST($2 AS TEXT) IS NULL OR t.kind = $2)
           AND ((CAST($3 AS TEXT) IS NULL AND CAST($4 AS UUID) IS NULL)
                OR EXISTS (SELECT 1 FROM ledger_entries e
                           WHERE e.transaction_id = t.id
                             AND (CAST($3 AS TEXT) IS NULL OR e.account = $3)
                             AND (CAST($4 AS UUID) IS NULL OR e.organization_id = $4)))
         ORDER BY t.number DESC
         LIMIT $5 OFFSET $6",
    )
    .bind(query.book.clone())
    .bind(query.kind)
    .bind(query.account)
    .bind(query.owner)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts transactions.
pub async fn count_transactions(tx: &mut Tx, query: &TransactionQuery) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM ledger_transactions t
         WHERE t.book = $1
           AND (CAST($2 AS TEXT) IS NULL OR t.kind = $2)
           AND ((CAST($3 AS TEXT) IS NULL AND CAST($4 AS UUID) IS NULL)
                OR EXISTS (SELECT 1 FROM ledger_entries e
                           WHERE e.transaction_id = t.id
                             AND (CAST($3 AS TEXT) IS NULL OR e.account = $3)
                             AND (CAST($4 AS UUID) IS NULL OR e.organization_id = $4)))",
    )
    .bind(query.book.clone())
    .bind(query.kind)
    .bind(query.account)
    .bind(query.owner)
    .fetch_scalar()
    .await
}

/// Returns debits less credits of one account in one currency.
pub async fn balance(
    tx: &mut Tx,
    book: &str,
    account: AccountCode,
    owner: Option<OrganizationId>,
    currency: Currency,
) -> Result<i64, Error> {
    tx.query(
        "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM ledger_entries
         WHERE book = $1 AND account = $2 AND currency = $3
           AND ((CAST($4 AS UUID) IS NULL AND organization_id IS NULL) OR organization_id = $4)",
    )
    .bind(book.to_owned())
    .bind(account)
    .bind(currency)
    .bind(owner)
    .fetch_scalar()
    .await
}

#[derive(sqlx::FromRow)]
struct BalanceRow {
    account: AccountCode,
    organization_id: Option<OrganizationId>,
    currency: Currency,
    minor: i64,
}

/// Returns the balance of every account of a book, or of the accounts of one organization.
pub async fn balances(tx: &mut Tx, book: &str, owner: Option<OrganizationId>) -> Result<Vec<Balance>, Error> {
    let rows: Vec<BalanceRow> = tx
        .query(
            "SELECT account, organization_id, currency, CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) AS minor
             FROM ledger_entries
             WHERE book = $1 AND (CAST($2 AS UUID) IS NULL OR organization_id = $2)
             GROUP BY account, organization_id, currency
             ORDER BY account, organization_id, currency",
        )
        .bind(book.to_owned())
        .bind(owner)
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|BalanceRow { account, organization_id, currency, minor }| Balance {
            account,
            owner: organization_id,
            amount: Money::new(minor, currency),
        })
        .collect())
}

/// What moved on an account in some time, by what it was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Flow {
    /// What it was about.
    pub kind: TransactionKind,
    /// Which account.
    pub account: AccountCode,
    /// In what.
    pub currency: Currency,
    /// Debits less credits.
    pub minor: i64,
}

/// Returns what moved on the accounts of a book from `from` until `until`.
pub async fn flows(tx: &mut Tx, book: &str, from: Timestamp, until: Timestamp) -> Result<Vec<Flow>, Error> {
    tx.query(
        "SELECT t.kind, e.account, e.currency, CAST(COALESCE(SUM(e.amount_minor), 0) AS BIGINT) AS minor
         FROM ledger_transactions t
         JOIN ledger_entries e ON e.transaction_id = t.id
         WHERE t.book = $1 AND t.occurred_at >= $2 AND t.occurred_at < $3
         GROUP BY t.kind, e.account, e.currency
         ORDER BY t.kind, e.account, e.currency",
    )
    .bind(book.to_owned())
    .bind(from)
    .bind(until)
    .fetch_all()
    .await
}

/// Counts transactions whose lines do not add up to zero; there is none while the triggers hold.
pub async fn unbalanced(tx: &mut Tx, book: &str) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM (
             SELECT t.id FROM ledger_transactions t
             LEFT JOIN ledger_entries e ON e.transaction_id = t.id
             WHERE t.book = $1
             GROUP BY t.id
             HAVING COUNT(e.line) < 2 OR COALESCE(SUM(e.amount_minor), 0) <> 0) AS wrong",
    )
    .bind(book.to_owned())
    .fetch_scalar()
    .await
}

/// Lists payments of a rail that its book knows nothing of, oldest first.
pub async fn unposted(tx: &mut Tx, book: &str, limit: i64) -> Result<Vec<PaymentId>, Error> {
    let rows: Vec<(PaymentId,)> = tx
        // The dialects write an id as text in different ways.
        .query_either(Either {
            sqlite: "SELECT p.id FROM payments p
                     WHERE p.rail = $1 AND p.amount_minor > 0
                       AND NOT EXISTS (SELECT 1 FROM ledger_transactions t
                                       WHERE t.book = p.rail AND t.kind IN ('sale', 'unmatched')
                                         AND t.source = LOWER(HEX(p.id)))
                     ORDER BY p.created_at, p.id LIMIT $2",
            postgres: "SELECT p.id FROM payments p
                       WHERE p.rail = $1 AND p.amount_minor > 0
                         AND NOT EXISTS (SELECT 1 FROM ledger_transactions t
                                         WHERE t.book = p.rail AND t.kind IN ('sale', 'unmatched')
                                           AND t.source = REPLACE(CAST(p.id AS TEXT), '-', ''))
                       ORDER BY p.created_at, p.id LIMIT $2",
        })
        .bind(book.to_owned())
        .bind(limit)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Returns all that the ledger is compared with: what payments and earnings say, and every balance.
pub async fn facts(tx: &mut Tx, book: &str) -> Result<Figures, Error> {
    let balances = balances(tx, book, None).await?;
    let held: Vec<(OrganizationId, Currency, i64)> = tx
        .query(
            "SELECT e.provider_id, e.currency,
                    CAST(COALESCE(SUM(e.net_minor), 0)
                       - COALESCE(SUM((SELECT COALESCE(SUM(r.net_minor), 0) FROM refunds r
                                       WHERE r.payment_id = e.payment_id AND r.state <> 'reversed')), 0) AS BIGINT)
             FROM earnings e
             WHERE e.book = $1 AND e.released_at IS NULL
             GROUP BY e.provider_id, e.currency",
        )
        .bind(book.to_owned())
        .fetch_all()
        .await?;
    let shares: Vec<(Currency, i64, i64)> = tx
        .query(
            "SELECT currency, CAST(COALESCE(SUM(commission_minor), 0) AS BIGINT),
                    CAST(COALESCE(SUM(tax_minor), 0) AS BIGINT)
             FROM (SELECT currency, commission_minor, tax_minor FROM earnings WHERE book = $1
                   UNION ALL
                   SELECT currency, -commission_minor, -tax_minor FROM refunds
                   WHERE rail = $1 AND state <> 'reversed') AS kept
             GROUP BY currency",
        )
        .bind(book.to_owned())
        .fetch_all()
        .await?;
    let taken: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM payments
             WHERE rail = $1 GROUP BY currency",
        )
        .bind(book.to_owned())
        .fetch_all()
        .await?;
    let owed_back: Vec<(Currency, i64)> = tx
        .query(
            "SELECT currency, CAST(COALESCE(SUM(minor), 0) AS BIGINT)
             FROM (SELECT r.currency, r.amount_minor AS minor FROM refunds r
                   WHERE r.rail = $1 AND r.state = 'due'
                     AND EXISTS (SELECT 1 FROM earnings e WHERE e.payment_id = r.payment_id)
                   UNION ALL
                   SELECT p.currency, p.amount_minor FROM payments p
                   WHERE p.rail = $1 AND NOT EXISTS (SELECT 1 FROM earnings e WHERE e.payment_id = p.id)
                   UNION ALL
                   SELECT r.currency, -r.amount_minor FROM refunds r
                   WHERE r.rail = $1 AND r.state = 'paid'
                     AND NOT EXISTS (SELECT 1 FROM earnings e WHERE e.payment_id = r.payment_id)) AS owed
             GROUP BY currency",
        )
        .bind(book.to_owned())
        .fetch_all()
        .await?;
    Ok(Figures {
        balances,
        held_back: held.into_iter().map(|(id, currency, minor)| (id, Money::new(minor, currency))).collect(),
        commission: shares.iter().map(|&(currency, minor, _)| Money::new(minor, currency)).collect(),
        tax: shares.iter().map(|&(currency, _, minor)| Money::new(minor, currency)).collect(),
        taken: taken.iter().map(|&(currency, minor)| Money::new(minor, currency)).collect(),
        given_back: refunds::sums(tx, book, RefundState::Paid).await?,
        owed_back: owed_back.iter().map(|&(currency, minor)| Money::new(minor, currency)).collect(),
        paid_out: payouts::sums(tx, book, PayoutState::Paid).await?.into_iter().map(|(_, money)| money).collect(),
        taken_back: payouts::reversals::sums(tx, book).await?,
        in_transit: payouts::sums(tx, book, PayoutState::Sending).await?,
    })
}
