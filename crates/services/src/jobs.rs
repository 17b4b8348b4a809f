//! Runs what happens later.
//!
//! What a newcomer gets wrong: a job may run twice, because a process can die after the work and
//! before the row is gone. Each job looks at what is already done first.

use std::time::Duration;

use domain::{JobId, OrderId, PaymentId, Timestamp};
use serde::{Deserialize, Serialize};
use store::Scope;
use store::Tx;
use store::jobs::{self as rows, JobRow, NewJob};
use tokio_util::sync::CancellationToken;

use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::orders;
use crate::ports::Mail;

/// How long a job may run before another process takes it for dead.
const LEASE_SECONDS: i64 = 120;
/// How often a job is tried before it is set aside: over about a day and a half.
const ATTEMPTS: i64 = 12;

/// What can happen later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Send a message.
    Mail(Mail),
    /// Believe an event that a payment rail delivered.
    RailEvent {
        /// The rail.
        rail: String,
        /// Its id of the event.
        event: String,
    },
    /// Make a paid subscription usable, or change its plan.
    Fulfil {
        /// The order.
        order: OrderId,
    },
    /// Give a payment back.
    Refund {
        /// The payment.
        payment: PaymentId,
    },
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

/// Runs one job that is due; tells whether there was one.
async fn run_one(ctx: &Ctx) -> Result<bool> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    let Some(row) = rows::claim(&mut tx, now, now.plus_seconds(LEASE_SECONDS)).await? else {
        return Ok(false);
    };
    tx.commit().await?;
    let outcome = run_row(ctx, &row).await;
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    match outcome {
        Ok(()) => rows::delete(&mut tx, row.id).await?,
        Err(error) => {
            let text = chain(&error);
            tracing::warn!(job.kind = %row.kind, job.id = %row.id, job.attempts = row.attempts, error = %text, "a job failed");
            if row.attempts >= ATTEMPTS || matches!(error, Error::Invalid(_)) {
                rows::bury(&mut tx, row.id, now, &text).await?;
            } else {
                rows::put_back(&mut tx, row.id, now.plus_seconds(pause(row.attempts)), &text).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(true)
}

async fn run_row(ctx: &Ctx, row: &JobRow) -> Result<()> {
    let value = serde_json::json!({"kind": row.kind, "payload": row.payload.0});
    let job: Job = serde_json::from_value(value).map_err(|error| Error::invalid("payload", error.to_string()))?;
    match job {
        Job::Mail(mail) => ctx.mailer.send(&mail).await.map_err(Error::internal),
        Job::RailEvent { rail, event } => orders::handle_event(ctx, &rail, &event).await,
        Job::Fulfil { order } => orders::fulfil(ctx, order, row.attempts).await,
        Job::Refund { payment } => orders::refund(ctx, payment).await,
    }
}

/// Runs everything that is due now; returns how many jobs ran. For tests and the end of a command.
pub async fn run_due(ctx: &Ctx) -> Result<usize> {
    let mut ran = 0;
    while run_one(ctx).await? {
        ran += 1;
    }
    Ok(ran)
}

/// Runs jobs as they become due, until `stop`; a job that has begun is finished.
pub async fn run(ctx: Ctx, stop: CancellationToken) {
    let mut next_sweep = ctx.now();
    while !stop.is_cancelled() {
        if ctx.now() >= next_sweep {
            next_sweep = ctx.now().plus_seconds(60);
            if let Err(error) = sweep(&ctx).await {
                tracing::warn!(error = %chain(&error), "cleaning up failed; it is tried again in a minute");
            }
        }
        match run_one(&ctx).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = %chain(&error), "the job queue could not be read"),
        }
        // Another process may have written a job, so the queue is looked at every second even if
        // nobody here says so.
        tokio::select! {
            () = ctx.jobs_wake.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Removes what has expired.
async fn sweep(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let mut tx = ctx.store.write(Scope::System).await?;
    store::identity::delete_expired_sessions(&mut tx, now).await?;
    tx.commit().await?;
    orders::expire_checkouts(ctx).await
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
