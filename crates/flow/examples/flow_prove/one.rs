//! Runs one flow that is given as JSON on standard input, against a model server and a web on loopback.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flow::{
    Databases, EmbedError, Embedded, Embedder, Engine, GuardedWeb, ModelSet, NoEvents, OpenAiCompatible, RunRequest,
    SqlError, Turn, TurnsMemory, Web, WebError, WebPolicy, WebRequest, WebResponse,
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

/// How long the server here may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads `{"flow", "input", "server", "files"?, "rows"?, "before"?}`, the last what was said in turns, the person first, and returns `{"text", "files"}` or `{"error"}`.
pub(crate) fn run() -> anyhow::Result<Value> {
    let asked: Value = serde_json::from_reader(std::io::stdin())?;
    let export = asked["flow"].to_string();
    let flow = flow::parse(export.as_bytes())?.single()?.flow;
    let server = asked["server"].as_str().unwrap_or_default().to_owned();
    let model = OpenAiCompatible::new(&format!("{server}/v1"), None)?;
    let policy = WebPolicy { private: vec!["127.0.0.1".into()], ..WebPolicy::default() };
    let web = Here { web: GuardedWeb::new(policy)?, server: server.clone() };
    let rows: Vec<Map<String, Value>> = serde_json::from_value(asked["rows"].clone()).unwrap_or_default();
    let engine = Engine::new(Arc::new(ModelSet::new(Arc::new(model), "gpt-4o-mini").keeping_flow_models()))
        .with_web(Arc::new(web))
        .with_databases(Arc::new(Rows(rows)))
        .with_embedder(Arc::new(Vectors { client: reqwest::Client::builder().timeout(PATIENCE).build()?, server }));
    let mut request = RunRequest::new(asked["input"].as_str().unwrap_or_default(), "parity");
    let before: Vec<String> = serde_json::from_value(asked["before"].clone()).unwrap_or_default();
    let turn = |(at, text): (usize, String)| if at % 2 == 0 { Turn::user(text) } else { Turn::agent(text) };
    request.memory = Arc::new(TurnsMemory::new(before.into_iter().enumerate().map(turn).collect()));
    request.stream = false;
    for (name, content) in asked["files"].as_object().into_iter().flatten() {
        request.files.insert(name.clone(), Arc::from(content.as_str().unwrap_or_default().as_bytes()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(engine.run(&flow, request, &NoEvents, CancellationToken::new()));
    Ok(match outcome {
        Ok(output) => {
            let files: Map<String, Value> =
                output.files.into_iter().map(|file| (file.name, json!(file.content))).collect();
            json!({"text": output.text, "files": files})
        }
        Err(error) => json!({"error": error.with_cause()}),
    })
}

/// The web, with the services of the world on the server here.
#[derive(Debug)]
struct Here {
    web: GuardedWeb,
    server: String,
}

#[async_trait]
impl Web for Here {
    async fn fetch(&self, mut request: WebRequest) -> Result<WebResponse, WebError> {
        if let Some(rest) = request.url.strip_prefix("https://export.arxiv.org") {
            request.url = format!("{}/arxiv{rest}", self.server);
        }
        self.web.fetch(request).await
    }
}

/// A database that has one table, whatever is asked.
#[derive(Debug)]
struct Rows(Vec<Map<String, Value>>);

#[async_trait]
impl Databases for Rows {
    async fn query(&self, _: &str, _: &str) -> Result<Vec<Map<String, Value>>, SqlError> {
        Ok(self.0.clone())
    }
}

/// The vectors of the server here.
#[derive(Debug)]
struct Vectors {
    client: reqwest::Client,
    server: String,
}

#[async_trait]
impl Embedder for Vectors {
    async fn embed(&self, texts: &[&str]) -> Result<Embedded, EmbedError> {
        let failed = |error: reqwest::Error| EmbedError(error.to_string());
        let asked = self.client.post(format!("{}/api/embed", self.server)).json(&json!({"input": texts}));
        let answer: Value = asked.send().await.map_err(failed)?.json().await.map_err(failed)?;
        let vectors = serde_json::from_value(answer["embeddings"].clone());
        Ok(Embedded { vectors: vectors.map_err(|error| EmbedError(error.to_string()))?, tokens: 0 })
    }
}
