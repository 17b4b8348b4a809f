//! What each provider is sent and what is made of its answers: bodies as their documentation shows them,
//! served by a small server here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flow::{
    Anthropic, Gemini, ModelAnswer, ModelError, ModelMessage, ModelProvider, ModelRequest, NoTokens, Ollama,
    OpenAiCompatible, Role, TokenSink, ToolCall, ToolSchema,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A server that gives the answers it was told, one a request, and keeps the requests.
struct Server {
    url: String,
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    async fn start(answers: Vec<(u16, &str, String)>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<(u16, String, String)> =
            answers.into_iter().map(|(status, kind, body)| (status, kind.to_owned(), body)).collect();
        let into = heard.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut chunk = [0; 4096];
                let (head, body) = loop {
                    let length = stream.read(&mut chunk).await.unwrap();
                    request.extend_from_slice(&chunk[..length]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let wanted = head.lines().find_map(|line| {
                            line.to_lowercase()
                                .strip_prefix("content-length:")
                                .map(|it| it.trim().parse::<usize>().unwrap())
                        });
                        if body.len() >= wanted.unwrap_or(0) {
                            break (head.to_owned(), body.to_owned());
                        }
                    }
                };
                into.lock().unwrap().push((head, serde_json::from_str(&body).unwrap_or_default()));
                let (status, kind, body) = answers.pop_front().unwrap_or((500, "text/plain".into(), String::new()));
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<(String, Value)> {
        self.heard.lock().unwrap().clone()
    }
}

fn key() -> SecretString {
    SecretString::from("k-secret")
}

/// A conversation in which a tool was called already.
fn conversation(stream: bool) -> ModelRequest {
    let call = ToolCall { id: "c1".into(), name: "sum".into(), arguments: json!({"x": 1}) };
    ModelRequest {
        model: "m-1".into(),
        system: "Be brief.".into(),
        messages: vec![
            ModelMessage::said(Role::User, "one and one?"),
            ModelMessage::calling("", vec![call.clone()]),
            ModelMessage::result(call, "2"),
        ],
        temperature: Some(0.5),
        max_tokens: Some(50),
        stream,
        tools: vec![ToolSchema {
            name: "sum".into(),
            description: "Adds.".into(),
            parameters: json!({"type": "object", "properties": {"x": {"type": "integer", "default": 1}}}),
        }],
        ..ModelRequest::default()
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

#[async_trait]
impl TokenSink for Kept {
    async fn token(&self, piece: &str) -> Result<(), ModelError> {
        self.0.lock().unwrap().push(piece.to_owned());
        Ok(())
    }
}

fn sse(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: x\ndata: {event}\n\n")).collect::<Vec<_>>().concat()
}

/// Asks twice: streamed for text, whole for a call of a tool.
async fn both(model: &dyn ModelProvider) -> (ModelAnswer, Vec<String>, ModelAnswer) {
    let kept = Kept::default();
    let said = model.complete(&conversation(true), &kept).await.unwrap();
    let called = model.complete(&conversation(false), &NoTokens).await.unwrap();
    (said, kept.0.into_inner().unwrap(), called)
}

#[tokio::test]
async fn openai() {
    let piece =
        |delta: Value, end: Value| json!({"model": "m-1-x", "choices": [{"delta": delta, "finish_reason": end}]});
    let streamed = sse(&[
        piece(json!({"content": "It "}), Value::Null),
        piece(json!({"content": "is 2."}), Value::Null),
        piece(
            json!({"tool_calls": [{"index": 0, "id": "c2", "function": {"name": "sum", "arguments": "{\"x\""}}]}),
            Value::Null,
        ),
        piece(json!({"tool_calls": [{"index": 0, "function": {"arguments": ": 2}"}}]}), Value::Null),
        piece(json!({}), json!("stop")),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}),
    ]) + "data: [DONE]\n\n";
    let whole = json!({"model": "m-1-x", "usage": {"prompt_tokens": 9, "completion_tokens": 4}, "choices": [{"finish_reason": "tool_calls", "message": {"content": null, "tool_calls": [{"id": "c3", "type": "function", "function": {"name": "sum", "arguments": "{}"}}]}}]});
    let server =
        Server::start(vec![(200, "text/event-stream", streamed), (200, "application/json", whole.to_string())]).await;
    let model = OpenAiCompatible::new(&format!("{}/v1/", server.url), Some(key())).unwrap();
    let (said, pieces, called) = both(&model).await;
    assert_eq!((said.text.as_str(), pieces.concat().as_str()), ("It is 2.", "It is 2."));
    assert_eq!(said.tool_calls[0].arguments, json!({"x": 2}));
    assert_eq!((said.usage.input_tokens, said.usage.output_tokens, said.model.as_str()), (9, 4, "m-1-x"));
    assert_eq!((called.tool_calls[0].id.as_str(), &called.tool_calls[0].arguments), ("c3", &json!({})));
    let (head, body) = &server.heard()[0];
    assert!(head.starts_with("POST /v1/chat/completions ") && head.contains("Bearer k-secret"));
    assert_eq!(
        *body,
        json!({
            "model": "m-1", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5, "max_tokens": 50,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "one and one?"},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "sum", "arguments": "{\"x\":1}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "2"},
            ],
            "tools": [{"type": "function", "function": {"name": "sum", "description": "Adds.", "parameters": {"type": "object", "properties": {"x": {"type": "integer", "default": 1}}}}}],
        })
    );
}

#[tokio::test]
async fn anthropic() {
    let streamed = sse(&[
        json!({"type": "message_start", "message": {"model": "m-1-x", "usage": {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It "}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "is 2."}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "c2", "name": "sum", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{\"x\""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ": 2}"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ]);
    let whole = json!({"type": "message", "model": "m-1-x", "content": [{"type": "tool_use", "id": "c3", "name": "sum", "input": {"x": 3}}], "usage": {"input_tokens": 9, "output_tokens": 4}});
    let server =
        Server::start(vec![(200, "text/event-stream", streamed), (200, "application/json", whole.to_string())]).await;
    let model = Anthropic::new(&server.url, Some(key())).unwrap();
    let (said, pieces, called) = both(&model).await;
    assert_eq!((said.text.as_str(), pieces.concat().as_str()), ("It is 2.", "It is 2."));
    assert_eq!((said.tool_calls[0].id.as_str(), &said.tool_calls[0].arguments), ("c2", &json!({"x": 2})));
    assert_eq!((said.usage.input_tokens, said.usage.output_tokens), (9, 4));
    assert_eq!(called.tool_calls[0].arguments, json!({"x": 3}));
    let (head, body) = &server.heard()[0];
    assert!(head.starts_with("POST /v1/messages ") && head.contains("x-api-key: k-secret"));
    assert!(head.contains("anthropic-version: 2023-06-01"));
    assert_eq!(body["system"], "Be brief.");
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "one and one?"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "sum", "input": {"x": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "2"}]},
        ])
    );
    assert_eq!(body["tools"][0]["input_schema"]["type"], "object");
}

#[tokio::test]
async fn gemini() {
    let piece =
        |parts: Value| json!({"candidates": [{"content": {"role": "model", "parts": parts}}], "modelVersion": "m-1-x"});
    let mut last = piece(json!([{"functionCall": {"name": "sum", "args": {"x": 2}}}]));
    last["candidates"][0]["finishReason"] = json!("STOP");
    last["usageMetadata"] = json!({"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 1});
    let streamed = sse(&[
        piece(json!([{"text": "hm", "thought": true}, {"text": "It "}])),
        piece(json!([{"text": "is 2."}])),
        last.clone(),
    ]);
    let server =
        Server::start(vec![(200, "text/event-stream", streamed), (200, "application/json", last.to_string())]).await;
    let model = Gemini::new(&format!("{}/v1beta", server.url), Some(key())).unwrap();
    let (said, pieces, called) = both(&model).await;
    assert_eq!((said.text.as_str(), pieces.concat().as_str()), ("It is 2.", "It is 2."));
    assert_eq!(said.tool_calls[0].arguments, json!({"x": 2}));
    assert_eq!((said.usage.input_tokens, said.usage.output_tokens), (9, 4));
    assert_eq!(called.tool_calls[0].name, "sum");
    let heard = server.heard();
    assert!(heard[0].0.starts_with("POST /v1beta/models/m-1:streamGenerateContent?alt=sse "), "{}", heard[0].0);
    assert!(
        heard[1].0.starts_with("POST /v1beta/models/m-1:generateContent ") && heard[1].0.contains("x-goog-api-key")
    );
    let body = &heard[0].1;
    assert_eq!(body["systemInstruction"]["parts"][0]["text"], "Be brief.");
    assert_eq!(body["generationConfig"], json!({"temperature": 0.5, "maxOutputTokens": 50}));
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "one and one?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "sum", "args": {"x": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "sum", "response": {"result": "2"}}}]},
        ])
    );
    // Its subset of JSON schema has no defaults.
    assert_eq!(
        body["tools"][0]["functionDeclarations"][0]["parameters"],
        json!({"type": "object", "properties": {"x": {"type": "integer"}}})
    );
}

#[tokio::test]
async fn ollama() {
    let lines = [
        json!({"model": "m-1", "message": {"role": "assistant", "content": "It "}, "done": false}),
        json!({"model": "m-1", "message": {"role": "assistant", "content": "is 2."}, "done": false}),
        json!({"model": "m-1", "message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "sum", "arguments": {"x": 2}}}]}, "done": false}),
        json!({"model": "m-1", "message": {"content": ""}, "done": true, "prompt_eval_count": 9, "eval_count": 4}),
    ];
    let streamed = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
    let whole = json!({"model": "m-1", "message": {"content": "", "tool_calls": [{"function": {"name": "sum", "arguments": {"x": 3}}}]}, "done": true, "prompt_eval_count": 9, "eval_count": 4});
    let server = Server::start(vec![
        (200, "application/x-ndjson", streamed),
        (200, "application/json; charset=utf-8", whole.to_string()),
    ])
    .await;
    let model = Ollama::new(&server.url, None).unwrap();
    let (said, pieces, called) = both(&model).await;
    assert_eq!((said.text.as_str(), pieces.concat().as_str()), ("It is 2.", "It is 2."));
    assert_eq!(said.tool_calls[0].arguments, json!({"x": 2}));
    assert_eq!((said.usage.input_tokens, said.usage.output_tokens), (9, 4));
    assert_eq!(called.tool_calls[0].arguments, json!({"x": 3}));
    let (head, body) = &server.heard()[0];
    assert!(head.starts_with("POST /api/chat "));
    assert_eq!(body["options"], json!({"temperature": 0.5, "num_predict": 50}));
    assert_eq!(body["messages"][3], json!({"role": "tool", "tool_name": "sum", "content": "2"}));
}

#[tokio::test]
async fn a_busy_endpoint_is_asked_again_and_a_wrong_key_is_not() {
    let good = json!({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}).to_string();
    let server = Server::start(vec![
        (429, "application/json", "{}".into()),
        (503, "text/plain", "busy".into()),
        (200, "application/json", good),
        (401, "application/json", "{\"error\": {\"message\": \"k-secret is wrong\"}}".into()),
    ])
    .await;
    let model = OpenAiCompatible::new(&server.url, Some(key())).unwrap().with_retries(3, Duration::from_millis(1));
    let request = ModelRequest { model: "m".into(), ..ModelRequest::default() };
    assert_eq!(model.complete(&request, &NoTokens).await.unwrap().text, "ok");
    let error = model.complete(&request, &NoTokens).await.unwrap_err();
    assert_eq!((error.status, error.retryable), (Some(401), false));
    assert!(!error.to_string().contains("k-secret"));
    assert_eq!(server.heard().len(), 4);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_not_said_twice() {
    let cut = sse(&[json!({"choices": [{"delta": {"content": "It "}}]})]);
    let server = Server::start(vec![(200, "text/event-stream", cut.clone()), (200, "text/event-stream", cut)]).await;
    let model = OpenAiCompatible::new(&server.url, None).unwrap().with_retries(3, Duration::from_millis(1));
    let kept = Kept::default();
    let error = model.complete(&conversation(true), &kept).await.unwrap_err();
    assert!(error.to_string().contains("ended in the middle"), "{error}");
    assert_eq!(kept.0.into_inner().unwrap(), ["It "]);
    assert_eq!(server.heard().len(), 1);
}

fn one_answer() -> String {
    json!({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}).to_string()
}

#[tokio::test]
async fn pauses_between_tries_grow() {
    let busy = || (529, "text/plain", String::new());
    let server = Server::start(vec![busy(), busy(), (200, "application/json", one_answer())]).await;
    let pause = Duration::from_millis(20);
    let model = OpenAiCompatible::new(&server.url, None).unwrap().with_retries(3, pause);
    let began = std::time::Instant::now();
    let answer = model.complete(&ModelRequest { model: "m".into(), ..ModelRequest::default() }, &NoTokens).await;
    assert_eq!(answer.unwrap().text, "ok");
    assert!(began.elapsed() >= pause * 3, "one pause, and one twice as long");
}

#[tokio::test]
async fn who_stays_busy_is_asked_a_few_times_and_then_the_error_says_so() {
    let busy = |status| (status, "text/plain", String::new());
    let server = Server::start(vec![busy(500), busy(429), busy(503), (200, "application/json", one_answer())]).await;
    let model = OpenAiCompatible::new(&server.url, None).unwrap().with_retries(3, Duration::from_millis(1));
    let request = ModelRequest { model: "m".into(), ..ModelRequest::default() };
    let error = model.complete(&request, &NoTokens).await.unwrap_err();
    assert_eq!((error.status, error.retryable, server.heard().len()), (Some(503), true, 3));
}

#[tokio::test]
async fn each_provider_tries_again_when_it_is_busy() {
    let busy = || (429, "application/json", "{}".to_owned());
    let whole = |body: Value| (200, "application/json", body.to_string());
    let request = ModelRequest { model: "m".into(), ..ModelRequest::default() };
    let (tries, pause) = (2, Duration::from_millis(1));
    let said = json!({"type": "message", "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn"});
    let server = Server::start(vec![busy(), whole(said)]).await;
    let model = Anthropic::new(&server.url, Some(key())).unwrap().with_retries(tries, pause);
    assert_eq!(model.complete(&request, &NoTokens).await.unwrap().text, "ok");
    let said = json!({"candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": "STOP"}]});
    let server = Server::start(vec![busy(), whole(said)]).await;
    let model = Gemini::new(&server.url, Some(key())).unwrap().with_retries(tries, pause);
    assert_eq!(model.complete(&request, &NoTokens).await.unwrap().text, "ok");
    let server = Server::start(vec![busy(), whole(json!({"message": {"content": "ok"}, "done": true}))]).await;
    let model = Ollama::new(&server.url, None).unwrap().with_retries(tries, pause);
    assert_eq!(model.complete(&request, &NoTokens).await.unwrap().text, "ok");
}

#[tokio::test]
async fn a_caller_who_goes_away_closes_the_connection_to_the_model() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cancel = tokio_util::sync::CancellationToken::new();
    let leaves = cancel.clone();
    let endpoint = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let piece = "data: {\"choices\": [{\"delta\": {\"content\": \"word \"}}]}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(format!("{head}{piece}").as_bytes()).await.unwrap();
        leaves.cancel();
        // Whatever else it was sent, then the end.
        while stream.read(&mut request).await.is_ok_and(|length| length > 0) {}
    };
    let engine =
        flow::Engine::new(Arc::new(flow::ModelSet::new(Arc::new(OpenAiCompatible::new(&url, None).unwrap()), "m")));
    let asks = crate::parts::flow(
        vec![
            crate::parts::node("in", "ChatInput", json!({"input_value": ""})),
            crate::parts::node("ask", "LanguageModelComponent", json!({"input_value": ""})),
            crate::parts::node("out", "ChatOutput", json!({"input_value": ""})),
        ],
        vec![
            crate::parts::edge("in.message", "ask.input_value"),
            crate::parts::edge("ask.text_output", "out.input_value"),
        ],
    );
    let run = engine.run(&asks, flow::RunRequest::new("x", "s"), &flow::NoEvents, cancel);
    let both = async { tokio::join!(run, endpoint) };
    let (outcome, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.expect("the connection stays open");
    assert_eq!(outcome.unwrap_err(), flow::RunError::Cancelled);
}

#[tokio::test]
async fn an_endpoint_that_asks_for_minutes_is_not_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let endpoint = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let refusal = "HTTP/1.1 429 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(refusal.as_bytes()).await.unwrap();
    };
    let model = OpenAiCompatible::new(&url, None).unwrap().with_retries(3, Duration::from_millis(1));
    let request = ModelRequest { model: "m".into(), ..ModelRequest::default() };
    let asked = async { tokio::join!(model.complete(&request, &NoTokens), endpoint) };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(10), asked).await.expect("it waits");
    assert_eq!(answer.unwrap_err().status, Some(429));
}
