//! Ollama's own `/api/chat`, streaming or not.
//!
//! It streams one JSON a line, counts tokens under its own names, and gives calls of tools no name.

use serde_json::{Map, Value as Json, json};

use super::{
    ModelRequest, Usage,
    http::{self, HttpModel, Part, Wire},
};
use crate::memory::Role;

/// An Ollama server; the base URL is `http://ollama:11434`.
pub type Ollama = HttpModel<OllamaChat>;

/// Ollama's way of writing it.
#[derive(Clone, Copy, Debug, Default)]
pub struct OllamaChat;

impl Wire for OllamaChat {
    const NAME: &'static str = "Ollama";
    const PATH: &'static str = "/api/chat";

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
        for message in &request.messages {
            if let Some(call) = &message.answers {
                messages.push(json!({ "role": "tool", "tool_name": call.name, "content": message.text }));
                continue;
            }
            let role = if message.role == Role::Agent { "assistant" } else { "user" };
            let mut said = json!({ "role": role, "content": message.text });
            if !message.tool_calls.is_empty() {
                let calls = message.tool_calls.iter();
                let calls = calls.map(|call| json!({"function": {"name": call.name, "arguments": call.arguments}}));
                said["tool_calls"] = calls.collect();
            }
            messages.push(said);
        }
        let mut body = json!({ "model": request.model, "messages": messages, "stream": request.stream });
        let mut options = Map::new();
        if let Some(temperature) = request.temperature {
            options.insert("temperature".into(), json!(temperature));
        }
        if let Some(most) = request.max_tokens.filter(|most| *most > 0) {
            options.insert("num_predict".into(), json!(most));
        }
        if !options.is_empty() {
            body["options"] = Json::Object(options);
        }
        // It can't be told which tool it must call, so it is offered no other.
        let offered = request.tools.iter().filter(|it| request.must_call.as_ref().is_none_or(|must| *must == it.name));
        let tools: Vec<Json> = offered.map(http::function).collect();
        if !tools.is_empty() {
            body["tools"] = Json::Array(tools);
        }
        body
    }

    fn take(&self, event: &Json, part: &mut Part) {
        if let Some(model) = event["model"].as_str() {
            part.model = Some(model.to_owned());
        }
        part.text.push_str(event["message"]["content"].as_str().unwrap_or_default());
        for call in event["message"]["tool_calls"].as_array().into_iter().flatten() {
            let index = part.calls.len() as u64;
            if let Some(into) = part.call(index) {
                into.id = format!("call_{index}");
                call["function"]["name"].as_str().unwrap_or_default().clone_into(&mut into.name);
                into.arguments = call["function"]["arguments"].to_string();
            }
        }
        if event["done"] == true {
            part.finished = true;
            let count = |name: &str| event[name].as_u64();
            if let Some(output_tokens) = count("eval_count") {
                let input_tokens = count("prompt_eval_count").unwrap_or(0);
                part.usage = Some(Usage { input_tokens, output_tokens, estimated: false });
            }
        }
    }
}
