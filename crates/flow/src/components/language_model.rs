//! Language Model: one question to one model.
//!
//! Which endpoint answers is the host's decision (see [`crate::model::ModelResolver`]). The flow's API key
//! field only counts when it names a variable that the run has a value for.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Component, Kind, Outputs, models};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    memory::Role,
    model::{ModelMessage, ModelRequest, Resolved},
    value::Value,
};

#[derive(Debug)]
pub(super) struct LanguageModel;

#[async_trait]
impl Component for LanguageModel {
    fn types(&self) -> &'static [&'static str] {
        &["LanguageModelComponent", "LanguageModel"]
    }

    fn kind(&self) -> Kind {
        Kind::Model
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["text_output", "model_output"]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        models::needs(node)
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let model = models::resolve(call)?;
        answer(call, model).await
    }
}

/// Gives the outputs that all language models have.
pub(super) async fn answer(call: &Call<'_>, model: Resolved) -> Result<Outputs, ComponentError> {
    let mut outputs = Outputs::default();
    if call.wants("text_output") {
        outputs.add("text_output", Value::text(ask(call, &model).await?));
    }
    if call.wants("model_output") {
        outputs.add("model_output", Value::Model(Arc::new(model)));
    }
    Ok(outputs)
}

async fn ask(call: &Call<'_>, model: &Resolved) -> Result<String, ComponentError> {
    let inputs = &call.inputs;
    let system = inputs.text("system_message").unwrap_or_default();
    let message = match inputs.value("input_value") {
        Some(Value::Message(message)) => {
            let role = if message.sender == "Machine" { Role::Agent } else { Role::User };
            Some(ModelMessage::said(role, message.text.clone()))
        }
        Some(other) => Some(ModelMessage::said(Role::User, other.as_text())),
        None => None,
    };
    if message.is_none() && system.is_empty() {
        return Err(ComponentError::Failed("the message you want to send to the model is empty".into()));
    }
    let request = ModelRequest {
        system,
        messages: message.into_iter().collect(),
        temperature: inputs.number("temperature"),
        max_tokens: inputs.count("max_tokens").filter(|most| *most > 0),
        ..ModelRequest::default()
    };
    Ok(call.complete(model, request).await?.text)
}
