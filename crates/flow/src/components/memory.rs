//! Message History: what was said in this conversation, as text, as rows, or added to.
//!
//! The session is always the caller's. A session id written into the flow is not used: it would be one
//! conversation shared by everyone.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, json};

use super::{
    Component, Outputs,
    template::{render, single_braces},
};
use crate::{
    engine::{Call, ComponentError},
    flow::Node,
    memory::{Role, Turn},
    value::{Message, Table, Value, plain},
};

/// What Langflow fetches where nothing is said.
const MESSAGES: usize = 100;

#[derive(Debug)]
pub(super) struct Memory;

#[async_trait]
impl Component for Memory {
    fn types(&self) -> &'static [&'static str] {
        &["Memory", "MemoryComponent"]
    }

    fn problems(&self, node: &Node) -> Vec<String> {
        let template = node.fields.get("template").filter(|it| it.show).map(|it| plain(&it.value)).unwrap_or_default();
        single_braces(&template).err().into_iter().collect()
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let stores = call.inputs.text("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("store"));
        if stores { store(call).await } else { retrieve(call).await }
    }
}

/// Store Message: adds to the conversation.
#[derive(Debug)]
pub(super) struct StoreMessage;

#[async_trait]
impl Component for StoreMessage {
    fn types(&self) -> &'static [&'static str] {
        &["StoreMessage", "MessageStoreComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["stored_messages"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        store(call).await
    }
}

async fn store(call: &Call<'_>) -> Result<Outputs, ComponentError> {
    let Some(value) = call.inputs.value("message") else {
        return Err(ComponentError::Failed("there is no message to store".into()));
    };
    let given = match value {
        Value::Message(message) => (**message).clone(),
        other => Message::text(other.as_text()),
    };
    let or = |field: &str, given: &str, default: &str| {
        call.inputs
            .text(field)
            .filter(|it| it != "Machine and User")
            .or_else(|| (!given.is_empty()).then(|| given.to_owned()))
            .unwrap_or_else(|| default.to_owned())
    };
    let message = Message {
        sender: or("sender", &given.sender, "Machine"),
        sender_name: or("sender_name", &given.sender_name, "AI"),
        session_id: call.request().session_id.clone(),
        text: given.text,
    };
    let role = if message.sender == "User" { Role::User } else { Role::Agent };
    call.remember(Turn { role, name: message.sender_name.clone(), text: message.text.clone() }).await?;
    Ok(Outputs::one("stored_messages", Value::message(message)))
}

async fn retrieve(call: &Call<'_>) -> Result<Outputs, ComponentError> {
    let most = match call.inputs.count("n_messages") {
        Some(count) => usize::try_from(count).unwrap_or(MESSAGES),
        None => MESSAGES,
    };
    // Older versions called the field `sender`.
    let kind = call.inputs.text("sender_type").or_else(|| call.inputs.text("sender"));
    let wanted = match kind.as_deref() {
        Some("Machine") => Some(Role::Agent),
        Some("User") => Some(Role::User),
        _ => None,
    };
    let name = call.inputs.text("sender_name");
    let filtered = wanted.is_some() || name.is_some();
    // The newest that fit are wanted, so a filter has to look further back.
    let mut turns = if most == 0 { Vec::new() } else { call.history(if filtered { usize::MAX } else { most }).await? };
    turns.retain(|turn| wanted.is_none_or(|it| it == turn.role));
    turns.retain(|turn| name.as_ref().is_none_or(|it| it == sender_name(turn)));
    turns.drain(..turns.len().saturating_sub(most));
    if call.inputs.text("order").as_deref() == Some("Descending") {
        turns.reverse();
    }

    let mut outputs = Outputs::default();
    if call.wants("messages_text") {
        let template = call.inputs.text("template").unwrap_or_else(|| "{sender_name}: {text}".into());
        let pieces = single_braces(&template).map_err(ComponentError::Failed)?;
        let lines: Result<Vec<String>, String> = turns
            .iter()
            .map(|turn| {
                render(&pieces, |key| {
                    Ok(match key {
                        "text" => turn.text.clone(),
                        "sender_name" => sender_name(turn).to_owned(),
                        "sender" => sender(turn).to_owned(),
                        "session_id" => call.request().session_id.clone(),
                        _ => String::new(),
                    })
                })
            })
            .collect();
        let text = lines.map_err(ComponentError::Failed)?.join("\n");
        outputs.add("messages_text", Value::message(Message::text(text)));
    }
    let row = |turn: &Turn| -> Map<String, serde_json::Value> {
        let row = json!({
            "text": turn.text,
            "sender": sender(turn),
            "sender_name": sender_name(turn),
            "session_id": call.request().session_id,
        });
        row.as_object().cloned().unwrap_or_default()
    };
    if call.wants("dataframe") {
        let table = Table { rows: turns.iter().map(row).collect() };
        outputs.add("dataframe", Value::Table(Arc::new(table)));
    }
    if call.wants("messages") {
        let session_id = &call.request().session_id;
        let list = turns.iter().map(|turn| {
            Value::message(Message {
                text: turn.text.clone(),
                sender: sender(turn).into(),
                sender_name: sender_name(turn).into(),
                session_id: session_id.clone(),
            })
        });
        outputs.add("messages", Value::List(list.collect()));
    }
    Ok(outputs)
}

fn sender(turn: &Turn) -> &'static str {
    match turn.role {
        Role::User => "User",
        Role::Agent => "Machine",
    }
}

fn sender_name(turn: &Turn) -> &str {
    match (turn.name.as_str(), turn.role) {
        ("", Role::User) => "User",
        ("", Role::Agent) => "AI",
        (name, _) => name,
    }
}
