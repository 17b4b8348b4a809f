//! What passages mean: asked once, found by it, and by words alone whenever the model is away.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{ConfigId, DocumentId, Permission};
use knowledge::extract::worker::{Bounds, Worker};
use knowledge::{Embedder, EndpointError, Reranker};
use server::adapters::knowledge::EmbeddedKnowledge;
use services::clock::fresh_id;
use services::ports::{Embedded, KnowledgeBase as _, KnowledgeError, KnowledgeQuery, KnowledgeScope};
use store::Scope;
use store::knowledge::{self as rows, NewDocument};
use testkit::{Bought, TestCtx, on_every_ctx};

/// Knows which words are alike, and nothing else.
#[derive(Clone, Debug)]
struct Alike {
    model: String,
    asked: Arc<Mutex<Vec<String>>>,
    away: Arc<AtomicBool>,
    /// How often it was asked, answered or not.
    calls: Arc<AtomicUsize>,
}

const GROUPS: [&[&str]; 3] =
    [&["refund", "money", "reimbursement"], &["boat", "kayak", "vessel"], &["parking", "car", "garage"]];

impl Alike {
    fn new(model: &str) -> Self {
        Self { model: model.to_owned(), asked: Arc::default(), away: Arc::default(), calls: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("a list").len()
    }
}

#[async_trait]
impl Embedder for Alike {
    fn model(&self) -> &str {
        &self.model
    }

    async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EndpointError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(EndpointError::Unavailable("away".to_owned()));
        }
        if texts.iter().any(|text| text.contains("unspeakable")) {
            return Err(EndpointError::Refused("status 400".to_owned()));
        }
        let mut asked = self.asked.lock().expect("a list");
        asked.extend(texts.iter().map(|text| (*text).to_owned()));
        let of = |text: &&str| {
            let lower = text.to_lowercase();
            let mut numbers: Vec<f32> =
                GROUPS.iter().map(|group| f32::from(u8::from(group.iter().any(|word| lower.contains(word))))).collect();
            // Every text has something of its own.
            let mut own = [0.0_f32; 61];
            own[lower.bytes().map(usize::from).sum::<usize>() % 61] = 0.3;
            numbers.extend(own);
            numbers
        };
        Ok(texts.iter().map(of).collect())
    }

    fn other(&self, model: &str) -> Option<Arc<dyn Embedder>> {
        Some(Arc::new(Self { model: model.to_owned(), ..self.clone() }))
    }
}

struct Base<'a> {
    t: &'a TestCtx,
    scope: KnowledgeScope,
}

impl<'a> Base<'a> {
    fn new(t: &'a TestCtx, bought: &Bought) -> Self {
        let member = bought.buyer.who.member(bought.buyer.organization, Permission::View).expect("the buyer");
        let tenant = member.tenant;
        Self { t, scope: KnowledgeScope { tenant, config: bought.config } }
    }

    fn with(&self, embedder: &Alike) -> EmbeddedKnowledge {
        // Answers need no reader.
        let worker = Worker::new("/nonexistent".into(), &[], Bounds::default(), 1);
        EmbeddedKnowledge::new(self.t.ctx.store.clone(), self.t.clock.clone(), worker)
            .with_embedder(Arc::new(embedder.clone()))
    }

    /// Gives an answer, and has it read.
    async fn give(&self, knowledge: &EmbeddedKnowledge, question: &str, answer: &str) -> DocumentId {
        let (id, content) = (DocumentId(fresh_id()), serde_json::json!({"question": question, "answer": answer}));
        let content = content.to_string().into_bytes();
        let new = NewDocument {
            id,
            config: self.scope.config,
            kind: domain::state::DocumentKind::Answer,
            name: question,
            hash: knowledge::embed::content_hash(question),
            content: &content,
        };
        let mut tx = self.t.ctx.store.write(self.scope.tenant).await.expect("a transaction");
        rows::insert(&mut tx, self.scope.tenant, &new, self.t.ctx.now()).await.expect("a write");
        tx.commit().await.expect("a commit");
        knowledge.read(self.scope, id).await.expect("read");
        id
    }

    async fn finds(&self, knowledge: &EmbeddedKnowledge, question: &str) -> Vec<String> {
        let query = KnowledgeQuery { text: question.to_owned(), most: 3, documents: Vec::new() };
        let found = knowledge.search(self.scope, &query).await.expect("a search");
        found.into_iter().map(|passage| passage.document_name).collect()
    }

    async fn model(&self) -> String {
        let mut tx = self.t.ctx.store.read(self.scope.tenant).await.expect("a transaction");
        rows::base(&mut tx, self.scope.tenant, self.scope.config).await.expect("a read").model
    }

    /// Counts vectors, of whichever model.
    async fn vectors(&self) -> i64 {
        let mut tx = self.t.ctx.store.read(Scope::System).await.expect("a transaction");
        let (count,): (i64,) = tx.query("SELECT COUNT(*) FROM knowledge_vectors").fetch_one().await.expect("a count");
        count
    }
}

#[tokio::test]
async fn a_passage_is_found_by_what_it_means_and_by_its_words_before_the_model_was_asked() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let alike = Alike::new("first");
        let knowledge = base.with(&alike);
        base.give(&knowledge, "When do I get my money?", "Ten days after we have it back.").await;
        base.give(&knowledge, "Where do I leave the car?", "Behind the sawmill.").await;
        assert_eq!(base.finds(&knowledge, "How long does a reimbursement take").await, [""; 0]);
        assert_eq!(base.finds(&knowledge, "sawmill").await, ["Where do I leave the car?"]);

        assert_eq!(knowledge.embed(base.scope).await.expect("vectors"), Embedded::All);
        assert_eq!(base.finds(&knowledge, "How long does a reimbursement take").await, ["When do I get my money?"]);
        assert_eq!(
            base.finds(&knowledge, "Who was the first emperor").await,
            [""; 0],
            "what is near nothing is not found"
        );
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn while_the_model_is_away_words_find_and_nothing_is_lost() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let alike = Alike::new("first");
        let knowledge = base.with(&alike);
        base.give(&knowledge, "When do I get my money?", "Ten days after we have it back.").await;
        alike.away.store(true, Ordering::SeqCst);
        let failed = knowledge.embed(base.scope).await;
        assert!(matches!(failed, Err(KnowledgeError::Unavailable(_))), "{failed:?}");
        assert_eq!(base.finds(&knowledge, "money back").await.len(), 1);

        alike.away.store(false, Ordering::SeqCst);
        assert_eq!(knowledge.unembedded().await.expect("a list").len(), 1);
        assert_eq!(knowledge.embed(base.scope).await.expect("vectors"), Embedded::All);
        assert_eq!(knowledge.unembedded().await.expect("a list").len(), 0);
        alike.away.store(true, Ordering::SeqCst);
        assert_eq!(base.finds(&knowledge, "money back").await.len(), 1);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_model_that_is_away_is_asked_by_one_question_in_half_a_minute_and_none_waits_for_the_others() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let alike = Alike::new("first");
        let knowledge = base.with(&alike);
        base.give(&knowledge, "When do I get my money?", "Ten days after we have it back.").await;
        knowledge.embed(base.scope).await.expect("vectors");
        alike.away.store(true, Ordering::SeqCst);
        let before = alike.calls.load(Ordering::SeqCst);
        for _ in 0..5 {
            assert_eq!(base.finds(&knowledge, "money back").await.len(), 1);
        }
        assert_eq!(alike.calls.load(Ordering::SeqCst), before + 1);
        alike.away.store(false, Ordering::SeqCst);
        assert_eq!(base.finds(&knowledge, "a reimbursement").await, [""; 0], "it is still taken to be away");
        t.clock.advance_seconds(31);
        assert_eq!(base.finds(&knowledge, "a reimbursement").await, ["When do I get my money?"]);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_content_is_asked_about_once_and_forgotten_with_its_last_passage() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let alike = Alike::new("first");
        let knowledge = base.with(&alike);
        let id = base.give(&knowledge, "When do I get my money?", "Ten days after we have it back.").await;
        knowledge.embed(base.scope).await.expect("vectors");
        let asked = alike.asked();
        // Read again, as after the reader became better.
        knowledge.read(base.scope, id).await.expect("read");
        knowledge.embed(base.scope).await.expect("vectors");
        assert_eq!((alike.asked(), base.vectors().await), (asked, 1));

        let mut tx = t.ctx.store.write(base.scope.tenant).await.expect("a transaction");
        rows::delete(&mut tx, base.scope.tenant, base.scope.config, id).await.expect("a write");
        tx.commit().await.expect("a commit");
        assert_eq!(base.vectors().await, 0);
        assert_eq!(base.finds(&knowledge, "a reimbursement").await, [""; 0]);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn another_model_takes_over_once_it_was_asked_about_everything() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let (first, second) = (Alike::new("first"), Alike::new("second"));
        let before = base.with(&first);
        base.give(&before, "When do I get my money?", "Ten days after we have it back.").await;
        before.embed(base.scope).await.expect("vectors");

        let after = base.with(&second);
        let waiting: Vec<(_, ConfigId)> = after.unembedded().await.expect("a list");
        assert_eq!(waiting, [(bought.buyer.organization, bought.config)]);
        assert_eq!(base.model().await, "first");
        let found = ["When do I get my money?"];
        assert_eq!(base.finds(&after, "a reimbursement").await, found, "the vectors of before serve");
        after.embed(base.scope).await.expect("vectors");
        assert_eq!((base.model().await.as_str(), base.vectors().await), ("second", 1));
        assert_eq!(base.finds(&after, "a reimbursement").await, found);
        assert_eq!(after.unembedded().await.expect("a list"), []);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_text_that_the_model_refuses_is_found_by_its_words_and_holds_up_no_other() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let alike = Alike::new("first");
        let knowledge = base.with(&alike);
        base.give(&knowledge, "When do I get my money?", "Ten days after we have it back.").await;
        base.give(&knowledge, "What is unspeakable?", "Nobody says.").await;
        assert_eq!(knowledge.embed(base.scope).await.expect("vectors"), Embedded::All);
        assert_eq!(base.finds(&knowledge, "a reimbursement").await, ["When do I get my money?"]);
        assert_eq!(base.finds(&knowledge, "Nobody says").await, ["What is unspeakable?"]);
        assert_eq!(knowledge.unembedded().await.expect("a list"), []);
        bought.finish().await;
    })
    .await;
}

/// Prefers whatever comes last, while it is there.
#[derive(Debug)]
struct Backwards {
    away: bool,
}

#[async_trait]
impl Reranker for Backwards {
    async fn rerank(&self, _: &str, passages: &[&str]) -> Result<Vec<usize>, EndpointError> {
        if self.away {
            Err(EndpointError::Unavailable("away".to_owned()))
        } else {
            Ok((0..passages.len()).rev().collect())
        }
    }
}

#[tokio::test]
async fn a_model_that_looks_again_decides_the_order_and_leaves_it_when_it_is_away() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let base = Base::new(&t, &bought);
        let alike = Alike::new("first");
        base.give(&base.with(&alike), "What is a kayak?", "The kayak is a boat of the north.").await;
        base.give(
            &base.with(&alike),
            "How do I get into the kayak?",
            "From the side, with the paddle across the stern.",
        )
        .await;
        let (here, away) = (Backwards { away: false }, Backwards { away: true });
        let words = base.finds(&base.with(&alike), "kayak").await;
        assert_eq!(words.len(), 2);
        assert_eq!(base.finds(&base.with(&alike).with_reranker(Arc::new(away)), "kayak").await, words);
        let turned: Vec<_> = words.into_iter().rev().collect();
        assert_eq!(base.finds(&base.with(&alike).with_reranker(Arc::new(here)), "kayak").await, turned);
        bought.finish().await;
    })
    .await;
}
