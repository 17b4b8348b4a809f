//! Pages of the web as the `WebPages` port: by the guarded client that flows read with, as `robots.txt` allows it,
//! and slowly.
//!
//! What a newcomer gets wrong: an address comes from a stranger, and so does every redirect and every link. The guard
//! (`flow::web`) refuses what is not of the public internet, by the address that is connected to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dashmap::DashMap;
use flow::{GuardedWeb, Web, WebError, WebPolicy, WebRequest, WebResponse, page_links, page_title};
use robotxt::{AccessResult, Robots, robots_url};
use services::ports::{WebPage, WebPageError, WebPages};
use tokio::sync::Mutex;
use url::Url;

/// What we call ourselves in `robots.txt`.
const AGENT: &str = "cmp";
/// Bytes that a page may have.
const BYTES: usize = 10 * 1024 * 1024;
/// How long a host's rules are believed; RFC 9309 says a day at most.
const BELIEVED: Duration = Duration::from_hours(1);
/// The pause between two requests to one host.
const PAUSE: Duration = Duration::from_millis(400);
/// Hosts whose rules are kept.
const HOSTS: usize = 1000;
/// Links of one page that are looked at.
const LINKS: usize = 1000;

/// Reads pages of the public web.
#[derive(Debug)]
pub struct PublicPages {
    web: GuardedWeb,
    pause: Duration,
    hosts: DashMap<String, Arc<Mutex<Host>>>,
}

/// What is known of a host.
#[derive(Debug, Default)]
struct Host {
    rules: Option<(Instant, Robots)>,
    asked: Option<Instant>,
}

impl PublicPages {
    /// Reads from every public host.
    pub fn new() -> anyhow::Result<Self> {
        Self::with(WebPolicy::default(), PAUSE)
    }

    /// Reads what `policy` allows, with a pause between two requests to one host; for tests, whose hosts are private.
    pub fn with(policy: WebPolicy, pause: Duration) -> anyhow::Result<Self> {
        let web = GuardedWeb::new(WebPolicy { bytes: BYTES, ..policy })?;
        Ok(Self { web, pause, hosts: DashMap::new() })
    }

    async fn ask(&self, url: &Url, host: &mut Host) -> Result<WebResponse, WebError> {
        if let Some(asked) = host.asked {
            tokio::time::sleep_until((asked + self.pause).into()).await;
        }
        let answer = self.web.fetch(WebRequest::get(url.as_str())).await;
        host.asked = Some(Instant::now());
        answer
    }

    /// Asks a host for its rules, if it was not asked lately.
    async fn rules<'h>(&self, url: &Url, host: &'h mut Host) -> Result<&'h Robots, WebPageError> {
        let fresh = host.rules.as_ref().is_some_and(|(since, _)| since.elapsed() < BELIEVED);
        if !fresh {
            let address =
                robots_url(url).map_err(|error| WebPageError::Refused(format!("This is no web page: {error}.")))?;
            let rules = match self.ask(&address, host).await {
                Ok(answer) if answer.is_success() => Robots::from_access(AccessResult::Successful(&answer.body), AGENT),
                Ok(answer) if answer.status < 500 => Robots::from_access(AccessResult::Unavailable, AGENT),
                Err(WebError::Refused(reason)) => return Err(refused(&reason)),
                Err(WebError::TooLarge(_)) => Robots::from_access(AccessResult::Unavailable, AGENT),
                // A host that cannot say what it allows is asked again later, and nothing is read until then.
                Ok(_) | Err(_) => {
                    let host = url.host_str().unwrap_or_default();
                    return Err(WebPageError::Unavailable(format!("{host} could not be reached; try again later.")));
                }
            };
            host.rules = Some((Instant::now(), rules));
        }
        let (_, rules) = host.rules.as_ref().ok_or_else(|| WebPageError::Unavailable(String::new()))?;
        Ok(rules)
    }
}

#[async_trait]
impl WebPages for PublicPages {
    async fn page(&self, url: &str) -> Result<WebPage, WebPageError> {
        let url = Url::parse(url).map_err(|_| WebPageError::Refused("This is not an address.".to_owned()))?;
        let origin = url.origin().ascii_serialization();
        if self.hosts.len() >= HOSTS {
            self.hosts.clear();
        }
        let host = self.hosts.entry(origin).or_default().clone();
        // One request to a host at a time.
        let mut host = host.lock().await;
        if !self.rules(&url, &mut host).await?.is_url_allowed(&url) {
            return Err(WebPageError::Refused(format!(
                "{} does not allow programs to read this page (robots.txt).",
                url.host_str().unwrap_or_default()
            )));
        }
        let answer = self.ask(&url, &mut host).await.map_err(|error| match error {
            WebError::Refused(reason) => refused(&reason),
            WebError::TooLarge(_) => WebPageError::Refused("It is larger than 10 MB.".to_owned()),
            WebError::Timeout => WebPageError::Unavailable("It did not answer in time; try again later.".to_owned()),
            WebError::Failed(reason) => WebPageError::Unavailable(format!("It could not be fetched: {reason}.")),
        })?;
        drop(host);
        match answer.status {
            200..=299 => Ok(page(answer)),
            404 | 410 => Err(WebPageError::Gone(format!("There is no such page (status {}).", answer.status))),
            401 | 403 => Err(WebPageError::Refused(format!(
                "It is not for everybody: the site answers {}. Save the page and add it as a file.",
                answer.status
            ))),
            status => Err(WebPageError::Unavailable(format!("The site answers {status}; try again later."))),
        }
    }
}

fn refused(reason: &str) -> WebPageError {
    WebPageError::Refused(format!("It may not be read: {reason}."))
}

fn page(answer: WebResponse) -> WebPage {
    let (mut links, mut title) = (Vec::new(), String::new());
    if let (Ok(base), Some(html)) = (Url::parse(&answer.url), answer.html()) {
        for link in page_links(&html, &base).take(LINKS) {
            let link = String::from(link);
            if !links.contains(&link) {
                links.push(link);
            }
        }
        title = page_title(&html).chars().filter(|c| !c.is_control()).take(200).collect();
    }
    WebPage { url: answer.url, title: title.trim().to_owned(), content: answer.body, links }
}
