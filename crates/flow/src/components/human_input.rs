//! Human Input: a person looks at something and says how it goes on.
//!
//! A run here ends with its answer, so the question is the answer: what is to be looked at, and under it the choices.
//! Nothing is kept beside the conversation. When the person's next message is one of the choices, the run goes on
//! from there with what was shown, which is read from the conversation, and with the message that the question was
//! about ([`resumed`]). Any other message begins anew.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError, OutputMessage},
    flow::{Flow, Node},
    memory::{Role, Turn},
    value::{Value, plain},
};

/// The kind of the message that asks.
pub(crate) const QUESTION: &str = "question";
/// The branch that is taken when nobody answers in time.
const FALLBACK: &str = "branch_fallback";
/// The most choices of one node.
const CHOICES: usize = 50;

#[derive(Debug)]
pub(crate) struct HumanInput;

#[async_trait]
impl Component for HumanInput {
    fn types(&self) -> &'static [&'static str] {
        &["HumanInput"]
    }

    fn typed(&self) -> &'static [&'static str] {
        &["decisions"]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let falls_back = node.fields.get("enable_fallback").is_some_and(|it| it.value == true);
        falls_back.then(|| "a way for when nobody answers in time".into())
    }

    fn problems(&self, node: &Node) -> Vec<String> {
        let choices = choices(node);
        let is_wrong = choices.is_empty() || choices.len() > CHOICES;
        is_wrong.then(|| format!("it should have 1 to {CHOICES} choices")).into_iter().collect()
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let choices = choices(call.node);
        let branch = |id: &str| format!("branch_{id}");
        if let Some(Decided { choice, shown }) = call.decided() {
            let mut outputs = Outputs::one(&branch(choice), Value::text(shown.clone()));
            let closed = choices.iter().filter(|(id, _)| id != choice).map(|(id, _)| branch(id));
            for name in closed.chain([FALLBACK.to_owned()]) {
                outputs = outputs.close(&name);
            }
            return Ok(outputs);
        }
        let shown = call.inputs.text("prompt").unwrap_or_default();
        let mut outputs = Outputs::default();
        if !call.has_followers() {
            // Whatever is decided, nothing comes of it, so nobody is asked.
            return Ok(outputs);
        }
        for name in choices.iter().map(|(id, _)| branch(id)).chain([FALLBACK.to_owned()]) {
            outputs = outputs.close(&name);
        }
        let choice = choice_line(call.node);
        let text = if shown.trim().is_empty() { choice } else { format!("{shown}\n\n{choice}") };
        Ok(outputs.saying(OutputMessage {
            node: call.node.id.clone(),
            display_name: call.node.display_name.clone(),
            kind: QUESTION.into(),
            text,
            sender: "Machine".into(),
            sender_name: "AI".into(),
        }))
    }
}

/// Returns the ids of a node's choices and what people read.
fn choices(node: &Node) -> Vec<(String, String)> {
    let values = node.fields.get("decisions").and_then(|field| field.value.as_array());
    let mut choices: Vec<(String, String)> = Vec::new();
    for label in values.into_iter().flatten().map(plain) {
        let label = label.trim().to_owned();
        let id = label.to_lowercase().replace(' ', "_");
        if !id.is_empty() && !choices.iter().any(|(it, _)| *it == id) {
            choices.push((id, label));
        }
    }
    choices
}

/// Returns the line under a question, by which the question is known again.
fn choice_line(node: &Node) -> String {
    let labels: Vec<String> = choices(node).into_iter().map(|(_, label)| label).collect();
    format!("{}: {}", node.display_name.trim(), labels.join(" / "))
}

/// What a person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    /// The id of the choice.
    pub(crate) choice: String,
    /// What was shown.
    pub(crate) shown: String,
}

/// What a run goes on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// What was decided, by node.
    pub(crate) decided: BTreeMap<String, Decided>,
    /// The node that the message itself decides.
    pub(crate) last: String,
    /// The message that the first question was about.
    pub(crate) input: String,
}

/// Finds out whether a message decides what the agent has just asked, and what was decided before that.
pub(crate) fn resumed(flow: &Flow, history: &[Turn], message: &str) -> Option<Resumed> {
    let asking: Vec<&Node> = asking(flow).collect();
    let mut resumed = Resumed::default();
    let mut said = message;
    let mut turns = history.iter().rev();
    while let Some(asked) = turns.next().filter(|turn| turn.role == Role::Agent) {
        let of = |node: &&&Node| !resumed.decided.contains_key(&node.id) && shown_in(node, &asked.text).is_some();
        let Some(node) = asking.iter().find(of) else { break };
        let Some(choice) = chosen(node, said) else { break };
        // What a person answered to has a message before it.
        let Some(before) = turns.next().filter(|turn| turn.role == Role::User) else { break };
        let shown = shown_in(node, &asked.text).unwrap_or_default().to_owned();
        if resumed.decided.is_empty() {
            resumed.last.clone_from(&node.id);
        }
        resumed.decided.insert(node.id.clone(), Decided { choice, shown });
        said = &before.text;
        said.clone_into(&mut resumed.input);
    }
    (!resumed.decided.is_empty()).then_some(resumed)
}

/// Returns the nodes of a flow that ask.
pub(crate) fn asking(flow: &Flow) -> impl Iterator<Item = &Node> {
    let asks = |node: &&Node| super::canonical_type(&node.component) == "HumanInput";
    flow.nodes.iter().filter(asks)
}

/// Returns what was shown, if a text is the question of a node.
fn shown_in<'t>(node: &Node, text: &'t str) -> Option<&'t str> {
    let shown = text.trim_end().strip_suffix(&choice_line(node))?;
    if shown.is_empty() { Some(shown) } else { shown.strip_suffix("\n\n") }
}

/// Returns the choice that a message means: its words, or its number.
fn chosen(node: &Node, message: &str) -> Option<String> {
    let said = message.trim().trim_end_matches(['.', '!']).to_lowercase();
    let choices = choices(node);
    let by_number = said.parse::<usize>().ok().and_then(|at| choices.get(at.checked_sub(1)?));
    let by_words = choices.iter().find(|(id, label)| said == *id || said == label.to_lowercase());
    by_words.or(by_number).map(|(id, _)| id.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::flow::Field;

    fn node(id: &str, name: &str) -> Node {
        let field = Field { value: json!(["Approve", "Send back", "approve"]), ..Field::default() };
        let fields = [("decisions".to_owned(), field)].into_iter().collect();
        Node { id: id.into(), component: "HumanInput".into(), display_name: name.into(), fields, ..Node::default() }
    }

    #[test]
    fn a_message_decides_what_was_asked_last_and_what_it_was_about_is_found() {
        let flow = Flow { nodes: vec![node("a", "First look"), node("b", "Last look")], ..Flow::default() };
        let line = |name: &str| format!("{name}: Approve / Send back");
        let mut history = vec![
            Turn::user("hello"),
            Turn::agent("Hi."),
            Turn::user("Write a letter"),
            Turn::agent(format!("Dear\n\nSir\n\n{}", line("First look"))),
        ];
        let found = resumed(&flow, &history, " approve. ").unwrap();
        assert_eq!(found.input, "Write a letter");
        assert_eq!(found.decided["a"], Decided { choice: "approve".into(), shown: "Dear\n\nSir".into() });
        assert!(resumed(&flow, &history, "something else").is_none());
        assert!(resumed(&flow, &[], "approve").is_none());

        history.extend([Turn::user("Approve"), Turn::agent(line("Last look"))]);
        let found = resumed(&flow, &history, "2").unwrap();
        assert_eq!((found.input.as_str(), found.last.as_str()), ("Write a letter", "b"));
        assert_eq!(found.decided["a"].choice, "approve");
        assert_eq!(found.decided["b"], Decided { choice: "send_back".into(), shown: String::new() });
    }
}
