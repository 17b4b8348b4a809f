//! What is handed on by a name and without a line, and what a flow adds to a knowledge base while it runs.

use std::sync::Arc;

use flow::{Flow, NeedKind, NodeClass, Passage, RunRequest, Verdict};
use serde_json::{Value, json};

use crate::parts::{Script, edge, engine, export, flow, node, run, run_with};

fn flag(value: bool) -> Value {
    json!({"type": "bool", "value": value})
}

fn notify(id: &str, key: &str, added: bool) -> Value {
    let input = json!({"type": "other", "value": ""});
    node(id, "Notify", json!({"context_key": key, "input_value": input, "append": flag(added)}))
}

/// Two notifications of one key, and what listens to it on an island of its own.
fn told(first: bool, second: bool, key: &str) -> Flow {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("one", "Prompt", json!({"template": "one {x}", "x": ""})),
        node("two", "Prompt", json!({"template": "two {x}", "x": ""})),
        notify("tell-1", "news", first),
        notify("tell-2", "news", second),
        node("hear", "Listen", json!({"context_key": key})),
        node("show", "ParserComponent", json!({"pattern": "<{text}>", "sep": ",", "mode": "Parser"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "one.x"),
        edge("in.message", "two.x"),
        edge("one.prompt", "tell-1.input_value"),
        edge("two.prompt", "tell-2.input_value"),
        edge("hear.data", "show.input_data"),
        edge("show.parsed_text", "out.input_value"),
    ];
    flow(nodes, edges)
}

#[tokio::test]
async fn what_is_told_to_a_name_reaches_whoever_listens_to_it() {
    let engine = engine(&Script::new(Vec::new()));
    for (first, second, wanted) in
        [(false, false, "<two x>"), (true, true, "<one x>,<two x>"), (false, true, "<one x>,<two x>")]
    {
        let flow = told(first, second, "news");
        let report = flow::check(&flow);
        assert_eq!(report.verdict, Verdict::Native);
        assert!(report.edges.contains(&("tell-1".into(), "hear".into())), "a person sees what waits for what");
        assert_eq!(run(&engine, &flow, "x").await.0.unwrap().text, wanted);
    }
    let report = flow::check(&told(false, false, "other"));
    assert_eq!(report.verdict, Verdict::Invalid, "nothing leads to the answer");
}

#[tokio::test]
async fn who_listens_to_what_was_not_told_hears_nothing() {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("if", "ConditionalRouter", json!({"input_text": "", "operator": "equals", "match_text": "go"})),
        notify("tell", "news", false),
        node("hear", "Listen", json!({"context_key": "news"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
        node("else", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "if.input_text"),
        edge("if.true_result", "tell.input_value"),
        edge("hear.data", "out.input_value"),
        edge("if.false_result", "else.input_value"),
    ];
    let (flow, engine) = (flow(nodes, edges), engine(&Script::new(Vec::new())));
    assert_eq!(run(&engine, &flow, "go").await.0.unwrap().text, "go");
    assert_eq!(run(&engine, &flow, "stay").await.0.unwrap().text, "stay");
}

#[test]
fn a_name_that_another_component_gives_is_not_run_here_and_a_circle_is_refused() {
    let mut nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        notify("tell", "news", false),
        node("hear", "Listen", json!({"context_key": "news"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![edge("in.message", "hear.context_key"), edge("hear.data", "out.input_value")];
    let report = flow::check(&flow(nodes.clone(), edges));
    let hear = report.nodes.iter().find(|it| it.id == "hear").unwrap();
    assert_eq!(hear.class, NodeClass::Unsupported);
    assert!(hear.reason.contains("context_key"), "{}", hear.reason);

    nodes.push(node("p", "Prompt", json!({"template": "{x}{y}", "x": "", "y": ""})));
    let round = vec![
        edge("in.message", "p.x"),
        edge("hear.data", "p.y"),
        edge("p.prompt", "tell.input_value"),
        edge("p.prompt", "out.input_value"),
    ];
    let report = flow::check(&flow(nodes, round));
    assert!(report.problems[0].contains("circle"), "{:?}", report.problems);
}

#[test]
fn a_flow_with_very_many_hidden_lines_is_refused() {
    let mut nodes: Vec<Value> = (0..40).map(|at| notify(&format!("tell-{at}"), "news", false)).collect();
    nodes.extend((0..40).map(|at| node(&format!("hear-{at}"), "Listen", json!({"context_key": "news"}))));
    let error = flow::parse(export(nodes, Vec::new()).to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("connections"), "{error}");
}

/// Adds the message to a base by lines, and searches the same base.
fn learning(kind: &str, mode: &str, config: &Value) -> Flow {
    let number = |number: i64| json!({"type": "int", "value": number});
    let input = || json!({"type": "other", "value": ""});
    let fields = json!({
        "knowledge_base": "notes", "mode": mode, "input_df": input(), "column_config": {"type": "table", "value": config},
        "allow_duplicates": flag(false),
    });
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node(
            "split",
            "SplitText",
            json!({"separator": "\n", "chunk_size": number(1), "chunk_overlap": number(0), "clean_output": flag(true)}),
        ),
        node("add", kind, fields),
        node(
            "find",
            "Knowledge",
            json!({"knowledge_base": "notes", "mode": "Retrieve", "search_query": "Which dog barks?", "top_k": number(2), "include_metadata": flag(false)}),
        ),
        node("count", "ParserComponent", json!({"pattern": "{rows} {chunks_created} {skipped}", "mode": "Parser"})),
        node("show", "ParserComponent", json!({"pattern": "{content}", "sep": "|", "mode": "Parser"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
        node("counted", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "split.data_inputs"),
        edge("split.dataframe", "add.input_df"),
        edge("find.retrieve_data", "show.input_data"),
        edge("show.parsed_text", "out.input_value"),
        edge("add.dataframe_output", "count.input_data"),
        edge("count.parsed_text", "counted.input_value"),
    ];
    flow(nodes, edges)
}

#[tokio::test]
async fn what_a_flow_adds_to_a_knowledge_base_is_found_in_the_same_run_before_the_buyers_documents() {
    let config = json!([{"column_name": "text", "vectorize": true, "identifier": "true"}]);
    for (kind, mode) in [("Knowledge", "Ingest"), ("KnowledgeIngestion", ""), ("Knowledge", "📥 Ingest")] {
        let flow = learning(kind, mode, &config);
        let report = flow::check(&flow);
        assert_eq!(report.verdict, Verdict::Native);
        assert!(report.notes.iter().any(|it| it.contains("not kept")), "{:?}", report.notes);
        let bases: Vec<_> = report.needs.iter().filter(|it| it.kind == NeedKind::KnowledgeBase).collect();
        assert_eq!(bases.len(), 1);
        assert_eq!(bases[0].nodes, ["find"], "what adds to a base needs none");

        let mut request = RunRequest::new("A dog barks.\nA roof is high.\nA dog barks.", "s");
        let manual = Passage { title: "Manual".into(), text: "Of the buyer.".into(), url: String::new() };
        request.knowledge = Some(Arc::new(vec![manual]));
        let engine = engine(&Script::new(Vec::new()));
        let output = run_with(&engine, &flow, request).await.0.unwrap();
        let said: Vec<&str> = output.messages.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(said, ["A dog barks.|Of the buyer.", "3 2 1"]);
        // The next run knows nothing of it.
        assert_eq!(run(&engine, &flow, "other").await.0.unwrap().messages[0].text, "");
    }
    let wrong = learning("Knowledge", "Ingest", &json!([{"column_name": "nothing", "vectorize": true}]));
    let error = run(&engine(&Script::new(Vec::new())), &wrong, "x").await.0.unwrap_err();
    assert!(error.to_string().contains("no column"), "{error}");
}

#[test]
fn what_learns_from_the_answer_is_no_circle() {
    let input = || json!({"type": "other", "value": ""});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("find", "Knowledge", json!({"knowledge_base": "notes", "mode": "Retrieve", "search_query": ""})),
        node("add", "Knowledge", json!({"knowledge_base": "notes", "mode": "Ingest", "input_df": input()})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "find.search_query"),
        edge("find.retrieve_data", "out.input_value"),
        edge("find.retrieve_data", "add.input_df"),
    ];
    assert_eq!(flow::check(&flow(nodes, edges)).verdict, Verdict::Native);
}
