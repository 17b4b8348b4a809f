//! Our engine behind a bare HTTP server beside `lfx serve`: same flows, same scripted model, same load.
//!
//! Neither stores anything. Everything is on one machine and on the same cores, the load and the model too:
//! figures compare, they do not promise. In a container lfx takes loopback for the host's, so the model listens
//! under the machine's name.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use flow::{Engine, Event, EventSink, Flow, ModelSet, NoEvents, OpenAiCompatible, RunRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// How long each row is measured, after a quarter of that to warm up.
const MEASURED: Duration = Duration::from_secs(6);
/// A request that is not answered by then has failed, and its connection ends.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the time that the engine adds to the model's is measured; the least counts, because whatever else runs
/// on the machine only adds to it.
const TRIES: usize = 5;
/// How many runs stream at once.
const STREAMS: usize = 1000;
/// How many connections ask at once.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// Takes the directory of the flows (`echo.json`, `model.json`) and the program `lfx`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Value> {
    let [flows, lfx] = arguments else { bail!("say where the flows and lfx are") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(compare(Path::new(flows), lfx))
}

async fn compare(flows: &Path, lfx: &str) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    let mut started = Vec::new();
    let mut times = Vec::new();
    for (flow, latency) in [("echo", None), ("model", Some(0)), ("model", Some(200))] {
        let model = Model::start(Duration::from_millis(latency.unwrap_or(0))).await?;
        let file = flows.join(format!("{flow}.json"));
        if let Some(latency) = latency {
            // What the model takes when it is asked directly, by the same load.
            for connections in CONNECTIONS {
                let row = load(&Target::model(&model), connections, model.latency).await?;
                rows.push(row.json(flow, Some(latency), "the model itself", connections));
            }
        }
        let mut of_ours = Vec::new();
        for who in ["engine", "lfx serve"] {
            let server = if who == "engine" {
                Server::engine(&file, &model.url).await?
            } else {
                Server::lfx(lfx, &file, &model.url).await?
            };
            started.push(json!({
                "server": who, "flow": flow, "start_ms": u64::try_from(server.start.as_millis())?,
                "memory_mib": server.memory_mib(),
            }));
            for (place, connections) in CONNECTIONS.into_iter().enumerate() {
                let before = server.processor();
                let mut row = load(&server.target, connections, model.latency).await?;
                row.processor = Some(server.processor().saturating_sub(before));
                row.memory_mib = Some(server.memory_mib());
                rows.push(row.json(flow, latency, who, connections));
                if who == "engine" {
                    of_ours.push(row);
                    continue;
                }
                times.push((flow, latency, connections, of_ours[place].rate / row.rate.max(0.001)));
            }
        }
    }
    let streams = streaming(flows).await?;
    let least = times.iter().filter(|it| it.0 == "echo").map(|it| it.3).fold(f64::MAX, f64::min);
    let added = added(flows).await?;
    let slowest = added.iter().copied().fold(f64::MAX, f64::min);
    let memory = streams["memory_mib"].as_f64().unwrap_or(f64::MAX);
    let wanted = least >= 100.0 && slowest < 2.0 && memory < 200.0 && streams["failed"] == 0;
    Ok(json!({"holds": wanted, "figures": {
        "Chat Input, Prompt, Chat Output: times lfx serve, at the least": least.round(),
        "p99 over the model's own, 200 ms, 64 connections, ms": round(slowest),
        "the same, each time that it was measured": added.iter().copied().map(round).collect::<Vec<_>>(),
        "1,000 runs streaming at once": streams,
        "what limits it": "the engine: parsing and writing JSON and HTTP on the cores that load and model use, too; \
                           with a model the connections to it. lfx serve: one Python process, which builds the graph anew \
                           for each request and runs its components under one lock",
        "times lfx serve": times.iter().map(|(flow, latency, connections, times)| json!({
            "flow": flow, "model_ms": latency, "connections": connections, "times": times.round(),
        })).collect::<Vec<_>>(),
        "start": started,
        "load": rows,
    }}))
}

/// Measures what the engine adds to a model that takes 200 ms, in milliseconds of p99 at 64 connections: the model
/// and the engine in turn, so that both have the same neighbours.
async fn added(flows: &Path) -> anyhow::Result<Vec<f64>> {
    let model = Model::start(Duration::from_millis(200)).await?;
    let server = Server::engine(&flows.join("model.json"), &model.url).await?;
    let mut added = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let own = load(&Target::model(&model), 64, model.latency).await?;
        let ours = load(&server.target, 64, model.latency).await?;
        ensure!(own.failed + ours.failed == 0, "some requests failed");
        added.push((ours.p99.as_secs_f64() - own.p99.as_secs_f64()) * 1000.0);
    }
    Ok(added)
}

/// Measures that alone.
pub(crate) fn alone(arguments: &[String]) -> anyhow::Result<Value> {
    let [flows] = arguments else { bail!("say where the flows are") };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(json!(runtime.block_on(added(Path::new(flows)))?))
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn ms(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
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

/// A scripted model: answers after a time, whole, or streamed in ten pieces over that time. It ends with this.
struct Model {
    url: String,
    host: String,
    latency: Duration,
    task: tokio::task::JoinHandle<()>,
}

impl Model {
    async fn start(latency: Duration) -> anyhow::Result<Self> {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
        let listener =
            tokio::net::TcpListener::bind((name, 0)).await.with_context(|| format!("listening on {name}"))?;
        let host = format!("{name}:{}", listener.local_addr()?.port());
        let router = Router::new().route("/v1/chat/completions", post(move |asked| complete(latency, asked)));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url: format!("http://{host}/v1"), host, latency, task })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn complete(latency: Duration, axum::Json(asked): axum::Json<Value>) -> axum::response::Response {
    use axum::response::IntoResponse as _;

    if asked["stream"] == true {
        let pieces = futures::stream::unfold(0, move |at| async move {
            if at > 10 {
                return None;
            }
            tokio::time::sleep(latency / 10).await;
            let end = if at == 10 { json!("stop") } else { Value::Null };
            let choice = json!({"index": 0, "delta": {"content": "word "}, "finish_reason": end});
            let chunk = json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]});
            let done = if at == 10 { "data: [DONE]\n\n" } else { "" };
            Some((Ok::<_, std::io::Error>(format!("data: {chunk}\n\n{done}")), at + 1))
        });
        return ([("content-type", "text/event-stream")], axum::body::Body::from_stream(pieces)).into_response();
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let message = json!({"role": "assistant", "content": "A scripted answer."});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10});
    axum::Json(json!({"id": "1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice], "usage": usage}))
        .into_response()
}

/// Where a load goes.
#[derive(Clone)]
struct Target {
    host: String,
    request: Arc<str>,
}

impl Target {
    fn new(host: &str, path: &str, headers: &str, body: &str) -> Self {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { host: host.to_owned(), request: request.into() }
    }

    fn model(model: &Model) -> Self {
        let body = r#"{"model": "scripted", "messages": [{"role": "user", "content": "Hello"}]}"#;
        Self::new(&model.host, "/v1/chat/completions", "", body)
    }
}

/// A server that is measured.
struct Server {
    child: Child,
    target: Target,
    start: Duration,
}

const BODY: &str = r#"{"input_value": "Hello"}"#;

impl Server {
    async fn engine(file: &Path, model: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(file).arg(model).arg(port.to_string());
        let target = Target::new(&format!("127.0.0.1:{port}"), "/run", "", BODY);
        Self::start(command, target).await
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
            // It takes a model on the own machine for an attack.
            .env("LANGFLOW_SSRF_PROTECTION_ENABLED", "false")
            .env("LANGFLOW_LOG_LEVEL", "CRITICAL")
            .env("DO_NOT_TRACK", "true");
        let host = format!("127.0.0.1:{port}");
        let mut server = Self::start(command, Target::new(&host, "/", "", BODY)).await?;
        let listed =
            ask(&host, "GET /flows HTTP/1.1\r\nhost: x\r\nx-api-key: bench\r\nconnection: close\r\n\r\n").await?;
        let flows: Value = serde_json::from_slice(&listed.1)?;
        let id = flows[0]["id"].as_str().or_else(|| flows["flows"][0]["id"].as_str());
        let id = id.with_context(|| format!("lfx lists no flow: {flows}"))?;
        server.target = Target::new(&host, &format!("/flows/{id}/run"), "x-api-key: bench\r\n", BODY);
        let (status, body) = ask(&host, &server.target.request).await?;
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        ensure!(status == 200 && said["success"] == true, "lfx answers {status}: {}", String::from_utf8_lossy(&body));
        Ok(server)
    }

    async fn start(mut command: Command, target: Target) -> anyhow::Result<Self> {
        // lfx makes processes of its own; they end with its group.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let began = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("a server cannot be started")?;
        let mut server = Self { child, target, start: Duration::ZERO };
        let health = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        while began.elapsed() < Duration::from_mins(2) {
            if ask(&server.target.host, health).await.is_ok_and(|(status, _)| status == 200) {
                server.start = began.elapsed();
                return Ok(server);
            }
            ensure!(server.child.try_wait()?.is_none(), "a server ended before it answered");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("a server did not start in two minutes")
    }

    /// Returns the server's processes.
    fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(pid) = all.get(at) {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
            at += 1;
        }
        all
    }

    /// Returns their resident memory, in MiB.
    fn memory_mib(&self) -> u64 {
        let resident = |pid: &u32| memory_kib(&pid.to_string(), "VmRSS:");
        self.processes().iter().filter_map(resident).sum::<u64>() / 1024
    }

    /// Returns the processor time that they have used.
    fn processor(&self) -> Duration {
        let ticks = |pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        };
        // USER_HZ is 100 on Linux.
        Duration::from_millis(self.processes().iter().filter_map(ticks).sum::<u64>() * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
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

#[derive(Default)]
struct Row {
    rate: f64,
    p50: Duration,
    p99: Duration,
    failed: u64,
    answered: usize,
    processor: Option<Duration>,
    memory_mib: Option<u64>,
}

impl Row {
    fn json(&self, flow: &str, latency: Option<u64>, server: &str, connections: usize) -> Value {
        let each =
            self.processor.filter(|_| self.answered > 0).map(|time| time.as_secs_f64() * 1e6 / count(self.answered));
        json!({
            "flow": flow, "model_ms": latency, "server": server, "connections": connections,
            "per_second": if self.rate < 100.0 { round(self.rate) } else { self.rate.round() },
            "p50_ms": ms(self.p50), "p99_ms": ms(self.p99), "failed": self.failed, "memory_mib": self.memory_mib,
            "processor_us_each": each.map(f64::round),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Asks over and over on so many connections, which begin one after the other while a model takes its time: callers
/// do not all come in the same millisecond, as they would again and again if they had begun together.
///
/// A connection on which an answer fails to come ends, and counts as failed.
async fn load(target: &Target, connections: usize, spread: Duration) -> anyhow::Result<Row> {
    let warm = MEASURED / 4;
    let began = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|place| {
            let target = target.clone();
            let begins = spread.mul_f64(count(place) / count(connections));
            tokio::spawn(async move {
                tokio::time::sleep(begins).await;
                let mut times = Vec::new();
                let (mut failed, mut answered) = (0_u64, 0_usize);
                let asking = async {
                    let mut connection = BufReader::new(TcpStream::connect(&target.host).await?);
                    connection.get_ref().set_nodelay(true)?;
                    while began.elapsed() < warm + MEASURED {
                        let sent = Instant::now();
                        connection.get_mut().write_all(target.request.as_bytes()).await?;
                        let (status, _) = tokio::time::timeout(PATIENCE, read(&mut connection)).await??;
                        answered += 1;
                        // What ends after the time was under way in it.
                        if began.elapsed() >= warm {
                            times.push((sent.elapsed(), began.elapsed()));
                            failed += u64::from(status != 200);
                        }
                    }
                    anyhow::Ok(())
                };
                let broke = asking.await.is_err();
                (times, failed + u64::from(broke), answered)
            })
        })
        .collect();
    let mut row = Row::default();
    let mut times = Vec::new();
    let mut last = warm + MEASURED;
    for client in clients {
        let (of_one, failed, answered) = client.await?;
        last = of_one.last().map_or(last, |(_, at)| last.max(*at));
        times.extend(of_one.into_iter().map(|(took, _)| took));
        row.failed += failed;
        row.answered += answered;
    }
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
    row.rate = count(times.len()) / last.saturating_sub(warm).as_secs_f64();
    (row.p50, row.p99) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
    Ok(row)
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
    let model = Model::start(Duration::from_secs(2)).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("streams").arg(flows.join("model.json")).arg(&model.url);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
