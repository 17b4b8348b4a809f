//! Tavily Search: a search engine for models. Needs a key of its own.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};

use super::{Component, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value},
    web::WebRequest,
};

#[derive(Debug)]
pub(super) struct Tavily;

#[async_trait]
impl Component for Tavily {
    fn types(&self) -> &'static [&'static str] {
        &["TavilySearchComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe", "data", "text"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("fetch_content_dataframe", "dataframe"),
            ("fetch_content", "data"),
            ("fetch_content_text", "text"),
            ("as_dataframe", "dataframe"),
        ]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows = match search(call).await {
            Ok(rows) => rows,
            Err(error) => vec![Data::of_json(json!({"text": error, "error": error})).data],
        };
        Ok(outputs(rows))
    }
}

/// Gives rows as a table, as records and as their texts.
pub(super) fn outputs(rows: Vec<Map<String, Json>>) -> Outputs {
    let texts: Vec<&str> = rows.iter().filter_map(|row| row.get("text").and_then(Json::as_str)).collect();
    let mut outputs = Outputs::one("text", Value::text(texts.join("\n")));
    outputs.add("data", Value::List(rows.iter().map(|row| Value::data(Data::new(row.clone()))).collect()));
    outputs.add("dataframe", Value::table(rows));
    outputs
}

async fn search(call: &Call<'_>) -> Result<Vec<Map<String, Json>>, String> {
    let inputs = &call.inputs;
    let key = inputs.text("api_key").ok_or("Tavily needs a key, and the run has none")?;
    let domains = |name: &str| -> Vec<String> {
        let listed = inputs.text(name).unwrap_or_default();
        listed.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
    };
    let depth = inputs.text("search_depth").unwrap_or_else(|| "advanced".into());
    let topic = inputs.text("topic").unwrap_or_else(|| "general".into());
    let mut body = json!({
        "query": inputs.text("query").unwrap_or_default(),
        "search_depth": depth,
        "topic": topic,
        "max_results": inputs.count("max_results").unwrap_or(5),
        "include_images": inputs.flag("include_images", true),
        "include_answer": inputs.flag("include_answer", true),
        "include_raw_content": inputs.flag("include_raw_content", false),
    });
    for name in ["include_domains", "exclude_domains"] {
        let listed = domains(name);
        if !listed.is_empty() {
            body[name] = json!(listed);
        }
    }
    if let Some(chunks) = inputs.count("chunks_per_source").filter(|_| depth == "advanced") {
        body["chunks_per_source"] = json!(chunks);
    }
    if let Some(days) = inputs.count("days").filter(|_| topic == "news") {
        body["days"] = json!(days);
    }
    if let Some(range) = inputs.text("time_range") {
        body["time_range"] = json!(range);
    }
    let mut request = WebRequest::post_json("https://api.tavily.com/search", &body);
    // In a header, so that no log of addresses or bodies shows it.
    request.headers.push(("authorization".into(), format!("Bearer {key}")));
    let answer = call.fetch(request).await.map_err(|error| error.to_string())?;
    if !answer.is_success() {
        return Err(format!("HTTP error occurred: {}", answer.status));
    }
    let found: Json = serde_json::from_slice(&answer.body).map_err(|_| "Invalid response format".to_owned())?;
    let mut rows = Vec::new();
    if let Some(said) = found["answer"].as_str().filter(|it| !it.is_empty()) {
        rows.push(Data::of_text(said).data);
    }
    for result in found["results"].as_array().into_iter().flatten() {
        let mut row = json!({
            "text": result["content"], "title": result["title"], "url": result["url"],
            "content": result["content"], "score": result["score"],
        });
        if inputs.flag("include_raw_content", false) {
            row["raw_content"] = result["raw_content"].clone();
        }
        rows.push(Data::of_json(row).data);
    }
    if let Some(images) = found["images"].as_array().filter(|it| !it.is_empty()) {
        rows.push(Data::of_json(json!({"text": "Images found", "images": images})).data);
    }
    Ok(rows)
}
