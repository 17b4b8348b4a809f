//! Documents of configs, the passages they were cut into, how often a config's base has changed, and what was
//! asked that is in none of them.

use domain::state::{DocumentKind, DocumentState};
use domain::view::knowledge::{DocumentView, GapView};
use domain::{ConfigId, DocumentId, OrganizationId, PassageId, Timestamp};

use crate::{Error, Json, Tenant, Tx};

#[derive(sqlx::FromRow)]
struct DocumentRow {
    id: DocumentId,
    config_id: ConfigId,
    kind: DocumentKind,
    name: String,
    bytes: i64,
    state: DocumentState,
    progress: i64,
    reason: String,
    warnings: Json<Vec<String>>,
    title: String,
    language: String,
    pages: i64,
    passages: i64,
    created_at: Timestamp,
    modified_at: Timestamp,
}

impl From<DocumentRow> for DocumentView {
    fn from(row: DocumentRow) -> Self {
        Self {
            id: row.id,
            config_id: row.config_id,
            kind: row.kind,
            name: row.name,
            bytes: row.bytes,
            state: row.state,
            progress: row.progress,
            reason: row.reason,
            warnings: row.warnings.0,
            title: row.title,
            language: row.language,
            pages: row.pages,
            passages: row.passages,
            created: row.created_at,
            modified: row.modified_at,
        }
    }
}

/// A document to write.
#[derive(Clone, Debug)]
pub struct NewDocument<'a> {
    /// Which.
    pub id: DocumentId,
    /// Whose.
    pub config: ConfigId,
    /// What it was given as.
    pub kind: DocumentKind,
    /// The file's name, or the question.
    pub name: &'a str,
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    /// What was given.
    pub content: &'a [u8],
}

/// Writes a document that waits to be read; answers the one that has the same content already, if there is one.
pub async fn insert(
    tx: &mut Tx,
    tenant: Tenant,
    new: &NewDocument<'_>,
    now: Timestamp,
) -> Result<Option<DocumentId>, Error> {
    tx.query(
        "INSERT INTO knowledge_files (organization_id, content_hash, content) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, content_hash) DO NOTHING",
    )
    .bind(tenant.id())
    .bind(new.hash.to_vec())
    .bind(new.content.to_vec())
    .execute()
    .await?
    .any();
    let done = tx
        .query(
            "INSERT INTO knowledge_documents (id, organization_id, config_id, kind, name, content_hash, bytes, state,
                                              progress, reason, warnings, title, language, pages, passages,
                                              created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', $9, '', 'und', 0, 0, $10, $10)
             ON CONFLICT (config_id, content_hash) DO NOTHING",
        )
        .bind(new.id)
        .bind(tenant.id())
        .bind(new.config)
        .bind(new.kind)
        .bind(new.name.to_owned())
        .bind(new.hash.to_vec())
        .bind(i64::try_from(new.content.len()).unwrap_or(i64::MAX))
        .bind(DocumentState::Pending)
        .bind(Json(Vec::<String>::new()))
        .bind(now)
        .execute()
        .await?;
    if done.affected == 1 {
        return Ok(None);
    }
    let (there,): (DocumentId,) = tx
        .query("SELECT id FROM knowledge_documents WHERE organization_id = $1 AND config_id = $2 AND content_hash = $3")
        .bind(tenant.id())
        .bind(new.config)
        .bind(new.hash.to_vec())
        .fetch_one()
        .await?;
    Ok(Some(there))
}

/// Finds whose a document is; before a tenant is known.
pub async fn owner(tx: &mut Tx, id: DocumentId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT organization_id FROM knowledge_documents WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(organization,)| organization))
}

/// Finds a document.
pub async fn get(tx: &mut Tx, tenant: Tenant, id: DocumentId) -> Result<Option<DocumentView>, Error> {
    let row: Option<DocumentRow> = tx
        .query(
            "SELECT id, config_id, kind, name, bytes, state, progress, reason, warnings, title, language, pages,
                    passages, created_at, modified_at
             FROM knowledge_documents
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(tenant.id())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(DocumentView::from))
}

/// Lists a config's documents, the newest first.
pub async fn list(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Vec<DocumentView>, Error> {
    let rows: Vec<DocumentRow> = tx
        .query(
            "SELECT id, config_id, kind, name, bytes, state, progress, reason, warnings, title, language, pages,
                    passages, created_at, modified_at
             FROM knowledge_documents
             WHERE organization_id = $1 AND config_id = $2
             ORDER BY created_at DESC, id DESC",
        )
        .bind(tenant.id())
        .bind(config)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(DocumentView::from).collect())
}

/// Returns how many documents a config has, and how many bytes they are together.
pub async fn size(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<(i64, i64), Error> {
    tx.query(
        "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT)
         FROM knowledge_documents
         WHERE organization_id = $1 AND config_id = $2",
    )
    .bind(tenant.id())
    .bind(config)
    .fetch_one()
    .await
}

/// Returns what was given as a document.
pub async fn content(tx: &mut Tx, tenant: Tenant, id: DocumentId) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = tx
        .query(
            "SELECT f.content
             FROM knowledge_documents d
             JOIN knowledge_files f ON f.organization_id = d.organization_id AND f.content_hash = d.content_hash
             WHERE d.organization_id = $1 AND d.id = $2",
        )
        .bind(tenant.id())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|(content,)| content))
}

/// Says how far a document is; a document that is gone stays gone.
pub async fn progress(
    tx: &mut Tx,
    tenant: Tenant,
    id: DocumentId,
    state: DocumentState,
    progress: i64,
    reason: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE knowledge_documents SET state = $3, progress = $4, reason = $5, modified_at = $6
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(tenant.id())
        .bind(id)
        .bind(state)
        .bind(progress)
        .bind(reason.to_owned())
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// What was read of a document.
#[derive(Clone, Debug, Default)]
pub struct ReadDocument {
    /// What it calls itself.
    pub title: String,
    /// What it is written in.
    pub language: String,
    /// Its pages.
    pub pages: i64,
    /// What could not be read.
    pub warnings: Vec<String>,
    /// What it was cut into, in order.
    pub passages: Vec<PassageRow>,
}

/// A passage with what it says.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct PassageRow {
    /// Which.
    pub id: PassageId,
    /// Its document.
    pub document_id: DocumentId,
    /// The headings above it.
    pub headings: Json<Vec<String>>,
    /// The first page it stands on.
    pub first_page: Option<i64>,
    /// The last.
    pub last_page: Option<i64>,
    /// What it says.
    pub text: String,
    /// What it is written in.
    pub language: String,
    /// Its words, for ranking.
    pub analysis: Vec<u8>,
}

/// Puts a document's passages in the place of those it had, and says that it is ready; nothing if it is gone.
pub async fn finish(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    id: DocumentId,
    read: &ReadDocument,
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "UPDATE knowledge_documents
             SET state = $3, progress = 100, reason = '', warnings = $4, title = $5, language = $6, pages = $7,
                 passages = $8, modified_at = $9
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(tenant.id())
        .bind(id)
        .bind(DocumentState::Ready)
        .bind(Json(read.warnings.clone()))
        .bind(read.title.clone())
        .bind(read.language.clone())
        .bind(read.pages)
        .bind(i64::try_from(read.passages.len()).unwrap_or(i64::MAX))
        .bind(now)
        .execute()
        .await?;
    if done.affected == 0 {
        return Ok(false);
    }
    tx.query("DELETE FROM knowledge_passages WHERE organization_id = $1 AND document_id = $2")
        .bind(tenant.id())
        .bind(id)
        .execute()
        .await?
        .any();
    for (passage, ordinal) in read.passages.iter().zip(0_i64..) {
        tx.query(
            "INSERT INTO knowledge_passages (id, organization_id, config_id, document_id, ordinal, headings, first_page,
                                             last_page, text, language, analysis)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(passage.id)
        .bind(tenant.id())
        .bind(config)
        .bind(id)
        .bind(ordinal)
        .bind(passage.headings.clone())
        .bind(passage.first_page)
        .bind(passage.last_page)
        .bind(passage.text.clone())
        .bind(passage.language.clone())
        .bind(passage.analysis.clone())
        .execute()
        .await?
        .exactly_one()?;
    }
    changed(tx, tenant, config).await?;
    Ok(true)
}

/// Deletes a document with all that was made of it; tells whether it was there.
pub async fn delete(tx: &mut Tx, tenant: Tenant, config: ConfigId, id: DocumentId) -> Result<bool, Error> {
    let done = tx
        .query("DELETE FROM knowledge_documents WHERE organization_id = $1 AND config_id = $2 AND id = $3")
        .bind(tenant.id())
        .bind(config)
        .bind(id)
        .execute()
        .await?;
    // What no document of the organization has any more.
    tx.query(
        "DELETE FROM knowledge_files
         WHERE organization_id = $1
           AND NOT EXISTS (SELECT 1 FROM knowledge_documents d
                           WHERE d.organization_id = knowledge_files.organization_id
                             AND d.content_hash = knowledge_files.content_hash)",
    )
    .bind(tenant.id())
    .execute()
    .await?
    .any();
    changed(tx, tenant, config).await?;
    Ok(done.affected == 1)
}

async fn changed(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<(), Error> {
    tx.query(
        "INSERT INTO knowledge_bases (config_id, organization_id, version) VALUES ($1, $2, 1)
         ON CONFLICT (config_id) DO UPDATE SET version = knowledge_bases.version + 1",
    )
    .bind(config)
    .bind(tenant.id())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Returns how often a config's passages have changed; 0 if it never had any.
pub async fn version(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<i64, Error> {
    let row: Option<(i64,)> = tx
        .query("SELECT version FROM knowledge_bases WHERE organization_id = $1 AND config_id = $2")
        .bind(tenant.id())
        .bind(config)
        .fetch_optional()
        .await?;
    Ok(row.map_or(0, |(version,)| version))
}

/// What ranking needs of a passage.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct RankedRow {
    /// Which.
    pub id: PassageId,
    /// Its document.
    pub document_id: DocumentId,
    /// What it is written in.
    pub language: String,
    /// Its words.
    pub analysis: Vec<u8>,
}

/// Returns all of a config's passages that can be found, in an order that is the same on both databases.
pub async fn ranked(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Vec<RankedRow>, Error> {
    tx.query(
        "SELECT p.id, p.document_id, p.language, p.analysis
         FROM knowledge_passages p
         JOIN knowledge_documents d ON d.id = p.document_id
         WHERE p.organization_id = $1 AND p.config_id = $2
         ORDER BY d.created_at, p.document_id, p.ordinal",
    )
    .bind(tenant.id())
    .bind(config)
    .fetch_all()
    .await
}

/// A passage with what is said of its document.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct CitedRow {
    /// Which.
    pub id: PassageId,
    /// Its document.
    pub document_id: DocumentId,
    /// What that was called when it was given.
    pub document_name: String,
    /// What it calls itself.
    pub title: String,
    /// The headings above the passage.
    pub headings: Json<Vec<String>>,
    /// The first page it stands on.
    pub first_page: Option<i64>,
    /// What it says.
    pub text: String,
    /// What it is written in.
    pub language: String,
}

/// Returns a passage of a config with what it says; nothing once its document is deleted.
pub async fn cited(tx: &mut Tx, tenant: Tenant, config: ConfigId, id: PassageId) -> Result<Option<CitedRow>, Error> {
    tx.query(
        "SELECT p.id, p.document_id, d.name AS document_name, d.title, p.headings, p.first_page, p.text, p.language
         FROM knowledge_passages p
         JOIN knowledge_documents d ON d.id = p.document_id
         WHERE p.organization_id = $1 AND p.config_id = $2 AND p.id = $3",
    )
    .bind(tenant.id())
    .bind(config)
    .bind(id)
    .fetch_optional()
    .await
}

/// Returns a document's passages in order.
pub async fn passages(tx: &mut Tx, tenant: Tenant, document: DocumentId) -> Result<Vec<PassageRow>, Error> {
    tx.query(
        "SELECT id, document_id, headings, first_page, last_page, text, language, analysis
         FROM knowledge_passages
         WHERE organization_id = $1 AND document_id = $2
         ORDER BY ordinal",
    )
    .bind(tenant.id())
    .bind(document)
    .fetch_all()
    .await
}

/// Counts a question that found nothing.
pub async fn note_gap(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    question: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.query(
        "INSERT INTO knowledge_gaps (config_id, organization_id, question, times, last_at) VALUES ($1, $2, $3, 1, $4)
         ON CONFLICT (config_id, question)
         DO UPDATE SET times = knowledge_gaps.times + 1, last_at = excluded.last_at",
    )
    .bind(config)
    .bind(tenant.id())
    .bind(question.to_owned())
    .bind(now)
    .execute()
    .await?
    .exactly_one()
}

/// Lists questions that found nothing, those asked most first.
pub async fn gaps(tx: &mut Tx, tenant: Tenant, config: ConfigId, most: i64) -> Result<Vec<GapView>, Error> {
    let rows: Vec<(String, i64, Timestamp)> = tx
        .query(
            "SELECT question, times, last_at FROM knowledge_gaps
             WHERE organization_id = $1 AND config_id = $2
             ORDER BY times DESC, last_at DESC, question
             LIMIT $3",
        )
        .bind(tenant.id())
        .bind(config)
        .bind(most)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(|(question, times, last)| GapView { question, times, last }).collect())
}

/// Forgets the questions that found nothing, as there may be something now.
pub async fn forget_gaps(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<(), Error> {
    tx.query("DELETE FROM knowledge_gaps WHERE organization_id = $1 AND config_id = $2")
        .bind(tenant.id())
        .bind(config)
        .execute()
        .await?
        .any();
    Ok(())
}
