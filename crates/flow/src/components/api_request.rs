//! API Request: any request over HTTP, under the host's policy.

use async_trait::async_trait;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;
use url::Url;

use super::{Component, Outputs, web_search::web};
use crate::{
    check::Need,
    engine::{Call, ComponentError},
    flow::Node,
    value::{Data, Value, plain},
    web::{WebMethod, WebRequest, WebResponse},
};

#[derive(Debug)]
pub(super) struct ApiRequest;

#[async_trait]
impl Component for ApiRequest {
    fn types(&self) -> &'static [&'static str] {
        &["APIRequest", "APIRequestComponent"]
    }

    fn outputs(&self) -> &'static [&'static str] {
        &["data", "dataframe"]
    }

    fn tools(&self) -> &'static [(&'static str, &'static str)] {
        &[("make_api_request", "data"), ("make_requests", "data"), ("as_dataframe", "dataframe")]
    }

    fn needs(&self, node: &Node) -> Vec<Need> {
        vec![web(node)]
    }

    fn missing(&self, node: &Node) -> Option<String> {
        let holds = |name: &str| node.fields.get(name).is_some_and(|it| it.value == true);
        let curl = ["curl_input", "curl"].iter().any(|name| {
            let field = node.fields.get(*name);
            let tab = node.fields.get("mode").is_some_and(|it| it.value == "cURL");
            field.is_some_and(|it| !plain(&it.value).is_empty() && tab)
        });
        if holds("save_to_file") {
            Some("saving what it read to a file".into())
        } else if curl {
            Some("a request that is written as a curl command".into())
        } else {
            None
        }
    }

    async fn run(&self, call: &Call<'_>) -> Result<Outputs, ComponentError> {
        let mut addresses = call.inputs.texts("url_input");
        if addresses.is_empty() {
            addresses = call.inputs.texts("urls");
        }
        if addresses.is_empty() {
            return Err(ComponentError::Failed("URL cannot be empty".into()));
        }
        let asked = addresses.iter().map(|address| ask(call, address));
        let mut answers = Vec::new();
        for answer in futures::future::join_all(asked).await {
            answers.push(answer.map_err(ComponentError::Failed)?);
        }
        let rows = answers.clone();
        let data = match answers.as_slice() {
            [one] => Value::data(Data::new(one.clone())),
            _ => Value::List(answers.into_iter().map(|it| Value::data(Data::new(it))).collect()),
        };
        let mut outputs = Outputs::one("data", data);
        outputs.add("dataframe", Value::table(rows));
        Ok(outputs)
    }
}

async fn ask(call: &Call<'_>, address: &str) -> Result<Map<String, Json>, String> {
    let inputs = &call.inputs;
    let address = address.trim();
    let full = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    let mut url = Url::parse(&full).map_err(|_| format!("Invalid URL provided: {address}"))?;
    if let Some(query) = inputs.value("query_params") {
        let pairs = match query {
            Value::Data(_) | Value::Json(Json::Object(_) | Json::Array(_)) => inputs.pairs("query_params"),
            other => url::form_urlencoded::parse(other.as_text().as_bytes())
                .map(|(name, value)| (name.into_owned(), Json::String(value.into_owned())))
                .collect(),
        };
        for (name, value) in pairs {
            url.query_pairs_mut().append_pair(&name, &plain(&value));
        }
    }
    let method = match inputs.text("method").unwrap_or_else(|| "GET".into()).to_uppercase().as_str() {
        "GET" => WebMethod::Get,
        "POST" => WebMethod::Post,
        "PUT" => WebMethod::Put,
        "PATCH" => WebMethod::Patch,
        "DELETE" => WebMethod::Delete,
        other => return Err(format!("Unsupported method: {other}")),
    };
    let mut headers: Vec<(String, String)> =
        inputs.pairs("headers").into_iter().map(|(name, value)| (name, plain(&value))).collect();
    let body = (method != WebMethod::Get).then(|| body(call)).flatten();
    if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".into(), "application/json".into()));
    }
    let request = WebRequest {
        url: url.to_string(),
        method,
        headers,
        body: body.map(|body| body.to_string().into_bytes()),
        stays: !inputs.flag("follow_redirects", true),
        timeout: inputs.count("timeout").filter(|it| *it > 0).map(Duration::from_secs),
    };
    let source = url.to_string();
    Ok(match call.fetch(request).await {
        Ok(answer) => read(&source, &answer, inputs.flag("include_httpx_metadata", false)),
        Err(error) => {
            let told = json!({"source": source, "status_code": 500, "error": error.to_string()});
            Data::of_json(told).data
        }
    })
}

/// Pairs become an object, and a value that is JSON itself is put in as JSON.
fn body(call: &Call<'_>) -> Option<Json> {
    let pairs = call.inputs.pairs("body");
    if pairs.is_empty() {
        let whole = call.inputs.value("body")?;
        return Some(match whole.as_text() {
            text if matches!(whole, Value::Json(Json::Array(_))) && text == "[]" => return None,
            text => serde_json::from_str(&text).unwrap_or_else(|_| json!({ "data": text })),
        });
    }
    let parsed = |value: Json| match value.as_str().map(serde_json::from_str::<Json>) {
        Some(Ok(json)) => json,
        _ => value,
    };
    Some(Json::Object(pairs.into_iter().map(|(name, value)| (name, parsed(value))).collect()))
}

fn read(source: &str, answer: &WebResponse, with_headers: bool) -> Map<String, Json> {
    let headers: Map<String, Json> = answer
        .headers
        .iter()
        .filter(|(name, _)| name != "set-cookie")
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let result = serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()));
    let mut told = json!({
        "source": source,
        "status_code": answer.status,
        "response_headers": headers,
        "result": result,
    });
    if with_headers {
        told["headers"] = json!(headers);
    }
    Data::of_json(told).data
}
