//! Agents: tools by name, results in order, history, limits, records.

use std::sync::Arc;

use flow::{Event, Limits, Role, RunRequest, Turn, TurnsMemory};
use serde_json::{Value, json};

use crate::parts::{Script, calls, edge, engine, flow, node, run, run_with, says, tool};

fn flag(value: bool) -> Value {
    json!({"type": "bool", "value": value, "show": true})
}

fn agent(fields: Value) -> Value {
    let mut all = json!({
        "input_value": "", "system_prompt": "You are {model_name}.", "tools": {"type": "other", "value": "", "list": true},
        "n_messages": {"type": "int", "value": 100}, "max_iterations": {"type": "int", "value": 15},
    });
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    node("agent", "Agent", all)
}

fn calculator(id: &str) -> Value {
    let row = json!({
        "name": "evaluate_expression", "description": "Adds.", "status": true, "tags": ["evaluate_expression"],
        "args": {"expression": {"type": "string", "title": "Expression"}},
    });
    let expression = json!({"type": "str", "value": "", "tool_mode": true, "show": true});
    tool(id, "CalculatorComponent", json!({ "expression": expression }), json!([row]))
}

fn with_tools(fields: Value, tools: Vec<Value>) -> flow::Flow {
    let mut nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        agent(fields),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let mut edges = vec![edge("in.message", "agent.input_value"), edge("agent.response", "out.input_value")];
    for tool in tools {
        edges.push(edge(&format!("{}.component_as_tool", tool["id"].as_str().unwrap()), "agent.tools"));
        nodes.push(tool);
    }
    flow(nodes, edges)
}

#[tokio::test]
async fn an_agent_calls_tools_side_by_side_and_answers_with_their_results() {
    let flow = with_tools(json!({}), vec![calculator("sums")]);
    let script = Script::new(vec![
        calls(&[
            ("evaluate_expression", json!({"expression": "2+3"})),
            ("evaluate_expression", json!({"expression": "4*5"})),
        ]),
        says("5 and 20"),
    ]);
    let (output, events) = run(&engine(&script), &flow, "count").await;
    assert_eq!(output.unwrap().text, "5 and 20");
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[0].system, "You are scripted.");
    assert_eq!(asked[0].tools.len(), 1);
    assert_eq!(
        asked[0].tools[0].parameters,
        json!({"type": "object", "properties": {"expression": {"type": "string", "title": "Expression"}}, "required": ["expression"]})
    );
    let told: Vec<&str> = asked[1].messages.iter().skip(2).map(|it| it.text.as_str()).collect();
    assert_eq!(told, [r#"{"result": "5"}"#, r#"{"result": "20"}"#]);
    assert_eq!(events.iter().filter(|it| matches!(it, Event::ToolFinished { failed: false, .. })).count(), 2);
}

#[tokio::test]
async fn each_agent_can_have_a_clock_and_a_calculator_of_its_own() {
    let fields = json!({"add_current_date_tool": flag(true), "add_calculator_tool": flag(true)});
    let flow = with_tools(fields, Vec::new());
    let script = Script::new(vec![calls(&[("get_current_date", json!({"timezone": "Europe/Tallinn"}))])]);
    let engine = engine(&script).with_clock(|| std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000));
    run(&engine, &flow, "when").await.0.unwrap();
    let asked = script.asked.lock().unwrap();
    let names: Vec<&str> = asked[0].tools.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["get_current_date", "evaluate_expression"]);
    let told = &asked[1].messages.last().unwrap().text;
    assert_eq!(told, "Current date and time in Europe/Tallinn: 2023-11-15 00:13:20 EET");
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_told_to_the_model_and_ends_nothing() {
    let flow = with_tools(json!({}), vec![calculator("sums")]);
    let script = Script::new(vec![
        calls(&[("rm_rf", json!({})), ("evaluate_expression", json!({})), ("evaluate_expression", json!("2+"))]),
        says("sorry"),
    ]);
    assert_eq!(run(&engine(&script), &flow, "x").await.0.unwrap().text, "sorry");
    let asked = script.asked.lock().unwrap();
    let told: Vec<&str> = asked[1].messages.iter().skip(2).map(|it| it.text.as_str()).collect();
    assert!(told[0].starts_with("Error: rm_rf is not a valid tool"));
    assert!(told[1].contains("expression is missing"));
    assert!(told[2].contains("not a JSON object"));
}

#[tokio::test]
async fn a_model_can_only_fill_what_the_author_gave_to_it() {
    let mut page = tool(
        "page",
        "URLComponent",
        json!({"urls": {"type": "str", "value": "", "list": true, "tool_mode": true}, "max_depth": {"type": "int", "value": 1}}),
        json!([{"name": "fetch_content", "tags": ["fetch_content"], "args": {"urls": {"type": "array", "items": {"type": "string"}, "default": ""}}}]),
    );
    page["data"]["node"]["template"]["headers"] = json!({"type": "table", "value": []});
    let flow = with_tools(json!({}), vec![page]);
    let script = Script::new(vec![
        calls(&[(
            "fetch_content",
            json!({"urls": ["http://169.254.169.254/"], "headers": [{"key": "a", "value": "b"}]}),
        )]),
        says("no"),
    ]);
    let web = flow::GuardedWeb::new(flow::WebPolicy::default()).unwrap();
    let engine = engine(&script).with_web(Arc::new(web));
    run(&engine, &flow, "x").await.0.unwrap();
    let told = script.asked.lock().unwrap()[1].messages.last().unwrap().text.clone();
    assert!(told.contains("not an address of the public internet"), "{told}");
}

#[tokio::test]
async fn two_tools_of_the_same_name_are_told_apart() {
    let flow = with_tools(json!({}), vec![calculator("Sums-1"), calculator("Sums-2")]);
    let script = Script::new(vec![says("ok")]);
    run(&engine(&script), &flow, "x").await.0.unwrap();
    let asked = script.asked.lock().unwrap();
    let names: Vec<&str> = asked[0].tools.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["evaluate_expression_Sums_1", "evaluate_expression_Sums_2"]);
}

#[tokio::test]
async fn an_agent_can_be_the_tool_of_another_one() {
    let mut helper = agent(json!({"input_value": {"type": "str", "value": "", "tool_mode": true}}));
    helper["id"] = json!("helper");
    helper["data"]["id"] = json!("helper");
    helper["data"]["node"]["tool_mode"] = json!(true);
    helper["data"]["node"]["template"]["tools_metadata"] = json!({"type": "tools", "value": [
        {"name": "ask_helper", "description": "Helps.", "tags": ["Call_Agent"], "args": {"input_value": {"type": "string"}}}
    ]});
    let flow = with_tools(json!({}), vec![helper]);
    let script = Script::new(vec![
        calls(&[("ask_helper", json!({"input_value": "please"}))]),
        says("I helped"),
        says("it helped"),
    ]);
    let (output, events) = run(&engine(&script), &flow, "x").await;
    assert_eq!(output.unwrap().text, "it helped");
    // What the helper says is for the agent, not for the person.
    let tokens: String =
        events.iter().filter_map(|it| if let Event::Token(text) = it { Some(text.as_str()) } else { None }).collect();
    assert_eq!(tokens, "it helped");
    assert_eq!(script.asked.lock().unwrap()[2].messages.last().unwrap().text, "I helped");
}

#[tokio::test]
async fn history_stands_before_the_question_and_only_once() {
    let flow = with_tools(json!({}), Vec::new());
    let script = Script::new(vec![says("hello again")]);
    let memory = TurnsMemory::new(vec![Turn::user("hi"), Turn::agent("hello")]);
    let request = RunRequest { memory: Arc::new(memory), ..RunRequest::new("again", "s") };
    run_with(&engine(&script), &flow, request).await.0.unwrap();
    let asked = script.asked.lock().unwrap();
    let said: Vec<(Role, &str)> = asked[0].messages.iter().map(|it| (it.role, it.text.as_str())).collect();
    assert_eq!(said, [(Role::User, "hi"), (Role::Agent, "hello"), (Role::User, "again")]);
}

#[tokio::test]
async fn an_agent_stops_asking_where_its_author_or_the_host_says() {
    let again = || calls(&[("evaluate_expression", json!({"expression": "1"}))]);
    let few = with_tools(json!({"max_iterations": {"type": "int", "value": 2}}), vec![calculator("sums")]);
    let script = Script::new(vec![again(), again(), again()]);
    let output = run(&engine(&script), &few, "x").await.0.unwrap();
    assert_eq!(output.text, "Model call limits exceeded: run limit (2/2)");
    assert_eq!(script.asked.lock().unwrap().len(), 2);

    let flow = with_tools(json!({}), vec![calculator("sums")]);
    let script = Script::new((0..20).map(|_| again()).collect());
    let limits = Limits { tool_calls: 3, ..Limits::default() };
    let error = run(&engine(&script).with_limits(limits), &flow, "x").await.0.unwrap_err();
    assert_eq!(error.to_string(), "the run was ended: it used tools more than 3 times");
}

#[tokio::test]
async fn structured_answers_are_found_in_what_the_model_writes() {
    let schema =
        json!({"type": "table", "value": [{"name": "city", "type": "str", "description": "", "multiple": false}]});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        agent(json!({ "output_schema": schema })),
        node("show", "ParserComponent", json!({"pattern": "City: {city}", "mode": "Parser"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("agent.structured_response", "show.input_data"),
        edge("show.parsed_text", "out.input_value"),
    ];
    let flow = flow(nodes, edges);
    let script = Script::new(vec![says("Here: {\"objects\": [{\"city\": \"Tallinn\"}]}")]);
    assert_eq!(run(&engine(&script), &flow, "x").await.0.unwrap().text, "City: Tallinn");
    assert!(script.asked.lock().unwrap()[0].system.contains("\"city\""));
}

#[tokio::test]
async fn the_tokens_of_a_run_add_up_to_its_answer_also_when_tools_were_called_between() {
    let flow = with_tools(json!({}), vec![calculator("sums")]);
    let mut first = calls(&[("evaluate_expression", json!({"expression": "1"}))]);
    first.text = "Let me see.".into();
    let script = Script::new(vec![first, says("It is 1.")]);
    let (output, events) = run(&engine(&script), &flow, "x").await;
    let tokens: String =
        events.iter().filter_map(|it| if let Event::Token(text) = it { Some(text.as_str()) } else { None }).collect();
    assert_eq!(tokens, "Let me see.\n\nIt is 1.");
    assert_eq!(output.unwrap().text, tokens);
}
