//! Counts what was answered: one commit for everything that ends at about the same time.
//!
//! A call waits for the commit of its own row before its answer ends. While one batch is being
//! committed the next one fills, so a slow disk costs latency and not throughput.

use domain::Timestamp;
use domain::state::InvocationState;
use serde_json::Value;
use store::gateway::{self as rows, InvocationRow};
use store::{Scope, Tx};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::quota::Ticket;
use crate::access::on_behalf;
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// Invocations that are committed together at most.
const BATCH: usize = 256;

/// Where ended invocations wait.
#[derive(Debug)]
pub(crate) struct Meter {
    sender: mpsc::Sender<Ended>,
    receiver: Mutex<Option<mpsc::Receiver<Ended>>>,
}

impl Default for Meter {
    fn default() -> Self {
        // Full means wait, never drop.
        let (sender, receiver) = mpsc::channel(4096);
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

/// What was said in an invocation.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) origin: String,
}

/// An idempotency key and what it was answered.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) caller: String,
    pub(crate) key: String,
    pub(crate) answer: Option<Value>,
}

/// An invocation that has ended.
#[derive(Debug)]
struct Ended {
    row: InvocationRow,
    ticket: Option<Ticket>,
    said: Option<Said>,
    kept: Option<Kept>,
    done: oneshot::Sender<std::result::Result<(), ()>>,
}

/// Commits an invocation, together with others; returns once it is lasting.
pub(crate) async fn commit(
    ctx: &Ctx,
    row: InvocationRow,
    ticket: Option<Ticket>,
    said: Option<Said>,
    kept: Option<Kept>,
) -> Result<()> {
    let (done, committed) = oneshot::channel();
    let ended = Ended { row, ticket, said, kept, done };
    ctx.gateway.meter.sender.send(ended).await.map_err(|_| Error::internal("the meter has stopped"))?;
    match committed.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(())) | Err(_) => Err(Error::internal("an invocation could not be committed")),
    }
}

/// Commits what arrives until `stop`, and then what is still there.
pub(crate) async fn run(ctx: Ctx, stop: CancellationToken) {
    let Some(mut receiver) = ctx.gateway.meter.receiver.lock().await.take() else { return };
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            received = receiver.recv_many(&mut batch, BATCH) => received,
            () = stop.cancelled() => {
                // Requests in flight are drained before the program ends; they still come here.
                match tokio::time::timeout(std::time::Duration::from_secs(1), receiver.recv_many(&mut batch, BATCH)).await {
                    Ok(received) => received,
                    Err(_) => 0,
                }
            }
        };
        if received == 0 {
            return;
        }
        write(&ctx, std::mem::take(&mut batch)).await;
    }
}

async fn write(ctx: &Ctx, batch: Vec<Ended>) {
    let outcome = write_all(ctx, &batch).await;
    if let Err(error) = &outcome {
        tracing::error!(error = %error, source = ?std::error::Error::source(error), "invocations could not be committed together");
    }
    if outcome.is_ok() || batch.len() == 1 {
        for ended in batch {
            let _ = ended.done.send(outcome.as_ref().map(|_| ()).map_err(|_| ()));
        }
        return;
    }
    // One bad row must not take the others with it.
    for ended in batch {
        let outcome = write_all(ctx, std::slice::from_ref(&ended)).await;
        let _ = ended.done.send(outcome.map_err(|_| ()));
    }
}

async fn write_all(ctx: &Ctx, batch: &[Ended]) -> Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    let mut touched: Vec<(domain::KeyId, Timestamp)> = Vec::new();
    for ended in batch {
        let row = &ended.row;
        if !book(&mut tx, row, ended.ticket.as_ref(), ended.said.as_ref()).await? {
            continue;
        }
        if let Some(kept) = &ended.kept {
            match &kept.answer {
                Some(answer) => {
                    rows::answer_key(&mut tx, row.organization, &kept.caller, &kept.key, row.status, answer).await?;
                }
                None => rows::release_key(&mut tx, row.organization, &kept.caller, &kept.key).await?,
            }
        }
        if let Some(key) = row.key {
            match touched.iter_mut().find(|(known, _)| *known == key) {
                Some((_, at)) => *at = (*at).max(row.started),
                None => touched.push((key, row.started)),
            }
        }
    }
    for (key, at) in touched {
        store::keys::touch(&mut tx, key, at).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Writes one invocation and everything that follows from it; tells whether it is new.
pub(crate) async fn book(tx: &mut Tx, row: &InvocationRow, ticket: Option<&Ticket>, said: Option<&Said>) -> Result<bool> {
    if !rows::insert_invocation(tx, row).await? {
        return Ok(false);
    }
    rows::add_to_day(tx, row).await?;
    if row.state != InvocationState::Succeeded {
        return Ok(true);
    }
    match ticket {
        Some(ticket) => rows::settle(tx, row.subscription, ticket.month, ticket.lease).await?,
        None => {
            let month = row.started.month_start();
            rows::open_period(tx, row.organization, row.subscription, month).await?;
            rows::settle(tx, row.subscription, month, None).await?;
        }
    }
    if let Some(said) = said {
        let tenant = on_behalf(row.organization);
        let (config, session) = (row.config, row.session.as_str());
        rows::touch_session(tx, tenant, config, session, row.source, &said.origin, None, row.finished).await?;
        rows::insert_message(tx, tenant, fresh_id(), config, session, row.id, "user", &said.input, row.started).await?;
        rows::insert_message(tx, tenant, fresh_id(), config, session, row.id, "agent", &said.output, row.finished).await?;
    }
    Ok(true)
}
