//! Runs one flow that is given as JSON on standard input, against a model server and a web on loopback.

use std::sync::Arc;

use flow::{Engine, GuardedWeb, ModelSet, NoEvents, OpenAiCompatible, RunRequest, TurnsMemory, WebPolicy};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Reads `{"flow", "input", "model"}` and returns `{"text"}` or `{"error"}`.
pub(crate) fn run() -> anyhow::Result<Value> {
    let asked: Value = serde_json::from_reader(std::io::stdin())?;
    let export = asked["flow"].to_string();
    let flow = flow::parse(export.as_bytes())?.single()?.flow;
    let model = OpenAiCompatible::new(asked["model"].as_str().unwrap_or_default(), None)?;
    let policy = WebPolicy { private: vec!["127.0.0.1".into()], ..WebPolicy::default() };
    let engine = Engine::new(Arc::new(ModelSet::new(Arc::new(model), "gpt-4o-mini").keeping_flow_models()))
        .with_web(Arc::new(GuardedWeb::new(policy)?));
    let mut request = RunRequest::new(asked["input"].as_str().unwrap_or_default(), "parity");
    request.memory = Arc::new(TurnsMemory::default());
    request.stream = false;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(engine.run(&flow, request, &NoEvents, CancellationToken::new()));
    Ok(match outcome {
        Ok(output) => json!({ "text": output.text }),
        Err(error) => {
            use std::error::Error as _;
            json!({"error": error.source().map_or_else(|| error.to_string(), |it| format!("{error}: {it}"))})
        }
    })
}
