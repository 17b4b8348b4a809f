//! The widget's routes: its files, the document in its frame, and the page that needs no script.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, on_every_app};
use crate::story::{list_an_offering, subscribe};

/// A config that one site may show, and its publishable key.
async fn on_a_site(app: &TestApp) -> (String, String) {
    let listed = list_an_offering(app).await;
    let subscribed = subscribe(app, &listed).await;
    let path = format!("/api/customer-agent-configs/{}/", subscribed.config);
    let token = &subscribed.buyer.token;
    let origins = json!(["https://shop.example"]);
    app.ok(
        "PATCH",
        &path,
        token,
        json!({"agent_name": "Polly <3", "greeting_message": "Squawk!", "allowed_origins": origins}),
    )
    .await;
    let key = json!({"name": "site", "kind": "publishable", "allowed_origins": origins});
    let key = app.ok("POST", &format!("{path}api_keys/"), token, key).await;
    (subscribed.config, key["key"].as_str().expect("always visible").to_owned())
}

async fn get(app: &TestApp, path: &str) -> Answer {
    app.call("GET", path, None, &Value::Null).await
}

/// Sends the page's form, as a browser with these headers.
async fn say(app: &TestApp, config: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request =
        Request::post(format!("/chat/{config}")).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(form.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn a_frame_may_be_shown_by_listed_pages_alone() {
    on_every_app(async |app| {
        let (config, _) = on_a_site(app).await;
        let answer = get(app, &format!("/widget/frame/{config}?lang=de")).await;
        assert_eq!(answer.status.as_u16(), 200);
        let policy = answer.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.ends_with("frame-ancestors 'self' https://shop.example"), "{policy}");
        assert!(!answer.headers.contains_key("x-frame-options"), "it would forbid what the policy allows");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(answer.text.contains("Polly &lt;3") && answer.text.contains("lang=\"de\""), "{}", answer.text);
        assert!(!answer.text.contains("ar_pk_"), "the key comes from the page");
        for nothing in [
            "/widget/frame/0123456789abcdef0123456789abcdef",
            "/widget/frame/x",
            "/widget/nothing.js",
            "/widget/v/x/..%2fbuild.json",
        ] {
            assert_eq!(get(app, nothing).await.status.as_u16(), 404, "{nothing}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_of_a_listed_site_exchanges_its_key_and_no_other_does() {
    on_every_app(async |app| {
        let (config, key) = on_a_site(app).await;
        let open = |origin: &str| json!({"config_id": config, "key": key, "parent_origin": origin});
        let path = "/api/agent-gateway/session/";
        for wrong in ["https://evil.example", "http://shop.example", "https://shop.example.evil.test", "null", ""] {
            app.call("POST", path, None, &open(wrong)).await.expect(403);
        }
        let opened = app.call("POST", path, None, &open("https://shop.example")).await.expect(200);
        assert!(opened["token"].is_string() && opened["handle"].is_string(), "{opened}");
    })
    .await;
}

#[tokio::test]
async fn a_browser_without_scripts_talks_through_a_form() {
    on_every_app(async |app| {
        let (config, _) = on_a_site(app).await;
        let page = get(app, &format!("/chat/{config}")).await;
        assert!(page.text.contains("Squawk!") && !page.text.contains("<script"), "{}", page.text);
        assert!(!page.headers.contains_key("set-cookie"), "looking makes no conversation");

        let own = [("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")];
        let said = say(app, &config, "input=hello", &own).await;
        assert_eq!(said.status.as_u16(), 303, "{}", said.text);
        let cookie = said.headers["set-cookie"].to_str().expect("text").to_owned();
        assert!(cookie.contains(&format!("Path=/chat/{config};")) && cookie.contains("HttpOnly"), "{cookie}");
        let kept = cookie.split(';').next().expect("a name and a value").to_owned();
        let request =
            Request::get(format!("/chat/{config}")).header("cookie", &kept).body(Body::empty()).expect("a request");
        let page = app.send(request).await;
        assert!(page.text.contains("You said: hello"), "{}", page.text);

        let again = [own[0], own[1], ("cookie", kept.as_str())];
        let same = say(app, &config, "input=again", &again).await;
        assert!(!same.headers.contains_key("set-cookie"), "the conversation goes on");
    })
    .await;
}

#[tokio::test]
async fn inside_a_frame_the_form_carries_the_conversation() {
    on_every_app(async |app| {
        let (config, _) = on_a_site(app).await;
        let framed = [("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "iframe")];
        let said = say(app, &config, "input=hello", &framed).await;
        assert_eq!(said.status.as_u16(), 200, "{}", said.text);
        let handle = said
            .text
            .split("name=\"handle\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("a handle")
            .to_owned();
        let said = say(app, &config, &format!("input=more&handle={handle}"), &framed).await;
        assert!(said.text.contains("You said: hello") && said.text.contains("You said: more"), "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_sent_is_given_back() {
    on_every_app(async |app| {
        let (config, _) = on_a_site(app).await;
        let long = "x".repeat(4001);
        let answer = say(app, &config, &format!("input={long}"), &[("sec-fetch-site", "same-origin")]).await;
        assert_eq!(answer.status.as_u16(), 413);
        assert!(answer.text.contains("too long") && answer.text.contains(&long), "{}", answer.text);
        let foreign = say(app, &config, "input=hello", &[("sec-fetch-site", "cross-site")]).await;
        assert_eq!(foreign.status.as_u16(), 403);
    })
    .await;
}

#[tokio::test]
async fn an_agent_that_no_site_may_show_has_no_page() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        assert_eq!(get(app, &format!("/chat/{}", subscribed.config)).await.status.as_u16(), 404);
        let answer = say(app, &subscribed.config, "input=hello", &[("sec-fetch-site", "same-origin")]).await;
        assert_eq!(answer.status.as_u16(), 404);
    })
    .await;
}
