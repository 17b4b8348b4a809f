//! Exports made of parts, and a model that says what a test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flow::{
    Engine, Event, Flow, ModelAnswer, ModelError, ModelProvider, ModelRequest, ModelSet, RunError, RunOutput,
    RunRequest, TokenSink, ToolCall, Usage,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A component of an export, with the values of its fields.
pub(crate) fn node(id: &str, component: &str, fields: Value) -> Value {
    let mut template = json!({"_type": "Component"});
    for (name, value) in fields.as_object().into_iter().flatten() {
        // A field may be written as a whole.
        let is_whole = value.get("type").is_some() && value.get("value").is_some();
        template[name] = if is_whole { value.clone() } else { json!({"type": "str", "value": value, "show": true}) };
    }
    json!({
        "id": id, "type": "genericNode", "position": {"x": 0, "y": 0},
        "data": {"id": id, "type": component, "node": {"display_name": id, "template": template, "outputs": []}},
    })
}

/// The same as a tool for agents.
pub(crate) fn tool(id: &str, component: &str, fields: Value, tools: Value) -> Value {
    let mut node = node(id, component, fields);
    node["data"]["node"]["tool_mode"] = json!(true);
    node["data"]["node"]["template"]["tools_metadata"] = json!({"type": "tools", "value": tools, "show": true});
    node
}

/// A connection, `from.output` to `to.field`.
pub(crate) fn edge(from: &str, to: &str) -> Value {
    let (source, output) = from.split_once('.').unwrap();
    let (target, field) = to.split_once('.').unwrap();
    json!({
        "source": source, "target": target,
        "data": {"sourceHandle": {"id": source, "name": output}, "targetHandle": {"id": target, "fieldName": field}},
    })
}

/// The connection that closes a loop.
pub(crate) fn back(from: &str, to: &str) -> Value {
    let mut edge = edge(from, &format!("{to}.x"));
    edge["data"]["targetHandle"] = json!({"id": to, "name": "item", "output_types": ["Data"]});
    edge
}

pub(crate) fn export(nodes: Vec<Value>, edges: Vec<Value>) -> Value {
    json!({"name": "test", "data": {"nodes": nodes, "edges": edges}})
}

pub(crate) fn flow(nodes: Vec<Value>, edges: Vec<Value>) -> Flow {
    let export = export(nodes, edges).to_string();
    flow::parse(export.as_bytes()).unwrap().single().unwrap().flow
}

/// What the model answers, in turn; what it was asked is kept.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<ModelAnswer>>,
    pub(crate) asked: Mutex<Vec<ModelRequest>>,
}

impl Script {
    pub(crate) fn new(answers: Vec<ModelAnswer>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), asked: Mutex::default() })
    }
}

pub(crate) fn says(text: &str) -> ModelAnswer {
    let usage = Usage { input_tokens: 1, output_tokens: 1, estimated: false };
    ModelAnswer { text: text.into(), usage, ..ModelAnswer::default() }
}

pub(crate) fn calls(calls: &[(&str, Value)]) -> ModelAnswer {
    let call = |(index, (name, arguments)): (usize, &(&str, Value))| ToolCall {
        id: format!("call_{index}"),
        name: (*name).to_owned(),
        arguments: arguments.clone(),
    };
    ModelAnswer { tool_calls: calls.iter().enumerate().map(call).collect(), ..says("") }
}

#[async_trait]
impl ModelProvider for Script {
    async fn complete(&self, request: &ModelRequest, tokens: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        self.asked.lock().unwrap().push(request.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        // Where nothing is written down, it repeats what it was asked.
        let answer =
            answer.unwrap_or_else(|| says(&format!("<{}>", request.messages.last().map_or("", |it| &it.text))));
        if request.stream {
            tokens.token(&answer.text).await?;
        }
        Ok(answer)
    }
}

pub(crate) fn engine(script: &Arc<Script>) -> Engine {
    Engine::new(Arc::new(ModelSet::new(script.clone(), "scripted")))
}

/// Runs a flow and gathers its events.
pub(crate) async fn run(engine: &Engine, flow: &Flow, input: &str) -> (Result<RunOutput, RunError>, Vec<Event>) {
    run_with(engine, flow, RunRequest::new(input, "s")).await
}

pub(crate) async fn run_with(
    engine: &Engine,
    flow: &Flow,
    request: RunRequest,
) -> (Result<RunOutput, RunError>, Vec<Event>) {
    let (events, mut came) = tokio::sync::mpsc::channel(10_000);
    let output = engine.run(flow, request, &events, CancellationToken::new()).await;
    drop(events);
    let mut all = Vec::new();
    while let Some(event) = came.recv().await {
        all.push(event);
    }
    (output, all)
}
