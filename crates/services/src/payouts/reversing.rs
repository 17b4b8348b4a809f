//! Taking payouts back: a sale that was paid out already goes back to its buyer, and its provider owes its share.
//!
//! The buyer has the money first, whatever comes of this. Then the rail is asked to take what is owed back from the
//! provider's account, from the newest payout on. What it cannot take back, because it has gone on to a bank, stays
//! owed, and what the provider earns later settles it.

use domain::ledger::{self as book, TransactionKind};
use domain::state::PayoutReversalState;
use domain::{Currency, OrganizationId, PayoutReversalId, Timestamp};
use store::ledger as books;
use store::payouts::reversals::{self as rows, PayoutReversalRow};
use store::payouts::{self, PayoutRow};
use store::{Scope, Tx};

use super::{letter, owed, port};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::ledger::{self, Cause};
use crate::ports::{PayoutError, ReversalRequest};

/// Has what a provider owes taken back, if it owes anything; `because` names what made it owe.
pub(crate) async fn queue(
    tx: &mut Tx,
    book: &str,
    (provider, currency): (OrganizationId, Currency),
    because: &str,
    now: Timestamp,
) -> Result<()> {
    if owed(tx, book, provider, currency).await? <= 0 {
        return Ok(());
    }
    let job = Job::ReversePayouts { provider, currency };
    jobs::enqueue(tx, &job, now, now, Some(&format!("reverse:{because}"))).await
}

/// Asks the rail for what a provider owes, payout by payout; a job, so it may run twice.
pub(crate) async fn recover(ctx: &Ctx, provider: OrganizationId, currency: Currency) -> Result<()> {
    if ctx.payouts.is_none() {
        return Ok(());
    }
    while let Some((reversal, payout)) = next(ctx, provider, currency).await? {
        let request = ReversalRequest {
            key: format!("reversal-{}", reversal.id),
            payout: payout.reference.clone(),
            amount: reversal.amount(),
            description: format!("{}: refunds of sales that were paid out", ctx.settings.site_name),
        };
        match port(ctx)?.take_back(request).await {
            Ok(taken) => settle(ctx, &reversal, &payout, Ok(&taken.reference)).await?,
            Err(PayoutError::Refused(why)) => settle(ctx, &reversal, &payout, Err(&why)).await?,
            // It is not known whether it was taken back: the same key is asked for again.
            Err(PayoutError::Rail(error)) => return Err(Error::internal(error)),
        }
    }
    Ok(())
}

/// Returns what to take back next: what was begun, or so much of the newest payout as is owed.
async fn next(
    ctx: &Ctx,
    provider: OrganizationId,
    currency: Currency,
) -> Result<Option<(PayoutReversalRow, PayoutRow)>> {
    let rail = ctx.payments.rail();
    let mut tx = ctx.store.write(Scope::System).await?;
    books::take_hold(&mut tx, rail).await?;
    let row = match rows::sending(&mut tx, rail, provider, currency).await? {
        Some(row) => row,
        None => {
            let owed = owed(&mut tx, rail, provider, currency).await?;
            if owed <= 0 {
                return Ok(None);
            }
            let Some((payout_id, left)) = rows::newest_left(&mut tx, rail, provider, currency).await? else {
                return Ok(None);
            };
            let row = PayoutReversalRow {
                id: PayoutReversalId(fresh_id()),
                payout_id,
                book: rail.to_owned(),
                provider_id: provider,
                currency,
                amount_minor: owed.min(left),
                state: PayoutReversalState::Sending,
                reference: String::new(),
                failure: String::new(),
                created_at: ctx.now(),
                settled_at: None,
            };
            rows::insert(&mut tx, &row).await?;
            row
        }
    };
    let payout = payouts::get(&mut tx, row.payout_id).await?.ok_or(Error::NotFound("payout"))?;
    tx.commit().await?;
    Ok(Some((row, payout)))
}

/// Writes down what became of a reversal, once: the rail's name for it, or why it cannot be made.
async fn settle(
    ctx: &Ctx,
    row: &PayoutReversalRow,
    payout: &PayoutRow,
    outcome: std::result::Result<&str, &str>,
) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    books::take_hold(&mut tx, &row.book).await?;
    let (state, reference, failure) = match outcome {
        Ok(reference) => (PayoutReversalState::Made, reference, ""),
        Err(why) => (PayoutReversalState::Refused, "", why),
    };
    if !rows::settle(&mut tx, row.id, state, reference, failure, now).await? {
        return Ok(());
    }
    if outcome.is_ok() {
        let (amount, provider) = (row.amount(), row.provider_id);
        let owed = owed(&mut tx, &row.book, provider, row.currency).await?;
        let cause = Cause { book: &row.book, kind: TransactionKind::PayoutReversed, source: &row.id };
        let memo = format!("Of the payout to {}", payout.destination);
        ledger::write(&mut tx, cause, &memo, book::payout_reversed(amount, owed, provider), now).await?;
        let page = format!("{}/providers/{provider}/payouts/{}/", ctx.settings.public_url, payout.id);
        let text = format!(
            "{amount} of a payout was taken back from your account with the payment company: it paid for sales that have gone back to their buyers since.\n\nThe payout:\n{page}\n"
        );
        letter(&mut tx, provider, format!("{amount} was taken back"), text, now).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Asks again for what has not been known for long what became of it.
pub(super) async fn sweep(ctx: &Ctx, before: Timestamp, at_once: i64) -> Result<()> {
    let (now, rail) = (ctx.now(), ctx.payments.rail());
    let mut tx = ctx.store.read(Scope::System).await?;
    let lost = rows::lost(&mut tx, rail, before, at_once).await?;
    drop(tx);
    for (provider, currency) in lost {
        let mut tx = ctx.store.write(Scope::System).await?;
        let job = Job::ReversePayouts { provider, currency };
        jobs::enqueue(&mut tx, &job, now, now, Some(&format!("reverse:{provider}:{currency}"))).await?;
        tx.commit().await?;
    }
    Ok(())
}
