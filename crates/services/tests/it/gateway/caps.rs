//! Caps that an organization sets hold however many ask at once, and its people hear of them in time.

use domain::state::{KeyKind, KeyScope};
use domain::view::cap::{CapScope, CapView};
use services::gateway::{self, OpenSession};
use services::ports::RuntimeError;
use services::{Error, caps, keys};
use testkit::{Bought, TestCtx, on_every_ctx, page_credential, saying};

use super::{all_at_once, is, refusal};

/// Sets a cap.
async fn cap(t: &TestCtx, bought: &Bought, scope: impl ToString, calls: Option<i64>) -> CapView {
    let buyer = &bought.buyer;
    caps::set(&t.ctx, &buyer.who, buyer.organization, &scope.to_string(), calls).await.unwrap()
}

/// Returns how many calls are counted of something this month.
async fn used(t: &TestCtx, bought: &Bought, scope: impl ToString) -> i64 {
    let buyer = &bought.buyer;
    let all = caps::list(&t.ctx, &buyer.who, buyer.organization).await.unwrap();
    all.into_iter().find(|view| view.scope_id == scope.to_string()).unwrap().used
}

#[tokio::test]
async fn of_200_calls_on_the_last_unit_of_any_cap_exactly_one_is_answered() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 1_000_000).await;
        let made = t.secret_key(&bought).await;
        let organization = bought.buyer.organization.to_string();
        let scopes = [made.key.id.to_string(), bought.subscription.to_string(), organization];
        let mut before = 0;
        for scope in &scopes {
            // What was called before it was set counts, too.
            for _ in 0..3 {
                t.ask(&made.secret, saying("hello")).await.unwrap();
            }
            before += 3;
            assert_eq!(used(&t, &bought, scope).await, before);
            cap(&t, &bought, scope, Some(before + 1)).await;
            let (answered, refused) = all_at_once(&t, &made.secret, 200).await;
            assert_eq!((answered, used(&t, &bought, scope).await), (1, before + 1), "{scope}");
            assert!(refused.iter().all(|error| error.status == 402 && error.error == "cap_reached"), "{refused:?}");
            assert!(refused[0].detail.contains("2026-12-01"), "{}", refused[0].detail);
            before += 1;
            cap(&t, &bought, scope, None).await;
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_one_limit_refuses_or_that_fails_counts_against_none() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 60_000).await;
        let made = t.secret_key(&bought).await;
        let (key, organization) = (made.key.id, bought.buyer.organization);
        cap(&t, &bought, key, Some(5)).await;
        cap(&t, &bought, organization, Some(2)).await;
        t.runtime.next_run(Err(RuntimeError::Failed("the model is away".to_owned())));
        assert_eq!(refusal(t.ask(&made.secret, saying("hello")).await), is(502, "bad_gateway"));
        let (answered, refused) = all_at_once(&t, &made.secret, 40).await;
        assert_eq!((answered, refused.len()), (2, 38));
        assert_eq!((used(&t, &bought, key).await, used(&t, &bought, bought.subscription).await), (2, 2));
        // More is allowed: exactly what the key has left is answered.
        cap(&t, &bought, organization, Some(50)).await;
        let (answered, refused) = all_at_once(&t, &made.secret, 40).await;
        assert_eq!((answered, used(&t, &bought, key).await, used(&t, &bought, organization).await), (3, 5, 5));
        assert!(refused[0].detail.contains("this key"), "{}", refused[0].detail);
        // Another key of the agent is not held by the first one's cap.
        let other = t.secret_key(&bought).await.secret;
        t.ask(&other, saying("hello")).await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn two_processes_share_a_cap_and_hear_when_it_changes() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 1_000_000).await;
        let key = t.secret_key(&bought).await.secret;
        cap(&t, &bought, bought.buyer.organization, Some(30)).await;
        let twin = TestCtx::with_settings(t.ctx.store.clone(), t.ctx.settings.clone()).await;
        let stop = tokio_util::sync::CancellationToken::new();
        let running = tokio::spawn(gateway::run(twin.ctx.clone(), stop.clone()));
        let ((here, _), (there, _)) = tokio::join!(all_at_once(&t, &key, 40), all_at_once(&twin, &key, 40));
        assert_eq!((here + there, used(&t, &bought, bought.buyer.organization).await), (30, 30));
        // Less than what is used is allowed: nothing more is answered, in this process from the answer on.
        cap(&t, &bought, bought.buyer.organization, Some(10)).await;
        assert_eq!(refusal(t.ask(&key, saying("hello")).await), is(402, "cap_reached"));
        cap(&t, &bought, bought.buyer.organization, None).await;
        t.ask(&key, saying("hello")).await.unwrap();
        stop.cancel();
        running.await.unwrap();
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn conversations_in_a_page_count_against_the_key_that_opened_them() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let shop = "https://shop.example";
        let made = t.key(&bought, KeyKind::Publishable, &[KeyScope::Invoke], &[shop]).await;
        cap(&t, &bought, made.key.id, Some(1)).await;
        let credential = page_credential(&made.secret, shop);
        let opened = gateway::open_session(&t.ctx, OpenSession { config: bought.config, credential, handle: None })
            .await
            .unwrap();
        let say = async || {
            let caller = gateway::authenticate(&t.ctx, &page_credential(&opened.token, shop)).await?;
            gateway::invoke(&t.ctx, caller, saying("hello")).await?.answer().await
        };
        say().await.unwrap();
        assert_eq!(refusal(say().await), is(402, "cap_reached"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_regenerated_keeps_its_cap() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let made = t.secret_key(&bought).await;
        cap(&t, &bought, made.key.id, Some(1)).await;
        let again = keys::regenerate(&t.ctx, &bought.buyer.who, made.key.id).await.unwrap();
        assert_eq!(again.key.cap, Some(1));
        t.ask(&again.secret, saying("hello")).await.unwrap();
        assert_eq!(refusal(t.ask(&again.secret, saying("hello")).await), is(402, "cap_reached"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn owners_are_written_to_at_80_and_at_100_percent_once_each() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(10), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        cap(&t, &bought, bought.buyer.organization, Some(5)).await;
        let heard = async || {
            gateway::sweep(&t.ctx).await.unwrap();
            gateway::sweep(&t.ctx).await.unwrap();
            t.run_jobs().await;
            let letters = t.mailer.sent().into_iter().filter(|mail| mail.subject.contains("calls of this month"));
            letters
                .chain(t.mailer.sent().into_iter().filter(|mail| mail.subject.contains("this month’s calls")))
                .count()
        };
        for (asked, letters) in [(3, 0), (1, 1), (1, 2)] {
            for _ in 0..asked {
                t.ask(&key, saying("hello")).await.unwrap();
            }
            assert_eq!(heard().await, letters);
        }
        let letters = t.mailer.sent();
        let first = letters.iter().find(|mail| mail.subject.starts_with("80 %")).unwrap();
        assert!(first.text.contains("4 of the 5 calls") && first.text.contains("/caps/"), "{first:?}");
        assert_eq!(first.to.to_string(), "buyer@example.com");
        // More is allowed, and the plan's own quota comes near, too.
        cap(&t, &bought, bought.buyer.organization, Some(100)).await;
        for _ in 0..3 {
            t.ask(&key, saying("hello")).await.unwrap();
        }
        assert_eq!(heard().await, 3);
        let letters = t.mailer.sent();
        assert!(
            letters.last().unwrap().text.contains("8 of the 10 calls a month that its plan includes"),
            "{letters:?}"
        );
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn caps_are_set_by_those_who_buy_on_what_is_theirs_alone() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(10), 600).await;
        let (ctx, own) = (&t.ctx, &bought.buyer);
        let stranger = t.register("stranger@example.com").await;
        let subscription = bought.subscription.to_string();
        let set = async |who, organization, scope: &str, calls| caps::set(ctx, who, organization, scope, calls).await;
        let theirs = set(&stranger.who, stranger.organization, &subscription, Some(1)).await;
        assert!(matches!(theirs, Err(Error::NotFound("scope"))), "{theirs:?}");
        let there = set(&stranger.who, own.organization, &subscription, Some(1)).await;
        assert!(matches!(there, Err(Error::NotFound(_))), "{there:?}");
        for calls in [0, -1, i64::MIN, 1_000_000_001] {
            let wrong = set(&own.who, own.organization, &subscription, Some(calls)).await;
            assert!(matches!(wrong, Err(Error::Invalid(_))), "{calls}: {wrong:?}");
        }
        assert!(matches!(set(&own.who, own.organization, "mine", Some(1)).await, Err(Error::Invalid(_))));
        let listed = caps::list(ctx, &own.who, own.organization).await.unwrap();
        let scopes: Vec<CapScope> = listed.iter().map(|view| view.scope).collect();
        assert_eq!(scopes, [CapScope::Organization, CapScope::Subscription]);
        assert_eq!((listed[1].quota, listed[1].cap, listed[1].limit()), (Some(10), None, Some(10)));
        bought.finish().await;
    })
    .await;
}
