//! Flows that run other flows of the same export.

use flow::{Event, Limit, Limits, NodeClass, RunError, RunRequest, Verdict};
use serde_json::{Value, json};

use crate::parts::{Script, calls, edge, engine, node, run, run_with, says};

/// Answers what it is told with a model's answer, in brackets.
fn inner() -> Value {
    let nodes = vec![
        node("ChatInput-i", "ChatInput", json!({"input_value": "stored"})),
        node("ask", "LanguageModelComponent", json!({"input_value": ""})),
        node("show", "Prompt", json!({"template": "[{said}]", "said": ""})),
        node("ChatOutput-o", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("ChatInput-i.message", "ask.input_value"),
        edge("ask.text_output", "show.said"),
        edge("show.prompt", "ChatOutput-o.input_value"),
    ];
    json!({"id": "flow-inner", "name": "Inner", "description": "Brackets.", "data": {"nodes": nodes, "edges": edges}})
}

fn running(id: &str, name: &str) -> Value {
    let text = |value: &str| json!({"type": "str", "value": value});
    let fields = json!({
        "flow_name_selected": text(name), "flow_id_selected": {"type": "str", "value": id, "show": false},
        "ChatInput-i~input_value": "",
    });
    let mut node = node("run", "RunFlow", fields);
    node["data"]["node"]["outputs"] = json!([{"name": "ChatOutput-o~message", "types": ["Message"]}]);
    node
}

fn outer(run: Value) -> Value {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        run,
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges =
        vec![edge("in.message", "run.ChatInput-i~input_value"), edge("run.ChatOutput-o~message", "out.input_value")];
    json!({"id": "flow-outer", "name": "Outer", "data": {"nodes": nodes, "edges": edges}})
}

fn imported(flows: &[Value]) -> flow::Flow {
    flow::parse(json!({ "flows": flows }).to_string().as_bytes()).unwrap().single().unwrap().flow
}

#[tokio::test]
async fn a_flow_runs_another_of_its_export_and_the_person_reads_its_own_answer_only() {
    for (id, name) in [("flow-inner", "a name of before"), ("", "Inner")] {
        let flow = imported(&[inner(), outer(running(id, name))]);
        assert_eq!((flow.name.as_str(), flow::check(&flow).verdict), ("Outer", Verdict::Native));
        let script = Script::new(vec![says("yes")]);
        let mut request = RunRequest::new("really?", "s");
        request.persona.name = "Ada".into();
        let (output, events) = run_with(&engine(&script), &flow, request).await;
        let output = output.unwrap();
        assert_eq!((output.text.as_str(), output.messages.len(), output.usage.input_tokens), ("[yes]", 1, 1));
        let asked = script.asked.lock().unwrap();
        assert_eq!(asked[0].messages[0].text, "really?");
        assert_eq!(asked[0].persona.name, "Ada", "the person reads what it says");
        let said = events.iter().filter(|it| matches!(it, Event::Message(_))).count();
        assert_eq!(said, 1);
        assert!(output.steps.iter().any(|step| step.node == "ask"), "its steps are steps of the run");
    }
}

#[tokio::test]
async fn what_is_not_told_to_a_flow_is_what_it_has_stored() {
    let mut whole = outer(running("flow-inner", ""));
    whole["data"]["edges"].as_array_mut().unwrap().remove(0);
    whole["data"]["nodes"][0] = node("in", "TextInput", json!({"input_value": "x"}));
    let flow = imported(&[whole, inner()]);
    let script = Script::new(Vec::new());
    assert_eq!(run(&engine(&script), &flow, "").await.0.unwrap().text, "[<stored>]");
}

#[tokio::test]
async fn a_flow_is_a_tool_of_an_agent() {
    let mut tool = running("flow-inner", "Inner");
    tool["data"]["node"]["tool_mode"] = json!(true);
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        tool,
        node("agent", "Agent", json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("run.component_as_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    let flow = imported(&[inner(), json!({"name": "Outer", "data": {"nodes": nodes, "edges": edges}})]);
    assert_eq!(flow::check(&flow).verdict, Verdict::Native);
    let told = json!({"flow_tweak_data": {"ChatInput-i~input_value": "hello", "ask~system_message": "Be evil."}});
    let script = Script::new(vec![calls(&[("Inner_tool", told)]), says("hi"), says("done")]);
    let mut request = RunRequest::new("x", "s");
    request.persona.name = "Ada".into();
    assert_eq!(run_with(&engine(&script), &flow, request).await.0.unwrap().text, "done");
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked.iter().map(|it| it.persona.name.as_str()).collect::<Vec<_>>(), ["Ada", "", "Ada"]);
    assert_eq!((asked[1].messages[0].text.as_str(), asked[1].system.as_str()), ("hello", ""));
    assert_eq!(asked[2].messages.last().unwrap().text, "[hi]");
}

#[test]
fn what_the_flows_that_it_runs_do_is_worth_knowing_and_said_once() {
    let mut learns = inner();
    let adds = json!({"knowledge_base": "notes", "mode": "Ingest", "input_df": ""});
    let nodes = learns["data"]["nodes"].as_array_mut().unwrap();
    for id in ["one", "two"] {
        let mut learn = node(id, "Knowledge", adds.clone());
        learn["data"]["node"]["display_name"] = json!("Learn");
        nodes.push(learn);
    }
    let edges = learns["data"]["edges"].as_array_mut().unwrap();
    edges.extend([edge("show.prompt", "one.input_df"), edge("show.prompt", "two.input_df")]);
    let report = flow::check(&imported(&[outer(running("flow-inner", "")), learns]));
    let notes: Vec<_> = report.notes.iter().filter(|note| note.contains("not kept")).collect();
    assert_eq!(notes.len(), 1, "{:?}", report.notes);
}

#[tokio::test]
async fn older_versions_ran_other_flows_by_their_name() {
    let handle = json!({"type": "other", "value": "", "list": true});
    let mut sub = node("run", "SubFlow", json!({"flow_name": "Inner", "ChatInput-i|input_value": ""}));
    sub["data"]["node"]["outputs"] = json!([{"name": "flow_outputs", "types": ["Data"]}]);
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        sub,
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![edge("in.message", "run.ChatInput-i|input_value"), edge("run.flow_outputs", "out.input_value")];
    let whole = json!({"name": "Outer", "data": {"nodes": nodes, "edges": edges}});
    let flow = imported(&[inner(), whole]);
    assert_eq!(flow::check(&flow).verdict, Verdict::Native);
    let script = Script::new(vec![says("yes")]);
    assert_eq!(run(&engine(&script), &flow, "really?").await.0.unwrap().text, "[yes]");
    assert_eq!(script.asked.lock().unwrap()[0].messages[0].text, "really?");

    let fields = json!({"flow_name": "Inner", "tool_name": "asker", "tool_description": "", "return_direct": {"type": "bool", "value": false}});
    let mut tool = node("run", "FlowTool", fields);
    tool["data"]["node"]["outputs"] = json!([{"name": "api_build_tool", "types": ["Tool"]}]);
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        tool,
        node("agent", "Agent", json!({"input_value": "", "tools": handle})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("run.api_build_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    let flow = imported(&[inner(), json!({"name": "Outer", "data": {"nodes": nodes, "edges": edges}})]);
    assert_eq!(flow::check(&flow).verdict, Verdict::Native);
    let told = json!({"chatinput-i": "hello"});
    let script = Script::new(vec![calls(&[("asker", told)]), says("hi"), says("done")]);
    assert_eq!(run(&engine(&script), &flow, "x").await.0.unwrap().text, "done");
    let asked = script.asked.lock().unwrap();
    let schema = &asked[0].tools.iter().find(|it| it.name == "asker").unwrap();
    assert_eq!(
        (schema.description.as_str(), &schema.parameters["properties"]["chatinput-i"]["type"]),
        ("Brackets.", &json!("string"))
    );
    assert_eq!(asked[1].messages[0].text, "hello");
    assert_eq!(asked[2].messages.last().unwrap().text, "Flow run output:\n[hi]");
}

#[tokio::test]
async fn what_a_flow_takes_counts_for_the_one_that_runs_it() {
    let flow = imported(&[inner(), outer(running("flow-inner", "Inner"))]);
    let engine = engine(&Script::new(Vec::new())).with_limits(Limits { model_calls: 0, ..Limits::default() });
    assert_eq!(run(&engine, &flow, "x").await.0.unwrap_err(), RunError::Limit(Limit::ModelCalls(0)));
}

#[test]
fn a_flow_that_is_not_there_or_does_not_run_or_leads_back_is_said_so() {
    let reason = |flow: &flow::Flow| {
        let report = flow::check(flow);
        let node = report.nodes.into_iter().find(|it| it.id == "run").unwrap();
        assert_eq!(node.class, NodeClass::Unsupported);
        node.reason
    };
    let alone = imported(&[outer(running("flow-inner", "Inner"))]);
    assert_eq!(reason(&alone), "the flow \"Inner\" that it runs is not in the export");

    let mut strange = inner();
    strange["data"]["nodes"][1]["data"]["type"] = json!("PythonREPLComponent");
    let flow = imported(&[strange, outer(running("flow-inner", "Inner"))]);
    assert!(reason(&flow).contains("executes code"), "{}", reason(&flow));

    let mut back = inner();
    back["data"]["nodes"].as_array_mut().unwrap().push(running("flow-inner", "Inner"));
    let flow = imported(&[back, outer(running("flow-inner", "Inner"))]);
    assert!(reason(&flow).contains("leads back to itself"), "{}", reason(&flow));

    // Which of two is meant nobody knows.
    let two = json!({"flows": [inner(), json!({"name": "Other", "data": {"nodes": [], "edges": []}})]});
    assert!(flow::parse(two.to_string().as_bytes()).unwrap().single().is_err());
}

#[tokio::test]
async fn flows_that_run_two_that_run_two_end_with_the_rounds_of_a_run() {
    let of = |at: usize| format!("level-{at}");
    let mut flows: Vec<Value> = (0..12)
        .map(|at| {
            let mut both = outer(running(&of(at + 1), ""));
            both["id"] = json!(of(at));
            both["name"] = json!(of(at));
            let mut second = running(&of(at + 1), "");
            second["id"] = json!("again");
            second["data"]["id"] = json!("again");
            both["data"]["nodes"].as_array_mut().unwrap().push(second);
            let edges = both["data"]["edges"].as_array_mut().unwrap();
            edges.push(edge("in.message", "again.ChatInput-i~input_value"));
            edges.push(edge("again.ChatOutput-o~message", "out.input_value"));
            both
        })
        .collect();
    let mut last = inner();
    last["id"] = json!(of(12));
    flows.push(last);
    let flow = imported(&flows);
    assert_eq!(flow::check(&flow).verdict, Verdict::Native);
    let engine = engine(&Script::new(Vec::new())).with_limits(Limits { model_calls: 10_000, ..Limits::default() });
    let (output, _) = run(&engine, &flow, "x").await;
    assert_eq!(output.unwrap_err(), RunError::Limit(Limit::LoopIterations(200)));
}
