//! What is wrong with a body is said by field, in words.

use serde_json::{Value, json};

use crate::app::on_every_app;

#[tokio::test]
async fn a_body_with_a_value_of_the_wrong_kind_is_answered_by_field() {
    on_every_app(async |app| {
        let ada = app.register("ada").await;
        for (method, path, body, wrong) in [
            ("POST", "/api/customers/", json!({"name": 7}), json!({"name": ["must be text, not a number"]})),
            ("POST", "/api/projects/", json!({"name": "One"}), json!({"customer": ["is required"]})),
            (
                "POST",
                "/api/agent-api-keys/",
                json!({"name": "k", "scopes": ["invoke", 1]}),
                json!({"scopes[1]": ["must be text, not a number"]}),
            ),
            (
                "POST",
                "/api/agent-api-keys/",
                json!({"name": "k", "expires_in_days": "soon"}),
                json!({"expires_in_days": ["must be a whole number, not text"]}),
            ),
            (
                "POST",
                "/api-auth/password/",
                json!(["ada@example.com", "a long enough password"]),
                json!({"non_field_errors": ["the body must be a JSON object"]}),
            ),
        ] {
            let answer = app.call(method, path, Some(&ada.token), &body).await;
            assert_eq!(answer.expect(400), wrong, "{method} {path} {body}");
        }
        let broken = axum::http::Request::post("/api/customers/")
            .header("authorization", format!("Token {}", ada.token))
            .body(axum::body::Body::from("{\"name\": "))
            .expect("a request");
        let broken = app.send(broken).await.expect(400);
        let said = broken["non_field_errors"][0].as_str().map(str::to_owned);
        assert!(said.is_some_and(|said| said.starts_with("the body is not JSON")), "{broken}");
        assert_eq!(broken.as_object().map(serde_json::Map::len), Some(1));
        // An action without a body needs none.
        app.call("POST", "/api-auth/logout/", Some(&ada.token), &Value::Null).await.expect(204);
    })
    .await;
}
