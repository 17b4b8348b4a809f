//! Branches that are not taken, loops, and what joins them again.

use serde_json::{Value, json};

use crate::parts::{Script, back, edge, engine, flow, node, run};

fn router() -> Vec<Value> {
    vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("if", "ConditionalRouter", json!({"input_text": "", "match_text": "yes", "operator": "contains"})),
        node("then", "LanguageModelComponent", json!({"input_value": ""})),
        node("else", "Prompt", json!({"template": "no: {said}", "said": ""})),
        node("yes", "ChatOutput", json!({"input_value": ""})),
        node("no", "ChatOutput", json!({"input_value": ""})),
    ]
}

fn routes() -> Vec<Value> {
    vec![
        edge("in.message", "if.input_text"),
        edge("if.true_result", "then.input_value"),
        edge("if.false_result", "else.said"),
        edge("then.text_output", "yes.input_value"),
        edge("else.prompt", "no.input_value"),
    ]
}

#[tokio::test]
async fn only_the_branch_that_is_taken_runs() {
    let flow = flow(router(), routes());
    let script = Script::new(Vec::new());
    for (input, text, ran) in [("oh yes", "<oh yes>", "yes"), ("never", "no: never", "no")] {
        let output = run(&engine(&script), &flow, input).await.0.unwrap();
        assert_eq!(output.text, text);
        assert_eq!(output.messages.iter().map(|it| it.node.as_str()).collect::<Vec<_>>(), [ran]);
        assert!(!output.steps.iter().any(|step| step.node == if ran == "yes" { "else" } else { "then" }));
    }
    assert_eq!(script.asked.lock().unwrap().len(), 1, "the model of the other branch was not asked");
}

#[tokio::test]
async fn what_both_branches_reach_runs_with_the_one_that_was_taken() {
    let mut nodes = router();
    nodes.push(node("join", "CombineText", json!({"text1": "", "text2": "", "delimiter": "|"})));
    nodes.push(node("out", "ChatOutput", json!({"input_value": ""})));
    nodes.retain(|node| node["id"] != "yes" && node["id"] != "no");
    let mut edges = routes();
    edges.truncate(3);
    edges.push(edge("then.text_output", "join.text1"));
    edges.push(edge("else.prompt", "join.text2"));
    edges.push(edge("join.combined_text", "out.input_value"));
    let flow = flow(nodes, edges);
    let engine = engine(&Script::new(Vec::new()));
    assert_eq!(run(&engine, &flow, "yes").await.0.unwrap().text, "<yes>|");
    assert_eq!(run(&engine, &flow, "nay").await.0.unwrap().text, "|no: nay");
}

fn looped(extra: Vec<Value>, mut edges: Vec<Value>, from_body: &str) -> flow::Flow {
    let mut nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node(
            "split",
            "SplitText",
            json!({"separator": "\n", "chunk_size": {"type": "int", "value": 1}, "chunk_overlap": {"type": "int", "value": 0}, "clean_output": {"type": "bool", "value": true}}),
        ),
        node("loop", "LoopComponent", json!({"data": {"type": "other", "value": ""}})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    nodes.extend(extra);
    edges.push(edge("in.message", "split.data_inputs"));
    edges.push(edge("split.dataframe", "loop.data"));
    edges.push(edge("loop.done", "out.input_value"));
    edges.push(back(from_body, "loop"));
    flow(nodes, edges)
}

#[tokio::test]
async fn a_loop_runs_its_body_once_for_each_item_in_order() {
    let body = vec![node("show", "ParserComponent", json!({"pattern": "<{text}>", "mode": "Parser"}))];
    let flow = looped(body, vec![edge("loop.item", "show.input_data")], "show.parsed_text");
    let (output, _) = run(&engine(&Script::new(Vec::new())), &flow, "a\nb\nc").await;
    let output = output.unwrap();
    assert_eq!(output.text, "| text |\n| :--- |\n| <a> |\n| <b> |\n| <c> |");
    assert_eq!(output.steps.iter().filter(|step| step.node == "show").count(), 3);
}

#[tokio::test]
async fn what_feeds_a_body_from_outside_runs_once_and_before() {
    let body = vec![
        node("tone", "Prompt", json!({"template": "Be short."})),
        node("ask", "LanguageModelComponent", json!({"input_value": "", "system_message": ""})),
        node("show", "ParserComponent", json!({"pattern": "{text}", "mode": "Parser"})),
    ];
    let edges = vec![
        edge("loop.item", "show.input_data"),
        edge("show.parsed_text", "ask.input_value"),
        edge("tone.prompt", "ask.system_message"),
        // A bare island would not run, so the input reaches it.
        edge("in.message", "tone.x"),
    ];
    let flow = looped(body, edges, "ask.text_output");
    let script = Script::new(Vec::new());
    let output = run(&engine(&script), &flow, "a\nb").await.0.unwrap();
    assert_eq!(output.steps.iter().filter(|step| step.node == "tone").count(), 1);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked.iter().map(|it| it.system.as_str()).collect::<Vec<_>>(), ["Be short.", "Be short."]);
    assert!(output.text.ends_with("| <a> |\n| <b> |"), "{}", output.text);
}

#[tokio::test]
async fn a_loop_in_a_loop_runs_for_each_pair() {
    let body = vec![
        node("words", "ParserComponent", json!({"pattern": "{text}", "mode": "Parser"})),
        node(
            "again",
            "SplitText",
            json!({"separator": " ", "chunk_size": {"type": "int", "value": 1}, "chunk_overlap": {"type": "int", "value": 0}, "clean_output": {"type": "bool", "value": true}}),
        ),
        node("inner", "LoopComponent", json!({"data": {"type": "other", "value": ""}})),
        node("show", "ParserComponent", json!({"pattern": "({text})", "mode": "Parser"})),
        node("join", "ParserComponent", json!({"pattern": "{text}", "mode": "Parser", "sep": "+"})),
    ];
    let edges = vec![
        edge("loop.item", "words.input_data"),
        edge("words.parsed_text", "again.data_inputs"),
        edge("again.dataframe", "inner.data"),
        edge("inner.item", "show.input_data"),
        back("show.parsed_text", "inner"),
        edge("inner.done", "join.input_data"),
    ];
    let flow = looped(body, edges, "join.parsed_text");
    let output = run(&engine(&Script::new(Vec::new())), &flow, "a b\nc").await.0.unwrap();
    assert_eq!(output.text, "| text |\n| :--- |\n| (a)+(b) |\n| (c) |");
}

#[tokio::test]
async fn a_loop_over_nothing_is_empty_and_one_over_too_much_is_ended() {
    let body = vec![node("show", "ParserComponent", json!({"pattern": "{text}", "mode": "Parser"}))];
    let flow = looped(body, vec![edge("loop.item", "show.input_data")], "show.parsed_text");
    let engine = engine(&Script::new(Vec::new()));
    let limits = flow::Limits { loop_iterations: 3, ..flow::Limits::default() };
    let few = engine.with_limits(limits);
    assert!(run(&few, &flow, "a\nb\nc").await.0.is_ok());
    let error = run(&few, &flow, "a\nb\nc\nd").await.0.unwrap_err();
    assert_eq!(error.to_string(), "the run was ended: its loops went round more than 3 times");
}

fn sorted_by_model(extra: Value) -> flow::Flow {
    let routes = json!([
        {"route_category": "Praise", "route_description": "Thanks", "output_value": ""},
        {"route_category": "Blame", "route_description": "", "output_value": "Sorry to hear that."},
    ]);
    let mut fields = json!({"input_text": "", "routes": {"type": "table", "value": routes}});
    for (name, value) in extra.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    let mut nodes = vec![node("in", "ChatInput", json!({"input_value": ""})), node("sort", "SmartRouter", fields)];
    let mut edges = vec![edge("in.message", "sort.input_text")];
    for (name, output) in [("praise", "category_1_result"), ("blame", "category_2_result"), ("else", "default_result")]
    {
        nodes.push(node(name, "ChatOutput", json!({"input_value": ""})));
        edges.push(edge(&format!("sort.{output}"), &format!("{name}.input_value")));
    }
    flow(nodes, edges)
}

#[tokio::test]
async fn a_model_sorts_a_text_and_only_that_way_runs() {
    let with_else = json!({"enable_else_output": {"type": "bool", "value": true}});
    for (answer, extra, said) in [
        ("\"praise\" \n", json!({}), vec![("praise", "so")]),
        ("Blame", json!({}), vec![("blame", "Sorry to hear that.")]),
        ("NONE", json!({}), vec![]),
        ("NONE", with_else.clone(), vec![("else", "so")]),
        ("Praise", with_else, vec![("praise", "so")]),
        ("Blame", json!({"message": "One moment."}), vec![("blame", "One moment.")]),
    ] {
        let script = Script::new(vec![crate::parts::says(answer)]);
        let output = run(&engine(&script), &sorted_by_model(extra), "so").await.0.unwrap();
        let messages: Vec<_> = output.messages.iter().map(|it| (it.node.as_str(), it.text.as_str())).collect();
        assert_eq!(messages, said, "{answer}");
        let asked = script.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "the model is asked once, whatever is connected");
        assert!(asked[0].messages[0].text.contains("- \"Praise\": Thanks\n- \"Blame\"\n"));
    }
}
