//! Limits and quotas hold however many ask at once.

use services::gateway::{self, Call};
use services::ports::RuntimeError;
use services::{Ctx, configs};
use testkit::{Bought, TestCtx, on_every_ctx, saying};

use super::{all_at_once, is, refusal};

async fn used(ctx: &Ctx, bought: &Bought) -> i64 {
    configs::get(ctx, &bought.buyer.who, bought.config).await.unwrap().used
}

#[tokio::test]
async fn of_64_calls_on_the_last_unit_exactly_one_is_admitted() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(10), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        for _ in 0..9 {
            t.ask(&key, saying("hello")).await.unwrap();
        }
        let (answered, refused) = all_at_once(&t, &key, 64).await;
        assert_eq!((answered, used(&t.ctx, &bought).await), (1, 10));
        assert!(refused.iter().all(|error| error.status == 402 && error.error == "quota_exceeded"), "{refused:?}");
        assert!(refused[0].detail.contains("2026-12-01"), "{}", refused[0].detail);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_quota_is_used_up_to_its_last_call() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(50), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        let (answered, _) = all_at_once(&t, &key, 80).await;
        assert_eq!((answered, used(&t.ctx, &bought).await), (50, 50));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn two_processes_share_one_quota_exactly() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(20), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        let twin = TestCtx::with_settings(t.ctx.store.clone(), t.ctx.settings.clone()).await;
        let stop = tokio_util::sync::CancellationToken::new();
        let running = tokio::spawn(gateway::run(twin.ctx.clone(), stop.clone()));
        let ((here, _), (there, _)) = tokio::join!(all_at_once(&t, &key, 30), all_at_once(&twin, &key, 30));
        assert_eq!((here + there, used(&t.ctx, &bought).await), (20, 20));
        stop.cancel();
        running.await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_call_costs_nothing() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(1), 600).await;
        let key = t.secret_key(&bought).await.secret;
        for (error, expected) in [
            (RuntimeError::Failed("the model is away".to_owned()), is(502, "bad_gateway")),
            (RuntimeError::Timeout("too slow".to_owned()), is(504, "timeout")),
            (RuntimeError::Refused("no such tweak".to_owned()), is(422, "refused")),
            (RuntimeError::Cancelled, is(503, "cancelled")),
        ] {
            t.runtime.next_run(Err(error));
            assert_eq!(refusal(t.ask(&key, saying("hello")).await), expected);
        }
        assert_eq!(used(&t.ctx, &bought).await, 0);
        t.ask(&key, saying("hello")).await.unwrap();
        assert_eq!(refusal(t.ask(&key, saying("hello")).await), is(402, "quota_exceeded"));
        let usage = configs::usage(&t.ctx, &bought.buyer.who, bought.config, None, None).await.unwrap();
        assert_eq!((usage.calls, usage.failed, usage.used), (1, 4, 1));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_month_is_a_new_quota() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(1), 600).await;
        let key = t.secret_key(&bought).await.secret;
        t.ask(&key, saying("hello")).await.unwrap();
        let error = t.ask(&key, saying("hello")).await.unwrap_err();
        t.clock.advance_seconds(error.retry_after.unwrap() - 1);
        assert_eq!(refusal(t.ask(&key, saying("hello")).await), is(402, "quota_exceeded"));
        t.clock.advance_seconds(1);
        t.ask(&key, saying("hello")).await.unwrap();
        assert_eq!(used(&t.ctx, &bought).await, 1);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_process_had_leased_returns_when_it_ends_and_when_it_dies() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(80), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        // A process that takes a lot of ten, uses one and dies.
        let dead = TestCtx::with_settings(t.ctx.store.clone(), t.ctx.settings.clone()).await;
        let stop = tokio_util::sync::CancellationToken::new();
        let running = tokio::spawn(gateway::run(dead.ctx.clone(), stop.clone()));
        dead.ask(&key, saying("hello")).await.unwrap();
        running.abort();
        let (answered, _) = all_at_once(&t, &key, 90).await;
        assert_eq!(answered, 70, "the dead process holds nine");
        t.clock.advance_seconds(600);
        gateway::sweep(&t.ctx).await.unwrap();
        let (answered, _) = all_at_once(&t, &key, 90).await;
        assert_eq!((answered, used(&t.ctx, &bought).await), (9, 80));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_minute_holds_so_many_calls() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 40).await;
        let key = t.secret_key(&bought).await.secret;
        let caller = t.caller(&key).await.unwrap();
        for left in (0..10).rev() {
            let running = gateway::invoke(&t.ctx, caller.clone(), saying("hello")).await.unwrap();
            let limits = running.limits.unwrap();
            assert_eq!((limits.limit, limits.remaining), (40, left));
            running.answer().await.unwrap();
        }
        let error = t.ask(&key, saying("hello")).await.unwrap_err();
        assert_eq!((error.status, error.error.as_str(), error.retry_after), (429, "rate_limited", Some(2)));
        assert_eq!(error.limits.map(|limits| limits.remaining), Some(0));
        assert_eq!(used(&t.ctx, &bought).await, 10, "a refused call is not counted");
        t.clock.advance_seconds(2);
        t.ask(&key, saying("hello")).await.unwrap();
        // Another key of the same agent shares the plan's limit.
        let other = t.secret_key(&bought).await.secret;
        assert_eq!(refusal(t.ask(&other, saying("hello")).await), is(429, "rate_limited"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_is_as_large_as_it_may_be() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        let key = t.secret_key(&bought).await.secret;
        t.ask(&key, saying(&"ä".repeat(32_000))).await.unwrap();
        assert_eq!(refusal(t.ask(&key, saying(&"ä".repeat(32_001))).await), is(413, "too_large"));
        assert_eq!(refusal(t.ask(&key, saying(" \n")).await), is(422, "invalid"));
        assert_eq!(refusal(t.ask(&key, saying("a\0b")).await), is(422, "invalid"));
        t.runtime.next_run(Ok(services::ports::RunOutput {
            text: "a\0b".to_owned(),
            input_tokens: 1,
            output_tokens: 1,
            ..Default::default()
        }));
        assert_eq!(t.ask(&key, saying("hello")).await.unwrap().output, "a\u{fffd}b");
        for session in ["", "a b", "ä", &"x".repeat(129)] {
            let call = Call { session_id: Some(session.to_owned()), ..saying("hello") };
            assert_eq!(refusal(t.ask(&key, call).await), is(422, "invalid"), "{session}");
        }
        let call = Call { session_id: Some("user_7:chat.1-a".to_owned()), ..saying("hello") };
        assert_eq!(t.ask(&key, call).await.unwrap().session_id, "user_7:chat.1-a");
        bought.finish().await;
    })
    .await;
}
