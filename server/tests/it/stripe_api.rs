//! The addresses about payments, as programs use them: what they take, what they answer, and their older names.

use serde_json::{Value, json};

use crate::app::{Account, TestApp, on_every_app, on_every_app_with};
use crate::story::{Listed, list_an_offering, subscribe};

const CHECKOUT: &str = "/api/stripe/checkout/";

/// An order that waits to be paid.
async fn unpaid(app: &TestApp, listed: &Listed) -> (Account, String) {
    let buyer = app.register("buyer").await;
    let order = json!({"offering": listed.offering, "project": buyer.project, "plan": listed.paid_plan});
    let order = app.ok("POST", "/api/marketplace-orders/", &buyer.token, order).await;
    (buyer, order["uuid"].as_str().expect("a uuid").to_owned())
}

async fn pay(app: &TestApp, session: &Value) -> crate::app::Answer {
    let path = format!("/api/payments/sandbox/checkout/{}/pay/", session.as_str().expect("a session"));
    let card = json!({"number": "4242424242424242", "expiry": "12/34", "cvc": "123", "name": "Ada Buyer"});
    app.call("POST", &path, None, &card).await
}

#[tokio::test]
async fn a_checkout_takes_an_order_and_two_addresses_and_nothing_that_costs() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let (buyer, order) = unpaid(app, &listed).await;
        for field in ["amount", "amount_due", "price", "plan", "currency", "quantity", "customer", "mode", "line_items"]
        {
            let refused = app.call("POST", CHECKOUT, Some(&buyer.token), &json!({"order_uuid": order, field: 1})).await;
            assert_eq!(refused.status, 400, "{field}: {}", refused.text);
            assert!(refused.text.contains(field), "{}", refused.text);
        }
        let good = json!({"order_uuid": order});
        let answer = app.ok("POST", CHECKOUT, &buyer.token, good.clone()).await;
        assert_eq!(
            (&answer["order_uuid"], &answer["mode"], &answer["amount_due"], &answer["currency"]),
            (&json!(order), &json!("sandbox"), &json!("29.0000000"), &json!("USD")),
            "{answer}"
        );
        assert!(answer["expires_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{answer}");
        assert_eq!(
            app.ok("POST", CHECKOUT, &buyer.token, good.clone()).await,
            answer,
            "the same page while it is open"
        );
        pay(app, &answer["session_id"]).await.expect(200);
        app.until(&format!("/api/marketplace-orders/{order}/"), &buyer.token, |order| order["state"] == "done").await;
        app.call("POST", CHECKOUT, Some(&buyer.token), &good).await.expect(409);
    })
    .await;
}

#[tokio::test]
async fn a_buyer_is_sent_back_to_us_and_to_nobody_else() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let (buyer, order) = unpaid(app, &listed).await;
        let long = format!("http://cmp.test/?{}", "x".repeat(2000));
        let wrong = [
            "",
            "/marketplace-order/",
            "//evil.example/",
            "///evil.example/",
            "\\\\evil.example/",
            "https:evil.example",
            "https://evil.example/",
            "https://cmp.test.evil.example/",
            "https://evil.example/?http://cmp.test/",
            "https://evil.example#@cmp.test/",
            "https://cmp.test@evil.example/",
            "http://user@cmp.test/",
            "http://user:word@cmp.test/",
            "http://cmp.test\\@evil.example/",
            "http://cmp.test\t/",
            "http://cmp.test/\r\nset-cookie: a=b",
            " http://cmp.test/",
            "http://cmp.test:81/",
            "https://cmp.test/",
            "http://127.0.0.1/",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://cmp．test/",
            "http://сmp.test/",
            long.as_str(),
        ];
        for url in wrong {
            for field in ["success_url", "cancel_url"] {
                let body = json!({"order_uuid": order, field: url});
                let refused = app.call("POST", CHECKOUT, Some(&buyer.token), &body).await.expect(400);
                assert!(refused[field][0].is_string(), "{url:?}: {refused}");
            }
        }
        let both = json!({"order_uuid": order, "success_url": "//a", "cancel_url": "javascript:a"});
        let refused = app.call("POST", CHECKOUT, Some(&buyer.token), &both).await.expect(400);
        assert!(refused["success_url"].is_array() && refused["cancel_url"].is_array(), "{refused}");
        // Whose order it is not learns nothing, whatever else is wrong.
        let stranger = app.register("stranger").await;
        app.call("POST", CHECKOUT, Some(&stranger.token), &both).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn a_buyer_comes_back_to_where_the_checkout_was_told() {
    let allowing = |config: &mut server::config::Config| {
        config.site.return_origins = vec!["https://shop.example".to_owned(), "http://127.0.0.1:8080".to_owned()];
    };
    on_every_app_with(allowing, async |app| {
        let listed = list_an_offering(app).await;
        let (buyer, order) = unpaid(app, &listed).await;
        let open = async |success: &str| {
            let body = json!({"order_uuid": order, "success_url": success, "cancel_url": "http://cmp.test/left/"});
            app.ok("POST", CHECKOUT, &buyer.token, body).await
        };
        let first = open("http://127.0.0.1:8080/done").await;
        let other = open("https://shop.example/done/?visit={CHECKOUT_SESSION_ID}&a=b").await;
        assert_ne!(first["session_id"], other["session_id"], "another address is another page");
        assert_eq!(open("https://shop.example/done/?visit={CHECKOUT_SESSION_ID}&a=b").await, other);
        // The page that leads elsewhere is closed.
        pay(app, &first["session_id"]).await.expect(409);
        let page = app.open(&format!("/sandbox-checkout/{}/", other["session_id"].as_str().expect("it")), None).await;
        assert!(page.text.contains("http://cmp.test/left/"), "{}", page.text);
        let policy = page.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("https://shop.example"), "{policy}");
        let paid = pay(app, &other["session_id"]).await.expect(200);
        let visit = other["session_id"].as_str().expect("a session");
        assert_eq!(paid["success_url"], format!("https://shop.example/done/?visit={visit}&a=b"));
        app.until(&format!("/api/marketplace-orders/{order}/"), &buyer.token, |order| order["state"] == "done").await;
    })
    .await;
}

#[tokio::test]
async fn nobody_opens_payment_pages_without_end() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let (buyer, order) = unpaid(app, &listed).await;
        let mut last = 200;
        for _ in 0..40 {
            let answer = app.call("POST", CHECKOUT, Some(&buyer.token), &json!({"order_uuid": order})).await;
            last = answer.status.as_u16();
            if last == 429 {
                assert!(answer.headers.contains_key("retry-after"));
            }
        }
        assert_eq!(last, 429);
    })
    .await;
}

#[tokio::test]
async fn subscriptions_are_listed_in_stripes_words_and_chosen_by_them() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let token = subscribed.buyer.token.as_str();
        let list = async |query: &str| {
            app.call("GET", &format!("/api/stripe-subscriptions/?{query}"), Some(token), &Value::Null).await
        };
        let answer = list("").await;
        assert_eq!(answer.headers["x-result-count"], "1");
        let row = &answer.json()[0];
        assert_eq!(
            (&row["order_uuid"], &row["status"], &row["entitlement"], &row["trial_end"], &row["quantity"]),
            (&json!(subscribed.order), &json!("active"), &json!("granted"), &Value::Null, &json!(1)),
            "{row}"
        );
        let invoice = &row["latest_invoice"];
        assert_eq!((&invoice["status"], &invoice["total"]), (&json!("paid"), &json!("29.0000000")), "{row}");
        assert!(invoice["number"].is_string());
        let page = invoice["hosted_invoice_url"].as_str().expect("an address").replace("http://cmp.test", "");
        let cookie = app.sign_in("buyer").await;
        assert_eq!(app.open(&page, Some(&cookie)).await.status, 200, "{page}");
        for (status, count) in
            [("active", 1), ("trialing", 0), ("past_due", 0), ("unpaid", 0), ("canceled", 0), ("incomplete", 0)]
        {
            let answer = list(&format!("status={status}")).await;
            assert_eq!(
                (answer.json().as_array().map(Vec::len), answer.headers["x-result-count"].to_str().ok()),
                (Some(count), Some(count.to_string().as_str())),
                "{status}"
            );
        }
        list("status=perhaps").await.expect(400);
        assert_eq!(
            list(&format!("organization={}", subscribed.buyer.organization)).await.headers["x-result-count"],
            "1"
        );
        list(&format!("organization={}", listed.provider.organization)).await.expect(404);
        let cancel = format!("/api/stripe-subscriptions/{}/cancel/", subscribed.resource);
        let first = app.ok("POST", &cancel, token, json!({"reason": "It repeats itself."})).await;
        let again = app.ok("POST", &cancel, token, json!({})).await;
        assert_eq!((&first["cancel_at_period_end"], &again["cancel_at_period_end"]), (&json!(true), &json!(true)));
        app.call("POST", &cancel, Some(token), &json!({"reason": "two\nlines"})).await.expect(400);
        app.ok("POST", &cancel, token, json!({"immediately": true})).await;
        app.until(&format!("/api/marketplace-resources/{}/", subscribed.resource), token, |row| {
            row["state"] == "Terminated"
        })
        .await;
        assert_eq!(list("status=canceled").await.headers["x-result-count"], "1");
        app.call("POST", &cancel, Some(token), &json!({})).await.expect(409);
    })
    .await;
}

#[tokio::test]
async fn a_provider_sees_in_words_what_is_wanted_and_what_it_has() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let token = listed.provider.token.as_str();
        let connect = "/api/stripe/connect/";
        let before = app.ok("GET", connect, token, Value::Null).await;
        assert_eq!((&before["status"], &before["transfers_active"]), (&json!("none"), &json!(false)), "{before}");
        let early = app.call("POST", "/api/stripe/connect/login-link/", Some(token), &json!({})).await;
        early.expect(409);
        let evil = json!({"return_url": "https://evil.example/", "refresh_url": "//evil"});
        let refused = app.call("POST", connect, Some(token), &evil).await.expect(400);
        assert!(refused["return_url"].is_array() && refused["refresh_url"].is_array(), "{refused}");
        app.call("POST", connect, Some(token), &json!({"account": "acct_1"})).await.expect(400);
        let opened = app.ok("POST", connect, token, json!({"return_url": "http://cmp.test/studio/"})).await;
        assert_eq!(
            (&opened["status"], &opened["currently_due"]),
            (&json!("pending"), &json!([{"code": "external_account", "text": "Your bank account."}])),
            "{opened}"
        );
        let page = opened["onboarding_url"].as_str().expect("a page").trim_end_matches('/');
        let page = page.rsplit('/').next().expect("its name");
        let bank = json!({"holder": "Acme", "routing": "110000000", "account": "000123456789"});
        let set = app.ok("POST", &format!("/api/payments/sandbox/payouts/{page}/bank/"), "", bank).await;
        assert_eq!(set["return_url"], "http://cmp.test/studio/");
        let after = app.ok("GET", connect, token, Value::Null).await;
        assert_eq!(
            (&after["status"], &after["transfers_active"], &after["payouts_enabled"], &after["currently_due"]),
            (&json!("active"), &json!(true), &json!(true), &json!([])),
            "{after}"
        );
        assert_eq!(after["balance"], json!({"pending": [], "available": [], "in_transit": []}));
        assert_eq!(after["account_id"], opened["account_id"]);
        let link = app.ok("POST", "/api/stripe/connect/login-link/", token, json!({})).await;
        assert_eq!(link["url"].as_str().map(|url| url.contains(page)), Some(true), "{link}");
        subscribe(app, &listed).await;
        let sold = app.ok("GET", connect, token, Value::Null).await;
        assert_eq!(sold["balance"]["pending"], json!([{"amount": "23.2000000", "currency": "USD"}]), "{sold}");
    })
    .await;
}

#[tokio::test]
async fn a_buyer_is_led_to_where_it_says_what_it_pays_with_and_from_there_nowhere_else() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let token = subscribed.buyer.token.as_str();
        let portal = format!("/api/stripe-subscriptions/{}/portal/", subscribed.resource);
        let page = format!("http://cmp.test/organizations/{}/billing/methods/", subscribed.buyer.organization);
        for body in [Value::Null, json!({}), json!({"return_url": "http://cmp.test/studio/"})] {
            assert_eq!(app.ok("POST", &portal, token, body).await, json!({"portal_url": page}));
        }
        for body in [json!({"return_url": "https://cmp.test.evil.example/"}), json!({"customer": "cus_1"})] {
            app.call("POST", &portal, Some(token), &body).await.expect(400);
        }
    })
    .await;
}

#[tokio::test]
async fn the_older_names_are_answered_as_the_newer_ones_and_lead_nowhere_else() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let token = subscribed.buyer.token.as_str();
        let resource = &subscribed.resource;
        let asked = [
            ("GET", "/api/stripe/config/".to_owned(), Value::Null),
            ("GET", "/api/stripe-customers/?page=1&page_size=5".to_owned(), Value::Null),
            ("GET", "/api/stripe-subscriptions/?status=active".to_owned(), Value::Null),
            ("GET", format!("/api/stripe-subscriptions/{resource}/preview_change/"), Value::Null),
            ("POST", format!("/api/stripe-subscriptions/{resource}/cancel/"), json!({})),
            ("POST", format!("/api/stripe-subscriptions/{resource}/resume/"), json!({})),
            ("POST", format!("/api/stripe-subscriptions/{resource}/portal/"), json!({})),
            ("GET", "/api/stripe-payment-methods/".to_owned(), Value::Null),
            ("GET", "/api/stripe/connect/".to_owned(), Value::Null),
            ("POST", CHECKOUT.to_owned(), json!({"order_uuid": subscribed.order})),
            ("POST", "/api/stripe/webhook/".to_owned(), json!({})),
            ("POST", "/api/stripe/webhook/connect/".to_owned(), json!({})),
        ];
        for (method, path, body) in asked {
            for who in [Some(token), None] {
                let newer = app.call(method, &path, who, &body).await;
                let older = app.call(method, &format!("/api/site-agent{path}"), who, &body).await;
                assert_eq!((older.status, &older.text), (newer.status, &newer.text), "{method} {path}");
                assert_eq!(older.headers.get("x-result-count"), newer.headers.get("x-result-count"));
            }
        }
        for path in
            ["/api/marketplace-orders/", "/api/users/me/", "/ui/session/viewer", "/api/site-agent/api/stripe/config/"]
        {
            app.call("GET", &format!("/api/site-agent{path}"), Some(token), &Value::Null).await.expect(404);
        }
    })
    .await;
}
