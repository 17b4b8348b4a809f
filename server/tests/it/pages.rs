//! Pages as a browser gets them, before any script has run.

use serde_json::json;

use crate::app::on_every_app;
use crate::story::{list_an_offering, subscribe};

#[tokio::test]
async fn an_order_that_waits_is_looked_at_again_without_scripts_and_when_they_fail() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let cookie = app.sign_in("buyer").await;
        let order = json!({"offering": listed.offering, "project": subscribed.buyer.project, "plan": listed.paid_plan});
        let order = app.ok("POST", "/api/marketplace-orders/", &subscribed.buyer.token, order).await;
        let page = format!("/marketplace-order/{}/", order["uuid"].as_str().expect("a uuid"));

        let waiting = app.open(&page, Some(&cookie)).await;
        assert_eq!(waiting.status.as_u16(), 200, "{}", waiting.text);
        let again = format!("{page}?watching=1");
        assert!(waiting.text.contains(&format!(r#"<meta http-equiv="refresh" content="2;url={again}">"#)));
        assert!(waiting.text.contains(&format!(r#"data-again="{again}""#)));
        // The policy lets the script that acts on it run.
        let policy = waiting.headers["content-security-policy"].to_str().expect("text");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        let script = waiting.text.split("<script").find(|script| script.contains("[data-again]")).expect("a script");
        assert!(script.contains(&format!(r#"nonce="{nonce}""#)), "{script}");

        let done = app.open(&format!("/marketplace-order/{}/", subscribed.order), Some(&cookie)).await;
        assert_eq!(done.status.as_u16(), 200, "{}", done.text);
        assert!(!done.text.contains("data-again=") && !done.text.contains("http-equiv=\"refresh\""));
    })
    .await;
}
