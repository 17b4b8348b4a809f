//! The chat as a page of its own, which needs no script: a form and what was said.
//!
//! A browser keeps the conversation in a cookie of this one path. Inside a frame of another site it
//! would not be sent, so there the form itself carries it.

use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use services::gateway::{self, GatewayError, PageMessage, WidgetBoot};

use super::document::{self, Document};
use super::language::Language;
use super::{Asked, config_id, text};
use crate::guard::ClientIp;
use crate::http::AppState;

const COOKIE: &str = "cmp_chat";
/// For how long a browser keeps a conversation: thirty days.
const KEPT: &str = "2592000";

/// What a form sent.
#[derive(Debug, Default)]
struct Form {
    input: String,
    handle: Option<String>,
    once: Option<String>,
}

impl Form {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            match name.as_ref() {
                // A starter is a second `input` beside the empty one.
                "input" if !value.trim().is_empty() => form.input = value.into_owned(),
                "handle" if !value.is_empty() => form.handle = Some(value.into_owned()),
                "once" if !value.is_empty() => form.once = Some(value.into_owned()),
                _ => {}
            }
        }
        form
    }
}

/// Shows the conversation.
pub(super) async fn show(
    State(state): State<AppState>,
    Path(config): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of(asked.lang.as_deref(), &headers);
    let handle = kept(&headers);
    match conversation(&state, &config, handle.as_deref(), language, None).await {
        Ok(response) => response,
        Err(error) => document::refusal(&error, language),
    }
}

/// Takes a message and shows the conversation again, with the answer.
pub(super) async fn say(
    State(state): State<AppState>,
    Extension(ip): Extension<ClientIp>,
    Path(config): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let language = Language::of(asked.lang.as_deref(), &headers);
    if !is_own_form(&state, &headers) {
        let error = GatewayError::new(403, "foreign_form", "This form is not one of ours.");
        return document::refusal(&error, language);
    }
    let form = Form::read(&body);
    match answer(&state, &config, &headers, ip, form, language).await {
        Ok(response) => response,
        Err(error) => document::refusal(&error, language),
    }
}

async fn answer(
    state: &AppState,
    config: &str,
    headers: &HeaderMap,
    ip: ClientIp,
    form: Form,
    language: &'static Language,
) -> Result<Response, GatewayError> {
    let id = config_id(config)?;
    let in_frame = text(headers, "sec-fetch-dest") == Some("iframe");
    let handle = form.handle.clone().or_else(|| kept(headers));
    let message = PageMessage { input: &form.input, handle: handle.as_deref(), once: form.once.clone(), ip: ip.0 };
    match gateway::page_message(&state.ctx, id, message).await {
        Ok(fresh) => {
            let mut response = if in_frame {
                conversation(state, config, fresh.as_deref().or(handle.as_deref()), language, Some(true)).await?
            } else {
                Redirect::to(&format!("/chat/{id}#input")).into_response()
            };
            if let Some(cookie) = fresh.and_then(|fresh| cookie(state, config, &fresh)) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(error) if matches!(error.status, 404 | 500) => Err(error),
        Err(error) => {
            let boot = gateway::boot(&state.ctx, id).await?;
            let messages = gateway::page_messages(&state.ctx, id, handle.as_deref()).await.unwrap_or_default();
            let notice = language.text(notice_of(error.status));
            let document = with_handle(Document::of(&boot, language), handle.as_deref().filter(|_| in_frame))
                .messages(&messages)
                .problem(notice, &form.input);
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_GATEWAY);
            let mut response = document.into_response();
            *response.status_mut() = status;
            if let Some(seconds) = error.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Ok(response)
        }
    }
}

async fn conversation(
    state: &AppState,
    config: &str,
    handle: Option<&str>,
    language: &'static Language,
    in_frame: Option<bool>,
) -> Result<Response, GatewayError> {
    let id = config_id(config)?;
    let messages = gateway::page_messages(&state.ctx, id, handle).await?;
    let boot: WidgetBoot = gateway::boot(&state.ctx, id).await?;
    let document = with_handle(Document::of(&boot, language), handle.filter(|_| in_frame == Some(true)));
    Ok(document.messages(&messages).into_response())
}

/// Lets the form carry what makes it harmless to send twice, and the conversation where no cookie can.
fn with_handle<'a>(document: Document<'a>, handle: Option<&str>) -> Document<'a> {
    let document = document.hidden("once", services::clock::fresh_id().simple().to_string());
    match handle {
        Some(handle) => document.hidden("handle", handle.to_owned()),
        None => document,
    }
}

const fn notice_of(status: u16) -> &'static str {
    match status {
        402 => "quota",
        403 => "forbidden",
        409 => "busy",
        413 => "too_long",
        422 => "invalid",
        429 => "too_many",
        504 => "timeout",
        _ => "failed",
    }
}

fn kept(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers).get(COOKIE).map(|cookie| cookie.value().to_owned())
}

fn cookie(state: &AppState, config: &str, handle: &str) -> Option<HeaderValue> {
    let secure = if state.ctx.settings.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={handle}; Path=/chat/{config}; Max-Age={KEPT}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&cookie).ok()
}

/// Tells whether a form was sent from a page of ours: another site must not talk in a visitor's name.
fn is_own_form(state: &AppState, headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text(headers, "origin") {
        Some(origin) => origin == state.ctx.settings.public_url,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_starter_counts_beside_the_empty_field() {
        let form = Form::read(b"once=abc&input=&input=What+is+it%3F");
        assert_eq!((form.input.as_str(), form.once.as_deref(), form.handle), ("What is it?", Some("abc"), None));
        assert_eq!(Form::read(b"input=%20&%ff=1").input, "");
    }
}
