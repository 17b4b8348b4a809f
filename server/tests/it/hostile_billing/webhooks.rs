//! Events that are not what they seem.

use axum::body::Body;
use axum::http::Request;
use domain::state::{OrderState, PaymentState};
use payments::signature;
use serde_json::json;
use server::config::{Config, StripeSection};
use store::{Scope, jobs};

use crate::app::{TestApp, on_every_app_with};
use crate::rails::{GOOD, SECRET, with_stripe};

fn with_stripe_that_nobody_asks(config: &mut Config) {
    config.stripe = StripeSection {
        secret_key: Some("sk_test_1".to_owned().into()),
        publishable_key: "pk_test_1".to_owned(),
        webhook_secret: Some(SECRET.to_owned().into()),
        connect_webhook_secret: None,
        portal_configuration: String::new(),
        api_base: "http://127.0.0.1:9/".to_owned(),
    };
}

async fn deliver(app: &TestApp, path: &str, body: &[u8], more: &[(&str, &str)]) -> crate::app::Answer {
    let signed = signature::sign(SECRET.as_bytes(), body, app.ctx.now().seconds()).expect("signed");
    let mut request = Request::post(path).header("stripe-signature", signed);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body.to_vec())).expect("a request")).await
}

fn event(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","type":"customer.created","livemode":false,"data":{{"object":{{"id":"cus_1"}}}}}}"#)
        .into_bytes()
}

#[tokio::test]
async fn an_event_that_was_acted_on_does_nothing_again_whatever_it_says_then() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        let events = shop.webhooks();
        for event in &events {
            shop.receive(event).await.expect("taken");
        }
        shop.t.run_jobs().await;
        assert_eq!(shop.state().await, OrderState::Done);
        for (body, header) in &events {
            // As it was caught on its way, a minute later.
            shop.pass(60);
            shop.receive(&(body.clone(), header.clone())).await.expect("taken");
            // The same id about something else, signed.
            let text = String::from_utf8(body.clone()).expect("text").replace(&session, "cs_test_of_somebody_else");
            shop.receive(&shop.signed(text.into_bytes())).await.expect("taken");
        }
        assert_eq!(shop.t.run_jobs().await, 0);
        let paid: Vec<PaymentState> = shop.payments().await.into_iter().map(|(state, _)| state).collect();
        assert_eq!(paid, [PaymentState::Succeeded]);
        shop.books_hold().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_is_caught_too_late_to_be_sent_again() {
    with_stripe(async |shop| {
        let session = shop.session().await;
        assert!(shop.pay_at(&session, GOOD).await);
        let caught = shop.webhooks();
        shop.pass(301);
        for event in &caught {
            assert!(shop.receive(event).await.is_err());
        }
        assert_eq!(shop.t.run_jobs().await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_is_asked_for_again_and_taken_then() {
    on_every_app_with(with_stripe_that_nobody_asks, async |app| {
        let turn = async |statement: bool| {
            let mut tx = app.ctx.store.write(Scope::System).await.expect("a transaction");
            if statement {
                tx.query("ALTER TABLE rail_events RENAME TO rail_events_away").execute().await.expect("away").any();
            } else {
                tx.query("ALTER TABLE rail_events_away RENAME TO rail_events").execute().await.expect("back").any();
            }
            tx.commit().await.expect("done");
        };
        let body = event("evt_1");
        turn(true).await;
        let answer = deliver(app, "/api/stripe/webhook/", &body, &[]).await;
        turn(false).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(!answer.text.contains("rail_events"), "{}", answer.text);
        let answer = deliver(app, "/api/stripe/webhook/", &body, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn a_body_is_verified_as_it_came_and_never_unpacked() {
    on_every_app_with(with_stripe_that_nobody_asks, async |app| {
        // Gzip of a good event, signed as it came: it is no event. Unpacking it would be work for everybody who asks.
        let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*.I,I\x05\x00".to_vec();
        let answer = deliver(app, "/api/stripe/webhook/", &packed, &[("content-encoding", "gzip")]).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        // A body that only says that it is packed is read as it is.
        let answer = deliver(app, "/api/stripe/webhook/", &event("evt_2"), &[("content-encoding", "gzip")]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_of_an_event_is_its_name_and_nothing_that_buyers_told_stripe() {
    with_stripe(async |shop| {
        let body = json!({"id": "evt_told", "type": "customer.created", "livemode": false, "data": {"object": {
            "id": "cus_1", "email": "ada@secret.example", "name": "Ada Hunter", "address": {"line1": "Secret Street 1"}}}});
        shop.receive(&shop.signed(body.to_string().into_bytes())).await.expect("taken");
        let mut tx = shop.t.ctx.store.read(Scope::System).await.expect("a transaction");
        let kept = store::orders::event(&mut tx, shop.rail().rail(), "evt_told").await.expect("a row").expect("an event");
        let text = kept.payload.0.to_string();
        for word in ["ada@secret", "Hunter", "Secret Street"] {
            assert!(!text.contains(word), "{text}");
        }
        let queued = jobs::list(&mut tx, 100).await.expect("jobs");
        assert!(queued.iter().any(|job| job.kind == "rail_event"));
        assert!(queued.iter().all(|job| !format!("{job:?}").contains("Hunter")));
    })
    .await;
}

#[tokio::test]
async fn without_its_last_slash_an_address_is_the_same_and_with_two_it_is_none() {
    on_every_app_with(with_stripe_that_nobody_asks, async |app| {
        let body = event("evt_3");
        for path in ["/api/stripe/webhook", "/api/site-agent/api/stripe/webhook/", "/api/site-agent/api/stripe/webhook"]
        {
            assert_eq!(deliver(app, path, &body, &[]).await.status, 200, "{path}");
        }
        for path in ["/api/stripe/webhook//", "/api//stripe/webhook/", "/api/site-agent/api/stripe//webhook/"] {
            let status = deliver(app, path, &body, &[]).await.status.as_u16();
            assert!(matches!(status, 404 | 405), "{path}: {status}");
        }
    })
    .await;
}
