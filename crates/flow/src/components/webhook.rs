//! Webhook: what a caller sent, as a record. Here a caller sends it as the run's input.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::{Component, Kind, Outputs};
use crate::{
    engine::{Call, ComponentError},
    value::{Data, Value},
};

#[derive(Debug)]
pub(super) struct Webhook;

#[async_trait]
impl Component for Webhook {
    fn types(&self) -> &'static [&'static str] {
        &["Webhook", "WebhookComponent"]
    }

    fn kind(&self) -> Kind {
        Kind::Plain
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["output_data"]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let sent = &call.request().input;
        let text = if sent.trim().is_empty() { call.inputs.text("data").unwrap_or_default() } else { sent.clone() };
        let data = match serde_json::from_str::<Json>(&text) {
            _ if text.is_empty() => Data::new(Map::new()),
            Ok(Json::Object(map)) => Data::new(map),
            Ok(_) | Err(_) => Data::new(Map::from_iter([("payload".to_owned(), Json::String(text))])),
        };
        Ok(Outputs::one("output_data", Value::data(data)))
    }
}
