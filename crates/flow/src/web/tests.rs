use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Answers every connection with what `answer` makes of the request's first line.
async fn server(answer: fn(&str, SocketAddr) -> String) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let answer = answer(request.lines().next().unwrap_or_default(), address);
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

fn answering(request: &str, address: SocketAddr) -> String {
    let path = request.split(' ').nth(1).unwrap_or("/");
    match path {
        "/away" => "HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/secret\r\ncontent-length: 0\r\n\r\n".into(),
        "/file" => "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n".into(),
        "/round" => "HTTP/1.1 302 Found\r\nlocation: /round\r\ncontent-length: 0\r\n\r\n".into(),
        "/other" => format!(
            "HTTP/1.1 302 Found\r\nlocation: http://localhost:{}/ok\r\ncontent-length: 0\r\n\r\n",
            address.port()
        ),
        "/huge" => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(4000)),
        "/endless" => "HTTP/1.1 200 OK\r\ncontent-length: 9000000000\r\n\r\nx".into(),
        _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".into(),
    }
}

fn policy() -> WebPolicy {
    WebPolicy {
        private: vec!["127.0.0.1".into()],
        timeout: Duration::from_millis(500),
        bytes: 1000,
        ..WebPolicy::default()
    }
}

#[tokio::test]
async fn what_is_allowed_is_read() {
    let address = server(answering).await;
    let web = GuardedWeb::new(policy()).unwrap();
    let answer = web.fetch(WebRequest::get(format!("http://{address}/ok"))).await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
}

#[tokio::test]
async fn redirects_are_held_against_the_policy_too() {
    let address = server(answering).await;
    let web = GuardedWeb::new(policy()).unwrap();
    for path in ["away", "file", "other"] {
        let error = web.fetch(WebRequest::get(format!("http://{address}/{path}"))).await.unwrap_err();
        assert!(matches!(error, WebError::Refused(_)), "{path}: {error}");
    }
    let error = web.fetch(WebRequest::get(format!("http://{address}/round"))).await.unwrap_err();
    assert!(matches!(error, WebError::Failed(_)), "{error}");
}

#[tokio::test]
async fn a_key_is_not_carried_to_another_host() {
    let address = server(answering).await;
    let policy = WebPolicy { private: vec!["127.0.0.1".into(), "localhost".into()], ..policy() };
    let web = GuardedWeb::new(policy).unwrap();
    let mut request = WebRequest::get(format!("http://{address}/other"));
    assert!(web.fetch(request.clone()).await.is_ok());
    request.headers.push(("X-API-Key".into(), "secret".into()));
    assert!(matches!(web.fetch(request).await.unwrap_err(), WebError::Refused(_)));
}

#[tokio::test]
async fn bodies_end_where_the_policy_says() {
    let address = server(answering).await;
    let web = GuardedWeb::new(policy()).unwrap();
    let huge = web.fetch(WebRequest::get(format!("http://{address}/huge"))).await.unwrap_err();
    assert_eq!(huge, WebError::TooLarge(1000));
    let endless = web.fetch(WebRequest::get(format!("http://{address}/endless"))).await.unwrap_err();
    assert!(matches!(endless, WebError::Timeout | WebError::Failed(_)), "{endless}");
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    let web = GuardedWeb::new(WebPolicy::default()).unwrap();
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://user:password@example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
    ] {
        let error = web.fetch(WebRequest::get(url)).await.unwrap_err();
        assert!(matches!(error, WebError::Refused(_)), "{url}: {error}");
    }
}

#[tokio::test]
async fn only_listed_hosts_are_read_where_there_is_a_list() {
    let only = Some(vec!["example.com".to_owned(), "*.example.org".to_owned()]);
    let policy = WebPolicy { only, never: vec!["bad.example.org".into()], ..WebPolicy::default() };
    let allowed = |url: &str| policy.check(&Url::parse(url).unwrap()).is_ok();
    assert!(allowed("https://example.com/") && allowed("https://a.example.org/"));
    assert!(!allowed("https://a.example.com/") && !allowed("https://example.org/"));
    assert!(!allowed("https://bad.example.org/") && !allowed("https://notexample.org/"));
}

/// A name that is public when it is first looked at and private when it is looked at again.
struct Rebinding(AtomicUsize);

#[async_trait]
impl Lookup for Rebinding {
    async fn addresses(&self, _: &str) -> std::io::Result<Vec<SocketAddr>> {
        let asked = self.0.fetch_add(1, Ordering::SeqCst);
        // 203.0.113.0/24 would be refused as documentation, so a real public address stands for "public".
        let address = if asked == 0 { "192.0.78.9:1" } else { "127.0.0.1:1" };
        Ok(vec![address.parse().unwrap()])
    }
}

#[tokio::test]
async fn a_name_that_turns_private_is_refused_where_it_would_be_connected_to() {
    let lookup = Arc::new(Rebinding(AtomicUsize::new(1)));
    let web = GuardedWeb::with_lookup(WebPolicy::default(), lookup.clone()).unwrap();
    let error = web.fetch(WebRequest::get("http://rebinding.example/")).await.unwrap_err();
    assert!(matches!(error, WebError::Refused(_)), "{error}");
    // It was looked at once: the addresses that were checked are the ones that are connected to.
    assert_eq!(lookup.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_that_comes_drop_by_drop_ends_with_the_time_of_the_request() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"x").await.is_ok() {
            drops.tick().await;
        }
    });
    let web = GuardedWeb::new(policy()).unwrap();
    let error = web.fetch(WebRequest::get(format!("http://{address}/drops"))).await.unwrap_err();
    assert_eq!(error, WebError::Timeout);
}
