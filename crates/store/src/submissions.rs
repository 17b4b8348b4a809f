//! Requests to have an offering, or a new flow version of a listed one, reviewed by the operator.
//!
//! What a newcomer gets wrong: the submission carries the flow version. What was reviewed is what
//! gets listed, whatever was imported in between.

use domain::{
    FlowVersionId, OfferingId, OrganizationId, SubmissionId, Timestamp, UserId, state::SubmissionState,
    view::operator::SubmissionView,
};
use sqlx::FromRow;

use crate::{Error, Tenant, Tx};

/// A submission's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// What people read.
    pub view: SubmissionView,
    /// Whose offering it is.
    pub organization: OrganizationId,
    /// Where that organization's mail goes.
    pub organization_email: String,
    /// What would be listed.
    pub flow_version: FlowVersionId,
}

/// A submission to be stored.
#[derive(Clone, Debug)]
pub struct NewSubmission<'a> {
    /// Its id.
    pub id: SubmissionId,
    /// Of which offering.
    pub offering: OfferingId,
    /// What would be listed.
    pub flow_version: FlowVersionId,
    /// What the provider says.
    pub note: &'a str,
    /// Who submits.
    pub by: UserId,
    /// When.
    pub now: Timestamp,
}

/// Stores a submission that waits for the operator.
pub async fn insert(tx: &mut Tx, tenant: Tenant, submission: &NewSubmission<'_>) -> Result<(), Error> {
    tx.query(
        "INSERT INTO submissions
             (id, offering_id, organization_id, flow_version_id, state, note, reason, submitted_by
            , submitted_at)
         VALUES ($1, $2, $3, $4, 'pending', $5, '', $6, $7)",
    )
    .bind(submission.id)
    .bind(submission.offering)
    .bind(tenant.id())
    .bind(submission.flow_version)
    .bind(submission.note.to_owned())
    .bind(submission.by)
    .bind(submission.now)
    .execute()
    .await?
    .exactly_one()
}

/// Returns an offering's submission that waits, if one does.
pub async fn pending(tx: &mut Tx, tenant: Tenant, offering: OfferingId) -> Result<Option<SubmissionId>, Error> {
    let row: Option<(SubmissionId,)> = tx
        .query(
            "SELECT id FROM submissions
             WHERE offering_id = $1 AND organization_id = $2 AND state = 'pending'
             ORDER BY submitted_at DESC, id DESC
             LIMIT 1",
        )
        .bind(offering)
        .bind(tenant.id())
        .fetch_optional()
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Returns how an offering's last submission ended: its state and reason.
pub async fn last(tx: &mut Tx, offering: OfferingId) -> Result<Option<(SubmissionState, String)>, Error> {
    tx.query(
        "SELECT state, reason FROM submissions
         WHERE offering_id = $1
         ORDER BY submitted_at DESC, id DESC
         LIMIT 1",
    )
    .bind(offering)
    .fetch_optional()
    .await
}

/// Moves a submission from one state to another; fails unless it still stands at `from`.
pub async fn step(
    tx: &mut Tx,
    submission: SubmissionId,
    from: SubmissionState,
    to: SubmissionState,
    reason: &str,
    by: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "UPDATE submissions SET state = $3, reason = $4, decided_by = $5, decided_at = $6
         WHERE id = $1 AND state = $2",
    )
    .bind(submission)
    .bind(from)
    .bind(to)
    .bind(reason.to_owned())
    .bind(by)
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Returns submissions: those that wait first, oldest first; then the decided, newest first.
pub async fn list(tx: &mut Tx, state: Option<SubmissionState>, at_most: i64) -> Result<Vec<Submission>, Error> {
    let rows: Vec<SubmissionRow> = tx
        .query(
            "SELECT s.id, s.offering_id, o.name AS offering_name, g.name AS provider_name
                  , g.id AS organization_id, g.email AS organization_email, s.flow_version_id
                  , s.state, s.note, s.reason, s.submitted_at, s.decided_at
             FROM submissions s
             JOIN offerings o ON o.id = s.offering_id
             JOIN organizations g ON g.id = s.organization_id
             WHERE (s.state = $1 OR $1 IS NULL)
             ORDER BY CASE WHEN s.state = 'pending' THEN s.submitted_at ELSE 9223372036854775807 END
                    , s.submitted_at DESC, s.id
             LIMIT $2",
        )
        .bind(state)
        .bind(at_most)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Submission::from).collect())
}

/// Returns a submission.
pub async fn get(tx: &mut Tx, submission: SubmissionId) -> Result<Option<Submission>, Error> {
    let row: Option<SubmissionRow> = tx
        .query(
            "SELECT s.id, s.offering_id, o.name AS offering_name, g.name AS provider_name
                  , g.id AS organization_id, g.email AS organization_email, s.flow_version_id
                  , s.state, s.note, s.reason, s.submitted_at, s.decided_at
             FROM submissions s
             JOIN offerings o ON o.id = s.offering_id
             JOIN organizations g ON g.id = s.organization_id
             WHERE s.id = $1",
        )
        .bind(submission)
        .fetch_optional()
        .await?;
    Ok(row.map(Submission::from))
}

#[derive(FromRow)]
struct SubmissionRow {
    id: SubmissionId,
    offering_id: OfferingId,
    offering_name: String,
    provider_name: String,
    organization_id: OrganizationId,
    organization_email: String,
    flow_version_id: FlowVersionId,
    state: SubmissionState,
    note: String,
    reason: String,
    submitted_at: Timestamp,
    decided_at: Option<Timestamp>,
}

impl From<SubmissionRow> for Submission {
    fn from(row: SubmissionRow) -> Self {
        Self {
            organization: row.organization_id,
            organization_email: row.organization_email,
            flow_version: row.flow_version_id,
            view: SubmissionView {
                id: row.id,
                offering_id: row.offering_id,
                offering_name: row.offering_name,
                provider_name: row.provider_name,
                state: row.state,
                note: row.note,
                reason: row.reason,
                submitted: row.submitted_at.readable(),
                decided: row.decided_at.map(Timestamp::readable),
            },
        }
    }
}
