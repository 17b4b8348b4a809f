//! What the steps of a run tell, and what they keep back.

use std::collections::BTreeMap;

use flow::{
    Event, ModelAnswer, ModelError, ModelProvider, ModelRequest, RunRequest, StepTrace, TokenSink, TraceDetail,
};
use serde_json::json;

use crate::parts::{Script, calls, edge, engine, flow, node, run_with, says, tool};

const SAID: &str = "My account is 4711-0815, where is my parcel?";

fn steps(events: &[Event]) -> Vec<StepTrace> {
    let step = |event: &Event| if let Event::StepFinished(step) = event { Some(step.clone()) } else { None };
    events.iter().filter_map(step).collect()
}

fn step<'s>(steps: &'s [StepTrace], node: &str) -> &'s StepTrace {
    steps.iter().find(|step| step.node == node).unwrap()
}

fn asking() -> flow::Flow {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node(
            "words",
            "Prompt",
            json!({"template": "{key} {said}", "said": "", "key": {"type": "str", "value": "SHOP_KEY", "load_from_db": true}}),
        ),
        node("ask", "LanguageModelComponent", json!({"input_value": ""})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "words.said"),
        edge("words.prompt", "ask.input_value"),
        edge("ask.text_output", "out.input_value"),
    ];
    flow(nodes, edges)
}

fn request(trace: TraceDetail) -> RunRequest {
    let variables = BTreeMap::from([("SHOP_KEY".to_owned(), "open sesame".to_owned())]);
    RunRequest { trace, variables, ..RunRequest::new(SAID, "s") }
}

#[tokio::test]
async fn without_being_asked_steps_tell_times_and_tokens_alone() {
    let (output, events) = run_with(&engine(&Script::new(Vec::new())), &asking(), request(TraceDetail::Times)).await;
    let steps = steps(&events);
    assert_eq!(steps, output.unwrap().steps);
    assert_eq!(steps.iter().map(|step| step.node.as_str()).collect::<Vec<_>>(), ["in", "words", "ask", "out"]);
    assert!(steps.iter().all(|step| step.inputs.is_empty() && step.outputs.is_empty()));
    let ask = step(&steps, "ask");
    assert_eq!((ask.model_calls, ask.usage.unwrap().input_tokens), (1, 1));
}

#[tokio::test]
async fn shapes_say_what_went_through_without_a_word_of_it() {
    let script = Script::new(vec![says("It is with the neighbour.")]);
    let (_, events) = run_with(&engine(&script), &asking(), request(TraceDetail::Shapes)).await;
    let steps = steps(&events);
    let words = step(&steps, "words");
    assert_eq!((words.inputs[0].name.as_str(), words.inputs[0].kind.as_str()), ("said", "message"));
    assert!(words.inputs[0].bytes > SAID.len());
    assert_eq!(step(&steps, "in").inputs[0].name, "input_value");
    let told = serde_json::to_string(&steps).unwrap();
    for word in ["4711", "parcel", "neighbour", "sesame"] {
        assert!(!told.contains(word), "{word}: {told}");
    }
}

#[tokio::test]
async fn texts_are_told_without_secrets_and_cut() {
    let key = format!("sk-{}", "a1b2".repeat(8));
    let script = Script::new(vec![says(&format!("Take {key} now. {}", "long ".repeat(1000)))]);
    let (_, events) = run_with(&engine(&script), &asking(), request(TraceDetail::Texts)).await;
    let steps = steps(&events);
    assert_eq!(step(&steps, "in").inputs[0].text.as_deref(), Some(SAID));
    let asked = step(&steps, "ask").inputs[0].text.clone().unwrap();
    assert_eq!(asked, format!("[SHOP_KEY] {SAID}"), "the value of a variable is told by its name");
    let answer = step(&steps, "ask").outputs[0].text.clone().unwrap();
    assert!(answer.starts_with("Take [removed] now. long ") && !answer.contains(&key), "{answer}");
    assert_eq!(answer.chars().count(), 2001, "cut, with a mark that it is");
}

/// Fails with the words of the question.
#[derive(Debug)]
struct Quoting;

#[async_trait::async_trait]
impl ModelProvider for Quoting {
    async fn complete(&self, request: &ModelRequest, _: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        let message = format!("refused: {}", request.messages[0].text);
        Err(ModelError { provider: "Quoting".into(), status: Some(400), retryable: false, message })
    }
}

#[tokio::test]
async fn an_error_quotes_what_was_said_only_where_texts_are_told() {
    let engine = flow::Engine::new(std::sync::Arc::new(flow::ModelSet::new(std::sync::Arc::new(Quoting), "m")));
    for (detail, quoted) in [
        (TraceDetail::Shapes, None),
        (TraceDetail::Texts, Some(format!("ask failed: Quoting: refused: [SHOP_KEY] {SAID}"))),
    ] {
        let (output, events) = run_with(&engine, &asking(), request(detail)).await;
        assert!(output.is_err());
        let steps = steps(&events);
        assert_eq!(step(&steps, "ask").error.as_deref(), Some("ask failed: Quoting answered with the status 400"));
        assert_eq!(step(&steps, "ask").error_detail, quoted);
        assert_eq!(step(&steps, "ask").model_calls, 1);
        assert!(!steps.iter().any(|step| step.node == "out"), "what never began is not told");
    }
}

#[tokio::test]
async fn each_use_of_a_tool_is_a_step_and_tokens_add_up() {
    let helper = tool(
        "helper",
        "Agent",
        json!({"input_value": {"type": "str", "value": "", "tool_mode": true}, "tools": {"type": "other", "value": "", "list": true}}),
        json!([{"name": "ask_helper", "tags": ["Call_Agent"], "args": {"input_value": {"type": "string"}}}]),
    );
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        helper,
        node("agent", "Agent", json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("helper.component_as_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    let script = Script::new(vec![
        calls(&[("ask_helper", json!({"input_value": "please"}))]),
        says("I helped"),
        says("it helped"),
    ]);
    let (output, events) = run_with(&engine(&script), &flow(nodes, edges), request(TraceDetail::Texts)).await;
    let (steps, output) = (steps(&events), output.unwrap());
    let used = steps.iter().find(|step| step.used_by.is_some()).unwrap();
    assert_eq!(
        (used.node.as_str(), used.display_name.as_str(), used.used_by.as_deref()),
        ("helper", "ask_helper", Some("agent"))
    );
    assert_eq!(used.inputs[0].text.as_deref(), Some(r#"{"input_value":"please"}"#));
    assert_eq!(used.outputs[0].text.as_deref(), Some("I helped"));
    let tokens: u64 = steps.iter().filter_map(|step| step.usage).map(|usage| usage.input_tokens).sum();
    assert_eq!((tokens, output.usage.input_tokens), (3, 3), "the helper's own tokens stand at its use");
}
