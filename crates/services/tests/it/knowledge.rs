//! Documents: given by those who may, read once they can be, deleted for good, and nobody else's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::state::DocumentState;
use domain::view::knowledge::{Citation, DocumentQuota, DocumentView};
use domain::view::provider::PlanForm;
use domain::{Currency, DocumentId, Money};
use services::knowledge::{self, NewSource};
use services::ports::{KnowledgeSource, RunOutput, RunRequest};
use services::{Error, gateway, provider};
use store::Scope;
use testkit::{Bought, TestCtx, on_every_ctx, saying};

fn file(name: &str, text: &str) -> NewSource {
    NewSource::File { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
}

async fn give(t: &TestCtx, bought: &Bought, text: &str) -> DocumentView {
    knowledge::add(&t.ctx, &bought.buyer.who, bought.config, file("handbook.txt", text)).await.unwrap()
}

async fn state(t: &TestCtx, bought: &Bought, id: DocumentId) -> (DocumentState, String) {
    let document = knowledge::get(&t.ctx, &bought.buyer.who, id).await.unwrap();
    (document.state, document.reason)
}

async fn finds(t: &TestCtx, bought: &Bought, word: &str) -> usize {
    knowledge::search(&t.ctx, &bought.buyer.who, bought.config, word, None).await.unwrap().len()
}

#[tokio::test]
async fn a_document_is_found_once_it_is_read_and_never_after_it_is_deleted() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let document = give(&t, &bought, "Refunds take ten days.").await;
        assert_eq!((document.state, finds(&t, &bought, "Refunds").await), (DocumentState::Pending, 0));
        t.run_jobs().await;
        assert_eq!(state(&t, &bought, document.id).await, (DocumentState::Ready, String::new()));
        assert_eq!(finds(&t, &bought, "Refunds").await, 1);

        knowledge::delete(&t.ctx, &bought.buyer.who, document.id).await.unwrap();
        assert_eq!(finds(&t, &bought, "Refunds").await, 0);
        let gone = knowledge::content(&t.ctx, &bought.buyer.who, document.id).await;
        assert!(matches!(gone, Err(Error::NotFound("document"))), "{gone:?}");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_same_content_twice_is_one_document() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let first = give(&t, &bought, "Refunds take ten days.").await;
        let again = give(&t, &bought, "Refunds take ten days.").await;
        assert_eq!(first.id, again.id);
        t.run_jobs().await;
        assert_eq!(finds(&t, &bought, "Refunds").await, 1);
        let totals = knowledge::totals(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
        assert_eq!((totals.documents, totals.bytes), (1, 22));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_document_that_cannot_be_read_says_why_and_may_be_tried_again() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let document = give(&t, &bought, "unreadable scribble").await;
        t.run_jobs().await;
        let failed = (DocumentState::Failed, "It is unreadable.".to_owned());
        assert_eq!(state(&t, &bought, document.id).await, failed);
        let again = knowledge::process(&t.ctx, &bought.buyer.who, document.id).await.unwrap();
        assert_eq!(again.state, DocumentState::Pending);
        t.run_jobs().await;
        assert_eq!(state(&t, &bought, document.id).await, failed);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_reads_documents_may_be_away_for_a_while_but_not_for_ever() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let document = give(&t, &bought, "later perhaps").await;
        t.run_jobs().await;
        assert_eq!(state(&t, &bought, document.id).await.0, DocumentState::Processing);
        for _ in 0..8 {
            t.clock.advance_seconds(3600);
            t.run_jobs().await;
        }
        let (state, reason) = state(&t, &bought, document.id).await;
        assert_eq!(state, DocumentState::Failed);
        assert!(reason.contains("try again later"), "{reason}");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_document_is_said_by_field() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let add = async |source| knowledge::add(&t.ctx, &bought.buyer.who, bought.config, source).await;
        let large = NewSource::File { name: "a".to_owned(), bytes: vec![b'a'; knowledge::FILE_BYTES + 1] };
        let empty_answer = NewSource::Answer { question: "Why?".to_owned(), answer: " ".to_owned() };
        for (source, field) in [(file("a.txt", ""), "file"), (large, "file"), (empty_answer, "answer")] {
            match add(source).await {
                Err(Error::Invalid(wrong)) => assert_eq!(wrong[0].0, field),
                other => panic!("{other:?}"),
            }
        }
        let named = add(file("..\\..\\etc/pass\nwd", "text")).await.unwrap();
        assert_eq!(named.name, "passwd");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_else_sees_finds_or_deletes_a_document() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let document = give(&t, &bought, "The canary of the first.").await;
        t.run_jobs().await;
        let other = t.register("other@example.com").await;
        let missing = |what: &'static str, error: Option<Error>| {
            assert!(matches!(error, Some(Error::NotFound(named)) if named == what), "{error:?}");
        };
        missing("document", knowledge::get(&t.ctx, &other.who, document.id).await.err());
        missing("document", knowledge::content(&t.ctx, &other.who, document.id).await.err());
        missing("document", knowledge::passages(&t.ctx, &other.who, document.id).await.err());
        missing("document", knowledge::process(&t.ctx, &other.who, document.id).await.err());
        missing("document", knowledge::delete(&t.ctx, &other.who, document.id).await.err());
        missing("agent", knowledge::list(&t.ctx, &other.who, bought.config).await.err());
        missing("agent", knowledge::search(&t.ctx, &other.who, bought.config, "canary", None).await.err());
        missing("agent", knowledge::add(&t.ctx, &other.who, bought.config, file("a", "b")).await.err());
        assert_eq!(finds(&t, &bought, "canary").await, 1);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_question_that_found_nothing_is_counted_until_there_is_more_to_read() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        give(&t, &bought, "Refunds take ten days.").await;
        t.run_jobs().await;
        let key = t.secret_key(&bought).await.secret;
        for question in ["Where do I  park?", "where do i park?"] {
            t.runtime.next_run(Ok(RunOutput { found_nothing: true, ..RunOutput::default() }));
            t.ask(&key, saying(question)).await.unwrap();
        }
        let of_config = |run: &RunRequest| matches!(&run.knowledge, Some(KnowledgeSource::Base(scope)) if scope.config == bought.config);
        assert!(t.runtime.runs().iter().all(of_config));
        let gaps = async || knowledge::gaps(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
        let found = gaps().await;
        assert_eq!((found.len(), found[0].question.as_str(), found[0].times), (1, "where do i park?", 2));
        give(&t, &bought, "Park behind the house.").await;
        t.run_jobs().await;
        assert_eq!(gaps().await, []);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_agent_without_documents_is_not_asked_about_them() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let key = t.secret_key(&bought).await.secret;
        t.ask(&key, saying("hello")).await.unwrap();
        assert!(t.runtime.runs()[0].knowledge.is_none());
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_is_told_the_sources_and_a_member_sees_them_again() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let document = give(&t, &bought, "Refunds take ten days.").await;
        t.run_jobs().await;
        let passage = knowledge::passages(&t.ctx, &bought.buyer.who, document.id).await.unwrap()[0].id;
        let citation = Citation {
            number: 1,
            document_id: document.id,
            passage_id: passage,
            name: "handbook.txt".to_owned(),
            url: String::new(),
            page: Some(3),
            text: "Refunds take".to_owned(),
        };
        let output =
            || RunOutput { text: "Ten days.".to_owned(), citations: vec![citation.clone()], ..RunOutput::default() };
        t.runtime.next_run(Ok(output()));
        let key = t.secret_key(&bought).await.secret;
        assert_eq!(t.ask(&key, saying("how long?")).await.unwrap().citations, std::slice::from_ref(&citation));

        t.runtime.next_run(Ok(output()));
        let caller = gateway::portal_caller(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
        gateway::invoke(&t.ctx, caller, saying("how long?")).await.unwrap().answer().await.unwrap();
        let said = gateway::portal_messages(&t.ctx, &bought.buyer.who, bought.config).await.unwrap();
        assert_eq!(said[1].citations, [citation]);
        assert!(said[0].citations.is_empty());
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_plan_says_how_many_documents_bytes_and_pages_an_agent_may_have() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let who = &bought.buyer.who;
        let totals = async || knowledge::totals(&t.ctx, who, bought.config).await.unwrap();
        assert_eq!(totals().await.most, DocumentQuota::default());
        let allow = async |most: DocumentQuota| {
            let seller = &bought.offered.seller;
            // A new plan: what was bought does not change under anyone.
            let plan = PlanForm {
                id: None,
                name: format!("{}, {}, {}", most.documents, most.bytes, most.pages),
                description: String::new(),
                price: Money::new(0, Currency::Usd),
                monthly_quota: None,
                requests_per_minute: None,
                terms: domain::pricing::Terms::default(),
                documents: Some(most),
            };
            provider::pause(&t.ctx, seller, bought.offered.offering).await.unwrap();
            let plan = provider::save_plan(&t.ctx, seller, bought.offered.offering, plan).await.unwrap();
            provider::unpause(&t.ctx, seller, bought.offered.offering).await.unwrap();
            assert_eq!(plan.documents, most);
            let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
            tx.query("UPDATE subscriptions SET plan_id = $2 WHERE id = $1")
                .bind(bought.subscription)
                .bind(plan.id)
                .execute()
                .await
                .unwrap()
                .any();
            tx.commit().await.unwrap();
        };
        let refused = async |text: &str, why: &str| {
            let given = knowledge::add(&t.ctx, who, bought.config, file("x.txt", text)).await;
            assert!(matches!(&given, Err(Error::Conflict(reason)) if reason.contains(why)), "{given:?}");
        };

        allow(DocumentQuota { documents: 2, bytes: 1_000_000, pages: 100 }).await;
        give(&t, &bought, "one").await;
        give(&t, &bought, "two").await;
        refused("three", "has 2 documents").await;
        // What is there already is no further one.
        give(&t, &bought, "two").await;
        t.run_jobs().await;

        allow(DocumentQuota { documents: 9, bytes: 1_000_000, pages: 2 }).await;
        refused("four", "has 2 pages").await;
        allow(DocumentQuota { documents: 9, bytes: 0, pages: 9 }).await;
        refused("four", "0 MB together").await;

        // How many pages a document has is known once it is read.
        allow(DocumentQuota { documents: 9, bytes: 1_000_000, pages: 3 }).await;
        give(&t, &bought, "three").await;
        let fourth = give(&t, &bought, "four beyond").await;
        t.run_jobs().await;
        let (became, reason) = state(&t, &bought, fourth.id).await;
        assert_eq!(became, DocumentState::Failed);
        assert!(reason.contains("has 3") && reason.contains("4 pages"), "{reason}");
        assert_eq!((finds(&t, &bought, "beyond").await, finds(&t, &bought, "three").await), (0, 1));
        assert_eq!((totals().await.documents, totals().await.pages), (4, 3));
        // With another plan it may be tried again.
        allow(DocumentQuota::default()).await;
        knowledge::process(&t.ctx, who, fourth.id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(finds(&t, &bought, "beyond").await, 1);
        bought.finish().await;
    })
    .await;
}
