//! The ledger beside what the payment company says, once a day and when an operator asks.
//!
//! Each side is looked for on the other: what we say has moved, and what the company says. Whatever differs is a
//! case, and a case that has gone away is closed. What a newcomer gets wrong: the two clocks differ, and something
//! may be on its way, so that what is less than an hour old is not compared.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use domain::state::CaseKind;
use store::reconciling::{self as rows, MovedRow};
use store::{Scope, Tx};

use super::check::all_findings;
use crate::access::Principal;
use crate::audit;
use crate::cases::{self, Found};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::ports::{Movement, MovementKind};

/// How often the two are compared.
const EVERY_SECONDS: i64 = 24 * 3600;
/// What is younger is not compared yet.
const SETTLES_SECONDS: i64 = 3600;
/// How far back is looked each time: what was wrong yesterday may have been put right.
const BACK_DAYS: i64 = 7;
/// How much earlier the company may have begun what we wrote down in that time.
const EARLIER_DAYS: i64 = 3;

const KINDS: [MovementKind; 4] =
    [MovementKind::Payment, MovementKind::Refund, MovementKind::Payout, MovementKind::Reversal];

const fn word(kind: MovementKind) -> &'static str {
    match kind {
        MovementKind::Payment => "payment",
        MovementKind::Refund => "refund",
        MovementKind::Payout => "payout",
        MovementKind::Reversal => "reversal of a payout",
    }
}

/// Compares now, because an operator asks; returns how many differences there are.
pub async fn reconcile_now(ctx: &Ctx, who: &Principal) -> Result<usize> {
    who.operator()?;
    let found = compare(ctx).await?;
    let user = who.user()?.user.id;
    let mut tx = ctx.store.write(Scope::System).await?;
    audit::note(ctx, &mut tx, Some(user), None, "ledger.reconcile", "", &format!("{found} differences")).await?;
    tx.commit().await?;
    Ok(found)
}

/// Compares, if that was not done for a day.
pub(crate) async fn reconcile_due(ctx: &Ctx) -> Result<()> {
    let mut tx = ctx.store.read(Scope::System).await?;
    let until = rows::compared_until(&mut tx, ctx.payments.rail()).await?;
    drop(tx);
    if until.is_some_and(|until| until.plus_seconds(EVERY_SECONDS) > ctx.now()) {
        return Ok(());
    }
    if let Err(error) = compare(ctx).await {
        let error = crate::error::chain(&error);
        tracing::warn!(%error, "the ledger was not compared with the payment company; it is tried again");
    }
    Ok(())
}

async fn compare(ctx: &Ctx) -> Result<usize> {
    let (now, rail) = (ctx.now(), ctx.payments.rail());
    let (from, until) = (now.plus_days(-BACK_DAYS), now.plus_seconds(-SETTLES_SECONDS));
    let told = ctx.payments.movements(from.plus_days(-EARLIER_DAYS), now).await.map_err(|error| {
        tracing::warn!(%error, "the payment company does not say what has moved");
        Error::Upstream("The payment company does not answer now. Try again in a minute.".to_owned())
    })?;
    // Reading it all takes long, and nobody who writes waits for it.
    let mut tx = ctx.store.read(Scope::System).await?;
    let mut found = of_the_books(&mut tx, rail).await?;
    if let Some(told) = &told {
        found.extend(of_the_rail(&mut tx, rail, told, from, until).await?);
    }
    drop(tx);
    let mut tx = ctx.store.write(Scope::System).await?;
    let open: BTreeSet<String> =
        store::cases::open_subjects(&mut tx, rail, CaseKind::Mismatch).await?.into_iter().collect();
    let still: BTreeSet<&str> = found.iter().map(|found| found.subject.as_str()).collect();
    for subject in open.iter().filter(|subject| subject.contains(':') && !still.contains(subject.as_str())) {
        let note = "It was not found any more.";
        store::cases::close_of(&mut tx, rail, CaseKind::Mismatch, subject, note, now).await?;
    }
    let count = found.len();
    for found in found {
        cases::open(ctx, &mut tx, rail, found, now).await?;
    }
    rows::set_compared_until(&mut tx, rail, now).await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(count)
}

/// Looks whether the books are right in themselves.
async fn of_the_books(tx: &mut Tx, rail: &str) -> Result<Vec<Found>> {
    let wrong = all_findings(tx, rail).await?.into_iter().filter(|finding| !finding.problems.is_empty());
    Ok(wrong
        .map(|finding| Found {
            kind: CaseKind::Mismatch,
            subject: format!("books:{}", finding.rule),
            title: format!("The books are not right: {}", finding.rule),
            detail: finding.problems.join("; ").chars().take(2000).collect(),
            order: None,
        })
        .collect())
}

/// Looks for what each side says on the other.
async fn of_the_rail(
    tx: &mut Tx,
    rail: &str,
    told: &[Movement],
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for kind in KINDS {
        let theirs: BTreeMap<&str, &Movement> = told
            .iter()
            .filter(|movement| movement.kind == kind)
            .map(|movement| (movement.reference.as_str(), movement))
            .collect();
        let ours = match kind {
            MovementKind::Payment => rows::payments(tx, rail, from, until).await?,
            MovementKind::Refund => rows::refunds(tx, rail, from, until).await?,
            MovementKind::Payout => rows::payouts(tx, rail, from, until).await?,
            MovementKind::Reversal => rows::reversals(tx, rail, from, until).await?,
        };
        for row in ours {
            if !theirs.contains_key(row.reference.as_str()) {
                let text =
                    format!("The ledger has the {} {}, and the payment company does not", word(kind), row.amount());
                found.push(difference(kind, &row.reference, text, Some(&row)));
            }
        }
        for (reference, movement) in theirs {
            let known = match kind {
                MovementKind::Payment => rows::payment(tx, rail, reference).await?,
                MovementKind::Refund => rows::refund(tx, rail, reference).await?,
                MovementKind::Payout => rows::payout(tx, rail, reference).await?,
                MovementKind::Reversal => rows::reversal(tx, rail, reference).await?,
            };
            match known {
                Some(row) if row.amount() == movement.amount => {}
                Some(row) => {
                    let text = format!(
                        "The {} is {} in the ledger, and {} at the payment company",
                        word(kind),
                        row.amount(),
                        movement.amount
                    );
                    found.push(difference(kind, reference, text, Some(&row)));
                }
                None => {
                    let text = format!(
                        "The payment company has a {} of {} that the ledger has not",
                        word(kind),
                        movement.amount
                    );
                    found.push(difference(kind, reference, text, None));
                }
            }
        }
    }
    Ok(found)
}

fn difference(kind: MovementKind, reference: &str, title: String, row: Option<&MovedRow>) -> Found {
    Found {
        kind: CaseKind::Mismatch,
        subject: format!("{}:{reference}", word(kind)),
        title,
        detail: format!("The payment company calls it {reference}. Look it up there, and say what came of it."),
        order: row.and_then(|row| row.order_id),
    }
}
