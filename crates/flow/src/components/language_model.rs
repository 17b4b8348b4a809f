//! Language Model: one question to one model.
//!
//! Which endpoint answers is the host's decision (see [`crate::model::ModelResolver`]). The flow's API key
//! field only counts when it names a variable that the run has a value for.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value as Json;

use super::{Component, Kind, Outputs};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    memory::Role,
    model::{ModelChoice, ModelMessage, ModelRequest, Resolved},
    value::{Message, Value, plain},
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

    fn needs(&self, node: &Node) -> Vec<Need> {
        let field = |name: &str| node.fields.get(name).filter(|it| !it.load_from_db).map(|it| &it.value);
        let text = |name: &str| field(name).map(plain).filter(|it| !it.is_empty());
        let (provider, model) = selected(field("model"));
        let provider = text("provider").or(provider);
        let model = text("model_name").or(model);
        vec![Need::model(&node.id, provider.as_deref(), model.as_deref())]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let model = resolve(call)?;
        let mut outputs = Outputs::default();
        if call.wants("text_output") {
            let text = ask(call, &model).await?;
            outputs.add("text_output", Value::message(Message::text(text)));
        }
        if call.wants("model_output") {
            outputs.add("model_output", Value::Model(Arc::new(model)));
        }
        Ok(outputs)
    }
}

fn resolve(call: &Call<'_>) -> Result<Resolved, ComponentError> {
    let inputs = &call.inputs;
    let (mut provider, mut model) = match inputs.value("model") {
        // A model that another component made.
        Some(Value::Model(model)) => return Ok((**model).clone()),
        Some(Value::Json(json)) => selected(Some(json)),
        _ => (None, None),
    };
    // The old fields are the only ones of old versions and overrides in new ones.
    provider = inputs.text("provider").or(provider);
    model = inputs.text("model_name").or(model);
    // A key in the flow itself was removed at import, so what is left is the value of a variable.
    let key = inputs.text("api_key").map(SecretString::from);
    call.model(&ModelChoice { provider, model, key })
}

async fn ask(call: &Call<'_>, model: &Resolved) -> Result<String, ComponentError> {
    let inputs = &call.inputs;
    let system = inputs.text("system_message").unwrap_or_default();
    let message = match inputs.value("input_value") {
        Some(Value::Message(message)) => {
            let role = if message.sender == "Machine" { Role::Agent } else { Role::User };
            Some(ModelMessage { role, text: message.text.clone() })
        }
        Some(other) => Some(ModelMessage { role: Role::User, text: other.as_text() }),
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

/// Reads provider and model out of the newer model field: a list of one, an object, or a bare name.
fn selected(field: Option<&Json>) -> (Option<String>, Option<String>) {
    let one = match field {
        Some(Json::Array(list)) => list.first(),
        other => other,
    };
    let text = |key: &str| one.and_then(|it| it.get(key)).map(plain).filter(|it| !it.is_empty());
    match one {
        Some(Json::String(name)) if !name.is_empty() => (None, Some(name.clone())),
        _ => (text("provider"), text("name")),
    }
}
