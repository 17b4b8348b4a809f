//! Flows that mean harm, and the words that each gets. `cargo xtask prove hostile-flows` shows the same ones.

use std::sync::Arc;

use flow::{Engine, GuardedWeb, Limits, RunRequest, Verdict, WebPolicy};
use serde_json::{Value, json};

use crate::parts::{Script, back, edge, engine, export, flow, node, run, run_with, tool};

fn straight(prompt: &str) -> flow::Flow {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("p", "Prompt", json!({"template": prompt, "x": ""})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    flow(nodes, vec![edge("in.message", "p.x"), edge("p.prompt", "out.input_value")])
}

#[test]
fn a_circle_without_a_loop_is_invalid() {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("a", "CombineText", json!({"text1": "", "text2": ""})),
        node("b", "CombineText", json!({"text1": "", "text2": ""})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "a.text1"),
        edge("a.combined_text", "b.text1"),
        edge("b.combined_text", "a.text2"),
        edge("b.combined_text", "out.input_value"),
    ];
    let report = flow::check(&flow(nodes, edges));
    assert_eq!(report.verdict, Verdict::Invalid);
    assert!(report.problems[0].contains("go round in a circle"), "{:?}", report.problems);
}

#[tokio::test]
async fn a_loop_that_is_closed_from_outside_is_refused() {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("loop", "LoopComponent", json!({"data": ""})),
        node("other", "CombineText", json!({"text1": "", "text2": ""})),
        node("body", "ParserComponent", json!({"pattern": "{text}"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "loop.data"),
        edge("in.message", "other.text1"),
        edge("loop.item", "body.input_data"),
        back("other.combined_text", "loop"),
        edge("loop.done", "out.input_value"),
    ];
    let error = run(&engine(&Script::new(Vec::new())), &flow(nodes, edges), "x").await.0.unwrap_err();
    assert!(error.to_string().contains("is closed by a component that its item does not reach"), "{error}");
}

#[test]
fn sizes_are_bounded_before_anything_is_built() {
    let many: Vec<Value> = (0..10_000).map(|index| node(&format!("n{index}"), "TextInput", json!({}))).collect();
    let text = export(many, Vec::new()).to_string();
    assert!(flow::parse(text.as_bytes()).unwrap_err().to_string().contains("more than 2000 components"));
    let huge = export(vec![node("n", "TextInput", json!({"input_value": "x".repeat(50_000_000)}))], Vec::new());
    assert!(flow::parse(huge.to_string().as_bytes()).unwrap_err().to_string().contains("larger than 8 MiB"));
    let deep = format!("{{\"data\": {{\"nodes\": {}{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(flow::parse(deep.as_bytes()).unwrap_err().to_string().contains("nested deeper"));
}

#[tokio::test]
async fn a_template_that_multiplies_is_ended_by_what_a_run_may_hold() {
    let mut nodes = vec![node("in", "ChatInput", json!({"input_value": ""}))];
    let mut edges = Vec::new();
    let mut before = "in.message".to_owned();
    for level in 0..12 {
        nodes.push(node(&format!("p{level}"), "Prompt", json!({"template": "{x}".repeat(10), "x": ""})));
        edges.push(edge(&before, &format!("p{level}.x")));
        before = format!("p{level}.prompt");
    }
    nodes.push(node("out", "ChatOutput", json!({"input_value": ""})));
    edges.push(edge(&before, "out.input_value"));
    let error = run(&engine(&Script::new(Vec::new())), &flow(nodes, edges), "0123456789").await.0.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("became too long") || words.contains("produced more than"), "{words}");
}

#[tokio::test]
async fn braces_in_what_a_person_writes_stay_braces() {
    let flow = straight("You are kind. {x}");
    let engine = engine(&Script::new(Vec::new()));
    for input in ["{x}", "{{x}}", "{x.__class__}", "{0}", "%s ${x} {{#x}}"] {
        assert_eq!(run(&engine, &flow, input).await.0.unwrap().text, format!("You are kind. {input}"));
    }
}

#[test]
fn a_template_that_reaches_into_objects_is_invalid() {
    for template in ["{x.__class__}", "{x[0]}", "{x!r}", "{x:>999999999}"] {
        let report = flow::check(&straight(template));
        assert_eq!(report.verdict, Verdict::Invalid, "{template}");
    }
}

#[tokio::test]
async fn tweaks_of_code_are_refused() {
    let mut request = RunRequest::new("x", "s");
    for field in ["code", "python_code", "tool_code"] {
        request.tweaks = json!({"p": {field: "import os"}}).as_object().cloned().unwrap();
        let error = run_with(&engine(&Script::new(Vec::new())), &straight("{x}"), request.clone()).await.0.unwrap_err();
        assert!(error.to_string().contains("holds code, which can never be tweaked"), "{error}");
    }
}

#[tokio::test]
async fn no_web_component_reaches_a_private_address() {
    let inside = "http://169.254.169.254/latest/meta-data/";
    let list = |value: &str| json!({"type": "str", "value": [value], "list": true, "show": true});
    let engine = Engine::offline().with_web(Arc::new(GuardedWeb::new(WebPolicy::default()).unwrap()));
    let components = [
        ("URLComponent", json!({"urls": list(inside)}), "raw_results"),
        ("APIRequest", json!({"url_input": inside}), "data"),
        ("UnifiedWebSearch", json!({"query": inside, "search_mode": "RSS"}), "results"),
        ("RSSReaderSimple", json!({"rss_url": inside}), "articles"),
    ];
    for (component, fields, output) in components {
        let nodes = vec![node("web", component, fields), node("out", "ChatOutput", json!({"input_value": ""}))];
        let flow = flow(nodes, vec![edge(&format!("web.{output}"), "out.input_value")]);
        let words = match run(&engine, &flow, "").await.0 {
            Ok(output) => output.text,
            Err(error) => error.to_string(),
        };
        assert!(words.contains("not an address of the public internet"), "{component}: {words}");
    }
}

#[tokio::test]
async fn a_database_in_the_flow_is_no_database_of_ours() {
    let fields = json!({"database_url": "sqlite:////etc/passwd", "query": "SELECT 1"});
    let nodes = vec![node("sql", "SQLComponent", fields), node("out", "ChatOutput", json!({"input_value": ""}))];
    let flow = flow(nodes, vec![edge("sql.run_sql_query", "out.input_value")]);
    let error = run(&Engine::offline(), &flow, "").await.0.unwrap_err();
    assert!(error.to_string().contains("no database is set up here"), "{error}");
}

#[test]
fn code_and_programs_are_never_run() {
    let mcp = json!({"mcp_server": {"type": "mcp", "value": {"name": "x", "config": {"command": "sh", "args": ["-c", "id"]}}, "show": true}});
    for (component, fields) in [("PythonREPLComponent", json!({})), ("MCPTools", mcp), ("CustomComponent", json!({}))] {
        let nodes = vec![
            node("in", "ChatInput", json!({"input_value": ""})),
            node("bad", component, fields),
            node("out", "ChatOutput", json!({"input_value": ""})),
        ];
        let flow = flow(nodes, vec![edge("in.message", "bad.x"), edge("bad.y", "out.input_value")]);
        let report = flow::check(&flow);
        assert_eq!(report.verdict, Verdict::Unsupported);
        assert_eq!(report.nodes[1].class, flow::NodeClass::Never, "{component}");
    }
}

#[test]
fn a_part_of_a_known_component_that_is_not_here_is_said_before_a_run() {
    let knowledge = json!({"mode": "Retrieve", "knowledge_base": "x", "metadata_filter": "{\"a\": 1}"});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("kb", "Knowledge", knowledge),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let flow = flow(nodes, vec![edge("in.message", "kb.search_query"), edge("kb.retrieve_data", "out.input_value")]);
    let report = flow::check(&flow);
    assert_eq!(report.verdict, Verdict::Unsupported);
    assert!(report.nodes[1].reason.contains("a filter by metadata"), "{}", report.nodes[1].reason);
}

#[tokio::test]
async fn an_agent_that_will_not_stop_is_stopped() {
    let sums = tool(
        "sums",
        "CalculatorComponent",
        json!({"expression": {"type": "str", "value": "", "tool_mode": true}}),
        json!([{"name": "sum", "tags": ["evaluate_expression"], "args": {"expression": {"type": "string"}}}]),
    );
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        sums,
        node(
            "agent",
            "Agent",
            json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}, "max_iterations": {"type": "int", "value": 1_000_000}}),
        ),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("sums.component_as_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    let again = || crate::parts::calls(&[("sum", json!({"expression": "1"}))]);
    let script = Script::new((0..100).map(|_| again()).collect());
    let limits = Limits { model_calls: 5, ..Limits::default() };
    let error = run(&engine(&script).with_limits(limits), &flow(nodes, edges), "x").await.0.unwrap_err();
    assert_eq!(error.to_string(), "the run was ended: it asked its models more than 5 times");
}
