//! URL: the text of pages, and of pages that they link to.

use std::collections::HashSet;

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;
use url::Url;

use super::{Component, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value},
    web::{WebRequest, page, page_links, page_title},
};

/// The most pages that one call reads.
const PAGES: usize = 30;
/// How deep links are followed, whatever is said.
const DEPTH: u64 = 3;

#[derive(Debug)]
pub(super) struct Pages;

#[async_trait]
impl Component for Pages {
    fn types(&self) -> &'static [&'static str] {
        &["URLComponent", "URL"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["page_results", "raw_results", "data", "text", "dataframe"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("fetch_content", "page_results"),
            ("fetch_content_as_message", "raw_results"),
            ("fetch_content_text", "text"),
            ("as_message", "raw_results"),
            ("as_dataframe", "dataframe"),
        ]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows = read(call).await?;
        let separator = call.inputs.any("separator").map_or_else(|| "\n\n".into(), Value::as_text);
        let texts: Vec<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
        let text = Value::text(texts.join(&separator));
        let records: Vec<Value> = rows.iter().map(|row| Value::data(Data::new(row.clone()))).collect();
        let table = Value::table(rows);
        let mut outputs = Outputs::one("page_results", table.clone());
        outputs.add("dataframe", table);
        outputs.add("data", Value::List(records));
        outputs.add("raw_results", text.clone());
        outputs.add("text", text);
        Ok(outputs)
    }
}

/// URL Content Fetcher: one page, for agents of the first versions.
#[derive(Debug)]
pub(super) struct UrlContentFetcher;

#[async_trait]
impl Component for UrlContentFetcher {
    fn types(&self) -> &'static [&'static str] {
        &["url_content_fetcher"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["api_run_model"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("url_content_fetcher", "api_run_model")]
    }

    fn takes(&self) -> &'static [(&'static str, &'static str)] {
        &[("url", "url")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let url = call.inputs.text("url").unwrap_or_default();
        let page = call.fetch(WebRequest::get(url)).await.map_err(|error| ComponentError::Failed(error.to_string()))?;
        let html = page.text();
        let title = page_title(&html);
        let data = json!({"content": page::text_of(&html), "metadata": {"source": page.url, "title": title}});
        Ok(Outputs::one("api_run_model", Value::data(Data::of_json(data))))
    }
}

async fn read(call: &Call<'_>) -> Result<Vec<Map<String, Json>>, ComponentError> {
    let inputs = &call.inputs;
    let skips = inputs.flag("continue_on_failure", true);
    let depth = inputs.count("max_depth").unwrap_or(1).clamp(1, DEPTH);
    let stays = inputs.flag("prevent_outside", true);
    let mut seen = HashSet::new();
    let mut next: Vec<Url> = Vec::new();
    let mut problem = None;
    for text in inputs.texts("urls") {
        let text = text.trim();
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        match Url::parse(&full) {
            Ok(url) => next.push(url),
            Err(_) => problem = Some(format!("Invalid URL: {text}")),
        }
    }
    if next.is_empty() {
        return Err(failed(problem.unwrap_or_else(|| "No valid URLs provided.".into())));
    }
    let mut rows = Vec::new();
    for level in 0..depth {
        next.retain(|url| seen.insert(url.as_str().trim_end_matches('#').to_owned()));
        next.truncate(PAGES.saturating_sub(rows.len()));
        let fetched = futures::future::join_all(next.drain(..).map(|url| fetch(call, url))).await;
        let mut links = Vec::new();
        for result in fetched {
            match result {
                Ok((row, html, base)) => {
                    if level + 1 < depth {
                        let own = page_links(&html, &base).filter(|url| !stays || url.host() == base.host());
                        links.extend(own.take(PAGES));
                    }
                    rows.push(row);
                }
                Err(error) if skips => problem = Some(error),
                Err(error) => return Err(failed(error)),
            }
        }
        next = links;
    }
    if rows.is_empty() {
        let reason = problem.unwrap_or_else(|| "No documents were successfully loaded from any URL".into());
        return Err(failed(reason));
    }
    Ok(rows)
}

fn failed(message: String) -> ComponentError {
    ComponentError::Failed(format!("Error loading documents: {message}"))
}

async fn fetch(call: &Call<'_>, url: Url) -> Result<(Map<String, Json>, String, Url), String> {
    let headers = call.inputs.pairs("headers").into_iter();
    let headers = headers.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    let request = WebRequest {
        headers: headers.filter(|(name, _)| !name.eq_ignore_ascii_case("user-agent")).collect(),
        timeout: call.inputs.count("timeout").filter(|it| *it > 0).map(Duration::from_secs),
        stays: !call.inputs.flag("follow_redirects", true),
        ..WebRequest::get(url.clone())
    };
    let answer = call.fetch(request).await.map_err(|error| format!("{url}: {error}"))?;
    if call.inputs.flag("check_response_status", false) && !answer.is_success() {
        return Err(format!("{url} answered {}", answer.status));
    }
    let html = answer.text();
    let kind = answer.header("content-type").unwrap_or_default().to_owned();
    let is_markup = kind.contains("html") || kind.contains("xml") || kind.is_empty();
    let raw = matches!(call.inputs.text("format").as_deref(), Some("HTML" | "Raw HTML"));
    let text = if raw || !is_markup { html.clone() } else { page::text_of(&html) };
    let about = page::tags(&html, "meta")
        .into_iter()
        .find(|it| page::attribute(it, "name").is_some_and(|name| name.eq_ignore_ascii_case("description")));
    let row = json!({
        "text": text,
        "url": answer.url,
        "title": page_title(&html),
        "description": about.and_then(|it| page::attribute(it, "content")).unwrap_or_default(),
        "content_type": kind,
        "language": page::tags(&html, "html").first().and_then(|it| page::attribute(it, "lang")).unwrap_or_default(),
    });
    let base = Url::parse(&answer.url).unwrap_or(url);
    Ok((Data::of_json(row).data, html, base))
}
