//! Counts what was answered: one commit for everything that ends at about the same time.
//!
//! A call waits for the commit of its own row before its answer ends. While one batch is being
//! committed the next one fills, so a slow disk costs latency and not throughput.

use domain::state::InvocationState;
use domain::view::knowledge::Citation;
use domain::{AgentId, KeyId, Timestamp};
use serde_json::Value;
use store::gateway::{self as rows, Booked, ChatSession, DayTotals, InvocationRow, KeyName, Made, SaidRow};
use store::{Scope, Tx};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::quota::Ticket;
use super::trace::{self, Traced};
use crate::clock::fresh_id;
use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// Rows that are committed together at most.
const BATCH: usize = 1024;
/// The last use of a key is written this often at most.
const TOUCH_SECONDS: i64 = 10;
/// After so many traces of an agent its oldest are removed.
const TRIM: i64 = 200;

/// Where rows wait to be committed.
#[derive(Debug)]
pub(crate) struct Meter {
    sender: mpsc::Sender<Row>,
    receiver: Mutex<Option<mpsc::Receiver<Row>>>,
    touched: dashmap::DashMap<KeyId, Timestamp>,
    /// Traces that were written of an agent since its old ones were removed.
    traced: dashmap::DashMap<AgentId, i64>,
}

impl Default for Meter {
    fn default() -> Self {
        // Full means wait, never drop.
        let (sender, receiver) = mpsc::channel(8192);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
            touched: dashmap::DashMap::new(),
            traced: dashmap::DashMap::new(),
        }
    }
}

/// What was said in an invocation, on which page.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) origin: String,
    pub(crate) citations: Vec<Citation>,
}

/// An idempotency key, and what it was answered if it was.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) name: KeyName,
    pub(crate) answer: Option<Value>,
}

/// An invocation that has ended, and what follows from it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) row: InvocationRow,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) said: Option<Said>,
    pub(crate) kept: Option<Kept>,
    pub(crate) traced: Option<Traced>,
}

#[derive(Debug)]
enum Row {
    Begun(Box<InvocationRow>),
    Ended(Box<Ended>, oneshot::Sender<std::result::Result<(), ()>>),
}

/// Commits an invocation, together with others; returns once it is lasting.
pub(crate) async fn commit(ctx: &Ctx, ended: Ended) -> Result<()> {
    let (done, committed) = oneshot::channel();
    match ctx.gateway.meter.sender.send(Row::Ended(Box::new(ended), done)).await {
        Ok(()) => match committed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) | Err(_) => Err(Error::internal("an invocation could not be committed")),
        },
        // The program is ending, and this call is its last: it is committed by itself.
        Err(mpsc::error::SendError(Row::Ended(ended, _))) => write_all(ctx, &[&ended], &[]).await,
        Err(mpsc::error::SendError(Row::Begun(_))) => Ok(()),
    }
}

/// Notes that an invocation runs for longer than most, so that a dead process leaves a trace of it.
/// Nobody waits for this: if it is lost, so was the call.
pub(crate) fn begin(ctx: &Ctx, row: InvocationRow) {
    let _ = ctx.gateway.meter.sender.try_send(Row::Begun(Box::new(row)));
}

/// Commits what arrives, until `stop` and until nothing arrives any more.
pub(crate) async fn run(ctx: Ctx, stop: CancellationToken) {
    let Some(mut receiver) = ctx.gateway.meter.receiver.lock().await.take() else {
        return;
    };
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            received = receiver.recv_many(&mut batch, BATCH) => {
                if received == 0 {
                    return;
                }
                write(&ctx, std::mem::take(&mut batch)).await;
            }
            // Whoever still sends learns that the channel is closed and commits by itself.
            () = stop.cancelled() => receiver.close(),
        }
    }
}

async fn write(ctx: &Ctx, batch: Vec<Row>) {
    let mut begun = Vec::new();
    let mut ended = Vec::with_capacity(batch.len());
    for row in batch {
        match row {
            Row::Begun(row) => begun.push(*row),
            Row::Ended(row, done) => ended.push((row, done)),
        }
    }
    let all: Vec<&Ended> = ended.iter().map(|(row, _)| &**row).collect();
    let outcome = write_all(ctx, &all, &begun).await;
    if let Err(error) = &outcome {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, cause, rows = all.len(), "invocations could not be committed together");
    }
    if outcome.is_ok() || ended.len() == 1 {
        for (_, done) in ended {
            let _ = done.send(if outcome.is_ok() { Ok(()) } else { Err(()) });
        }
        return;
    }
    // One bad row must not take the others with it.
    for (row, done) in ended {
        let outcome = write_all(ctx, &[&row], &[]).await;
        let _ = done.send(outcome.map_err(|_| ()));
    }
}

async fn write_all(ctx: &Ctx, batch: &[&Ended], begun: &[InvocationRow]) -> Result<()> {
    let mut tx = ctx.store.write(Scope::System).await?;
    for row in begun {
        rows::begin_invocation(&mut tx, row).await?;
    }
    let mut sums = Sums::default();
    let booked = book(&mut tx, batch, &mut sums).await?;
    let mut agents: Vec<AgentId> = Vec::new();
    for (ended, new) in batch.iter().zip(booked) {
        if let (Some(key), true) = (ended.row.key, new) {
            sums.uses(key, ended.row.started);
        }
        agents.extend(ended.traced.as_ref().map(|traced| traced.agent));
    }
    trim(ctx, &mut tx, agents).await?;
    sums.keys.retain(|(key, at)| {
        ctx.gateway.meter.touched.get(key).is_none_or(|last| at.seconds() - last.seconds() >= TOUCH_SECONDS)
    });
    sums.write(&mut tx).await?;
    tx.commit().await?;
    for (key, at) in sums.keys {
        ctx.gateway.meter.touched.insert(key, at);
    }
    Ok(())
}

/// Removes the oldest traces of agents of which many were written.
async fn trim(ctx: &Ctx, tx: &mut Tx, mut agents: Vec<AgentId>) -> Result<()> {
    agents.sort_unstable();
    for of_one in agents.chunk_by(|a, b| a == b) {
        let written = {
            let mut count = ctx.gateway.meter.traced.entry(of_one[0]).or_default();
            *count += i64::try_from(of_one.len()).unwrap_or(i64::MAX);
            if *count > TRIM { std::mem::take(&mut *count) } else { 0 }
        };
        if written > 0 {
            store::traces::trim(tx, of_one[0], trace::KEPT).await?;
        }
    }
    Ok(())
}

/// What a batch adds up to, so that a busy agent costs one statement a batch and not one a call.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    days: Vec<DayTotals>,
    /// Calls by what they are counted of, month and lease.
    quota: Vec<Made>,
    keys: Vec<(KeyId, Timestamp)>,
}

impl Sums {
    fn day(&mut self, totals: DayTotals) {
        match self.days.iter_mut().find(|known| (known.config, known.day) == (totals.config, totals.day)) {
            Some(known) => known.add(&totals),
            None => self.days.push(totals),
        }
    }

    /// Counts a call of its subscription, its organization and its key.
    fn call(&mut self, row: &InvocationRow, ticket: Option<&Ticket>) {
        let month = ticket.map_or_else(|| row.started.month_start(), |ticket| ticket.month);
        let scopes = [Some(row.subscription.0), Some(row.organization.0), row.key.map(|key| key.0)];
        for scope in scopes.into_iter().flatten() {
            let lease = ticket.and_then(|ticket| ticket.lease(scope));
            self.quota.push(Made { scope, month, organization: row.organization, lease, calls: 1 });
        }
    }

    fn uses(&mut self, key: KeyId, at: Timestamp) {
        match self.keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, last)) => *last = (*last).max(at),
            None => self.keys.push((key, at)),
        }
    }

    /// Writes the sums, in an order that two processes share, so that neither waits for the other in a circle.
    pub(crate) async fn write(&mut self, tx: &mut Tx) -> Result<()> {
        self.days.sort_by_key(|totals| (totals.config, totals.day));
        self.quota.sort_by_key(|made| (made.scope, made.month, made.lease));
        self.quota.dedup_by(|again, kept| {
            let same = (again.scope, again.month, again.lease) == (kept.scope, kept.month, kept.lease);
            if same {
                kept.calls += again.calls;
            }
            same
        });
        self.keys.sort_by_key(|(key, _)| *key);
        for totals in &self.days {
            rows::add_to_day(tx, totals).await?;
        }
        rows::settle(tx, &self.quota).await?;
        for &(key, at) in &self.keys {
            store::keys::touch(tx, key, at).await?;
        }
        Ok(())
    }
}

/// Writes invocations and everything that follows from them, but their sums; tells in order which are new.
pub(crate) async fn book(tx: &mut Tx, batch: &[&Ended], sums: &mut Sums) -> Result<Vec<bool>> {
    let all: Vec<&InvocationRow> = batch.iter().map(|ended| &ended.row).collect();
    let booked = rows::record_invocations(tx, &all).await?;
    let mut sessions: Vec<(domain::OrganizationId, ChatSession<'_>, Timestamp)> = Vec::new();
    let mut exchanges = Vec::new();
    let mut traces = Vec::new();
    for (&ended, &booked) in batch.iter().zip(&booked) {
        let row = &ended.row;
        let totals = DayTotals::of(row);
        match booked {
            Booked::New => sums.day(totals),
            Booked::FoundAgain => sums.day(DayTotals { failed: totals.failed - 1, ..totals }),
            Booked::Before => continue,
        }
        traces.extend(ended.traced.as_ref().map(|traced| traced.row(row)));
        if let Some(kept) = &ended.kept {
            match &kept.answer {
                Some(answer) => rows::answer_key(tx, &kept.name, row.status, answer).await?,
                None => rows::release_key(tx, &kept.name, row.id).await?,
            }
        }
        if row.state != InvocationState::Succeeded {
            continue;
        }
        sums.call(row, ended.ticket.as_ref());
        if let Some(said) = &ended.said {
            let session = ChatSession {
                config: row.config,
                id: &row.session,
                source: row.source,
                origin: &said.origin,
                handle_hash: None,
            };
            sessions.push((row.organization, session, row.finished));
            let ids = (fresh_id(), fresh_id());
            let exchange = SaidRow {
                invocation: row,
                question_id: ids.0,
                answer_id: ids.1,
                question: &said.input,
                answer: &said.output,
                citations: &said.citations,
            };
            exchanges.push(exchange);
        }
    }
    // In an order that two processes share; of one conversation the last word counts.
    sessions.sort_by(|(_, a, at), (_, b, bt)| (b.config, b.id, bt).cmp(&(a.config, a.id, at)));
    sessions.dedup_by(|(_, later, _), (_, kept, _)| (later.config, later.id) == (kept.config, kept.id));
    rows::touch_sessions(tx, &sessions).await?;
    rows::insert_exchanges(tx, &exchanges).await?;
    store::traces::insert(tx, &traces).await?;
    Ok(booked.iter().map(|booked| *booked != Booked::Before).collect())
}

/// Gives up invocations that began so long ago that their process must have died: they cost nothing.
pub(crate) async fn sweep(ctx: &Ctx, now: Timestamp) -> Result<usize> {
    let longest = i64::try_from(ctx.settings.run_timeout.as_secs()).unwrap_or(600);
    let mut tx = ctx.store.write(Scope::System).await?;
    let mut given_up = 0;
    for (id, day) in rows::stuck(&mut tx, now.plus_seconds(-longest - 60)).await? {
        if rows::give_up(&mut tx, id, "The program ended before this call did; it was not charged.", now).await? {
            rows::add_to_day(&mut tx, &day).await?;
            given_up += 1;
        }
    }
    tx.commit().await?;
    Ok(given_up)
}
