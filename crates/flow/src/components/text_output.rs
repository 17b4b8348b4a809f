//! Text Output: a text that the flow answers outside of a conversation. It is not remembered.

use async_trait::async_trait;

use super::{Component, Kind, Outputs};
use crate::{
    engine::{Call, ComponentError, OutputMessage},
    value::{Message, Value},
};

#[derive(Debug)]
pub(super) struct TextOutput;

#[async_trait]
impl Component for TextOutput {
    fn types(&self) -> &'static [&'static str] {
        &["TextOutput", "TextOutputComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Output
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = call.inputs.text("input_value").unwrap_or_default();
        let said = OutputMessage {
            node: call.node.id.clone(),
            display_name: call.node.display_name.clone(),
            kind: "text".into(),
            text: text.clone(),
            sender: "Machine".into(),
            sender_name: "AI".into(),
        };
        Ok(Outputs::one("text", Value::message(Message::text(text))).saying(said))
    }
}
