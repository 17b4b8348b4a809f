//! Anthropic's `/v1/messages`, streaming or not.

use serde_json::{Value as Json, json};

use super::{
    ModelRequest,
    http::{HttpModel, Part, Wire},
};
use crate::memory::Role;

/// What Anthropic wants to be told where nobody says how long an answer may be.
const MAX_TOKENS: u64 = 4096;

/// An Anthropic endpoint; the base URL is `https://api.anthropic.com`.
pub type Anthropic = HttpModel<AnthropicMessages>;

/// Anthropic's way of writing it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnthropicMessages;

impl Wire for AnthropicMessages {
    const NAME: &'static str = "Anthropic";
    const PATH: &'static str = "/v1/messages";

    fn path(&self, _: &ModelRequest) -> String {
        Self::PATH.into()
    }

    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)> {
        let version = ("anthropic-version", "2023-06-01".to_owned());
        std::iter::once(version).chain(key.map(|key| ("x-api-key", key.to_owned()))).collect()
    }

    fn body(&self, request: &ModelRequest) -> Json {
        // Neighbours of the same role are one message: results of tools are what the user says.
        let mut messages: Vec<(&str, Vec<Json>)> = Vec::new();
        for message in &request.messages {
            let (role, blocks) = match &message.answers {
                Some(call) => {
                    ("user", vec![json!({"type": "tool_result", "tool_use_id": call.id, "content": message.text})])
                }
                None => {
                    let role = if message.role == Role::Agent { "assistant" } else { "user" };
                    let text = (!message.text.is_empty()).then(|| json!({"type": "text", "text": message.text}));
                    let calls = message.tool_calls.iter().map(|call| {
                        // The input has to be an object, whatever the model wrote before.
                        let input = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
                        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
                    });
                    (role, text.into_iter().chain(calls).collect())
                }
            };
            match messages.last_mut() {
                Some((same, kept)) if *same == role => kept.extend(blocks),
                _ => messages.push((role, blocks)),
            }
        }
        let messages: Vec<Json> =
            messages.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
        let mut body = json!({
            "model": request.model,
            "max_tokens": request.max_tokens.filter(|most| *most > 0).unwrap_or(MAX_TOKENS),
            "messages": messages,
            "stream": request.stream,
        });
        let system = request.full_system();
        if !system.is_empty() {
            body["system"] = json!(system);
        }
        if let Some(temperature) = request.temperature {
            // It takes at most 1, where others take 2.
            body["temperature"] = json!(temperature.min(1.0));
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(
                |tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}),
            );
            body["tools"] = tools.collect();
        }
        if let Some(name) = &request.must_call {
            body["tool_choice"] = json!({"type": "tool", "name": name});
        }
        body
    }

    fn take(&self, event: &Json, part: &mut Part) {
        let index = event["index"].as_u64().unwrap_or(0);
        match event["type"].as_str().unwrap_or_default() {
            "message" => {
                for (at, block) in event["content"].as_array().into_iter().flatten().enumerate() {
                    start(block, at as u64, part);
                }
                named(event, part);
                part.finished = true;
            }
            "message_start" => named(&event["message"], part),
            "content_block_start" => start(&event["content_block"], index, part),
            "content_block_delta" => {
                if let Some(text) = event["delta"]["text"].as_str() {
                    part.text.push_str(text);
                }
                if let (Some(json), Some(call)) = (event["delta"]["partial_json"].as_str(), part.call(index)) {
                    call.arguments.push_str(json);
                }
            }
            "message_delta" => counted(&event["usage"], part),
            "message_stop" => part.finished = true,
            _ => {}
        }
    }
}

fn named(message: &Json, part: &mut Part) {
    if let Some(model) = message["model"].as_str() {
        part.model = Some(model.to_owned());
    }
    counted(&message["usage"], part);
}

fn counted(usage: &Json, part: &mut Part) {
    let count = |name: &str| usage[name].as_u64();
    let read = count("input_tokens").map(|tokens| {
        tokens + count("cache_read_input_tokens").unwrap_or(0) + count("cache_creation_input_tokens").unwrap_or(0)
    });
    if read.is_none() && count("output_tokens").is_none() {
        return;
    }
    let so_far = part.usage.get_or_insert_default();
    // The start counts what was read, each delta counts all that was written until then.
    if let Some(read) = read {
        so_far.input_tokens = read;
    }
    if let Some(written) = count("output_tokens") {
        so_far.output_tokens = written;
    }
}

fn start(block: &Json, index: u64, part: &mut Part) {
    match block["type"].as_str() {
        Some("text") => part.text.push_str(block["text"].as_str().unwrap_or_default()),
        Some("tool_use") => {
            if let Some(call) = part.call(index) {
                block["id"].as_str().unwrap_or_default().clone_into(&mut call.id);
                block["name"].as_str().unwrap_or_default().clone_into(&mut call.name);
                // The start of a streamed call has an empty object, a whole one has the arguments.
                if block["input"].as_object().is_some_and(|input| !input.is_empty()) {
                    call.arguments = block["input"].to_string();
                }
            }
        }
        _ => {}
    }
}
