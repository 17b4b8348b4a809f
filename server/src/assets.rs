//! What `cargo xtask web` built, inside the program: the portal's wasm, styles, pictures, the widget.
//!
//! In a debug build the files are read from `target/site` at each request, so that a rebuilt
//! stylesheet shows without a restart.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// The site's files.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../target/site"]
pub struct Site;

/// How long a file may be kept without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// For ever: its address changes with its content.
    Immutable,
    /// An hour.
    Hour,
    /// Five minutes, and a day while a new one is fetched.
    Minutes,
}

impl Caching {
    const fn header(self) -> HeaderValue {
        match self {
            Self::Immutable => HeaderValue::from_static("public, max-age=31536000, immutable"),
            Self::Hour => HeaderValue::from_static("public, max-age=3600"),
            Self::Minutes => HeaderValue::from_static("public, max-age=300, stale-while-revalidate=86400"),
        }
    }
}

/// Returns the hash over everything that was built; it is part of the assets' addresses.
pub fn build_hash() -> String {
    Site::get("build.json")
        .and_then(|file| serde_json::from_slice::<serde_json::Value>(&file.data).ok())
        .and_then(|build| build.get("hash").and_then(|hash| hash.as_str()).map(str::to_owned))
        .filter(|hash| !hash.is_empty() && hash.chars().all(|c| c.is_ascii_alphanumeric()))
        .unwrap_or_else(|| "dev".to_owned())
}

/// Tells whether the portal's assets were built at all.
pub fn are_built() -> bool {
    Site::get("pkg/cmp.css").is_some()
}

/// Serves `/pkg/{hash}/{file}`.
pub async fn package(Path((hash, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    // An old tab asks for an old hash and gets today's file; only the right one may be kept.
    let caching = if hash == build_hash() { Caching::Immutable } else { Caching::Minutes };
    serve(&format!("pkg/{file}"), &headers, caching).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// Answers with a file, in the smallest encoding that the browser takes.
pub fn serve(path: &str, headers: &HeaderMap, caching: Caching) -> Option<Response> {
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return None;
    }
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |encoding: &str| {
        accepted.split(',').any(|part| part.split(';').next().is_some_and(|name| name.trim() == encoding))
    };
    let (file, encoding) = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(name, _)| accepts(name))
        .find_map(|(name, suffix)| Site::get(&format!("{path}{suffix}")).map(|file| (file, Some(name))))
        .or_else(|| Site::get(path).map(|file| (file, None)))?;
    let mut response = Response::new(Body::from(file.data.into_owned()));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    out.insert(header::CACHE_CONTROL, caching.header());
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    }
}
