//! `Idempotency-Key`: a repeated call gets the answer of the first one, and runs nothing.

use domain::InvocationId;
use domain::view::chat::Answer;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use store::Scope;
use store::gateway::{self as rows, KeyName};

use super::meter::Kept;
use super::{Call, Caller, GatewayError, known};
use crate::ctx::Ctx;

/// How often a repetition looks whether the first call has ended.
const LOOK: Duration = Duration::from_millis(100);
/// How long after the longest run a claim without an answer is worth nothing.
const DEAD_SECONDS: i64 = 30;
/// How long an answer is kept.
pub(super) const KEPT_SECONDS: i64 = 24 * 3600;

pub(super) enum Claim {
    /// Nobody has sent this key: the call runs.
    New(Kept),
    /// It was answered.
    Answered(Answer),
}

/// Claims an idempotency key, or finds what it was answered; waits while the first call runs.
pub(super) async fn claim(
    ctx: &Ctx,
    caller: &Caller,
    call: &Call,
    key: &str,
    id: InvocationId,
) -> Result<Claim, GatewayError> {
    let agent = known::agent(ctx, caller.config()).await?.ok_or_else(GatewayError::not_found)?;
    let name = KeyName { organization: agent.organization_id, caller: caller.name(), key: key.to_owned() };
    let body_hash = body_hash(call);
    let longest = i64::try_from(ctx.settings.run_timeout.as_secs()).unwrap_or(600);
    let deadline = tokio::time::Instant::now() + ctx.settings.run_timeout;
    loop {
        let now = ctx.now();
        let mut tx = ctx.store.write(Scope::System).await?;
        if rows::claim_key(&mut tx, &name, &body_hash, id, now).await? {
            tx.commit().await?;
            return Ok(Claim::New(Kept { name, answer: None }));
        }
        if let Some(row) = rows::idempotency_key(&mut tx, &name).await? {
            let age = now.seconds() - row.created_at.seconds();
            let dead = row.status.is_none() && age > longest + DEAD_SECONDS;
            if dead || age >= KEPT_SECONDS {
                rows::forget_key(&mut tx, &name).await?;
                tx.commit().await?;
                continue;
            }
            if row.body_hash != body_hash {
                return Err(GatewayError::new(
                    422,
                    "idempotency_key_reused",
                    "This Idempotency-Key was sent with another body; take a fresh one.",
                ));
            }
            if let (Some(_), Some(answer)) = (row.status, row.answer) {
                let answer = serde_json::from_value(answer.0).map_err(crate::Error::internal)?;
                return Ok(Claim::Answered(answer));
            }
        }
        drop(tx);
        if tokio::time::Instant::now() >= deadline {
            return Err(
                GatewayError::new(409, "in_progress", "The first call with this Idempotency-Key still runs.").after(1)
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Gives up a claim whose call was not admitted.
pub(super) async fn release(ctx: &Ctx, kept: &Kept, id: InvocationId) {
    let released = async {
        let mut tx = ctx.store.write(Scope::System).await?;
        rows::release_key(&mut tx, &kept.name, id).await?;
        tx.commit().await
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "an idempotency key could not be released; it expires");
    }
}

fn body_hash(call: &Call) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [
        call.input.as_str(),
        call.session_id.as_deref().unwrap_or_default(),
        &Value::Object(call.tweaks.clone()).to_string(),
    ] {
        // Lengths keep `ab` + `c` apart from `a` + `bc`.
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().to_vec()
}
