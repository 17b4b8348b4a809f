//! What pages and server functions find in their context on the server, and what they set on the answer.
//!
//! `server` provides a `services::Ctx`, a `services::Principal` and a [`Caller`] for each request.
//! While routes are listed at start-up none of them is there: nothing here panics over that.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, StatusCode, header};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use services::{Ctx, Principal};

use crate::error::UiError;

/// The cookie that a signed-in browser carries.
pub const SESSION_COOKIE: &str = "cmp_session";

/// For how long a browser keeps the session cookie; the server may end it sooner.
const SESSION_SECONDS: i64 = 30 * 86_400;

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The address, for throttling.
    pub ip: IpAddr,
    /// The request's id, which the person can tell us.
    pub request_id: String,
}

/// Returns the surroundings of the use cases.
pub fn ctx() -> Result<Ctx, UiError> {
    use_context::<Ctx>().ok_or_else(|| UiError::Internal(String::new()))
}

/// Returns who is asking.
pub fn principal() -> Principal {
    use_context::<Principal>().unwrap_or_default()
}

/// Returns both, as almost every server function begins.
pub fn asking() -> Result<(Ctx, Principal), UiError> {
    Ok((ctx()?, principal()))
}

/// Reads an identifier of something; a text that is none names nothing that is there.
pub fn id<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, UiError> {
    text.parse().map_err(|_| fail(services::Error::NotFound(what)))
}

/// Returns the caller's address.
pub fn caller_ip() -> IpAddr {
    use_context::<Caller>().map_or(IpAddr::from([0, 0, 0, 0]), |caller| caller.ip)
}

/// Returns a header of the request.
pub fn request_header(name: &HeaderName) -> Option<String> {
    let parts = use_context::<http::request::Parts>()?;
    parts.headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Returns a cookie of the request.
pub fn cookie(name: &str) -> Option<String> {
    request_header(&header::COOKIE)?
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// Turns an error of a use case into what the page shows, with the status that fits it.
///
/// A plain form is answered with a redirect that carries the error; a status set here would swallow it.
pub fn fail(error: impl Into<UiError>) -> UiError {
    let error = error.into();
    let plain = request_header(&header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    if !plain {
        set_status(error.status());
    }
    error
}

/// Logs a failure that is ours, once, and returns the reference to tell the person.
pub fn report(source: &(dyn std::error::Error + 'static)) -> String {
    tracing::error!(error = %services::error::chain(source), "a use case failed");
    use_context::<Caller>().map(|caller| caller.request_id).unwrap_or_default()
}

/// Sets the status of the answer.
pub fn set_status(status: u16) {
    if let (Some(response), Ok(status)) = (use_context::<ResponseOptions>(), StatusCode::from_u16(status)) {
        response.set_status(status);
    }
}

/// Sends the browser to another page of ours; anything but a path is refused.
#[expect(clippy::disallowed_methods, reason = "this is where it is checked")]
pub fn redirect(path: &str) {
    let path = crate::links::own_path(path).unwrap_or("/");
    if HeaderValue::from_str(path).is_ok() {
        leptos_axum::redirect(path);
    }
}

/// Leads on after a form: a plain one is redirected, a live page gets the address and loads it anew.
///
/// For forms that change who is looking; see [`crate::ui::live::load_answer`].
pub fn lead_to(address: String) -> String {
    if request_header(&header::ACCEPT).is_some_and(|accept| accept.contains("text/html")) {
        redirect_to_checkout(&address);
    }
    address
}

/// Sends the browser to a payment page, which may be on another host.
#[expect(clippy::disallowed_methods, reason = "the payment rail said where it is")]
pub fn redirect_to_checkout(url: &str) {
    let ours = ctx().map(|ctx| ctx.settings.public_url.clone()).unwrap_or_default();
    // An address of our own is told as a path, so that the portal need not load anew.
    match url.strip_prefix(&ours) {
        Some(path) if path.starts_with('/') => redirect(path),
        _ if HeaderValue::from_str(url).is_ok() => leptos_axum::redirect(url),
        _ => redirect("/"),
    }
}

/// Signs the browser in.
pub fn set_session(cookie: &str) {
    set_cookie(&format!("{SESSION_COOKIE}={cookie}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Lax"));
}

/// Signs the browser out.
pub fn clear_session() {
    set_cookie(&format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
}

/// The cookie that carries what was wrong with an uploaded file to the page it came from.
pub const UPLOAD_PROBLEM: &str = "cmp_upload_problem";

/// Returns what was wrong with the file that was just sent, once.
pub fn take_upload_problem() -> Option<String> {
    let text = cookie(UPLOAD_PROBLEM).filter(|text| !text.is_empty())?;
    set_cookie(&format!("{UPLOAD_PROBLEM}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
    String::from_utf8(hex::decode(text).ok()?).ok()
}

/// Returns the name of the cookie that keeps a conversation with a demo.
pub fn demo_cookie(offering: domain::OfferingId) -> String {
    format!("cmp_demo_{}", offering.0.simple())
}

/// Returns the whole cookie that keeps a conversation with a demo, as long as that is kept.
pub fn keep_demo(offering: domain::OfferingId, session: &str) -> String {
    format!("{}={session}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", demo_cookie(offering))
}

/// Adds `Secure` to a cookie where the site is served over https.
pub fn secured(cookie: &str, public_url: &str) -> String {
    if public_url.starts_with("https://") { format!("{cookie}; Secure") } else { cookie.to_owned() }
}

/// Sets a cookie; `Secure` is added where the site is served over https.
pub fn set_cookie(cookie: &str) {
    let cookie = ctx().map_or_else(|_| cookie.to_owned(), |ctx| secured(cookie, &ctx.settings.public_url));
    if let (Some(response), Ok(value)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(&cookie)) {
        response.append_header(header::SET_COOKIE, value);
    }
}

/// Returns the theme that the person chose, if any; the system's otherwise.
pub fn theme() -> Option<&'static str> {
    match cookie("cmp_theme")?.as_str() {
        "light" => Some("light"),
        "dark" => Some("dark"),
        _ => None,
    }
}

/// Sets the content security policy of a page.
pub fn set_page_policy() {
    let Some(response) = use_context::<ResponseOptions>() else {
        return;
    };
    let nonce = leptos::nonce::use_nonce().map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
    // Stripe's pages stand here because browsers hold a form to where its redirect leads; and so does where the
    // operator lets the sandbox's payment page lead back to.
    let back = use_context::<Ctx>().map(|ctx| ctx.settings.return_origins.join(" ")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'{nonce} 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data: https:; font-src 'self'; connect-src 'self'; frame-src 'self'; \
         manifest-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
         form-action 'self' https://billing.stripe.com https://checkout.stripe.com https://connect.stripe.com {back}"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, value);
    }
}
