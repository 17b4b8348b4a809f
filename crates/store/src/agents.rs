//! A provider's agents and their flow versions.
//!
//! A flow version is never changed: a correction is a new version. What a newcomer gets wrong: the
//! flow itself is the provider's property and is read by [`flow`] alone, for what runs it.

use domain::{
    AgentId, CategoryId, FlowVersionId, OfferingId, OrganizationId, Timestamp, UserId,
    state::OfferingState,
    view::agent::{AgentView, FlowReport, FlowVersionView},
};
use sqlx::FromRow;

use crate::{Error, Json, Tenant, Tx};

/// An agent to be stored.
#[derive(Clone, Debug)]
pub struct NewAgentRow<'a> {
    /// Its id.
    pub id: AgentId,
    /// Its category.
    pub category: CategoryId,
    /// What it is called.
    pub name: &'a str,
    /// Its name in URLs.
    pub slug: &'a str,
    /// One sentence.
    pub description: &'a str,
    /// When.
    pub now: Timestamp,
}

/// A flow version to be stored.
#[derive(Clone, Debug)]
pub struct NewFlowVersion<'a> {
    /// Its id.
    pub id: FlowVersionId,
    /// Of which agent.
    pub agent: AgentId,
    /// 1, 2, 3 …
    pub number: i64,
    /// What its provider calls it.
    pub label: &'a str,
    /// The canonical flow, without secrets.
    pub flow: &'a serde_json::Value,
    /// SHA-256 of the flow.
    pub digest: &'a [u8],
    /// What is in it.
    pub report: &'a FlowReport,
    /// Who imported it.
    pub by: UserId,
    /// When.
    pub now: Timestamp,
}

/// A flow, for what runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFlow {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Of which agent.
    pub agent: AgentId,
    /// The canonical flow.
    pub flow: serde_json::Value,
}

/// Returns the id of the category that has `slug`.
pub async fn category_by_slug(tx: &mut Tx, slug: &str) -> Result<Option<CategoryId>, Error> {
    let row: Option<(CategoryId,)> =
        tx.query("SELECT id FROM categories WHERE slug = $1").bind(slug.to_owned()).fetch_optional().await?;
    Ok(row.map(|(id,)| id))
}

/// Returns whose an agent is, before it is known whether the caller may see it.
pub async fn owner(tx: &mut Tx, agent: AgentId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT organization_id FROM agents WHERE id = $1").bind(agent).fetch_optional().await?;
    Ok(row.map(|(organization,)| organization))
}

/// Stores an agent; a slug that the organization already uses is a unique violation.
pub async fn insert(tx: &mut Tx, tenant: Tenant, agent: &NewAgentRow<'_>) -> Result<(), Error> {
    tx.query(
        "INSERT INTO agents
             (id, organization_id, category_id, name, slug, description, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
    )
    .bind(agent.id)
    .bind(tenant.id())
    .bind(agent.category)
    .bind(agent.name.to_owned())
    .bind(agent.slug.to_owned())
    .bind(agent.description.to_owned())
    .bind(agent.now)
    .execute()
    .await?
    .exactly_one()
}

/// Tells whether an organization already has an agent with `slug`.
pub async fn slug_is_taken(tx: &mut Tx, tenant: Tenant, slug: &str) -> Result<bool, Error> {
    tx.query("SELECT EXISTS (SELECT 1 FROM agents WHERE organization_id = $1 AND slug = $2)")
        .bind(tenant.id())
        .bind(slug.to_owned())
        .fetch_scalar()
        .await
}

/// Counts an organization's agents.
pub async fn count(tx: &mut Tx, tenant: Tenant) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM agents WHERE organization_id = $1").bind(tenant.id()).fetch_scalar().await
}

/// Changes an agent's words.
pub async fn update(
    tx: &mut Tx,
    tenant: Tenant,
    agent: AgentId,
    name: &str,
    description: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE agents SET name = $3, description = $4, modified_at = $5
         WHERE id = $1 AND organization_id = $2",
    )
    .bind(agent)
    .bind(tenant.id())
    .bind(name.to_owned())
    .bind(description.to_owned())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Takes an agent's row lock and notes that it changed; nothing is there where this says `false`.
///
/// On PostgreSQL this is what puts two imports of one agent in a line.
pub async fn touch(tx: &mut Tx, tenant: Tenant, agent: AgentId, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE agents SET modified_at = $3 WHERE id = $1 AND organization_id = $2")
        .bind(agent)
        .bind(tenant.id())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Removes an agent and its versions; whatever still needs one of them is a foreign key violation.
pub async fn delete(tx: &mut Tx, tenant: Tenant, agent: AgentId) -> Result<(), Error> {
    tx.query("DELETE FROM flow_versions WHERE agent_id = $1 AND organization_id = $2")
        .bind(agent)
        .bind(tenant.id())
        .execute()
        .await?
        .any();
    tx.query("DELETE FROM agents WHERE id = $1 AND organization_id = $2")
        .bind(agent)
        .bind(tenant.id())
        .execute()
        .await?
        .exactly_one()
}

/// Returns an organization's agents, newest first.
pub async fn list(tx: &mut Tx, tenant: Tenant) -> Result<Vec<AgentView>, Error> {
    views(tx, tenant, None).await
}

/// Returns one agent of an organization.
pub async fn get(tx: &mut Tx, tenant: Tenant, agent: AgentId) -> Result<Option<AgentView>, Error> {
    Ok(views(tx, tenant, Some(agent)).await?.pop())
}

async fn views(tx: &mut Tx, tenant: Tenant, only: Option<AgentId>) -> Result<Vec<AgentView>, Error> {
    let rows: Vec<AgentRow> = tx
        .query(
            "SELECT a.id, a.organization_id, a.name, a.slug, a.description, a.category_id
                  , c.slug AS category_slug, c.title AS category_title
                  , o.id AS offering_id, o.state AS offering_state, a.created_at
             FROM agents a
             JOIN categories c ON c.id = a.category_id
             LEFT JOIN offerings o ON o.agent_id = a.id
             WHERE a.organization_id = $1 AND (a.id = $2 OR $2 IS NULL)
             ORDER BY a.created_at DESC, a.id DESC",
        )
        .bind(tenant.id())
        .bind(only)
        .fetch_all()
        .await?;
    let newest: Vec<VersionRow> = tx
        .query(
            "SELECT v.id, v.agent_id, v.number, v.label, v.digest, v.report, v.created_at
             FROM flow_versions v
             WHERE v.organization_id = $1 AND (v.agent_id = $2 OR $2 IS NULL)
               AND v.number = (SELECT MAX(w.number) FROM flow_versions w WHERE w.agent_id = v.agent_id)",
        )
        .bind(tenant.id())
        .bind(only)
        .fetch_all()
        .await?;
    let mut newest: Vec<FlowVersionView> = newest.into_iter().map(FlowVersionView::from).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let latest = newest.iter().position(|version| version.agent_id == row.id);
            let latest = latest.map(|index| newest.swap_remove(index));
            AgentView {
                id: row.id,
                organization_id: row.organization_id,
                name: row.name,
                slug: row.slug,
                description: row.description,
                category_id: row.category_id,
                category_slug: row.category_slug,
                category_title: row.category_title,
                latest,
                offering_id: row.offering_id,
                offering_state: row.offering_state,
                created: row.created_at,
            }
        })
        .collect())
}

/// Stores a flow version; a number that the agent already has is a unique violation.
pub async fn insert_version(tx: &mut Tx, tenant: Tenant, version: &NewFlowVersion<'_>) -> Result<(), Error> {
    tx.query(
        "INSERT INTO flow_versions
             (id, agent_id, organization_id, number, label, flow, digest, report, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(version.id)
    .bind(version.agent)
    .bind(tenant.id())
    .bind(version.number)
    .bind(version.label.to_owned())
    .bind(Json(version.flow.clone()))
    .bind(version.digest.to_vec())
    .bind(Json(version.report.clone()))
    .bind(version.by)
    .bind(version.now)
    .execute()
    .await?
    .exactly_one()
}

/// Returns an agent's flow versions, newest first.
pub async fn versions(tx: &mut Tx, tenant: Tenant, agent: AgentId) -> Result<Vec<FlowVersionView>, Error> {
    let rows: Vec<VersionRow> = tx
        .query(
            "SELECT id, agent_id, number, label, digest, report, created_at
             FROM flow_versions
             WHERE agent_id = $1 AND organization_id = $2
             ORDER BY number DESC",
        )
        .bind(agent)
        .bind(tenant.id())
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(FlowVersionView::from).collect())
}

/// Returns a flow version without its flow; its owner is checked by who asks.
pub async fn version(tx: &mut Tx, version: FlowVersionId) -> Result<Option<(OrganizationId, FlowVersionView)>, Error> {
    let row: Option<VersionRow> = tx
        .query(
            "SELECT id, agent_id, number, label, digest, report, created_at
             FROM flow_versions
             WHERE id = $1",
        )
        .bind(version)
        .fetch_optional()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let owner =
        tx.query("SELECT organization_id FROM flow_versions WHERE id = $1").bind(version).fetch_scalar().await?;
    Ok(Some((owner, row.into())))
}

/// Returns the flow itself, for what runs it.
pub async fn flow(tx: &mut Tx, version: FlowVersionId) -> Result<Option<StoredFlow>, Error> {
    let row: Option<FlowRow> = tx
        .query("SELECT organization_id, agent_id, flow FROM flow_versions WHERE id = $1")
        .bind(version)
        .fetch_optional()
        .await?;
    Ok(row.map(|row| StoredFlow { organization: row.organization_id, agent: row.agent_id, flow: row.flow.0 }))
}

#[derive(FromRow)]
struct AgentRow {
    id: AgentId,
    organization_id: OrganizationId,
    name: String,
    slug: String,
    description: String,
    category_id: CategoryId,
    category_slug: String,
    category_title: String,
    offering_id: Option<OfferingId>,
    offering_state: Option<OfferingState>,
    created_at: Timestamp,
}

#[derive(FromRow)]
struct VersionRow {
    id: FlowVersionId,
    agent_id: AgentId,
    number: i64,
    label: String,
    digest: Vec<u8>,
    report: Json<FlowReport>,
    created_at: Timestamp,
}

impl From<VersionRow> for FlowVersionView {
    fn from(row: VersionRow) -> Self {
        use std::fmt::Write as _;

        let mut digest = String::with_capacity(row.digest.len() * 2);
        for byte in &row.digest {
            write!(digest, "{byte:02x}").expect("writing to a string does not fail");
        }
        Self {
            id: row.id,
            agent_id: row.agent_id,
            number: row.number,
            label: row.label,
            digest,
            report: row.report.0,
            created: row.created_at,
        }
    }
}

#[derive(FromRow)]
struct FlowRow {
    organization_id: OrganizationId,
    agent_id: AgentId,
    flow: Json<serde_json::Value>,
}
