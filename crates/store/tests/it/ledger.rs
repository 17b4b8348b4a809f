//! The ledger cannot be made wrong, not even by a statement that is written wrong.

use domain::ledger::{Account, AccountCode, Heading, PlatformAccount, Posting, ProviderAccount, TransactionKind, post};
use domain::{Currency, LedgerTransactionId, Money, OrganizationId, Timestamp};
use store::ledger::{self as rows, TransactionQuery};
use store::{Dialect, Error, Scope, Store, Tx, testing};
use testkit::{TestCtx, on_every_ctx};
use uuid::Uuid;

const RAIL: Account = Account::Platform(PlatformAccount::RailBalance);
const NOW: Timestamp = Timestamp(1_795_262_400_000_000);

fn id(number: u128) -> LedgerTransactionId {
    LedgerTransactionId(Uuid::from_u128(number))
}

fn transaction(book: &str, source: &str, provider: OrganizationId, minor: i64) -> domain::ledger::Transaction {
    let amount = Money::new(minor, Currency::Usd);
    let heading = Heading {
        book: book.to_owned(),
        kind: TransactionKind::Sale,
        source: source.to_owned(),
        occurred_at: NOW,
        reverses: None,
        memo: "A \"sale\", twice\n".to_owned(),
    };
    let pending = Account::Provider(ProviderAccount::Pending, provider);
    post(heading, vec![Posting::debit(RAIL, amount), Posting::credit(pending, amount)]).expect("a transaction")
}

async fn write(store: &Store) -> Tx {
    store.write(Scope::System).await.expect("a transaction")
}

/// Posts three transactions and commits them.
async fn three(t: &TestCtx) -> OrganizationId {
    let provider = t.register("seller@example.com").await.organization;
    let mut tx = write(&t.ctx.store).await;
    for number in 1..=3 {
        let new = transaction("sandbox", &format!("payment {number}"), provider, 100);
        let number = u128::try_from(number).expect("small");
        assert!(rows::post(&mut tx, id(number), &new, NOW).await.expect("posted"));
    }
    tx.commit().await.expect("committed");
    provider
}

/// Runs a statement in a transaction of its own, to the end.
async fn run(store: &Store, sql: &str) -> Result<(), Error> {
    let mut tx = write(store).await;
    testing::texts(&mut tx, sql.to_owned()).await?;
    tx.commit().await
}

fn why(outcome: Result<(), Error>) -> String {
    let error = outcome.expect_err("it is refused");
    std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_cause_is_posted_once() {
    on_every_ctx(async |t| {
        let provider = three(&t).await;
        let mut tx = write(&t.ctx.store).await;
        let again = transaction("sandbox", "payment 2", provider, 100);
        assert!(!rows::post(&mut tx, id(9), &again, NOW).await.expect("known"));
        let other = transaction("sandbox", "payment 2", provider, 101);
        let refused = rows::post(&mut tx, id(9), &other, NOW).await;
        assert!(matches!(refused, Err(Error::PostedOtherwise { .. })), "{refused:?}");
        // Another rail's payment of the same name is another payment.
        let elsewhere = transaction("stripe", "payment 2", provider, 100);
        assert!(rows::post(&mut tx, id(9), &elsewhere, NOW).await.expect("posted"));
        let query = TransactionQuery { book: "sandbox".to_owned(), ..TransactionQuery::default() };
        let found = rows::transactions(&mut tx, &query, 10, 0).await.expect("a list");
        assert_eq!(found.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 2, 1]);
        let account = AccountCode::ProviderPending;
        let balance = rows::balance(&mut tx, "sandbox", account, Some(provider), Currency::Usd).await;
        assert_eq!(balance.expect("a balance"), -300);
        assert_eq!(rows::balance(&mut tx, "sandbox", account, None, Currency::Usd).await.expect("a balance"), 0);
        assert_eq!(rows::balances(&mut tx, "sandbox", None).await.expect("balances").len(), 2);
        let query = TransactionQuery { owner: Some(provider), account: Some(account), ..query };
        assert_eq!(rows::count_transactions(&mut tx, &query).await.expect("a count"), 3);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_does_not_add_up_is_refused_by_the_database() {
    on_every_ctx(async |t| {
        three(&t).await;
        let (ten, eleven) = match t.ctx.store.dialect() {
            Dialect::Sqlite => ("x'00000000000000000000000000000010'", "x'00000000000000000000000000000011'"),
            Dialect::Postgres => ("CAST('00000000-0000-0000-0000-000000000010' AS UUID)", "CAST('00000000-0000-0000-0000-000000000011' AS UUID)"),
        };
        let entry = |of: &str, line: i64, currency: &str, minor: i64| {
            format!("INSERT INTO ledger_entries (transaction_id, line, book, currency, account, organization_id, amount_minor)
                     VALUES ({of}, {line}, 'sandbox', '{currency}', 'rail_balance', NULL, {minor})")
        };
        let hash = if t.ctx.store.dialect() == Dialect::Sqlite { "x'00'" } else { "'\\x00'::bytea" };
        let heading = |of: &str, number: i64| {
            format!("INSERT INTO ledger_transactions (id, book, number, kind, source, currency, reverses_id, memo, occurred_at, recorded_at, hash)
                     VALUES ({of}, 'sandbox', {number}, 'sale', 's{number}', 'USD', NULL, '', 1, 1, {hash})")
        };
        let all = async |statements: Vec<String>| {
            let mut tx = write(&t.ctx.store).await;
            for sql in statements {
                testing::texts(&mut tx, sql).await?;
            }
            tx.commit().await
        };
        let unbalanced = vec![entry(ten, 1, "USD", 5), entry(ten, 2, "USD", -4), heading(ten, 4)];
        assert!(why(all(unbalanced).await).contains("must balance"));
        assert!(why(all(vec![heading(ten, 4)]).await).contains("must balance"));
        let mixed = vec![entry(ten, 1, "USD", 5), entry(ten, 2, "EUR", -5), heading(ten, 4)];
        all(mixed).await.expect_err("two currencies are refused");
        all(vec![entry(ten, 1, "USD", 5), entry(ten, 2, "USD", -5)]).await.expect_err("lines without a transaction");
        all(vec![entry(ten, 1, "USD", 5), entry(ten, 2, "USD", -5), heading(ten, 4)]).await.expect("it adds up");
        let later = why(all(vec![entry(ten, 3, "USD", 5), entry(ten, 4, "USD", -5)]).await);
        assert!(later.contains("never changed"), "{later}");
        let same_number = vec![entry(eleven, 1, "USD", 5), entry(eleven, 2, "USD", -5), heading(eleven, 4)];
        all(same_number).await.expect_err("a number is given once");
    })
    .await;
}

#[tokio::test]
async fn nothing_in_the_ledger_can_be_changed_or_removed() {
    on_every_ctx(async |t| {
        three(&t).await;
        let edits = [
            "UPDATE ledger_entries SET amount_minor = amount_minor * 2",
            "UPDATE ledger_transactions SET memo = 'another'",
            "DELETE FROM ledger_entries",
            "DELETE FROM ledger_transactions",
        ];
        for sql in edits {
            let refused = why(run(&t.ctx.store, sql).await);
            assert!(refused.contains("never changed"), "{sql}: {refused}");
        }
        if t.ctx.store.dialect() == Dialect::Postgres {
            let refused = why(run(&t.ctx.store, "TRUNCATE ledger_entries").await);
            assert!(refused.contains("never changed"), "{refused}");
        } else {
            let replace = "INSERT OR REPLACE INTO ledger_entries SELECT transaction_id, line, book, currency, account,
                           organization_id, amount_minor * 2 FROM ledger_entries";
            assert!(why(run(&t.ctx.store, replace).await).contains("never changed"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_behind_the_back_of_the_triggers_is_found() {
    on_every_ctx(async |t| {
        three(&t).await;
        let broken = async || {
            let mut tx = t.ctx.store.read(Scope::System).await.expect("a transaction");
            rows::broken(&mut tx, "sandbox").await.expect("read").map(|broken| broken.number)
        };
        assert_eq!(broken().await, None);
        let off: &[&str] = match t.ctx.store.dialect() {
            Dialect::Sqlite => &["DROP TRIGGER ledger_transactions_update", "DROP TRIGGER ledger_entries_delete"],
            Dialect::Postgres => &[
                "ALTER TABLE ledger_transactions DISABLE TRIGGER USER",
                "ALTER TABLE ledger_entries DISABLE TRIGGER USER",
            ],
        };
        for sql in off {
            run(&t.ctx.store, sql).await.expect("nobody but the owner of the tables may");
        }
        run(&t.ctx.store, "UPDATE ledger_transactions SET memo = 'another' WHERE number = 2").await.expect("changed");
        assert_eq!(broken().await, Some(2));
        let back = "UPDATE ledger_transactions SET memo = 'A \"sale\", twice\n' WHERE number = 2";
        run(&t.ctx.store, back).await.expect("changed back");
        assert_eq!(broken().await, None);
        // The last one is missed, too, because the book says how many there are.
        let last =
            "DELETE FROM ledger_entries WHERE transaction_id = (SELECT id FROM ledger_transactions WHERE number = 3)";
        run(&t.ctx.store, last).await.expect("removed");
        assert_eq!(broken().await, Some(3));
    })
    .await;
}

#[tokio::test]
async fn a_provider_sees_its_own_entries_and_no_book() {
    on_every_ctx(async |t| {
        let provider = three(&t).await;
        if t.ctx.store.dialect() == Dialect::Postgres {
            let count = async |scope: Scope, table: &str| {
                let mut tx = t.ctx.store.read(scope).await.expect("a transaction");
                let sql = format!("SELECT COUNT(*)::text FROM {table}");
                testing::texts(&mut tx, sql).await.expect("a count").remove(0).expect("a number")
            };
            let other = t.register("other@example.com").await.organization;
            let tenant = |id| Scope::Tenant(store::Tenant::assume_authorized(id));
            assert_eq!(count(Scope::System, "ledger_entries").await, "6");
            assert_eq!(count(tenant(provider), "ledger_entries").await, "3");
            assert_eq!(count(tenant(other), "ledger_entries").await, "0");
            assert_eq!(count(tenant(provider), "ledger_transactions").await, "0");
            assert_eq!(count(tenant(provider), "commission_rules").await, "0");
        }
    })
    .await;
}
