//! `crates/knowledge` in our database as the `KnowledgeBase` port.
//!
//! What a newcomer gets wrong: the ranking is kept in memory, the texts are not. A passage is read from the
//! database in the search that found it, so that one whose document was deleted meanwhile is never shown.

use std::sync::Arc;

use async_trait::async_trait;
use dashmap::DashMap;
use domain::state::DocumentKind;
use domain::view::knowledge::FoundPassage;
use domain::{ConfigId, DocumentId, PassageId};
use knowledge::extract::worker::Worker;
use knowledge::{Analysis, Analyzer, Base, ChunkOptions, Document, Entry, Language, Search, chunks, snippet};
use serde::Deserialize;
use services::clock::{Clock, fresh_id};
use services::ports::{KnowledgeBase, KnowledgeError, KnowledgeQuery, KnowledgeScope};
use store::knowledge::{self as rows, PassageRow, RankedRow, ReadDocument};
use store::{Json, Store};
use tokio::sync::Mutex;
use uuid::Uuid;

/// Passages of all bases that are kept in memory together; beyond, the bases that are asked least are let go.
const KEPT: usize = 400_000;
/// How much of a question a passage must hold to be found at all, of its rare words most.
const COVERAGE: f32 = 0.2;
/// Characters of the part of a passage that is shown.
const SNIPPET: usize = 320;

/// Documents in our own database.
#[derive(Debug)]
pub struct EmbeddedKnowledge {
    store: Store,
    clock: Arc<dyn Clock>,
    worker: Worker,
    bases: DashMap<ConfigId, Arc<Mutex<Kept>>>,
}

/// A base, as it was when it had changed so often.
#[derive(Debug, Default)]
struct Kept {
    version: i64,
    base: Arc<Base>,
}

#[derive(Deserialize)]
struct Answer {
    question: String,
    answer: String,
}

impl EmbeddedKnowledge {
    /// Keeps documents in `store`, and has files read by `worker`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, worker: Worker) -> Self {
        Self { store, clock, worker, bases: DashMap::new() }
    }

    /// Returns the base as it is now.
    async fn base(&self, scope: KnowledgeScope) -> Result<Arc<Base>, KnowledgeError> {
        let kept = self.bases.entry(scope.config).or_default().clone();
        // Whoever comes while it is built waits for it, instead of building it too.
        let mut kept = kept.lock().await;
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let version = rows::version(&mut tx, scope.tenant, scope.config).await.map_err(unavailable)?;
        if kept.version != version {
            let ranked = rows::ranked(&mut tx, scope.tenant, scope.config).await.map_err(unavailable)?;
            drop(tx);
            let read = move || -> Vec<_> {
                ranked.into_iter().map(|row| (Analysis::from_bytes(&row.analysis).ok(), row)).collect()
            };
            let mut ranked = tokio::task::spawn_blocking(read).await.map_err(unavailable)?;
            self.analyze_anew(scope, &mut ranked).await?;
            let base = tokio::task::spawn_blocking(move || build(&ranked)).await;
            *kept = Kept { version, base: Arc::new(base.map_err(unavailable)?) };
            self.make_room(scope.config);
        }
        Ok(kept.base.clone())
    }

    /// Analyses passages whose stored words are of an earlier version of the analysis from their texts.
    async fn analyze_anew(
        &self,
        scope: KnowledgeScope,
        ranked: &mut [(Option<Analysis>, RankedRow)],
    ) -> Result<(), KnowledgeError> {
        if ranked.iter().all(|(analysis, _)| analysis.is_some()) {
            return Ok(());
        }
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        for (analysis, row) in ranked {
            if analysis.is_some() {
                continue;
            }
            let found = rows::cited(&mut tx, scope.tenant, scope.config, row.id).await.map_err(unavailable)?;
            if let Some(found) = found {
                let title = if found.title.is_empty() { found.document_name } else { found.title };
                let context = [vec![title], found.headings.0].concat().join(" > ");
                let mut analyzer = Analyzer::new(Language::from_code(&row.language));
                *analysis = Some(Analysis::of(&mut analyzer, &context, &found.text));
            }
        }
        Ok(())
    }

    /// Lets bases go until all of them together fit; the one that is asked now stays.
    fn make_room(&self, now: ConfigId) {
        let mut held = 0;
        self.bases.retain(|config, kept| {
            let size = kept.try_lock().map_or(0, |kept| kept.base.len());
            let stays = *config == now || held + size <= KEPT;
            held += if stays { size } else { 0 };
            stays
        });
    }

    async fn document(&self, name: &str, kind: DocumentKind, content: &[u8]) -> Result<Document, KnowledgeError> {
        match kind {
            DocumentKind::File => self.worker.extract(name, content).await.map_err(|error| match error {
                knowledge::extract::ExtractError::Unavailable => KnowledgeError::Unavailable(error.to_string()),
                reason => KnowledgeError::Unreadable(sentence(&reason.to_string())),
            }),
            DocumentKind::Answer => {
                let Answer { question, answer } =
                    serde_json::from_slice(content).map_err(|error| KnowledgeError::Unreadable(error.to_string()))?;
                let mut document = Document { title: Some(question.clone()), ..Document::default() };
                document.heading(None, 1, question);
                document.text(None, answer);
                Ok(document)
            }
        }
    }
}

#[async_trait]
impl KnowledgeBase for EmbeddedKnowledge {
    async fn read(&self, scope: KnowledgeScope, id: DocumentId) -> Result<(), KnowledgeError> {
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let view = rows::get(&mut tx, scope.tenant, id).await.map_err(unavailable)?;
        let content = rows::content(&mut tx, scope.tenant, id).await.map_err(unavailable)?;
        drop(tx);
        let (Some(view), Some(content)) = (view, content) else {
            // Deleted meanwhile.
            return Ok(());
        };
        let document = self.document(&view.name, view.kind, &content).await?;
        let name = view.name.clone();
        let read = tokio::task::spawn_blocking(move || cut(&document, &name, id)).await.map_err(unavailable)?;
        if read.passages.is_empty() {
            return Err(KnowledgeError::Unreadable("The file holds no text.".to_owned()));
        }
        let mut tx = self.store.write(scope.tenant).await.map_err(unavailable)?;
        rows::finish(&mut tx, scope.tenant, scope.config, id, &read, self.clock.now()).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(())
    }

    async fn search(&self, scope: KnowledgeScope, query: &KnowledgeQuery) -> Result<Vec<FoundPassage>, KnowledgeError> {
        let base = self.base(scope).await?;
        let hits = tokio::task::spawn_blocking({
            let query = query.clone();
            move || {
                let documents: Vec<u128> = query.documents.iter().map(|id| id.0.as_u128()).collect();
                let search = Search { text: &query.text, most: query.most, documents: &documents, ..Search::default() };
                base.search(&search)
            }
        })
        .await
        .map_err(unavailable)?;
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits.into_iter().filter(|hit| hit.coverage >= COVERAGE) {
            let id = PassageId(Uuid::from_u128(hit.passage));
            let row = rows::cited(&mut tx, scope.tenant, scope.config, id).await.map_err(unavailable)?;
            let Some(row) = row else { continue };
            let part = snippet(&row.text, &query.text, Language::from_code(&row.language), SNIPPET);
            found.push(FoundPassage {
                id,
                document_id: row.document_id,
                document_name: row.document_name,
                headings: row.headings.0,
                page: row.first_page,
                pieces: pieces(&part),
                text: row.text,
                matched: hit.matched.into_iter().map(|(word, _)| word).collect(),
                coverage: percent(hit.coverage),
                score: f64::from(hit.score),
            });
        }
        Ok(found)
    }
}

/// Builds a base of the passages that are there.
fn build(ranked: &[(Option<Analysis>, RankedRow)]) -> Base {
    Base::of(ranked.iter().filter_map(|(analysis, row)| {
        Some(Entry {
            passage: row.id.0.as_u128(),
            document: row.document_id.0.as_u128(),
            language: Language::from_code(&row.language),
            analysis: analysis.as_ref()?,
            vector: None,
        })
    }))
}

/// Cuts a document into passages, with what ranking needs of each.
fn cut(document: &Document, name: &str, id: DocumentId) -> ReadDocument {
    let language = document.language();
    let title = document.title.clone().unwrap_or_default();
    let called = if title.is_empty() { name } else { title.as_str() };
    let mut analyzer = Analyzer::new(language);
    let passages = chunks(document, ChunkOptions::default())
        .into_iter()
        .map(|chunk| PassageRow {
            id: PassageId(fresh_id()),
            document_id: id,
            analysis: Analysis::of(&mut analyzer, &chunk.context(called), &chunk.text).to_bytes(),
            headings: Json(chunk.headings),
            first_page: chunk.pages.map(|(first, _)| i64::from(first)),
            last_page: chunk.pages.map(|(_, last)| i64::from(last)),
            // PostgreSQL keeps every character but this one.
            text: chunk.text.replace('\0', "\u{fffd}"),
            language: language.code().to_owned(),
        })
        .collect();
    ReadDocument {
        pages: document.blocks.iter().filter_map(|block| block.page).max().map_or(0, i64::from),
        title: title.replace('\0', "\u{fffd}").chars().take(300).collect(),
        language: language.code().to_owned(),
        warnings: document.warnings.iter().take(20).cloned().collect(),
        passages,
    }
}

/// A part of a passage in pieces, of which every second one is a word that was asked for.
fn pieces(part: &knowledge::Snippet) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for mark in &part.marks {
        pieces.push(part.text[at..mark.start].to_owned());
        pieces.push(part.text[mark.clone()].to_owned());
        at = mark.end;
    }
    pieces.push(part.text[at..].to_owned());
    if part.cut_before
        && let Some(first) = pieces.first_mut()
    {
        first.insert(0, '…');
    }
    if part.cut_after
        && let Some(last) = pieces.last_mut()
    {
        last.push('…');
    }
    pieces
}

#[expect(clippy::cast_possible_truncation, reason = "a share is between 0 and 1")]
fn percent(share: f32) -> i64 {
    (share * 100.0).round() as i64
}

/// A reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn unavailable(error: impl std::error::Error) -> KnowledgeError {
    KnowledgeError::Unavailable(services::error::chain(&error))
}
