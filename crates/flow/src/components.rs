//! The components that this engine runs, each written again in Rust.
//!
//! To add one: a function in a file below this module, and its name in [`NAMES`] and [`run`].

mod prompt;

use serde_json::Value as Json;

use crate::check::plain_type;
use crate::engine::{RunError, Running};
use crate::flow::Node;
use crate::memory::Role;
use crate::model::{ModelChoice, ModelMessage, ModelRequest};
use crate::value::{Message, Value};

const NAMES: &[&str] =
    &["ChatInput", "TextInput", "Prompt", "LanguageModelComponent", "Memory", "ChatOutput", "TextOutput"];

/// How much history a Memory component gives where it says nothing.
const HISTORY: usize = 100;

/// Tells whether a component is one of ours.
pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// What a component was given.
pub(crate) struct Inputs<'r> {
    pub(crate) node: &'r Node,
    /// What its edges bring, by field.
    pub(crate) edges: Vec<(String, Value)>,
}

impl Inputs<'_> {
    /// Returns a field: what an edge brings, else what a tweak or the export holds.
    pub(crate) fn field(&self, run: &Running<'_>, name: &str) -> Result<Option<Value>, RunError> {
        let brought: Vec<&Value> = self.edges.iter().filter(|(field, _)| field == name).map(|(_, value)| value).collect();
        match brought[..] {
            [] => run.stored(self.node, name),
            [one] => Ok(Some(one.clone())),
            _ => Ok(Some(Value::List(brought.into_iter().cloned().collect()))),
        }
    }

    pub(crate) fn text(&self, run: &Running<'_>, name: &str) -> Result<String, RunError> {
        Ok(self.field(run, name)?.map(|value| value.as_text()).unwrap_or_default())
    }
}

/// Runs a component; `live` says that its text goes straight to the caller.
pub(crate) async fn run(run: &Running<'_>, inputs: &Inputs<'_>, live: bool) -> Result<Value, RunError> {
    match plain_type(&inputs.node.component) {
        "ChatInput" | "TextInput" => {
            let brought = inputs.edges.iter().any(|(field, _)| field == "input_value");
            let text = if brought { inputs.text(run, "input_value")? } else { run.request.input.clone() };
            Ok(Value::message(Message {
                text,
                sender: "User".to_owned(),
                sender_name: "User".to_owned(),
                session_id: run.request.session_id.clone(),
            }))
        }
        "Prompt" => prompt::run(run, inputs),
        "Memory" => memory(run, inputs).await,
        "LanguageModelComponent" => model(run, inputs, live).await,
        "ChatOutput" | "TextOutput" => {
            let text = inputs.field(run, "input_value")?.map(|value| value.shown()).unwrap_or_default();
            Ok(Value::message(Message {
                text,
                sender: "Machine".to_owned(),
                sender_name: "AI".to_owned(),
                session_id: run.request.session_id.clone(),
            }))
        }
        other => Err(RunError::Unsupported(format!("{} ({other}) is not run by this engine", inputs.node.display_name))),
    }
}

/// The conversation so far, as text.
async fn memory(run: &Running<'_>, inputs: &Inputs<'_>) -> Result<Value, RunError> {
    let most = inputs.text(run, "n_messages")?.parse().unwrap_or(HISTORY).min(HISTORY);
    let template = inputs.text(run, "template")?;
    let template = if template.is_empty() { "{sender_name}: {text}".to_owned() } else { template };
    let only = inputs.text(run, "sender_type")?;
    let lines: Vec<String> = run
        .history(most)
        .await?
        .into_iter()
        .filter(|turn| match only.as_str() {
            "User" => turn.role == Role::User,
            "Machine" => turn.role == Role::Agent,
            _ => true,
        })
        .map(|turn| {
            let sender = if turn.role == Role::Agent { "Machine" } else { "User" };
            let usual = if turn.role == Role::Agent { "AI" } else { "User" };
            let name = if turn.name.is_empty() { usual } else { turn.name.as_str() };
            prompt::fill(&template, |variable| match variable {
                "text" => Some(turn.text.clone()),
                "sender" => Some(sender.to_owned()),
                "sender_name" => Some(name.to_owned()),
                _ => None,
            })
        })
        .collect();
    Ok(Value::message(Message::text(lines.join("\n"))))
}

/// Which model a component names, in the newer field and the older two.
pub(crate) fn choice(node: &Node) -> ModelChoice {
    let text = |name: &str| {
        let text = node.fields.get(name)?.value.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let newer = node.fields.get("model").and_then(|field| match &field.value {
        Json::Array(list) => list.first().cloned(),
        value @ Json::Object(_) => Some(value.clone()),
        _ => None,
    });
    match newer {
        Some(model) => ModelChoice {
            provider: model["provider"].as_str().map(str::to_owned),
            model: model["name"].as_str().map(str::to_owned),
            key: None,
        },
        None => ModelChoice { provider: text("provider"), model: text("model_name").or_else(|| text("model")), key: None },
    }
}

async fn model(run: &Running<'_>, inputs: &Inputs<'_>, live: bool) -> Result<Value, RunError> {
    let input = inputs.text(run, "input_value")?;
    let system = inputs.text(run, "system_message")?;
    if input.trim().is_empty() && system.trim().is_empty() {
        return Err(RunError::Invalid("the message to the model is empty".to_owned()));
    }
    let temperature = inputs.text(run, "temperature")?.parse().ok().or(Some(0.1));
    let max_tokens = inputs.text(run, "max_tokens")?.parse::<u64>().ok().filter(|most| *most > 0);
    let request = ModelRequest {
        system,
        messages: vec![ModelMessage { role: Role::User, text: input }],
        persona: run.request.persona.clone(),
        knowledge: run.knowledge().await?,
        history: run.history(20).await?,
        question: run.request.input.clone(),
        temperature,
        max_tokens,
        stream: live,
        ..ModelRequest::default()
    };
    let answer = run.ask(&choice(inputs.node), request, live).await?;
    Ok(Value::message(Message {
        text: answer,
        sender: "Machine".to_owned(),
        sender_name: "AI".to_owned(),
        session_id: run.request.session_id.clone(),
    }))
}
