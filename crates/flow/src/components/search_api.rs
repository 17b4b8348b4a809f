//! Search API: results of search engines through searchapi.io. Needs a key of its own.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::{Component, Outputs, tavily, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, plain},
    web::WebRequest,
};

/// The component of newer versions, and that of the first ones, which differ in how agents call them.
#[derive(Debug)]
pub(super) struct SearchApi {
    pub(super) types: &'static [&'static str],
    pub(super) tools: &'static [(&'static str, &'static str)],
    pub(super) takes: &'static [(&'static str, &'static str)],
}

#[async_trait]
impl Component for SearchApi {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data", "text", "dataframe", "api_run_model"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        self.tools
    }

    fn takes(&self) -> &'static [(&'static str, &'static str)] {
        self.takes
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows = search(call).await.map_err(ComponentError::Failed)?;
        let mut outputs = tavily::outputs(rows);
        if let Some(data) = outputs.get("data").cloned() {
            outputs.add("api_run_model", data);
        }
        Ok(outputs)
    }
}

async fn search(call: &Call<'_>) -> Result<Vec<Map<String, Json>>, String> {
    let inputs = &call.inputs;
    let key = inputs.text("api_key").ok_or("the Search API needs a key, and the run has none")?;
    let mut url = Url::parse("https://www.searchapi.io/api/v1/search").map_err(|error| error.to_string())?;
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("engine", &inputs.text("engine").unwrap_or_else(|| "google".into()));
        pairs.append_pair("q", &inputs.text("input_value").unwrap_or_default());
        for (name, value) in inputs.pairs("search_params") {
            if !matches!(name.as_str(), "engine" | "q" | "api_key" | "") {
                pairs.append_pair(&name, &plain(&value));
            }
        }
    }
    let headers = vec![("authorization".to_owned(), format!("Bearer {key}"))];
    let answer = call.fetch(WebRequest { headers, ..WebRequest::get(url) }).await.map_err(|error| error.to_string())?;
    if !answer.is_success() {
        return Err(format!("the search answered {}", answer.status));
    }
    let found: Json = serde_json::from_slice(&answer.body).map_err(|_| "the search answered no JSON".to_owned())?;
    let most = usize::try_from(inputs.count("max_results").unwrap_or(5)).unwrap_or(5);
    let length = usize::try_from(inputs.count("max_snippet_length").unwrap_or(100)).unwrap_or(100);
    let cut = |value: &Json| plain(value).chars().take(length).collect::<String>();
    let results = found["organic_results"].as_array().into_iter().flatten().take(most);
    let rows = results.map(|result| {
        let snippet = cut(&result["snippet"]);
        let row = json!({
            "text": snippet, "title": cut(&result["title"]), "link": plain(&result["link"]), "snippet": snippet,
        });
        Data::of_json(row).data
    });
    Ok(rows.collect())
}
