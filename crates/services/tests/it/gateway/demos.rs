//! A visitor's own files: tried with the demo they were given to, and gone with it.

use domain::OfferingId;
use services::Error;
use services::gateway::{self, DemoCall};
use services::ports::KnowledgeSource;
use testkit::{IP, TestCtx, on_every_ctx};

async fn give(
    t: &TestCtx,
    offering: OfferingId,
    session: Option<&str>,
    files: &[(&str, &str)],
) -> services::Result<String> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    gateway::give_demo(&t.ctx, offering, session.map(str::to_owned), IP, files).await
}

async fn ask(t: &TestCtx, offering: OfferingId, session: &str) -> Vec<String> {
    let call = DemoCall { offering, session_id: Some(session.to_owned()), input: "hello".to_owned(), ip: IP };
    gateway::admit_demo(&t.ctx, call).await.unwrap().answer(&t.ctx, None).await.unwrap();
    match &t.runtime.runs().last().unwrap().knowledge {
        Some(KnowledgeSource::Loose(passages)) => passages.iter().map(|passage| passage.text.clone()).collect(),
        Some(KnowledgeSource::Base(_)) => panic!("a visitor has no base"),
        None => Vec::new(),
    }
}

#[tokio::test]
async fn a_demo_answers_from_a_visitors_files_and_from_nobody_elses() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let offering = bought.offered.offering;
        let mine = give(&t, offering, None, &[("a.txt", "Alpha."), ("b.txt", "Beta.")]).await.unwrap();
        let theirs = give(&t, offering, None, &[("c.txt", "Gamma.")]).await.unwrap();
        assert_eq!(gateway::demo_files(&t.ctx, offering, &mine).await.unwrap(), ["a.txt", "b.txt"]);
        assert_eq!(ask(&t, offering, &mine).await, ["Alpha.", "Beta."]);
        assert_eq!(ask(&t, offering, &theirs).await, ["Gamma."]);
        assert_eq!(ask(&t, offering, "d-unknown").await, [""; 0]);

        gateway::forget_demo_files(&t.ctx, offering, &mine).await.unwrap();
        assert_eq!(ask(&t, offering, &mine).await, [""; 0]);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_visitors_files_are_gone_within_the_hour() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let offering = bought.offered.offering;
        let session = give(&t, offering, None, &[("a.txt", "Alpha.")]).await.unwrap();
        t.clock.advance_seconds(3601);
        assert_eq!(gateway::demo_files(&t.ctx, offering, &session).await.unwrap(), [""; 0]);
        let mut tx = t.ctx.store.write(store::Scope::System).await.unwrap();
        store::gateway::sweep(&mut tx, t.ctx.now(), t.ctx.now(), t.ctx.now()).await.unwrap();
        let (left,): (i64,) = tx.query("SELECT COUNT(*) FROM demo_documents").fetch_one().await.unwrap();
        assert_eq!(left, 0);
        tx.commit().await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_visitors_files_is_said_and_nothing_of_them_is_taken() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 60).await;
        let offering = bought.offered.offering;
        let large = "a".repeat(gateway::DEMO_FILE_BYTES + 1);
        let long = "a".repeat(1_000_001);
        for (files, words) in [
            (vec![], "choose a file"),
            (vec![("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], "three files"),
            (vec![("a", "1"), ("large", large.as_str())], "5 MB"),
            (vec![("long", long.as_str())], "too much text"),
            (vec![("a", "1"), ("b", "unreadable")], "b cannot be read: It is unreadable."),
        ] {
            match give(&t, offering, None, &files).await {
                Err(Error::Invalid(wrong)) => assert!(wrong[0].1.contains(words), "{wrong:?}"),
                other => panic!("{words}: {other:?}"),
            }
        }
        let session = give(&t, offering, None, &[("a", "1"), ("b", "2")]).await.unwrap();
        let more = give(&t, offering, Some(&session), &[("c", "3"), ("d", "4")]).await;
        assert!(matches!(more, Err(Error::Invalid(_))), "{more:?}");
        assert_eq!(give(&t, offering, Some(&session), &[("c", "3")]).await.unwrap(), session);
        bought.finish().await;
    })
    .await;
}
