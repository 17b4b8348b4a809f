//! Mail is a job: written in the transaction that makes it necessary, sent when that is committed.

use domain::Timestamp;
use store::Tx;

use crate::error::Result;
use crate::jobs::{self, Job};
use crate::ports::Mail;

/// Queues a message; wake the runner after the commit (`ctx.jobs_wake`).
pub async fn enqueue(tx: &mut Tx, now: Timestamp, mail: Mail) -> Result<()> {
    jobs::enqueue(tx, &Job::Mail(mail), now, now, None).await
}
