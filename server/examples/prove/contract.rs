//! The runtime contract on the real things: our engine, `lfx serve`, and Langflow over both of its APIs.
//!
//! The suite is `testkit::runtime_contract`. The servers are child processes on free ports of loopback; the model
//! is ours. In a container Langflow takes loopback for the host's, so the model listens under the machine's name.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use server::adapters::langflow::LangflowRuntime;
use server::adapters::runtime::EmbeddedRuntime;
use server::config::{LangflowKind, LangflowSection, ModelSection, WebSection};
use services::ports::{AgentRuntime, RuntimeChoice};
use testkit::ScriptedModel;
use testkit::runtime_contract::{CASES, OpenAnswers, Subject};
use uuid::Uuid;

/// The key of the `lfx serve` that we start.
const LFX_KEY: &str = "sk-lfx-of-the-contract";

/// Tries every case on every runtime.
pub(crate) async fn run(lfx: &Path, langflow: &Path, flow: &Path) -> anyhow::Result<Value> {
    let made = Command::new(lfx.join("bin/python")).arg(flow).output()?;
    ensure!(made.status.success(), "the flow was not made: {}", String::from_utf8_lossy(&made.stderr));
    let export = made.stdout;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "localhost" } else { name.trim() };
    let model = ScriptedModel::start(name).await.with_context(|| format!("listening under the name {name}"))?;
    let base_url = format!("http://{name}:{}/v1", model.address.port());
    let data = std::env::temp_dir().join(format!("cmp-contract-{}", std::process::id()));
    std::fs::create_dir_all(data.join("flows"))?;

    let mut columns: Vec<(&str, Vec<String>)> = Vec::new();
    let mut started = Map::new();
    let settings =
        ModelSection { base_url: base_url.clone(), name: "gpt-4o-mini".to_owned(), ..ModelSection::default() };
    columns
        .push(("engine", tried(EmbeddedRuntime::new(&settings, &WebSection::default())?, &export, &model.open).await?));
    {
        let server = Server::start(&data, "lfx", "/health", |port| {
            let mut command = Command::new(lfx.join("bin/lfx"));
            command
                .args(["serve", "--port", port, "--flow-dir"])
                .arg(data.join("flows"))
                .env("LANGFLOW_API_KEY", LFX_KEY);
            with_model(command, &base_url)
        })
        .await?;
        started.insert("lfx serve, seconds until it answers".to_owned(), json!(server.started));
        columns.push(("lfx serve", tried(remote(&server.url, LFX_KEY)?, &export, &model.open).await?));
    }
    {
        let server = Server::start(&data, "langflow", "/health_check", |port| {
            let mut command = Command::new(langflow.join("bin/python"));
            command.args([
                "-m",
                "langflow",
                "run",
                "--backend-only",
                "--no-open-browser",
                "--workers",
                "1",
                "--host",
                "127.0.0.1",
                "--port",
                port,
            ]);
            command.env("LANGFLOW_CONFIG_DIR", &data).env("LANGFLOW_AUTO_LOGIN", "true");
            command.env("LANGFLOW_DATABASE_URL", format!("sqlite:///{}", data.join("langflow.db").display()));
            with_model(command, &base_url)
        })
        .await?;
        started.insert("Langflow, seconds until it answers".to_owned(), json!(server.started));
        let key = key_of(&server.url).await?;
        columns.push(("Langflow", tried(remote(&server.url, &key)?, &export, &model.open).await?));
        let older = without_workflows(&server.url).await?;
        columns.push(("Langflow, older API", tried(remote(&older, &key)?, &export, &model.open).await?));
    }
    let _ = std::fs::remove_dir_all(&data);

    let rows: Vec<Value> = CASES
        .iter()
        .enumerate()
        .map(|(at, case)| {
            let mut row = json!({"case": case.name});
            for (column, cells) in &columns {
                row[*column] = json!(cells[at]);
            }
            row
        })
        .collect();
    let holds = columns.iter().all(|(_, cells)| cells.iter().all(|cell| cell.starts_with("yes")));
    Ok(json!({"name": "runtime-contract", "holds": holds, "figures": {"rows": rows, "started": started}}))
}

fn with_model(mut command: Command, base_url: &str) -> Command {
    command
        .env("OPENAI_API_KEY", "sk-model-of-the-contract")
        .env("OPENAI_BASE_URL", base_url)
        // It takes a model on the own machine for an attack.
        .env("LANGFLOW_SSRF_PROTECTION_ENABLED", "false")
        .env("DO_NOT_TRACK", "true");
    command
}

fn remote(url: &str, key: &str) -> anyhow::Result<LangflowRuntime> {
    let api_key = Some(key.to_owned().into());
    LangflowRuntime::new(&LangflowSection { url: url.to_owned(), api_key, kind: LangflowKind::Probe })
}

/// Tries every case and returns what the table shows of each.
///
/// What does not hold is tried once more, and the table says so. In one proof of five the model of an `lfx serve`
/// spoke on after the connection was closed; it cancels a run once, and whatever swallows that goes on.
async fn tried(runtime: impl AgentRuntime + 'static, export: &[u8], open: &OpenAnswers) -> anyhow::Result<Vec<String>> {
    let runtime: Arc<dyn AgentRuntime> = Arc::new(runtime);
    let imported = runtime.import(export, RuntimeChoice::Remote).await?;
    let version = Uuid::from_u128(0xc0_47_ac_70);
    let subject = Subject { runtime, flow: Arc::new(imported.flow), open: open.clone(), version };
    let mut cells = Vec::new();
    for case in CASES {
        let began = Instant::now();
        let short = |why: String| why.chars().take(400).collect::<String>();
        cells.push(match (case.try_on)(&subject).await {
            Ok(()) => format!("yes, {:.1} s", began.elapsed().as_secs_f64()),
            Err(why) => match (case.try_on)(&subject).await {
                Ok(()) => format!("yes on the second try; at first {}", short(why)),
                Err(why) => format!("NO: {}", short(why)),
            },
        });
    }
    Ok(cells)
}

/// A server as a child process; it is killed with this.
struct Server {
    url: String,
    /// Seconds until it answered.
    started: u64,
    child: Child,
}

impl Server {
    async fn start(
        data: &Path,
        name: &str,
        health: &str,
        command: impl FnOnce(&str) -> Command,
    ) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let path: PathBuf = data.join(format!("{name}.log"));
        let log = std::fs::File::create(&path)?;
        let mut command = command(&port.to_string());
        command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null());
        // A server makes processes of its own; they end with its group.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let mut server = Self { url: format!("http://127.0.0.1:{port}"), started: 0, child };
        let client = client()?;
        while began.elapsed() < Duration::from_mins(5) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status}; see {}", path.display());
            }
            let answer = client.get(format!("{}{health}", server.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                server.started = began.elapsed().as_secs();
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("{name} did not answer within five minutes; see {}", path.display());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(Duration::from_mins(2)).build()?)
}

/// Signs in as Langflow's own user, and makes a key.
async fn key_of(url: &str) -> anyhow::Result<String> {
    let client = client()?;
    let login: Value = client.get(format!("{url}/api/v1/auto_login")).send().await?.json().await?;
    let token = login["access_token"].as_str().context("Langflow gives no token")?;
    let request = client.post(format!("{url}/api/v1/api_key/")).bearer_auth(token).json(&json!({"name": "contract"}));
    let made: Value = request.send().await?.json().await?;
    Ok(made["api_key"].as_str().context("Langflow gives no key")?.to_owned())
}

/// Stands in front of a Langflow and hides its newer API; it lasts as long as the program.
async fn without_workflows(url: &str) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = axum::Router::new().fallback(forward).with_state((client()?, url.to_owned()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

async fn forward(State((client, url)): State<(reqwest::Client, String)>, request: Request) -> Response {
    if request.uri().path().starts_with("/api/v2/") {
        return (StatusCode::NOT_FOUND, axum::Json(json!({"detail": "Not Found"}))).into_response();
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 * 1024 * 1024).await.unwrap_or_default();
    let mut headers = parts.headers;
    headers.remove("host");
    let target = format!("{url}{}", parts.uri);
    match client.request(parts.method, target).headers(headers).body(body).send().await {
        Ok(answer) => {
            let (status, mut headers) = (answer.status(), answer.headers().clone());
            headers.remove("transfer-encoding");
            (status, headers, axum::body::Body::from_stream(answer.bytes_stream())).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
