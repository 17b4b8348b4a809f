//! Deciding who is paid, asking the rail, and writing down what became of it.

use std::collections::BTreeMap;

use domain::ledger::{self as book, TransactionKind};
use domain::state::PayoutState;
use domain::view::payout::{PayoutPlan, PayoutPlanRow};
use domain::{Currency, Money, OrganizationId, PayoutId, Timestamp};
use store::ledger as books;
use store::payouts::{self as rows, DueRow, PayoutRow};
use store::{Scope, Tx};

use super::{letter, look_again, owed, port, reversing, waits_until};
use crate::access::{Operator, Principal};
use crate::audit;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Checks, Error, Result, chain};
use crate::jobs::{self, Job};
use crate::ledger::{self, Cause};
use crate::ports::{PayoutError, PayoutRequest};

/// After how many seconds a payout whose job is gone is asked for again.
const LOST_SECONDS: i64 = 3600;
/// How many of them in one go.
const AT_ONCE: i64 = 100;

const fn by(payout: &PayoutRow, kind: TransactionKind) -> Cause<'_> {
    Cause { book: payout.book.as_str(), kind, source: &payout.id }
}

/// Says what a run would do now, and changes nothing.
pub async fn plan(ctx: &Ctx, who: &Principal) -> Result<PayoutPlan> {
    who.operator()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let due = rows::due(&mut tx, ctx.payments.rail()).await?;
    let now = ctx.now();
    let rows: Vec<PayoutPlanRow> = due.into_iter().map(|row| planned(ctx, row, now)).collect();
    let mut total: BTreeMap<Currency, i64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.obstacle.is_empty()) {
        *total.entry(row.amount.currency).or_default() += row.amount.minor;
    }
    Ok(PayoutPlan { rows, total: total.into_iter().map(|(currency, minor)| Money::new(minor, currency)).collect() })
}

fn planned(ctx: &Ctx, row: DueRow, now: Timestamp) -> PayoutPlanRow {
    PayoutPlanRow {
        obstacle: obstacle(ctx, &row, now),
        amount: Money::new(row.minor, row.currency),
        held: row.held.as_ref().is_some_and(|why| !why.is_empty()),
        has_account: row.ready.is_some(),
        provider_id: row.provider_id,
        provider: row.provider_name,
        destination: row.destination.unwrap_or_default(),
    }
}

/// Says why a provider is not paid now; nothing where it is.
fn obstacle(ctx: &Ctx, row: &DueRow, now: Timestamp) -> String {
    let minimum = Money::new(ctx.settings.payout_minimum, row.currency);
    match row {
        DueRow { ready: None, .. } => "It has not said where it is paid to.".to_owned(),
        DueRow { held: Some(why), .. } if !why.is_empty() => format!("Held back: {why}"),
        DueRow { ready: Some(false), .. } => "The payment rail still wants something from it.".to_owned(),
        DueRow { sending: true, .. } => "Another payout is on its way.".to_owned(),
        _ if row.minor < minimum.minor => format!("Less than {minimum}."),
        _ => match row.changed_at.and_then(|changed| waits_until(changed, now)) {
            Some(until) => format!("Its account is a new one; paid from {} on.", until.readable()),
            None => String::new(),
        },
    }
}

/// Pays everyone to whom something is due, and returns how many.
pub async fn run(ctx: &Ctx, who: &Principal) -> Result<usize> {
    let operator = who.operator()?;
    port(ctx)?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let due = rows::due(&mut tx, ctx.payments.rail()).await?;
    drop(tx);
    let mut paid = 0;
    for row in due {
        if obstacle(ctx, &row, ctx.now()).is_empty() && set_apart(ctx, operator, row).await? {
            paid += 1;
        }
    }
    ctx.jobs_wake.notify_one();
    Ok(paid)
}

/// Sets a provider's money apart and has it paid; tells whether there was any, as nobody else was faster.
async fn set_apart(ctx: &Ctx, operator: Operator, due: DueRow) -> Result<bool> {
    let rail = ctx.payments.rail();
    let provider = due.provider_id;
    // The rail is asked outside of the transaction; what it says holds for the run.
    let mut tx = ctx.store.read(Scope::System).await?;
    let Some(account) = rows::account(&mut tx, rail, provider).await? else { return Ok(false) };
    drop(tx);
    look_again(ctx, account).await?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let until_number = books::take_hold(&mut tx, rail).await?;
    // Everything may have changed since it was looked at, and nothing changes any more.
    let fresh = rows::due(&mut tx, rail).await?;
    let same = |row: &DueRow| row.provider_id == provider && row.currency == due.currency;
    let Some(row) = fresh.into_iter().find(same).filter(|row| obstacle(ctx, row, now).is_empty()) else {
        return Ok(false);
    };
    let account = rows::account(&mut tx, rail, provider).await?.ok_or(Error::NotFound("payout account"))?;
    let payout = PayoutRow {
        id: PayoutId(fresh_id()),
        book: rail.to_owned(),
        provider_id: provider,
        provider_name: row.provider_name,
        currency: row.currency,
        amount_minor: row.minor,
        reversed_minor: 0,
        account: account.reference,
        destination: account.destination,
        after_number: rows::set_apart_until(&mut tx, rail, provider, row.currency).await?,
        until_number,
        state: PayoutState::Sending,
        reference: String::new(),
        failure: String::new(),
        created_by: operator.id(),
        created_at: now,
        settled_at: None,
    };
    rows::insert(&mut tx, &payout).await?;
    let lines = book::payout_reserved(payout.amount(), provider);
    let memo = format!("To {}", payout.destination);
    ledger::write(&mut tx, by(&payout, TransactionKind::PayoutReserved), &memo, lines, now).await?;
    let (id, detail) = (payout.id.to_string(), payout.amount().to_string());
    audit::note(ctx, &mut tx, Some(operator.id()), Some(provider), "payout.send", &id, &detail).await?;
    ask(&mut tx, payout.id, now).await?;
    tx.commit().await?;
    Ok(true)
}

async fn ask(tx: &mut Tx, payout: PayoutId, now: Timestamp) -> Result<()> {
    jobs::enqueue(tx, &Job::PayOut { payout }, now, now, Some(&format!("payout:{payout}"))).await
}

/// Asks the rail to pay, and writes down what it says; a job, so it may run twice.
pub(crate) async fn send(ctx: &Ctx, id: PayoutId) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let payout = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("payout"))?;
    drop(tx);
    if payout.state != PayoutState::Sending {
        return Ok(());
    }
    let request = PayoutRequest {
        key: format!("payout-{id}"),
        account: payout.account.clone(),
        amount: payout.amount(),
        description: format!("{} payout {id}", ctx.settings.site_name),
    };
    match port(ctx)?.pay_out(request).await {
        Ok(paid) => settle(ctx, &payout, PayoutState::Paid, &paid.reference, "").await,
        Err(PayoutError::Refused(why)) => settle(ctx, &payout, PayoutState::Failed, "", &why).await,
        // It is not known whether it was paid: the same key is asked for again.
        Err(PayoutError::Rail(error)) => Err(Error::internal(error)),
    }
}

/// Writes down what became of a payout, once.
async fn settle(ctx: &Ctx, payout: &PayoutRow, state: PayoutState, reference: &str, failure: &str) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    books::take_hold(&mut tx, &payout.book).await?;
    if !rows::settle(&mut tx, payout.id, state, reference, failure, now).await? {
        return Ok(());
    }
    let (amount, provider) = (payout.amount(), payout.provider_id);
    let page = format!("{}/providers/{provider}/payouts/{}/", ctx.settings.public_url, payout.id);
    if state == PayoutState::Paid {
        let lines = book::payout_paid(amount, provider);
        let memo = format!("To {}", payout.destination);
        ledger::write(&mut tx, by(payout, TransactionKind::PayoutPaid), &memo, lines, now).await?;
        let text = format!(
            "{amount} is on its way to {}. What it is made of:\n{page}\n\nBanks take a day or two.\n",
            payout.destination
        );
        letter(&mut tx, provider, format!("You are paid {amount}"), text, now).await?;
    } else {
        let owed = owed(&mut tx, &payout.book, provider, payout.currency).await?;
        let lines = book::payout_failed(amount, owed, provider);
        ledger::write(&mut tx, by(payout, TransactionKind::PayoutFailed), failure, lines, now).await?;
        let text = format!(
            "{amount} could not be paid to {}: {failure}\n\nIt stays yours. Say where you are paid to, and it goes out with the next run:\n{page}\n",
            payout.destination
        );
        letter(&mut tx, provider, format!("{amount} could not be paid to you"), text, now).await?;
    }
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Holds a provider's payouts back, for a reason that it reads; without one they go on.
pub async fn hold(ctx: &Ctx, who: &Principal, provider: OrganizationId, why: &str) -> Result<()> {
    let operator = who.operator()?;
    let why = why.trim();
    let mut checks = Checks::default();
    checks.require(why.chars().count() <= 300, "value", "must be at most 300 characters");
    checks.done()?;
    let mut tx = ctx.store.write(Scope::System).await?;
    if !rows::hold(&mut tx, ctx.payments.rail(), provider, why).await? {
        return Err(Error::NotFound("payout account"));
    }
    let action = if why.is_empty() { "payout.release" } else { "payout.hold" };
    audit::note(ctx, &mut tx, Some(operator.id()), Some(provider), action, &provider.to_string(), why).await?;
    tx.commit().await?;
    Ok(())
}

/// Has the rail asked again about a payout whose job has given up; harmless when it has not.
pub async fn send_again(ctx: &Ctx, who: &Principal, id: PayoutId) -> Result<()> {
    who.operator()?;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let payout = rows::get(&mut tx, id).await?.ok_or(Error::NotFound("payout"))?;
    if payout.state != PayoutState::Sending {
        return Err(Error::Conflict(format!("This payout is {} already.", payout.state)));
    }
    ask(&mut tx, id, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}

/// Asks again about payouts of which it has not been known for long what became of them.
pub(crate) async fn sweep(ctx: &Ctx) -> Result<()> {
    if ctx.payouts.is_none() {
        return Ok(());
    }
    let now = ctx.now();
    let before = now.plus_seconds(-LOST_SECONDS);
    reversing::sweep(ctx, before, AT_ONCE).await?;
    let mut tx = ctx.store.read(Scope::System).await?;
    let lost = rows::sending(&mut tx, ctx.payments.rail(), before, AT_ONCE).await?;
    drop(tx);
    for id in lost {
        let mut tx = ctx.store.write(Scope::System).await?;
        if let Err(error) = ask(&mut tx, id, now).await {
            tracing::warn!(payout.id = %id, error = %chain(&error), "a payout could not be asked for again");
            continue;
        }
        tx.commit().await?;
    }
    Ok(())
}
