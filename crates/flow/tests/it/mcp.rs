//! Tools of an MCP server over HTTP.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flow::{Verdict, Web, WebError, WebRequest, WebResponse};
use serde_json::{Value, json};

use crate::parts::{Script, calls, edge, engine, flow, node, run, says, tool};

/// An MCP server with two tools, that answers as server-sent events; it keeps what it was sent.
#[derive(Debug, Default)]
struct Server(Mutex<Vec<(WebRequest, Value)>>);

#[async_trait]
impl Web for Server {
    async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        let asked: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
        let schema = json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
        let result = match asked["method"].as_str().unwrap() {
            "initialize" => json!({"protocolVersion": "2025-06-18", "capabilities": {}}),
            "tools/list" => json!({"tools": [
                {"name": "find", "description": "Finds.", "inputSchema": schema},
                {"name": "drop", "description": "Drops.", "inputSchema": schema},
            ]}),
            "tools/call" => {
                json!({"content": [{"type": "text", "text": format!("found {}", asked["params"]["arguments"]["q"])}]})
            }
            _ => Value::Null,
        };
        self.0.lock().unwrap().push((request, asked.clone()));
        let body = format!("event: message\ndata: {}\n\n", json!({"jsonrpc": "2.0", "id": 1, "result": result}));
        let headers =
            vec![("content-type".into(), "text/event-stream".into()), ("mcp-session-id".into(), "s-1".into())];
        Ok(WebResponse { status: 200, url: String::new(), headers, body: body.into_bytes() })
    }
}

fn agent(server: Value) -> flow::Flow {
    let rows = json!([
        {"name": "search", "description": "Searches.", "tags": ["find"], "status": true, "args": {}},
        {"name": "drop", "description": "Drops.", "tags": ["drop"], "status": false, "args": {}},
    ]);
    let fields = json!({"mcp_server": {"type": "mcp", "value": server, "show": true}});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        tool("mcp", "MCPTools", fields, rows),
        node("agent", "Agent", json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("mcp.component_as_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    flow(nodes, edges)
}

#[tokio::test]
async fn an_agent_uses_the_tools_that_its_author_left_on() {
    let flow = agent(json!({"name": "x", "config": {"url": "https://mcp.example/mcp"}}));
    assert_eq!(flow::check(&flow).verdict, Verdict::Native);
    let script = Script::new(vec![calls(&[("search", json!({"q": "flows"}))]), says("done")]);
    let server = Arc::new(Server::default());
    let engine = engine(&script).with_web(server.clone());
    assert_eq!(run(&engine, &flow, "x").await.0.unwrap().text, "done");
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[0].tools.len(), 1);
    assert_eq!((asked[0].tools[0].name.as_str(), asked[0].tools[0].description.as_str()), ("search", "Searches."));
    assert_eq!(asked[1].messages.last().unwrap().text, "found \"flows\"");
    let heard = server.0.lock().unwrap();
    let methods: Vec<&str> = heard.iter().map(|(_, asked)| asked["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["initialize", "notifications/initialized", "tools/list", "tools/call"]);
    assert!(heard[3].0.headers.contains(&("mcp-session-id".to_owned(), "s-1".to_owned())));
    assert_eq!(heard[3].1["params"]["name"], "find");
}

#[test]
fn a_server_that_is_not_in_the_export_or_of_the_older_kind_is_said_before_a_run() {
    for (server, words) in [
        (json!({"name": "x"}), "address is not in the export"),
        (json!({"config": {"url": "https://mcp.example/sse"}}), "older kind"),
    ] {
        let report = flow::check(&agent(server));
        assert_eq!(report.verdict, Verdict::Unsupported);
        assert!(report.nodes[1].reason.contains(words), "{}", report.nodes[1].reason);
    }
}
