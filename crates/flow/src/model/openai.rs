//! Any endpoint that speaks OpenAI's `/chat/completions`, streaming or not.

use serde_json::{Value as Json, json};

use super::{
    ModelMessage, ModelRequest, Usage,
    http::{self, HttpModel, Part, Wire},
};
use crate::memory::Role;

/// An OpenAI-compatible endpoint.
pub type OpenAiCompatible = HttpModel<OpenAi>;

/// OpenAI's way of writing it.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAi;

impl Wire for OpenAi {
    const NAME: &'static str = "OpenAI";
    const PATH: &'static str = "/chat/completions";

    fn path(&self, _: &ModelRequest) -> String {
        Self::PATH.into()
    }

    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)> {
        http::bearer(key)
    }

    fn body(&self, request: &ModelRequest) -> Json {
        let mut messages = Vec::new();
        let system = request.full_system();
        if !system.is_empty() {
            messages.push(json!({ "role": "system", "content": system }));
        }
        messages.extend(request.messages.iter().map(message));
        let mut body = json!({ "model": request.model, "messages": messages, "stream": request.stream });
        if request.stream {
            body["stream_options"] = json!({ "include_usage": true });
        }
        // Reasoning models refuse a temperature and count their tokens under another name.
        let reasons = reasons(&request.model);
        if let Some(temperature) = request.temperature.filter(|_| !reasons) {
            body["temperature"] = json!(temperature);
        }
        if let Some(most) = request.max_tokens.filter(|most| *most > 0) {
            body[if reasons { "max_completion_tokens" } else { "max_tokens" }] = json!(most);
        }
        if !request.tools.is_empty() {
            body["tools"] = request.tools.iter().map(http::function).collect();
        }
        if let Some(name) = &request.must_call {
            body["tool_choice"] = json!({"type": "function", "function": {"name": name}});
        }
        body
    }

    fn take(&self, event: &Json, part: &mut Part) {
        if let Some(name) = event["model"].as_str() {
            part.model = Some(name.to_owned());
        }
        if let Some(input_tokens) = event["usage"]["prompt_tokens"].as_u64() {
            let output_tokens = event["usage"]["completion_tokens"].as_u64().unwrap_or(0);
            part.usage = Some(Usage { input_tokens, output_tokens, estimated: false });
        }
        let Some(choice) = event["choices"].get(0) else {
            return;
        };
        part.finished |= choice["finish_reason"].is_string();
        // A whole answer has a message, a piece of a streamed one has a delta.
        let said = if choice["message"].is_object() {
            part.finished = true;
            &choice["message"]
        } else {
            &choice["delta"]
        };
        part.text.push_str(&content(&said["content"]));
        for (at, call) in said["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let index = call["index"].as_u64().unwrap_or(at as u64);
            let Some(into) = part.call(index) else { break };
            for (text, field) in [(&call["id"], &mut into.id), (&call["function"]["name"], &mut into.name)] {
                if let Some(text) = text.as_str().filter(|text| !text.is_empty()) {
                    text.clone_into(field);
                }
            }
            match &call["function"]["arguments"] {
                Json::String(piece) => into.arguments.push_str(piece),
                Json::Null => {}
                // Some servers write the object itself.
                other => into.arguments = other.to_string(),
            }
        }
    }
}

fn message(message: &ModelMessage) -> Json {
    if let Some(call) = &message.answers {
        return json!({ "role": "tool", "tool_call_id": call.id, "content": message.text });
    }
    if message.role == Role::User {
        return json!({ "role": "user", "content": message.text });
    }
    let mut said = json!({ "role": "assistant", "content": message.text });
    if !message.tool_calls.is_empty() {
        if message.text.is_empty() {
            said["content"] = Json::Null;
        }
        let calls = message.tool_calls.iter().map(|call| {
            json!({"id": call.id, "type": "function", "function": {
                "name": call.name, "arguments": call.arguments.to_string(),
            }})
        });
        said["tool_calls"] = calls.collect();
    }
    said
}

fn reasons(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    ["o1", "o3", "o4", "gpt-5"].iter().any(|start| name.starts_with(start)) && !name.contains("chat")
}

/// Text, or a list of parts of which the text ones count.
fn content(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
