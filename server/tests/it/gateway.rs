//! The gateway over HTTP: the exact answers, and what a browser is told.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, on_every_app};
use crate::story::{Subscribed, list_an_offering, subscribe};

const INVOKE: &str = "/api/agent-gateway/invoke/";
const SHOP: &str = "https://shop.example";

struct Keyed {
    subscribed: Subscribed,
    secret: String,
    page: String,
    operator: String,
}

async fn keyed(app: &TestApp) -> Keyed {
    let listed = list_an_offering(app).await;
    let subscribed = subscribe(app, &listed).await;
    let keys = format!("/api/customer-agent-configs/{}/api_keys/", subscribed.config);
    let token = subscribed.buyer.token.as_str();
    let make =
        async |body: Value| app.ok("POST", &keys, token, body).await["key"].as_str().expect("shown once").to_owned();
    let secret = make(json!({"name": "server"})).await;
    let page = make(json!({"name": "shop", "kind": "publishable", "allowed_origins": [SHOP]})).await;
    Keyed { secret, page, operator: listed.operator, subscribed }
}

/// Sends a request with headers; a body that is null is none.
async fn send(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    app.send(request.body(body).expect("a request")).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_program_is_answered_with_limits_and_a_request_id() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let bearer = format!("Bearer {}", keyed.secret);
        for credential in [("authorization", bearer.as_str()), ("x-api-key", keyed.secret.as_str())] {
            let answer = send(app, "POST", INVOKE, &[credential], &json!({"input": "hello"})).await;
            assert_eq!(header(&answer, "ratelimit-limit"), "60");
            assert!(header(&answer, "ratelimit-remaining").parse::<i64>().is_ok_and(|left| (0..15).contains(&left)));
            assert!(!header(&answer, "ratelimit-reset").is_empty() && !header(&answer, "x-request-id").is_empty());
            assert_eq!(header(&answer, "access-control-allow-origin"), "");
            let body = answer.expect(200);
            let names: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
            assert_eq!(names, ["output", "session_id", "request_id", "usage"]);
            assert!(body["usage"]["input_tokens"].is_i64() && body["usage"]["elapsed_ms"].is_i64());
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let bearer = format!("Bearer {}", keyed.secret);
        let credential = [("authorization", bearer.as_str())];
        for (body, detail) in [
            (json!({}), "input is required"),
            (json!({"input": 7}), "input must be text, not a number"),
            (
                json!({"input": "hello", "tweak": {}}),
                "tweak is not a field of this; it takes input, session_id, tweaks, stream",
            ),
            (json!({"input": "hello", "tweaks": []}), "tweaks must be an object, not a list"),
            (json!({"input": ""}), "input must not be empty"),
            (json!(["hello"]), "the body must be a JSON object"),
        ] {
            let answer = send(app, "POST", INVOKE, &credential, &body).await.expect(422);
            assert_eq!(answer, json!({"error": "invalid", "detail": detail}), "{body}");
        }
        let long = json!({"input": "x".repeat(32_001)});
        assert_eq!(send(app, "POST", INVOKE, &credential, &long).await.expect(413)["error"], "too_large");
        let huge = json!({"input": "x".repeat(600_000)});
        assert_eq!(send(app, "POST", INVOKE, &credential, &huge).await.expect(413)["error"], "too_large");
        // Who is nobody learns nothing of the body.
        let answer = send(app, "POST", INVOKE, &[], &json!({})).await;
        assert_eq!(header(&answer, "www-authenticate"), "Bearer");
        assert_eq!(answer.expect(401), json!({"error": "unauthorized", "detail": "Invalid or missing API key"}));
        // A user's token is no key.
        let user = format!("Token {}", keyed.subscribed.buyer.token);
        send(app, "POST", INVOKE, &[("authorization", user.as_str())], &json!({"input": "hello"})).await.expect(401);
    })
    .await;
}

#[tokio::test]
async fn an_answer_streams_in_where_that_is_asked_for() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let bearer = format!("Bearer {}", keyed.secret);
        for (headers, body) in [
            (vec![("authorization", bearer.as_str()), ("accept", "text/event-stream")], json!({"input": "hello"})),
            (vec![("authorization", bearer.as_str())], json!({"input": "hello", "stream": true})),
        ] {
            let answer = send(app, "POST", INVOKE, &headers, &body).await;
            assert_eq!(header(&answer, "content-type"), "text/event-stream");
            assert_eq!((header(&answer, "x-accel-buffering"), header(&answer, "cache-control")), ("no", "no-store"));
            let names: Vec<&str> = answer.text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
            assert_eq!((names.first(), names.last()), (Some(&"session"), Some(&"message_end")), "{}", answer.text);
            let last = answer.text.lines().rev().find_map(|line| line.strip_prefix("data: ")).expect("data");
            let last: Value = serde_json::from_str(last).expect("JSON");
            assert_eq!(last["output"], "You said: hello");
        }
    })
    .await;
}

#[tokio::test]
async fn a_repetition_says_that_it_is_one() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let bearer = format!("Bearer {}", keyed.secret);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "order-7")];
        let first = send(app, "POST", INVOKE, &headers, &json!({"input": "hello"})).await;
        let second = send(app, "POST", INVOKE, &headers, &json!({"input": "hello"})).await;
        assert_eq!((header(&first, "idempotent-replayed"), header(&second, "idempotent-replayed")), ("", "true"));
        assert_eq!(first.expect(200), second.expect(200));
        let other = send(app, "POST", INVOKE, &headers, &json!({"input": "goodbye"})).await;
        assert_eq!(other.expect(422)["error"], "idempotency_key_reused");
    })
    .await;
}

#[tokio::test]
async fn a_page_is_told_what_it_may_read() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let asked = [
            ("origin", SHOP),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ];
        let preflight = send(app, "OPTIONS", INVOKE, &asked, &Value::Null).await;
        assert_eq!(preflight.status.as_u16(), 204);
        assert_eq!(header(&preflight, "access-control-allow-origin"), SHOP);
        assert!(header(&preflight, "access-control-allow-headers").contains("authorization"));
        assert_eq!(header(&preflight, "access-control-allow-credentials"), "");

        let bearer = format!("Bearer {}", keyed.page);
        let call = async |origin: &str| {
            let headers = [("authorization", bearer.as_str()), ("origin", origin), ("sec-fetch-site", "cross-site")];
            send(app, "POST", INVOKE, &headers, &json!({"input": "hello"})).await
        };
        let answer = call(SHOP).await;
        assert_eq!((header(&answer, "access-control-allow-origin"), header(&answer, "vary")), (SHOP, "Origin"));
        answer.expect(200);
        let refused = call("https://evil.example").await.expect(403);
        assert_eq!(refused["error"], "origin_not_allowed");

        // A secret key, with the headers that only a browser sends.
        let bearer = format!("Bearer {}", keyed.secret);
        for sent in
            [vec![("origin", SHOP)], vec![("sec-fetch-site", "cross-site")], vec![("sec-fetch-site", "same-site")]]
        {
            let headers: Vec<_> = sent.into_iter().chain([("authorization", bearer.as_str())]).collect();
            let refused = send(app, "POST", INVOKE, &headers, &json!({"input": "hello"})).await.expect(403);
            assert_eq!(refused["error"], "secret_key_in_browser");
        }
        let headers = [("authorization", bearer.as_str()), ("sec-fetch-site", "none")];
        send(app, "POST", INVOKE, &headers, &json!({"input": "hello"})).await.expect(200);
        let keys = format!("/api/customer-agent-configs/{}/api_keys/", keyed.subscribed.config);
        let keys = app.ok("GET", &keys, &keyed.subscribed.buyer.token, Value::Null).await;
        assert!(keys.as_array().expect("a list").iter().any(|key| key["seen_in_browser"] == SHOP), "{keys}");
    })
    .await;
}

#[tokio::test]
async fn a_widget_talks_in_a_session_of_its_own() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let path = "/api/agent-gateway/session/";
        let body =
            |origin: &str| json!({"config_id": keyed.subscribed.config, "key": keyed.page, "parent_origin": origin});
        // The frame is ours, and says which page it is in.
        let ours = [("origin", "http://cmp.test"), ("sec-fetch-site", "same-origin")];
        let opened = send(app, "POST", path, &ours, &body(SHOP)).await.expect(200);
        assert_eq!(opened["expires_in"], 600);
        send(app, "POST", path, &ours, &body("https://evil.example")).await.expect(403);
        // A page of another site cannot say that it is the shop.
        let evil = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        send(app, "POST", path, &evil, &body(SHOP)).await.expect(403);
        let unknown =
            json!({"config_id": "00000000000000000000000000000000", "key": keyed.page, "parent_origin": SHOP});
        send(app, "POST", path, &ours, &unknown).await.expect(404);

        let bearer = format!("Bearer {}", opened["token"].as_str().expect("a token"));
        let credential = [("authorization", bearer.as_str()), ours[0], ours[1]];
        let answer = send(app, "POST", INVOKE, &credential, &json!({"input": "hello"})).await.expect(200);
        assert_eq!(answer["session_id"], opened["session_id"]);
        let tweaked = json!({"input": "hello", "tweaks": {"Prompt-b": {"template": "mine"}}});
        assert_eq!(send(app, "POST", INVOKE, &credential, &tweaked).await.expect(403)["error"], "tweaks_refused");
        let other = json!({"input": "hello", "session_id": "another"});
        assert_eq!(send(app, "POST", INVOKE, &credential, &other).await.expect(403)["error"], "session_refused");
        let said =
            send(app, "GET", "/api/agent-gateway/session/messages/", &credential, &Value::Null).await.expect(200);
        let said: Vec<_> = said
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| (message["role"].clone(), message["text"].clone()))
            .collect();
        assert_eq!(said, [("user".into(), "hello".into()), ("agent".into(), "You said: hello".into())]);
    })
    .await;
}

#[tokio::test]
async fn a_runtime_validates_keys_and_reports_what_it_spent() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let config = keyed.subscribed.config.as_str();
        let bearer = format!("Bearer {}", keyed.secret);
        for method in ["GET", "POST"] {
            let seen =
                send(app, method, "/api/agent-gateway/validate/", &[("authorization", bearer.as_str())], &Value::Null)
                    .await
                    .expect(200);
            assert_eq!((seen["valid"].as_bool(), seen["config_uuid"].as_str()), (Some(true), Some(config)));
            assert_eq!(
                (seen["scopes"].clone(), seen["tenant_id"].as_str()),
                (json!(["invoke"]), Some(keyed.subscribed.buyer.organization.as_str()))
            );
        }
        let old = send(app, "POST", "/api/runtime/auth/", &[], &json!({"api_key": keyed.secret})).await.expect(200);
        assert_eq!((old["valid"].as_bool(), old["config"]["tone"].is_string()), (Some(true), true));
        send(app, "POST", "/api/runtime/auth/", &[], &json!({"api_key": "ar_sk_live_x"})).await.expect(401);

        let secret = [("x-runtime-secret", "a secret of the runtime")];
        let report = json!({"config_uuid": config, "request_id": "run-1", "input_tokens": 5, "output_tokens": 6});
        let path = "/api/agent-gateway/usage/";
        send(app, "POST", path, &[("x-runtime-secret", "another")], &report).await.expect(401);
        assert_eq!(send(app, "POST", path, &secret, &report).await.expect(200)["recorded"], true);
        assert_eq!(send(app, "POST", path, &secret, &report).await.expect(200)["recorded"], false);
        let keyed_report = json!({"config_uuid": config, "api_calls": 2, "tokens_input": 1, "tokens_output": 1});
        let headers = [secret[0], ("idempotency-key", "run-2")];
        assert_eq!(
            send(app, "POST", "/api/runtime/usage/", &headers, &keyed_report).await.expect(200)["recorded"],
            true
        );
        assert_eq!(
            send(app, "POST", "/api/runtime/usage/", &headers, &keyed_report).await.expect(200)["recorded"],
            false
        );
        let usage = app
            .ok(
                "GET",
                &format!("/api/customer-agent-configs/{config}/usage/"),
                &keyed.subscribed.buyer.token,
                Value::Null,
            )
            .await;
        assert_eq!((usage["api_calls"].as_i64(), usage["input_tokens"].as_i64()), (Some(3), Some(6)));
    })
    .await;
}

#[tokio::test]
async fn an_operator_who_blocks_an_organization_stops_its_calls_at_once() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        app.invoke(&keyed.secret, &json!({"input": "hello"})).await.expect(200);
        let operator = services::identity::principal_of_token(&app.ctx, &keyed.operator).await.expect("an operator");
        let organization = keyed.subscribed.buyer.organization.parse().expect("an id");
        services::operator::set_blocked(&app.ctx, &operator, organization, true).await.expect("blocked");
        assert_eq!(
            app.invoke(&keyed.secret, &json!({"input": "hello"})).await.expect(403)["error"],
            "organization_blocked"
        );
    })
    .await;
}

#[tokio::test]
async fn health_names_what_it_looked_at() {
    on_every_app(async |app| {
        let health = app.call("GET", "/api/agent-gateway/health/", None, &Value::Null).await.expect(200);
        assert_eq!(health, json!({"status": "healthy", "checks": {"database": "healthy", "runtime": "healthy"}}));
    })
    .await;
}

#[tokio::test]
async fn a_demo_ends_after_five_messages() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let path = format!("/api/agent-gateway/demo/{}/", listed.offering);
        let first = app.call("POST", &path, None, &json!({"input": "hello"})).await.expect(200);
        let body = json!({"input": "hello", "session_id": first["session_id"]});
        for left in (0..4).rev() {
            assert_eq!(app.call("POST", &path, None, &body).await.expect(200)["remaining"], left);
        }
        assert_eq!(app.call("POST", &path, None, &body).await.expect(402)["error"], "demo_over");
        let streamed = send(app, "POST", &path, &[("accept", "text/event-stream")], &json!({"input": "hello"})).await;
        assert_eq!(header(&streamed, "x-demo-remaining"), "4");
        assert!(streamed.text.contains("event: message_end"), "{}", streamed.text);
        app.call("POST", "/api/agent-gateway/demo/00000000000000000000000000000000/", None, &json!({"input": "hello"}))
            .await
            .expect(404);
    })
    .await;
}

#[tokio::test]
async fn the_portals_test_chat_is_for_members() {
    on_every_app(async |app| {
        let keyed = keyed(app).await;
        let path = format!("/ui-stream/chat/{}/", keyed.subscribed.config);
        let body = json!({"input": "hello"});
        assert_eq!(app.call("POST", &path, None, &body).await.expect(401)["error"], "unauthorized");
        let foreign = app.register("foreign").await;
        app.call("POST", &path, Some(&foreign.token), &body).await.expect(404);
        let answer = app.call("POST", &path, Some(&keyed.subscribed.buyer.token), &body).await.expect(200);
        assert_eq!(answer["output"], "You said: hello");
        let tweaked = json!({"input": "hello", "tweaks": {"a": 1}});
        app.call("POST", &path, Some(&keyed.subscribed.buyer.token), &tweaked).await.expect(403);
    })
    .await;
}
