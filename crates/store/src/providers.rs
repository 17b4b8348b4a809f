//! Applications to sell: one row per organization, whose state says where it stands.

use domain::{OrganizationId, Timestamp, UserId, state::ProviderState, view::provider::ApplicationView};
use sqlx::FromRow;

use crate::{Error, Tenant, Tx};

/// Returns where an organization stands as a provider, if it ever asked.
pub async fn application(tx: &mut Tx, organization: OrganizationId) -> Result<Option<ApplicationView>, Error> {
    let row: Option<ApplicationRow> = tx
        .query(
            "SELECT v.organization_id, g.name, v.state, v.description, v.website, v.reason
                  , v.applied_at, v.decided_at
             FROM providers v
             JOIN organizations g ON g.id = v.organization_id
             WHERE v.organization_id = $1",
        )
        .bind(organization)
        .fetch_optional()
        .await?;
    Ok(row.map(ApplicationView::from))
}

/// Returns applications: those that wait first, oldest first; then the decided, newest first.
pub async fn applications(
    tx: &mut Tx,
    state: Option<ProviderState>,
    at_most: i64,
) -> Result<Vec<ApplicationView>, Error> {
    let rows: Vec<ApplicationRow> = tx
        .query(
            "SELECT v.organization_id, g.name, v.state, v.description, v.website, v.reason
                  , v.applied_at, v.decided_at
             FROM providers v
             JOIN organizations g ON g.id = v.organization_id
             WHERE (v.state = $1 OR $1 IS NULL)
             ORDER BY CASE WHEN v.state = 'applied' THEN v.applied_at ELSE 9223372036854775807 END
                    , v.applied_at DESC, v.organization_id
             LIMIT $2",
        )
        .bind(state)
        .bind(at_most)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(ApplicationView::from).collect())
}

/// Stores an application, or the next one of an organization that asked before.
///
/// Nothing happens to an organization that is approved or suspended: this says `false` then.
pub async fn apply(
    tx: &mut Tx,
    tenant: Tenant,
    description: &str,
    website: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO providers (organization_id, state, description, website, reason, applied_at)
             VALUES ($1, 'applied', $2, $3, '', $4)
             ON CONFLICT (organization_id) DO UPDATE
             SET state = 'applied', description = excluded.description, website = excluded.website
               , reason = '', decided_at = NULL, decided_by = NULL
                 -- Whoever corrects an application that waits keeps its place in the line.
               , applied_at = CASE WHEN providers.state = 'applied' THEN providers.applied_at
                                   ELSE excluded.applied_at END
             WHERE providers.state IN ('applied', 'rejected')",
        )
        .bind(tenant.id())
        .bind(description.to_owned())
        .bind(website.to_owned())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Moves a provider from one state to another; fails unless it still stands at `from`.
pub async fn step(
    tx: &mut Tx,
    organization: OrganizationId,
    from: ProviderState,
    to: ProviderState,
    reason: &str,
    by: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE providers SET state = $3, reason = $4, decided_by = $5, decided_at = $6
         WHERE organization_id = $1 AND state = $2",
    )
    .bind(organization)
    .bind(from)
    .bind(to)
    .bind(reason.to_owned())
    .bind(by)
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

#[derive(FromRow)]
struct ApplicationRow {
    organization_id: OrganizationId,
    name: String,
    state: ProviderState,
    description: String,
    website: String,
    reason: String,
    applied_at: Timestamp,
    decided_at: Option<Timestamp>,
}

impl From<ApplicationRow> for ApplicationView {
    fn from(row: ApplicationRow) -> Self {
        Self {
            organization_id: row.organization_id,
            organization_name: row.name,
            state: row.state,
            description: row.description,
            website: row.website,
            reason: row.reason,
            applied: row.applied_at.readable(),
            decided: row.decided_at.map(Timestamp::readable),
        }
    }
}
