//! What stands in front of every door.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::app::on_every_app;

#[tokio::test]
async fn every_answer_carries_a_request_id_and_keeps_a_good_one() {
    on_every_app(async |app| {
        let answer = app.call("GET", "/api/version/", None, &Value::Null).await;
        assert_eq!(answer.headers["x-request-id"].len(), 32);
        let request = Request::get("/api/version/")
            .header("x-request-id", "trace-12345678")
            .body(Body::empty())
            .expect("a request");
        assert_eq!(app.send(request).await.headers["x-request-id"], "trace-12345678");
        let request =
            Request::get("/nothing/here").header("x-request-id", "<script>").body(Body::empty()).expect("a request");
        let answer = app.send(request).await;
        assert_eq!(answer.status.as_u16(), 404);
        assert_ne!(answer.headers["x-request-id"], "<script>");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_token_is_not_a_visitor() {
    on_every_app(async |app| {
        let wrong = "0".repeat(40);
        let answer = app.call("GET", "/api/marketplace-categories/", Some(&wrong), &Value::Null).await;
        assert_eq!(answer.expect(401), json!({"detail": "Invalid token."}));
    })
    .await;
}

#[tokio::test]
async fn a_user_token_works_with_both_words() {
    on_every_app(async |app| {
        let account = app.register("ada").await;
        for word in ["Token", "Bearer"] {
            let request = Request::get("/api/users/me/")
                .header("authorization", format!("{word} {}", account.token))
                .body(Body::empty())
                .expect("a request");
            assert_eq!(app.send(request).await.status.as_u16(), 200, "{word}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_form_that_another_site_posts_is_refused() {
    on_every_app(async |app| {
        let form = |header: &str, value: &str| {
            Request::post("/ui/identity/logout")
                .header("cookie", "cmp_session=anything")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("host", "cmp.test")
                .header(header, value)
                .body(Body::empty())
                .expect("a request")
        };
        assert_eq!(app.send(form("sec-fetch-site", "cross-site")).await.status.as_u16(), 403);
        assert_eq!(app.send(form("origin", "https://evil.test")).await.status.as_u16(), 403);
        assert_ne!(app.send(form("origin", "http://cmp.test")).await.status.as_u16(), 403);
    })
    .await;
}

#[tokio::test]
async fn pages_may_not_be_framed() {
    on_every_app(async |app| {
        let answer = app.call("GET", "/api/version/", None, &Value::Null).await;
        assert_eq!(answer.headers["x-frame-options"], "DENY");
        assert!(answer.headers["content-security-policy"].to_str().expect("text").contains("frame-ancestors 'none'"));
    })
    .await;
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_told_which_it_takes() {
    on_every_app(async |app| {
        for (method, path, allowed) in [
            ("DELETE", "/api/version/", "GET"),
            ("GET", "/api/agent-gateway/invoke/", "POST"),
            ("PUT", "/marketplace/", "GET"),
        ] {
            let answer = app.call(method, path, None, &Value::Null).await;
            assert_eq!(answer.status.as_u16(), 405, "{method} {path}: {}", answer.text);
            assert!(
                answer.headers["allow"].to_str().is_ok_and(|allow| allow.contains(allowed)),
                "{:?}",
                answer.headers
            );
            assert!(
                answer.json()["detail"].as_str().is_some_and(|detail| detail.starts_with(method)),
                "{}",
                answer.text
            );
        }
    })
    .await;
}
