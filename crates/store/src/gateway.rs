//! What the gateway reads and writes: snapshots of configs, conversations, invocations, quota,
//! idempotency keys, demos, and the notice of changes.

use domain::state::{InvocationState, Source, SubscriptionState};
use domain::view::config::{InvocationView, UsageDay};
use domain::{
    ConfigId, Day, FlowVersionId, InvocationId, KeyId, OfferingId, OrganizationId, Origin, ProjectId, SubscriptionId,
    Timestamp,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Json, Tenant, Tx};

/// Everything that decides whether and how a config answers.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ConfigSnapshot {
    /// Which config.
    pub id: ConfigId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Since when the organization is blocked.
    pub blocked_at: Option<Timestamp>,
    /// In which project.
    pub project_id: ProjectId,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// Where the subscription stands.
    pub subscription_state: SubscriptionState,
    /// Of which offering.
    pub offering_id: OfferingId,
    /// Who sells.
    pub provider_id: OrganizationId,
    /// Which flow it runs.
    pub flow_version_id: FlowVersionId,
    /// The flow.
    pub flow: Json<Value>,
    /// Calls in a month.
    pub monthly_quota: Option<i64>,
    /// Calls in a minute.
    pub requests_per_minute: i64,
    /// What the agent calls itself.
    pub agent_name: String,
    /// What it says first.
    pub greeting_message: String,
    /// What it should do.
    pub system_prompt_override: String,
    /// How it speaks.
    pub tone: String,
    /// The accent colour.
    pub primary_color: String,
    /// A picture's address.
    pub avatar_url: String,
    /// A picture's address.
    pub logo_url: String,
    /// What stands above the conversation.
    pub welcome_message: String,
    /// Where the widget sits.
    pub widget_position: String,
    /// The widget's colours.
    pub widget_theme: String,
    /// Questions to start with.
    pub starters: Json<Vec<String>>,
    /// Pages that may show the widget.
    pub allowed_origins: Json<Vec<Origin>>,
    /// The buyer's own switch.
    pub live: bool,
}

/// Reads a config's snapshot.
pub async fn snapshot(tx: &mut Tx, id: ConfigId) -> Result<Option<ConfigSnapshot>, Error> {
    tx.query(
        "SELECT c.id, c.organization_id, o.blocked_at, c.project_id, c.subscription_id, s.state AS subscription_state,
                s.offering_id, s.provider_id, s.flow_version_id, v.flow, p.monthly_quota, p.requests_per_minute,
                c.agent_name, c.greeting_message, c.system_prompt_override, c.tone, c.primary_color, c.avatar_url,
                c.logo_url, c.welcome_message, c.widget_position, c.widget_theme, f.starters, c.allowed_origins, c.live
         FROM configs c
         JOIN organizations o ON o.id = c.organization_id
         JOIN subscriptions s ON s.id = c.subscription_id
         JOIN offerings f ON f.id = s.offering_id
         JOIN flow_versions v ON v.id = s.flow_version_id
         JOIN plans p ON p.id = s.plan_id
         WHERE c.id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// A change that the gateway must notice.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct ChangeRow {
    /// One config, or all of an organization.
    pub config_id: Option<ConfigId>,
    /// One organization.
    pub organization_id: Option<OrganizationId>,
    /// When.
    pub at: Timestamp,
}

/// Notes a change, for the gateways of other processes.
pub async fn note_change(
    tx: &mut Tx,
    id: Uuid,
    config: Option<ConfigId>,
    organization: Option<OrganizationId>,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query("INSERT INTO gateway_changes (id, config_id, organization_id, at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(config)
        .bind(organization)
        .bind(now)
        .execute()
        .await?
        .exactly_one()
}

/// Lists changes since `since`.
pub async fn changes(tx: &mut Tx, since: Timestamp) -> Result<Vec<ChangeRow>, Error> {
    tx.query("SELECT config_id, organization_id, at FROM gateway_changes WHERE at > $1").bind(since).fetch_all().await
}

/// Removes what nobody looks at any more: old changes, idempotency keys, demo conversations.
pub async fn sweep(tx: &mut Tx, changes_before: Timestamp, keys_before: Timestamp, now: Timestamp) -> Result<(), Error> {
    tx.query("DELETE FROM gateway_changes WHERE at < $1").bind(changes_before).execute().await?.any();
    tx.query("DELETE FROM idempotency_keys WHERE created_at < $1").bind(keys_before).execute().await?.any();
    tx.query("DELETE FROM demo_sessions WHERE expires_at < $1").bind(now).execute().await?.any();
    Ok(())
}

/// One side of a conversation.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct MessageRow {
    /// `user` or `agent`.
    pub role: String,
    /// What was said.
    pub text: String,
    /// When.
    pub created_at: Timestamp,
}

/// Lists the last messages of a conversation, oldest first.
pub async fn messages(tx: &mut Tx, tenant: Tenant, config: ConfigId, session: &str, limit: i64) -> Result<Vec<MessageRow>, Error> {
    let mut rows: Vec<MessageRow> = tx
        .query(
            "SELECT role, text, created_at FROM messages
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

/// Writes a conversation, or that it went on.
pub async fn touch_session(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    session: &str,
    source: Source,
    origin: &str,
    handle_hash: Option<&[u8]>,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO chat_sessions (id, config_id, organization_id, source, origin, handle_hash, created_at, last_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (config_id, id) DO UPDATE SET last_at = excluded.last_at",
    )
    .bind(session.to_owned())
    .bind(config)
    .bind(tenant.id())
    .bind(source)
    .bind(origin.to_owned())
    .bind(handle_hash.map(<[u8]>::to_vec))
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

/// Writes a message.
pub async fn insert_message(
    tx: &mut Tx,
    tenant: Tenant,
    id: Uuid,
    config: ConfigId,
    session: &str,
    invocation: InvocationId,
    role: &'static str,
    text: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO messages (id, config_id, session_id, organization_id, invocation_id, role, text, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(config)
    .bind(session.to_owned())
    .bind(tenant.id())
    .bind(invocation)
    .bind(role)
    .bind(text.to_owned())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// An invocation that has ended.
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

/// Writes an invocation; tells whether it is new.
pub async fn insert_invocation(tx: &mut Tx, row: &InvocationRow) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO invocations (id, organization_id, config_id, subscription_id, provider_id, key_id, session_id, source,
                                      state, status, input_tokens, output_tokens, elapsed_ms, error, started_at, finished_at, day)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
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
        .bind(row.state)
        .bind(row.status)
        .bind(row.input_tokens)
        .bind(row.output_tokens)
        .bind(row.elapsed_ms)
        .bind(row.error.clone())
        .bind(row.started)
        .bind(row.finished)
        .bind(row.started.day())
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Adds an invocation to its day.
pub async fn add_to_day(tx: &mut Tx, row: &InvocationRow) -> Result<(), Error> {
    let answered = i64::from(row.state == InvocationState::Succeeded);
    tx.query(
        "INSERT INTO usage_days (config_id, day, organization_id, provider_id, offering_id, calls, failed, input_tokens, output_tokens)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (config_id, day) DO UPDATE
         SET calls = usage_days.calls + excluded.calls,
             failed = usage_days.failed + excluded.failed,
             input_tokens = usage_days.input_tokens + excluded.input_tokens,
             output_tokens = usage_days.output_tokens + excluded.output_tokens",
    )
    .bind(row.config)
    .bind(row.started.day())
    .bind(row.organization)
    .bind(row.provider)
    .bind(row.offering)
    .bind(answered)
    .bind(1 - answered)
    .bind(row.input_tokens * answered)
    .bind(row.output_tokens * answered)
    .execute()
    .await?
    .exactly_one()
}

/// Makes a month's quota row, if it is not there.
pub async fn open_period(tx: &mut Tx, organization: OrganizationId, subscription: SubscriptionId, month: Timestamp) -> Result<(), Error> {
    // A new month is a new row; nothing is ever set back to zero.
    tx.query(
        "INSERT INTO quota_periods (subscription_id, period_start, organization_id, used, leased) VALUES ($1, $2, $3, 0, 0)
         ON CONFLICT (subscription_id, period_start) DO NOTHING",
    )
    .bind(subscription)
    .bind(month)
    .bind(organization)
    .execute()
    .await?
    .any();
    Ok(())
}

/// Returns how much of a month is used and leased.
pub async fn period(tx: &mut Tx, subscription: SubscriptionId, month: Timestamp) -> Result<(i64, i64), Error> {
    let row: Option<(i64, i64)> = tx
        .query("SELECT used, leased FROM quota_periods WHERE subscription_id = $1 AND period_start = $2")
        .bind(subscription)
        .bind(month)
        .fetch_optional()
        .await?;
    Ok(row.unwrap_or((0, 0)))
}

/// Leases `amount` calls of a month, if so many are left under `limit`; tells whether they were.
pub async fn lease(
    tx: &mut Tx,
    id: Uuid,
    organization: OrganizationId,
    subscription: SubscriptionId,
    month: Timestamp,
    replica: Uuid,
    amount: i64,
    limit: i64,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE quota_periods SET leased = leased + $3
             WHERE subscription_id = $1 AND period_start = $2 AND used + leased + $3 <= $4",
        )
        .bind(subscription)
        .bind(month)
        .bind(amount)
        .bind(limit)
        .execute()
        .await?;
    if done.affected != 1 {
        return Ok(false);
    }
    tx.query(
        "INSERT INTO quota_leases (id, subscription_id, period_start, organization_id, replica, amount, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(subscription)
    .bind(month)
    .bind(organization)
    .bind(replica)
    .bind(amount)
    .bind(expires_at)
    .execute()
    .await?
    .exactly_one()?;
    Ok(true)
}

/// Counts one call of a month: out of a lease where that is still there, beside it otherwise.
pub async fn settle(tx: &mut Tx, subscription: SubscriptionId, month: Timestamp, lease: Option<Uuid>) -> Result<(), Error> {
    let mut leased = 0_i64;
    if let Some(lease) = lease {
        let done = tx
            .query("UPDATE quota_leases SET amount = amount - 1 WHERE id = $1 AND amount > 0")
            .bind(lease)
            .execute()
            .await?;
        leased = i64::try_from(done.affected).unwrap_or(0);
    }
    tx.query("UPDATE quota_periods SET used = used + 1, leased = leased - $3 WHERE subscription_id = $1 AND period_start = $2")
        .bind(subscription)
        .bind(month)
        .bind(leased)
        .execute()
        .await?
        .exactly_one()
}

/// A lease.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct LeaseRow {
    /// Which.
    pub id: Uuid,
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// Of which month.
    pub period_start: Timestamp,
    /// How much is left of it.
    pub amount: i64,
}

/// Lists leases that have expired, or that a replica holds.
pub async fn leases(tx: &mut Tx, expired_at: Timestamp, replica: Option<Uuid>) -> Result<Vec<LeaseRow>, Error> {
    tx.query(
        "SELECT id, subscription_id, period_start, amount FROM quota_leases
         WHERE expires_at <= $1 OR (CAST($2 AS UUID) IS NOT NULL AND replica = $2)",
    )
    .bind(expired_at)
    .bind(replica)
    .fetch_all()
    .await
}

/// Gives what is left of a lease back to its month.
pub async fn end_lease(tx: &mut Tx, lease: &LeaseRow) -> Result<(), Error> {
    let done = tx.query("DELETE FROM quota_leases WHERE id = $1").bind(lease.id).execute().await?;
    if done.affected == 1 {
        tx.query("UPDATE quota_periods SET leased = leased - $3 WHERE subscription_id = $1 AND period_start = $2")
            .bind(lease.subscription_id)
            .bind(lease.period_start)
            .bind(lease.amount)
            .execute()
            .await?
            .exactly_one()?;
    }
    Ok(())
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct IdempotencyRow {
    /// SHA-256 of the body that it was first sent with.
    pub body_hash: Vec<u8>,
    /// The invocation.
    pub invocation_id: InvocationId,
    /// What it was answered; nothing while it runs.
    pub status: Option<i64>,
    /// The answer.
    pub answer: Option<Json<Value>>,
    /// When it was first sent.
    pub created_at: Timestamp,
}

/// Claims an idempotency key; tells whether it is new.
pub async fn claim_key(
    tx: &mut Tx,
    organization: OrganizationId,
    caller: &str,
    key: &str,
    body_hash: &[u8],
    invocation: InvocationId,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO idempotency_keys (organization_id, caller, idempotency_key, body_hash, invocation_id, status, answer, created_at)
             VALUES ($1, $2, $3, $4, $5, NULL, NULL, $6)
             ON CONFLICT (organization_id, caller, idempotency_key) DO NOTHING",
        )
        .bind(organization)
        .bind(caller.to_owned())
        .bind(key.to_owned())
        .bind(body_hash.to_vec())
        .bind(invocation)
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds what an idempotency key stands for.
pub async fn idempotency_key(tx: &mut Tx, organization: OrganizationId, caller: &str, key: &str) -> Result<Option<IdempotencyRow>, Error> {
    tx.query(
        "SELECT body_hash, invocation_id, status, answer, created_at FROM idempotency_keys
         WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(organization)
    .bind(caller.to_owned())
    .bind(key.to_owned())
    .fetch_optional()
    .await
}

/// Keeps the answer under an idempotency key.
pub async fn answer_key(
    tx: &mut Tx,
    organization: OrganizationId,
    caller: &str,
    key: &str,
    status: i64,
    answer: &Value,
) -> Result<(), Error> {
    tx.query(
        "UPDATE idempotency_keys SET status = $4, answer = $5
         WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3",
    )
    .bind(organization)
    .bind(caller.to_owned())
    .bind(key.to_owned())
    .bind(status)
    .bind(Json(answer.clone()))
    .execute()
    .await?
    .any();
    Ok(())
}

/// Forgets an idempotency key, so that the call can be tried again.
pub async fn release_key(tx: &mut Tx, organization: OrganizationId, caller: &str, key: &str) -> Result<(), Error> {
    tx.query("DELETE FROM idempotency_keys WHERE organization_id = $1 AND caller = $2 AND idempotency_key = $3 AND status IS NULL")
        .bind(organization)
        .bind(caller.to_owned())
        .bind(key.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}

/// A visitor's conversation with a demo.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DemoRow {
    /// Messages sent.
    pub used: i64,
    /// What was said.
    pub turns: Json<Value>,
}

/// Finds a demo conversation.
pub async fn demo(tx: &mut Tx, id: &str, offering: OfferingId, now: Timestamp) -> Result<Option<DemoRow>, Error> {
    tx.query("SELECT used, turns FROM demo_sessions WHERE id = $1 AND offering_id = $2 AND expires_at > $3")
        .bind(id.to_owned())
        .bind(offering)
        .bind(now)
        .fetch_optional()
        .await
}

/// Writes a demo conversation.
pub async fn save_demo(tx: &mut Tx, id: &str, offering: OfferingId, used: i64, turns: &Value, now: Timestamp, expires_at: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO demo_sessions (id, offering_id, used, turns, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET used = excluded.used, turns = excluded.turns",
    )
    .bind(id.to_owned())
    .bind(offering)
    .bind(used)
    .bind(Json(turns.clone()))
    .bind(now)
    .bind(expires_at)
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
pub async fn count_invocations(tx: &mut Tx, tenant: Tenant, config: ConfigId, state: Option<InvocationState>) -> Result<i64, Error> {
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
pub async fn usage_days(tx: &mut Tx, tenant: Tenant, config: ConfigId, from: Day, to: Day) -> Result<Vec<UsageDay>, Error> {
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
