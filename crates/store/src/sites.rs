//! Web pages that agents answer from: where they begin, and the documents that their pages are.

use domain::state::{DocumentKind, DocumentState};
use domain::view::knowledge::SiteView;
use domain::{ConfigId, DocumentId, OrganizationId, SiteId, Timestamp};

use crate::{Error, Json, Tenant, Tx};

#[derive(sqlx::FromRow)]
struct SiteRow {
    id: SiteId,
    config_id: ConfigId,
    url: String,
    most_pages: i64,
    every_hours: i64,
    next_at: Option<Timestamp>,
    pages: i64,
    under_way: i64,
    failed: i64,
    created_at: Timestamp,
}

impl From<SiteRow> for SiteView {
    fn from(row: SiteRow) -> Self {
        Self {
            id: row.id,
            config_id: row.config_id,
            url: row.url,
            most_pages: row.most_pages,
            every_hours: row.every_hours,
            next: row.next_at,
            pages: row.pages,
            under_way: row.under_way,
            failed: row.failed,
            created: row.created_at,
        }
    }
}

/// A site to write.
#[derive(Clone, Debug)]
pub struct NewSite<'a> {
    /// Which.
    pub id: SiteId,
    /// Whose.
    pub config: ConfigId,
    /// Where it begins.
    pub url: &'a str,
    /// How many pages are read at the most.
    pub most_pages: i64,
    /// Hours until it is read again; 0 is never.
    pub every_hours: i64,
    /// When that is.
    pub next: Option<Timestamp>,
}

/// Writes a site; tells whether it was not there.
pub async fn insert(tx: &mut Tx, tenant: Tenant, new: &NewSite<'_>, now: Timestamp) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO knowledge_sites (id, organization_id, config_id, url, most_pages, every_hours, next_at, without,
                                          created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (config_id, url) DO NOTHING",
        )
        .bind(new.id)
        .bind(tenant.id())
        .bind(new.config)
        .bind(new.url.to_owned())
        .bind(new.most_pages)
        .bind(new.every_hours)
        .bind(new.next)
        .bind(Json(Vec::<String>::new()))
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// Finds whose a site is; before a tenant is known.
pub async fn owner(tx: &mut Tx, id: SiteId) -> Result<Option<OrganizationId>, Error> {
    let row: Option<(OrganizationId,)> =
        tx.query("SELECT organization_id FROM knowledge_sites WHERE id = $1").bind(id).fetch_optional().await?;
    Ok(row.map(|(organization,)| organization))
}

/// Finds a site.
pub async fn get(tx: &mut Tx, tenant: Tenant, id: SiteId) -> Result<Option<SiteView>, Error> {
    let row: Option<SiteRow> = tx
        .query(
            "SELECT s.id, s.config_id, s.url, s.most_pages, s.every_hours, s.next_at, COUNT(d.id) AS pages,
                    COUNT(CASE WHEN d.state IN ('pending', 'processing') THEN 1 END) AS under_way,
                    COUNT(CASE WHEN d.state = 'failed' THEN 1 END) AS failed, s.created_at
             FROM knowledge_sites s
             LEFT JOIN knowledge_documents d ON d.site_id = s.id
             WHERE s.organization_id = $1 AND s.id = $2
             GROUP BY s.id, s.config_id, s.url, s.most_pages, s.every_hours, s.next_at, s.created_at",
        )
        .bind(tenant.id())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(SiteView::from))
}

/// Lists a config's sites, the newest first.
pub async fn list(tx: &mut Tx, tenant: Tenant, config: ConfigId) -> Result<Vec<SiteView>, Error> {
    let rows: Vec<SiteRow> = tx
        .query(
            "SELECT s.id, s.config_id, s.url, s.most_pages, s.every_hours, s.next_at, COUNT(d.id) AS pages,
                    COUNT(CASE WHEN d.state IN ('pending', 'processing') THEN 1 END) AS under_way,
                    COUNT(CASE WHEN d.state = 'failed' THEN 1 END) AS failed, s.created_at
             FROM knowledge_sites s
             LEFT JOIN knowledge_documents d ON d.site_id = s.id
             WHERE s.organization_id = $1 AND s.config_id = $2
             GROUP BY s.id, s.config_id, s.url, s.most_pages, s.every_hours, s.next_at, s.created_at
             ORDER BY s.created_at DESC, s.id DESC",
        )
        .bind(tenant.id())
        .bind(config)
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(SiteView::from).collect())
}

/// Deletes a site whose documents are deleted already.
pub async fn delete(tx: &mut Tx, tenant: Tenant, id: SiteId) -> Result<(), Error> {
    tx.query("DELETE FROM knowledge_sites WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Lists the documents of a site, and how far each is.
pub async fn documents(tx: &mut Tx, tenant: Tenant, id: SiteId) -> Result<Vec<(DocumentId, DocumentState)>, Error> {
    tx.query(
        "SELECT id, state FROM knowledge_documents WHERE organization_id = $1 AND site_id = $2 ORDER BY created_at, id",
    )
    .bind(tenant.id())
    .bind(id)
    .fetch_all()
    .await
}

/// Returns the addresses that are not to come back.
pub async fn without(tx: &mut Tx, tenant: Tenant, id: SiteId) -> Result<Vec<String>, Error> {
    let row: Option<(Json<Vec<String>>,)> = tx
        .query("SELECT without FROM knowledge_sites WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .fetch_optional()
        .await?;
    Ok(row.map(|(without,)| without.0).unwrap_or_default())
}

/// Says which addresses are not to come back.
pub async fn set_without(tx: &mut Tx, tenant: Tenant, id: SiteId, without: &[String]) -> Result<(), Error> {
    tx.query("UPDATE knowledge_sites SET without = $3 WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .bind(Json(without.to_vec()))
        .execute()
        .await?
        .any();
    Ok(())
}

/// Lists sites that are to be read again, of all organizations.
pub async fn due(tx: &mut Tx, now: Timestamp, most: i64) -> Result<Vec<(OrganizationId, SiteId)>, Error> {
    tx.query("SELECT organization_id, id FROM knowledge_sites WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2")
        .bind(now)
        .bind(most)
        .fetch_all()
        .await
}

/// Says when a site is read again.
pub async fn set_next(tx: &mut Tx, tenant: Tenant, id: SiteId, next: Option<Timestamp>) -> Result<(), Error> {
    tx.query("UPDATE knowledge_sites SET next_at = $3 WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .bind(next)
        .execute()
        .await?
        .any();
    Ok(())
}

/// Writes a page that waits to be fetched; tells whether it was not there. `hash` is that of its address.
pub async fn insert_page(
    tx: &mut Tx,
    tenant: Tenant,
    site: (SiteId, ConfigId),
    (id, url): (DocumentId, &str),
    hash: [u8; 32],
    now: Timestamp,
) -> Result<bool, Error> {
    let done = tx
        .query(
            "INSERT INTO knowledge_documents (id, organization_id, config_id, site_id, kind, name, url, content_hash,
                                              bytes, state, progress, reason, warnings, title, language, pages,
                                              passages, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, 0, $8, 0, '', $9, '', 'und', 0, 0, $10, $10)
             ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(tenant.id())
        .bind(site.1)
        .bind(site.0)
        .bind(DocumentKind::Page)
        .bind(url.to_owned())
        .bind(hash.to_vec())
        .bind(DocumentState::Pending)
        .bind(Json(Vec::<String>::new()))
        .bind(now)
        .execute()
        .await?;
    Ok(done.affected == 1)
}

/// How what was fetched relates to what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is what it was.
    Same,
    /// It is something else now.
    New,
    /// Another document, of this name, has the same content.
    Twin(String),
    /// The document is gone.
    Gone,
}

/// Keeps what was fetched of a page.
pub async fn set_content(
    tx: &mut Tx,
    tenant: Tenant,
    id: DocumentId,
    hash: [u8; 32],
    content: &[u8],
) -> Result<Fetched, Error> {
    let found: Option<(ConfigId, Vec<u8>)> = tx
        .query("SELECT config_id, content_hash FROM knowledge_documents WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .fetch_optional()
        .await?;
    let Some((config, before)) = found else { return Ok(Fetched::Gone) };
    if before == hash {
        return Ok(Fetched::Same);
    }
    let twin: Option<(String,)> = tx
        .query(
            "SELECT name FROM knowledge_documents WHERE organization_id = $1 AND config_id = $2 AND content_hash = $3",
        )
        .bind(tenant.id())
        .bind(config)
        .bind(hash.to_vec())
        .fetch_optional()
        .await?;
    if let Some((name,)) = twin {
        return Ok(Fetched::Twin(name));
    }
    tx.query(
        "INSERT INTO knowledge_files (organization_id, content_hash, content) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, content_hash) DO NOTHING",
    )
    .bind(tenant.id())
    .bind(hash.to_vec())
    .bind(content.to_vec())
    .execute()
    .await?
    .any();
    tx.query("UPDATE knowledge_documents SET content_hash = $3, bytes = $4 WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .bind(hash.to_vec())
        .bind(i64::try_from(content.len()).unwrap_or(i64::MAX))
        .execute()
        .await?
        .exactly_one()?;
    crate::knowledge::forget_file(tx, tenant, &before).await?;
    Ok(Fetched::New)
}

/// Calls a page by its title.
pub async fn rename(tx: &mut Tx, tenant: Tenant, id: DocumentId, name: &str) -> Result<(), Error> {
    tx.query("UPDATE knowledge_documents SET name = $3 WHERE organization_id = $1 AND id = $2")
        .bind(tenant.id())
        .bind(id)
        .bind(name.to_owned())
        .execute()
        .await?
        .any();
    Ok(())
}
