//! What the gateway reads and writes: snapshots of configs, conversations, invocations, quota,
//! idempotency keys, demos, and the notice of changes.
//!
//! What a newcomer gets wrong: whoever changes what a snapshot says calls [`note_change`] in the same
//! transaction, or other processes answer by what they remember.

mod calls;
mod demo;
mod idempotency;
mod quota;

use domain::state::{Entitlement, SubscriptionState};
use domain::{
    AgentId, ConfigId, FlowVersionId, OfferingId, OrganizationId, Origin, ProjectId, SubscriptionId, Timestamp,
};
use serde_json::Value;
use uuid::Uuid;

pub use calls::{
    Booked, ChatSession, DayTotals, InvocationRow, MessageRow, SaidRow, add_to_day, begin_invocation,
    count_invocations, give_up, insert_exchanges, invocations, is_recorded, messages, record_invocations,
    session_of_handle, set_handle, stuck, touch_session, touch_sessions, usage_days,
};
pub use demo::{
    DemoRow, delete_demo_documents, demo, demo_document_names, demo_documents, give_back_demo, insert_demo_document,
    open_demo, save_demo, take_demo,
};
pub use idempotency::{IdempotencyRow, KeyName, answer_key, claim_key, forget_key, idempotency_key, release_key};
pub use quota::{
    Lease, LeaseRow, Made, end_lease, expired_leases, lease, leases_of, open_period, period, return_units, settle,
};

use crate::{Dialect, Either, Error, Json, Tx};

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
    /// Whether it may be used.
    pub entitlement: Entitlement,
    /// Of which offering.
    pub offering_id: OfferingId,
    /// Who sells.
    pub provider_id: OrganizationId,
    /// Which agent of the provider's it is.
    pub agent_id: AgentId,
    /// Which flow it runs.
    pub flow_version_id: FlowVersionId,
    /// The flow.
    pub flow: Json<Value>,
    /// Calls in a month.
    pub monthly_quota: Option<i64>,
    /// Calls in a month that the organization allows the subscription.
    pub subscription_cap: Option<i64>,
    /// Calls in a month that the organization allows itself.
    pub organization_cap: Option<i64>,
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
    /// Whether visitors are told which documents an answer is from.
    pub show_citations: bool,
    /// Whether the provider may read what is said.
    pub share_texts: bool,
    /// How often what it may be asked about has changed; 0 where it has no documents.
    pub knowledge_version: i64,
}

/// Reads a config's snapshot.
pub async fn snapshot(tx: &mut Tx, id: ConfigId) -> Result<Option<ConfigSnapshot>, Error> {
    tx.query(
        "SELECT c.id, c.organization_id, o.blocked_at, c.project_id, c.subscription_id, s.state AS subscription_state,
                COALESCE((SELECT b.entitlement FROM billings b WHERE b.subscription_id = s.id), 'granted') AS entitlement,
                s.offering_id, s.provider_id, v.agent_id, s.flow_version_id, v.flow, p.monthly_quota, p.requests_per_minute,
                (SELECT k.calls FROM caps k WHERE k.scope_id = s.id) AS subscription_cap,
                (SELECT k.calls FROM caps k WHERE k.scope_id = o.id) AS organization_cap,
                c.agent_name, c.greeting_message, c.system_prompt_override, c.tone, c.primary_color, c.avatar_url,
                c.logo_url, c.welcome_message, c.widget_position, c.widget_theme, f.starters, c.allowed_origins, c.live, c.show_citations,
                c.share_texts,
                COALESCE((SELECT b.version FROM knowledge_bases b WHERE b.config_id = c.id), 0) AS knowledge_version
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
        .exactly_one()?;
    if tx.dialect() == Dialect::Postgres {
        // Only PostgreSQL has other processes to wake; they are told when this transaction commits.
        tx.query_either(Either { sqlite: "SELECT 1", postgres: "SELECT pg_notify('cmp_gateway', '')" })
            .execute()
            .await?
            .any();
    }
    Ok(())
}

/// The channel on which PostgreSQL tells of changes.
pub const CHANGES_CHANNEL: &str = "cmp_gateway";

/// Lists changes since `since`.
pub async fn changes(tx: &mut Tx, since: Timestamp) -> Result<Vec<ChangeRow>, Error> {
    tx.query("SELECT config_id, organization_id, at FROM gateway_changes WHERE at > $1").bind(since).fetch_all().await
}

/// Removes what nobody looks at any more: old changes, idempotency keys, demo conversations.
pub async fn sweep(
    tx: &mut Tx,
    changes_before: Timestamp,
    keys_before: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query("DELETE FROM gateway_changes WHERE at < $1").bind(changes_before).execute().await?.any();
    tx.query("DELETE FROM idempotency_keys WHERE created_at < $1").bind(keys_before).execute().await?.any();
    tx.query("DELETE FROM demo_sessions WHERE expires_at < $1").bind(now).execute().await?.any();
    Ok(())
}
