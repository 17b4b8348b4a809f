//! A repeated call gets the answer of the first, and costs nothing.

use services::configs;
use services::gateway::{self, Call};
use services::ports::RuntimeError;
use testkit::{on_every_ctx, saying};

use super::{is, refusal};

fn keyed(input: &str, key: &str) -> Call {
    Call { idempotency_key: Some(key.to_owned()), ..saying(input) }
}

#[tokio::test]
async fn a_repetition_is_answered_from_the_store() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        let first = t.ask(&key, keyed("hello", "k-1")).await.unwrap();
        let caller = t.caller(&key).await.unwrap();
        let second = gateway::invoke(&t.ctx, caller, keyed("hello", "k-1")).await.unwrap();
        assert!(second.replayed);
        assert_eq!(second.answer().await.unwrap(), first);
        assert_eq!(t.runtime.runs().len(), 1);
        let usage = configs::usage(&t.ctx, &bought.buyer.who, bought.config, None, None).await.unwrap();
        assert_eq!((usage.calls, usage.used), (1, 1));
        assert_eq!(refusal(t.ask(&key, keyed("goodbye", "k-1")).await), is(422, "idempotency_key_reused"));
        // Another caller's key of the same name is another key.
        let other = t.secret_key(&bought).await.secret;
        assert_ne!(t.ask(&other, keyed("hello", "k-1")).await.unwrap().request_id, first.request_id);
        for wrong in ["", "with space", "ä", &"x".repeat(256)] {
            assert_eq!(refusal(t.ask(&key, keyed("hello", wrong)).await), is(422, "invalid"), "{wrong}");
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn of_repetitions_at_once_one_runs_and_the_others_wait() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        let hold = t.runtime.hold_runs();
        let all = futures::future::join_all((0..8).map(|_| t.ask(&key, keyed("hello", "k-1"))));
        let release = async {
            while t.runtime.runs().is_empty() {
                tokio::task::yield_now().await;
            }
            hold.add_permits(1);
        };
        let (answers, ()) = tokio::join!(all, release);
        let ids: std::collections::BTreeSet<_> = answers.into_iter().map(|answer| answer.unwrap().request_id).collect();
        assert_eq!((ids.len(), t.runtime.runs().len()), (1, 1));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_call_may_be_repeated() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        t.runtime.next_run(Err(RuntimeError::Failed("away".to_owned())));
        assert_eq!(refusal(t.ask(&key, keyed("hello", "k-1")).await), is(502, "bad_gateway"));
        t.ask(&key, keyed("hello", "k-1")).await.unwrap();
        assert_eq!(t.runtime.runs().len(), 2);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_call_leaves_no_claim() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 4).await;
        let key = t.secret_key(&bought).await.secret;
        t.ask(&key, saying("hello")).await.unwrap();
        assert_eq!(refusal(t.ask(&key, keyed("hello", "k-1")).await), is(429, "rate_limited"));
        t.clock.advance_seconds(60);
        t.ask(&key, keyed("hello", "k-1")).await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        let first = t.ask(&key, keyed("hello", "k-1")).await.unwrap();
        t.clock.advance_seconds(86_399);
        gateway::sweep(&t.ctx).await.unwrap();
        assert_eq!(t.ask(&key, keyed("hello", "k-1")).await.unwrap().request_id, first.request_id);
        t.clock.advance_seconds(2);
        gateway::sweep(&t.ctx).await.unwrap();
        assert_ne!(t.ask(&key, keyed("hello", "k-1")).await.unwrap().request_id, first.request_id);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_claim_of_a_dead_process_is_worth_nothing() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        let first = t.ask(&key, keyed("hello", "k-1")).await.unwrap();
        let mut tx = t.ctx.store.write(store::Scope::System).await.unwrap();
        store::testing::texts(
            &mut tx,
            "UPDATE idempotency_keys SET status = NULL, answer = NULL RETURNING caller".to_owned(),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        t.clock.advance_seconds(120);
        assert_ne!(t.ask(&key, keyed("hello", "k-1")).await.unwrap().request_id, first.request_id);
        bought.finish().await;
    })
    .await;
}
