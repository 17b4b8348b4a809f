//! The ledger's books, what providers earn, and the rules of commission.
//!
//! What a newcomer gets wrong: whoever posts takes hold of the book first ([`take_hold`]), and reads balances
//! only after that. Between an order's row and a book, the order's row comes first, everywhere.

mod chain;
mod earnings;
mod reading;
mod rules;

use domain::ledger::Transaction;
use domain::{LedgerTransactionId, Timestamp};

use crate::{Error, Tx};

pub use chain::{Broken, broken};
pub use earnings::{
    EarningRow, EarningTotals, ListedEarning, NewEarning, PeriodTotals, count_earnings, due_for_release, earning,
    earning_of_payment, earning_totals, earnings, insert_earning, mark_released, mark_returned, period_totals,
    unmark_returned,
};
pub use reading::{
    EntryRow, Flow, TransactionQuery, TransactionRow, balance, balances, count_transactions, entries, facts, flows,
    posted, transactions, unbalanced, unposted,
};
pub use rules::{NewRule, RuleRow, category_of, end_rule, insert_rule, rule_rows, rules};

/// Keeps everyone else from posting to a book until the transaction ends; returns the number of its last transaction.
pub async fn take_hold(tx: &mut Tx, book: &str) -> Result<i64, Error> {
    let (number, _) = head(tx, book).await?;
    Ok(number)
}

/// Posts a transaction; tells whether it is new. The same again is not posted twice, and another one for the
/// same cause is an error.
pub async fn post(
    tx: &mut Tx,
    id: LedgerTransactionId,
    transaction: &Transaction,
    now: Timestamp,
) -> Result<bool, Error> {
    let heading = transaction.heading();
    let (number, before) = head(tx, &heading.book).await?;
    if let Some(posted) = reading::of_cause(tx, &heading.book, heading.kind, &heading.source).await? {
        let lines = reading::entries(tx, posted).await?;
        let wanted = transaction
            .lines()
            .iter()
            .map(|line| (line.account.code(), line.account.owner(), line.amount.currency, line.amount.minor));
        if wanted.eq(lines.iter().map(|row| (row.account, row.organization_id, row.currency, row.amount_minor))) {
            return Ok(false);
        }
        return Err(Error::PostedOtherwise { kind: heading.kind, cause: heading.source.clone() });
    }
    let number = number + 1;
    for (line, posting) in (1_i64..).zip(transaction.lines()) {
        tx.query(
            "INSERT INTO ledger_entries (transaction_id, line, book, currency, account, organization_id, amount_minor)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(line)
        .bind(heading.book.clone())
        .bind(transaction.currency())
        .bind(posting.account.code())
        .bind(posting.account.owner())
        .bind(posting.amount.minor)
        .execute()
        .await?
        .exactly_one()?;
    }
    let hash = chain::hash_of(id, number, transaction, now, &before);
    tx.query(
        "INSERT INTO ledger_transactions (id, book, number, kind, source, currency, reverses_id, memo,
                                          occurred_at, recorded_at, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(id)
    .bind(heading.book.clone())
    .bind(number)
    .bind(heading.kind)
    .bind(heading.source.clone())
    .bind(transaction.currency())
    .bind(heading.reverses)
    .bind(heading.memo.clone())
    .bind(heading.occurred_at)
    .bind(now)
    .bind(hash.clone())
    .execute()
    .await?
    .exactly_one()?;
    tx.query("UPDATE ledger_books SET number = $2, hash = $3 WHERE book = $1")
        .bind(heading.book.clone())
        .bind(number)
        .bind(hash)
        .execute()
        .await?
        .exactly_one()?;
    Ok(true)
}

/// Takes hold of a book, and returns the number and hash of its last transaction.
async fn head(tx: &mut Tx, book: &str) -> Result<(i64, Vec<u8>), Error> {
    tx.query("INSERT INTO ledger_books (book, number, hash) VALUES ($1, 0, $2) ON CONFLICT (book) DO NOTHING")
        .bind(book.to_owned())
        .bind(Vec::<u8>::new())
        .execute()
        .await?
        .any();
    // An UPDATE waits for whoever holds the row, and reads what they have left.
    tx.query("UPDATE ledger_books SET number = number WHERE book = $1 RETURNING number, hash")
        .bind(book.to_owned())
        .fetch_one()
        .await
}
