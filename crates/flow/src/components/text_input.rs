//! Text Input: a text that the flow's author wrote.
//!
//! It does not take the caller's message, in Langflow neither: only a Chat Input does.

use async_trait::async_trait;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Message, Value},
};

#[derive(Debug)]
pub(super) struct TextInput;

#[async_trait]
impl Component for TextInput {
    fn types(&self) -> &'static [&'static str] {
        &["TextInput", "TextInputComponent"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let text = call.inputs.text("input_value").unwrap_or_default();
        Ok(Outputs::one("text", Value::message(Message::text(text))))
    }
}
