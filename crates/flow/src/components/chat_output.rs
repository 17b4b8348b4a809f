//! Chat Output: what the flow answers in a conversation.

use async_trait::async_trait;

use super::{Component, Kind, Outputs};
use crate::{
    engine::{Call, ComponentError, OutputMessage},
    memory::{Role, Turn},
    value::{Message, Value},
};

#[derive(Debug)]
pub(super) struct ChatOutput;

#[async_trait]
impl Component for ChatOutput {
    fn types(&self) -> &'static [&'static str] {
        &["ChatOutput"]
    }

    fn kind(&self) -> Kind {
        Kind::Output
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let Some(input) = call.inputs.any("input_value") else {
            return Err(ComponentError::Failed("nothing is connected to it".into()));
        };
        let text = if call.inputs.flag("clean_data", true) { input.tidied().shown() } else { input.shown() };
        let sender = call.inputs.text("sender").unwrap_or_else(|| "Machine".into());
        let sender_name = call.inputs.text("sender_name").unwrap_or_else(|| "AI".into());
        if call.inputs.flag("should_store_message", true) {
            let role = if sender == "User" { Role::User } else { Role::Agent };
            call.remember(Turn { role, name: sender_name.clone(), text: text.clone() }).await?;
        }
        let said = OutputMessage {
            node: call.node.id.clone(),
            display_name: call.node.display_name.clone(),
            kind: "chat".into(),
            text: text.clone(),
            sender: sender.clone(),
            sender_name: sender_name.clone(),
        };
        let session_id = call.request().session_id.clone();
        let message = Message { text, sender, sender_name, session_id };
        Ok(Outputs::one("message", Value::message(message)).saying(said))
    }
}
