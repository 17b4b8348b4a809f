//! Chat Input: the caller's message.

use async_trait::async_trait;

use super::{Component, Kind, Outputs};
use crate::{
    engine::{Call, ComponentError},
    memory::{Role, Turn},
    value::{Message, Value},
};

#[derive(Debug)]
pub(super) struct ChatInput;

#[async_trait]
impl Component for ChatInput {
    fn types(&self) -> &'static [&'static str] {
        &["ChatInput"]
    }

    fn kind(&self) -> Kind {
        Kind::ChatInput
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        // The message of the call takes the place of the text that was saved in Studio, unless an edge feeds it.
        let text = if call.inputs.is_connected("input_value") {
            call.inputs.text("input_value").unwrap_or_default()
        } else {
            call.request().input.clone()
        };
        let sender = call.inputs.text("sender").unwrap_or_else(|| "User".into());
        let sender_name = call.inputs.text("sender_name").unwrap_or_else(|| "User".into());
        if call.inputs.flag("should_store_message", true) {
            let role = if sender == "Machine" { Role::Agent } else { Role::User };
            call.remember(Turn { role, name: sender_name.clone(), text: text.clone() }).await?;
        }
        let session_id = call.request().session_id.clone();
        Ok(Outputs::one("message", Value::message(Message { text, sender, sender_name, session_id })))
    }
}
