//! The addresses that Stripe delivers to, tried with what strangers could send.

use axum::body::Body;
use axum::http::Request;
use payments::signature;
use serde_json::json;
use server::config::{Config, StripeSection};

use crate::app::{Answer, TestApp, on_every_app, on_every_app_with};

const SECRET: &str = "whsec_a_secret_of_tests";
const CONNECT: &str = "whsec_a_secret_of_connect";

/// With Stripe that is never asked: nobody listens there.
fn with_stripe(config: &mut Config) {
    config.stripe = StripeSection {
        secret_key: Some("sk_test_1".to_owned().into()),
        publishable_key: "pk_test_1".to_owned(),
        webhook_secret: Some(SECRET.to_owned().into()),
        connect_webhook_secret: Some(CONNECT.to_owned().into()),
        portal_configuration: String::new(),
        api_base: "http://127.0.0.1:9/".to_owned(),
    };
}

async fn deliver(app: &TestApp, path: &str, body: Vec<u8>, header: Option<&str>) -> Answer {
    let mut request = Request::post(path).header("content-type", "application/json");
    if let Some(header) = header {
        request = request.header("stripe-signature", header);
    }
    app.send(request.body(Body::from(body)).expect("a request")).await
}

fn signed(app: &TestApp, secret: &str, body: &[u8]) -> String {
    signature::sign(secret.as_bytes(), body, app.ctx.now().seconds()).expect("signed")
}

fn event(id: &str, more: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","type":"customer.created","livemode":false{more},"data":{{"object":{{"id":"cus_1"}}}}}}"#)
        .into_bytes()
}

#[tokio::test]
async fn what_stripe_has_signed_is_taken_and_everything_else_is_answered_alike() {
    on_every_app_with(with_stripe, async |app| {
        let path = "/api/stripe/webhook/";
        let body = event("evt_1", "");
        for _ in 0..2 {
            let answer = deliver(app, path, body.clone(), Some(&signed(app, SECRET, &body))).await;
            assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"received": true})));
        }
        let good = signed(app, SECRET, &body);
        let mut changed = body.clone();
        changed[10] ^= 1;
        let binary = vec![0xff, 0xfe, 0x00];
        let tries = [
            (body.clone(), None),
            (body.clone(), Some(String::new())),
            (body.clone(), Some("t=1,v1=00".to_owned())),
            (body.clone(), Some(good.replace("v1=", "v0="))),
            (body.clone(), Some(signed(app, CONNECT, &body))),
            (changed, Some(good)),
            (binary.clone(), Some(signed(app, SECRET, &binary))),
            (b"{}".to_vec(), Some(signed(app, SECRET, b"{}"))),
        ];
        let mut answers = Vec::new();
        for (body, header) in tries {
            let answer = deliver(app, path, body, header.as_deref()).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            answers.push(answer.text);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn each_address_believes_its_own_secret_alone() {
    on_every_app_with(with_stripe, async |app| {
        let path = "/api/stripe/webhook/connect/";
        let body = event("evt_2", r#","account":"acct_1""#);
        let own = deliver(app, path, body.clone(), Some(&signed(app, CONNECT, &body))).await;
        let other = deliver(app, path, body.clone(), Some(&signed(app, SECRET, &body))).await;
        assert_eq!((own.status.as_u16(), other.status.as_u16()), (200, 400));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_before_it_is_read() {
    on_every_app_with(with_stripe, async |app| {
        let most = event("evt_3", &format!(r#","more":"{}""#, "x".repeat(1024 * 1024)));
        let header = signed(app, SECRET, &most);
        assert_eq!(deliver(app, "/api/stripe/webhook/", most, Some(&header)).await.status, 413);
    })
    .await;
}

#[tokio::test]
async fn other_methods_and_addresses_take_nothing() {
    on_every_app_with(with_stripe, async |app| {
        let body = event("evt_4", "");
        let header = signed(app, SECRET, &body);
        for path in ["/api/stripe//webhook/", "/api/stripe/webhook/x/", "//api/stripe/webhook/"] {
            let answer = deliver(app, path, body.clone(), Some(&header)).await;
            assert!(matches!(answer.status.as_u16(), 404 | 405 | 308), "{path}: {}", answer.status);
        }
        let read = app.call("GET", "/api/stripe/webhook/", None, &serde_json::Value::Null).await;
        assert_eq!(read.status, 405);
    })
    .await;
}

#[tokio::test]
async fn without_stripe_there_is_nobody_to_believe() {
    on_every_app(async |app| {
        let body = event("evt_5", "");
        for path in ["/api/stripe/webhook/", "/api/stripe/webhook/connect/"] {
            let header = signed(app, SECRET, &body);
            assert_eq!(deliver(app, path, body.clone(), Some(&header)).await.status, 404);
        }
        let facts = app.call("GET", "/api/stripe/config/", None, &serde_json::Value::Null).await.expect(200);
        assert_eq!(
            facts,
            json!({"publishable_key": null, "mode": "sandbox", "currency": "USD", "connect_enabled": true})
        );
    })
    .await;
}

#[tokio::test]
async fn everybody_may_know_the_publishable_key_and_nothing_else() {
    on_every_app_with(with_stripe, async |app| {
        let facts = app.call("GET", "/api/stripe/config/", None, &serde_json::Value::Null).await.expect(200);
        assert_eq!(
            facts,
            json!({"publishable_key": "pk_test_1", "mode": "test", "currency": "USD", "connect_enabled": true})
        );
        for path in ["/api/stripe/config/", "/api/configuration/", "/", "/api/schema.json"] {
            let page = app.open(path, None).await;
            assert!(!page.text.contains("sk_test") && !page.text.contains("whsec_a"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn settings_that_would_believe_anybody_do_not_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let with = |section: StripeSection| {
        let mut config = Config::default();
        config.server.data_dir = directory.path().to_owned();
        config.stripe = section;
        config
    };
    let mut right = Config::default();
    with_stripe(&mut right);
    let right = || right.stripe.clone();
    let secret = |text: &str| Some(text.to_owned().into());
    let wrong = [
        ("stripe.webhook_secret", StripeSection { webhook_secret: secret(""), ..right() }),
        ("stripe.webhook_secret", StripeSection { webhook_secret: secret(&format!("{SECRET},")), ..right() }),
        ("stripe.connect_webhook_secret", StripeSection { connect_webhook_secret: secret(" "), ..right() }),
        ("stripe.secret_key", StripeSection { secret_key: secret("pk_test_1"), ..right() }),
        ("stripe.portal_configuration", StripeSection { portal_configuration: "default".to_owned(), ..right() }),
        ("stripe.api_base", StripeSection { api_base: "http://stripe.example/".to_owned(), ..right() }),
    ];
    for (key, section) in wrong {
        let started = server::build::parts(&with(section), "http://cmp.test".to_owned()).await;
        let error = format!("{:#}", started.expect_err("it does not start"));
        assert!(error.contains(key), "{error}");
    }
}
