//! Runs what happens later.
//!
//! What a newcomer gets wrong: a job may run twice, because a process can die after the work and
//! before the row is gone. Each job looks at what is already done first.

use std::time::Duration;

use domain::{ConfigId, Currency, DocumentId, Email, JobId, OrderId, OrganizationId, PayoutId, RefundId, Timestamp};
use serde::{Deserialize, Serialize};
use store::Scope;
use store::Tx;
use store::jobs::{self as rows, JobRow, NewJob};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result, chain};
use crate::ports::Mail;
use crate::{billing, identity, knowledge, ledger, orders, payouts, refunds};

/// How long a job may run before another process takes it for dead.
const LEASE_SECONDS: i64 = 120;
/// How often a job is tried before it is set aside: over about a day and a half.
const ATTEMPTS: i64 = 12;
/// How many jobs run at once here, so that a slow mail server delays no purchase.
const AT_ONCE: usize = 4;

/// What can happen later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Send a message.
    Mail(Mail),
    /// Write to someone who has lost their password, if the address is somebody's.
    PasswordReset {
        /// Where to.
        email: Email,
    },
    /// Believe an event that a payment rail delivered.
    RailEvent {
        /// The rail.
        rail: String,
        /// Its id of the event.
        event: String,
    },
    /// Deliver an event of a paid sandbox visit: one that comes later, or should the process have died before it did.
    SandboxEvent {
        /// The visit.
        session: String,
        /// What has happened, `checkout.session.completed`.
        #[serde(default = "completed")]
        kind: String,
    },
    /// Make a paid subscription usable, or change its plan.
    Fulfil {
        /// The order.
        order: OrderId,
    },
    /// Read a document that a buyer gave.
    ReadDocument {
        /// Whose.
        organization: OrganizationId,
        /// Which.
        document: DocumentId,
    },
    /// Look how far a document is that is read elsewhere.
    AwaitDocument {
        /// Whose.
        organization: OrganizationId,
        /// Which.
        document: DocumentId,
    },
    /// Have a document deleted elsewhere that is deleted here.
    ForgetDocument {
        /// Whose.
        organization: OrganizationId,
        /// Which.
        document: DocumentId,
    },
    /// Ask a model what passages mean.
    EmbedPassages {
        /// Whose.
        organization: OrganizationId,
        /// Of which agent.
        config: ConfigId,
    },
    /// Pay a provider.
    PayOut {
        /// What is paid.
        payout: PayoutId,
    },
    /// Take back of payouts what a provider owes.
    ReversePayouts {
        /// Who owes it.
        provider: OrganizationId,
        /// In what.
        currency: Currency,
    },
    /// Give money back.
    Refund {
        /// What goes back. Before refunds had names of their own it was the payment's.
        #[serde(alias = "payment")]
        refund: RefundId,
    },
}

fn completed() -> String {
    "checkout.session.completed".to_owned()
}

/// Writes a job in the transaction that makes it necessary.
pub async fn enqueue(tx: &mut Tx, job: &Job, now: Timestamp, run_at: Timestamp, dedupe: Option<&str>) -> Result<()> {
    let value = serde_json::to_value(job).map_err(Error::internal)?;
    let kind = value["kind"].as_str().unwrap_or_default().to_owned();
    let new = NewJob { id: JobId(fresh_id()), kind: &kind, payload: value["payload"].clone(), run_at, dedupe };
    rows::insert(tx, &new, now).await?;
    Ok(())
}

/// Returns how long to wait before a job is tried again: 2 s, 8 s, 32 s, 2 min, 8 min, then half-hours
/// that grow to six hours.
fn pause(attempts: i64) -> i64 {
    let exponent = u32::try_from(attempts.clamp(1, 8)).unwrap_or(8);
    (4_i64.pow(exponent) / 2).min(6 * 3600)
}

/// Leases the job that is due longest.
async fn claim(ctx: &Ctx) -> Result<Option<JobRow>> {
    let now = ctx.now();
    let mut tx = ctx.store.read(Scope::System).await?;
    // Mostly there is nothing; finding that out takes no lock.
    if rows::next_due(&mut tx).await?.is_none_or(|due| due > now) {
        return Ok(None);
    }
    drop(tx);
    let mut tx = ctx.store.write(Scope::System).await?;
    let row = rows::claim(&mut tx, now, now.plus_seconds(LEASE_SECONDS)).await?;
    tx.commit().await?;
    Ok(row)
}

/// Runs a leased job, and writes down how it went.
async fn finish(ctx: Ctx, row: JobRow) -> Result<()> {
    let work = tokio::spawn({
        let (ctx, row) = (ctx.clone(), row.clone());
        async move { run_row(&ctx, &row).await }
    });
    // A job that panics has failed like any other.
    let outcome = work.await.unwrap_or_else(|error| Err(Error::internal(error)));
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    match outcome {
        Ok(()) => rows::delete(&mut tx, row.id).await?,
        Err(error) => {
            let text = chain(&error);
            tracing::warn!(job.kind = %row.kind, job.id = %row.id, job.attempts = row.attempts, error = %text, "a job failed");
            if row.attempts >= ATTEMPTS || matches!(error, Error::Invalid(_)) {
                rows::bury(&mut tx, &row, now, &text).await?;
            } else {
                rows::put_back(&mut tx, &row, now.plus_seconds(pause(row.attempts)), &text).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(())
}

async fn run_row(ctx: &Ctx, row: &JobRow) -> Result<()> {
    let value = serde_json::json!({"kind": row.kind, "payload": row.payload.0});
    let job: Job = serde_json::from_value(value).map_err(|error| Error::invalid("payload", error.to_string()))?;
    match job {
        Job::Mail(mail) => ctx.mailer.send(&mail).await.map_err(Error::internal),
        Job::PasswordReset { email } => identity::send_reset(ctx, &email).await,
        Job::RailEvent { rail, event } => orders::handle_event(ctx, &rail, &event).await,
        Job::SandboxEvent { session, kind } => orders::deliver_sandbox_event(ctx, &session, &kind).await,
        Job::Fulfil { order } => orders::fulfil(ctx, order, row.attempts).await,
        Job::ReadDocument { organization, document } => {
            knowledge::read(ctx, organization, document, row.attempts).await
        }
        Job::AwaitDocument { organization, document } => {
            knowledge::look_again(ctx, organization, document, row.attempts).await
        }
        Job::ForgetDocument { organization, document } => knowledge::forget(ctx, organization, document).await,
        Job::EmbedPassages { organization, config } => knowledge::embed(ctx, organization, config).await,
        Job::PayOut { payout } => payouts::send(ctx, payout).await,
        Job::ReversePayouts { provider, currency } => payouts::recover(ctx, provider, currency).await,
        Job::Refund { refund } => refunds::send(ctx, refund).await,
    }
}

/// Runs everything that is due now; returns how many jobs ran. For tests and the end of a command.
pub async fn run_due(ctx: &Ctx) -> Result<usize> {
    let mut ran = 0;
    while let Some(row) = claim(ctx).await? {
        finish(ctx.clone(), row).await?;
        ran += 1;
    }
    Ok(ran)
}

/// Runs jobs as they become due, until `stop`; jobs that have begun are finished.
pub async fn run(ctx: Ctx, stop: CancellationToken) {
    let mut next_sweep = ctx.now();
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        if ctx.now() >= next_sweep {
            next_sweep = ctx.now().plus_seconds(60);
            if let Err(error) = sweep(&ctx).await {
                tracing::warn!(error = %chain(&error), "cleaning up failed; it is tried again in a minute");
            }
        }
        while running.len() < AT_ONCE && !stop.is_cancelled() {
            match claim(&ctx).await {
                Ok(Some(row)) => {
                    running.spawn(finish(ctx.clone(), row));
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the job queue could not be read");
                    break;
                }
            }
        }
        // Another process may have written a job, so the queue is looked at every second even if
        // nobody here says so.
        tokio::select! {
            Some(ended) = running.join_next() => note(ended),
            () = ctx.jobs_wake.notified(), if running.len() < AT_ONCE => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => {}
        }
    }
    while let Some(ended) = running.join_next().await {
        note(ended);
    }
}

/// Logs a job whose end could not be written down; its lease runs out, and it is run again.
fn note(ended: std::result::Result<Result<()>, tokio::task::JoinError>) {
    let error = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) => chain(&error),
        Err(error) => error.to_string(),
    };
    tracing::warn!(%error, "a job's end could not be written down; it is run again");
}

/// Does what only the time brings: removes what has expired, sessions, links that set a password and orders that
/// nobody paid, releases what providers have earned, asks again about payouts, renews subscriptions,
/// compares the ledger with the payment company, and has web pages read again. The payment rail is asked what has happened before orders are given up.
pub async fn sweep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    store::identity::delete_expired_sessions(&mut tx, now).await?;
    store::identity::delete_expired_resets(&mut tx, now).await?;
    tx.commit().await?;
    knowledge::sites::sweep(ctx).await?;
    orders::catch_up(ctx).await?;
    orders::expire_checkouts(ctx).await?;
    ledger::release_due(ctx).await?;
    payouts::sweep(ctx).await?;
    billing::renew_due(ctx).await?;
    ledger::reconcile_due(ctx).await
}
