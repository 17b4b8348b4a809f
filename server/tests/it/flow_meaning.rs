//! A flow that compares what texts mean asks the operator's embedding model, through the whole server.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use server::config::Config;

use crate::app::on_every_app_with;
use crate::story::{list_what_is_imported, subscribe};

/// What an embedding model counts for each text.
const TOKENS: usize = 3;

/// Starts an endpoint of OpenAI's shape that knows what an animal is, and returns its address and what it was asked.
async fn endpoint() -> (String, Arc<Mutex<Vec<String>>>) {
    type Asked = Arc<Mutex<Vec<String>>>;
    async fn answer(State(asked): State<Asked>, Json(body): Json<Value>) -> Json<Value> {
        let texts = body["input"].as_array().cloned().unwrap_or_default();
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        asked.lock().expect("no test has panicked inside").extend(texts.iter().map(|it| (*it).to_owned()));
        let is_animal = |text: &str| ["dog", "cat", "animal"].iter().any(|it| text.to_lowercase().contains(it));
        let vector = |text: &&str| if is_animal(text) { json!([1.0, 0.1]) } else { json!([0.1, 1.0]) };
        let data: Vec<Value> =
            texts.iter().enumerate().map(|(index, text)| json!({"index": index, "embedding": vector(text)})).collect();
        let count = texts.len() * TOKENS;
        Json(json!({"data": data, "model": "meaning", "usage": {"prompt_tokens": count, "total_tokens": count}}))
    }
    let asked = Asked::default();
    let router = axum::Router::new().fallback(answer).with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/v1"), asked)
}

/// A flow without a language model: it puts lines of its own into a store and answers with what is closest.
fn flow() -> Value {
    let node = |id: &str, component: &str, fields: Value| {
        let mut template = json!({"_type": "Component"});
        for (name, value) in fields.as_object().into_iter().flatten() {
            let kind = match value {
                Value::Number(_) => "int",
                Value::Bool(_) => "bool",
                Value::Null => "other",
                _ => "str",
            };
            template[name] = json!({"type": kind, "value": value, "show": true, "list": name == "ingest_data"});
        }
        let inner = json!({"display_name": id, "template": template, "outputs": []});
        json!({"id": id, "type": "genericNode", "position": {"x": 0, "y": 0}, "data": {"id": id, "type": component, "node": inner}})
    };
    let edge = |from: &str, output: &str, to: &str, field: &str| {
        let ends =
            json!({"sourceHandle": {"id": from, "name": output}, "targetHandle": {"id": to, "fieldName": field}});
        json!({"source": from, "target": to, "data": ends})
    };
    let lines = "A roof keeps the rain out.\nMy dog barks.\nStones are heavy.";
    let nodes = [
        node("in", "ChatInput", json!({"input_value": ""})),
        node("text", "TextInput", json!({"input_value": lines})),
        node(
            "split",
            "SplitText",
            json!({"separator": "\n", "chunk_size": 1, "chunk_overlap": 0, "clean_output": true}),
        ),
        node("meaning", "OpenAIEmbeddings", json!({"model": "text-embedding-3-small"})),
        node(
            "store",
            "FAISS",
            json!({"ingest_data": null, "embedding": null, "search_query": "", "number_of_results": 1}),
        ),
        node("show", "ParserComponent", json!({"pattern": "Found: {text}", "sep": "|", "mode": "Parser"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = [
        edge("in", "message", "store", "search_query"),
        edge("text", "text", "split", "data_inputs"),
        edge("split", "dataframe", "store", "ingest_data"),
        edge("meaning", "embeddings", "store", "embedding"),
        edge("store", "dataframe", "show", "input_data"),
        edge("show", "parsed_text", "out", "input_value"),
    ];
    json!({"name": "Finder", "data": {"nodes": nodes, "edges": edges}})
}

#[tokio::test]
async fn a_flow_that_embeds_texts_asks_the_operators_model_and_what_it_read_is_metered() {
    let (url, asked) = endpoint().await;
    let settings = |config: &mut Config| {
        config.embedding.base_url.clone_from(&url);
        config.embedding.model = "meaning".to_owned();
    };
    on_every_app_with(settings, async |app| {
        asked.lock().expect("no test has panicked inside").clear();
        let import = json!({"flow_definition": flow(), "flow_version": "1.0.0"});
        let listed = list_what_is_imported(app, import).await;
        let subscribed = subscribe(app, &listed).await;
        let token = subscribed.buyer.token.as_str();
        let keys = format!("/api/customer-agent-configs/{}/api_keys/", subscribed.config);
        let key = app.ok("POST", &keys, token, json!({"name": "server"})).await;
        let key = key["key"].as_str().expect("shown once");
        let question = "Which animals are there?";
        let answer = app.invoke(key, &json!({"input": question, "session_id": "s-1"})).await.expect(200);
        assert_eq!(answer["output"], "Found: My dog barks.");
        let asked = asked.lock().expect("no test has panicked inside").clone();
        assert!(asked.iter().any(|it| it == question) && asked.iter().any(|it| it == "My dog barks."), "{asked:?}");
        assert_eq!(answer["usage"]["input_tokens"], json!(4 * TOKENS), "three lines and the question");
    })
    .await;
}
