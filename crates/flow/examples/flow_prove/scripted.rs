//! A model and a web that answer the same every time, so that flows can be run from input to output anywhere.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use flow::{
    ModelAnswer, ModelError, ModelProvider, ModelRequest, TokenSink, ToolCall, Usage, Web, WebError, WebRequest,
    WebResponse,
};
use serde_json::{Map, Value, json};

/// Calls the first tool that it is offered, once, and then answers with what it was asked.
#[derive(Debug, Default)]
pub(crate) struct ScriptedModel {
    pub(crate) asked: AtomicUsize,
    pub(crate) called: AtomicUsize,
}

#[async_trait]
impl ModelProvider for ScriptedModel {
    async fn complete(&self, request: &ModelRequest, tokens: &dyn TokenSink) -> Result<ModelAnswer, ModelError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let usage = Usage { input_tokens: 3, output_tokens: 2, estimated: false };
        let has_results = request.messages.iter().any(|message| message.answers.is_some());
        let offered = match &request.must_call {
            Some(name) => request.tools.iter().find(|tool| tool.name == *name),
            None if has_results => None,
            None => request.tools.first(),
        };
        if let Some(tool) = offered {
            self.called.fetch_add(1, Ordering::Relaxed);
            let arguments = made_of(&tool.parameters);
            let call = ToolCall { id: "call_1".into(), name: tool.name.clone(), arguments };
            return Ok(ModelAnswer { tool_calls: vec![call], usage, model: "scripted".into(), ..Default::default() });
        }
        let said = request.messages.last().map(|it| it.text.chars().take(200).collect::<String>()).unwrap_or_default();
        let text = match request.system.split_once("\nSchema:\n") {
            Some((_, schema)) => made_of(&serde_json::from_str(schema).unwrap_or_default()).to_string(),
            None => format!("Scripted answer to: {said}"),
        };
        if request.stream {
            for piece in text.split_inclusive(' ') {
                tokens.token(piece).await?;
            }
        }
        Ok(ModelAnswer { text, usage, model: "scripted".into(), ..Default::default() })
    }
}

/// Makes a value that fits a JSON schema.
fn made_of(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            Value::Object(properties.map(|(name, it)| (name.clone(), named(name, it))).collect::<Map<_, _>>())
        }
        Some("array") => json!([made_of(&schema["items"])]),
        Some("integer") => json!(3),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        _ => json!("flows"),
    }
}

fn named(name: &str, schema: &Value) -> Value {
    match name {
        "expression" => json!("6*7"),
        "timezone" => json!("UTC"),
        "query" if schema["description"] == "" => json!("SELECT 1"),
        "urls" => json!(["https://example.com/page"]),
        "url" | "url_input" => json!("https://example.com/page"),
        "file_format" => json!("txt"),
        _ => made_of(schema),
    }
}

/// Answers as the services do that components know, and with one page everywhere else.
#[derive(Debug, Default)]
pub(crate) struct ScriptedWeb;

#[async_trait]
impl Web for ScriptedWeb {
    async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        let host = request.url.split('/').nth(2).unwrap_or_default();
        let (kind, body) = match host {
            "html.duckduckgo.com" => (
                "text/html",
                r#"<div class="result"><a class="result__a" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2Fpage">A page</a><a class="result__snippet">About flows</a></div>"#,
            ),
            "export.arxiv.org" => (
                "application/atom+xml",
                "<feed><entry><id>1</id><title>A paper</title><summary>On flows.</summary></entry><entry><id>2</id><title>Another</title><summary>On loops.</summary></entry></feed>",
            ),
            "news.google.com" => {
                ("application/rss+xml", "<rss><item><title>News</title><link>https://example.com</link></item></rss>")
            }
            "api.tavily.com" => (
                "application/json",
                r#"{"answer": "Flows flow.", "results": [{"title": "A page", "url": "https://example.com/page", "content": "About flows", "score": 0.5}]}"#,
            ),
            "www.searchapi.io" => (
                "application/json",
                r#"{"organic_results": [{"title": "A page", "link": "https://example.com/page", "snippet": "About flows"}]}"#,
            ),
            _ => (
                "text/html",
                "<html lang='en'><head><title>A page</title></head><body><p>All about flows.</p><a href='/more'>more</a></body></html>",
            ),
        };
        Ok(WebResponse {
            status: 200,
            url: request.url,
            headers: vec![("content-type".into(), kind.into())],
            body: body.into(),
        })
    }
}

/// A database with one table.
#[derive(Debug, Default)]
pub(crate) struct ScriptedDatabase;

#[async_trait]
impl flow::Databases for ScriptedDatabase {
    async fn query(&self, _: &str, query: &str) -> Result<Vec<Map<String, Value>>, flow::SqlError> {
        Ok(vec![Map::from_iter([("asked".to_owned(), json!(query)), ("price".to_owned(), json!(12))])])
    }
}
