//! Components that read from services of the world, with the world scripted.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flow::{Web, WebError, WebRequest, WebResponse};
use serde_json::{Value, json};

use crate::parts::{Script, edge, engine, flow, node, run};

/// Answers as Wikipedia does, and keeps what it was asked.
#[derive(Debug, Default)]
struct Encyclopedia(Mutex<Vec<String>>);

#[async_trait]
impl Web for Encyclopedia {
    async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        self.0.lock().unwrap().push(request.url.clone());
        let body = if request.url.contains("list=search") {
            json!({"query": {"search": [{"title": "Tower"}, {"title": "Mercury"}]}})
        } else if request.url.contains("titles=Tower") {
            json!({"query": {"pages": {"1": {"extract": "It is high.\n\n== Age ==\nOld.", "fullurl": "https://x/Tower"}}}})
        } else {
            json!({"query": {"pages": {"2": {"extract": "May mean", "pageprops": {"disambiguation": ""}}}}})
        };
        Ok(WebResponse { status: 200, url: request.url, headers: Vec::new(), body: body.to_string().into_bytes() })
    }
}

fn asking(language: &str) -> flow::Flow {
    let whole = |number: i64| json!({"type": "int", "value": number});
    let fields = json!({"input_value": "", "lang": language, "k": whole(2), "doc_content_chars_max": whole(100)});
    let show: Value = json!({"pattern": "{title} ({source}): {summary}", "mode": "Parser"});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("wiki", "WikipediaComponent", fields),
        node("show", "ParserComponent", show),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "wiki.input_value"),
        edge("wiki.dataframe", "show.input_data"),
        edge("show.parsed_text", "out.input_value"),
    ];
    flow(nodes, edges)
}

#[tokio::test]
async fn wikipedia_is_searched_and_what_only_lists_meanings_is_left_out() {
    let world = Arc::new(Encyclopedia::default());
    let engine = engine(&Script::new(Vec::new())).with_web(world.clone());
    let (output, _) = run(&engine, &asking("de"), "high towers").await;
    assert_eq!(output.unwrap().text, "Tower (https://x/Tower): It is high.");
    let asked = world.0.lock().unwrap();
    assert!(asked[0].starts_with("https://de.wikipedia.org/w/api.php?"), "{}", asked[0]);
    assert!(asked[0].contains("srsearch=high+towers") && asked[0].contains("srlimit=2"), "{}", asked[0]);
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn a_language_cannot_lead_to_another_host() {
    let world = Arc::new(Encyclopedia::default());
    let engine = engine(&Script::new(Vec::new())).with_web(world.clone());
    for language in ["evil.example/", "x@evil", "..", ""] {
        let (output, _) = run(&engine, &asking(language), "x").await;
        let only_wikipedia = world.0.lock().unwrap().drain(..).all(|it| it.starts_with("https://en.wikipedia.org/"));
        assert!(only_wikipedia, "{language}");
        assert_eq!(output.is_ok(), language.is_empty(), "{language}");
    }
}
