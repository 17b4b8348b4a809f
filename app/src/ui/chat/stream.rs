//! Reads an answer as it streams in: server-sent events over a POST, which `EventSource` cannot make.

use domain::view::chat::StreamEvent;
use gloo_net::http::Request;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::{Bubble, Talk, Who};
use crate::{fmt, json};

const UNREACHABLE: &str = "The answer did not arrive. Check your connection and send it again.";

/// Posts a message and shows what comes back.
pub(super) fn answer(talk: Talk, input: String) {
    let bubble = talk.add(Who::Agent, String::new(), true);
    spawn_local(async move {
        if let Err(problem) = read(talk, &bubble, &input).await {
            if bubble.text.with_untracked(String::is_empty) {
                talk.bubbles.try_update(|bubbles| bubbles.retain(|other| other.id != bubble.id));
            }
            talk.add(Who::Problem, problem, false);
        }
        bubble.waiting.set(false);
        // The page may have been left in the meantime.
        talk.busy.try_set(false);
    });
}

async fn read(talk: Talk, bubble: &Bubble, input: &str) -> Result<(), String> {
    let session = talk.session.try_get_value().flatten();
    let body = serde_json::json!({ "input": input, "session_id": session });
    let body = if session.is_some() { body } else { serde_json::json!({ "input": input }) };
    let endpoint = talk.endpoint.try_get_value().unwrap_or_default();
    let response = Request::post(&endpoint)
        .header("content-type", "application/json")
        .header("accept", "text/event-stream")
        .body(body.to_string())
        .map_err(|_| UNREACHABLE.to_owned())?
        .send()
        .await
        .map_err(|_| UNREACHABLE.to_owned())?;
    if !response.ok() {
        let refusal: serde_json::Value = response.json().await.unwrap_or_default();
        let detail = refusal
            .get("detail")
            .and_then(|detail| detail.as_str())
            .unwrap_or("The agent could not answer. Try again in a moment.");
        return Err(detail.to_owned());
    }
    let Some(stream) = response.body() else {
        return Err(UNREACHABLE.to_owned());
    };
    let reader: web_sys::ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await.map_err(|_| UNREACHABLE.to_owned())?;
        let get = |name: &str| js_sys::Reflect::get(&chunk, &name.into()).unwrap_or_default();
        if get("done").is_truthy() {
            return Err(UNREACHABLE.to_owned());
        }
        buffer.extend(js_sys::Uint8Array::new(&get("value")).to_vec());
        while let Some(event) = next_event(&mut buffer) {
            match event {
                StreamEvent::Session { session_id, .. } => {
                    talk.session.try_set_value(Some(session_id));
                }
                StreamEvent::Token { text } => bubble.text.update(|said| said.push_str(&text)),
                StreamEvent::Step { .. } => {}
                StreamEvent::MessageEnd(answer) => {
                    if bubble.text.with_untracked(|said| *said != answer.output) {
                        bubble.text.set(answer.output);
                    }
                    bubble.citations.set(answer.citations);
                    let seconds = answer.usage.elapsed_ms / 1000;
                    let tenth = answer.usage.elapsed_ms % 1000 / 100;
                    let tokens = answer.usage.input_tokens + answer.usage.output_tokens;
                    talk.meta.try_set(format!("{seconds}.{tenth} s · {}", fmt::plural(tokens, "token", "tokens")));
                    return Ok(());
                }
                StreamEvent::Error { detail, .. } => return Err(detail),
            }
        }
    }
}

/// Takes the next whole event out of the buffer; comments and unknown events are passed over.
fn next_event(buffer: &mut Vec<u8>) -> Option<StreamEvent> {
    loop {
        let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let event: Vec<u8> = buffer.drain(..end + 2).collect();
        let text = String::from_utf8_lossy(&event);
        let data: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| data.strip_prefix(' ').unwrap_or(data))
            .collect();
        if let Ok(event) = json::read(&data.join("\n")) {
            return Some(event);
        }
    }
}
