//! Pages of the web, fetched from a site of the test's own: as `robots.txt` allows it, and never from inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect};
use axum::routing::get;
use flow::WebPolicy;
use server::adapters::pages::PublicPages;
use services::ports::{WebPage, WebPageError, WebPages as _};
use tokio::net::TcpListener;

/// A site; it ends with this.
struct Site {
    url: String,
    asked_for_rules: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const HELP: &str = "<!doctype html><html><head><title> Help &amp; more </title></head><body><p>Refunds take ten days.</p>\
    <a href=\"fees#top\">Fees</a> <a href=\"/help/fees\">Fees again</a> <a href=\"https://elsewhere.example/x\">x</a>\
    <a href=\"mailto:me@example.com\">Write</a></body></html>";

async fn site(rules: (StatusCode, &'static str)) -> Site {
    let asked_for_rules = Arc::new(AtomicUsize::new(0));
    let counted = asked_for_rules.clone();
    let rules = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { rules }
    };
    let endless = || async { [b'x'; 1024].repeat(11 * 1024) };
    let router = Router::new()
        .route("/robots.txt", get(rules))
        .route("/help/", get(|| async { Html(HELP) }))
        .route("/help/moved", get(|| async { Redirect::permanent("/help/") }))
        .route("/help/inside", get(|| async { Redirect::temporary("http://169.254.169.254/latest/meta-data/") }))
        .route("/help/secret", get(|| async { StatusCode::FORBIDDEN }))
        .route("/help/busy", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/help/large", get(endless))
        .route(
            "/help/terms.pdf",
            get(|| async { ([(header::CONTENT_TYPE, "application/pdf")], "%PDF").into_response() }),
        )
        .route("/private/a", get(|| async { Html("hidden") }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Site { url, asked_for_rules, server }
}

fn pages() -> PublicPages {
    let policy = WebPolicy { private: vec!["127.0.0.1".to_owned()], ..WebPolicy::default() };
    PublicPages::with(policy, Duration::ZERO).expect("a client")
}

const RULES: (StatusCode, &str) = (StatusCode::OK, "User-agent: *\nDisallow: /private/\n");

async fn fetch(site: &Site, path: &str) -> Result<WebPage, WebPageError> {
    pages().page(&format!("{}{path}", site.url)).await
}

#[tokio::test]
async fn a_page_comes_with_its_title_and_the_addresses_that_it_leads_to() {
    let site = site(RULES).await;
    let page = fetch(&site, "/help/moved").await.expect("a page");
    assert_eq!((page.url, page.title.as_str()), (format!("{}/help/", site.url), "Help & more"));
    assert_eq!(page.content, HELP.as_bytes());
    let fees = format!("{}/help/fees", site.url);
    assert_eq!(page.links, [fees.as_str(), "https://elsewhere.example/x", "mailto:me@example.com"]);
}

#[tokio::test]
async fn a_file_is_a_page_without_links() {
    let site = site(RULES).await;
    let page = fetch(&site, "/help/terms.pdf").await.expect("a file");
    assert_eq!((page.title.as_str(), page.links.len()), ("", 0));
}

#[tokio::test]
async fn what_the_rules_forbid_is_not_fetched_and_the_rules_are_asked_for_once() {
    let site = site(RULES).await;
    let pages = pages();
    let private = pages.page(&format!("{}/private/a", site.url)).await;
    assert!(matches!(&private, Err(WebPageError::Refused(reason)) if reason.contains("robots.txt")), "{private:?}");
    pages.page(&format!("{}/help/", site.url)).await.expect("a page");
    assert_eq!(site.asked_for_rules.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_rules_everything_is_allowed_and_with_broken_ones_nothing_is() {
    let none = site((StatusCode::NOT_FOUND, "")).await;
    assert!(fetch(&none, "/private/a").await.is_ok());
    let broken = site((StatusCode::BAD_GATEWAY, "")).await;
    let later = fetch(&broken, "/help/").await;
    assert!(matches!(later, Err(WebPageError::Unavailable(_))), "{later:?}");
}

#[tokio::test]
async fn what_is_not_there_is_gone_and_what_is_closed_is_refused_and_what_is_busy_is_for_later() {
    let site = site(RULES).await;
    let missing = fetch(&site, "/help/nothing").await;
    assert!(matches!(&missing, Err(WebPageError::Gone(reason)) if reason.contains("404")), "{missing:?}");
    let closed = fetch(&site, "/help/secret").await;
    assert!(matches!(&closed, Err(WebPageError::Refused(reason)) if reason.contains("403")), "{closed:?}");
    let busy = fetch(&site, "/help/busy").await;
    assert!(matches!(&busy, Err(WebPageError::Unavailable(reason)) if reason.contains("503")), "{busy:?}");
    let large = fetch(&site, "/help/large").await;
    assert!(matches!(&large, Err(WebPageError::Refused(reason)) if reason.contains("10 MB")), "{large:?}");
}

#[tokio::test]
async fn nothing_that_is_inside_is_read_neither_by_its_address_nor_by_a_name_nor_behind_a_redirect() {
    let site = site(RULES).await;
    let behind = fetch(&site, "/help/inside").await;
    assert!(matches!(behind, Err(WebPageError::Refused(_))), "{behind:?}");
    let strict = PublicPages::new().expect("a client");
    for inside in
        [site.url.as_str(), "http://localhost:1/", "http://[::1]/", "http://10.0.0.8/", "http://169.254.169.254/"]
    {
        let refused = strict.page(inside).await;
        assert!(matches!(refused, Err(WebPageError::Refused(_))), "{inside}: {refused:?}");
    }
}
