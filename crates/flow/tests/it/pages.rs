//! Components that read from services of the world, with the world scripted.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use flow::{Web, WebError, WebRequest, WebResponse};
use serde_json::{Value, json};

use crate::parts::{Script, calls, edge, engine, flow, node, run, says};

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

/// Answers as Yahoo does, and keeps what it was asked: the address, and the cookie.
#[derive(Debug, Default)]
struct Exchange(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Web for Exchange {
    async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        let cookie = request.headers.iter().find(|(name, _)| name == "cookie").map(|(_, it)| it.clone());
        self.0.lock().unwrap().push((request.url.clone(), cookie.unwrap_or_default()));
        let answer = |status: u16, headers: &[(&str, &str)], body: String| WebResponse {
            status,
            url: request.url.clone(),
            headers: headers.iter().map(|(name, it)| ((*name).to_owned(), (*it).to_owned())).collect(),
            body: body.into_bytes(),
        };
        let url = request.url.as_str();
        Ok(if url.contains("/v1/finance/search") {
            let one = |title: &str| json!({"title": title, "link": format!("https://x/{title}"), "publisher": "P"});
            answer(200, &[], json!({"news": [one("Up"), one("Down"), one("Flat")]}).to_string())
        } else if url.contains("/chart/NONE") {
            answer(404, &[], json!({"chart": {"result": null, "error": {"description": "No data found"}}}).to_string())
        } else if url.contains("/chart/") {
            let events = json!({"2": {"date": 20, "amount": 0.5}, "1": {"date": 10, "amount": 0.25}});
            let found = json!({"meta": {"currency": "USD"}, "events": {"dividends": events}});
            answer(200, &[], json!({"chart": {"result": [found], "error": null}}).to_string())
        } else if url.starts_with("https://fc.yahoo.com/") {
            answer(404, &[("set-cookie", "A3=d=abc; Domain=.yahoo.com; Path=/")], String::new())
        } else if url.ends_with("/getcrumb") {
            answer(200, &[], "cr/umb".into())
        } else if url.contains("/quoteSummary/") {
            let found = json!({"price": {"regularMarketPrice": 12.5}});
            answer(200, &[], json!({"quoteSummary": {"result": [found], "error": null}}).to_string())
        } else {
            answer(429, &[], "Too Many Requests".into())
        })
    }
}

fn quoting(method: &str) -> flow::Flow {
    let count = json!({"type": "int", "value": 2});
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        node("share", "YfinanceComponent", json!({"symbol": "", "method": method, "num_news": count})),
        node("show", "ParserComponent", json!({"pattern": "{text}", "sep": "|", "mode": "Parser"})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "share.symbol"),
        edge("share.dataframe", "show.input_data"),
        edge("show.parsed_text", "out.input_value"),
    ];
    flow(nodes, edges)
}

#[tokio::test]
async fn a_share_has_news_a_course_and_reports() {
    let world = Arc::new(Exchange::default());
    let engine = engine(&Script::new(Vec::new())).with_web(world.clone());
    let said = async |method: &str, symbol: &str| run(&engine, &quoting(method), symbol).await.0.unwrap().text;
    assert_eq!(said("get_news", "aapl").await, "Up: https://x/Up|Down: https://x/Down");
    let dividends: Value = serde_json::from_str(&said("get_dividends", "AAPL").await).unwrap();
    assert_eq!(dividends["dividends"][0]["date"], 10, "the oldest first");
    assert!(said("get_fast_info", "AAPL").await.contains("USD"));
    world.0.lock().unwrap().clear();
    assert!(said("get_info", "AAPL").await.contains("12.5"));
    let asked = world.0.lock().unwrap().clone();
    assert_eq!(asked.iter().map(|(_, cookie)| cookie.as_str()).collect::<Vec<_>>(), ["", "A3=d=abc", "A3=d=abc"]);
    assert!(asked[2].0.contains("/quoteSummary/AAPL?") && asked[2].0.contains("crumb=cr%2Fumb"), "{}", asked[2].0);
}

#[tokio::test]
async fn a_share_that_is_not_there_is_an_error_and_a_symbol_leads_nowhere_else() {
    let world = Arc::new(Exchange::default());
    let engine = engine(&Script::new(Vec::new())).with_web(world.clone());
    let error = run(&engine, &quoting("get_splits"), "NONE").await.0.unwrap_err();
    assert!(error.to_string().contains("No data found"), "{error}");
    world.0.lock().unwrap().clear();
    for symbol in ["../../x", "A/B", "A?b=c", "A#", "A B"] {
        assert!(run(&engine, &quoting("get_fast_info"), symbol).await.0.is_err(), "{symbol}");
    }
    assert!(world.0.lock().unwrap().is_empty(), "nobody was asked");
    let report = flow::check(&quoting("get_shares"));
    assert!(report.nodes[1].reason.contains("get_shares"), "{}", report.nodes[1].reason);
}

#[tokio::test]
async fn the_older_wikipedia_is_a_tool_that_gives_summaries() {
    let world = Arc::new(Encyclopedia::default());
    let script = Script::new(vec![calls(&[("wikipedia", json!({"query": "high towers"}))]), says("done")]);
    let engine = engine(&script).with_web(world);
    let mut wiki = node("wiki", "WikipediaAPI", json!({"input_value": "", "lang": "de"}));
    wiki["data"]["node"]["outputs"] = json!([{"name": "api_build_tool", "types": ["Tool"]}]);
    let nodes = vec![
        node("in", "ChatInput", json!({"input_value": ""})),
        wiki,
        node("agent", "Agent", json!({"input_value": "", "tools": {"type": "other", "value": "", "list": true}})),
        node("out", "ChatOutput", json!({"input_value": ""})),
    ];
    let edges = vec![
        edge("in.message", "agent.input_value"),
        edge("wiki.api_build_tool", "agent.tools"),
        edge("agent.response", "out.input_value"),
    ];
    let flow = flow(nodes, edges);
    assert_eq!(flow::check(&flow).verdict, flow::Verdict::Native);
    assert_eq!(run(&engine, &flow, "x").await.0.unwrap().text, "done");
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[1].messages.last().unwrap().text, "Page: Tower\nSummary: It is high.");
}
