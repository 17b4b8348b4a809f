//! An OpenAI-compatible model endpoint that answers with what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::runtime_contract::{BREAK, OpenAnswers, SECRET, scripted_answer, scripted_pause};

/// A model; it ends with this.
#[derive(Debug)]
pub struct ScriptedModel {
    /// Where it listens.
    pub address: SocketAddr,
    /// The answers that it is saying.
    pub open: OpenAnswers,
    server: JoinHandle<()>,
}

impl ScriptedModel {
    /// Serves `/v1/chat/completions` on a free port of a host, `127.0.0.1`.
    pub async fn start(host: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind((host, 0)).await?;
        let address = listener.local_addr()?;
        let open = OpenAnswers::default();
        let completions = axum::routing::post(answer);
        let router = axum::Router::new().route("/v1/chat/completions", completions).with_state(open.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, open, server })
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(open): State<OpenAnswers>, Json(asked): Json<Value>) -> Response {
    let said = |message: &Value| match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    };
    let messages: Vec<String> = asked["messages"].as_array().into_iter().flatten().map(said).collect();
    let (last, before) =
        messages.split_last().map_or((String::new(), String::new()), |(last, before)| (last.clone(), before.join(" ")));
    if last.contains(BREAK) {
        let error = json!({"error": {"message": format!("a scripted failure, the key is {SECRET}"), "type": "invalid_request_error"}});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let (text, pause) = (scripted_answer(&last, &before), scripted_pause(&last));
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18});
    let model = asked["model"].clone();
    if asked["stream"] != true {
        let choice = json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
        let whole = json!({"id": "1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage});
        return Json(whole).into_response();
    }
    let chunk = |choices: Value| json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices});
    let piece =
        |delta: Value, reason: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": reason}])).to_string();
    let mut events: Vec<String> =
        text.split_inclusive(' ').map(|word| piece(json!({"content": word}), Value::Null)).collect();
    events.push(piece(json!({}), json!("stop")));
    let mut last = chunk(json!([]));
    last["usage"] = usage;
    events.extend([last.to_string(), "[DONE]".to_owned()]);
    let saying = open.begin();
    let body = futures::stream::iter(events).then(move |event| {
        // The stream owns the guard, so that it ends with whoever listens.
        let _saying = &saying;
        async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(Bytes::from(format!("data: {event}\n\n")))
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}
