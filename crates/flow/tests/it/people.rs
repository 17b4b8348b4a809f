//! Flows that ask a person, and go on when the person has decided.

use std::sync::Arc;

use flow::{Event, Flow, NodeClass, RunOutput, RunRequest, Turn, TurnsMemory, Verdict};
use serde_json::{Value, json};

use crate::parts::{Script, edge, engine, flow, node, run_with};

fn asking(id: &str, choices: &Value) -> Value {
    node(id, "HumanInput", json!({"prompt": "", "decisions": {"type": "actionPicker", "value": choices}}))
}

/// A model drafts, a person looks; what is approved is said, and what is rejected is begun again with what was asked.
fn drafting() -> Flow {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("draft", "LanguageModelComponent", json!({"input_value": ""})),
        node("kind", "TextInput", json!({"input_value": "kindly"})),
        asking("Look", &json!(["Approve", "Reject"])),
        node("again", "Prompt", json!({"template": "Again {kind}: {x} ({y})", "x": "", "y": "", "kind": ""})),
        node("yes", "ChatOutput", json!({"input_value": ""})),
        node("no", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "draft.input_value"),
        edge("draft.text_output", "Look.prompt"),
        edge("Look.branch_approve", "yes.input_value"),
        edge("Look.branch_reject", "again.y"),
        edge("in.message", "again.x"),
        edge("kind.text", "again.kind"),
        edge("again.prompt", "no.input_value"),
    ];
    flow(nodes, edges)
}

async fn said(script: &Arc<Script>, flow: &Flow, before: &[Turn], input: &str) -> (RunOutput, Vec<Event>) {
    let mut request = RunRequest::new(input, "s");
    request.memory = Arc::new(TurnsMemory::new(before.to_vec()));
    let (output, events) = run_with(&engine(script), flow, request).await;
    (output.unwrap(), events)
}

#[tokio::test]
async fn a_question_to_a_person_is_the_answer_and_their_choice_goes_on_from_there() {
    let (flow, script) = (drafting(), Script::new(Vec::new()));
    assert_eq!(flow::check(&flow).verdict, Verdict::Native);
    let (asked, events) = said(&script, &flow, &[], "Write").await;
    assert_eq!(asked.text, "<Write>\n\nLook: Approve / Reject");
    assert_eq!(asked.messages.len(), 1, "nothing behind the question runs");
    assert!(events.contains(&Event::Token(asked.text.clone())));
    assert_eq!(script.asked.lock().unwrap().len(), 1);

    let before = [Turn::user("Write"), Turn::agent(asked.text)];
    assert_eq!(said(&script, &flow, &before, "approve").await.0.text, "<Write>");
    assert_eq!(said(&script, &flow, &before, "2").await.0.text, "Again kindly: Write (<Write>)");
    assert_eq!(script.asked.lock().unwrap().len(), 1, "what was shown is not made again");

    let (other, _) = said(&script, &flow, &before, "Write better").await;
    assert_eq!(other.text, "<Write better>\n\nLook: Approve / Reject", "anything else begins anew");
}

#[tokio::test]
async fn one_decision_may_lead_to_the_next() {
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        asking("First", &json!(["Go on"])),
        node("draft", "LanguageModelComponent", json!({"input_value": ""})),
        asking("Second", &json!(["Yes", "No"])),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "First.prompt"),
        edge("First.branch_go_on", "draft.input_value"),
        edge("draft.text_output", "Second.prompt"),
        edge("Second.branch_yes", "out.input_value"),
    ];
    let (flow, script) = (flow(nodes, edges), Script::new(Vec::new()));
    let mut turns = Vec::new();
    for (input, wanted) in
        [("Hello", "Hello\n\nFirst: Go on"), ("go on", "<Hello>\n\nSecond: Yes / No"), ("Yes!", "<Hello>")]
    {
        let (output, _) = said(&script, &flow, &turns, input).await;
        assert_eq!(output.text, wanted);
        turns.extend([Turn::user(input), Turn::agent(output.text)]);
    }
    assert_eq!(script.asked.lock().unwrap().len(), 1, "the model drafted once");
    turns.truncate(4);
    assert_eq!(said(&script, &flow, &turns, "No").await.0.text, "", "nothing is behind that choice");
}

#[tokio::test]
async fn without_a_conversation_the_question_is_asked_each_time() {
    let (flow, script) = (drafting(), Script::new(Vec::new()));
    let (output, _) = run_with(&engine(&script), &flow, RunRequest::new("approve", "s")).await;
    assert_eq!(output.unwrap().text, "<approve>\n\nLook: Approve / Reject");
}

#[test]
fn what_a_run_here_cannot_ask_is_said_before_it() {
    let class = |flow: &Flow, id: &str| {
        flow::check(flow).nodes.into_iter().find(|it| it.id == id).map(|it| (it.class, it.reason)).unwrap()
    };
    let mut late = drafting();
    late.nodes[3].fields.insert("enable_fallback".into(), flow::Field { value: json!(true), ..Default::default() });
    assert_eq!(class(&late, "Look").0, NodeClass::Unsupported);

    let mut nothing = drafting();
    nothing.nodes[3].fields["decisions"].value = json!([]);
    assert_eq!(flow::check(&nothing).verdict, Verdict::Invalid);

    let tools = json!([{"name": "sum", "tags": ["evaluate_expression"], "approval_actions": ["approve", "reject"]}]);
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        crate::parts::tool("sums", "CalculatorComponent", json!({"expression": ""}), tools),
        node("agent", "Agent", json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("sums.component_as_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    let (found, reason) = class(&flow(nodes, edges), "sums");
    assert_eq!(found, NodeClass::Unsupported);
    assert!(reason.contains("allows each use"), "{reason}");
}
