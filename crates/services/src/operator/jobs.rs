//! Work that happens later, and work that gave up.

use domain::{JobId, view::operator::JobView};
use store::{Scope, jobs as rows};

use crate::{Ctx, Error, Principal, Result, audit};

/// How many jobs a list shows.
const SHOWN: i64 = 300;

/// Returns jobs: those that gave up first, then the next that are due.
pub async fn jobs(ctx: &Ctx, who: &Principal) -> Result<Vec<JobView>> {
    who.operator()?;
    let mut tx = ctx.store.read(Scope::System).await?;
    Ok(rows::list(&mut tx, SHOWN)
        .await?
        .into_iter()
        .map(|row| JobView {
            id: row.id,
            kind: row.kind,
            run_at: row.run_at.readable(),
            attempts: row.attempts,
            dead: row.dead_at.is_some(),
            last_error: row.last_error,
        })
        .collect())
}

/// Runs a job that gave up once more.
pub async fn retry_job(ctx: &Ctx, who: &Principal, id: JobId) -> Result<()> {
    let operator = who.operator()?;
    let mut tx = ctx.store.write(Scope::System).await?;
    if !rows::revive(&mut tx, id, ctx.now()).await? {
        return Err(Error::NotFound("job that gave up"));
    }
    audit::note(ctx, &mut tx, Some(operator.id()), None, "job.retry", &id.to_string(), "").await?;
    tx.commit().await?;
    ctx.jobs_wake.notify_one();
    Ok(())
}
