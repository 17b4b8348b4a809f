//! The one way in which components read from the web.
//!
//! An address may come from a flow's author, from the person who talks to it, or from a model that read a
//! hostile page. So every request, and every address that a redirect leads to, is held against the host's
//! [`WebPolicy`], and a name is only connected to after its addresses were looked at: what is checked is what
//! is connected to, so a name that changes its address between the two gains nothing.

mod address;
pub(crate) mod page;

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, LOCATION},
};
use url::Url;

pub(crate) use address::is_public;

/// What may be read.
#[derive(Clone, Debug)]
pub struct WebPolicy {
    /// The hosts that may be asked: names, and `*.example.com` for all below one. None allows every public host.
    pub only: Option<Vec<String>>,
    /// Hosts that may never be asked, written the same way.
    pub never: Vec<String>,
    /// Hosts that may be asked though their addresses are private; for services of the host's own, and tests.
    pub private: Vec<String>,
    /// How long one request may take, redirects included.
    pub timeout: Duration,
    /// How many bytes of a body are read.
    pub bytes: usize,
    /// How many redirects are followed.
    pub redirects: usize,
}

impl Default for WebPolicy {
    fn default() -> Self {
        Self {
            only: None,
            never: Vec::new(),
            private: Vec::new(),
            timeout: Duration::from_secs(15),
            bytes: 2 * 1024 * 1024,
            redirects: 5,
        }
    }
}

impl WebPolicy {
    fn check(&self, url: &Url) -> Result<(), WebError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WebError::Refused(format!("{:?} addresses are not read", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebError::Refused("an address may not carry a user or password".into()));
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() {
            return Err(WebError::Refused("the address has no host".into()));
        }
        if listed(&self.never, &host) || self.only.as_ref().is_some_and(|only| !listed(only, &host)) {
            return Err(WebError::Refused(format!("{host} is not among the hosts that flows may read here")));
        }
        // A number is not resolved, so it is looked at here.
        let number = match url.host() {
            Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        if number.is_some_and(|address| !is_public(address)) && !listed(&self.private, &host) {
            return Err(WebError::Refused(format!("{host} is not an address of the public internet")));
        }
        Ok(())
    }
}

fn listed(list: &[String], host: &str) -> bool {
    list.iter().any(|entry| match entry.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|front| front.ends_with('.')),
        None => entry.eq_ignore_ascii_case(host),
    })
}

/// How something is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the methods of HTTP")]
pub enum WebMethod {
    #[default]
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct WebRequest {
    /// The address.
    pub url: String,
    /// How.
    pub method: WebMethod,
    /// Headers besides those of every request.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// Whether redirects are answers instead of being followed.
    pub stays: bool,
    /// How long it may take, where that is less than the policy's time.
    pub timeout: Option<Duration>,
}

impl WebRequest {
    /// Asks for an address.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Sends JSON to an address.
    pub fn post_json(url: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            url: url.into(),
            method: WebMethod::Post,
            headers: vec![("content-type".into(), "application/json".into())],
            body: Some(body.to_string().into_bytes()),
            ..Self::default()
        }
    }
}

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct WebResponse {
    /// The status.
    pub status: u16,
    /// Where it came from in the end.
    pub url: String,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl WebResponse {
    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as text if it is meant to be read as HTML.
    pub fn html(&self) -> Option<String> {
        is_html(self).then(|| self.text())
    }

    /// Tells whether the status says that it worked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why nothing was read; may be shown to a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// The policy forbids it.
    #[error("this address may not be read: {0}")]
    Refused(String),
    /// It did not work.
    #[error("the address could not be read: {0}")]
    Failed(String),
    /// There was too much.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// It took too long.
    #[error("the address did not answer in time")]
    Timeout,
}

/// Reads from the web.
#[async_trait]
pub trait Web: Send + Sync + std::fmt::Debug {
    /// Asks and returns the answer, whatever its status.
    async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError>;
}

/// Reads nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWeb;

#[async_trait]
impl Web for NoWeb {
    async fn fetch(&self, _: WebRequest) -> Result<WebResponse, WebError> {
        Err(WebError::Refused("flows may not read from the web here".into()))
    }
}

/// Reads from the public internet, under a policy.
#[derive(Clone, Debug)]
pub struct GuardedWeb {
    client: reqwest::Client,
    policy: Arc<WebPolicy>,
}

impl GuardedWeb {
    /// Makes a client for a policy.
    pub fn new(policy: WebPolicy) -> Result<Self, WebError> {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// The same with another way of finding the addresses of a name; they are looked at all the same.
    fn with_lookup(policy: WebPolicy, lookup: Arc<dyn Lookup>) -> Result<Self, WebError> {
        let policy = Arc::new(policy);
        let client = reqwest::Client::builder()
            .user_agent(concat!("cmp-flow/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            // A proxy would look up names out of our sight.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(GuardedLookup { policy: policy.clone(), lookup }))
            .build()
            .map_err(|_| WebError::Failed("the HTTP client could not be made".into()))?;
        Ok(Self { client, policy })
    }

    async fn follow(&self, request: &WebRequest) -> Result<WebResponse, WebError> {
        let mut url = Url::parse(request.url.trim()).map_err(|_| WebError::Failed("it is not an address".into()))?;
        let mut method = request.method;
        let mut sends_body = true;
        for _ in 0..=self.policy.redirects {
            self.policy.check(&url)?;
            let response = self.ask(request, &url, method, sends_body).await?;
            let status = response.status().as_u16();
            let next = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            let next = next.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308) && !request.stays);
            let Some(next) = next else {
                return self.read(response, &url).await;
            };
            let next =
                url.join(next).map_err(|_| WebError::Failed("it leads to something that is no address".into()))?;
            if next.origin() != url.origin() && carries_secret(request) {
                return Err(WebError::Refused("it leads elsewhere, and the request carries a key".into()));
            }
            if matches!(status, 301..=303) && method != WebMethod::Get {
                method = WebMethod::Get;
                sends_body = false;
            }
            url = next;
        }
        Err(WebError::Failed(format!("it leads on more than {} times", self.policy.redirects)))
    }

    async fn ask(
        &self,
        request: &WebRequest,
        url: &Url,
        method: WebMethod,
        sends_body: bool,
    ) -> Result<reqwest::Response, WebError> {
        let method = match method {
            WebMethod::Get => reqwest::Method::GET,
            WebMethod::Post => reqwest::Method::POST,
            WebMethod::Put => reqwest::Method::PUT,
            WebMethod::Patch => reqwest::Method::PATCH,
            WebMethod::Delete => reqwest::Method::DELETE,
        };
        let mut call = self.client.request(method, url.clone());
        for (name, value) in &request.headers {
            // What says where the request goes and how long it is belongs to us.
            let name = name.trim().to_ascii_lowercase();
            if matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "connection" | "upgrade") {
                continue;
            }
            call = call.header(name, value.trim());
        }
        if let Some(body) = request.body.as_ref().filter(|_| sends_body) {
            call = call.body(body.clone());
        }
        call.send().await.map_err(|error| {
            let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
            while let Some(cause) = source {
                if let Some(refused) = cause.downcast_ref::<WebError>() {
                    return refused.clone();
                }
                source = cause.source();
            }
            if error.is_timeout() {
                WebError::Timeout
            } else if error.is_connect() {
                WebError::Failed("it cannot be reached".into())
            } else if error.is_builder() {
                WebError::Failed("the request is not valid".into())
            } else {
                WebError::Failed("the connection failed".into())
            }
        })
    }

    async fn read(&self, response: reqwest::Response, url: &Url) -> Result<WebResponse, WebError> {
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| WebError::Failed("the connection broke".into()))?;
            // What was packed is counted as it comes out.
            if body.len() + chunk.len() > self.policy.bytes {
                return Err(WebError::TooLarge(self.policy.bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(WebResponse { status, url: url.to_string(), headers, body })
    }
}

#[async_trait]
impl Web for GuardedWeb {
    async fn fetch(&self, request: WebRequest) -> Result<WebResponse, WebError> {
        let time = request.timeout.map_or(self.policy.timeout, |it| it.min(self.policy.timeout));
        tokio::time::timeout(time, self.follow(&request)).await.map_err(|_| WebError::Timeout)?
    }
}

fn carries_secret(request: &WebRequest) -> bool {
    request.headers.iter().any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        ["authorization", "cookie", "key", "token", "secret"].iter().any(|word| name.contains(word))
    })
}

/// Finds the addresses of a name.
#[async_trait]
trait Lookup: Send + Sync {
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<std::net::SocketAddr>>;
}

struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<std::net::SocketAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.collect())
    }
}

/// Hands on only the addresses that may be connected to.
struct GuardedLookup {
    policy: Arc<WebPolicy>,
    lookup: Arc<dyn Lookup>,
}

impl Resolve for GuardedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (self.policy.clone(), self.lookup.clone());
        Box::pin(async move {
            let host = name.as_str().trim_end_matches('.').to_ascii_lowercase();
            let mut found = lookup.addresses(&host).await?;
            // One private address among public ones is reason enough: which of them is used is chance.
            let is_private = found.iter().any(|address| !is_public(address.ip()));
            if is_private && !listed(&policy.private, &host) {
                found.clear();
            }
            if found.is_empty() {
                let refused = WebError::Refused(format!("{host} is not a host of the public internet"));
                return Err(Box::new(refused) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Returns the addresses that a page leads to, in order and without fragments.
pub fn page_links<'p>(html: &'p str, base: &'p Url) -> impl Iterator<Item = Url> + 'p {
    let links = page::tags(html, "a").into_iter().filter_map(|it| page::attribute(it, "href"));
    links.filter_map(|href| base.join(&href).ok()).map(|mut url| {
        url.set_fragment(None);
        url
    })
}

/// Returns what a page calls itself; empty where it does not.
pub fn page_title(html: &str) -> String {
    page::inner(html, "title").map(page::text_of).unwrap_or_default()
}

/// Tells whether a body is meant to be read as HTML.
pub(crate) fn is_html(response: &WebResponse) -> bool {
    let kind = response.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    kind.contains("html") || (kind.is_empty() && response.body.trim_ascii_start().starts_with(b"<"))
}

#[cfg(test)]
mod tests;
