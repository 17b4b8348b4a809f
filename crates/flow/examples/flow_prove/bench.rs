//! Our engine behind a bare HTTP server beside `lfx serve`: same flows, same scripted model, same load.
//!
//! Everything is on loopback and on the same cores, the load and the model too: figures compare, they do not
//! promise.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use flow::{Engine, Event, EventSink, Flow, ModelSet, NoEvents, OpenAiCompatible, RunRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// How long each row is measured, after a quarter of that to warm up.
const MEASURED: Duration = Duration::from_secs(4);
/// How many runs stream at once.
const STREAMS: usize = 1000;

/// Takes the directory of the flows (`echo.json`, `model.json`) and the program `lfx`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Value> {
    let [flows, lfx] = arguments else { bail!("say where the flows and lfx are") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(compare(Path::new(flows), lfx))
}

async fn compare(flows: &Path, lfx: &str) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    let mut started = Vec::new();
    let mut echo = [0.0_f64; 2];
    let mut added = None;
    for (name, latency) in [("echo", 0), ("model", 0), ("model", 200)] {
        let model = model_server(Duration::from_millis(latency)).await?;
        let file = flows.join(format!("{name}.json"));
        for (side, who) in ["ours", "lfx serve"].into_iter().enumerate() {
            let server =
                if side == 0 { Server::ours(&file, &model).await? } else { Server::lfx(lfx, &file, &model).await? };
            started.push(json!({"server": who, "flow": name, "start_ms": server.start.as_millis(), "memory_mib_at_start": server.memory_mib()}));
            for connections in [1, 16, 64, 256] {
                let row = load(&server, connections).await?;
                if name == "echo" && connections == 64 {
                    echo[side] = row.rate;
                }
                if side == 0 && latency == 200 && connections == 64 {
                    added = Some(row.p99.as_secs_f64() * 1000.0 - 200.0);
                }
                rows.push(json!({
                    "flow": name, "model_ms": latency, "server": who, "connections": connections,
                    "per_second": row.rate.round(), "p50_ms": ms(row.p50), "p99_ms": ms(row.p99), "failed": row.failed,
                    "memory_mib": server.memory_mib(),
                }));
            }
        }
    }
    let streams = streaming(flows).await?;
    let times = (echo[0] / echo[1].max(0.001)).round();
    let memory = streams["memory_mib"].as_f64().unwrap_or(f64::MAX);
    let holds = times >= 100.0 && added.is_some_and(|it| it < 2.0) && memory < 200.0;
    Ok(json!({"holds": holds, "figures": {
        "echo at 64 connections, times lfx serve": times,
        "p99 over the model's 200 ms at 64 connections, ms": added.map(|it| (it * 100.0).round() / 100.0),
        "1,000 runs streaming at once": streams,
        "start": started,
        "load": rows,
    }}))
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

/// Serves one flow as bare as it can be: `POST /run`.
pub(crate) fn serve(arguments: &[String]) -> anyhow::Result<Value> {
    let [file, model, port] = arguments else { bail!("say which flow, model and port") };
    let flow = flow::parse(&std::fs::read(file)?)?.single()?.flow;
    let provider = OpenAiCompatible::new(model, None)?;
    let engine = Engine::new(Arc::new(ModelSet::new(Arc::new(provider), "scripted")));
    let shared = Arc::new((engine, flow));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
        let router =
            Router::new().route("/health", get(|| async { "ok" })).route("/run", post(answer)).with_state(shared);
        axum::serve(listener, router).await?;
        Ok(Value::Null)
    })
}

async fn answer(
    State(shared): State<Arc<(Engine, Flow)>>,
    axum::Json(asked): axum::Json<Value>,
) -> (axum::http::StatusCode, axum::Json<Value>) {
    let mut request = RunRequest::new(asked["input_value"].as_str().unwrap_or_default(), "bench");
    request.stream = false;
    match shared.0.run(&shared.1, request, &NoEvents, CancellationToken::new()).await {
        Ok(output) => (axum::http::StatusCode::OK, axum::Json(json!({"result": output.text, "success": true}))),
        Err(error) => (axum::http::StatusCode::INTERNAL_SERVER_ERROR, axum::Json(json!({"error": error.to_string()}))),
    }
}

/// Answers `/v1/chat/completions` after a time: whole, or streamed in ten pieces over that time.
async fn model_server(latency: Duration) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    let handler = move |axum::Json(asked): axum::Json<Value>| async move {
        use axum::response::IntoResponse as _;
        let usage = json!({"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10});
        if asked["stream"] == true {
            let pieces = futures::stream::unfold(0, move |at| async move {
                if at > 10 {
                    return None;
                }
                tokio::time::sleep(latency / 10).await;
                let end = if at == 10 { json!("stop") } else { Value::Null };
                let chunk = json!({"model": "scripted", "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": end}]});
                let done = if at == 10 { "data: [DONE]\n\n" } else { "" };
                Some((Ok::<_, std::io::Error>(format!("data: {chunk}\n\n{done}")), at + 1))
            });
            return ([("content-type", "text/event-stream")], axum::body::Body::from_stream(pieces)).into_response();
        }
        tokio::time::sleep(latency).await;
        let message = json!({"role": "assistant", "content": "A scripted answer."});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        axum::Json(json!({"id": "1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice], "usage": usage})).into_response()
    };
    let router = Router::new().route("/v1/chat/completions", post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// A server that is measured.
struct Server {
    child: Child,
    host: String,
    request: String,
    start: Duration,
}

impl Server {
    async fn ours(file: &Path, model: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(file).arg(model).arg(port.to_string());
        Self::start(command, port, "/run".into(), "").await
    }

    async fn lfx(lfx: &str, file: &Path, model: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(lfx);
        command.arg("serve").arg(file).args(["--port", &port.to_string(), "--host", "127.0.0.1", "--workers", "1"]);
        command
            .env("LANGFLOW_API_KEY", "bench")
            .env("OPENAI_API_KEY", "sk-bench")
            .env("OPENAI_BASE_URL", model)
            .env("OPENAI_API_BASE", model)
            .env("LANGFLOW_SSRF_PROTECTION_ENABLED", "false")
            .env("LANGFLOW_LOG_LEVEL", "CRITICAL")
            .env("DO_NOT_TRACK", "true");
        let mut server = Self::start(command, port, String::new(), "x-api-key: bench\r\n").await?;
        let listed =
            ask(&server.host, "GET /flows HTTP/1.1\r\nhost: x\r\nx-api-key: bench\r\nconnection: close\r\n\r\n")
                .await?;
        let flows: Value = serde_json::from_slice(&listed.1)?;
        let id = flows[0]["id"].as_str().or_else(|| flows["flows"][0]["id"].as_str());
        let id = id.with_context(|| format!("lfx lists no flow: {flows}"))?;
        server.request = server.request.replacen("POST  ", &format!("POST /flows/{id}/run "), 1);
        Ok(server)
    }

    async fn start(mut command: Command, port: u16, path: String, headers: &str) -> anyhow::Result<Self> {
        let began = Instant::now();
        let child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("a server cannot be started")?;
        let host = format!("127.0.0.1:{port}");
        let body = r#"{"input_value": "Hello"}"#;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut server = Self { child, host, request, start: Duration::ZERO };
        let health = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        while began.elapsed() < Duration::from_mins(2) {
            if ask(&server.host, health).await.is_ok_and(|(status, _)| status == 200) {
                server.start = began.elapsed();
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("a server did not start in two minutes")
    }

    /// Returns the resident memory of the server and its children, in MiB.
    fn memory_mib(&self) -> u64 {
        let mut kib = 0;
        let mut open = vec![self.child.id()];
        while let Some(pid) = open.pop() {
            kib += memory_kib(&pid.to_string(), "VmRSS:").unwrap_or(0);
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
        }
        kib / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn memory_kib(pid: &str, which: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(which))?.trim().trim_end_matches(" kB").parse().ok()
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

struct Row {
    rate: f64,
    p50: Duration,
    p99: Duration,
    failed: u64,
}

async fn load(server: &Server, connections: usize) -> anyhow::Result<Row> {
    let warm = MEASURED / 4;
    let began = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (host, request) = (server.host.clone(), server.request.clone());
            tokio::spawn(async move {
                let mut connection = BufReader::new(TcpStream::connect(&host).await?);
                connection.get_ref().set_nodelay(true)?;
                let (mut times, mut failed) = (Vec::new(), 0_u64);
                while began.elapsed() < warm + MEASURED {
                    let sent = Instant::now();
                    connection.get_mut().write_all(request.as_bytes()).await?;
                    let (status, _) = read(&mut connection).await?;
                    if began.elapsed() >= warm {
                        times.push(sent.elapsed());
                        failed += u64::from(status != 200);
                    }
                }
                anyhow::Ok((times, failed))
            })
        })
        .collect();
    let (mut times, mut failed) = (Vec::new(), 0);
    for client in clients {
        // A connection that was dropped counts as a failure.
        match client.await? {
            Ok((more, failures)) => {
                times.extend(more);
                failed += failures;
            }
            Err(_) => failed += 1,
        }
    }
    times.sort();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let rate = times.len() as f64 / MEASURED.as_secs_f64();
    Ok(Row { rate, p50: at(50).unwrap_or_default(), p99: at(99).unwrap_or_default(), failed })
}

async fn ask(host: &str, request: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut connection = BufReader::new(TcpStream::connect(host).await?);
    connection.get_mut().write_all(request.as_bytes()).await?;
    read(&mut connection).await
}

async fn read(connection: &mut BufReader<TcpStream>) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|it| it.parse().ok()).context("no status line")?;
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line).await?;
        let text = line.trim();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok((status, body))
}

/// Counts the pieces of an answer.
struct Counted(std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl EventSink for Counted {
    async fn event(&self, event: Event) {
        if matches!(event, Event::Token(_)) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Has a process of its own run a thousand at once, and reads how much memory it took at most.
async fn streaming(flows: &Path) -> anyhow::Result<Value> {
    let model = model_server(Duration::from_secs(2)).await?;
    let file = flows.join("model.json");
    let program = std::env::current_exe()?;
    let output =
        tokio::task::spawn_blocking(move || Command::new(program).arg("streams").arg(file).arg(model).output());
    let output = output.await??;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a flow a thousand times at once, each streaming.
pub(crate) fn streams(arguments: &[String]) -> anyhow::Result<Value> {
    let [file, model] = arguments else { bail!("say which flow and model") };
    let flow = flow::parse(&std::fs::read(file)?)?.single()?.flow;
    let provider = OpenAiCompatible::new(model, None)?;
    let engine = Engine::new(Arc::new(ModelSet::new(Arc::new(provider), "scripted")));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    let counted = Counted(std::sync::atomic::AtomicUsize::new(0));
    let failed = runtime.block_on(async {
        let one = || engine.run(&flow, RunRequest::new("Hello", "s"), &counted, CancellationToken::new());
        let outcomes = futures::future::join_all((0..STREAMS).map(|_| one())).await;
        outcomes.iter().filter(|it| it.is_err()).count()
    });
    Ok(json!({
        "runs": STREAMS, "failed": failed, "pieces": counted.0.into_inner(),
        "seconds": (began.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        "memory_mib": memory_kib("self", "VmHWM:").unwrap_or(0) / 1024,
    }))
}
