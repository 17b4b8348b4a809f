//! Google's `models/…:generateContent`, streaming or not.

use serde_json::{Map, Value as Json, json};

use super::{
    ModelRequest, Usage,
    http::{HttpModel, Part, Wire},
};
use crate::memory::Role;

/// A Gemini endpoint; the base URL is `https://generativelanguage.googleapis.com/v1beta`.
pub type Gemini = HttpModel<GenerateContent>;

/// Google's way of writing it.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenerateContent;

impl Wire for GenerateContent {
    const NAME: &'static str = "Google Generative AI";
    const PATH: &'static str = "/models";

    fn path(&self, request: &ModelRequest) -> String {
        // The name becomes part of a path, so what could leave that path is dropped.
        let model: String = request
            .model
            .trim_start_matches("models/")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c))
            .collect();
        let how = if request.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        format!("/models/{model}:{how}")
    }

    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)> {
        key.map(|key| ("x-goog-api-key", key.to_owned())).into_iter().collect()
    }

    fn body(&self, request: &ModelRequest) -> Json {
        // Neighbours of the same role are one message.
        let mut contents: Vec<(&str, Vec<Json>)> = Vec::new();
        for message in &request.messages {
            let (role, parts) = match &message.answers {
                Some(call) => {
                    let response = json!({"name": call.name, "response": {"result": message.text}});
                    ("user", vec![json!({ "functionResponse": response })])
                }
                None => {
                    let role = if message.role == Role::Agent { "model" } else { "user" };
                    let text = (!message.text.is_empty()).then(|| json!({"text": message.text}));
                    let calls = message.tool_calls.iter().map(|call| {
                        let arguments = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
                        json!({"functionCall": {"name": call.name, "args": arguments}})
                    });
                    (role, text.into_iter().chain(calls).collect())
                }
            };
            match contents.last_mut() {
                Some((same, kept)) if *same == role => kept.extend(parts),
                _ => contents.push((role, parts)),
            }
        }
        let contents: Vec<Json> =
            contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect();
        let mut body = json!({ "contents": contents });
        let system = request.full_system();
        if !system.is_empty() {
            body["systemInstruction"] = json!({"parts": [{"text": system}]});
        }
        let mut generation = Map::new();
        if let Some(temperature) = request.temperature {
            generation.insert("temperature".into(), json!(temperature));
        }
        if let Some(most) = request.max_tokens.filter(|most| *most > 0) {
            generation.insert("maxOutputTokens".into(), json!(most));
        }
        if !generation.is_empty() {
            body["generationConfig"] = Json::Object(generation);
        }
        if !request.tools.is_empty() {
            let tools: Vec<Json> = request
                .tools
                .iter()
                .map(|tool| {
                    let mut declared = json!({"name": tool.name, "description": tool.description});
                    let parameters = cleaned(&tool.parameters);
                    // An object without properties is refused.
                    if parameters["properties"].as_object().is_some_and(|it| !it.is_empty()) {
                        declared["parameters"] = parameters;
                    }
                    declared
                })
                .collect();
            body["tools"] = json!([{ "functionDeclarations": tools }]);
        }
        if let Some(name) = &request.must_call {
            body["toolConfig"] = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}});
        }
        body
    }

    fn take(&self, event: &Json, part: &mut Part) {
        if let Some(model) = event["modelVersion"].as_str() {
            part.model = Some(model.to_owned());
        }
        let usage = &event["usageMetadata"];
        if let Some(input_tokens) = usage["promptTokenCount"].as_u64() {
            let count = |name: &str| usage[name].as_u64().unwrap_or(0);
            let output_tokens = count("candidatesTokenCount") + count("thoughtsTokenCount");
            part.usage = Some(Usage { input_tokens, output_tokens, estimated: false });
        }
        let Some(candidate) = event["candidates"].get(0) else {
            // Nothing but a reason why nothing is said is an end, too.
            part.finished |= event["promptFeedback"]["blockReason"].is_string();
            return;
        };
        part.finished |= candidate["finishReason"].is_string();
        for piece in candidate["content"]["parts"].as_array().into_iter().flatten() {
            // What it thinks is not what it says.
            if piece["thought"] == true {
                continue;
            }
            if let Some(text) = piece["text"].as_str() {
                part.text.push_str(text);
            }
            if let Some(name) = piece["functionCall"]["name"].as_str() {
                let index = part.calls.len() as u64;
                if let Some(call) = part.call(index) {
                    // Calls have no names here, and other code wants to tell them apart.
                    call.id = format!("call_{index}");
                    name.clone_into(&mut call.name);
                    call.arguments = piece["functionCall"]["args"].to_string();
                }
            }
        }
    }
}

/// Leaves out of a schema what Google's subset of JSON schema does not know.
fn cleaned(schema: &Json) -> Json {
    const KNOWN: [&str; 14] = [
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "items",
        "properties",
        "required",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
    ];
    match schema {
        Json::Object(map) => {
            let kept = map.iter().filter(|(key, _)| KNOWN.contains(&key.as_str())).map(|(key, value)| {
                let value = match (key.as_str(), value) {
                    // Below `properties` keys are names, not words of the schema.
                    ("properties", Json::Object(names)) => {
                        Json::Object(names.iter().map(|(name, it)| (name.clone(), cleaned(it))).collect())
                    }
                    ("items", it) => cleaned(it),
                    ("anyOf", Json::Array(list)) => list.iter().map(cleaned).collect(),
                    (_, other) => other.clone(),
                };
                (key.clone(), value)
            });
            Json::Object(kept.collect())
        }
        other => other.clone(),
    }
}
