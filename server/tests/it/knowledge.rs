//! Documents through the doors: sent, read by a process of its own, found, cited, deleted.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::app::{Account, Answer, TestApp, on_every_app};

/// A buyer of the sample that answers from documents.
struct Buyer {
    account: Account,
    config: String,
    key: String,
}

async fn buyer(app: &TestApp, name: &str) -> Buyer {
    let account = app.register(name).await;
    let token = account.token.as_str();
    let offerings = app.ok("GET", "/api/marketplace-public-offerings/?page_size=50", "", Value::Null).await;
    let offering = offerings.as_array().and_then(|all| all.iter().find(|one| one["name"] == "General Knowledge"));
    let offering = offering.and_then(|one| one["uuid"].as_str()).expect("a sample").to_owned();
    let plans = app.ok("GET", &format!("/api/marketplace-public-offerings/{offering}/plans/"), "", Value::Null).await;
    let free = plans.as_array().and_then(|all| all.iter().find(|one| one["name"] == "Free")).expect("a free plan");
    let order = json!({"offering": offering, "project": account.project, "plan": free["uuid"]});
    let order = app.ok("POST", "/api/marketplace-orders/", token, order).await;
    let path = format!("/api/marketplace-orders/{}/", order["uuid"].as_str().expect("a uuid"));
    let done = app.until(&path, token, |order| order["state"] == "done").await;
    let config = done["config_uuid"].as_str().expect("a config").to_owned();
    let keys = format!("/api/customer-agent-configs/{config}/api_keys/");
    let key = app.ok("POST", &keys, token, json!({"name": "server"})).await["key"].as_str().expect("a key").to_owned();
    Buyer { account, config, key }
}

fn form(path: &str, header: (&str, &str), files: &[(&str, &[u8])]) -> Request<Body> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        let head = format!("--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--cut--\r\n");
    Request::post(path)
        .header("content-type", "multipart/form-data; boundary=cut")
        .header("sec-fetch-site", "same-origin")
        .header(header.0, header.1)
        .body(Body::from(body))
        .expect("a request")
}

impl Buyer {
    async fn send(&self, app: &TestApp, name: &str, bytes: &[u8]) -> Answer {
        let path = format!("/api/customer-agent-configs/{}/training_documents/", self.config);
        app.send(form(&path, ("authorization", &format!("Token {}", self.account.token)), &[(name, bytes)])).await
    }

    /// Sends a file and waits until it is read or has failed.
    async fn give(&self, app: &TestApp, name: &str, bytes: &[u8]) -> Value {
        let sent = self.send(app, name, bytes).await.expect(201);
        let path = format!("/api/training-documents/{}/", sent["uuid"].as_str().expect("a uuid"));
        app.until(&path, &self.account.token, |document| document["state"] == "ready" || document["state"] == "failed")
            .await
    }

    async fn ask(&self, app: &TestApp, question: &str) -> Value {
        app.invoke(&self.key, &json!({"input": question})).await.expect(200)
    }
}

const HANDBOOK: &[u8] =
    b"# Handbook of Birch & Sons\n\n## Returns\n\nThe restocking fee for opened kayaks is 17 percent.\n\n\
    ## Parking\n\nVisitors park behind the sawmill.\n";

#[tokio::test]
async fn an_agent_answers_from_a_document_says_so_and_forgets_it() {
    on_every_app(async |app| {
        let buyer = buyer(app, "birch").await;
        let document = buyer.give(app, "handbook.md", HANDBOOK).await;
        assert_eq!(
            (document["state"].as_str(), document["title"].as_str()),
            (Some("ready"), Some("Handbook of Birch & Sons"))
        );

        let answer = buyer.ask(app, "What is the restocking fee for opened kayaks?").await;
        assert!(answer["output"].as_str().is_some_and(|text| text.contains("17 percent")), "{answer}");
        assert_eq!(answer["citations"][0]["name"], "handbook.md");
        assert_eq!(answer["citations"][0]["document_id"], document["uuid"]);

        let search = format!("/api/marketplace-ai-knowledge-bases/{}/search/", buyer.config);
        let found = app.ok("POST", &search, &buyer.account.token, json!({"query": "where to park"})).await;
        assert!(found["records"][0]["content"].as_str().is_some_and(|text| text.contains("sawmill")), "{found}");

        let path = format!("/api/training-documents/{}/", document["uuid"].as_str().expect("a uuid"));
        app.call("DELETE", &path, Some(&buyer.account.token), &Value::Null).await.expect(204);
        let answer = buyer.ask(app, "What is the restocking fee for opened kayaks?").await;
        assert!(!answer["output"].as_str().is_some_and(|text| text.contains("17 percent")), "{answer}");
        assert_eq!(answer.get("citations"), None);
    })
    .await;
}

#[tokio::test]
async fn a_question_that_is_in_no_document_is_answered_so_and_listed() {
    on_every_app(async |app| {
        let buyer = buyer(app, "birch").await;
        buyer.give(app, "handbook.md", HANDBOOK).await;
        let answer = buyer.ask(app, "Do you sell helicopters?").await;
        assert_eq!(answer.get("citations"), None, "{answer}");
        let cookie = app.sign_in("birch").await;
        let page = format!("/organizations/{}/agents/{}/training/", buyer.account.organization, buyer.config);
        let page = app.open(&page, Some(&cookie)).await;
        assert!(page.text.contains("do you sell helicopters?"), "{}", page.text);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_alone_with_a_reason() {
    on_every_app(async |app| {
        let buyer = buyer(app, "birch").await;
        for (name, bytes, reason) in [
            ("a.pdf", &b"%PDF-1.7\nnothing"[..], "damaged"),
            ("b.txt", b"   \n ", "no text"),
            ("c.png", b"\x89PNG\r\n\x1a\n....", "picture"),
        ] {
            let document = buyer.give(app, name, bytes).await;
            assert_eq!(document["state"], "failed", "{document}");
            let text = document["error_message"].as_str().unwrap_or_default();
            assert!(text.contains(reason), "{name}: {text}");
        }
        assert_eq!(buyer.give(app, "handbook.md", HANDBOOK).await["state"], "ready");
    })
    .await;
}

#[tokio::test]
async fn what_one_buyer_gave_is_never_found_by_another() {
    on_every_app(async |app| {
        let (first, second) = (buyer(app, "first").await, buyer(app, "second").await);
        first.give(app, "a.txt", b"The canary of the first is called ZX-81-PIP.").await;
        second.give(app, "b.txt", b"The canary of the second is called QY-47-TWEET.").await;
        for _ in 0..2 {
            let (one, other) = (
                first.ask(app, "What is the canary called?").await,
                second.ask(app, "What is the canary called?").await,
            );
            assert!(one["output"].as_str().is_some_and(|text| text.contains("ZX-81-PIP")), "{one}");
            assert!(other["output"].as_str().is_some_and(|text| text.contains("QY-47-TWEET")), "{other}");
            assert!(!one.to_string().contains("QY-47") && !other.to_string().contains("ZX-81"), "{one} {other}");
        }
        // By the very words of the other's document.
        let search = format!("/api/marketplace-ai-knowledge-bases/{}/search/", first.config);
        let found = app.ok("POST", &search, &first.account.token, json!({"query": "QY-47-TWEET"})).await;
        assert_eq!(found, json!({"records": []}));
    })
    .await;
}

#[tokio::test]
async fn files_of_a_page_are_taken_together_and_those_that_cannot_be_are_named() {
    on_every_app(async |app| {
        let buyer = buyer(app, "birch").await;
        let cookie = app.sign_in("birch").await;
        let path = format!("/ui-upload/documents/{}/", buyer.config);
        let files: &[(&str, &[u8])] = &[("handbook.md", HANDBOOK), ("empty.txt", b"")];
        let answer = app.send(form(&path, ("cookie", &cookie), files)).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        let page = answer.location().to_owned();
        let problem =
            answer.headers["set-cookie"].to_str().expect("a cookie").split(';').next().expect("its value").to_owned();
        let shown = app.open(&page, Some(&format!("{cookie}; {problem}"))).await;
        assert!(
            shown.text.contains("The file empty.txt is empty") && shown.text.contains("handbook.md"),
            "{}",
            shown.text
        );

        let stranger = app.register("stranger").await;
        let cookie = app.sign_in("stranger").await;
        let refused = app.send(form(&path, ("cookie", &cookie), files)).await;
        assert_eq!(refused.status.as_u16(), 404, "{} {}", refused.text, stranger.organization);
        let nobody = app.send(form(&path, ("x-nobody", "1"), files)).await;
        assert_eq!(nobody.location(), "/login/");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_with_what_to_do() {
    on_every_app(async |app| {
        let buyer = buyer(app, "birch").await;
        let large = vec![b'a'; services::knowledge::FILE_BYTES + 1];
        let refused = buyer.send(app, "large.txt", &large).await.expect(400);
        assert!(refused["file"][0].as_str().is_some_and(|text| text.contains("25 MB")), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_visitor_tries_a_product_on_files_of_their_own() {
    on_every_app(async |app| {
        let offerings = app.ok("GET", "/api/marketplace-public-offerings/?page_size=50", "", Value::Null).await;
        let offering = offerings.as_array().and_then(|all| all.iter().find(|one| one["name"] == "General Knowledge"));
        let offering = offering.and_then(|one| one["uuid"].as_str()).expect("a sample").to_owned();
        let door = format!("/ui-upload/demo/{offering}/");
        let sent = app.send(form(&door, ("x-visitor", "one"), &[("handbook.md", HANDBOOK)])).await;
        assert_eq!(sent.status.as_u16(), 303, "{}", sent.text);
        let cookie = sent.headers["set-cookie"].to_str().expect("a cookie").split(';').next().unwrap_or_default();
        let page = app.open(&format!("/marketplace-public-offering/{offering}/"), Some(cookie)).await;
        assert!(page.text.contains("handbook.md"), "{}", page.text);

        let (_, session) = cookie.split_once('=').expect("a session");
        let demo = format!("/api/agent-gateway/demo/{offering}/");
        let ask = json!({"input": "What is the restocking fee for opened kayaks?", "session_id": session});
        let answer = app.call("POST", &demo, None, &ask).await.expect(200);
        assert!(answer["output"].as_str().is_some_and(|text| text.contains("17 percent")), "{answer}");
        assert_eq!(answer["citations"][0]["name"], "handbook.md");
        let other = json!({"input": "What is the restocking fee for opened kayaks?"});
        let other = app.call("POST", &demo, None, &other).await.expect(200);
        assert!(!other.to_string().contains("17 percent"), "{other}");

        let picture = app.send(form(&door, ("cookie", cookie), &[("a.png", b"\x89PNG\r\n\x1a\n....")])).await;
        assert_eq!(picture.status.as_u16(), 303);
        assert!(picture.headers["set-cookie"].to_str().is_ok_and(|cookie| cookie.starts_with("cmp_upload_problem=")));
    })
    .await;
}
