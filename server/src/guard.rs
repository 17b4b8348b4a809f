//! What stands in front of every door: the request's id, who is asking, and the same-origin check.
//!
//! What a newcomer gets wrong: a cookie is sent by any page that makes the browser post to us, so an
//! unsafe request that comes with our cookie must come from our own pages. A request with an
//! `Authorization` header is not the browser's own idea and needs no such check.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use services::Principal;
use tracing::Instrument as _;

use crate::http::AppState;

use app::server_context::SESSION_COOKIE;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: on its answer, in every log line about it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The address that a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

/// Gives each request an id, a log span, and the address it came from; counts and times it.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (8..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
        .map_or_else(|| services::clock::fresh_id().simple().to_string(), str::to_owned);
    let ip = client_ip(&request, state.behind_proxy);
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(ClientIp(ip));
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", request_id = %id, http.method = %method, http.route = %route);
    async move {
        let began = std::time::Instant::now();
        let mut response = next.run(request).await;
        let status = response.status();
        let took = began.elapsed();
        metrics::counter!("cmp_http_requests_total", "method" => method.to_string(), "route" => route.clone(), "status" => status.as_u16().to_string()).increment(1);
        metrics::histogram!("cmp_http_request_seconds", "route" => route).record(took.as_secs_f64());
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), duration_ms = took.as_millis(), "answered with an error of ours");
        } else {
            tracing::debug!(status = status.as_u16(), duration_ms = took.as_millis(), "answered");
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(X_REQUEST_ID.clone(), value);
        }
        response
    }
    .instrument(span)
    .await
}

fn client_ip(request: &Request, behind_proxy: bool) -> IpAddr {
    let forwarded = behind_proxy
        .then(|| request.headers().get("x-forwarded-for")?.to_str().ok()?.split(',').next_back()?.trim().parse().ok())
        .flatten();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    forwarded.or(peer).unwrap_or(IpAddr::from([0, 0, 0, 0]))
}

/// Finds out who is asking, by token or by cookie, and puts a [`Principal`] into the request.
///
/// A wrong token is answered here, so that nobody mistakes it for being a visitor. The gateway's
/// keys are no user tokens and pass through as visitors.
pub async fn authenticate(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let principal = match user_token(request.headers()) {
        Some(token) => match services::identity::principal_of_token(&state.ctx, &token).await {
            Ok(Principal::Visitor) => {
                return (
                    StatusCode::UNAUTHORIZED,
                    [(header::WWW_AUTHENTICATE, "Token")],
                    axum::Json(serde_json::json!({"detail": "Invalid token."})),
                )
                    .into_response();
            }
            Ok(principal) => principal,
            Err(error) => return crate::api::error::ApiError(error).into_response(),
        },
        None => {
            let cookie = session_cookie(request.headers());
            let found = match &cookie {
                Some(cookie) => services::identity::principal_of_cookie(&state.ctx, cookie).await,
                None => Ok(Principal::Visitor),
            };
            match found {
                Ok(principal) => {
                    let unsafe_method = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
                    // Signing in is checked too: a foreign page must not sign a browser in as someone else.
                    let own_form = request.uri().path().starts_with("/ui/");
                    if unsafe_method && (cookie.is_some() || own_form) && !is_same_origin(request.headers(), &state) {
                        return (
                            StatusCode::FORBIDDEN,
                            axum::Json(serde_json::json!({
                                "detail": "This request came from another site. Open the page here and try again."
                            })),
                        )
                            .into_response();
                    }
                    principal
                }
                Err(error) => return crate::api::error::ApiError(error).into_response(),
            }
        }
    };
    request.extensions_mut().insert(principal);
    next.run(request).await
}

/// Returns the user token of `Authorization: Token …` or `Bearer …`; gateway keys and session tokens are none.
fn user_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let is_token = scheme.eq_ignore_ascii_case("token");
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    let is_user_token = token.len() == 40 && token.chars().all(|c| c.is_ascii_hexdigit());
    (is_token || (is_bearer && is_user_token)).then(|| token.to_owned())
}

/// Returns the value of the session cookie.
pub fn session_cookie(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SESSION_COOKIE)
}

/// Returns a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    CookieJar::from_headers(headers).get(name).map(|cookie| cookie.value().to_owned())
}

/// Tells whether a request comes from one of our own pages, by what only browsers can set.
fn is_same_origin(headers: &HeaderMap, state: &AppState) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text("origin") {
        Some(origin) => {
            let host = text("host").unwrap_or_default();
            origin.eq_ignore_ascii_case(&state.ctx.settings.public_url)
                || origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
        }
        // Neither header: not a browser of the last years, and so not a page that could be abused.
        None => true,
    }
}

/// Sets the headers that every answer carries unless its handler chose otherwise.
pub async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    default(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    // A route that may be framed sets its own policy; everything else may not.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        );
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}
