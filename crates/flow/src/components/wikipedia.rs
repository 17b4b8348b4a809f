//! Wikipedia: the pages that fit a search, each with its summary and its text.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::{Component, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain},
    web::WebRequest,
};

/// How many pages are found where nothing is said.
const PAGES: u64 = 4;
/// The most pages, whatever is said; each is a request.
const MOST: u64 = 20;
/// How much of a page is kept where nothing is said, in characters.
const CHARACTERS: u64 = 4_000;
/// The longest search that Wikipedia takes, in characters.
const SEARCH: usize = 300;

#[derive(Debug)]
pub(super) struct Wikipedia;

#[async_trait]
impl Component for Wikipedia {
    fn types(&self) -> &'static [&'static str] {
        &["WikipediaComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("fetch_content_dataframe", "dataframe")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let all = node.fields.get("load_all_available_meta").is_some_and(|field| field.value == true);
        all.then(|| "all that is known of a page".into())
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows = search(call).await.map_err(ComponentError::Failed)?;
        Ok(Outputs::one("dataframe", Value::table(rows)))
    }
}

/// Wikipedia API: what was before it, which an agent has as a tool.
#[derive(Debug)]
pub(super) struct WikipediaApi;

#[async_trait]
impl Component for WikipediaApi {
    fn types(&self) -> &'static [&'static str] {
        &["WikipediaAPI", "WikipediaAPIComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["api_run_model", "api_build_tool"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("wikipedia", "api_build_tool")]
    }

    fn takes(&self) -> &'static [(&'static str, &'static str)] {
        &[("query", "input_value")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        Wikipedia.missing(node)
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows = search(call).await.map_err(ComponentError::Failed)?;
        if call.is_tool() {
            let kept = call.inputs.count("doc_content_chars_max").unwrap_or(CHARACTERS);
            return Ok(Outputs::one("api_build_tool", Value::text(summaries(&rows, kept))));
        }
        let records = rows.into_iter().map(|row| Value::data(Data::new(row)));
        Ok(Outputs::one("api_run_model", Value::List(records.collect())))
    }
}

/// Writes what an agent reads of pages: each with its name and its summary.
fn summaries(rows: &[Map<String, Json>], kept: u64) -> String {
    let of = |row: &Map<String, Json>, name: &str| row.get(name).map(plain).unwrap_or_default();
    let pages = rows.iter().map(|row| format!("Page: {}\nSummary: {}", of(row, "title"), of(row, "summary")));
    let text = pages.collect::<Vec<_>>().join("\n\n");
    if text.is_empty() {
        return "No good Wikipedia Search Result was found".into();
    }
    text.chars().take(usize::try_from(kept).unwrap_or(usize::MAX)).collect()
}

async fn search(call: &Call<'_>) -> Result<Vec<Map<String, Json>>, String> {
    let inputs = &call.inputs;
    let language = inputs.text("lang").unwrap_or_else(|| "en".into()).trim().to_lowercase();
    // It becomes part of a host's name.
    if language.is_empty() || language.len() > 20 || !language.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return Err(format!("there is no Wikipedia in the language {language:?}"));
    }
    let most = inputs.count("k").unwrap_or(PAGES).clamp(1, MOST).to_string();
    let kept = usize::try_from(inputs.count("doc_content_chars_max").unwrap_or(CHARACTERS)).unwrap_or(usize::MAX);
    let query: String = inputs.text("input_value").unwrap_or_default().chars().take(SEARCH).collect();
    if query.trim().is_empty() {
        return Ok(Vec::new());
    }
    let found = ask(call, &language, &[("list", "search"), ("srsearch", &query), ("srlimit", &most)]).await?;
    let mut rows = Vec::new();
    for title in found["query"]["search"].as_array().into_iter().flatten().filter_map(|it| it["title"].as_str()) {
        let wanted = [
            ("prop", "extracts|info|pageprops"),
            ("explaintext", "1"),
            ("inprop", "url"),
            ("ppprop", "disambiguation"),
            ("redirects", "1"),
            ("titles", title),
        ];
        let answer = ask(call, &language, &wanted).await?;
        rows.extend(
            answer["query"]["pages"]
                .as_object()
                .into_iter()
                .flat_map(Map::values)
                .filter_map(|it| page(title, it, kept)),
        );
    }
    Ok(rows)
}

async fn ask(call: &Call<'_>, language: &str, wanted: &[(&str, &str)]) -> Result<Json, String> {
    let mut url =
        Url::parse(&format!("https://{language}.wikipedia.org/w/api.php")).map_err(|error| error.to_string())?;
    url.query_pairs_mut().append_pair("action", "query").append_pair("format", "json").extend_pairs(wanted);
    let answer = call.fetch(WebRequest::get(url)).await.map_err(|error| error.to_string())?;
    if !answer.is_success() {
        return Err(format!("Wikipedia answered {}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "what Wikipedia answered is no JSON".into())
}

/// Makes a row of a page; none of one that is not there or only says what else could be meant.
fn page(title: &str, page: &Json, kept: usize) -> Option<Map<String, Json>> {
    if page.get("missing").is_some() || page["pageprops"].get("disambiguation").is_some() {
        return None;
    }
    let text = page["extract"].as_str()?;
    // What stands before the first heading.
    let summary = text.split("\n==").next().unwrap_or_default().trim_end();
    let text: String = text.chars().take(kept).collect();
    Some(Data::of_json(json!({"title": title, "summary": summary, "source": page["fullurl"], "text": text})).data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_a_row_with_what_stands_before_its_first_heading() {
        let tower = json!({"extract": "It is high.\nVery.\n\n\n== History ==\nOld.", "fullurl": "https://x/Tower"});
        let row = page("Tower", &tower, 12).unwrap();
        assert_eq!(row["summary"], "It is high.\nVery.");
        assert_eq!((&row["text"], &row["source"]), (&json!("It is high.\n"), &json!("https://x/Tower")));
        assert!(page("Mercury", &json!({"extract": "…", "pageprops": {"disambiguation": ""}}), 9).is_none());
        assert!(page("None", &json!({"missing": ""}), 9).is_none());
    }
}
