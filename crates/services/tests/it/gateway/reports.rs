//! What remote runtimes report, and what visitors of demos are answered.

use domain::state::InvocationState;
use domain::view::Paging;
use services::configs;
use services::gateway::{self, DemoCall, UsageReport};
use services::ports::RuntimeError;
use testkit::{IP, on_every_ctx, saying};

use super::{is, refusal};

const SECRET: Option<&str> = Some("a secret of the runtime");

#[tokio::test]
async fn a_report_counts_once() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let report = UsageReport {
            config: bought.config,
            request_id: Some("run-7".to_owned()),
            calls: 1,
            input_tokens: 10,
            output_tokens: 20,
        };
        for wrong in [None, Some(""), Some("a secret of the runtim"), Some("another secret")] {
            assert_eq!(refusal(gateway::report_usage(&t.ctx, wrong, &report).await), is(401, "unauthorized"));
        }
        assert!(gateway::report_usage(&t.ctx, SECRET, &report).await.unwrap().recorded);
        assert!(!gateway::report_usage(&t.ctx, SECRET, &report).await.unwrap().recorded);
        let several = UsageReport { request_id: Some("run-8".to_owned()), calls: 3, ..report.clone() };
        assert!(gateway::report_usage(&t.ctx, SECRET, &several).await.unwrap().recorded);
        assert!(!gateway::report_usage(&t.ctx, SECRET, &several).await.unwrap().recorded);
        let usage = configs::usage(&t.ctx, &bought.buyer.who, bought.config, None, None).await.unwrap();
        assert_eq!((usage.calls, usage.used, usage.input_tokens, usage.output_tokens), (4, 4, 20, 40));
        let wrong = UsageReport { input_tokens: -1, ..report.clone() };
        assert_eq!(refusal(gateway::report_usage(&t.ctx, SECRET, &wrong).await), is(422, "invalid"));
        let unknown = UsageReport { config: domain::ConfigId(services::clock::fresh_id()), ..report };
        assert_eq!(refusal(gateway::report_usage(&t.ctx, SECRET, &unknown).await), is(404, "not_found"));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_the_gateway_ran_is_not_counted_again() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let key = t.secret_key(&bought).await.secret;
        let answer = t.ask(&key, saying("hello")).await.unwrap();
        let report = UsageReport {
            config: bought.config,
            request_id: Some(answer.request_id.to_string()),
            calls: 1,
            input_tokens: 10,
            output_tokens: 20,
        };
        assert!(!gateway::report_usage(&t.ctx, SECRET, &report).await.unwrap().recorded);
        let usage = configs::usage(&t.ctx, &bought.buyer.who, bought.config, None, None).await.unwrap();
        assert_eq!((usage.calls, usage.input_tokens), (1, 3));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_demo_answers_five_messages_and_bills_nothing() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let offering = bought.offered.offering;
        let ask = |session: Option<&str>, input: &str| {
            let call = DemoCall { offering, session_id: session.map(str::to_owned), input: input.to_owned(), ip: IP };
            let ctx = t.ctx.clone();
            async move { gateway::admit_demo(&ctx, call).await?.answer(&ctx, None).await }
        };
        let first = ask(None, "hello").await.unwrap();
        let session = Some(first.session_id.as_str());
        assert_eq!(first.remaining, 4);
        t.runtime.next_run(Err(RuntimeError::Failed("away".to_owned())));
        assert_eq!(refusal(ask(session, "hello").await), is(502, "bad_gateway"));
        for left in (0..4).rev() {
            assert_eq!(ask(session, "hello").await.unwrap().remaining, left);
        }
        assert_eq!(refusal(ask(session, "hello").await), is(402, "demo_over"));
        let history = t.runtime.runs().last().unwrap().history.len();
        assert_eq!(history, 8, "four exchanges were told to the flow");
        assert_eq!(refusal(ask(None, "").await), is(422, "invalid"));
        assert_eq!(refusal(ask(None, &"x".repeat(2_001)).await), is(413, "too_large"));
        let page = configs::invocations(
            &t.ctx,
            &bought.buyer.who,
            bought.config,
            None::<InvocationState>,
            Paging::clamped(1, 10),
        )
        .await
        .unwrap();
        assert_eq!(page.total, 0);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn messages_of_a_demo_at_once_are_no_more_than_allowed() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let offering = bought.offered.offering;
        let call =
            |session: Option<String>| DemoCall { offering, session_id: session, input: "hello".to_owned(), ip: IP };
        let demo = gateway::admit_demo(&t.ctx, call(None)).await.unwrap();
        let session = demo.answer(&t.ctx, None).await.unwrap().session_id;
        let tries = (0..12).map(|_| gateway::admit_demo(&t.ctx, call(Some(session.clone()))));
        let admitted = futures::future::join_all(tries).await.into_iter().flatten().count();
        assert_eq!(admitted, 4);
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_address_cannot_use_up_every_demo() {
    on_every_ctx(async |t| {
        let bought = t.bought(Some(100), 600).await;
        let call =
            || DemoCall { offering: bought.offered.offering, session_id: None, input: "hello".to_owned(), ip: IP };
        for _ in 0..30 {
            gateway::admit_demo(&t.ctx, call()).await.unwrap();
        }
        let error = gateway::admit_demo(&t.ctx, call()).await.unwrap_err();
        assert_eq!((error.status, error.retry_after), (429, Some(10)));
        bought.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_offering_that_is_not_listed_has_no_demo() {
    on_every_ctx(async |t| {
        let seller = t.provider("seller@example.com").await;
        let draft = t.draft_offering(&seller, "Helper").await;
        for offering in [draft.offering, domain::OfferingId(services::clock::fresh_id())] {
            let call = DemoCall { offering, session_id: None, input: "hello".to_owned(), ip: IP };
            assert_eq!(refusal(gateway::admit_demo(&t.ctx, call).await), is(404, "not_found"));
        }
    })
    .await;
}
