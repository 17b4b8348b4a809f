//! What happens later: once, again when it fails, by someone else when a process dies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::Timestamp;
use services::jobs::{self, Job};
use services::ports::Mail;
use services::{Ctx, mail};
use store::{Scope, jobs as rows};
use testkit::{TestCtx, on_every_ctx};
use tokio_util::sync::CancellationToken;

fn letter(subject: &str) -> Mail {
    Mail { to: "ada@example.com".parse().unwrap(), subject: subject.to_owned(), text: "Hello.".to_owned() }
}

async fn queue(ctx: &Ctx, subject: &str, at: Timestamp) {
    let mut tx = ctx.store.write(Scope::System).await.unwrap();
    jobs::enqueue(&mut tx, &Job::Mail(letter(subject)), ctx.now(), at, None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn counts(t: &TestCtx) -> (i64, i64) {
    let mut tx = t.ctx.store.read(Scope::System).await.unwrap();
    rows::counts(&mut tx).await.unwrap()
}

#[tokio::test]
async fn a_job_runs_when_it_is_due_and_not_before() {
    on_every_ctx(async |t| {
        queue(&t.ctx, "later", t.ctx.now().plus_seconds(60)).await;
        assert_eq!(t.run_jobs().await, 0);
        t.clock.advance_seconds(60);
        assert_eq!((t.run_jobs().await, t.mailer.sent().len(), counts(&t).await), (1, 1, (0, 0)));
    })
    .await;
}

#[tokio::test]
async fn a_job_of_a_transaction_that_is_not_committed_never_was() {
    on_every_ctx(async |t| {
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        mail::enqueue(&mut tx, t.ctx.now(), letter("never")).await.unwrap();
        drop(tx);
        assert_eq!((t.run_jobs().await, counts(&t).await), (0, (0, 0)));
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_process_died_is_run_by_the_next_one() {
    on_every_ctx(async |t| {
        queue(&t.ctx, "once", t.ctx.now()).await;
        let now = t.ctx.now();
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        let dying = rows::claim(&mut tx, now, now.plus_seconds(120)).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert_eq!(t.run_jobs().await, 0, "someone else has it");
        t.clock.advance_seconds(120);
        assert_eq!((t.run_jobs().await, t.mailer.sent().len()), (1, 1));

        // The process was only slow: what it says now changes nothing.
        queue(&t.ctx, "twice", t.ctx.now()).await;
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        rows::put_back(&mut tx, &dying, t.ctx.now().plus_seconds(9), "slow").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((t.run_jobs().await, counts(&t).await), (1, (0, 0)));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_nobody_can_read_is_set_aside_at_once() {
    on_every_ctx(async |t| {
        let mut tx = t.ctx.store.write(Scope::System).await.unwrap();
        let id = domain::JobId(services::clock::fresh_id());
        let new =
            rows::NewJob { id, kind: "of_tomorrow", payload: serde_json::json!({}), run_at: t.ctx.now(), dedupe: None };
        rows::insert(&mut tx, &new, t.ctx.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((t.run_jobs().await, counts(&t).await), (1, (0, 1)));
    })
    .await;
}

#[tokio::test]
async fn the_runner_wakes_for_a_new_job_and_stops_when_it_is_told() {
    on_every_ctx(async |t| {
        let stop = CancellationToken::new();
        let runner = tokio::spawn(jobs::run(t.ctx.clone(), stop.clone()));
        for number in 0..20 {
            queue(&t.ctx, &format!("number {number}"), t.ctx.now()).await;
            t.ctx.jobs_wake.notify_one();
        }
        while counts(&t).await != (0, 0) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        runner.await.unwrap();
        let mut subjects: Vec<String> = t.mailer.sent().into_iter().map(|mail| mail.subject).collect();
        subjects.sort();
        subjects.dedup();
        assert_eq!((subjects.len(), t.mailer.sent().len()), (20, 20), "each is sent once");
    })
    .await;
}
