//! The chain of hashes: each transaction is sealed together with all before it, so that a change is found.

use domain::ledger::{AccountCode, Transaction, TransactionKind};
use domain::{Currency, LedgerTransactionId, OrganizationId, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::reading;
use crate::{Error, Tx};

/// How many transactions are looked at in one statement.
const AT_ONCE: i64 = 500;

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The transaction whose hash is not what its contents say.
    pub number: i64,
}

/// What is hashed, as JSON on one line: `docs/MONEY.md` tells others how to do the same.
struct Sealed<'a> {
    id: LedgerTransactionId,
    number: i64,
    book: &'a str,
    kind: TransactionKind,
    source: &'a str,
    currency: Currency,
    reverses: Option<LedgerTransactionId>,
    memo: &'a str,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    lines: Vec<(AccountCode, Option<OrganizationId>, i64)>,
}

impl Sealed<'_> {
    fn hash(&self, before: &[u8]) -> Vec<u8> {
        let lines: Vec<Value> =
            self.lines.iter().map(|(account, owner, minor)| json!([account, owner, minor])).collect();
        let text = json!([
            self.id,
            self.number,
            self.book,
            self.kind,
            self.source,
            self.currency,
            self.reverses,
            self.memo,
            self.occurred_at,
            self.recorded_at,
            lines
        ])
        .to_string();
        let mut hash = Sha256::new();
        hash.update(before);
        hash.update(text.as_bytes());
        hash.finalize().to_vec()
    }
}

/// Returns the hash of a transaction that follows one whose hash is `before`.
pub(super) fn hash_of(
    id: LedgerTransactionId,
    number: i64,
    transaction: &Transaction,
    recorded_at: Timestamp,
    before: &[u8],
) -> Vec<u8> {
    let heading = transaction.heading();
    let lines = transaction.lines().iter();
    Sealed {
        id,
        number,
        book: &heading.book,
        kind: heading.kind,
        source: &heading.source,
        currency: transaction.currency(),
        reverses: heading.reverses,
        memo: &heading.memo,
        occurred_at: heading.occurred_at,
        recorded_at,
        lines: lines.map(|line| (line.account.code(), line.account.owner(), line.amount.minor)).collect(),
    }
    .hash(before)
}

/// Reads a whole book and returns the first transaction that is not as it was sealed, or is missing.
pub async fn broken(tx: &mut Tx, book: &str) -> Result<Option<Broken>, Error> {
    let mut before = Vec::new();
    let mut number = 0;
    loop {
        let rows = reading::in_order(tx, book, number, AT_ONCE).await?;
        let Some(last) = rows.last() else { break };
        let entries = reading::entries_between(tx, book, number, last.number).await?;
        for row in &rows {
            number += 1;
            let sealed = Sealed {
                id: row.id,
                number: row.number,
                book,
                kind: row.kind,
                source: &row.source,
                currency: row.currency,
                reverses: row.reverses_id,
                memo: &row.memo,
                occurred_at: row.occurred_at,
                recorded_at: row.recorded_at,
                lines: entries
                    .iter()
                    .filter(|entry| entry.transaction_id == row.id)
                    .map(|entry| (entry.account, entry.organization_id, entry.amount_minor))
                    .collect(),
            };
            let hash = sealed.hash(&before);
            if row.number != number || row.hash != hash {
                return Ok(Some(Broken { number }));
            }
            before = hash;
        }
    }
    let head: Option<(i64, Vec<u8>)> = tx
        .query("SELECT number, hash FROM ledger_books WHERE book = $1")
        .bind(book.to_owned())
        .fetch_optional()
        .await?;
    let head = head.unwrap_or_default();
    Ok((head != (number, before)).then_some(Broken { number: number + 1 }))
}
