//! The widget's own routes: its files, the document inside its frame, and the same chat as a page.
//!
//! What a newcomer gets wrong: the frame's requests come from our own origin, so which page may show
//! a chat is decided by the `frame-ancestors` of its document, and that is why its address names the
//! config.

mod document;
mod language;
mod page;
mod palette;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::ConfigId;
use serde::Deserialize;
use services::gateway;

use crate::assets::{self, Caching};
use crate::http::AppState;
use document::Document;
use language::Language;

/// Builds the widget's routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/widget/{file}", get(file))
        .route("/widget/v/{hash}/{file}", get(versioned))
        .route("/widget/frame/{config}", get(frame))
        .route("/chat/{config}", get(page::show).post(page::say))
}

/// Serves a file at its lasting address.
async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    asset(&name, &headers, Caching::Minutes)
}

/// Serves a file at the address of one build.
async fn versioned(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let caching = if hash == assets::build_hash() { Caching::Immutable } else { Caching::Minutes };
    asset(&name, &headers, caching)
}

fn asset(name: &str, headers: &HeaderMap, caching: Caching) -> Response {
    let Some(mut response) = assets::serve(&format!("widget/{name}"), headers, caching) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // They are public, and pages of any origin load them, cross-origin isolated ones too.
    let out = response.headers_mut();
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("timing-allow-origin", "*"),
    ] {
        out.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// What a page tells of itself.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    lang: Option<String>,
}

/// Answers with the chat that the loader puts into a frame.
async fn frame(
    State(state): State<AppState>,
    Path(config): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(asked.lang.as_deref(), &headers);
    match boot(&state, &config).await {
        Ok(boot) => Document::of(&boot, language).framed().into_response(),
        Err(error) => document::refusal(&error, language),
    }
}

async fn boot(state: &AppState, config: &str) -> Result<gateway::WidgetBoot, gateway::GatewayError> {
    gateway::boot(&state.ctx, config_id(config)?).await
}

fn config_id(text: &str) -> Result<ConfigId, gateway::GatewayError> {
    text.parse().map_err(|_| gateway::GatewayError::new(404, "not_found", "There is no such chat."))
}

/// Reads a header as text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Forbids keeping an answer that is one visitor's or may change with the config.
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
