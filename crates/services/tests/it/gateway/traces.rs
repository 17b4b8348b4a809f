//! What a provider sees of the runs of its flows, and what it does not.

use domain::state::InvocationState;
use domain::view::Paging;
use domain::view::config::ConfigPatch;
use domain::view::trace::TraceView;
use domain::{InvocationId, view::Page, view::trace::RunView};
use services::ports::{RuntimeError, TraceDetail};
use services::{Error, configs, gateway, provider};
use testkit::{Bought, TestCtx, on_every_ctx, saying};

const SAID: &str = "My account is 4711.";

async fn runs(t: &TestCtx, bought: &Bought, state: Option<InvocationState>) -> Page<RunView> {
    let Bought { offered, .. } = bought;
    provider::runs(&t.ctx, &offered.seller, offered.agent, state, Paging::clamped(1, 50)).await.unwrap()
}

async fn trace(t: &TestCtx, bought: &Bought, id: InvocationId) -> TraceView {
    provider::trace(&t.ctx, &bought.offered.seller, id).await.unwrap()
}

async fn share(t: &TestCtx, bought: &Bought, share: bool) {
    let patch = ConfigPatch { share_texts: Some(share), ..ConfigPatch::default() };
    configs::update(&t.ctx, &bought.buyer.who, bought.config, patch).await.unwrap();
}

fn words(view: &TraceView) -> Option<&str> {
    view.steps[0].inputs[0].text.as_deref()
}

#[tokio::test]
async fn a_provider_sees_each_run_and_no_word_of_it() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        let key = t.secret_key(&bought).await.secret;
        let answered = t.ask(&key, saying(SAID)).await.unwrap().request_id;
        t.runtime.next_run(Err(RuntimeError::Failed("It failed.".to_owned())));
        t.ask(&key, saying(SAID)).await.unwrap_err();

        assert!(t.runtime.runs().iter().all(|run| run.trace == TraceDetail::Shapes));
        let all = runs(&t, &bought, None).await;
        assert_eq!((all.total, all.rows.len()), (2, 2));
        assert!(all.rows.iter().all(|run| !run.texts && run.version == "1.0.0"));
        let failed = runs(&t, &bought, Some(InvocationState::Failed)).await.rows;
        assert_eq!((failed.len(), failed[0].status), (1, 502));
        for id in [answered, failed[0].id] {
            let view = trace(&t, &bought, id).await;
            assert_eq!((view.steps.len(), view.steps[0].name.as_str(), view.steps[0].inputs[0].bytes), (1, "Ask", 5));
            let all = serde_json::to_string(&view).unwrap();
            assert!(!all.contains("4711"), "{all}");
            assert!(!all.contains(&bought.buyer.organization.to_string()), "whose run it was is not said: {all}");
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_else_sees_a_run() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        let key = t.secret_key(&bought).await.secret;
        let id = t.ask(&key, saying(SAID)).await.unwrap().request_id;
        let other = t.provider("other@example.com").await;
        for who in [&other.who, &bought.buyer.who] {
            let list = provider::runs(&t.ctx, who, bought.offered.agent, None, Paging::default()).await;
            assert!(matches!(list, Err(Error::NotFound("agent"))), "{list:?}");
            let one = provider::trace(&t.ctx, who, id).await;
            assert!(matches!(one, Err(Error::NotFound("run"))), "{one:?}");
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_said_is_kept_while_the_buyer_allows_it() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        let key = t.secret_key(&bought).await.secret;
        let before = t.ask(&key, saying(SAID)).await.unwrap().request_id;
        share(&t, &bought, true).await;
        let shared = t.ask(&key, saying(SAID)).await.unwrap().request_id;
        assert_eq!(t.runtime.runs().last().unwrap().trace, TraceDetail::Texts);
        assert_eq!(words(&trace(&t, &bought, shared).await), Some(SAID));
        assert_eq!(words(&trace(&t, &bought, before).await), None, "what was said before is not in it");
        assert!(trace(&t, &bought, shared).await.run.texts);

        // One more is under way while consent is taken back.
        let hold = t.runtime.hold_runs();
        let caller = t.caller(&key).await.unwrap();
        let running = gateway::invoke(&t.ctx, caller, saying(SAID)).await.unwrap();
        let late = running.request_id;
        while t.runtime.runs().len() < 3 {
            tokio::task::yield_now().await;
        }
        share(&t, &bought, false).await;
        hold.add_permits(1);
        running.answer().await.unwrap();
        for id in [shared, late] {
            let view = trace(&t, &bought, id).await;
            assert_eq!((words(&view), view.run.texts), (None, false));
        }
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn only_who_may_manage_keys_decides_what_the_provider_reads() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        let who = &bought.buyer.who;
        let guest = t.register("guest@example.com").await;
        let role = domain::Role::Member;
        services::organizations::invite(&t.ctx, who, bought.buyer.organization, "guest@example.com", role)
            .await
            .unwrap();
        let token = testkit::invitation_token(&t.ctx.store, &t.mailer, "guest@example.com").await;
        services::organizations::accept_invitation(&t.ctx, &guest.who, &token).await.unwrap();
        let guest = t.refreshed(guest).await;
        let patch = ConfigPatch { share_texts: Some(true), ..ConfigPatch::default() };
        let refused = configs::update(&t.ctx, &guest.who, bought.config, patch).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn traces_are_kept_for_two_weeks() {
    on_every_ctx(async |t| {
        let bought = t.bought(None, 600).await;
        let key = t.secret_key(&bought).await.secret;
        t.ask(&key, saying(SAID)).await.unwrap();
        for (days, left) in [(13, 1), (2, 0)] {
            t.clock.advance_seconds(days * 86_400);
            gateway::sweep(&t.ctx).await.unwrap();
            assert_eq!(runs(&t, &bought, None).await.total, left);
        }
        bought.finish().await;
    })
    .await;
}
