//! Every answer is recorded exactly once, and what is recorded adds up.

use domain::state::InvocationState;
use domain::view::chat::StreamEvent;
use domain::view::config::InvocationView;
use domain::view::{Page, Paging};
use services::configs;
use services::gateway::{self, Call};
use services::ports::{RunOutput, Turn};
use testkit::{Bought, TestCtx, on_every_ctx, saying};

async fn recorded(t: &TestCtx, bought: &Bought, state: Option<InvocationState>) -> Page<InvocationView> {
    configs::invocations(&t.ctx, &bought.buyer.who, bought.config, state, Paging::clamped(1, 100)).await.unwrap()
}

#[tokio::test]
async fn an_answer_is_recorded_before_it_ends() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await;
        let caller = t.caller(&key.secret).await.unwrap();
        let mut running = gateway::invoke(&t.ctx, caller, saying("hello")).await.unwrap();
        let mut text = String::new();
        let mut ended = None;
        let mut first = true;
        while let Some(event) = running.events.recv().await {
            match event {
                StreamEvent::Session { request_id, session_id } => {
                    assert!(std::mem::take(&mut first), "the session comes first");
                    assert_eq!((request_id, &session_id), (running.request_id, &running.session_id));
                }
                StreamEvent::Token { text: piece } => text.push_str(&piece),
                StreamEvent::MessageEnd(answer) => {
                    let rows = recorded(&t, &bought, Some(InvocationState::Succeeded)).await.rows;
                    assert_eq!((rows.len(), rows[0].id), (1, answer.request_id));
                    ended = Some(answer);
                }
                StreamEvent::Step { .. } => {}
                StreamEvent::Error { detail, .. } => panic!("{detail}"),
            }
        }
        let answer = ended.unwrap();
        assert_eq!(answer.output, text);
        assert_eq!((answer.usage.input_tokens, answer.usage.output_tokens), (3, 5));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_sums_are_the_sums_of_the_rows() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(1000), 60_000).await;
        let key = t.secret_key(&bought).await.secret;
        for number in 0..40 {
            if number % 4 == 0 {
                t.runtime.next_run(Err(services::ports::RuntimeError::Failed("away".to_owned())));
            }
        }
        let outcomes = futures::future::join_all((0..100).map(|_| t.ask(&key, saying("hello")))).await;
        let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let mut ids: Vec<_> = outcomes.into_iter().flatten().map(|answer| answer.request_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((answered, ids.len()), (90, 90));
        let usage = configs::usage(&t.ctx, &bought.buyer.who, bought.config, None, None).await.unwrap();
        assert_eq!((usage.calls, usage.failed, usage.used), (90, 10, 90));
        assert_eq!((usage.input_tokens, usage.output_tokens), (270, 450));
        assert_eq!(recorded(&t, &bought, Some(InvocationState::Succeeded)).await.total, 90);
        assert_eq!(recorded(&t, &bought, Some(InvocationState::Failed)).await.total, 10);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_goes_away_is_counted_all_the_same() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        let hold = t.runtime.hold_runs();
        let caller = t.caller(&key).await.unwrap();
        let running = gateway::invoke(&t.ctx, caller, saying("hello")).await.unwrap();
        let id = running.request_id;
        drop(running);
        hold.add_permits(1);
        let (ctx, config, who) = (t.ctx.clone(), bought.config, bought.buyer.who.clone());
        // The end of the gateway waits for the call.
        bought.finish().await;
        let rows = configs::invocations(&ctx, &who, config, None, Paging::clamped(1, 10)).await.unwrap().rows;
        assert_eq!((rows.len(), rows[0].id, rows[0].state), (1, id, InvocationState::Succeeded));
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_remembered_and_told_to_the_flow() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        let call = |input: &str| Call { session_id: Some("s-1".to_owned()), ..saying(input) };
        let output = RunOutput { text: "Red.".to_owned(), input_tokens: 1, output_tokens: 1, ..RunOutput::default() };
        t.runtime.next_run(Ok(output));
        t.ask(&key, call("Which colour?")).await.unwrap();
        t.ask(&key, call("And now?")).await.unwrap();
        let other = Call { session_id: Some("s-2".to_owned()), ..saying("Which colour?") };
        t.ask(&key, other).await.unwrap();
        let runs = t.runtime.runs();
        let said = |agent, text: &str| Turn { agent, text: text.to_owned() };
        assert_eq!(runs[0].history, []);
        assert_eq!(runs[1].history, [said(false, "Which colour?"), said(true, "Red.")]);
        assert_eq!(runs[2].history, [], "another conversation knows nothing of it");
        assert_eq!(runs[1].organization, bought.buyer.organization);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_process_died_is_given_up_and_costs_nothing() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await;
        let row = store::gateway::InvocationRow {
            id: domain::InvocationId(services::clock::fresh_id()),
            organization: bought.buyer.organization,
            config: bought.config,
            subscription: bought.subscription,
            provider: bought.offered.provider,
            offering: bought.offered.offering,
            key: Some(key.key.id),
            session: "s-1".to_owned(),
            source: domain::state::Source::Api,
            state: InvocationState::Running,
            status: 0,
            input_tokens: 0,
            output_tokens: 0,
            elapsed_ms: 0,
            error: String::new(),
            started: t.ctx.now(),
            finished: t.ctx.now(),
        };
        let mut tx = t.ctx.store.write(store::Scope::System).await.unwrap();
        store::gateway::begin_invocation(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
        gateway::sweep(&t.ctx).await.unwrap();
        assert_eq!(recorded(&t, &bought, Some(InvocationState::Running)).await.total, 1, "it may still run");
        t.clock.advance_seconds(600);
        gateway::sweep(&t.ctx).await.unwrap();
        let usage = configs::usage(&t.ctx, &bought.buyer.who, bought.config, None, None).await.unwrap();
        assert_eq!((usage.calls, usage.failed, usage.used), (0, 1, 0));
        assert_eq!(recorded(&t, &bought, Some(InvocationState::Unknown)).await.total, 1);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_door_passes_the_same_admission() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(3), 600).await;
        let who = &bought.buyer.who;
        let key = t.secret_key(&bought).await.secret;
        let pages = ["https://shop.example"];
        let page = t
            .key(&bought, domain::state::KeyKind::Publishable, &[domain::state::KeyScope::Invoke], &pages)
            .await
            .secret;
        let opened = super::pages::open(&t, &bought, &page, pages[0]).await.unwrap();
        let doors = [
            t.caller(&key).await.unwrap(),
            gateway::authenticate(&t.ctx, &testkit::page_credential(&page, pages[0])).await.unwrap(),
            t.caller(&opened.token).await.unwrap(),
            gateway::portal_caller(&t.ctx, who, bought.config).await.unwrap(),
        ];
        for (number, door) in doors.iter().enumerate() {
            // A door that is not in this list does not compile.
            match door {
                gateway::Caller::Key(_) | gateway::Caller::Session(_) | gateway::Caller::Portal { .. } => {}
            }
            let outcome = gateway::invoke(&t.ctx, door.clone(), saying("hello")).await;
            assert_eq!(outcome.is_ok(), number < 3, "the fourth call of three is refused, whoever makes it");
            if let Ok(running) = outcome {
                running.answer().await.unwrap();
            }
        }
        for door in doors {
            assert_eq!(
                super::refusal(gateway::invoke(&t.ctx, door, saying("hello")).await),
                super::is(402, "quota_exceeded")
            );
        }
        let message = gateway::PageMessage { input: "hello", handle: None, once: None, ip: testkit::IP };
        assert_eq!(
            super::refusal(gateway::page_message(&t.ctx, bought.config, message).await),
            super::is(402, "quota_exceeded")
        );
        bought.finish().await;
    })
    .await;
}
