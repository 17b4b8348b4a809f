//! MCP Tools: the tools of an MCP server over streamable HTTP, for agents.
//!
//! Only servers that can be reached over HTTP, through the run's one client; what would start a program is
//! never run (see `check::known`). Which tools there are is asked when the flow runs, and the author's choice
//! in the export (names, descriptions, which are switched off) holds over what the server says.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::{Component, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError, Inputs, ToolUse},
    flow::Node,
    model::{ToolSchema, sse::Events},
    tool::{self, Tool, ToolRunner, tool_name},
    value::{Value, plain},
    web::{WebMethod, WebRequest},
};

/// The version of the protocol that is spoken.
const VERSION: &str = "2025-06-18";
/// The most tools that a server may offer.
const TOOLS: usize = 128;

#[derive(Debug)]
pub(super) struct McpTools;

#[async_trait]
impl Component for McpTools {
    fn types(&self) -> &'static [&'static str] {
        &["MCPTools", "MCPToolsComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["component_as_tool"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("", "")]
    }

    fn brings_own_tools(&self) -> bool {
        true
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        match address(node) {
            None => Some("an MCP server whose address is not in the export".into()),
            Some(url) if url.trim_end_matches('/').ends_with("/sse") => {
                Some("an MCP server of the older kind (its address ends in /sse)".into())
            }
            Some(_) => None,
        }
    }

    async fn run(&self, _: &Call<'_>) -> Result<Outputs, ComponentError> {
        Err(ComponentError::Failed("it only hands its tools to agents".into()))
    }

    async fn bring_tools(&self, call: &Call<'_>) -> Result<Vec<Arc<Tool>>, ComponentError> {
        let url = address(call.node).unwrap_or_default();
        let mut server = Server { url, headers: headers(call.node), session: None };
        let hello = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": "cmp", "version": env!("CARGO_PKG_VERSION")},
        });
        server.ask(call, "initialize", hello).await?;
        server.tell(call, "notifications/initialized").await?;
        let listed = server.ask(call, "tools/list", json!({})).await?;
        let server = Arc::new(server);
        let rows = tool::described(call.node);
        let mut tools = Vec::new();
        for offered in listed["tools"].as_array().into_iter().flatten().take(TOOLS) {
            let name = plain(&offered["name"]);
            let row = rows.into_iter().flatten().find(|row| row["tags"][0].as_str() == Some(name.as_str()));
            if name.is_empty() || row.is_some_and(|row| row["status"] == Json::Bool(false)) {
                continue;
            }
            let edited = |field: &str| row.and_then(|row| row[field].as_str()).filter(|it| !it.is_empty());
            let description = edited("description").map_or_else(|| plain(&offered["description"]), str::to_owned);
            let schema = ToolSchema {
                name: tool_name(edited("name").unwrap_or(&name)),
                description,
                parameters: Some(offered["inputSchema"].clone())
                    .filter(Json::is_object)
                    .unwrap_or_else(|| json!({"type": "object", "properties": {}})),
            };
            let runs = Arc::new(McpTool { node: call.node.clone(), server: server.clone(), name });
            tools.push(Arc::new(Tool { schema, node: call.node.id.clone(), runs }));
        }
        Ok(tools)
    }
}

fn config(node: &Node) -> Option<&Json> {
    let server = &node.fields.get("mcp_server")?.value;
    Some(server.get("config").unwrap_or(server))
}

fn address(node: &Node) -> Option<String> {
    let url = config(node).and_then(|config| config.get("url")).map(plain);
    let old = node.fields.get("sse_url").filter(|field| field.show).map(|field| plain(&field.value));
    url.or(old).filter(|it| !it.is_empty())
}

fn headers(node: &Node) -> Vec<(String, String)> {
    let headers = config(node).and_then(|config| config.get("headers")).and_then(Json::as_object);
    let pairs = headers.into_iter().flatten().map(|(name, value)| (name.clone(), plain(value)));
    // A secret that was removed at import leaves an empty header, which says less than none.
    pairs.filter(|(_, value)| !value.is_empty()).collect()
}

/// One server, after its greeting.
#[derive(Debug)]
struct Server {
    url: String,
    headers: Vec<(String, String)>,
    session: Option<String>,
}

impl Server {
    fn request(&self, body: &Json) -> WebRequest {
        let mut headers = self.headers.clone();
        headers.push(("content-type".into(), "application/json".into()));
        headers.push(("accept".into(), "application/json, text/event-stream".into()));
        headers.push(("mcp-protocol-version".into(), VERSION.into()));
        headers.extend(self.session.iter().map(|session| ("mcp-session-id".to_owned(), session.clone())));
        WebRequest {
            url: self.url.clone(),
            method: WebMethod::Post,
            headers,
            body: Some(body.to_string().into_bytes()),
            ..WebRequest::default()
        }
    }

    async fn ask(&mut self, call: &Call<'_>, method: &str, parameters: Json) -> Result<Json, ComponentError> {
        let (answer, session) = self.call(call, method, parameters).await?;
        self.session = session.or(self.session.take());
        Ok(answer)
    }

    /// Calls a method and returns its result, and the session that the server gave.
    async fn call(
        &self,
        call: &Call<'_>,
        method: &str,
        parameters: Json,
    ) -> Result<(Json, Option<String>), ComponentError> {
        let failed = |what: String| ComponentError::Failed(format!("the MCP server: {what}"));
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let answer = call.fetch(self.request(&body)).await.map_err(|error| failed(error.to_string()))?;
        if !answer.is_success() {
            return Err(failed(format!("it answered {}", answer.status)));
        }
        let session = answer.header("mcp-session-id").map(str::to_owned);
        let is_stream = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let messages: Vec<Json> = if is_stream {
            let mut events = Events::default();
            let mut all = events.push(&answer.body);
            all.extend(events.push(b"\n\n"));
            all.iter().filter_map(|event| serde_json::from_str(event).ok()).collect()
        } else {
            serde_json::from_slice(&answer.body).into_iter().collect()
        };
        let Some(mut message) = messages.into_iter().find(|it| it["id"] == 1) else {
            return Err(failed("its answer is none".into()));
        };
        if message["error"].is_object() {
            return Err(failed(plain(&message["error"]["message"]).chars().take(300).collect()));
        }
        Ok((message["result"].take(), session))
    }

    async fn tell(&self, call: &Call<'_>, method: &str) -> Result<(), ComponentError> {
        let body = json!({"jsonrpc": "2.0", "method": method});
        let told = call.fetch(self.request(&body)).await;
        told.map(drop).map_err(|error| ComponentError::Failed(format!("the MCP server: {error}")))
    }
}

/// One tool of a server.
struct McpTool {
    node: Node,
    server: Arc<Server>,
    name: String,
}

#[async_trait]
impl ToolRunner for McpTool {
    async fn run(&self, used: ToolUse<'_>) -> Result<Value, ComponentError> {
        let call = Call::tool(&self.node, Inputs::default(), "", &used);
        let parameters = json!({"name": self.name, "arguments": used.arguments});
        let (result, _) = self.server.call(&call, "tools/call", parameters).await?;
        let parts = result["content"].as_array().into_iter().flatten();
        let texts: Vec<&str> = parts.filter_map(|part| part["text"].as_str()).collect();
        let text = texts.join("\n");
        if result["isError"] == true {
            return Err(ComponentError::Failed(text));
        }
        if text.is_empty() && !result["structuredContent"].is_null() {
            return Ok(Value::Json(result["structuredContent"].clone()));
        }
        Ok(Value::text(text))
    }
}
