//! Documents of configs, the passages they were cut into, how often a config's base has changed, and what was
//! asked that is in none of them.

use domain::state::{DocumentKind, DocumentState};
use domain::view::knowledge::{DocumentQuota, DocumentView, GapView};
use domain::{ConfigId, DocumentId, OrganizationId, PassageId, SiteId, Timestamp};

use crate::{Error, Json, Tenant, Tx};

#[derive(sqlx::FromRow)]
struct DocumentRow {
    id: DocumentId,
    config_id: ConfigId,
    kind: DocumentKind,
    name: String,
    url: String,
    site_id: Option<SiteId>,
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
            url: row.url,
            site_id: row.site_id,
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
             ON CONFLICT DO NOTHING",
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
            "SELECT id, config_id, kind, name, url, site_id, bytes, state, progress, reason, warnings, title, language, pages,
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
            "SELECT id, config_id, kind, name, url, site_id, bytes, state, progress, reason, warnings, title, language, pages,
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

/// What a config's documents are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Size {
    /// How many.
    pub documents: i64,
    /// How many bytes.
    pub bytes: i64,
    /// How many pages; two passages are one at least.
    pub pages: i64,
}

/// Returns what a config's plan says its documents may be; nothing if there is no such config.
pub async fn quota(tx: &mut Tx, config: ConfigId) -> Result<Option<DocumentQuota>, Error> {
    let row: Option<(i64, i64, i64)> = tx
        .query(
            "SELECT p.max_documents, p.max_document_bytes, p.max_document_pages
             FROM configs c
             JOIN subscriptions s ON s.id = c.subscription_id
             JOIN plans p ON p.id = s.plan_id
             WHERE c.id = $1",
        )
        .bind(config)
        .fetch_optional()
        .await?;
    Ok(row.map(|(documents, bytes, pages)| DocumentQuota { documents, bytes, pages }))
}

/// Returns what a config's documents are together.
pub async fn size(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Size, Error> {
    tx.query(
        "SELECT COUNT(*) AS documents, CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes,
                CAST(COALESCE(SUM(CASE WHEN pages > (passages + 1) / 2 THEN pages ELSE (passages + 1) / 2 END), 0)
                     AS BIGINT) AS pages
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

/// Returns the SHA-256 of what was given as a document; of a page that was never fetched, that of its address.
pub async fn hash(tx: &mut Tx, tenant: Tenant, id: DocumentId) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = tx
        .query("SELECT content_hash FROM knowledge_documents WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|(hash,)| hash))
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
    /// SHA-256 of what a model is asked about it; empty until it was.
    pub content_hash: Vec<u8>,
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
    let before = tx
        .query("DELETE FROM knowledge_passages WHERE organization_id = $1 AND document_id = $2")
        .bind(tenant.id())
        .bind(id)
        .execute()
        .await?;
    for (passage, ordinal) in read.passages.iter().zip(0_i64..) {
        tx.query(
            "INSERT INTO knowledge_passages (id, organization_id, config_id, document_id, ordinal, headings, first_page,
                                             last_page, text, language, analysis, content_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
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
        .bind(passage.content_hash.clone())
        .execute()
        .await?
        .exactly_one()?;
    }
    if before.affected > 0 {
        forget_vectors(tx, tenant).await?;
    }
    changed(tx, tenant, config).await?;
    Ok(true)
}

/// Deletes the vectors of contents that no passage of the organization has any more.
async fn forget_vectors(tx: &mut Tx, tenant: Tenant) -> Result<(), Error> {
    tx.query(
        "DELETE FROM knowledge_vectors
         WHERE organization_id = $1
           AND NOT EXISTS (SELECT 1 FROM knowledge_passages p
                           WHERE p.organization_id = knowledge_vectors.organization_id
                             AND p.content_hash = knowledge_vectors.content_hash)",
    )
    .bind(tenant.id())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Deletes a document with all that was made of it; tells whether it was there.
pub async fn delete(tx: &mut Tx, tenant: Tenant, config: ConfigId, id: DocumentId) -> Result<bool, Error> {
    tx.query(
        "DELETE FROM knowledge_vectors
         WHERE organization_id = $1
           AND content_hash IN (SELECT content_hash FROM knowledge_passages
                                WHERE organization_id = $1 AND config_id = $2 AND document_id = $3)
           AND NOT EXISTS (SELECT 1 FROM knowledge_passages p
                           WHERE p.organization_id = knowledge_vectors.organization_id
                             AND p.content_hash = knowledge_vectors.content_hash AND p.document_id <> $3)",
    )
    .bind(tenant.id())
    .bind(config)
    .bind(id)
    .execute()
    .await?
    .any();
    let hash: Option<(Vec<u8>,)> = tx
        .query("SELECT content_hash FROM knowledge_documents WHERE organization_id = $1 AND config_id = $2 AND id = $3")
        .bind(tenant.id())
        .bind(config)
        .bind(id)
        .fetch_optional()
        .await?;
    let done = tx
        .query("DELETE FROM knowledge_documents WHERE organization_id = $1 AND config_id = $2 AND id = $3")
        .bind(tenant.id())
        .bind(config)
        .bind(id)
        .execute()
        .await?;
    if let Some((hash,)) = hash {
        forget_file(tx, tenant, &hash).await?;
    }
    changed(tx, tenant, config).await?;
    Ok(done.affected == 1)
}

/// Deletes a content that no document of the organization has any more.
pub(crate) async fn forget_file(tx: &mut Tx, tenant: Tenant, hash: &[u8]) -> Result<(), Error> {
    tx.query(
        "DELETE FROM knowledge_files
         WHERE organization_id = $1 AND content_hash = $2
           AND NOT EXISTS (SELECT 1 FROM knowledge_documents d WHERE d.organization_id = $1 AND d.content_hash = $2)",
    )
    .bind(tenant.id())
    .bind(hash.to_vec())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Says what another program calls a document that it can find from now on; nothing if the document is gone.
pub async fn set_remote(tx: &mut Tx, tenant: Tenant, id: DocumentId, remote: &str) -> Result<(), Error> {
    tx.query("UPDATE knowledge_documents SET remote_id = $3 WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .bind(remote.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}

/// Returns a config's documents that another program can find, each with what that calls it.
pub async fn remote(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Vec<(DocumentId, String)>, Error> {
    tx.query(
        "SELECT id, remote_id FROM knowledge_documents
         WHERE organization_id = $1 AND config_id = $2 AND remote_id <> ''
         ORDER BY created_at, id",
    )
    .bind(tenant.id())
    .bind(config)
    .fetch_all()
    .await
}

/// Lists documents that were read and that no other program can find.
pub async fn not_remote(tx: &mut Tx) -> Result<Vec<(OrganizationId, DocumentId)>, Error> {
    tx.query("SELECT organization_id, id FROM knowledge_documents WHERE state = $1 AND remote_id = ''")
        .bind(DocumentState::Ready)
        .fetch_all()
        .await
}

/// Takes away what was read of a document, as when the page that it was is gone.
pub async fn withdraw(tx: &mut Tx, tenant: Tenant, config: ConfigId, id: DocumentId) -> Result<(), Error> {
    tx.query("DELETE FROM knowledge_passages WHERE organization_id = $1 AND document_id = $2")
        .bind(tenant.id())
        .bind(id)
        .execute()
        .await?
        .any();
    tx.query(
        "UPDATE knowledge_documents SET passages = 0, pages = 0, remote_id = '' WHERE organization_id = $1 AND id = $2",
    )
    .bind(tenant.id())
    .bind(id)
    .execute()
    .await?
    .any();
    forget_vectors(tx, tenant).await?;
    changed(tx, tenant, config).await
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

/// How a config's base stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct BaseRow {
    /// How often what may be found has changed; 0 if nothing ever was.
    pub version: i64,
    /// The model whose vectors it is searched by; empty where there are none.
    pub model: String,
}

/// Returns how a config's base stands.
pub async fn base(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<BaseRow, Error> {
    let row = tx
        .query("SELECT version, model FROM knowledge_bases WHERE organization_id = $1 AND config_id = $2")
        .bind(tenant.id())
        .bind(config)
        .fetch_optional()
        .await?;
    Ok(row.unwrap_or_default())
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
    /// Its meaning by the base's model, if it was asked already.
    pub vector: Option<Vec<u8>>,
}

/// Returns all of a config's passages that can be found, in an order that is the same on both databases.
pub async fn ranked(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Vec<RankedRow>, Error> {
    tx.query(
        "SELECT p.id, p.document_id, p.language, p.analysis, v.vector
         FROM knowledge_passages p
         JOIN knowledge_documents d ON d.id = p.document_id
         LEFT JOIN knowledge_bases b ON b.config_id = p.config_id
         LEFT JOIN knowledge_vectors v
                ON v.organization_id = p.organization_id AND v.model = b.model AND v.content_hash = p.content_hash
         WHERE p.organization_id = $1 AND p.config_id = $2
         ORDER BY d.created_at, p.document_id, p.ordinal",
    )
    .bind(tenant.id())
    .bind(config)
    .fetch_all()
    .await
}

/// Returns how many passages a config has, and how many of them are searched by their meaning.
pub async fn meant(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<(i64, i64), Error> {
    tx.query(
        "SELECT COUNT(*), COUNT(v.content_hash)
         FROM knowledge_passages p
         LEFT JOIN knowledge_bases b ON b.config_id = p.config_id
         LEFT JOIN knowledge_vectors v
                ON v.organization_id = p.organization_id AND v.model = b.model AND v.content_hash = p.content_hash
         WHERE p.organization_id = $1 AND p.config_id = $2",
    )
    .bind(tenant.id())
    .bind(config)
    .fetch_one()
    .await
}

/// Returns passages of a config that have no vector of a model, at most so many.
pub async fn without_vector(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    model: &str,
    most: i64,
) -> Result<Vec<CitedRow>, Error> {
    tx.query(
        "SELECT p.id, p.document_id, d.name AS document_name, d.url AS document_url, d.title, p.headings, p.first_page, p.text, p.language
         FROM knowledge_passages p
         JOIN knowledge_documents d ON d.id = p.document_id
         LEFT JOIN knowledge_vectors v
                ON v.organization_id = p.organization_id AND v.model = $3 AND v.content_hash = p.content_hash
         WHERE p.organization_id = $1 AND p.config_id = $2 AND v.content_hash IS NULL
         ORDER BY p.document_id, p.ordinal
         LIMIT $4",
    )
    .bind(tenant.id())
    .bind(config)
    .bind(model.to_owned())
    .bind(most)
    .fetch_all()
    .await
}

/// Says what a model was asked about a passage, and keeps what it answered; nothing if the passage is gone.
pub async fn keep_vector(
    tx: &mut Tx,
    tenant: Tenant,
    model: &str,
    passage: PassageId,
    hash: [u8; 32],
    vector: &[u8],
) -> Result<(), Error> {
    let there = tx
        .query("UPDATE knowledge_passages SET content_hash = $3 WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(passage)
        .bind(hash.to_vec())
        .execute()
        .await?;
    if there.affected == 0 {
        return Ok(());
    }
    tx.query(
        "INSERT INTO knowledge_vectors (organization_id, model, content_hash, vector) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, model, content_hash) DO NOTHING",
    )
    .bind(tenant.id())
    .bind(model.to_owned())
    .bind(hash.to_vec())
    .bind(vector.to_vec())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Says that vectors have come: a base is searched by `model` from now on if it has all of its vectors, or has none
/// of another model.
pub async fn vectors_came(
    tx: &mut Tx,
    tenant: Tenant,
    config: ConfigId,
    model: &str,
    complete: bool,
) -> Result<(), Error> {
    changed(tx, tenant, config).await?;
    tx.query(
        "UPDATE knowledge_bases SET model = $3
         WHERE organization_id = $1 AND config_id = $2 AND (model = '' OR $4)",
    )
    .bind(tenant.id())
    .bind(config)
    .bind(model.to_owned())
    .bind(complete)
    .execute()
    .await?
    .any();
    // What no base of the organization is searched by any more, nor will be.
    tx.query(
        "DELETE FROM knowledge_vectors
         WHERE organization_id = $1 AND model <> $2
           AND NOT EXISTS (SELECT 1 FROM knowledge_bases b
                           WHERE b.organization_id = knowledge_vectors.organization_id
                             AND b.model = knowledge_vectors.model)",
    )
    .bind(tenant.id())
    .bind(model.to_owned())
    .execute()
    .await?
    .any();
    Ok(())
}

/// Lists the bases that are not searched by `model`, or have passages without its vectors.
pub async fn bases_without(tx: &mut Tx, model: &str) -> Result<Vec<(OrganizationId, ConfigId)>, Error> {
    tx.query(
        "SELECT b.organization_id, b.config_id
         FROM knowledge_bases b
         WHERE EXISTS (SELECT 1 FROM knowledge_passages p WHERE p.config_id = b.config_id)
           AND (b.model <> $1
                OR EXISTS (SELECT 1 FROM knowledge_passages p
                           LEFT JOIN knowledge_vectors v ON v.organization_id = p.organization_id
                                AND v.model = b.model AND v.content_hash = p.content_hash
                           WHERE p.config_id = b.config_id AND v.content_hash IS NULL))",
    )
    .bind(model.to_owned())
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
    /// Where it is on the web; empty for what is no web page.
    pub document_url: String,
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
        "SELECT p.id, p.document_id, d.name AS document_name, d.url AS document_url, d.title, p.headings, p.first_page, p.text, p.language
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
        "SELECT id, document_id, headings, first_page, last_page, text, language, analysis, content_hash
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
