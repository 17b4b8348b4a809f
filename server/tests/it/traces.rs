//! What a run leaves behind, from the gateway to the provider's page and the REST API, with the real engine.

use serde_json::json;

use crate::app::on_every_app;
use crate::story::{list_an_offering, subscribe};

const SAID: &str = "Where is parcel 4711?";

#[tokio::test]
async fn a_provider_opens_a_run_and_reads_what_was_said_only_where_the_buyer_allows_it() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let (seller, buyer) = (listed.provider.token.as_str(), subscribed.buyer.token.as_str());
        let config = format!("/api/customer-agent-configs/{}/", subscribed.config);
        let key = app.ok("POST", &format!("{config}api_keys/"), buyer, json!({"name": "k"})).await;
        let key = key["key"].as_str().expect("a key").to_owned();
        let cookie = app.sign_in("provider").await;
        let page = format!("/providers/{}/agents/{}/runs/", listed.provider.organization, listed.agent);
        assert!(app.open(&page, Some(&cookie)).await.text.contains("No runs"));

        for shares in [false, true] {
            app.ok("PATCH", &config, buyer, json!({"share_texts": shares})).await;
            let answer = app.invoke(&key, &json!({"input": SAID})).await.expect(200);
            let id = answer["request_id"].as_str().expect("a request");

            let list =
                app.ok("GET", &format!("/api/provider-agents/{}/runs/", listed.agent), seller, json!(null)).await;
            assert_eq!((list[0]["uuid"].as_str(), &list[0]["texts"]), (Some(id), &json!(shares)));
            let run = app.ok("GET", &format!("/api/provider-agent-runs/{id}/"), seller, json!(null)).await;
            assert_eq!((run["state"].as_str(), run["source"].as_str()), (Some("succeeded"), Some("api")));
            let steps = run["steps"].as_array().expect("steps");
            let input = steps.iter().find(|step| step["component"] == "ChatInput").expect("the input's step");
            assert_eq!(
                (&input["inputs"][0]["kind"], &input["outputs"][0]["kind"]),
                (&json!("message"), &json!("message"))
            );
            assert_eq!(input["inputs"][0]["text"].as_str(), shares.then_some(SAID));

            let opened = app.open(&format!("{page}?run={id}"), Some(&cookie)).await;
            assert_eq!(opened.status.as_u16(), 200, "{}", opened.text);
            assert!(
                opened.text.contains("What went in and out") && opened.text.contains("ChatOutput"),
                "{}",
                opened.text
            );
            assert_eq!(opened.text.contains(SAID), shares, "{}", opened.text);
            assert!(!opened.text.contains(&subscribed.buyer.organization), "it does not say whose run it was");
        }

        // Taken back, nothing of it is left.
        app.ok("PATCH", &config, buyer, json!({"share_texts": false})).await;
        let list = app.ok("GET", &format!("/api/provider-agents/{}/runs/", listed.agent), seller, json!(null)).await;
        let id = list[0]["uuid"].as_str().expect("a run");
        let run = app.ok("GET", &format!("/api/provider-agent-runs/{id}/"), seller, json!(null)).await;
        assert!(!run.to_string().contains("4711"), "{run}");
    })
    .await;
}

#[tokio::test]
async fn a_buyer_changes_what_the_provider_reads_without_scripts() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let cookie = app.sign_in("buyer").await;
        let page = format!("/organizations/{}/agents/{}/usage/", subscribed.buyer.organization, subscribed.config);
        let checked = async || {
            let text = app.open(&page, Some(&cookie)).await.text;
            let place = text.find("name=\"share\"").expect("the switch");
            let tag = &text[text[..place].rfind('<').unwrap_or(0)..];
            tag.split('>').next().unwrap_or_default().contains("checked")
        };
        assert!(!checked().await);
        for (fields, wanted) in [("&share=true", true), ("", false)] {
            let form = format!("id={}{fields}", subscribed.config);
            let answer = app.submit("/ui/agent/share-texts", Some(&cookie), &form).await;
            assert!(answer.location().contains("notice=saved"), "{}", answer.location());
            assert_eq!(checked().await, wanted);
        }
    })
    .await;
}
