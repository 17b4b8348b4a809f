//! What the handlers share: who is asking, references to things, and addresses of things.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use services::{Ctx, Error, Principal};

use super::error::ApiError;
use crate::guard::ClientIp;
use crate::http::AppState;
use crate::json;

/// Who is asking, from where.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The caller.
    pub(crate) principal: Principal,
    /// The caller's address.
    pub(crate) ip: ClientIp,
    /// The caller's program.
    pub(crate) user_agent: String,
}

impl FromRequestParts<AppState> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Ok(Self {
            principal: parts.extensions.get::<Principal>().cloned().unwrap_or_default(),
            ip: parts.extensions.get::<ClientIp>().copied().unwrap_or(ClientIp([0, 0, 0, 0].into())),
            user_agent: parts
                .headers
                .get("user-agent")
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect(),
        })
    }
}

/// A JSON body; what is wrong with it is said as a validation error.
#[derive(Clone, Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let bytes = bytes::Bytes::from_request(request, state)
            .await
            .map_err(|_| ApiError(Error::invalid("", "the body is too large or was cut off")))?;
        // An empty body is an empty object: actions need none.
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        json::read(bytes).map(Self).map_err(|wrong| ApiError(Error::invalid(wrong.field, wrong.problem)))
    }
}

/// What a table for a spreadsheet is sent as.
pub(crate) const CSV: &str = "text/csv; charset=utf-8";
/// What a PDF is sent as.
pub(crate) const PDF: &str = "application/pdf";

/// Answers with a file to keep, which nobody on the way does. Its name has letters, digits, dots and hyphens alone.
pub(crate) fn file(name: &str, content_type: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}

/// Reads a reference to a thing: an address, a path, or an identifier.
pub(crate) fn reference<T: std::str::FromStr>(field: &str, text: &str) -> Result<T, ApiError> {
    text.trim()
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .parse()
        .map_err(|_| ApiError(Error::invalid(field, "must be the address or the identifier of an existing object")))
}

/// Reads an identifier of the path; a wrong one is a thing that is not there.
pub(crate) fn path_id<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError(Error::NotFound(what)))
}

/// Returns the address of a thing.
pub(crate) fn url_of(ctx: &Ctx, collection: &str, id: impl std::fmt::Display) -> String {
    format!("{}/api/{collection}/{id}/", ctx.settings.public_url)
}
