//! `crates/knowledge` in our database as the `KnowledgeBase` port.
//!
//! What a newcomer gets wrong: the ranking is kept in memory, the texts are not. A passage is read from the
//! database in the search that found it, so that one whose document was deleted meanwhile is never shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dashmap::DashMap;
use domain::state::DocumentKind;
use domain::view::knowledge::FoundPassage;
use domain::{ConfigId, DocumentId, OrganizationId, PassageId, Timestamp};
use knowledge::embed::{self, BATCH, ContentHash, content_hash};
use knowledge::extract::worker::Worker;
use knowledge::vector::Query;
use knowledge::{
    Analysis, Analyzer, Base, ChunkOptions, Document, Embedder, EndpointError, Entry, Hit, Language, Reranker, Search,
    Vector, chunks, context, snippet,
};
use serde::Deserialize;
use services::clock::{Clock, fresh_id};
use services::ports::{Embedded, KnowledgeBase, KnowledgeError, KnowledgeQuery, KnowledgeScope, LoosePassage, Reading};
use store::knowledge::{self as rows, CitedRow, PassageRow, RankedRow, ReadDocument};
use store::{Json, Scope, Store};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

/// Passages of all bases that are kept in memory together; beyond, the bases that are asked least are let go.
const KEPT: usize = 400_000;
/// How much of a question a passage must hold to be found at all, of its rare words most.
const COVERAGE: f32 = 0.2;
/// Characters of the part of a passage that is shown.
const SNIPPET: usize = 320;
/// Passages that a model looks at again.
const LOOKED_AT: usize = 30;
/// How long a question waits for its meaning before words alone are compared.
const QUESTION: Duration = Duration::from_secs(3);
/// Seconds for which no question asks a model that did not answer the last one.
const AWAY: i64 = 30;
/// How long a model is asked about passages at a stretch; a job's lease is two minutes.
const STRETCH: Duration = Duration::from_secs(40);

/// Documents in our own database.
#[derive(Debug)]
pub struct EmbeddedKnowledge {
    store: Store,
    clock: Arc<dyn Clock>,
    worker: Worker,
    bases: DashMap<ConfigId, Arc<Mutex<Kept>>>,
    embedder: Option<Arc<dyn Embedder>>,
    reranker: Option<Arc<dyn Reranker>>,
    /// By model: what chance gives.
    chances: DashMap<String, Arc<OnceCell<f32>>>,
    /// By model that did not answer a question: until when it is asked no other.
    away: DashMap<String, Timestamp>,
    /// The bases whose passages a model is asked about now.
    embedding: DashMap<ConfigId, Arc<Mutex<()>>>,
}

/// A base, as it was when it had changed so often.
#[derive(Debug, Default)]
struct Kept {
    version: i64,
    model: String,
    base: Arc<Base>,
}

/// A question as a model understands it.
struct Meaning {
    query: Query,
    /// The cosine that chance gives.
    chance: f32,
}

#[derive(Deserialize)]
struct Answer {
    question: String,
    answer: String,
}

impl EmbeddedKnowledge {
    /// Keeps documents in `store`, and has files read by `worker`.
    pub fn new(store: Store, clock: Arc<dyn Clock>, worker: Worker) -> Self {
        Self {
            store,
            clock,
            worker,
            bases: DashMap::new(),
            embedder: None,
            reranker: None,
            chances: DashMap::new(),
            away: DashMap::new(),
            embedding: DashMap::new(),
        }
    }

    /// Has a model asked what passages mean.
    #[must_use]
    pub fn with_embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Has a model look again at what was found.
    #[must_use]
    pub fn with_reranker(mut self, reranker: Arc<dyn Reranker>) -> Self {
        self.reranker = Some(reranker);
        self
    }

    /// Puts passages in the order of the model that looks again, if there is one and it answers soon.
    async fn look_again(&self, question: &str, found: Vec<FoundPassage>) -> Vec<FoundPassage> {
        let Some(reranker) = &self.reranker else { return found };
        let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
        let order = match tokio::time::timeout(QUESTION, reranker.rerank(question, &texts)).await {
            Ok(Ok(order)) => order,
            Ok(Err(error)) => {
                tracing::warn!(%error, "what was found is left in its order");
                return found;
            }
            Err(_) => {
                tracing::warn!("what was found is left in its order: the reranking endpoint is too slow");
                return found;
            }
        };
        let mut found: Vec<Option<FoundPassage>> = found.into_iter().map(Some).collect();
        order.into_iter().filter_map(|place| found.get_mut(place)?.take()).collect()
    }

    /// Returns the base as it is now, and the model whose vectors it has.
    async fn base(&self, scope: KnowledgeScope) -> Result<(Arc<Base>, String), KnowledgeError> {
        let kept = self.bases.entry(scope.config).or_default().clone();
        // Whoever comes while it is built waits for it, instead of building it too.
        let mut kept = kept.lock().await;
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let rows::BaseRow { version, model } =
            rows::base(&mut tx, scope.tenant, scope.config).await.map_err(unavailable)?;
        if kept.version != version {
            let ranked = rows::ranked(&mut tx, scope.tenant, scope.config).await.map_err(unavailable)?;
            drop(tx);
            let read = move || -> Vec<_> {
                ranked.into_iter().map(|row| (Analysis::from_bytes(&row.analysis).ok(), row)).collect()
            };
            let mut ranked = tokio::task::spawn_blocking(read).await.map_err(unavailable)?;
            self.analyze_anew(scope, &mut ranked).await?;
            let base = tokio::task::spawn_blocking(move || build(&ranked)).await;
            *kept = Kept { version, model, base: Arc::new(base.map_err(unavailable)?) };
            self.make_room(scope.config);
        }
        Ok((kept.base.clone(), kept.model.clone()))
    }

    /// Asks the model of a base what a question means; nothing where that cannot be had soon.
    async fn meaning(&self, model: &str, question: &str) -> Option<Meaning> {
        let embedder = self.embedder.clone().filter(|_| !model.is_empty())?;
        if self.away.get(model).is_some_and(|until| self.clock.now() < *until) {
            return None;
        }
        let embedder = if embedder.model() == model { embedder } else { embedder.other(model)? };
        let embedder = embedder.once().unwrap_or(embedder);
        let cell = self.chances.entry(model.to_owned()).or_default().clone();
        let asked = async {
            let chance = *cell.get_or_try_init(|| embed::chance(&*embedder)).await?;
            Ok::<_, EndpointError>(Meaning { query: embed::question(&*embedder, question).await?, chance })
        };
        let too_slow = || EndpointError::Unavailable("it is too slow".to_owned());
        match tokio::time::timeout(QUESTION, asked).await.unwrap_or_else(|_| Err(too_slow())) {
            Ok(meaning) => {
                self.away.remove(model);
                Some(meaning)
            }
            Err(error) => {
                tracing::warn!(%error, model, "questions are answered by words alone for a while");
                self.away.insert(model.to_owned(), self.clock.now().plus_seconds(AWAY));
                None
            }
        }
    }

    /// Asks the model about some passages, and keeps what it says.
    async fn embed_some(
        &self,
        scope: KnowledgeScope,
        embedder: &dyn Embedder,
        some: &[CitedRow],
    ) -> Result<(), KnowledgeError> {
        // The same content is asked about once.
        let mut texts: BTreeMap<ContentHash, String> = BTreeMap::new();
        let hashes: Vec<ContentHash> = some
            .iter()
            .map(|row| {
                let text = asked_about(&context(called(row), &row.headings.0), &row.text);
                let hash = content_hash(&text);
                texts.insert(hash, text);
                hash
            })
            .collect();
        let asked: Vec<&str> = texts.values().map(String::as_str).collect();
        let answers = match embed::vectors(embedder, &asked).await {
            Ok(vectors) => vectors.iter().map(Vector::to_bytes).collect(),
            Err(EndpointError::Refused(_)) => one_by_one(embedder, &asked).await?,
            Err(error) => return Err(KnowledgeError::Unavailable(error.to_string())),
        };
        let vectors: BTreeMap<&ContentHash, &Vec<u8>> = texts.keys().zip(&answers).collect();
        let mut tx = self.store.write(scope.tenant).await.map_err(unavailable)?;
        for (row, hash) in some.iter().zip(&hashes) {
            if let Some(vector) = vectors.get(hash) {
                rows::keep_vector(&mut tx, scope.tenant, embedder.model(), row.id, *hash, vector)
                    .await
                    .map_err(unavailable)?;
            }
        }
        tx.commit().await.map_err(unavailable)
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
                let above = context(called(&found), &found.headings.0);
                let mut analyzer = Analyzer::new(Language::from_code(&row.language));
                *analysis = Some(Analysis::of(&mut analyzer, &above, &found.text));
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

    /// Reads what was given, in a process of its own where it is a file.
    pub(super) async fn document(
        &self,
        name: &str,
        kind: DocumentKind,
        content: &[u8],
    ) -> Result<Document, KnowledgeError> {
        match kind {
            DocumentKind::File | DocumentKind::Page => {
                self.worker.extract(name, content).await.map_err(|error| match error {
                    knowledge::extract::ExtractError::Unavailable => KnowledgeError::Unavailable(error.to_string()),
                    reason => KnowledgeError::Unreadable(sentence(&reason.to_string())),
                })
            }
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
    async fn read(&self, scope: KnowledgeScope, id: DocumentId) -> Result<Reading, KnowledgeError> {
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let view = rows::get(&mut tx, scope.tenant, id).await.map_err(unavailable)?;
        let content = rows::content(&mut tx, scope.tenant, id).await.map_err(unavailable)?;
        drop(tx);
        let (Some(view), Some(content)) = (view, content) else {
            // Deleted meanwhile.
            return Ok(Reading::Done);
        };
        // A page is called by its title, and its address says sooner what it is.
        let named = if view.url.is_empty() { &view.name } else { &view.url };
        let document = self.document(named, view.kind, &content).await?;
        let name = view.name.clone();
        let read = tokio::task::spawn_blocking(move || cut(&document, &name, id)).await.map_err(unavailable)?;
        if read.passages.is_empty() {
            return Err(KnowledgeError::Unreadable("The file holds no text.".to_owned()));
        }
        let mut tx = self.store.write(scope.tenant).await.map_err(unavailable)?;
        rows::finish(&mut tx, scope.tenant, scope.config, id, &read, self.clock.now()).await.map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(Reading::Done)
    }

    async fn search(&self, scope: KnowledgeScope, query: &KnowledgeQuery) -> Result<Vec<FoundPassage>, KnowledgeError> {
        let (base, model) = self.base(scope).await?;
        let meaning = self.meaning(&model, &query.text).await;
        let chance = meaning.as_ref().map(|meaning| meaning.chance);
        // Of more passages than are wanted, another look may find better ones.
        let most = if self.reranker.is_some() { query.most.max(LOOKED_AT) } else { query.most };
        let hits = tokio::task::spawn_blocking({
            let query = query.clone();
            move || {
                let documents: Vec<u128> = query.documents.iter().map(|id| id.0.as_u128()).collect();
                let vector = meaning.as_ref().map(|meaning| &meaning.query);
                let search = Search { text: &query.text, vector, most, documents: &documents, ..Search::default() };
                base.search(&search)
            }
        })
        .await
        .map_err(unavailable)?;
        let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits {
            let nearness = nearness(&hit, chance);
            if hit.coverage < COVERAGE && nearness.is_none_or(|near| near <= 0.0) {
                continue;
            }
            let id = PassageId(Uuid::from_u128(hit.passage));
            let row = rows::cited(&mut tx, scope.tenant, scope.config, id).await.map_err(unavailable)?;
            let Some(row) = row else { continue };
            found.push(shown(row, hit, nearness, &query.text));
        }
        drop(tx);
        let mut found = self.look_again(&query.text, found).await;
        found.truncate(query.most);
        Ok(found)
    }

    async fn loose(&self, name: &str, content: &[u8]) -> Result<Vec<LoosePassage>, KnowledgeError> {
        let document = self.document(name, DocumentKind::File, content).await?;
        let language = document.language();
        let passages = tokio::task::spawn_blocking(move || chunks(&document, ChunkOptions::default()));
        let passages: Vec<LoosePassage> = passages
            .await
            .map_err(unavailable)?
            .into_iter()
            .map(|chunk| LoosePassage {
                document: name.to_owned(),
                headings: chunk.headings,
                page: chunk.pages.map(|(first, _)| i64::from(first)),
                text: chunk.text.replace('\0', "\u{fffd}"),
                language: language.code().to_owned(),
            })
            .collect();
        if passages.is_empty() {
            return Err(KnowledgeError::Unreadable("The file holds no text.".to_owned()));
        }
        Ok(passages)
    }

    async fn search_loose(
        &self,
        passages: &Arc<[LoosePassage]>,
        query: &KnowledgeQuery,
    ) -> Result<Vec<FoundPassage>, KnowledgeError> {
        let (passages, query) = (passages.clone(), query.clone());
        tokio::task::spawn_blocking(move || search_loose(&passages, &query)).await.map_err(unavailable)
    }

    fn embeds(&self) -> bool {
        self.embedder.is_some()
    }

    async fn embed(&self, scope: KnowledgeScope) -> Result<Embedded, KnowledgeError> {
        let Some(embedder) = &self.embedder else { return Ok(Embedded::All) };
        let busy = self.embedding.entry(scope.config).or_default().clone();
        let Ok(_busy) = busy.try_lock() else { return Ok(Embedded::Elsewhere) };
        let (began, mut came) = (Instant::now(), false);
        let outcome = loop {
            let mut tx = self.store.read(scope.tenant).await.map_err(unavailable)?;
            let most = i64::try_from(BATCH).unwrap_or(i64::MAX);
            let some = rows::without_vector(&mut tx, scope.tenant, scope.config, embedder.model(), most).await;
            let model = rows::base(&mut tx, scope.tenant, scope.config).await.map_err(unavailable)?.model;
            drop(tx);
            let some = some.map_err(unavailable)?;
            if some.is_empty() {
                // Another document may have brought what this base has, or the model may be one of before.
                came |= model != embedder.model();
                break Ok(Embedded::All);
            }
            if began.elapsed() > STRETCH {
                break Ok(Embedded::Some);
            }
            if let Err(error) = self.embed_some(scope, &**embedder, &some).await {
                break Err(error);
            }
            came = true;
        };
        if came {
            let complete = matches!(outcome, Ok(Embedded::All));
            let mut tx = self.store.write(scope.tenant).await.map_err(unavailable)?;
            rows::vectors_came(&mut tx, scope.tenant, scope.config, embedder.model(), complete)
                .await
                .map_err(unavailable)?;
            tx.commit().await.map_err(unavailable)?;
        }
        outcome
    }

    async fn unembedded(&self) -> Result<Vec<(OrganizationId, ConfigId)>, KnowledgeError> {
        let Some(embedder) = &self.embedder else { return Ok(Vec::new()) };
        let mut tx = self.store.read(Scope::System).await.map_err(unavailable)?;
        rows::bases_without(&mut tx, embedder.model()).await.map_err(unavailable)
    }
}

/// Finds passages that are in no base: there are so few that one is built for each question.
fn search_loose(passages: &[LoosePassage], query: &KnowledgeQuery) -> Vec<FoundPassage> {
    let mut base = Base::default();
    for (place, passage) in (0_u128..).zip(passages) {
        let language = Language::from_code(&passage.language);
        let above = context(&passage.document, &passage.headings);
        let analysis = Analysis::of(&mut Analyzer::new(language), &above, &passage.text);
        base.add(Entry { passage: place, document: 0, language, analysis: &analysis, vector: None });
    }
    let hits = base.search(&Search { text: &query.text, most: query.most, ..Search::default() });
    hits.into_iter()
        .filter(|hit| hit.coverage >= COVERAGE)
        .filter_map(|hit| {
            let passage = passages.get(usize::try_from(hit.passage).ok()?)?;
            let row = CitedRow {
                id: PassageId(Uuid::from_u128(hit.passage)),
                document_id: DocumentId(Uuid::nil()),
                document_name: passage.document.clone(),
                document_url: String::new(),
                title: String::new(),
                headings: Json(passage.headings.clone()),
                first_page: passage.page,
                text: passage.text.clone(),
                language: passage.language.clone(),
            };
            Some(shown(row, hit, None, &query.text))
        })
        .collect()
}

/// Shows a passage that was found, and why.
fn shown(row: CitedRow, hit: Hit, nearness: Option<f32>, question: &str) -> FoundPassage {
    let pieces = in_pieces(&row, question);
    FoundPassage {
        id: row.id,
        document_id: row.document_id,
        document_name: row.document_name,
        document_url: row.document_url,
        headings: row.headings.0,
        page: row.first_page,
        pieces,
        text: row.text,
        matched: hit.matched.into_iter().map(|(word, _)| word).collect(),
        coverage: percent(hit.coverage),
        nearness: nearness.map(percent),
        score: f64::from(hit.score),
    }
}

/// Returns what a model is asked about a passage.
fn asked_about(context: &str, text: &str) -> String {
    if context.is_empty() { text.to_owned() } else { format!("{context}\n\n{text}") }
}

/// Returns what a document is called: its title, or the name that it was given with.
fn called(row: &CitedRow) -> &str {
    if row.title.is_empty() { &row.document_name } else { &row.title }
}

/// Asks about texts of which one was refused each by itself; those that are refused have an empty vector, and are
/// found by their words. That all are refused is the endpoint's doing, or the settings'.
async fn one_by_one(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<Vec<u8>>, KnowledgeError> {
    let mut answers = Vec::with_capacity(texts.len());
    let mut refusal = None;
    for text in texts {
        match embed::vectors(embedder, &[text]).await {
            Ok(vectors) => answers.push(vectors.first().map(Vector::to_bytes).unwrap_or_default()),
            Err(error @ EndpointError::Refused(_)) => {
                tracing::warn!(%error, model = embedder.model(), "a passage has no vector");
                answers.push(Vec::new());
                refusal = Some(error);
            }
            Err(error) => return Err(KnowledgeError::Unavailable(error.to_string())),
        }
        if let Some(error) = refusal.take_if(|_| answers.len() >= 3 && answers.iter().all(Vec::is_empty)) {
            return Err(KnowledgeError::Unreadable(error.to_string()));
        }
    }
    match refusal {
        Some(error) if answers.iter().all(Vec::is_empty) => Err(KnowledgeError::Unreadable(error.to_string())),
        _ => Ok(answers),
    }
}

/// Returns how near a passage's meaning is to the question's, from what chance gives (0 and less) to the same (1).
fn nearness(hit: &Hit, chance: Option<f32>) -> Option<f32> {
    let (cosine, chance) = (hit.cosine?, chance?);
    Some(if chance < 1.0 { ((cosine - chance) / (1.0 - chance)).max(0.0) } else { 0.0 })
}

/// Builds a base of the passages that are there.
fn build(ranked: &[(Option<Analysis>, RankedRow)]) -> Base {
    Base::of(ranked.iter().filter_map(|(analysis, row)| {
        Some(Entry {
            passage: row.id.0.as_u128(),
            document: row.document_id.0.as_u128(),
            language: Language::from_code(&row.language),
            analysis: analysis.as_ref()?,
            vector: row.vector.as_deref().and_then(|bytes| Vector::from_bytes(bytes).ok()),
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
        .map(|chunk| {
            let above = chunk.context(called);
            PassageRow {
                id: PassageId(fresh_id()),
                document_id: id,
                analysis: Analysis::of(&mut analyzer, &above, &chunk.text).to_bytes(),
                content_hash: content_hash(&asked_about(&above, &chunk.text)).to_vec(),
                headings: Json(chunk.headings),
                first_page: chunk.pages.map(|(first, _)| i64::from(first)),
                last_page: chunk.pages.map(|(_, last)| i64::from(last)),
                // PostgreSQL keeps every character but this one.
                text: chunk.text.replace('\0', "\u{fffd}"),
                language: language.code().to_owned(),
            }
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

/// The part of a passage that answers, in pieces of which every second one is a word that was asked for.
pub(super) fn in_pieces(row: &CitedRow, question: &str) -> Vec<String> {
    let part = snippet(&row.text, question, Language::from_code(&row.language), SNIPPET);
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

pub(super) fn unavailable(error: impl std::error::Error) -> KnowledgeError {
    KnowledgeError::Unavailable(services::error::chain(&error))
}
