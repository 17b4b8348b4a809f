//! Conversations, invocations and what they add up to.

use std::collections::HashSet;

use domain::state::{InvocationState, Source};
use domain::view::config::{InvocationView, UsageDay};
use domain::view::knowledge::Citation;
use domain::{ConfigId, Day, InvocationId, KeyId, OfferingId, OrganizationId, SubscriptionId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Either, Error, Json, Tenant, Tx};

/// One side of a conversation.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MessageRow {
    /// `user` or `agent`.
    pub role: String,
    /// What was said.
    pub text: String,
    /// When.
    pub created_at: Timestamp,
    /// The passages that it is from.
    pub citations: Json<Vec<Citation>>,
}

/// Lists the last messages of a conversation, oldest first.
pub async fn messages(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    session: &str,
    limit: i64,
) -> Result<Vec<MessageRow>, Error> {
    let mut rows: Vec<MessageRow> = tx
        .query(
            "SELECT role, text, created_at, citations FROM messages
             WHERE config_id = $1 AND session_id = $2 AND organization_id = $3
             ORDER BY created_at DESC, id DESC LIMIT $4",
        )
        .bind(config)
        .bind(session.to_owned())
        .bind(tenant.id())
        .bind(limit)
        .fetch_all()
        .await?;
    rows.reverse();
    Ok(rows)
}

/// A conversation.
#[derive(Clone, Copy, Debug)]
pub struct ChatSession<'a> {
    /// With which config.
    pub config: ConfigId,
    /// Which.
    pub id: &'a str,
    /// Through which door.
    pub source: Source,
    /// On which page; empty where there is none.
    pub origin: &'a str,
    /// SHA-256 of the handle that a widget comes back with.
    pub handle_hash: Option<&'a [u8]>,
}

/// Writes a conversation, or that it went on.
pub async fn touch_session(
    tx: &mut Tx,
    tenant: Tenant,
    session: &ChatSession<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO chat_sessions (id, config_id, organization_id, source, origin, handle_hash, created_at, last_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (config_id, id) DO UPDATE SET last_at = excluded.last_at",
    )
    .bind(session.id.to_owned())
    .bind(session.config)
    .bind(tenant.id())
    .bind(session.source)
    .bind(session.origin.to_owned())
    .bind(session.handle_hash.map(<[u8]>::to_vec))
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Finds the conversation that a widget's handle belongs to.
pub async fn session_of_handle(tx: &mut Tx, config: ConfigId, handle_hash: &[u8]) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = tx
        .query("SELECT id FROM chat_sessions WHERE config_id = $1 AND handle_hash = $2")
        .bind(config)
        .bind(handle_hash.to_vec())
        .fetch_optional()
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Gives a conversation's widget another handle.
pub async fn set_handle(tx: &mut Tx, config: ConfigId, session: &str, handle_hash: &[u8]) -> Result<(), Error> {
    tx.query("UPDATE chat_sessions SET handle_hash = $3 WHERE config_id = $1 AND id = $2")
        .bind(config)
        .bind(session.to_owned())
        .bind(handle_hash.to_vec())
        .execute()
        .await?
        .exactly_one()
}

/// Writes conversations, or that they went on; each at most once. `now` is theirs in order.
pub async fn touch_sessions(
    tx: &mut Tx,
    sessions: &[(OrganizationId, ChatSession<'_>, Timestamp)],
) -> Result<(), Error> {
    if sessions.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = sessions
        .iter()
        .map(|(organization, session, now)| {
            json!({"id": session.id, "config": session.config, "organization": organization, "source": session.source,
                   "origin": session.origin, "at": now.0})
        })
        .collect();
    // Rows travel as one JSON value, which each database takes apart in its own way.
    tx.query_either(Either {
        sqlite: "INSERT INTO chat_sessions (id, config_id, organization_id, source, origin, handle_hash, created_at, last_at)
                 SELECT value ->> 'id', unhex(value ->> 'config'), unhex(value ->> 'organization'), value ->> 'source',
                        value ->> 'origin', NULL, value ->> 'at', value ->> 'at'
                 FROM json_each($1) WHERE true
                 ON CONFLICT (config_id, id) DO UPDATE SET last_at = excluded.last_at",
        postgres: "INSERT INTO chat_sessions (id, config_id, organization_id, source, origin, handle_hash, created_at, last_at)
                   SELECT r.id, r.config, r.organization, r.source, r.origin, NULL, r.at, r.at
                   FROM jsonb_to_recordset($1) AS r (id TEXT, config UUID, organization UUID, source TEXT, origin TEXT, at BIGINT)
                   ON CONFLICT (config_id, id) DO UPDATE SET last_at = excluded.last_at",
    })
    .bind(Json(Value::Array(rows)))
    .execute()
    .await?
    .any();
    Ok(())
}

/// A question and its answer.
#[derive(Clone, Copy, Debug)]
pub struct SaidRow<'a> {
    /// In which invocation.
    pub invocation: &'a InvocationRow,
    /// The question's row.
    pub question_id: Uuid,
    /// The answer's row.
    pub answer_id: Uuid,
    /// What the person said.
    pub question: &'a str,
    /// What the agent said.
    pub answer: &'a str,
    /// The passages that the answer is from.
    pub citations: &'a [Citation],
}

/// Writes questions and their answers.
pub async fn insert_exchanges(tx: &mut Tx, said: &[SaidRow<'_>]) -> Result<(), Error> {
    if said.is_empty() {
        return Ok(());
    }
    let message = |row: &InvocationRow, id: Uuid, role: &str, text: &str, at: Timestamp, citations: &[Citation]| {
        json!({"id": id.simple().to_string(), "config": row.config, "session": row.session, "organization": row.organization,
               "invocation": row.id, "role": role, "text": text, "at": at.0, "citations": citations})
    };
    let rows: Vec<Value> = said
        .iter()
        .flat_map(|said| {
            let row = said.invocation;
            [
                message(row, said.question_id, "user", said.question, row.started, &[]),
                message(row, said.answer_id, "agent", said.answer, row.finished, said.citations),
            ]
        })
        .collect();
    let expected = rows.len() as u64;
    let done = tx
        .query_either(Either {
            sqlite: "INSERT INTO messages (id, config_id, session_id, organization_id, invocation_id, role, text, created_at, citations)
                     SELECT unhex(value ->> 'id'), unhex(value ->> 'config'), value ->> 'session', unhex(value ->> 'organization'),
                            unhex(value ->> 'invocation'), value ->> 'role', value ->> 'text', value ->> 'at',
                            value -> 'citations'
                     FROM json_each($1)",
            postgres: "INSERT INTO messages (id, config_id, session_id, organization_id, invocation_id, role, text, created_at, citations)
                       SELECT r.id, r.config, r.session, r.organization, r.invocation, r.role, r.text, r.at, r.citations
                       FROM jsonb_to_recordset($1) AS r (id UUID, config UUID, session TEXT, organization UUID, invocation UUID,
                                                         role TEXT, text TEXT, at BIGINT, citations JSONB)",
        })
        .bind(Json(Value::Array(rows)))
        .execute()
        .await?;
    if done.affected == expected { Ok(()) } else { Err(Error::NotOne { affected: done.affected }) }
}

/// An invocation that has ended, or, in the state `running`, one that has begun.
#[derive(Clone, Debug)]
pub struct InvocationRow {
    /// Its id, which makes it unique.
    pub id: InvocationId,
    /// Whose.
    pub organization: OrganizationId,
    /// Of which config.
    pub config: ConfigId,
    /// Of which subscription.
    pub subscription: SubscriptionId,
    /// Who sells.
    pub provider: OrganizationId,
    /// Of which offering.
    pub offering: OfferingId,
    /// With which key.
    pub key: Option<KeyId>,
    /// In which conversation.
    pub session: String,
    /// Through which door.
    pub source: Source,
    /// How it ended.
    pub state: InvocationState,
    /// What it was answered.
    pub status: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// How long it took.
    pub elapsed_ms: i64,
    /// What went wrong.
    pub error: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
}

/// What became of an invocation that was to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booked {
    /// It is recorded now.
    New,
    /// It is recorded now; before, it had been given up and counted as failed.
    FoundAgain,
    /// It was recorded before.
    Before,
}

/// Writes that an invocation has begun, unless more is known of it already.
pub async fn begin_invocation(tx: &mut Tx, row: &InvocationRow) -> Result<(), Error> {
    tx.query(
        "INSERT INTO invocations (id, organization_id, config_id, subscription_id, provider_id, key_id, session_id, source,
                                  state, status, input_tokens, output_tokens, elapsed_ms, error, started_at, finished_at, day)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'running', 0, 0, 0, 0, '', $9, NULL, $10)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(row.id)
    .bind(row.organization)
    .bind(row.config)
    .bind(row.subscription)
    .bind(row.provider)
    .bind(row.key)
    .bind(row.session.clone())
    .bind(row.source)
    .bind(row.started)
    .bind(row.started.day())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Writes how invocations ended, each at most once in `rows`; tells in order what became of them.
pub async fn record_invocations(tx: &mut Tx, rows: &[&InvocationRow]) -> Result<Vec<Booked>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<Value> = rows.iter().map(|row| value_of(row)).collect();
    let written: Vec<(InvocationId,)> = tx
        .query_either(Either {
            sqlite: "INSERT INTO invocations (id, organization_id, config_id, subscription_id, provider_id, key_id, session_id, source,
                                              state, status, input_tokens, output_tokens, elapsed_ms, error, started_at, finished_at, day)
                     SELECT unhex(value ->> 'id'), unhex(value ->> 'organization'), unhex(value ->> 'config'),
                            unhex(value ->> 'subscription'), unhex(value ->> 'provider'), unhex(value ->> 'key'),
                            value ->> 'session', value ->> 'source', value ->> 'state', value ->> 'status', value ->> 'input',
                            value ->> 'output', value ->> 'elapsed', value ->> 'error', value ->> 'started', value ->> 'finished',
                            value ->> 'day'
                     FROM json_each($1) WHERE true
                     ON CONFLICT (id) DO UPDATE
                     SET state = excluded.state, status = excluded.status, input_tokens = excluded.input_tokens,
                         output_tokens = excluded.output_tokens, elapsed_ms = excluded.elapsed_ms, error = excluded.error,
                         finished_at = excluded.finished_at
                     WHERE invocations.state = 'running'
                     RETURNING id",
            postgres: "INSERT INTO invocations (id, organization_id, config_id, subscription_id, provider_id, key_id, session_id, source,
                                                state, status, input_tokens, output_tokens, elapsed_ms, error, started_at, finished_at, day)
                       SELECT r.id, r.organization, r.config, r.subscription, r.provider, r.key, r.session, r.source, r.state, r.status,
                              r.input, r.output, r.elapsed, r.error, r.started, r.finished, r.day
                       FROM jsonb_to_recordset($1) AS r (id UUID, organization UUID, config UUID, subscription UUID, provider UUID,
                                                         key UUID, session TEXT, source TEXT, state TEXT, status BIGINT, input BIGINT,
                                                         output BIGINT, elapsed BIGINT, error TEXT, started BIGINT, finished BIGINT,
                                                         day BIGINT)
                       ON CONFLICT (id) DO UPDATE
                       SET state = excluded.state, status = excluded.status, input_tokens = excluded.input_tokens,
                           output_tokens = excluded.output_tokens, elapsed_ms = excluded.elapsed_ms, error = excluded.error,
                           finished_at = excluded.finished_at
                       WHERE invocations.state = 'running'
                       RETURNING id",
        })
        .bind(Json(Value::Array(values)))
        .fetch_all()
        .await?;
    let written: HashSet<InvocationId> = written.into_iter().map(|(id,)| id).collect();
    let mut booked = Vec::with_capacity(rows.len());
    for row in rows {
        booked.push(if written.contains(&row.id) { Booked::New } else { find_again(tx, row).await? });
    }
    Ok(booked)
}

fn value_of(row: &InvocationRow) -> Value {
    json!({
        "id": row.id, "organization": row.organization, "config": row.config, "subscription": row.subscription,
        "provider": row.provider, "key": row.key, "session": row.session, "source": row.source, "state": row.state,
        "status": row.status, "input": row.input_tokens, "output": row.output_tokens, "elapsed": row.elapsed_ms,
        "error": row.error, "started": row.started.0, "finished": row.finished.0, "day": row.started.day().0,
    })
}

/// Writes how an invocation ended that had been given up.
async fn find_again(tx: &mut Tx, row: &InvocationRow) -> Result<Booked, Error> {
    let done = tx
        .query(
            "UPDATE invocations
             SET state = $2, status = $3, input_tokens = $4, output_tokens = $5, elapsed_ms = $6, error = $7, finished_at = $8
             WHERE id = $1 AND state = 'unknown'",
        )
        .bind(row.id)
        .bind(row.state)
        .bind(row.status)
        .bind(row.input_tokens)
        .bind(row.output_tokens)
        .bind(row.elapsed_ms)
        .bind(row.error.clone())
        .bind(row.finished)
        .execute()
        .await?;
    Ok(if done.affected == 1 { Booked::FoundAgain } else { Booked::Before })
}

/// Tells whether an invocation of a config is recorded.
pub async fn is_recorded(tx: &mut Tx, config: ConfigId, id: InvocationId) -> Result<bool, Error> {
    let count: i64 = tx
        .query("SELECT COUNT(*) FROM invocations WHERE id = $1 AND config_id = $2")
        .bind(id)
        .bind(config)
        .fetch_scalar()
        .await?;
    Ok(count > 0)
}

/// An invocation that began and never ended.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct StuckRow {
    id: InvocationId,
    config_id: ConfigId,
    organization_id: OrganizationId,
    provider_id: OrganizationId,
    offering_id: OfferingId,
    day: Day,
}

/// Lists invocations that began before `before` and never ended, with the day that each belongs to.
pub async fn stuck(tx: &mut Tx, before: Timestamp) -> Result<Vec<(InvocationId, DayTotals)>, Error> {
    let rows: Vec<StuckRow> = tx
        .query(
            "SELECT i.id, i.config_id, i.organization_id, i.provider_id, s.offering_id, i.day
             FROM invocations i
             JOIN subscriptions s ON s.id = i.subscription_id
             WHERE i.state = 'running' AND i.started_at < $1
             ORDER BY i.started_at LIMIT 500",
        )
        .bind(before)
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let day = DayTotals {
                config: row.config_id,
                day: row.day,
                organization: row.organization_id,
                provider: row.provider_id,
                offering: row.offering_id,
                calls: 0,
                failed: 1,
                input_tokens: 0,
                output_tokens: 0,
            };
            (row.id, day)
        })
        .collect())
}

/// Gives up an invocation whose process died; tells whether it was still running.
pub async fn give_up(tx: &mut Tx, id: InvocationId, why: &str, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE invocations SET state = 'unknown', error = $2, finished_at = $3 WHERE id = $1 AND state = 'running'")
        .bind(id)
        .bind(why.to_owned())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// What invocations add to a day of a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTotals {
    /// Which config.
    pub config: ConfigId,
    /// Which day.
    pub day: Day,
    /// Whose.
    pub organization: OrganizationId,
    /// Who sells.
    pub provider: OrganizationId,
    /// Of which offering.
    pub offering: OfferingId,
    /// Answered calls.
    pub calls: i64,
    /// Calls that failed.
    pub failed: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
}

impl DayTotals {
    /// Returns what one invocation adds. A failed one costs nothing, so its tokens do not count.
    pub const fn of(row: &InvocationRow) -> Self {
        let answered = matches!(row.state, InvocationState::Succeeded);
        Self {
            config: row.config,
            day: row.started.day(),
            organization: row.organization,
            provider: row.provider,
            offering: row.offering,
            calls: answered as i64,
            failed: !answered as i64,
            input_tokens: if answered { row.input_tokens } else { 0 },
            output_tokens: if answered { row.output_tokens } else { 0 },
        }
    }

    /// Adds what another invocation of the same config and day adds.
    pub const fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
    }
}

/// Adds to a day.
pub async fn add_to_day(tx: &mut Tx, totals: &DayTotals) -> Result<(), Error> {
    tx.query(
        "INSERT INTO usage_days (config_id, day, organization_id, provider_id, offering_id, calls, failed, input_tokens, output_tokens)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (config_id, day) DO UPDATE
         SET calls = usage_days.calls + excluded.calls,
             failed = usage_days.failed + excluded.failed,
             input_tokens = usage_days.input_tokens + excluded.input_tokens,
             output_tokens = usage_days.output_tokens + excluded.output_tokens",
    )
    .bind(totals.config)
    .bind(totals.day)
    .bind(totals.organization)
    .bind(totals.provider)
    .bind(totals.offering)
    .bind(totals.calls)
    .bind(totals.failed)
    .bind(totals.input_tokens)
    .bind(totals.output_tokens)
    .execute()
    .await?
    .exactly_one()
}

#[derive(sqlx::FromRow)]
struct InvocationListRow {
    id: InvocationId,
    source: Source,
    key_name: Option<String>,
    state: InvocationState,
    input_tokens: i64,
    output_tokens: i64,
    elapsed_ms: i64,
    error: String,
    started_at: Timestamp,
}

/// Lists a config's invocations, newest first.
pub async fn invocations(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    state: Option<InvocationState>,
    limit: i64,
    offset: i64,
) -> Result<Vec<InvocationView>, Error> {
    let rows: Vec<InvocationListRow> = tx
        .query(
            "SELECT i.id, i.source, k.name AS key_name, i.state, i.input_tokens, i.output_tokens, i.elapsed_ms, i.error, i.started_at
             FROM invocations i
             LEFT JOIN keys k ON k.id = i.key_id
             WHERE i.config_id = $1 AND i.organization_id = $2 AND (CAST($3 AS TEXT) IS NULL OR i.state = $3)
             ORDER BY i.started_at DESC, i.id DESC LIMIT $4 OFFSET $5",
        )
        .bind(config)
        .bind(tenant.id())
        .bind(state)
        .bind(limit)
        .bind(offset)
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| InvocationView {
            id: row.id,
            source: row.source,
            key_name: row.key_name,
            state: row.state,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            elapsed_ms: row.elapsed_ms,
            error: row.error,
            started: row.started_at.readable(),
        })
        .collect())
}

/// Counts a config's invocations.
pub async fn count_invocations(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    state: Option<InvocationState>,
) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM invocations
         WHERE config_id = $1 AND organization_id = $2 AND (CAST($3 AS TEXT) IS NULL OR state = $3)",
    )
    .bind(config)
    .bind(tenant.id())
    .bind(state)
    .fetch_scalar()
    .await
}

#[derive(sqlx::FromRow)]
struct UsageDayRow {
    day: Day,
    calls: i64,
    failed: i64,
    input_tokens: i64,
    output_tokens: i64,
}

/// Lists a config's days from `from` to `to`, those with usage.
pub async fn usage_days(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    from: Day,
    to: Day,
) -> Result<Vec<UsageDay>, Error> {
    let rows: Vec<UsageDayRow> = tx
        .query(
            "SELECT day, calls, failed, input_tokens, output_tokens FROM usage_days
             WHERE config_id = $1 AND organization_id = $2 AND day BETWEEN $3 AND $4 ORDER BY day",
        )
        .bind(config)
        .bind(tenant.id())
        .bind(from)
        .bind(to)
        .fetch_all()
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| UsageDay {
            day: row.day.iso(),
            calls: row.calls,
            failed: row.failed,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
        })
        .collect())
}
