//! What a client asks first: version and public settings; and a page that lists the API.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(version)).routes(routes!(configuration)).routes(routes!(page))
}

/// Answers the program's version.
#[utoipa::path(get, path = "/api/version/", tag = "about", responses((status = 200)))]
async fn version() -> Json<Value> {
    Json(json!({"version": env!("CARGO_PKG_VERSION")}))
}

/// Answers the public settings.
#[utoipa::path(get, path = "/api/configuration/", tag = "about", responses((status = 200)))]
async fn configuration(State(state): State<AppState>) -> Json<Value> {
    let settings = &state.ctx.settings;
    Json(json!({
        "SITE_NAME": settings.site_name,
        "SHORT_PAGE_TITLE": settings.site_name,
        "FULL_PAGE_TITLE": settings.site_name,
        "CURRENCY_NAME": "USD",
        "ANONYMOUS_USER_CAN_VIEW_OFFERINGS": true,
        "FEATURES": {},
    }))
}

/// Lists the API for people; made of the same description as `/api/schema.json`.
#[utoipa::path(get, path = "/api/docs/", tag = "about", responses((status = 200, content_type = "text/html")))]
async fn page() -> Response {
    let openapi = super::documented_router().into_openapi();
    let document = serde_json::to_value(&openapi).unwrap_or_default();
    let mut operations: Vec<(String, String, String, Value)> = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or("other").to_owned();
            operations.push((tag, path.clone(), method.to_uppercase(), operation.clone()));
        }
    }
    operations.sort_by(|a, b| (&a.0, &a.1, &a.2).cmp(&(&b.0, &b.1, &b.2)));
    let mut html = String::from(HEAD);
    let mut current = String::new();
    for (tag, path, method, operation) in operations {
        if tag != current {
            let _ = write!(html, "<h2>{}</h2>", escape(&tag));
            current = tag;
        }
        let summary = operation["summary"].as_str().unwrap_or_default();
        let description = operation["description"].as_str().unwrap_or_default();
        let _ = write!(
            html,
            "<details><summary><b class=\"{}\">{method}</b> <code>{}</code> <span>{}</span></summary>",
            method.to_lowercase(),
            escape(&path),
            words(summary)
        );
        if !description.is_empty() && description != summary {
            let _ = write!(html, "<p>{}</p>", words(description));
        }
        if let Some(body) = operation.pointer("/requestBody/content/application~1json/schema") {
            let _ = write!(html, "<h3>Body</h3><pre>{}</pre>", escape(&pretty(&document, body)));
        }
        html.push_str("<h3>Answers</h3><ul>");
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let text = response["description"].as_str().unwrap_or_default();
            let _ = write!(html, "<li><code>{}</code> {}", escape(status), words(text));
            if let Some(schema) = response.pointer("/content/application~1json/schema") {
                let _ = write!(html, "<pre>{}</pre>", escape(&pretty(&document, schema)));
            }
            html.push_str("</li>");
        }
        html.push_str("</ul></details>");
    }
    html.push_str("</main></body></html>");
    let policy =
        "default-src 'none'; style-src 'sha256-STYLE'; frame-ancestors 'none'".replace("sha256-STYLE", &style_hash());
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()), (header::CONTENT_SECURITY_POLICY, policy)], html)
        .into_response()
}

const STYLE: &str = "html{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}\
main{max-width:60rem;margin:auto;padding:2rem 1rem}h1{line-height:1.2}h2{margin-top:2.5rem;text-transform:capitalize}\
h3{font-size:.9rem;margin:.75rem 0 .25rem}details{border:1px solid #8884;border-radius:.5rem;margin:.4rem 0;padding:.5rem .75rem}\
summary{cursor:pointer;overflow-wrap:anywhere}summary b{display:inline-block;min-width:4.2rem;font-family:ui-monospace,monospace}\
summary span{opacity:.8}pre{overflow:auto;background:#8882;padding:.75rem;border-radius:.375rem;font-size:.85rem}";

const HEAD: &str = concat!(
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>CMP API</title>",
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><link rel=\"icon\" href=\"/favicon.svg\"><style>",
    "html{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}",
    "main{max-width:60rem;margin:auto;padding:2rem 1rem}h1{line-height:1.2}h2{margin-top:2.5rem;text-transform:capitalize}",
    "h3{font-size:.9rem;margin:.75rem 0 .25rem}details{border:1px solid #8884;border-radius:.5rem;margin:.4rem 0;padding:.5rem .75rem}",
    "summary{cursor:pointer;overflow-wrap:anywhere}summary b{display:inline-block;min-width:4.2rem;font-family:ui-monospace,monospace}",
    "summary span{opacity:.8}pre{overflow:auto;background:#8882;padding:.75rem;border-radius:.375rem;font-size:.85rem}",
    "</style></head><body><main><h1>CMP API</h1><p>Users send <code>Authorization: Token …</code>, which ",
    "<code>POST /api-auth/password/</code> answers. The gateway takes keys. The same as ",
    "<a href=\"/api/schema.json\">OpenAPI</a>.</p>"
);

fn style_hash() -> String {
    use base64::Engine as _;
    use sha2::Digest as _;

    let digest = sha2::Sha256::digest(STYLE.as_bytes());
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

fn pretty(document: &Value, schema: &Value) -> String {
    let schema = match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(schema),
        None => schema,
    };
    serde_json::to_string_pretty(schema).unwrap_or_default()
}

/// Escapes a sentence; what stands between backticks is code.
fn words(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escape(part);
        let _ = if at % 2 == 1 { write!(html, "<code>{part}</code>") } else { write!(html, "{part}") };
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_carries_the_style_that_its_policy_allows() {
        assert!(super::HEAD.contains(&format!("<style>{}</style>", super::STYLE)));
    }

    #[test]
    fn code_in_a_sentence_is_shown_as_code() {
        assert_eq!(super::words("`a<b` or c"), "<code>a&lt;b</code> or c");
    }
}
