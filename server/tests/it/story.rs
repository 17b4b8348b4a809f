//! The whole story over REST, as a program would tell it.

use serde_json::{Value, json};

use crate::app::{Account, TestApp, on_every_app};

/// A flow of three components, as Langflow exports it, that answers with a prompt around its input.
pub(crate) fn flow() -> Value {
    let node = |id: &str, component: &str, output: &str, template: Value| {
        json!({
            "id": id, "type": "genericNode", "position": {"x": 0, "y": 0},
            "data": {"id": id, "type": component, "node": {
                "display_name": component, "template": template,
                "outputs": [{"name": output, "types": ["Message"], "selected": "Message", "method": "build"}]
            }}
        })
    };
    let field = |kind: &str, value: &str| json!({"name": "f", "type": kind, "value": value, "input_types": ["Message"], "show": true});
    let edge = |from: (&str, &str, &str), to: (&str, &str)| {
        json!({
            "id": format!("{}-{}", from.0, to.0), "source": from.0, "target": to.0,
            "data": {
                "sourceHandle": {"dataType": from.1, "id": from.0, "name": from.2, "output_types": ["Message"]},
                "targetHandle": {"fieldName": to.1, "id": to.0, "inputTypes": ["Message"], "type": "str"}
            }
        })
    };
    let mut prompt = json!({"_type": "Component"});
    prompt["template"] = json!({"name": "template", "type": "prompt", "value": "You said: {question}", "show": true});
    prompt["question"] = field("str", "");
    json!({
        "name": "Parrot with manners", "description": "Repeats politely.",
        "data": {
            "nodes": [
                node("ChatInput-a", "ChatInput", "message", json!({"_type": "Component", "input_value": field("str", "")})),
                node("Prompt-b", "Prompt", "prompt", prompt),
                node("ChatOutput-c", "ChatOutput", "message", json!({"_type": "Component", "input_value": field("str", "")})),
            ],
            "edges": [
                edge(("ChatInput-a", "ChatInput", "message"), ("Prompt-b", "question")),
                edge(("Prompt-b", "Prompt", "prompt"), ("ChatOutput-c", "input_value")),
            ],
            "viewport": {"x": 0, "y": 0, "zoom": 1}
        }
    })
}

/// A provider with a listed offering.
pub(crate) struct Listed {
    pub(crate) provider: Account,
    pub(crate) operator: String,
    pub(crate) agent: String,
    pub(crate) offering: String,
    pub(crate) paid_plan: String,
    pub(crate) free_plan: String,
}

/// Applies, is approved, imports, offers, submits, is listed.
pub(crate) async fn list_an_offering(app: &TestApp) -> Listed {
    list_what_is_imported(app, json!({"flow_definition": flow(), "flow_version": "1.0.0"})).await
}

/// The same with another flow: what the import is sent.
pub(crate) async fn list_what_is_imported(app: &TestApp, import: Value) -> Listed {
    let operator = app.operator().await;
    let provider = app.register("provider").await;
    let (token, organization) = (provider.token.as_str(), provider.organization.as_str());
    let application = json!({"customer": format!("http://cmp.test/api/customers/{organization}/"), "description": "We make parrots that repeat politely.", "website": "https://parrots.example"});
    app.ok("POST", "/api/marketplace-service-providers/", token, application).await;
    let agent = json!({"name": "Parrot", "slug": "parrot", "description": "Repeats politely.", "category": "assistants", "customer_uuid": organization});
    let early = app.call("POST", "/api/provider-agents/", Some(token), &agent).await;
    early.expect(403);
    app.ok("POST", &format!("/api/marketplace-service-providers/{organization}/approve/"), &operator, Value::Null)
        .await;

    let agent =
        app.ok("POST", "/api/provider-agents/", token, agent).await["uuid"].as_str().expect("a uuid").to_owned();
    let report = app.ok("POST", "/api/provider-agents/validate_flow/", token, json!({"flow_definition": flow()})).await;
    assert_eq!(
        (report["valid"].as_bool(), report["node_count"].as_i64(), report["edge_count"].as_i64()),
        (Some(true), Some(3), Some(2)),
        "{report}"
    );
    let version = app.ok("POST", &format!("/api/provider-agents/{agent}/import_flow/"), token, import).await;
    assert_eq!(version["flow_version"], "1.0.0");
    let offering = app.ok("POST", "/api/marketplace-provider-offerings/", token, json!({"agent": agent})).await["uuid"]
        .as_str()
        .expect("a uuid")
        .to_owned();
    let incomplete = app
        .call("POST", &format!("/api/marketplace-provider-offerings/{offering}/submit/"), Some(token), &json!({}))
        .await;
    incomplete.expect(400);
    let form = json!({"tagline": "Repeats politely.", "full_description": "# Parrot\n\nSays what you say, politely, and as often as you like.", "thumbnail": "/art/general-knowledge.svg"});
    app.ok("PATCH", &format!("/api/marketplace-provider-offerings/{offering}/"), token, form).await;
    let plan =
        |name: &str, price: f64| json!({"offering": offering, "name": name, "unit_price": price, "monthly_quota": 20});
    let paid_plan = app.ok("POST", "/api/marketplace-plans/", token, plan("Starter", 29.0)).await["uuid"]
        .as_str()
        .expect("a uuid")
        .to_owned();
    let free_plan = app.ok("POST", "/api/marketplace-plans/", token, plan("Free", 0.0)).await["uuid"]
        .as_str()
        .expect("a uuid")
        .to_owned();
    app.ok(
        "POST",
        &format!("/api/marketplace-provider-offerings/{offering}/submit/"),
        token,
        json!({"note": "Please."}),
    )
    .await;
    let hidden = app.call("GET", &format!("/api/marketplace-public-offerings/{offering}/"), None, &Value::Null).await;
    hidden.expect(404);
    app.ok("POST", &format!("/api/marketplace-provider-offerings/{offering}/activate/"), &operator, Value::Null).await;
    Listed { provider, operator, agent, offering, paid_plan, free_plan }
}

/// A buyer with a provisioned agent.
pub(crate) struct Subscribed {
    pub(crate) buyer: Account,
    pub(crate) order: String,
    pub(crate) resource: String,
    pub(crate) config: String,
}

/// Buys the paid plan with a good card.
pub(crate) async fn subscribe(app: &TestApp, listed: &Listed) -> Subscribed {
    let buyer = app.register("buyer").await;
    let token = buyer.token.as_str();
    let order = json!({"offering": listed.offering, "project": buyer.project, "plan": listed.paid_plan, "attributes": {"name": "Our parrot"}});
    let order = app.ok("POST", "/api/marketplace-orders/", token, order).await;
    assert_eq!((order["state"].as_str(), order["cost"].as_str()), (Some("pending-consumer"), Some("29.0000000")));
    let session = order["checkout_url"]
        .as_str()
        .expect("where to pay")
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .expect("a session")
        .to_owned();
    let pay = format!("/api/payments/sandbox/checkout/{session}/pay/");
    let card = |number: &str| json!({"number": number, "expiry": "12/34", "cvc": "123", "name": "Ada Buyer"});
    let declined = app.call("POST", &pay, None, &card("4000 0000 0000 0002")).await;
    assert_eq!(declined.status.as_u16(), 402, "{}", declined.text);
    app.ok("POST", &pay, "", card("4242 4242 4242 4242")).await;
    let uuid = order["uuid"].as_str().expect("a uuid").to_owned();
    let done = app.until(&format!("/api/marketplace-orders/{uuid}/"), token, |order| order["state"] == "done").await;
    let text = |name: &str| done[name].as_str().expect("in a done order").to_owned();
    Subscribed { order: uuid, resource: text("marketplace_resource_uuid"), config: text("config_uuid"), buyer }
}

#[tokio::test]
async fn a_provider_lists_a_buyer_pays_and_the_agent_answers() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let subscribed = subscribe(app, &listed).await;
        let token = subscribed.buyer.token.as_str();
        let config = format!("/api/customer-agent-configs/{}/", subscribed.config);

        let changed = app
            .ok(
                "PATCH",
                &config,
                token,
                json!({"agent_name": "Polly", "tone": "casual", "greeting_message": "Squawk!"}),
            )
            .await;
        assert_eq!((changed["agent_name"].as_str(), changed["tone"].as_str()), (Some("Polly"), Some("casual")));
        let wrong = app.call("PATCH", &config, Some(token), &json!({"tone": "rude"})).await.expect(400);
        assert!(wrong["tone"][0].as_str().is_some_and(|text| text.contains("professional")), "{wrong}");

        let key = app.ok("POST", &format!("{config}api_keys/"), token, json!({"name": "server"})).await;
        let secret = key["key"].as_str().expect("shown once").to_owned();
        assert!(secret.starts_with("ar_sk_live_"));
        let keys = app.ok("GET", &format!("{config}api_keys/"), token, Value::Null).await;
        assert!(!keys.to_string().contains(&secret), "a list never shows a secret");

        let answer = app.invoke(&secret, &json!({"input": "hello", "session_id": "s-1"})).await.expect(200);
        assert_eq!(answer["output"], "You said: hello");
        assert_eq!(answer["session_id"], "s-1");
        assert_eq!(answer["request_id"].as_str().map(str::len), Some(32));

        let usage = app.ok("GET", &format!("{config}usage/"), token, Value::Null).await;
        assert_eq!((usage["api_calls"].as_i64(), usage["used"].as_i64()), (Some(1), Some(1)), "{usage}");
        assert_eq!(usage["recent"][0]["request_id"], answer["request_id"]);

        // The page links to the same as a table; a browser asks with its cookie.
        let cookie = app.sign_in("buyer").await;
        let page =
            format!("/organizations/{}/agents/{}/usage/?days=7", subscribed.buyer.organization, subscribed.config);
        let page = app.open(&page, Some(&cookie)).await;
        let address = format!("{config}usage_csv/?from=");
        let link = page.text.split("href=\"").find(|link| link.starts_with(&address)).expect("a link to the table");
        let link = link.split('"').next().expect("its end").replace("&amp;", "&");
        let table = app.open(&link, Some(&cookie)).await;
        assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
        let lines: Vec<&str> = table.text.lines().collect();
        assert_eq!(
            (lines.len(), lines[0]),
            (8, "date,calls,failed_calls,input_tokens,output_tokens"),
            "{}",
            table.text
        );
        let today = format!(
            "{},1,0,{},{}",
            usage["to"].as_str().expect("a day"),
            usage["input_tokens"],
            usage["output_tokens"]
        );
        assert_eq!(lines[7], today);

        let revoked = app
            .ok(
                "POST",
                &format!("/api/agent-api-keys/{}/revoke/", key["uuid"].as_str().expect("a uuid")),
                token,
                Value::Null,
            )
            .await;
        assert_eq!(revoked["is_active"], false);
        let refused = app.invoke(&secret, &json!({"input": "hello"})).await.expect(401);
        assert_eq!(refused, json!({"error": "unauthorized", "detail": "Invalid or missing API key"}));

        app.ok("POST", &format!("/api/marketplace-resources/{}/terminate/", subscribed.resource), token, Value::Null)
            .await;
        app.until(&format!("/api/marketplace-resources/{}/", subscribed.resource), token, |row| {
            row["state"] == "Terminated"
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_free_plan_needs_no_payment() {
    on_every_app(async |app| {
        let listed = list_an_offering(app).await;
        let buyer = app.register("buyer").await;
        let order = json!({"offering": listed.offering, "project": buyer.project, "plan": listed.free_plan});
        let order = app.ok("POST", "/api/marketplace-orders/", &buyer.token, order).await;
        assert!(order["checkout_url"].is_null(), "{order}");
        let path = format!("/api/marketplace-orders/{}/", order["uuid"].as_str().expect("a uuid"));
        app.until(&path, &buyer.token, |order| order["state"] == "done").await;
    })
    .await;
}

#[tokio::test]
async fn every_sample_answers_its_demo_offline_and_bills_nothing() {
    on_every_app(async |app| {
        let offerings = app.ok("GET", "/api/marketplace-public-offerings/?page_size=50", "", Value::Null).await;
        let offerings = offerings.as_array().expect("a list");
        for name in
            ["Customer Support Agent", "Code Review Agent", "Slack Integration", "General Knowledge", "Email Responder"]
        {
            let offering = offerings
                .iter()
                .find(|offering| offering["name"] == name)
                .unwrap_or_else(|| panic!("{name} is listed"));
            let path = format!("/api/agent-gateway/demo/{}/", offering["uuid"].as_str().expect("a uuid"));
            let answer = app.ok("POST", &path, "", json!({"input": "Hello, what can you do for me?"})).await;
            let output = answer["output"].as_str().expect("an answer");
            assert!(output.len() > 10 && !output.contains("what can you do for me"), "{name}: {output}");
        }
    })
    .await;
}

impl TestApp {
    /// Calls the gateway with a key.
    pub(crate) async fn invoke(&self, key: &str, body: &Value) -> crate::app::Answer {
        let request = axum::http::Request::builder()
            .method("POST")
            .uri("/api/agent-gateway/invoke/")
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(axum::body::Body::from(body.to_string()))
            .expect("a request");
        self.send(request).await
    }
}
