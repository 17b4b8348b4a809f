//! Usage that is reported, and what people call themselves.

use serde_json::{Value, json};

use crate::app::on_every_app;
use crate::story::{list_an_offering, subscribe};

const REPORTS: &str = "/api/agent-gateway/usage/";

#[tokio::test]
async fn usage_that_cannot_be_is_refused_and_costs_nothing() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let report = async |secret: &str, body: Value| {
            let request = axum::http::Request::post(REPORTS)
                .header("x-runtime-secret", secret)
                .header("content-type", "application/json")
                .body(axum::body::Body::from(body.to_string()))
                .expect("a request");
            app.send(request).await
        };
        let good = "a secret of the runtime";
        let config = subscribed.config.as_str();
        for secret in ["", "wrong", "a secret of the runtimE", "a secret of the runtime "] {
            let body = json!({"config_uuid": config, "input_tokens": 1, "output_tokens": 1});
            assert_eq!(report(secret, body).await.status, 401, "{secret:?}");
        }
        for tokens in [json!(-1), json!(1.5), json!("1"), json!(1e30), json!(i64::MIN), json!([1]), Value::Null] {
            for field in ["input_tokens", "output_tokens"] {
                let mut body = json!({"config_uuid": config, "input_tokens": 1, "output_tokens": 1});
                body[field] = tokens.clone();
                let answer = report(good, body).await;
                // What is left out counts as nothing.
                let fine = matches!(answer.status.as_u16(), 400 | 422) || tokens.is_null();
                assert!(fine, "{field} {tokens}: {} {}", answer.status, answer.text);
            }
        }
        let huge =
            json!({"config_uuid": config, "input_tokens": i64::MAX, "output_tokens": i64::MAX, "request_id": "huge"});
        for _ in 0..2 {
            let status = report(good, huge.clone()).await.status.as_u16();
            assert!(matches!(status, 200 | 201 | 400 | 422), "{status}");
        }
        let unknown = json!({"config_uuid": "0".repeat(32), "input_tokens": 1, "output_tokens": 1});
        assert!(report(good, unknown).await.status.is_client_error());
        // What is shown afterwards is shown at all: nothing has run over.
        let token = subscribed.buyer.token.as_str();
        let usage = format!("/api/customer-agent-configs/{config}/usage/");
        assert_eq!(app.call("GET", &usage, Some(token), &Value::Null).await.status, 200);
        let bill = format!("/api/stripe-subscriptions/{}/usage_bill/", subscribed.resource);
        assert_eq!(app.call("GET", &bill, Some(token), &Value::Null).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn what_people_call_themselves_is_text_on_every_document() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let (token, of) = (subscribed.buyer.token.as_str(), subscribed.buyer.organization.as_str());
        let name = "=HYPERLINK(\"https://evil.example\")<script>alert(1)</script>";
        let details = json!({"legal_name": name, "address": "@SUM(1)\n<b>1</b>", "vat_id": "DE1"});
        app.ok("PUT", &format!("/api/customers/{of}/billing_details/"), token, details).await;
        // What stood on an invoice stays; the next one has the new name.
        let order = json!({"offering": listed.offering, "project": subscribed.buyer.project, "plan": listed.paid_plan});
        let order = app.ok("POST", "/api/marketplace-orders/", token, order).await;
        let session = order["checkout_url"].as_str().expect("a page").trim_end_matches('/').to_owned();
        let session = session.rsplit('/').next().expect("a session");
        let card = json!({"number": "4242424242424242", "expiry": "12/34", "cvc": "123", "name": "Ada Buyer"});
        app.ok("POST", &format!("/api/payments/sandbox/checkout/{session}/pay/"), "", card).await;
        let uuid = order["uuid"].as_str().expect("a uuid");
        app.until(&format!("/api/marketplace-orders/{uuid}/"), token, |order| order["state"] == "done").await;
        let cookie = app.sign_in("buyer").await;
        let table = app.open(&format!("/api/customers/{of}/invoices_csv/"), Some(&cookie)).await.text;
        assert!(table.contains("'=HYPERLINK"), "{table}");
        assert!(!table.contains(",=") && !table.contains(",\"="), "{table}");
        let invoices = app.ok("GET", "/api/marketplace-invoices/", token, Value::Null).await;
        let id = invoices[0]["uuid"].as_str().expect("a uuid");
        assert_eq!(invoices[0]["customer_name"], name);
        let page = app.open(&format!("/organizations/{of}/billing/invoices/{id}/"), Some(&cookie)).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("<script>alert(1)"), "the name is written as text");
        let pdf = app.open(&format!("/api/marketplace-invoices/{id}/pdf/"), Some(&cookie)).await;
        assert_eq!((pdf.status.as_u16(), pdf.headers["content-type"].to_str().ok()), (200, Some("application/pdf")));
    })
    .await;
}
