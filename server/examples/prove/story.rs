//! A trivial flow, listed with a plan without limits, and a buyer with a key for it: all of it made
//! through the public API.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::client::Connection;
use crate::program::{OPERATOR, OPERATOR_PASSWORD};

static PEOPLE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// A buyer who can call an agent.
pub(crate) struct Buyer {
    pub(crate) token: String,
    pub(crate) config: String,
    pub(crate) key: String,
}

/// Lists a flow that answers with its input, subscribes to it, and makes a key.
pub(crate) async fn buyer(host: &str) -> anyhow::Result<Buyer> {
    buyer_of(host, &flow()).await
}

/// A flow on sale with a plan that costs nothing, and somebody who has bought nothing yet.
pub(crate) struct Listed {
    pub(crate) operator: String,
    pub(crate) seller: String,
    pub(crate) provider: String,
    pub(crate) offering: String,
    /// The plan.
    plan: String,
    pub(crate) buyer: Person,
}

/// Somebody with an organization of their own.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) organization: String,
    pub(crate) project: String,
}

/// Makes somebody who has bought nothing yet.
pub(crate) async fn person(host: &str, name: &str) -> anyhow::Result<Person> {
    let mut connection = Connection::open(host).await?;
    Api { connection: &mut connection }.register(name).await
}

/// Lists a flow that answers with its input.
pub(crate) async fn listed(host: &str) -> anyhow::Result<Listed> {
    listed_of(host, &flow()).await
}

async fn listed_of(host: &str, flow: &Value) -> anyhow::Result<Listed> {
    let mut connection = Connection::open(host).await?;
    let mut api = Api { connection: &mut connection };
    let Person { token: seller, organization, .. } = api.register("seller").await?;
    let signed_in = json!({"username": OPERATOR, "password": OPERATOR_PASSWORD});
    let operator = text(&api.post("/api-auth/password/", None, &signed_in).await?, "/token")?;

    let application = json!({"customer": organization, "description": "Load tests of our own making.", "website": ""});
    api.post("/api/marketplace-service-providers/", Some(&seller), &application).await?;
    api.post(&format!("/api/marketplace-service-providers/{organization}/approve/"), Some(&operator), &Value::Null)
        .await?;
    let agent = json!({"name": "Straight Through", "category": "agents", "customer_uuid": organization, "description": "Answers with what it is told."});
    let agent = text(&api.post("/api/provider-agents/", Some(&seller), &agent).await?, "/uuid")?;
    let flow = json!({"flow_definition": flow});
    api.post(&format!("/api/provider-agents/{agent}/import_flow/"), Some(&seller), &flow).await?;
    let offering = api.post("/api/marketplace-provider-offerings/", Some(&seller), &json!({"agent": agent})).await?;
    let offering = text(&offering, "/uuid")?;
    let form = json!({"tagline": "Answers with what it is told.", "full_description": "For load tests: answers with exactly what it is told, at once.", "thumbnail": "/art/general-knowledge.svg"});
    api.call("PATCH", &format!("/api/marketplace-provider-offerings/{offering}/"), Some(&seller), &form).await?;
    let plan = json!({"offering": offering, "name": "Without limits", "unit_price": 0, "requests_per_minute": 1_000_000,
            "document_limit": 5_000, "document_megabytes": 5_000, "document_pages": 200_000});
    let plan = text(&api.post("/api/marketplace-plans/", Some(&seller), &plan).await?, "/uuid")?;
    api.post(&format!("/api/marketplace-provider-offerings/{offering}/submit/"), Some(&seller), &json!({})).await?;
    api.post(&format!("/api/marketplace-provider-offerings/{offering}/activate/"), Some(&operator), &Value::Null)
        .await?;

    let buyer = api.register("buyer").await?;
    Ok(Listed { operator, seller, provider: organization, offering, plan, buyer })
}

/// Lists a flow, subscribes to it, and makes a key.
pub(crate) async fn buyer_of(host: &str, flow: &Value) -> anyhow::Result<Buyer> {
    let Listed { offering, plan, buyer: Person { token, project, .. }, .. } = listed_of(host, flow).await?;
    let mut connection = Connection::open(host).await?;
    let mut api = Api { connection: &mut connection };
    let order = json!({"offering": offering, "project": project, "plan": plan, "attributes": {"name": "Under load"}});
    let order = text(&api.post("/api/marketplace-orders/", Some(&token), &order).await?, "/uuid")?;
    for _ in 0..200 {
        let order = api.call("GET", &format!("/api/marketplace-orders/{order}/"), Some(&token), &Value::Null).await?;
        if let Some(config) = order["config_uuid"].as_str() {
            let config = config.to_owned();
            let new = json!({"name": "load", "scopes": ["invoke"]});
            let key = api.post(&format!("/api/customer-agent-configs/{config}/api_keys/"), Some(&token), &new).await?;
            return Ok(Buyer { token, config, key: text(&key, "/key")? });
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    bail!("the subscription was not provisioned within ten seconds")
}

/// A flow of two components, as Langflow exports it.
fn flow() -> Value {
    let node = |id: &str, component: &str, output: &str, x: i64| {
        json!({
            "id": id, "type": "genericNode", "position": {"x": x, "y": 0},
            "data": {"id": id, "type": component, "node": {
                "display_name": component,
                "template": {"_type": "Component", "input_value": {"name": "input_value", "type": "str", "value": "", "input_types": ["Message"], "show": true}},
                "outputs": [{"name": output, "types": ["Message"], "selected": "Message", "method": "message_response"}]
            }}
        })
    };
    json!({
        "name": "Straight Through", "description": "Answers with its input.",
        "data": {
            "nodes": [node("ChatInput-a", "ChatInput", "message", 0), node("ChatOutput-b", "ChatOutput", "message", 400)],
            "edges": [{
                "id": "edge", "source": "ChatInput-a", "target": "ChatOutput-b",
                "data": {
                    "sourceHandle": {"dataType": "ChatInput", "id": "ChatInput-a", "name": "message", "output_types": ["Message"]},
                    "targetHandle": {"fieldName": "input_value", "id": "ChatOutput-b", "inputTypes": ["Message"], "type": "str"}
                }
            }],
            "viewport": {"x": 0, "y": 0, "zoom": 1}
        }
    })
}

/// The API over one connection.
pub(crate) struct Api<'c> {
    pub(crate) connection: &'c mut Connection,
}

impl Api<'_> {
    async fn register(&mut self, name: &str) -> anyhow::Result<Person> {
        // One server may be shown several flows, each by its own people.
        let id = PEOPLE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let email = format!("{name}.{}.{id}@example.com", std::process::id());
        let person = json!({"name": name, "email": email, "password": "a long enough password"});
        let user = self.post("/api-auth/register/", None, &person).await?;
        Ok(Person {
            token: text(&user, "/token")?,
            organization: text(&user, "/customers/0/uuid")?,
            project: text(&user, "/customers/0/project_uuid")?,
        })
    }

    async fn post(&mut self, path: &str, token: Option<&str>, body: &Value) -> anyhow::Result<Value> {
        self.call("POST", path, token, body).await
    }

    /// Calls the API and requires success.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let headers = token.map(|token| format!("authorization: Token {token}\r\n")).unwrap_or_default();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.connection.send(method, path, &headers, &body).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        if answer.body.is_empty() { Ok(Value::Null) } else { answer.json() }
    }
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no {pointer} in {value}"))
}
