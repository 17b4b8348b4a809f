//! What happens in the ledger when money moves, and what people read of it.
//!
//! Each posting is made in the transaction of the change that causes it, so that there is never one without the
//! other. What a newcomer gets wrong: the caller holds the order's row; the book is taken hold of after it,
//! and balances are read only then.

mod check;
mod commission;
mod earnings;
mod reading;
mod reconciliation;

use domain::ledger::{self as book, AccountCode, Heading, Posting, Shares, TransactionKind};
use domain::state::PaymentState;
use domain::{BasisPoints, CommissionRuleId, EarningId, LedgerTransactionId, Money, PaymentId, Timestamp};
use store::ledger::{self as rows, EarningRow, NewEarning};
use store::orders::{self, OrderRow, PaymentRow};
use store::{Scope, Tx};

use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::{invoices, refunds};

pub use check::check;
pub use commission::{NewRule, add_rule, end_rule, rules};
pub(crate) use earnings::amounts_on;
pub use earnings::{csv as earnings_csv, earnings, tax_year};
pub use reading::{TransactionFilter, balances, revenue, transactions};
pub(crate) use reconciliation::reconcile_due;
pub use reconciliation::reconcile_now;

/// How many earnings are released, and payments posted, in one go.
const AT_ONCE: i64 = 200;

const fn by(payment: &PaymentRow, kind: TransactionKind) -> Cause<'_> {
    Cause { book: payment.rail.as_str(), kind, source: &payment.id }
}

/// Books a sale: a payment that pays for its order.
pub(crate) async fn sold(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    payment: &PaymentRow,
    fee_minor: i64,
    now: Timestamp,
) -> Result<()> {
    let (rate, rule) = rate(ctx, tx, order, now).await?;
    let gross = Money::new(payment.amount_minor, payment.currency);
    // Prices hold no tax until the operator collects any.
    let shares = Shares::of_sale(gross, 0, rate).map_err(Error::internal)?;
    let description = format!("{} — {}", order.offering_name, order.plan_name);
    write(tx, by(payment, TransactionKind::Sale), &description, book::sale(shares, payment.provider_id), now).await?;
    let earning = NewEarning {
        id: EarningId(fresh_id()),
        book: payment.rail.clone(),
        payment: payment.id,
        order: order.id,
        provider: payment.provider_id,
        buyer: payment.organization_id,
        description,
        shares,
        rate,
        rule,
        sold_at: now,
        release_at: now.plus_days(ctx.settings.hold_days),
    };
    rows::insert_earning(tx, &earning).await?;
    charged(tx, payment, fee_minor, now).await?;
    invoices::invoice(ctx, tx, order, payment, shares.tax().minor, now).await
}

/// Books a payment that no order waits for; it goes back.
pub(crate) async fn unmatched(tx: &mut Tx, payment: &PaymentRow, fee_minor: i64, now: Timestamp) -> Result<()> {
    let amount = Money::new(payment.amount_minor, payment.currency);
    write(tx, by(payment, TransactionKind::Unmatched), "No order waited for it", book::unmatched(amount), now).await?;
    charged(tx, payment, fee_minor, now).await
}

/// Books what the rail keeps of a payment.
async fn charged(tx: &mut Tx, payment: &PaymentRow, fee_minor: i64, now: Timestamp) -> Result<()> {
    let fee = Money::new(fee_minor, payment.currency);
    write(tx, by(payment, TransactionKind::Fee), "The payment rail’s fee", book::fee(fee), now).await
}

/// Posts the opposite of what was posted for a cause; what was never posted, or is taken back already, is not.
pub(crate) async fn take_back(
    tx: &mut Tx,
    cause: Cause<'_>,
    by: TransactionKind,
    memo: &str,
    now: Timestamp,
) -> Result<()> {
    let source = cause.source.to_string();
    let Some((id, entries)) = rows::posted(tx, cause.book, cause.kind, &source).await? else {
        return Ok(());
    };
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        let account = book::Account::of(entry.account, entry.organization_id)
            .ok_or_else(|| Error::internal(format!("the account {} has no such owner", entry.account)))?;
        lines.push(Posting { account, amount: Money::new(entry.amount_minor, entry.currency) });
    }
    let heading = Heading {
        book: cause.book.to_owned(),
        kind: by,
        source,
        occurred_at: now,
        reverses: Some(id),
        memo: memo.to_owned(),
    };
    post(tx, heading, book::reversal(&lines), now).await
}

/// Makes earnings available that need not be held back any more.
pub(crate) async fn release_due(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    let due = rows::due_for_release(&mut tx, now, AT_ONCE).await?;
    drop(tx);
    for (payment, order) in due {
        let mut tx = ctx.store.write(Scope::System).await?;
        orders::lock(&mut tx, order).await?;
        release(&mut tx, payment, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn release(tx: &mut Tx, payment: PaymentId, now: Timestamp) -> Result<()> {
    let Some(earning) = rows::earning_of_payment(tx, payment).await? else {
        return Ok(());
    };
    if !rows::mark_released(tx, earning.id, now).await? {
        return Ok(());
    }
    let owed = balance_of(tx, &earning, AccountCode::ProviderReceivable).await?;
    let net = Money::new(earning.net_minor - earning.back_net_minor, earning.currency);
    let (lines, _) = book::release(net, owed, earning.provider_id);
    let cause = Cause { book: &earning.book, kind: TransactionKind::Release, source: &earning.id };
    write(tx, cause, &earning.description, lines, now).await
}

/// Takes hold of the book, and returns what is on an account of the provider who has earned something.
pub(crate) async fn balance_of(tx: &mut Tx, earning: &EarningRow, account: AccountCode) -> Result<i64> {
    rows::take_hold(tx, &earning.book).await?;
    let balance = rows::balance(tx, &earning.book, account, Some(earning.provider_id), earning.currency).await?;
    Ok(account.natural(balance))
}

/// Books the payments of a time before there was a ledger; at the start of the program.
///
/// Those that stand are sales at today's share; of the others nobody has earned anything.
pub async fn catch_up(ctx: &Ctx) -> Result<usize> {
    let mut booked = 0;
    loop {
        let mut tx = ctx.store.read(Scope::System).await?;
        let missing = rows::unposted(&mut tx, ctx.payments.rail(), AT_ONCE).await?;
        drop(tx);
        if missing.is_empty() {
            return Ok(booked);
        }
        for id in missing {
            let mut tx = ctx.store.write(Scope::System).await?;
            let found = orders::payment(&mut tx, id).await?.ok_or(Error::NotFound("payment"))?;
            orders::lock(&mut tx, found.order_id).await?;
            let payment = orders::payment(&mut tx, id).await?.ok_or(Error::NotFound("payment"))?;
            let order = orders::get(&mut tx, payment.order_id).await?.ok_or(Error::NotFound("order"))?;
            let then = payment.created_at;
            match payment.state {
                PaymentState::Succeeded => sold(ctx, &mut tx, &order, &payment, 0, then).await?,
                PaymentState::Refunding => unmatched(&mut tx, &payment, 0, then).await?,
                PaymentState::Refunded => {
                    unmatched(&mut tx, &payment, 0, then).await?;
                    for refund in store::refunds::of_payment(&mut tx, payment.id).await? {
                        refunds::book_paid(&mut tx, &refund, ctx.now()).await?;
                    }
                }
            }
            tx.commit().await?;
            booked += 1;
        }
    }
}

/// Finds the platform's share of an order's sale, and the rule that says so.
async fn rate(
    ctx: &Ctx,
    tx: &mut Tx,
    order: &OrderRow,
    now: Timestamp,
) -> Result<(BasisPoints, Option<CommissionRuleId>)> {
    let category = rows::category_of(tx, order.offering_id).await?.ok_or(Error::NotFound("offering"))?;
    let rules = rows::rules(tx, order.provider_id, category, now).await?;
    let rule = book::applicable(&rules, order.provider_id, category, now);
    Ok(rule.map_or((ctx.settings.commission, None), |rule| (rule.rate, Some(rule.id))))
}

/// What causes a transaction.
pub(crate) struct Cause<'a> {
    /// In which book: the rail whose money it is.
    pub(crate) book: &'a str,
    pub(crate) kind: TransactionKind,
    /// The id of a payment, of a refund, of an earning, of a payout.
    pub(crate) source: &'a (dyn std::fmt::Display + Sync),
}

/// Posts what something causes.
pub(crate) async fn write(
    tx: &mut Tx,
    cause: Cause<'_>,
    memo: &str,
    lines: Vec<Posting>,
    now: Timestamp,
) -> Result<()> {
    let Cause { book, kind, source } = cause;
    let heading = Heading {
        book: book.to_owned(),
        kind,
        source: source.to_string(),
        occurred_at: now,
        reverses: None,
        memo: memo.to_owned(),
    };
    post(tx, heading, lines, now).await
}

/// Posts; lines of nothing say nothing.
async fn post(tx: &mut Tx, heading: Heading, lines: Vec<Posting>, now: Timestamp) -> Result<()> {
    if lines.iter().all(|line| line.amount.minor == 0) {
        return Ok(());
    }
    let transaction = book::post(heading, lines).map_err(Error::internal)?;
    rows::post(tx, LedgerTransactionId(fresh_id()), &transaction, now).await?;
    Ok(())
}
