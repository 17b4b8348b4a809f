//! The bases of documents under the one contract that they share (`testkit::knowledge_contract`), and what is RAGFlow's
//! alone.
//!
//! The RAGFlow server here is a double; `cargo xtask prove ragflow` has RAGFlow's own client check it.

use std::sync::Arc;

use domain::state::DocumentState;
use knowledge::extract::worker::{Bounds, Worker};
use server::adapters::knowledge::EmbeddedKnowledge;
use server::adapters::ragflow::RagflowKnowledge;
use server::config::Config;
use services::clock::Clock;
use services::knowledge::{self as documents, NewSource};
use services::ports::KnowledgeBase;
use store::Store;
use testkit::knowledge_contract::Subject;
use testkit::{RAGFLOW_KEY, RagflowDouble, RagflowVersion, TestCtx, on_every_database};

fn embedded(store: Store, clock: Arc<dyn Clock>) -> EmbeddedKnowledge {
    let worker = Worker::new(env!("CARGO_BIN_EXE_cmp").into(), &["extract"], Bounds::default(), 2);
    EmbeddedKnowledge::new(store, clock, worker)
}

fn ragflow(url: &str, key: &str, store: Store, clock: Arc<dyn Clock>) -> RagflowKnowledge {
    let here = embedded(store.clone(), clock.clone());
    RagflowKnowledge::new(url, key.to_owned().into(), store, clock, here).expect("a client")
}

async fn subject(store: Store, make: impl Fn(Store, Arc<dyn Clock>) -> Arc<dyn KnowledgeBase>) -> Subject {
    let mut base = None;
    let t = TestCtx::with_knowledge(store.clone(), TestCtx::settings(), |clock| {
        let made = make(store, clock);
        base = Some(made.clone());
        made
    })
    .await;
    Subject::new(base.expect("it was made"), t).await
}

async fn on_ragflow(version: RagflowVersion, test: impl AsyncFn(&Subject, &RagflowDouble)) {
    on_every_database(async |store| {
        let double = RagflowDouble::start(version).await;
        let url = double.url();
        let subject = subject(store, |store, clock| Arc::new(ragflow(&url, RAGFLOW_KEY, store, clock))).await;
        test(&subject, &double).await;
    })
    .await;
}

async fn holds(subject: &Subject) {
    let broken = subject.try_all().await;
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn the_embedded_engine_keeps_the_contract() {
    on_every_database(async |store| {
        holds(&subject(store, |store, clock| Arc::new(embedded(store, clock))).await).await;
    })
    .await;
}

/// What is true of the server after the contract.
fn leaves_nothing_else(double: &RagflowDouble, subject: &Subject) {
    let held = double.held();
    let names: Vec<&str> = held.iter().map(|(name, _)| name.as_str()).collect();
    let own = format!("cmp-{}", subject.bought.buyer.organization);
    let theirs = format!("cmp-{}", subject.stranger.0.organization);
    assert_eq!(names, [own.as_str(), theirs.as_str()], "an organization has one dataset");
    let documents = |name: &str| held.iter().find(|(it, _)| it == name).map(|(_, documents)| documents).expect("it");
    assert_eq!(documents(&theirs).len(), 1);
    for gone in ["cargo", "scan", "wreck", "Toll"] {
        assert!(documents(&own).iter().all(|name| !name.contains(gone)), "{gone} is still there: {held:?}");
    }
    for deletion in double.heard("DELETE ") {
        assert!(deletion["ids"].as_array().is_some_and(|ids| !ids.is_empty()), "this deletes everything: {deletion}");
    }
    for question in double.heard("POST /api/v1/retrieval") {
        assert!(question["document_ids"].as_array().is_some_and(|ids| !ids.is_empty()), "this asks everything");
    }
}

#[tokio::test]
async fn ragflow_0_14_keeps_the_contract() {
    on_ragflow(RagflowVersion::V014, async |subject, double| {
        holds(subject).await;
        leaves_nothing_else(double, subject);
    })
    .await;
}

#[tokio::test]
async fn ragflow_0_22_keeps_the_contract() {
    on_ragflow(RagflowVersion::V022, async |subject, double| {
        holds(subject).await;
        leaves_nothing_else(double, subject);
    })
    .await;
}

#[tokio::test]
async fn ragflow_0_27_keeps_the_contract() {
    on_ragflow(RagflowVersion::V027, async |subject, double| {
        holds(subject).await;
        leaves_nothing_else(double, subject);
    })
    .await;
}

fn file(name: &str, text: &str) -> NewSource {
    NewSource::File { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
}

/// Gives a document and has jobs run for as long as it takes.
async fn give(subject: &Subject, name: &str, text: &str) -> domain::view::knowledge::DocumentView {
    let (t, who) = (&subject.t, &subject.bought.buyer.who);
    let given = documents::add(&t.ctx, who, subject.bought.config, file(name, text)).await.expect("given");
    settle(subject, given.id).await
}

async fn settle(subject: &Subject, id: domain::DocumentId) -> domain::view::knowledge::DocumentView {
    let (t, who) = (&subject.t, &subject.bought.buyer.who);
    for _ in 0..600 {
        t.run_jobs().await;
        let document = documents::get(&t.ctx, who, id).await.expect("there");
        if !document.state.is_under_way() {
            return document;
        }
        t.clock.advance_seconds(10);
    }
    panic!("it was not read");
}

async fn finds(subject: &Subject, question: &str) -> Vec<String> {
    let found =
        documents::search(&subject.t.ctx, &subject.bought.buyer.who, subject.bought.config, question, None).await;
    found.expect("an answer").into_iter().map(|passage| passage.document_name).collect()
}

#[tokio::test]
async fn a_document_says_how_far_it_is_and_survives_a_busy_server() {
    on_ragflow(RagflowVersion::V022, async |subject, double| {
        let (t, who) = (&subject.t, &subject.bought.buyer.who);
        double.fail_next(503, "busy");
        double.fail_next(200, r#"{"code": 100, "message": "OperationalError(2013)"}"#);
        let given =
            documents::add(&t.ctx, who, subject.bought.config, file("a.txt", "Oars are ash.")).await.expect("it");
        let mut seen = Vec::new();
        for _ in 0..20 {
            t.run_jobs().await;
            let now = documents::get(&t.ctx, who, given.id).await.expect("there");
            if seen.last() != Some(&now.progress) {
                seen.push(now.progress);
            }
            t.clock.advance_seconds(2);
        }
        assert!(seen.len() > 3 && seen.is_sorted() && seen.last() == Some(&100), "{seen:?}");
        assert_eq!(finds(subject, "oars ash").await, ["a.txt"]);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_the_server_cannot_read_fails_with_a_reason_and_is_taken_off_it() {
    on_ragflow(RagflowVersion::V022, async |subject, double| {
        let document = give(subject, "old.doc", "\u{d0}\u{cf}").await;
        assert_eq!(document.state, DocumentState::Failed);
        assert!(document.reason.starts_with("The file could not be read"), "{}", document.reason);
        assert!(!document.reason.contains("chunking"), "what the server says is not for buyers");
        let scan = give(subject, "scan.png", "a picture of a page").await;
        assert_eq!((scan.state, scan.reason.as_str()), (DocumentState::Failed, "The file holds no text."));
        assert!(double.held().iter().all(|(_, documents)| documents.is_empty()), "{:?}", double.held());
    })
    .await;
}

#[tokio::test]
async fn documents_that_the_server_has_lost_are_sent_again_and_the_others_are_found_meanwhile() {
    for version in [RagflowVersion::V014, RagflowVersion::V027] {
        on_ragflow(version, async |subject, double| {
            let lost = give(subject, "lost.txt", "The jib is furled at dusk.").await;
            give(subject, "kept.txt", "The mainsail is furled at dusk.").await;
            double.lose("lost");
            assert_eq!(finds(subject, "furled dusk").await, ["kept.txt"]);
            assert_eq!(settle(subject, lost.id).await.state, DocumentState::Ready);
            assert_eq!(finds(subject, "furled dusk").await.len(), 2);
            double.lose_all();
            assert!(finds(subject, "furled dusk").await.is_empty());
            settle(subject, lost.id).await;
            for _ in 0..10 {
                subject.t.run_jobs().await;
                subject.t.clock.advance_seconds(10);
            }
            assert_eq!(finds(subject, "furled dusk").await.len(), 2);
        })
        .await;
    }
}

#[tokio::test]
async fn documents_of_the_embedded_engine_are_sent_when_a_server_is_named_and_found_here_when_it_is_taken_away() {
    on_every_database(async |store| {
        let double = RagflowDouble::start(RagflowVersion::V022).await;
        let here = subject(store.clone(), |store, clock| Arc::new(embedded(store, clock))).await;
        give(&here, "log.txt", "Ice was seen off the bow.").await;
        let there = ragflow(&double.url(), RAGFLOW_KEY, store.clone(), here.t.clock.clone());
        let unread = there.unread().await.expect("a list");
        assert_eq!(unread.len(), 1);
        let scope = here.scope();
        let mut steps = 0;
        while there.read(scope, unread[0].1).await.expect("a step") != services::ports::Reading::Done {
            steps += 1;
            here.t.clock.advance_seconds(10);
            assert!(steps < 20, "it does not end");
        }
        assert!(there.unread().await.expect("a list").is_empty());
        let query = services::ports::KnowledgeQuery { text: "ice bow".to_owned(), most: 3, documents: Vec::new() };
        assert_eq!(there.search(scope, &query).await.expect("found").len(), 1);
        // The passages are those that the server made; the embedded engine finds them all the same.
        assert_eq!(finds(&here, "ice bow").await, ["log.txt"]);
    })
    .await;
}

#[tokio::test]
async fn two_processes_make_one_dataset() {
    for version in [RagflowVersion::V014, RagflowVersion::V022] {
        on_ragflow(version, async |subject, double| {
            give(subject, "first.txt", "The first of them.").await;
            // This one does not know that there is a dataset, and does not see it the first time that it looks.
            let store = subject.t.ctx.store.clone();
            let other = ragflow(&double.url(), RAGFLOW_KEY, store, subject.t.clock.clone());
            double.fail_next(200, r#"{"code": 0, "data": []}"#);
            let who = &subject.bought.buyer.who;
            let given = documents::add(&subject.t.ctx, who, subject.bought.config, file("b.txt", "The second."))
                .await
                .expect("it");
            let scope = subject.scope();
            other.read(scope, given.id).await.expect("begun");
            let held = double.held();
            assert_eq!((held.len(), held[0].1.len()), (1, 2), "{held:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_wrong_key_or_address_is_told_when_the_program_starts_and_a_server_that_is_away_is_waited_for() {
    on_every_database(async |store| {
        let clock: Arc<dyn Clock> = Arc::new(services::clock::SystemClock);
        for version in [RagflowVersion::V014, RagflowVersion::V022, RagflowVersion::V027] {
            let double = RagflowDouble::start(version).await;
            let base = |key: &str| ragflow(&double.url(), key, store.clone(), clock.clone());
            base(RAGFLOW_KEY).check().await.expect("it is well");
            for wrong in ["ragflow-another", ""] {
                let error = base(wrong).check().await.expect_err("a wrong key").to_string();
                assert!(error.contains("ragflow.api_key") || wrong.is_empty(), "{version:?}: {error}");
            }
            double.fail_next(200, "<html>a portal</html>");
            let error = base(RAGFLOW_KEY).check().await.expect_err("another server").to_string();
            assert!(error.contains("ragflow.url"), "{error}");
            assert!(!format!("{:?}", base(RAGFLOW_KEY)).contains(RAGFLOW_KEY), "a key is not shown");
        }
        ragflow("http://127.0.0.1:1", RAGFLOW_KEY, store.clone(), clock).check().await.expect("it may come back");
        let mut config = Config::default();
        config.ragflow.url = "http://127.0.0.1:1".to_owned();
        assert!(!config.to_toml().contains(RAGFLOW_KEY));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_away_for_long_fails_a_document_and_a_question_says_so() {
    on_every_database(async |store| {
        let subject =
            subject(store, |store, clock| Arc::new(ragflow("http://127.0.0.1:1", RAGFLOW_KEY, store, clock))).await;
        let (t, who) = (&subject.t, &subject.bought.buyer.who);
        let given = documents::add(&t.ctx, who, subject.bought.config, file("a.txt", "x")).await.expect("given");
        for _ in 0..8 {
            t.run_jobs().await;
            t.clock.advance_seconds(3600);
        }
        let document = documents::get(&t.ctx, who, given.id).await.expect("there");
        assert_eq!(document.state, DocumentState::Failed);
        assert!(document.reason.contains("try again later"), "{}", document.reason);
        // Without a document there is nothing that would have to be asked.
        assert!(finds(&subject, "anything").await.is_empty());
    })
    .await;
}
