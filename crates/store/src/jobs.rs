//! Work that happens later: a queue in the same database, so that a job is written in the very
//! transaction that makes it necessary.
//!
//! A job is leased, not removed, while it runs: a process that dies leaves a lease that expires, and
//! the job is run again. So every job must be able to run twice.

use domain::{JobId, Timestamp};
use serde_json::Value;

use crate::{Either, Error, Json, Tx};

/// A job.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct JobRow {
    /// Which.
    pub id: JobId,
    /// What it does.
    pub kind: String,
    /// With what.
    pub payload: Json<Value>,
    /// When it is due.
    pub run_at: Timestamp,
    /// How often it was begun.
    pub attempts: i64,
    /// Why the last try failed.
    pub last_error: String,
    /// When it gave up.
    pub dead_at: Option<Timestamp>,
}

/// A job to write.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    /// Which.
    pub id: JobId,
    /// What it does.
    pub kind: &'a str,
    /// With what.
    pub payload: Value,
    /// When it is due.
    pub run_at: Timestamp,
    /// Two waiting jobs with the same text are one.
    pub dedupe: Option<&'a str>,
}

/// Writes a job, unless one with the same `dedupe` waits; tells whether it was written.
pub async fn insert(tx: &mut Tx, job: &NewJob<'_>, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO jobs (id, kind, payload, dedupe, run_at, leased_until, attempts, last_error, created_at, dead_at)
             VALUES ($1, $2, $3, $4, $5, 0, 0, '', $6, NULL)
             ON CONFLICT (dedupe) DO NOTHING",
        )
        .bind(job.id)
        .bind(job.kind.to_owned())
        .bind(Json(job.payload.clone()))
        .bind(job.dedupe.map(str::to_owned))
        .bind(job.run_at)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Leases the job that is due longest until `lease_until`.
pub async fn claim(tx: &mut Tx, now: Timestamp, lease_until: Timestamp) -> Result<Option<JobRow>, Error> {
    // SQLite has no row locks and needs none: the transaction already holds the only write lock.
    let sql = Either {
        sqlite: "UPDATE jobs SET leased_until = $2, attempts = attempts + 1
                 WHERE id = (SELECT id FROM jobs
                             WHERE dead_at IS NULL AND run_at <= $1 AND leased_until <= $1
                             ORDER BY run_at, id LIMIT 1)
                 RETURNING id, kind, payload, run_at, attempts, last_error, dead_at",
        postgres: "UPDATE jobs SET leased_until = $2, attempts = attempts + 1
                   WHERE id = (SELECT id FROM jobs
                               WHERE dead_at IS NULL AND run_at <= $1 AND leased_until <= $1
                               ORDER BY run_at, id LIMIT 1
                               FOR UPDATE SKIP LOCKED)
                   RETURNING id, kind, payload, run_at, attempts, last_error, dead_at",
    };
    tx.query_either(sql).bind(now).bind(lease_until).fetch_optional().await
}

/// Removes a job that is done.
pub async fn delete(tx: &mut Tx, id: JobId) -> Result<(), Error> {
    tx.query("DELETE FROM jobs WHERE id = $1").bind(id).execute().await?.any();
    Ok(())
}

/// Puts a job that failed back for later, unless its lease ran out and someone else has begun it again.
pub async fn put_back(tx: &mut Tx, job: &JobRow, run_at: Timestamp, error: &str) -> Result<(), Error> {
    tx.query("UPDATE jobs SET run_at = $3, leased_until = 0, last_error = $4 WHERE id = $1 AND attempts = $2")
        .bind(job.id)
        .bind(job.attempts)
        .bind(run_at)
        .bind(error.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}

/// Sets a job aside that will not succeed by itself, unless someone else has begun it again.
pub async fn bury(tx: &mut Tx, job: &JobRow, now: Timestamp, error: &str) -> Result<(), Error> {
    tx.query("UPDATE jobs SET dead_at = $3, leased_until = 0, last_error = $4, dedupe = NULL WHERE id = $1 AND attempts = $2")
        .bind(job.id)
        .bind(job.attempts)
        .bind(now)
        .bind(error.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}

/// Runs a job that gave up once more; tells whether there is one.
pub async fn revive(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE jobs SET dead_at = NULL, run_at = $2, leased_until = 0, attempts = 0 WHERE id = $1 AND dead_at IS NOT NULL")
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Returns when the next job is due: what is leased is due again when the lease runs out.
pub async fn next_due(tx: &mut Tx) -> Result<Option<Timestamp>, Error> {
    let (due,): (Option<Timestamp>,) = tx
        .query("SELECT MIN(CASE WHEN leased_until > run_at THEN leased_until ELSE run_at END) FROM jobs WHERE dead_at IS NULL")
        .fetch_one()
        .await?;
    Ok(due)
}

/// Lists jobs for the operator: those that gave up first, then the next that are due.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<JobRow>, Error> {
    tx.query(
        "SELECT id, kind, payload, run_at, attempts, last_error, dead_at FROM jobs
         ORDER BY (CASE WHEN dead_at IS NULL THEN 1 ELSE 0 END), run_at, id LIMIT $1",
    )
    .bind(limit)
    .fetch_all()
    .await
}

/// Counts jobs: those that wait, and those that gave up.
pub async fn counts(tx: &mut Tx) -> Result<(i64, i64), Error> {
    tx.query("SELECT COUNT(*) FILTER (WHERE dead_at IS NULL), COUNT(*) FILTER (WHERE dead_at IS NOT NULL) FROM jobs")
        .fetch_one()
        .await
}
