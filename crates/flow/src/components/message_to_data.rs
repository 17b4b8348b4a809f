//! Message to Data: a message as a record.

use async_trait::async_trait;
use serde_json::json;

use super::{Component, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

#[derive(Debug)]
pub(super) struct MessageToData;

#[async_trait]
impl Component for MessageToData {
    fn types(&self) -> &'static [&'static str] {
        &["MessagetoData", "MessageToDataComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let data = match call.inputs.value("message") {
            Some(Value::Message(message)) => Data::of_json(json!({
                "text": message.text,
                "sender": message.sender,
                "sender_name": message.sender_name,
                "session_id": message.session_id,
            })),
            _ => Data::of_json(json!({"error": "Input must be a Message object"})),
        };
        Ok(Outputs::one("data", Value::data(data)))
    }
}
