//! Web Search: DuckDuckGo's pages, Google's news, or a feed. None of them needs a key.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;
use url::Url;

use super::{Component, Outputs};
use crate::{
    check::{Need, NeedKind},
    engine::{Call, ComponentError},
    flow::Node,
    value::Value,
    web::{WebRequest, is_html, page},
};

/// How many results there are where nothing is said.
const RESULTS: u64 = 5;
/// How many characters of a page are kept where nothing is said.
const CHARACTERS: u64 = 2000;
/// What stands at the end of a page that was cut, as in Langflow.
const CUT: &str = "... [truncated]";
/// How many results there may be, whatever is said.
const MOST_RESULTS: usize = 50;

#[derive(Debug)]
pub(super) struct WebSearch;

#[async_trait]
impl Component for WebSearch {
    fn types(&self) -> &'static [&'static str] {
        &["UnifiedWebSearch", "WebSearch", "WebSearchComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["results"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("perform_search", "results")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let query = call.inputs.text("query").unwrap_or_default();
        let rows = match call.inputs.text("search_mode").as_deref() {
            Some("News") => news(call, &query).await,
            Some("RSS") => feed(call, &query).await,
            _ => pages(call, &query).await?,
        };
        Ok(Outputs::one("results", Value::table(rows)))
    }
}

/// News Search: what the Web Search does in its mode for news, of older versions.
#[derive(Debug)]
pub(super) struct NewsSearch;

#[async_trait]
impl Component for NewsSearch {
    fn types(&self) -> &'static [&'static str] {
        &["NewsSearch", "NewsSearchComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["articles"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("search_news", "articles")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let query = call.inputs.text("query").unwrap_or_default();
        Ok(Outputs::one("articles", Value::table(news(call, &query).await)))
    }
}

/// RSS Reader: the entries of a feed.
#[derive(Debug)]
pub(super) struct RssReader;

#[async_trait]
impl Component for RssReader {
    fn types(&self) -> &'static [&'static str] {
        &["RSSReaderSimple", "RSSReaderComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["articles"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("read_rss", "articles")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let url = call.inputs.text("rss_url").unwrap_or_default();
        Ok(Outputs::one("articles", Value::table(feed(call, &url).await)))
    }
}

/// Returns the need of a component that reads from the web.
pub(super) fn web(node: &Node) -> Need {
    Need { kind: NeedKind::Web, name: String::new(), detail: String::new(), nodes: vec![node.id.clone()] }
}

fn timeout(call: &Call<'_>) -> Option<Duration> {
    call.inputs.count("timeout").filter(|it| *it > 0).map(Duration::from_secs)
}

fn most(call: &Call<'_>) -> usize {
    match call.inputs.count("max_results").unwrap_or(RESULTS) {
        0 => MOST_RESULTS,
        count => usize::try_from(count).unwrap_or(MOST_RESULTS).min(MOST_RESULTS),
    }
}

fn cut(call: &Call<'_>, text: &str) -> String {
    let limit = call.inputs.count("max_content_length").unwrap_or(CHARACTERS);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 || text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept = limit.saturating_sub(CUT.len());
    text.chars().take(kept).chain(CUT.chars()).collect()
}

fn row(cells: [(&str, String); 4]) -> Map<String, Json> {
    cells.into_iter().map(|(name, cell)| (name.to_owned(), json!(cell))).collect()
}

async fn pages(call: &Call<'_>, query: &str) -> Result<Vec<Map<String, Json>>, ComponentError> {
    let query: String = query.trim().chars().filter(|c| !matches!(c, '<' | '>' | '"' | '\'')).collect();
    if query.is_empty() {
        return Err(ComponentError::Failed("Empty search query".into()));
    }
    let error = |text: String| {
        let title = "Error".to_owned();
        vec![row([("title", title), ("link", String::new()), ("snippet", text), ("content", String::new())])]
    };
    let mut url =
        Url::parse("https://html.duckduckgo.com/html/").map_err(|it| ComponentError::Failed(it.to_string()))?;
    url.query_pairs_mut().append_pair("q", &query).append_pair("kl", "us-en");
    let request = WebRequest { timeout: timeout(call), ..WebRequest::get(url) };
    let found = match call.fetch(request).await {
        Ok(found) if found.is_success() && is_html(&found) => found.text(),
        Ok(found) if found.is_success() => return Ok(error("No results found".into())),
        Ok(found) => return Ok(error(format!("the search answered {}", found.status))),
        Err(problem) => return Ok(error(problem.to_string())),
    };
    let results = results(&found, most(call));
    let read = results.iter().map(|result| async {
        let content = match call.fetch(WebRequest { timeout: timeout(call), ..WebRequest::get(&result.link) }).await {
            Ok(page) if page.is_success() => page::text_of(&page.text()),
            Ok(page) => format!("(Failed to fetch: it answered {})", page.status),
            Err(error) => format!("(Failed to fetch: {error})"),
        };
        cut(call, &content)
    });
    let contents = futures::future::join_all(read).await;
    let rows = results.into_iter().zip(contents).map(|(result, content)| {
        row([("title", result.title), ("link", result.link), ("snippet", result.snippet), ("content", content)])
    });
    Ok(rows.collect())
}

#[derive(Debug, PartialEq)]
struct Found {
    title: String,
    link: String,
    snippet: String,
}

/// Reads DuckDuckGo's list: a link of class `result__a` for each result, its text in `result__snippet`.
fn results(html: &str, most: usize) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut reading: Option<bool> = None;
    for piece in page::pieces(html) {
        match piece {
            page::Piece::Open(name, attributes, _) if name.eq_ignore_ascii_case("a") => {
                let class = page::attribute(attributes, "class").unwrap_or_default();
                let has = |wanted: &str| class.split_whitespace().any(|it| it == wanted);
                if has("result__a") {
                    let link = target(&page::attribute(attributes, "href").unwrap_or_default());
                    found.push(Found { title: String::new(), link, snippet: String::new() });
                    reading = Some(true);
                } else if has("result__snippet") {
                    reading = Some(false);
                }
            }
            page::Piece::Close(name) if name.eq_ignore_ascii_case("a") => reading = None,
            page::Piece::Text(text) => {
                if let (Some(is_title), Some(last)) = (reading, found.last_mut()) {
                    let into = if is_title { &mut last.title } else { &mut last.snippet };
                    into.push_str(&page::decoded(text));
                }
            }
            _ => {}
        }
    }
    found.truncate(most);
    for one in &mut found {
        one.title = one.title.split_whitespace().collect::<Vec<_>>().join(" ");
        one.snippet = one.snippet.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    found
}

/// A result's link goes through the search engine and carries where it leads in `uddg`.
fn target(href: &str) -> String {
    let full = if href.starts_with("//") { format!("https:{href}") } else { href.to_owned() };
    let inner = Url::parse(&full)
        .ok()
        .and_then(|url| url.query_pairs().find(|(name, _)| name == "uddg").map(|(_, value)| value.into_owned()));
    let link = inner.unwrap_or(full);
    if link.starts_with("http://") || link.starts_with("https://") { link } else { format!("https://{link}") }
}

async fn news(call: &Call<'_>, query: &str) -> Vec<Map<String, Json>> {
    let text = |name: &str, default: &str| call.inputs.text(name).unwrap_or_else(|| default.to_owned());
    let (language, country) = (text("hl", "en-US"), text("gl", "US"));
    let short = language.split('-').next().unwrap_or("en").to_owned();
    let mut url = match Url::parse("https://news.google.com/rss/") {
        Ok(url) => url,
        Err(error) => return vec![article("Error", error.to_string())],
    };
    let mut push = |parts: &[&str]| {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
    };
    let mut search = None;
    if let Some(topic) = call.inputs.text("topic") {
        push(&["headlines", "section", "topic", &topic.to_uppercase()]);
    } else if let Some(location) = call.inputs.text("location") {
        push(&["headlines", "section", "geo", &location]);
    } else if !query.is_empty() {
        push(&["search"]);
        search = Some(query);
    } else {
        return vec![article("Error", "No search parameters provided".into())];
    }
    {
        let mut pairs = url.query_pairs_mut();
        if let Some(query) = search {
            pairs.append_pair("q", query);
        }
        pairs
            .append_pair("hl", &language)
            .append_pair("gl", &country)
            .append_pair("ceid", &format!("{country}:{short}"));
    }
    let rows = entries(call, url.as_str()).await;
    if rows.is_empty() { vec![article("No articles found", String::new())] } else { rows }
}

async fn feed(call: &Call<'_>, url: &str) -> Vec<Map<String, Json>> {
    if url.trim().is_empty() {
        return vec![article("Error", "No RSS URL provided".into())];
    }
    let url = url.trim();
    let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    entries(call, &url).await
}

fn article(title: &str, summary: String) -> Map<String, Json> {
    let title = title.to_owned();
    row([("title", title), ("link", String::new()), ("published", String::new()), ("summary", summary)])
}

async fn entries(call: &Call<'_>, url: &str) -> Vec<Map<String, Json>> {
    let read = match call.fetch(WebRequest { timeout: timeout(call), ..WebRequest::get(url) }).await {
        Ok(read) if read.is_success() => read.text(),
        Ok(read) => return vec![article("Error", format!("it answered {}", read.status))],
        Err(error) => return vec![article("Error", error.to_string())],
    };
    let items = page::parts(&read, "item");
    let field = |item: &str, name: &str| {
        // What is inside is text, often with markup that was written as text.
        let inner = page::inner(item, name).map(page::text_of).unwrap_or_default();
        cut(call, &if inner.contains('<') { page::text_of(&inner) } else { inner })
    };
    let rows = items.into_iter().take(most(call)).map(|item| {
        row([
            ("title", field(item, "title")),
            ("link", field(item, "link")),
            ("published", field(item, "pubDate")),
            ("summary", field(item, "description")),
        ])
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_out_of_the_page() {
        let html = r#"<div class="result"><h2><a rel="nofollow" class="result__a" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1&amp;rut=x">An <b>example</b></a></h2><a class="result__snippet" href="x">What it &amp; says</a></div>"#;
        let found = results(html, 5);
        assert_eq!(
            found,
            [Found {
                title: "An example".into(),
                link: "https://example.com/a?b=1".into(),
                snippet: "What it & says".into()
            }]
        );
    }
}
