//! A double of Langflow's servers, made after what the real ones do: their paths, their streams, their traps.
//!
//! It runs one flow, the one of the contract: it fills the Prompt and is the model itself.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde_json::{Value, json};
use server::config::{LangflowKind, LangflowSection};
use testkit::runtime_contract::{BREAK, OpenAnswers, SECRET, scripted_answer, scripted_pause};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The key that the double takes.
pub(crate) const KEY: &str = "sk-key-of-the-double-0123456789";

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Double {
    /// `lfx serve`.
    Lfx,
    /// Langflow 1.13.
    Langflow,
    /// Langflow before `/api/v2/workflows`.
    OldLangflow,
}

/// A double that listens; it ends with this.
pub(crate) struct RunningDouble {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<DoubleState>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct DoubleState {
    kind: Double,
    pub(crate) open: OpenAnswers,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    flows: HashMap<String, Value>,
    projects: Vec<Value>,
    /// What was said, by flow and session.
    messages: HashMap<(String, String), Vec<String>>,
    /// `POST /path` of each request, and its body.
    heard: Vec<(String, Value)>,
    /// What the next requests for runs are answered with.
    failures: VecDeque<(StatusCode, &'static str)>,
}

impl Drop for RunningDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl RunningDouble {
    pub(crate) async fn start(kind: Double) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(DoubleState { kind, open: OpenAnswers::default(), inside: Mutex::default() });
        let router = axum::Router::new().fallback(answer).with_state(state.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, state, server }
    }

    pub(crate) fn settings(&self) -> LangflowSection {
        let url = format!("http://{}/", self.address);
        LangflowSection { url, api_key: Some(KEY.to_owned().into()), kind: LangflowKind::Probe }
    }

    /// Returns the requests so far whose line begins so.
    pub(crate) fn heard(&self, line: &str) -> Vec<Value> {
        let inside = self.state.inside();
        inside.heard.iter().filter(|(it, _)| it.starts_with(line)).map(|(_, body)| body.clone()).collect()
    }

    /// Loses every flow, as an `lfx serve` does that is started again.
    pub(crate) fn lose_flows(&self) {
        self.state.inside().flows.clear();
    }

    /// Answers the next runs with an error.
    pub(crate) fn fail_next(&self, status: StatusCode, body: &'static str) {
        self.state.inside().failures.push_back((status, body));
    }
}

impl DoubleState {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no test has panicked inside")
    }

    fn is_lfx(&self) -> bool {
        self.kind == Double::Lfx
    }
}

async fn answer(State(double): State<Arc<DoubleState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 32 * 1024 * 1024).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (method, path) = (parts.method, parts.uri.path().to_owned());
    double.inside().heard.push((format!("{method} {path}"), body.clone()));
    let open = ["/health", "/health_check", "/api/v1/version"].contains(&path.as_str());
    if !open && !has_key(&parts.headers) {
        let status = if double.is_lfx() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        return refused(status, &json!("Invalid API key"));
    }
    let steps: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (double.kind, &method, steps.as_slice()) {
        (Double::Lfx, &Method::GET, ["health"]) => Json(json!({"status": "healthy", "flow_count": 0})).into_response(),
        (Double::Lfx, &Method::POST, ["flows", "upload"]) => upload(&double, &body),
        (Double::Lfx, &Method::DELETE, ["flows", id]) => {
            double.inside().flows.remove(*id);
            StatusCode::NO_CONTENT.into_response()
        }
        (Double::Lfx | Double::Langflow, &Method::POST, ["api", "v2", "workflows"]) => workflow(&double, &body),
        (Double::OldLangflow, &Method::POST, ["api", "v1", "run", id]) => run(&double, id, &body),
        (Double::Lfx, ..) => refused(StatusCode::NOT_FOUND, &json!("Not Found")),
        (_, &Method::GET, ["health"]) => Json(json!({"status": "ok"})).into_response(),
        (_, &Method::GET, ["health_check"]) => Json(json!({"status": "ok", "chat": "ok", "db": "ok"})).into_response(),
        (_, &Method::GET, ["api", "v1", "version"]) => {
            let version = if double.kind == Double::OldLangflow { "1.8.4" } else { "1.13.0" };
            Json(json!({"version": version, "main_version": version, "package": "Langflow"})).into_response()
        }
        (_, &Method::GET, ["api", "v1", "projects"]) => Json(double.inside().projects.clone()).into_response(),
        (_, &Method::POST, ["api", "v1", "projects"]) => project(&double, &body),
        (_, &Method::PUT, ["api", "v1", "flows", id]) => {
            let known = double.inside().flows.insert((*id).to_owned(), body.clone()).is_some();
            (if known { StatusCode::OK } else { StatusCode::CREATED }, Json(body)).into_response()
        }
        _ => refused(StatusCode::NOT_FOUND, &json!("Not Found")),
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    headers.get("x-api-key").is_some_and(|key| key == KEY)
}

fn refused(status: StatusCode, detail: &Value) -> Response {
    (status, Json(json!({ "detail": detail }))).into_response()
}

fn upload(double: &DoubleState, body: &Value) -> Response {
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    if body["data"]["nodes"].as_array().is_none() || body["name"].as_str().is_none() {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &json!("Invalid flow data: 'data'"));
    }
    let mut inside = double.inside();
    if inside.flows.contains_key(&id) && body["replace"] != true {
        return refused(StatusCode::CONFLICT, &json!("already exists"));
    }
    inside.flows.insert(id.clone(), body.clone());
    (StatusCode::CREATED, Json(json!({"id": id, "name": body["name"], "run_url": "/flows/x/run"}))).into_response()
}

/// A name that exists gives a second project with a number.
fn project(double: &DoubleState, body: &Value) -> Response {
    let mut inside = double.inside();
    let mut project = body.clone();
    project["id"] = json!(format!("folder-{}", inside.projects.len()));
    if inside.projects.iter().any(|known| known["name"] == body["name"]) {
        project["name"] = json!(format!("{} (1)", body["name"].as_str().unwrap_or_default()));
    }
    inside.projects.push(project.clone());
    (StatusCode::CREATED, Json(project)).into_response()
}

fn workflow(double: &Arc<DoubleState>, body: &Value) -> Response {
    const KNOWN: [&str; 5] = ["flow_id", "input_value", "session_id", "mode", "tweaks"];
    let unknown = body.as_object().into_iter().flatten().find(|(name, _)| !KNOWN.contains(&name.as_str()));
    if let Some((name, _)) = unknown {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &json!([{"type": "extra_forbidden", "loc": ["body", name]}]));
    }
    if double.is_lfx() && body["tweaks"].as_object().is_some_and(|tweaks| !tweaks.is_empty()) {
        let detail = json!({"error": "Unsupported request fields", "code": "LFX_SERVE_UNSUPPORTED_FIELDS"});
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &detail);
    }
    let id = body["flow_id"].as_str().unwrap_or_default().to_owned();
    run(double, &id, body)
}

/// Runs a flow: fills its prompt, speaks for the model, streams as this kind of server does.
fn run(double: &Arc<DoubleState>, id: &str, body: &Value) -> Response {
    let mut inside = double.inside();
    if let Some((status, body)) = inside.failures.pop_front() {
        return (status, body).into_response();
    }
    let Some(flow) = inside.flows.get(id).cloned() else {
        let detail = match double.kind {
            Double::OldLangflow => json!(format!("Flow identifier {id} not found")),
            _ => json!({"error": "flow not found", "code": "FLOW_NOT_FOUND", "flow_id": id}),
        };
        return refused(StatusCode::NOT_FOUND, &detail);
    };
    // What is no text runs with the flow's own default, and succeeds.
    let input = body["input_value"].as_str().unwrap_or("Hello").to_owned();
    let session = body["session_id"].as_str().unwrap_or(id).to_owned();
    let messages = inside.messages.entry((id.to_owned(), session)).or_default();
    if !double.is_lfx() {
        messages.push(format!("User: {input}"));
    }
    let field = |name: &str| -> String {
        let tweak = &body["tweaks"]["Prompt-1"][name];
        let node = flow["data"]["nodes"].as_array().into_iter().flatten().find(|node| node["id"] == "Prompt-1");
        let stored = node.map_or(&Value::Null, |node| &node["data"]["node"]["template"][name]["value"]);
        tweak.as_str().or_else(|| stored.as_str()).unwrap_or_default().to_owned()
    };
    let past = if double.is_lfx() { String::new() } else { messages.join("\n") };
    let filled = field("template").replace("{mood}", &field("mood")).replace("{history}", &past);
    let before = filled.replace("{{", "{").replace("}}", "}");
    let text = scripted_answer(&input, &before);
    if !double.is_lfx() {
        messages.push(format!("AI: {text}"));
    }
    drop(inside);
    let (events, pause) = if input.contains(BREAK) {
        (failing(double.kind, &input), Duration::ZERO)
    } else {
        (speaking(double.kind, &input, &text), scripted_pause(&input))
    };
    let saying = double.open.begin();
    let kind = double.kind;
    let framed = events.into_iter().enumerate().flat_map(move |(number, event)| {
        let frame = match kind {
            Double::Lfx => format!("id: {number}\ndata: {event}\n\n"),
            Double::Langflow => format!("data: {event}\nid: {number}\n\n"),
            // It says that it sends events, and sends bare objects.
            Double::OldLangflow => format!("{event}\n\n"),
        };
        // Pieces end anywhere, also inside of a character.
        let (first, second) = frame.as_bytes().split_at(frame.len() / 2);
        [Bytes::copy_from_slice(first), Bytes::copy_from_slice(second)]
    });
    let body = futures::stream::iter(framed.collect::<Vec<_>>()).then(move |bytes| {
        let _saying = &saying;
        async move {
            tokio::time::sleep(pause / 2).await;
            Ok::<_, Infallible>(bytes)
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(body)).into_response()
}

fn message(id: &str, sender: &str, text: &str, usage: &Value) -> Value {
    json!({"event": "add_message", "data": {
        "id": id, "sender": sender, "text": text, "category": "message", "error": false,
        "properties": {"state": "complete", "usage": usage}, "content_blocks": [],
    }})
}

fn vertex(id: &str, usage: &Value, results: &Value) -> Value {
    json!({"event": "end_vertex", "data": {"build_data": {
        "id": id, "valid": true, "params": null, "data": {"results": results, "outputs": {}, "messages": [], "token_usage": usage},
    }}})
}

fn begin(kind: Double, id: &str) -> Option<Value> {
    (kind == Double::Lfx).then(|| json!({"event": "build_start", "data": {"id": id}}))
}

fn speaking(kind: Double, input: &str, text: &str) -> Vec<Value> {
    let usage = json!({"input_tokens": 11, "output_tokens": 7, "total_tokens": 18});
    let results = json!({"message": {"text": text, "sender": "Machine"}});
    let has_vertices = kind != Double::OldLangflow;
    let token = |piece: &str| json!({"event": "token", "data": {"chunk": piece, "id": "m"}});
    let mut events = Vec::new();
    if kind == Double::Langflow {
        events.push(json!({"event": "vertices_sorted", "data": {"ids": ["ChatInput-1"], "to_run": []}}));
        events.push(json!({"event": "build_start", "data": {}}));
    }
    events.extend(begin(kind, "ChatInput-1"));
    events.push(message("u", "User", input, &Value::Null));
    if has_vertices {
        events.push(vertex("ChatInput-1", &Value::Null, &json!({"message": {"text": input}})));
    }
    events.extend(begin(kind, "LM-1"));
    // The first piece is in a message and comes again as a token; empty tokens come, too.
    events.push(message("m", "Machine", text.split(' ').next().unwrap_or_default(), &Value::Null));
    events.push(token(""));
    events.extend(text.split_inclusive(' ').map(token));
    events.push(token(""));
    events.push(message("m", "Machine", text, &usage));
    if has_vertices {
        events.push(vertex("LM-1", &usage, &json!({})));
    }
    events.push(message("m", "Machine", text, &usage));
    events.push(message("m", "Machine", text, &usage));
    if has_vertices {
        events.push(vertex("ChatOutput-1", &Value::Null, &results));
    }
    if kind == Double::Langflow {
        events.push(
            json!({"event": "output", "data": {"component_id": "ChatOutput-1", "type": "message", "content": text}}),
        );
    }
    events.push(match kind {
        Double::Lfx => json!({"event": "end", "data": {}}),
        Double::Langflow => json!({"event": "end", "data": {"build_duration": 0.5}}),
        Double::OldLangflow => json!({"event": "end", "data": {"result": {"session_id": "s", "outputs": [
            {"inputs": {"input_value": input}, "outputs": [{"component_id": "ChatOutput-1", "results": results, "token_usage": null}]},
        ]}}}),
    });
    events
}

/// The status is 200 all the same, and Langflow even comes to its `end`.
fn failing(kind: Double, input: &str) -> Vec<Value> {
    let text = format!("Error code: 400 - a scripted failure, the key is {SECRET}");
    let traceback = format!("Traceback (most recent call last): File \"/langflow/model.py\" {text}");
    let mut events = vec![
        message("u", "User", input, &Value::Null),
        json!({"event": "error", "data": {
            "text": text, "category": "error", "error": false,
            "content_blocks": [{"contents": [{"type": "error", "traceback": traceback}]}],
        }}),
    ];
    match kind {
        Double::Lfx | Double::OldLangflow => {
            events.push(json!({"event": "error", "data": {"error": format!("500: {text}")}}));
        }
        Double::Langflow => {
            events.push(json!({"event": "end_vertex", "data": {"build_data": {"id": "LM-1", "valid": false, "params": text, "data": {}}}}));
            events.push(json!({"event": "end", "data": {"build_duration": 5.6}}));
        }
    }
    events
}
