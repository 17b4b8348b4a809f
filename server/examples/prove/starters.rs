//! Flows that Langflow publishes, run by the command line and through the gateway, from input to output.
//!
//! The model is a small OpenAI-compatible endpoint of our own that answers with what it was asked, so the
//! answer shows that the question went through the whole flow and back.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::Connection;
use crate::program::Program;
use crate::story;

const QUESTION: &str = "What is the marketplace for?";

/// Which flows: name, file below the unpacked wheels, and what the answer must have in it.
const FLOWS: [(&str, &str, &str); 2] = [
    ("lfx 1.13.0, hello-world", "lfx/templates/flows/hello-world.json", "Hello, World!"),
    (
        "langflow-base 1.13.0, Basic Prompting",
        "langflow/initial_setup/starter_projects/Basic Prompting.json",
        "You asked: What is the marketplace for?",
    ),
];

/// Runs each flow both ways.
pub(crate) async fn run(binary: &Path, wheels: &Path) -> anyhow::Result<Value> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let model = model(heard.clone()).await?;
    let settings = vec![
        ("CMP_MODEL__BASE_URL".to_owned(), format!("http://{model}/v1")),
        ("CMP_MODEL__NAME".to_owned(), "scripted".to_owned()),
    ];
    let data = std::env::temp_dir().join(format!("cmp-starters-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let program = Program::start_with(binary, &data, None, settings.clone()).await?;
    let mut rows = Vec::new();
    for (name, file, wanted) in FLOWS {
        let path = wheels.join(file);
        let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let flow: Value = serde_json::from_slice(&bytes)?;
        let mut command = Command::new(binary);
        command.args(["flow", "run", "--json", "--input", QUESTION]).arg(&path);
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        rows.push(row(name, "cmp flow run", i64::from(output.status.code().unwrap_or(-1)), 0, &said["text"], wanted));

        let buyer = story::buyer_of(&program.host, &flow).await?;
        let mut connection = Connection::open(&program.host).await?;
        let headers = format!("authorization: Bearer {}\r\n", buyer.key);
        let body = json!({ "input": QUESTION }).to_string();
        let answer = connection.send("POST", "/api/agent-gateway/invoke/", &headers, &body).await?;
        let said = answer.json().unwrap_or_default();
        let text = said.pointer("/output").or_else(|| said.pointer("/text")).cloned().unwrap_or(said);
        rows.push(row(name, "gateway", i64::from(answer.status), 200, &text, wanted));
    }
    let questions = heard.lock().unwrap_or_else(PoisonError::into_inner).len();
    drop(program);
    let _ = std::fs::remove_dir_all(&data);
    let holds = rows.iter().all(|row| row["as_wanted"] == true);
    Ok(json!({"name": "starters-run", "holds": holds, "figures": {"rows": rows, "questions_to_the_model": questions}}))
}

fn row(flow: &str, way: &str, status: i64, good: i64, said: &Value, wanted: &str) -> Value {
    let text = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
    let as_wanted = status == good && text.contains(wanted);
    json!({"flow": flow, "way": way, "status": status, "answer": text, "as_wanted": as_wanted})
}

/// Serves `/v1/chat/completions`, whole and streamed, and keeps what it was sent.
async fn model(heard: Arc<Mutex<Vec<Value>>>) -> anyhow::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = move |axum::Json(asked): axum::Json<Value>| {
        let text = format!("You asked: {}", asked["messages"].as_array().map_or("", |it| last_text(it)));
        let streamed = asked["stream"] == true;
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        async move {
            let usage = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18});
            if !streamed {
                let message = json!({"role": "assistant", "content": text});
                let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
                let body = json!({"model": "scripted", "choices": [choice], "usage": usage});
                return ([("content-type", "application/json")], body.to_string());
            }
            let piece = |delta: Value, end: Value| json!({"model": "scripted", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]});
            let mut body = String::new();
            for word in text.split_inclusive(' ') {
                body += &format!("data: {}\n\n", piece(json!({ "content": word }), Value::Null));
            }
            let mut last = piece(json!({}), json!("stop"));
            last["usage"] = usage;
            body += &format!("data: {last}\n\ndata: [DONE]\n\n");
            ([("content-type", "text/event-stream")], body)
        }
    };
    let router = axum::Router::new().route("/v1/chat/completions", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn last_text(messages: &[Value]) -> &str {
    messages.last().and_then(|it| it["content"].as_str()).unwrap_or_default()
}
