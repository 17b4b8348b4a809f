//! Traces of runs.
//!
//! What a newcomer gets wrong: `steps` never holds what was said; only `texts` does, and it is there only while
//! the buyer allows it.

use domain::state::{InvocationState, Source};
use domain::view::trace::{RunView, TraceStep, TraceView};
use domain::{AgentId, ConfigId, FlowVersionId, InvocationId, OrganizationId, Timestamp};
use serde_json::{Value, json};

use crate::gateway::InvocationRow;
use crate::{Either, Error, Json, Tenant, Tx};

/// The trace of an invocation, to be written.
#[derive(Clone, Debug)]
pub struct NewTrace<'a> {
    /// The invocation.
    pub invocation: &'a InvocationRow,
    /// Of which agent.
    pub agent: AgentId,
    /// Which version of its flow ran.
    pub flow_version: FlowVersionId,
    /// Its steps without what was said.
    pub steps: &'a [TraceStep],
    /// Its steps with what was said, where the buyer allows it.
    pub texts: Option<&'a [TraceStep]>,
    /// How many steps more there were.
    pub left_out: i64,
}

/// Writes traces; one that is there stays.
pub async fn insert(tx: &mut Tx, traces: &[NewTrace<'_>]) -> Result<(), Error> {
    if traces.is_empty() {
        return Ok(());
    }
    let rows: Vec<Value> = traces
        .iter()
        .map(|trace| {
            let row = trace.invocation;
            json!({"invocation": row.id, "organization": row.organization, "provider": row.provider, "config": row.config,
                   "agent": trace.agent, "version": trace.flow_version, "started": row.started.0, "steps": trace.steps,
                   "texts": trace.texts, "left_out": trace.left_out})
        })
        .collect();
    tx.query_either(Either {
        // Consent may have been taken back while the run went on.
        sqlite:
            "INSERT INTO run_traces (invocation_id, organization_id, provider_id, config_id, agent_id, flow_version_id,
                                         started_at, steps, texts, left_out)
                 SELECT unhex(value ->> 'invocation'), unhex(value ->> 'organization'), unhex(value ->> 'provider'),
                        unhex(value ->> 'config'), unhex(value ->> 'agent'), unhex(value ->> 'version'),
                        value ->> 'started', value -> 'steps',
                        CASE WHEN c.share_texts THEN value ->> 'texts' END, value ->> 'left_out'
                 FROM json_each($1)
                 JOIN configs c ON c.id = unhex(value ->> 'config')
                 WHERE true
                 ON CONFLICT (invocation_id) DO NOTHING",
        postgres:
            "INSERT INTO run_traces (invocation_id, organization_id, provider_id, config_id, agent_id, flow_version_id,
                                           started_at, steps, texts, left_out)
                   SELECT r.invocation, r.organization, r.provider, r.config, r.agent, r.version, r.started, r.steps,
                          CASE WHEN c.share_texts THEN NULLIF(r.texts, 'null'::jsonb) END, r.left_out
                   FROM jsonb_to_recordset($1) AS r (invocation UUID, organization UUID, provider UUID, config UUID,
                                                     agent UUID, version UUID, started BIGINT, steps JSONB, texts JSONB,
                                                     left_out BIGINT)
                   JOIN configs c ON c.id = r.config
                   ON CONFLICT (invocation_id) DO NOTHING",
    })
    .bind(Json(Value::Array(rows)))
    .execute()
    .await?
    .any();
    Ok(())
}

#[derive(sqlx::FromRow)]
struct RunRow {
    id: InvocationId,
    agent_id: AgentId,
    version: String,
    source: Source,
    state: InvocationState,
    status: i64,
    started_at: Timestamp,
    elapsed_ms: i64,
    input_tokens: i64,
    output_tokens: i64,
    has_texts: bool,
}

impl From<RunRow> for RunView {
    fn from(row: RunRow) -> Self {
        Self {
            id: row.id,
            agent_id: row.agent_id,
            version: row.version,
            source: row.source,
            state: row.state,
            status: row.status,
            started: row.started_at,
            elapsed_ms: row.elapsed_ms,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            texts: row.has_texts,
        }
    }
}

/// Lists runs of a provider's agent, newest first; all, or those that ended in one way.
pub async fn list(
    tx: &mut Tx,
    tenant: Tenant,
    agent: AgentId,
    state: Option<InvocationState>,
    limit: i64,
    offset: i64,
) -> Result<Vec<RunView>, Error> {
    let rows: Vec<RunRow> = tx
        .query(
            "SELECT i.id, t.agent_id, v.label AS version, i.source, i.state, i.status, t.started_at, i.elapsed_ms,
                    i.input_tokens, i.output_tokens, t.texts IS NOT NULL AS has_texts
             FROM run_traces t
             JOIN invocations i ON i.id = t.invocation_id
             JOIN flow_versions v ON v.id = t.flow_version_id
             WHERE t.agent_id = $1 AND t.provider_id = $2 AND (CAST($3 AS TEXT) IS NULL OR i.state = $3)
             ORDER BY t.started_at DESC, t.invocation_id DESC LIMIT $4 OFFSET $5",
        )
        .bind(agent)
        .bind(tenant.id())
        .bind(state)
        .bind(limit)
        .bind(offset)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(RunView::from).collect())
}

/// Counts runs of a provider's agent whose traces are kept.
pub async fn count(tx: &mut Tx, tenant: Tenant, agent: AgentId, state: Option<InvocationState>) -> Result<i64, Error> {
    tx.query(
        "SELECT COUNT(*) FROM run_traces t
         JOIN invocations i ON i.id = t.invocation_id
         WHERE t.agent_id = $1 AND t.provider_id = $2 AND (CAST($3 AS TEXT) IS NULL OR i.state = $3)",
    )
    .bind(agent)
    .bind(tenant.id())
    .bind(state)
    .fetch_scalar()
    .await
}

#[derive(sqlx::FromRow)]
struct TraceRow {
    #[sqlx(flatten)]
    run: RunRow,
    provider_id: OrganizationId,
    steps: Json<Vec<TraceStep>>,
    left_out: i64,
}

/// Finds the trace of a run.
pub async fn get(tx: &mut Tx, tenant: Tenant, id: InvocationId) -> Result<Option<TraceView>, Error> {
    let row: Option<TraceRow> = tx
        .query(
            "SELECT i.id, t.agent_id, v.label AS version, i.source, i.state, i.status, t.started_at, i.elapsed_ms,
                    i.input_tokens, i.output_tokens, t.texts IS NOT NULL AS has_texts, t.provider_id,
                    COALESCE(t.texts, t.steps) AS steps, t.left_out
             FROM run_traces t
             JOIN invocations i ON i.id = t.invocation_id
             JOIN flow_versions v ON v.id = t.flow_version_id
             WHERE t.invocation_id = $1 AND t.provider_id = $2",
        )
        .bind(id)
        .bind(tenant.id())
        .fetch_optional()
        .await?;
    Ok(row.map(|row| TraceView {
        run: row.run.into(),
        provider_id: row.provider_id,
        steps: row.steps.0,
        left_out: row.left_out,
    }))
}

/// Finds whose flow ran; before a tenant is known.
pub async fn provider(tx: &mut Tx, id: InvocationId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT provider_id FROM run_traces WHERE invocation_id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(provider,)| provider))
}

/// Removes what was said from the traces of a config.
pub async fn forget_texts(tx: &mut Tx, config: ConfigId) -> Result<u64, Error> {
    let done = tx
        .query("UPDATE run_traces SET texts = NULL WHERE config_id = $1 AND texts IS NOT NULL")
        .bind(config)
        .execute()
        .await?;
    Ok(done.affected)
}

/// Removes the traces of an agent that are older than its newest `most`.
pub async fn trim(tx: &mut Tx, agent: AgentId, most: i64) -> Result<u64, Error> {
    let done = tx
        .query(
            "DELETE FROM run_traces
             WHERE agent_id = $1
               AND started_at < (SELECT started_at FROM run_traces WHERE agent_id = $1
                                 ORDER BY started_at DESC LIMIT 1 OFFSET $2)",
        )
        .bind(agent)
        .bind(most - 1)
        .execute()
        .await?;
    Ok(done.affected)
}

/// Removes the traces of runs that began before a time, and what was said where consent was taken back in the
/// moment in which it was written.
pub async fn sweep(tx: &mut Tx, before: Timestamp) -> Result<(), Error> {
    tx.query("DELETE FROM run_traces WHERE started_at < $1").bind(before).execute().await?.any();
    tx.query(
        "UPDATE run_traces SET texts = NULL
         WHERE texts IS NOT NULL AND config_id IN (SELECT id FROM configs WHERE share_texts = $1)",
    )
    .bind(false)
    .execute()
    .await?
    .any();
    Ok(())
}
