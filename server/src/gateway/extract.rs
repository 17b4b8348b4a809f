//! What the gateway's handlers read from a request: the credential, where it came from, the body.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use services::gateway::{Credential, GatewayError};

use super::Refused;
use crate::guard::ClientIp;
use crate::http::AppState;
use crate::json::{self, Problem};

/// The largest body that a call may have: 32,000 characters, each written as twelve at most, and what surrounds them.
const BODY: usize = 512 * 1024;

/// Who sends a request, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(super) token: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) from_page: bool,
    pub(super) ip: ClientIp,
}

impl FromRequestParts<AppState> for Sender {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bearer = text("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        // A fetch of our own pages and frames is same-origin; `none` is an address that someone typed.
        let site = text("sec-fetch-site");
        let same_origin = site.as_deref() == Some("same-origin");
        let origin = text("origin").filter(|origin| !same_origin && *origin != state.ctx.settings.public_url);
        let from_page = origin.is_some() || site.is_some_and(|site| !matches!(site.as_str(), "none" | "same-origin"));
        Ok(Self {
            token: bearer.or_else(|| text("x-api-key")),
            origin,
            from_page,
            ip: parts.extensions.get::<ClientIp>().copied().unwrap_or(ClientIp([0, 0, 0, 0].into())),
        })
    }
}

impl Sender {
    /// Returns what the gateway authenticates; without a token there is nothing to look at.
    pub(super) fn credential(&self) -> Result<Credential<'_>, GatewayError> {
        let token = self
            .token
            .as_deref()
            .ok_or_else(|| GatewayError::new(401, "unauthorized", "Invalid or missing API key"))?;
        Ok(Credential { token, origin: self.origin.as_deref(), from_page: self.from_page, ip: self.ip.0 })
    }

    /// Tells whether the request comes from a document of ours.
    pub(super) const fn is_ours(&self) -> bool {
        self.origin.is_none()
    }

    /// Returns what lets the sender's page read an answer; see [`readable_by`].
    pub(super) fn cors(&self) -> impl Fn(Response) -> Response + use<> {
        let origin = self.origin.clone();
        move |mut response| {
            readable_by(&mut response, origin.as_deref());
            response
        }
    }
}

/// Lets a page read an answer. Which pages may call at all is decided by the key's list; these
/// headers alone let nobody in, because no cookie is taken here.
fn readable_by(response: &mut Response, origin: Option<&str>) {
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) else {
        return;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "retry-after, x-request-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, idempotent-replayed",
        ),
    );
}

/// Answers a browser that asks whether a page of another origin may call the gateway; nothing to anything else.
pub(crate) fn preflight(request: &Request) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request.uri().path().starts_with("/api/agent-gateway/")
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks {
        return None;
    }
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let mut response = StatusCode::NO_CONTENT.into_response();
    readable_by(&mut response, origin);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, idempotency-key, x-api-key"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(response)
}

/// A body that is read as JSON when it is known who sends it; what is wrong is a 413 or a 422.
#[derive(Clone, Debug)]
pub(crate) struct Raw(pub(crate) Bytes);

impl Raw {
    /// Reads the body; the text of the error names the field.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, GatewayError> {
        json::read(&self.0).map_err(|Problem { field, problem }| {
            let detail = if field.is_empty() { problem } else { format!("{field} {problem}") };
            GatewayError::new(422, "invalid", detail)
        })
    }
}

impl FromRequest<AppState> for Raw {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Refused> {
        let body = request.into_body();
        let too_large = || GatewayError::new(413, "too_large", format!("The body may have {BODY} bytes at most."));
        axum::body::to_bytes(body, BODY).await.map(Self).map_err(|_| too_large().into())
    }
}
