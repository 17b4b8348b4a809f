//! A RAGFlow server as the `KnowledgeBase` port.
//!
//! An organization has a dataset, `cmp-` and its id; a document of ours is one of that dataset, whose name ends with
//! our document's id and the beginning of its content's hash. So nothing has to be remembered about a step that was
//! begun: whoever comes after a crash finds what is there by its name.
//!
//! What a newcomer gets wrong: the server keeps nobody apart for us. One key sees every dataset, an empty list of
//! documents means all of them, and a search that finds nothing is repeated by the server without the list. So the
//! passages that it made are kept with us, too, as those of the embedded engine are, and what it answers to a question
//! only says which of *this agent's* passages are shown, and in which order: anything else is dropped. That is also why
//! a deleted document is never cited again, even while the server is away.

mod api;

use std::sync::Arc;

use async_trait::async_trait;
use dashmap::DashMap;
use domain::state::{DocumentKind, DocumentState};
use domain::view::knowledge::{DocumentView, FoundPassage};
use domain::{DocumentId, OrganizationId, PassageId};
use knowledge::{Body, Document, Language};
use secrecy::SecretString;
use services::clock::Clock;
use services::jobs::{self, Job};
use services::ports::{KnowledgeBase, KnowledgeError, KnowledgeQuery, KnowledgeScope, LoosePassage, Reading};
use sha2::{Digest as _, Sha256};
use store::knowledge::{self as rows, PassageRow, ReadDocument};
use store::{Json, Scope, Store, Tenant};

use self::api::{Api, PASSAGES, RemoteChunk, RemoteDocument, Run, Trouble};
use super::knowledge::{EmbeddedKnowledge, in_pieces, unavailable};

/// Endings that the server reads by itself; anything else is read here, and sent as Markdown.
const READ_THERE: [&str; 23] = [
    "pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx", "csv", "txt", "md", "mdx", "htm", "html", "json", "eml", "png",
    "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp",
];
/// Those whose passages stand on pages; with others the server writes a number of its own in their place.
const WITH_PAGES: [&str; 3] = ["pdf", "ppt", "pptx"];
/// How much of a document is done, of a hundred, when it begins to be read and when all that is missing is that its
/// passages can be found.
const BEGUN: i64 = 10;
const SETTLING: i64 = 96;
/// Seconds after which the passages that are there are all that come: the server counts equal ones twice.
const SETTLED: i64 = 5;
/// Seconds after which none will come.
const NONE_CAME: i64 = 60;

/// Documents on a RAGFlow server.
#[derive(Debug)]
pub struct RagflowKnowledge {
    api: Api,
    store: Store,
    clock: Arc<dyn Clock>,
    /// Reads what the server does not, and visitors' own files, which stay here.
    here: EmbeddedKnowledge,
    datasets: DashMap<OrganizationId, String>,
    /// One process makes one dataset at a time.
    making: tokio::sync::Mutex<()>,
}

impl RagflowKnowledge {
    /// Keeps documents on the server at `url`, with `store` for what is ours of them.
    pub fn new(
        url: &str,
        key: SecretString,
        store: Store,
        clock: Arc<dyn Clock>,
        here: EmbeddedKnowledge,
    ) -> anyhow::Result<Self> {
        let api = Api::new(url, key)?;
        Ok(Self { api, store, clock, here, datasets: DashMap::new(), making: tokio::sync::Mutex::default() })
    }

    /// Fails where the server refuses the key or is none of RAGFlow; one that is away may come back.
    pub async fn check(&self) -> anyhow::Result<()> {
        match self.api.greet().await {
            Err(Trouble::Key) => anyhow::bail!("ragflow.api_key: the RAGFlow server refuses it"),
            Err(error @ Trouble::Foreign(status)) if !status.is_server_error() => {
                anyhow::bail!("ragflow.url: {error}; it is the address of its API, http://ragflow:9380")
            }
            Err(error) => {
                let error = services::error::chain(&error);
                tracing::error!(error, "the RAGFlow server is away; documents wait for it and nothing is found");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns the dataset of an organization, if there is one.
    async fn existing(&self, organization: OrganizationId) -> Result<Option<String>, Trouble> {
        if let Some(known) = self.datasets.get(&organization) {
            return Ok(Some(known.clone()));
        }
        let found = self.api.dataset(&dataset_name(organization)).await?;
        if let Some(found) = &found {
            self.datasets.insert(organization, found.clone());
        }
        Ok(found)
    }

    /// Returns the dataset of an organization, made if there is none.
    async fn dataset(&self, organization: OrganizationId) -> Result<String, Trouble> {
        let _one = self.making.lock().await;
        if let Some(found) = self.existing(organization).await? {
            return Ok(found);
        }
        let name = dataset_name(organization);
        match self.api.create_dataset(&name, "Documents that CMP keeps here for one organization.").await {
            Ok((id, called)) if called == name => {
                self.datasets.insert(organization, id.clone());
                return Ok(id);
            }
            // Another process was faster: newer versions make a second one under another name, older ones refuse.
            Ok((id, _)) => self.api.delete_dataset(&id).await?,
            Err(trouble) if trouble.is_not_there() => {}
            Err(trouble) => return Err(trouble),
        }
        self.existing(organization).await?.ok_or(Trouble::Said { code: 102, said: "no dataset".to_owned() })
    }

    /// Forgets which dataset is an organization's, as it may have been deleted on the server.
    fn doubt(&self, organization: OrganizationId, trouble: &Trouble) {
        if matches!(trouble, Trouble::Said { .. }) {
            self.datasets.remove(&organization);
        }
    }

    /// Sends a document's content.
    async fn send(
        &self,
        scope: KnowledgeScope,
        view: &DocumentView,
        dataset: &str,
        tag: &str,
    ) -> Result<Option<RemoteDocument>, KnowledgeError> {
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let content = rows::content(&mut tx, scope.tenant, view.id).await.map_err(unavailable)?;
        drop(tx);
        let Some(content) = content else { return Ok(None) };
        let (ending, content) = match ending(view, &content) {
            Some(ending) if view.kind != DocumentKind::Answer => (ending, content),
            _ => {
                let named = if view.url.is_empty() { &view.name } else { &view.url };
                ("md", markdown(&self.here.document(named, view.kind, &content).await?).into_bytes())
            }
        };
        let sent = self.api.upload(dataset, &format!("{} {tag}.{ending}", plain(&view.name)), &content).await;
        sent.map(Some).map_err(|trouble| {
            self.doubt(scope.tenant.id(), &trouble);
            away(&trouble, "sending a document")
        })
    }

    /// Takes the passages of a document that was read; nothing as long as some may be missing.
    async fn take(
        &self,
        scope: KnowledgeScope,
        view: &DocumentView,
        dataset: &str,
        remote: &RemoteDocument,
    ) -> Result<Reading, KnowledgeError> {
        let chunks = self.api.chunks(dataset, &remote.id).await.map_err(|trouble| away(&trouble, "taking passages"))?;
        let waited = if view.progress == SETTLING { self.clock.now().millis_since(view.modified) / 1000 } else { 0 };
        let enough = if chunks.is_empty() { NONE_CAME } else { SETTLED };
        if chunks.len() < remote.chunks.min(PASSAGES) && waited < enough {
            return Ok(Reading::UnderWay { percent: SETTLING });
        }
        let read = passages(view.id, &remote.name, chunks);
        if read.passages.is_empty() {
            return self.give_up(dataset, remote, "The file holds no text.").await;
        }
        let mut tx = self.store.write(scope.tenant).await.map_err(unavailable)?;
        let is_there = rows::finish(&mut tx, scope.tenant, scope.config, view.id, &read, self.clock.now())
            .await
            .map_err(unavailable)?;
        rows::set_remote(&mut tx, scope.tenant, view.id, &remote.id).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        if !is_there {
            self.forget(scope.tenant, view.id).await?;
        }
        Ok(Reading::Done)
    }

    /// Takes a document that came to nothing off the server, so that another try begins anew.
    async fn give_up(&self, dataset: &str, remote: &RemoteDocument, reason: &str) -> Result<Reading, KnowledgeError> {
        self.api
            .delete_documents(dataset, std::slice::from_ref(&remote.id))
            .await
            .map_err(|trouble| away(&trouble, "deleting a document"))?;
        Err(KnowledgeError::Unreadable(reason.to_owned()))
    }

    /// Has documents read again that are not on the server any more; answers those that are.
    async fn without_lost(
        &self,
        scope: KnowledgeScope,
        asked: &[(DocumentId, String)],
    ) -> Result<Vec<(DocumentId, String)>, KnowledgeError> {
        let dataset =
            self.existing(scope.tenant.id()).await.map_err(|trouble| away(&trouble, "looking for a dataset"))?;
        let there = match &dataset {
            Some(dataset) => {
                self.api.documents(dataset, "").await.map_err(|trouble| away(&trouble, "listing documents"))?
            }
            None => Vec::new(),
        };
        let (kept, lost): (Vec<_>, Vec<_>) =
            asked.iter().cloned().partition(|(_, remote)| there.iter().any(|document| document.id == *remote));
        if !lost.is_empty() {
            tracing::warn!(documents = lost.len(), "the RAGFlow server has lost documents; they are sent again");
        }
        let now = self.clock.now();
        let mut tx = self.store.write(scope.tenant).await.map_err(unavailable)?;
        for (id, _) in lost {
            rows::set_remote(&mut tx, scope.tenant, id, "").await.map_err(unavailable)?;
            rows::progress(&mut tx, scope.tenant, id, DocumentState::Pending, 0, "", now).await.map_err(unavailable)?;
            let job = Job::AwaitDocument { organization: scope.tenant.id(), document: id };
            jobs::enqueue(&mut tx, &job, now, now, None).await.map_err(unavailable)?;
        }
        tx.commit().await.map_err(unavailable)?;
        Ok(kept)
    }

    async fn retrieve(
        &self,
        scope: KnowledgeScope,
        documents: &[(DocumentId, String)],
        query: &KnowledgeQuery,
    ) -> Result<Vec<RemoteChunk>, Trouble> {
        // Without a document the server would search those of every agent of the organization.
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let dataset = self.existing(scope.tenant.id()).await?;
        let dataset = dataset.ok_or(Trouble::Said { code: 102, said: "no dataset".to_owned() })?;
        let ids: Vec<&str> = documents.iter().map(|(_, remote)| remote.as_str()).collect();
        self.api.retrieve(&dataset, &ids, query.text.trim(), query.most).await
    }
}

#[async_trait]
impl KnowledgeBase for RagflowKnowledge {
    async fn read(&self, scope: KnowledgeScope, id: DocumentId) -> Result<Reading, KnowledgeError> {
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let view = rows::get(&mut tx, scope.tenant, id).await.map_err(unavailable)?;
        let hash = rows::hash(&mut tx, scope.tenant, id).await.map_err(unavailable)?;
        drop(tx);
        let Some((view, hash)) = view.zip(hash) else {
            // Deleted meanwhile.
            self.forget(scope.tenant, id).await?;
            return Ok(Reading::Done);
        };
        let tag = format!("{id}-{}", hex::encode(&hash[..hash.len().min(4)]));
        let dataset = self.dataset(scope.tenant.id()).await.map_err(|trouble| away(&trouble, "making a dataset"))?;
        let there = self
            .api
            .documents(&dataset, &id.to_string())
            .await
            .map_err(|trouble| away(&trouble, "looking for a document"))?;
        let remote = match there.iter().find(|remote| remote.name.contains(&tag)) {
            Some(remote) => remote.clone(),
            None => match self.send(scope, &view, &dataset, &tag).await? {
                Some(remote) => remote,
                None => return Ok(Reading::Done),
            },
        };
        let reading = match remote.run {
            Run::Unstarted => {
                match self.api.start(&dataset, &remote.id).await {
                    Ok(()) => {}
                    // It may be at it already.
                    Err(error) if error.is_not_there() => tracing::debug!(%error, "a document was not started"),
                    Err(trouble) => return Err(away(&trouble, "having a document read")),
                }
                Reading::UnderWay { percent: BEGUN }
            }
            #[expect(clippy::cast_possible_truncation, reason = "a share is between 0 and 1")]
            Run::Running(share) => Reading::UnderWay { percent: BEGUN + (share * 85.0) as i64 },
            Run::Failed => {
                tracing::warn!(document.id = %id, said = remote.said, "the RAGFlow server could not read a document");
                let reason =
                    "The file could not be read; it may be damaged or protected, or of a kind that is not read.";
                self.give_up(&dataset, &remote, reason).await?
            }
            Run::Done => self.take(scope, &view, &dataset, &remote).await?,
        };
        if reading == Reading::Done {
            // What the document said before.
            let before: Vec<String> =
                there.iter().filter(|other| other.id != remote.id).map(|other| other.id.clone()).collect();
            if let Err(trouble) = self.api.delete_documents(&dataset, &before).await {
                tracing::warn!(error = %trouble, "an earlier version of a document stays on the RAGFlow server");
            }
        }
        Ok(reading)
    }

    async fn search(&self, scope: KnowledgeScope, query: &KnowledgeQuery) -> Result<Vec<FoundPassage>, KnowledgeError> {
        if query.text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let mut documents = rows::remote(&mut tx, scope.tenant, scope.config).await.map_err(unavailable)?;
        drop(tx);
        documents.retain(|(id, _)| query.documents.is_empty() || query.documents.contains(id));
        let chunks = match self.retrieve(scope, &documents, query).await {
            // One document that is gone there makes the server refuse all.
            Err(trouble) if trouble.is_not_there() => {
                self.doubt(scope.tenant.id(), &trouble);
                documents = self.without_lost(scope, &documents).await?;
                self.retrieve(scope, &documents, query).await
            }
            outcome => outcome,
        };
        let chunks = chunks.map_err(|trouble| away(&trouble, "searching"))?;
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let (mut found, mut dropped) = (Vec::with_capacity(chunks.len()), 0);
        for chunk in chunks {
            let document = documents.iter().find(|(_, remote)| *remote == chunk.document);
            let row = match document {
                Some((document, _)) => {
                    let passage = passage_id(*document, &chunk.id);
                    rows::cited(&mut tx, scope.tenant, scope.config, passage).await.map_err(unavailable)?
                }
                None => None,
            };
            let Some(row) = row else {
                dropped += 1;
                continue;
            };
            let pieces = in_pieces(&row, &query.text);
            let mut matched: Vec<String> = pieces.iter().skip(1).step_by(2).cloned().collect();
            matched.sort_unstable();
            matched.dedup();
            found.push(FoundPassage {
                id: row.id,
                document_id: row.document_id,
                document_name: row.document_name,
                document_url: row.document_url,
                headings: row.headings.0,
                page: row.first_page,
                text: row.text,
                pieces,
                matched,
                coverage: percent(chunk.term),
                nearness: Some(percent(chunk.vector)),
                score: chunk.similarity,
            });
        }
        if dropped > 0 {
            tracing::warn!(
                passages = dropped,
                "the RAGFlow server found what it was not asked for, or what has changed"
            );
        }
        found.truncate(query.most);
        Ok(found)
    }

    fn keeps_elsewhere(&self) -> bool {
        true
    }

    async fn forget(&self, tenant: Tenant, document: DocumentId) -> Result<(), KnowledgeError> {
        let deleted = async {
            let Some(dataset) = self.existing(tenant.id()).await? else { return Ok(()) };
            let there = self.api.documents(&dataset, &document.to_string()).await?;
            let ids: Vec<String> = there.into_iter().map(|remote| remote.id).collect();
            self.api.delete_documents(&dataset, &ids).await
        };
        deleted.await.map_err(|trouble| away(&trouble, "deleting a document"))
    }

    async fn unread(&self) -> Result<Vec<(OrganizationId, DocumentId)>, KnowledgeError> {
        let mut tx = self.store.read(Scope::System).await.map_err(unavailable)?;
        rows::not_remote(&mut tx).await.map_err(unavailable)
    }

    async fn loose(&self, name: &str, content: &[u8]) -> Result<Vec<LoosePassage>, KnowledgeError> {
        self.here.loose(name, content).await
    }

    async fn search_loose(
        &self,
        passages: &Arc<[LoosePassage]>,
        query: &KnowledgeQuery,
    ) -> Result<Vec<FoundPassage>, KnowledgeError> {
        self.here.search_loose(passages, query).await
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a share is between 0 and 1")]
fn percent(share: f64) -> i64 {
    (share.clamp(0.0, 1.0) * 100.0).round() as i64
}

fn dataset_name(organization: OrganizationId) -> String {
    format!("cmp-{organization}")
}

/// Names a passage, the same each time that it is taken.
fn passage_id(document: DocumentId, chunk: &str) -> PassageId {
    let digest = Sha256::digest(format!("{document} {chunk}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    PassageId(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Returns the ending that a document is sent with, if the server reads it. It goes by endings alone, and takes a PDF
/// that is called otherwise for a text.
fn ending(view: &DocumentView, content: &[u8]) -> Option<&'static str> {
    if content[..content.len().min(1024)].windows(5).any(|five| five == b"%PDF-") {
        return Some("pdf");
    }
    let named =
        if view.url.is_empty() { view.name.as_str() } else { view.url.split(['?', '#']).next().unwrap_or_default() };
    let ending =
        named.rsplit('/').next().and_then(|last| last.rsplit_once('.')).map(|(_, ending)| ending.to_lowercase());
    let known = ending.and_then(|ending| READ_THERE.into_iter().find(|known| *known == ending));
    known.filter(|known| *known != "pdf").or((view.kind == DocumentKind::Page).then_some("html"))
}

/// What a document is called, fit for a file's name there: what it is called counts when it is searched.
fn plain(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words: String = stem.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(40).collect()
}

/// A document that was read here, as Markdown.
fn markdown(document: &Document) -> String {
    let mut text = String::new();
    for block in &document.blocks {
        match &block.body {
            Body::Heading { level, text: words } => {
                text.push_str(&"#".repeat(usize::from(*level)));
                text.push(' ');
                text.push_str(words);
            }
            Body::Text { text: words } => text.push_str(words),
            Body::Table { head, rows } => {
                for row in std::iter::once(head).chain(rows).filter(|row| !row.is_empty()) {
                    text.push_str(&row.join(" | "));
                    text.push('\n');
                }
            }
        }
        text.push_str("\n\n");
    }
    text
}

/// The passages of a document as we keep them.
fn passages(id: DocumentId, name: &str, chunks: Vec<RemoteChunk>) -> ReadDocument {
    let has_pages = name.rsplit_once('.').is_some_and(|(_, ending)| WITH_PAGES.contains(&ending));
    let sample: String = chunks.iter().take(20).map(|chunk| chunk.text.as_str()).collect::<Vec<_>>().join(" ");
    let language = Language::detect(&sample).code().to_owned();
    let passages: Vec<PassageRow> = chunks
        .into_iter()
        .filter(|chunk| chunk.available && chunk.text.contains(char::is_alphanumeric))
        .map(|chunk| PassageRow {
            id: passage_id(id, &chunk.id),
            document_id: id,
            headings: Json(Vec::new()),
            first_page: chunk.pages.filter(|_| has_pages).map(|(first, _)| first),
            last_page: chunk.pages.filter(|_| has_pages).map(|(_, last)| last),
            // PostgreSQL keeps every character but this one.
            text: chunk.text.replace('\0', "\u{fffd}"),
            language: language.clone(),
            // For the embedded engine, which makes its own of the text should it take over.
            analysis: Vec::new(),
            content_hash: Vec::new(),
        })
        .collect();
    let pages = passages.iter().filter_map(|passage| passage.last_page).max().unwrap_or_default();
    ReadDocument { pages, language, passages, ..ReadDocument::default() }
}

/// Logs a trouble, and says of it what a caller may know.
fn away(trouble: &Trouble, while_doing: &'static str) -> KnowledgeError {
    let error = services::error::chain(trouble);
    match trouble {
        Trouble::Key => tracing::error!(while_doing, "the RAGFlow server refuses `ragflow.api_key`"),
        Trouble::Unreachable(_) => tracing::error!(error, while_doing, "the RAGFlow server cannot be reached"),
        Trouble::Broken(_) | Trouble::Said { .. } | Trouble::Foreign(_) => {
            tracing::warn!(error, while_doing, "the RAGFlow server failed");
        }
    }
    KnowledgeError::Unavailable("the documents cannot be reached at the moment".to_owned())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn view(name: &str, url: &str) -> DocumentView {
        let kind = if url.is_empty() { DocumentKind::File } else { DocumentKind::Page };
        DocumentView {
            id: DocumentId(Uuid::nil()),
            config_id: domain::ConfigId(Uuid::nil()),
            kind,
            name: name.to_owned(),
            url: url.to_owned(),
            site_id: None,
            bytes: 0,
            state: DocumentState::Pending,
            progress: 0,
            reason: String::new(),
            warnings: Vec::new(),
            title: String::new(),
            language: String::new(),
            pages: 0,
            passages: 0,
            created: domain::Timestamp(0),
            modified: domain::Timestamp(0),
        }
    }

    #[test]
    fn a_document_is_sent_as_what_it_is_and_not_as_what_it_is_called() {
        for (name, url, content, sent_as) in [
            ("plan.txt", "", "%PDF-1.7", Some("pdf")),
            ("plan.PDF", "", "no PDF", None),
            ("list.XLSX", "", "PK", Some("xlsx")),
            ("book.epub", "", "PK", None),
            ("README", "", "a text", None),
            ("Help", "https://example.com/help", "<p>", Some("html")),
            ("Terms", "https://example.com/terms.docx?v=2", "PK", Some("docx")),
            ("Terms", "https://example.com/a.b/c", "<p>", Some("html")),
        ] {
            assert_eq!(ending(&view(name, url), content.as_bytes()), sent_as, "{name} {url}");
        }
        assert_eq!(plain("Über \"uns\"\r\n/ 2026.docx"), "Über uns 2026");
    }

    #[test]
    fn pages_are_taken_only_where_there_are_any() {
        let chunk = |id: &str, pages| RemoteChunk {
            id: id.to_owned(),
            document: String::new(),
            text: "Words".to_owned(),
            pages,
            available: true,
            similarity: 0.0,
            term: 0.0,
            vector: 0.0,
        };
        let chunks = || vec![chunk("a", Some((2, 3))), chunk("b", None)];
        let pdf = passages(DocumentId(Uuid::nil()), "x.pdf", chunks());
        assert_eq!((pdf.passages[0].first_page, pdf.passages[1].first_page, pdf.pages), (Some(2), None, 3));
        let text = passages(DocumentId(Uuid::nil()), "x.txt", chunks());
        assert_eq!((text.passages[0].first_page, text.pages), (None, 0));
    }
}
