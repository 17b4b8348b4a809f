//! Cases about money: what a person has to look at.
//!
//! The same thing is one case, which is opened again when it comes back.

use domain::state::CaseKind;
use domain::{CaseId, OrderId, Timestamp, UserId};

use crate::{Error, Tx};

/// Something about money that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CaseRow {
    /// Which.
    pub id: CaseId,
    /// On which rail.
    pub rail: String,
    /// What it is about.
    pub kind: CaseKind,
    /// The id of the thing.
    pub subject: String,
    /// A line.
    pub title: String,
    /// What to know and do.
    pub detail: String,
    /// The order behind it.
    pub order_id: Option<OrderId>,
    /// When it was found.
    pub opened_at: Timestamp,
    /// When it was done with.
    pub closed_at: Option<Timestamp>,
    /// By whom, by name; empty where it went away by itself.
    pub closed_by: String,
    /// What came of it.
    pub note: String,
}

/// Opens a case, or opens one again that was closed; tells whether it was not open.
pub async fn open(tx: &mut Tx, row: &CaseRow) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO cases (id, rail, kind, subject, title, detail, order_id, opened_at, closed_at, closed_by, note)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL, '')
             ON CONFLICT (rail, kind, subject) DO UPDATE
             SET title = $5, detail = $6, opened_at = $8, closed_at = NULL, closed_by = NULL, note = ''
             WHERE cases.closed_at IS NOT NULL",
        )
        .bind(row.id)
        .bind(row.rail.clone())
        .bind(row.kind)
        .bind(row.subject.clone())
        .bind(row.title.clone())
        .bind(row.detail.clone())
        .bind(row.order_id)
        .bind(row.opened_at)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Says what is to be known of an open case now.
pub async fn update(
    tx: &mut Tx,
    rail: &str,
    kind: CaseKind,
    subject: &str,
    title: &str,
    detail: &str,
) -> Result<(), Error> {
    tx.query(
        "UPDATE cases SET title = $4, detail = $5
         WHERE rail = $1 AND kind = $2 AND subject = $3 AND closed_at IS NULL",
    )
    .bind(rail.to_owned())
    .bind(kind)
    .bind(subject.to_owned())
    .bind(title.to_owned())
    .bind(detail.to_owned())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Closes a case; tells whether it was open.
pub async fn close(tx: &mut Tx, id: CaseId, by: Option<UserId>, note: &str, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query("UPDATE cases SET closed_at = $2, closed_by = $3, note = $4 WHERE id = $1 AND closed_at IS NULL")
        .bind(id)
        .bind(now)
        .bind(by)
        .bind(note.to_owned())
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Closes the case of a subject, because it went away by itself; tells whether it was open.
pub async fn close_of(
    tx: &mut Tx,
    rail: &str,
    kind: CaseKind,
    subject: &str,
    note: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE cases SET closed_at = $4, note = $5
             WHERE rail = $1 AND kind = $2 AND subject = $3 AND closed_at IS NULL",
        )
        .bind(rail.to_owned())
        .bind(kind)
        .bind(subject.to_owned())
        .bind(now)
        .bind(note.to_owned())
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Lists the cases of a rail: the open ones first, newest first.
pub async fn list(tx: &mut Tx, rail: &str, limit: i64, offset: i64) -> Result<Vec<CaseRow>, Error> {
    tx.query(
        "SELECT c.id, c.rail, c.kind, c.subject, c.title, c.detail, c.order_id, c.opened_at, c.closed_at,
                COALESCE(u.name, '') AS closed_by, c.note
         FROM cases c
         LEFT JOIN users u ON u.id = c.closed_by
         WHERE c.rail = $1
         ORDER BY CASE WHEN c.closed_at IS NULL THEN 0 ELSE 1 END, c.opened_at DESC, c.id DESC
         LIMIT $2 OFFSET $3",
    )
    .bind(rail.to_owned())
    .bind(limit)
    .bind(offset)
    .fetch_all()
    .await
}

/// Finds a case.
pub async fn get(tx: &mut Tx, id: CaseId) -> Result<Option<CaseRow>, Error> {
    tx.query(
        "SELECT c.id, c.rail, c.kind, c.subject, c.title, c.detail, c.order_id, c.opened_at, c.closed_at,
                COALESCE(u.name, '') AS closed_by, c.note
         FROM cases c
         LEFT JOIN users u ON u.id = c.closed_by
         WHERE c.id = $1",
    )
    .bind(id)
    .fetch_optional()
    .await
}

/// Counts the cases of a rail: all, and those that are open.
pub async fn count(tx: &mut Tx, rail: &str) -> Result<(i64, i64), Error> {
    tx.query(
        "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN closed_at IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT)
         FROM cases WHERE rail = $1",
    )
    .bind(rail.to_owned())
    .fetch_one()
    .await
}

/// Lists the subjects of a rail's open cases of a kind.
pub async fn open_subjects(tx: &mut Tx, rail: &str, kind: CaseKind) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = tx
        .query("SELECT subject FROM cases WHERE rail = $1 AND kind = $2 AND closed_at IS NULL ORDER BY subject")
        .bind(rail.to_owned())
        .bind(kind)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(subject,)| subject).collect())
}
