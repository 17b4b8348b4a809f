//! arXiv: papers by their title, author, category or any of it.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::{Component, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value},
    web::{WebRequest, page},
};

/// The most papers that are asked for.
const PAPERS: u64 = 100;

#[derive(Debug)]
pub(super) struct ArXiv;

#[async_trait]
impl Component for ArXiv {
    fn types(&self) -> &'static [&'static str] {
        &["ArXivComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe", "data"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("search_papers_dataframe", "dataframe"), ("search_papers", "data")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows = match search(call).await {
            Ok(rows) => rows,
            Err(error) => vec![Data::of_json(json!({"error": format!("Request error: {error}")})).data],
        };
        let records = rows.iter().map(|row| Value::data(Data::new(row.clone()))).collect();
        let mut outputs = Outputs::one("dataframe", Value::table(rows));
        outputs.add("data", Value::List(records));
        Ok(outputs)
    }
}

async fn search(call: &Call<'_>) -> Result<Vec<Map<String, Json>>, String> {
    let inputs = &call.inputs;
    let field = match inputs.text("search_type").as_deref() {
        Some("title") => "title",
        Some("abstract") => "abstract",
        Some("author") => "author",
        Some("cat") => "cat",
        _ => "all",
    };
    let most = inputs.count("max_results").unwrap_or(10).min(PAPERS);
    let query = inputs.text("search_query").unwrap_or_default();
    let mut url = Url::parse("https://export.arxiv.org/api/query").map_err(|error| error.to_string())?;
    url.query_pairs_mut()
        .append_pair("search_query", &format!("{field}:{query}"))
        .append_pair("max_results", &most.to_string());
    let answer = call.fetch(WebRequest::get(url)).await.map_err(|error| error.to_string())?;
    if !answer.is_success() {
        return Err(format!("arXiv answered {}", answer.status));
    }
    Ok(page::parts(&answer.text(), "entry").into_iter().map(paper).collect())
}

fn paper(entry: &str) -> Map<String, Json> {
    let text = |name: &str| page::inner(entry, name).map(page::text_of).filter(|it| !it.is_empty());
    let link = |relation: &str| {
        let tags = page::tags(entry, "link");
        let of = tags.iter().find(|it| page::attribute(it, "rel").as_deref() == Some(relation));
        of.and_then(|it| page::attribute(it, "href"))
    };
    let terms = |name: &str| -> Vec<String> {
        page::tags(entry, name).iter().filter_map(|it| page::attribute(it, "term")).collect()
    };
    let authors: Vec<String> =
        page::parts(entry, "author").iter().filter_map(|it| page::inner(it, "name")).map(page::text_of).collect();
    let paper = json!({
        "id": text("id"),
        "title": text("title"),
        "summary": text("summary"),
        "published": text("published"),
        "updated": text("updated"),
        "authors": authors,
        "arxiv_url": link("alternate"),
        "pdf_url": link("related"),
        "comment": text("arxiv:comment"),
        "journal_ref": text("arxiv:journal_ref"),
        "primary_category": terms("arxiv:primary_category").first(),
        "categories": terms("category"),
    });
    Data::of_json(paper).data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_becomes_a_paper() {
        let entry = r#"<id>http://arxiv.org/abs/1</id><title>On
 Things</title><author><name>A. B.</name></author><author><name>C</name></author>
<link href="http://arxiv.org/abs/1" rel="alternate" type="text/html"/><link title="pdf" href="http://arxiv.org/pdf/1" rel="related"/>
<arxiv:primary_category term="cs.AI"/><category term="cs.AI" scheme="x"/><category term="cs.CL"/>"#;
        let paper = paper(entry);
        assert_eq!(paper["title"], "On Things");
        assert_eq!(paper["authors"], json!(["A. B.", "C"]));
        assert_eq!(paper["pdf_url"], "http://arxiv.org/pdf/1");
        assert_eq!(paper["primary_category"], "cs.AI");
        assert_eq!(paper["categories"], json!(["cs.AI", "cs.CL"]));
        assert_eq!(paper["comment"], Json::Null);
    }
}
