//! Yahoo! Finance: prices, news and reports of a share.
//!
//! Langflow reads them through `yfinance`, a package that asks the addresses which Yahoo's own pages ask; so does
//! this. Yahoo offers them to nobody and may refuse or change them. What reports need besides is a cookie and a word
//! that belongs to it, which are asked for anew by each component that needs them.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::{Component, Outputs, tavily, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, plain},
    web::{WebRequest, WebResponse},
};

/// How many news there are where nothing is said, and at the most.
const NEWS: u64 = 5;
const MOST_NEWS: u64 = 50;
/// The longest cookie that is handed on.
const COOKIE_BYTES: usize = 4_096;

/// Which modules of a report answer a method.
const REPORTS: [(&str, &str); 18] = [
    ("get_info", "summaryProfile,summaryDetail,assetProfile,financialData,defaultKeyStatistics,price,quoteType"),
    ("get_analysis", "earningsTrend"),
    ("get_balance_sheet", "balanceSheetHistory"),
    ("get_calendar", "calendarEvents"),
    ("get_cashflow", "cashflowStatementHistory"),
    ("get_institutional_holders", "institutionOwnership"),
    ("get_recommendations", "recommendationTrend"),
    ("get_recommendations_summary", "recommendationTrend"),
    ("get_sustainability", "esgScores"),
    ("get_major_holders", "majorHoldersBreakdown"),
    ("get_mutualfund_holders", "fundOwnership"),
    ("get_insider_purchases", "netSharePurchaseActivity"),
    ("get_insider_transactions", "insiderTransactions"),
    ("get_insider_roster_holders", "insiderHolders"),
    ("get_sec_filings", "secFilings"),
    ("get_upgrades_downgrades", "upgradeDowngradeHistory"),
    ("get_earnings", "earnings"),
    ("get_income_stmt", "incomeStatementHistory"),
];
/// Methods that the course of a share answers, and which of its events.
const COURSE: [(&str, &str); 5] = [
    ("get_fast_info", ""),
    ("get_actions", "dividends,splits,capitalGains"),
    ("get_dividends", "dividends"),
    ("get_splits", "splits"),
    ("get_capital_gains", "capitalGains"),
];

/// The component, and the one of older versions, which differ in how agents call them.
#[derive(Debug)]
pub(super) struct YahooFinance {
    pub(super) types: &'static [&'static str],
    pub(super) tools: &'static [(&'static str, &'static str)],
    pub(super) takes: &'static [(&'static str, &'static str)],
}

#[async_trait]
impl Component for YahooFinance {
    fn types(&self) -> &'static [&'static str] {
        self.types
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["dataframe", "data", "text", "api_run_model"]
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

    fn missing(&self, node: &Node) -> Option<String> {
        let method = node.fields.get("method").map(|it| plain(&it.value)).unwrap_or_default();
        (!method.is_empty() && !is_known(&method)).then(|| format!("the data method {method:?}"))
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let rows =
            ask(call).await.map_err(|error| ComponentError::Failed(format!("Error retrieving data: {error}")))?;
        let mut outputs = tavily::outputs(rows);
        if let Some(data) = outputs.get("data").cloned() {
            outputs.add("api_run_model", data);
        }
        Ok(outputs)
    }
}

fn is_known(method: &str) -> bool {
    method == "get_news" || REPORTS.iter().chain(&COURSE).any(|(it, _)| *it == method)
}

async fn ask(call: &Call<'_>) -> Result<Vec<Map<String, Json>>, String> {
    let inputs = &call.inputs;
    let symbol = inputs.text("symbol").unwrap_or_default().trim().to_uppercase();
    // It becomes part of an address.
    let is_symbol = |c: char| c.is_ascii_alphanumeric() || ".^=-&".contains(c);
    if symbol.is_empty() || symbol.starts_with('.') || symbol.len() > 30 || !symbol.chars().all(is_symbol) {
        return Err(format!("{symbol:?} is not the symbol of a share"));
    }
    let method = inputs.text("method").unwrap_or_else(|| "get_news".into());
    let method = method.strip_prefix("YahooFinanceMethod.").unwrap_or(&method).to_lowercase();
    if method == "get_news" {
        return news(call, &symbol).await;
    }
    let result = if let Some((_, events)) = COURSE.iter().find(|(it, _)| *it == method) {
        course(call, &symbol, events).await?
    } else if let Some((_, modules)) = REPORTS.iter().find(|(it, _)| *it == method) {
        report(call, &symbol, modules).await?
    } else {
        return Err(format!("there is no data method {method:?} here"));
    };
    let text = serde_json::to_string_pretty(&result).unwrap_or_default();
    Ok(vec![Data::of_json(json!({"result": text, "text": text})).data])
}

async fn news(call: &Call<'_>, symbol: &str) -> Result<Vec<Map<String, Json>>, String> {
    let most = call.inputs.count("num_news").unwrap_or(NEWS).min(MOST_NEWS);
    let count = most.to_string();
    let answer = get(
        call,
        "https://query2.finance.yahoo.com/v1/finance/search",
        &[("q", symbol), ("newsCount", &count), ("quotesCount", "0")],
        None,
    )
    .await?;
    let news = json_of(&answer)?;
    let articles = news["news"].as_array().into_iter().flatten();
    let rows = articles.take(usize::try_from(most).unwrap_or(usize::MAX)).map(|article| {
        let mut row = Data::of_json(article.clone()).data;
        let text = format!("{}: {}", plain(&article["title"]), plain(&article["link"]));
        row.insert("text".into(), json!(text));
        row
    });
    Ok(rows.collect())
}

async fn course(call: &Call<'_>, symbol: &str, events: &str) -> Result<Json, String> {
    let range = if events.is_empty() { "5d" } else { "max" };
    let asked = [("range", range), ("interval", "1d"), ("events", "div,splits,capitalGains")];
    let url = format!("https://query2.finance.yahoo.com/v8/finance/chart/{symbol}");
    let answer = json_of(&get(call, &url, &asked, None).await?)?;
    let chart = &answer["chart"];
    if let Some(error) = chart["error"]["description"].as_str() {
        return Err(error.to_owned());
    }
    let found = &chart["result"][0];
    if events.is_empty() {
        return Ok(found["meta"].clone());
    }
    // Each event stands under its time, the oldest first in what is answered.
    let sorted = |name: &str| {
        let mut all: Vec<Json> = found["events"][name].as_object().into_iter().flat_map(Map::values).cloned().collect();
        all.sort_by_key(|it| it["date"].as_i64());
        (name.to_owned(), Json::Array(all))
    };
    Ok(Json::Object(events.split(',').map(sorted).collect()))
}

async fn report(call: &Call<'_>, symbol: &str, modules: &str) -> Result<Json, String> {
    let first = call.fetch(WebRequest::get("https://fc.yahoo.com/")).await.map_err(|error| error.to_string())?;
    let cookie = cookies(&first);
    let word = get(call, "https://query1.finance.yahoo.com/v1/test/getcrumb", &[], Some(&cookie)).await?;
    if !word.is_success() {
        return Err(format!("Yahoo answered {}", word.status));
    }
    let crumb = word.text();
    let url = format!("https://query2.finance.yahoo.com/v10/finance/quoteSummary/{symbol}");
    let asked = [("modules", modules), ("formatted", "false"), ("crumb", crumb.trim())];
    let answer = json_of(&get(call, &url, &asked, Some(&cookie)).await?)?;
    let summary = &answer["quoteSummary"];
    if let Some(error) = summary["error"]["description"].as_str() {
        return Err(error.to_owned());
    }
    Ok(summary["result"][0].clone())
}

/// Returns what a browser would send back.
fn cookies(answer: &WebResponse) -> String {
    let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    let pairs = set.filter_map(|(_, value)| value.split(';').next()).map(str::trim).filter(|it| it.contains('='));
    let mut all = pairs.collect::<Vec<_>>().join("; ");
    if all.len() > COOKIE_BYTES {
        all.clear();
    }
    all
}

async fn get(call: &Call<'_>, url: &str, asked: &[(&str, &str)], cookie: Option<&str>) -> Result<WebResponse, String> {
    let mut url = Url::parse(url).map_err(|error| error.to_string())?;
    if !asked.is_empty() {
        url.query_pairs_mut().extend_pairs(asked);
    }
    let headers = cookie.filter(|it| !it.is_empty()).map(|it| ("cookie".to_owned(), it.to_owned()));
    let request = WebRequest { headers: headers.into_iter().collect(), ..WebRequest::get(url) };
    call.fetch(request).await.map_err(|error| error.to_string())
}

fn json_of(answer: &WebResponse) -> Result<Json, String> {
    // What is wrong with a symbol is said with a status of its own.
    match serde_json::from_slice(&answer.body) {
        Ok(json) if answer.is_success() || answer.status == 404 => Ok(json),
        Ok(_) | Err(_) if !answer.is_success() => Err(format!("Yahoo answered {}", answer.status)),
        _ => Err("what Yahoo answered is no JSON".into()),
    }
}
