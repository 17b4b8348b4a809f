//! Who decided what: written in the transaction of the decision, never changed.

use domain::{OrganizationId, Timestamp, UserId};
use uuid::Uuid;

use crate::{Error, Tx};

/// A decision to write down.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// Which.
    pub id: Uuid,
    /// About which organization.
    pub organization: Option<OrganizationId>,
    /// Who decided; nothing stands for the command line.
    pub actor: Option<UserId>,
    /// What was done: `organization.block`, `provider.approve` …
    pub action: &'a str,
    /// To what: its id.
    pub subject: &'a str,
    /// Why, or how.
    pub detail: &'a str,
}

/// A decision that was written down.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct EntryRow {
    /// About which organization, by name.
    pub organization: Option<String>,
    /// Who decided, by name.
    pub actor: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why, or how.
    pub detail: String,
    /// When.
    pub at: Timestamp,
}

/// Writes a decision down.
pub async fn record(tx: &mut Tx, entry: &NewEntry<'_>, now: Timestamp) -> Result<(), Error> {
    tx.query(
        "INSERT INTO audit_entries (id, organization_id, actor, action, subject, detail, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(entry.id)
    .bind(entry.organization)
    .bind(entry.actor)
    .bind(entry.action.to_owned())
    .bind(entry.subject.to_owned())
    .bind(entry.detail.to_owned())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Lists decisions, newest first; about one organization or all.
pub async fn list(
    tx: &mut Tx,
    organization: Option<OrganizationId>,
    limit: i64,
    offset: i64,
) -> Result<Vec<EntryRow>, Error> {
    tx.query(
        "SELECT o.name AS organization, u.name AS actor, a.action, a.subject, a.detail, a.at
         FROM audit_entries a
         LEFT JOIN organizations o ON o.id = a.organization_id
         LEFT JOIN users u ON u.id = a.actor
         WHERE (a.organization_id = $1 OR $1 IS NULL)
         ORDER BY a.at DESC, a.id DESC
         LIMIT $2 OFFSET $3",
    )
    .bind(organization)
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Counts decisions, about one organization or all.
pub async fn count(tx: &mut Tx, organization: Option<OrganizationId>) -> Result<i64, Error> {
    tx.query("SELECT COUNT(*) FROM audit_entries WHERE (organization_id = $1 OR $1 IS NULL)")
        .bind(organization)
        .fetch_scalar()
        .await
}
