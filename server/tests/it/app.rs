//! A running app for tests: the real router over the real adapters, called without a socket.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use server::config::Config;
use server::http::AppState;
use services::Ctx;
use testkit::MemoryMailer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// The app, and what was made for it.
pub(crate) struct TestApp {
    pub(crate) ctx: Ctx,
    pub(crate) mailer: Arc<MemoryMailer>,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
    _data: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Returns where the browser is led.
    pub(crate) fn location(&self) -> &str {
        self.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns what is wrong with a form that was sent without JavaScript: it stands in the address
    /// that the answer leads to.
    pub(crate) fn form_error(&self) -> Option<app::UiError> {
        use base64::Engine as _;

        let address =
            url::Url::parse("http://cmp.test/").and_then(|base| base.join(self.location())).expect("an address");
        let (_, error) = address.query_pairs().find(|(name, _)| name == "__err")?;
        let json = base64::engine::general_purpose::URL_SAFE.decode(error.as_bytes()).expect("base64");
        Some(serde_json::from_slice(&json).expect("an error of ours"))
    }

    /// Reads the body as JSON; an answer that is none is null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Requires a status, and shows the body otherwise.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }
}

/// Someone who signed up.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) token: String,
    pub(crate) organization: String,
    pub(crate) project: String,
}

/// Runs a test on each database.
pub(crate) async fn on_every_app(test: impl AsyncFn(&TestApp)) {
    on_every_app_with(|_| (), test).await;
}

/// Runs a test on each database, with settings of its own.
pub(crate) async fn on_every_app_with(settings: impl Fn(&mut Config), test: impl AsyncFn(&TestApp)) {
    testkit::on_every_database_url(async |url| {
        let app = TestApp::start(&url, &settings).await;
        test(&app).await;
        app.finish().await;
    })
    .await;
}

/// Waits for a minute at most: what never ends fails by its name instead of holding up every other test.
async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(std::time::Duration::from_mins(1), work).await;
    waited.unwrap_or_else(|_| panic!("waited a minute for {what}"))
}

impl TestApp {
    async fn start(database: &str, settings: &impl Fn(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let mut config = Config::default();
        config.server.data_dir = data.path().to_owned();
        config.database.url = database.to_owned();
        config.database.max_connections = 4;
        config.knowledge.reader = env!("CARGO_BIN_EXE_cmp").into();
        config.runtime.secret = Some("a secret of the runtime".to_owned().into());
        settings(&mut config);
        let mut parts = server::build::parts(&config, "http://cmp.test".to_owned()).await.expect("a context");
        let mailer = Arc::new(MemoryMailer::default());
        parts.mailer = mailer.clone();
        let ctx = Ctx::new(parts);
        server::build::seed(&ctx).await.expect("sample content");
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        server::build::start_background(&ctx, true, &tasks, &stop).await.expect("background work");
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 3000));
        let state = AppState { ctx: ctx.clone(), leptos: server::portal::leptos_options(address), behind_proxy: false };
        Self { ctx, mailer, router: server::http::router(state), stop, tasks, _data: data }
    }

    async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        within("the background work to end", self.tasks.wait()).await;
        within("the database to close", self.ctx.store.close()).await;
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        let response = within(&format!("the answer to {asked}"), self.router.clone().oneshot(request)).await;
        let (parts, body) = response.expect("the router always answers").into_parts();
        let body = axum::body::to_bytes(body, 16 * 1024 * 1024);
        let bytes = within(&format!("the whole answer to {asked}"), body).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Calls the REST API.
    pub(crate) async fn call(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Token {token}"));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).expect("a request")).await
    }

    /// Calls the REST API and requires success.
    #[track_caller]
    pub(crate) fn ok<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        token: &'a str,
        body: Value,
    ) -> impl Future<Output = Value> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.call(method, path, Some(token).filter(|token| !token.is_empty()), &body).await;
            assert!(answer.status.is_success(), "{place}: {method} {path} answered {}: {}", answer.status, answer.text);
            answer.json()
        }
    }

    /// Signs a browser in, and returns its cookie.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let (email, ip) = (format!("{name}@example.com"), std::net::IpAddr::from([192, 0, 2, 1]));
        let signed_in = services::identity::login(&self.ctx, &email, "a long enough password", ip, "a browser");
        format!("cmp_session={}", signed_in.await.expect("signed in").session_cookie)
    }

    /// Opens an address as a browser without JavaScript does.
    pub(crate) async fn open(&self, path: &str, cookie: Option<&str>) -> Answer {
        let mut request = Request::get(path).header("accept", "text/html").header("sec-fetch-site", "same-origin");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// Reads what a live page reads: a server function's answer with its status.
    pub(crate) async fn load(&self, address: &str, cookie: Option<&str>) -> Answer {
        let mut request = Request::get(address).header("accept", "application/json");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// Sends a form as a browser without JavaScript does; `fields` are as they stand in the body.
    pub(crate) async fn submit(&self, path: &str, cookie: Option<&str>, fields: &str) -> Answer {
        let mut request = Request::post(path)
            .header("accept", "text/html")
            .header("sec-fetch-site", "same-origin")
            .header("referer", "http://cmp.test/where-the-form-stood/")
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.send(request.body(Body::from(fields.to_owned())).expect("a request")).await
    }

    /// Makes someone with an organization and a project.
    pub(crate) async fn register(&self, name: &str) -> Account {
        let person =
            json!({"name": name, "email": format!("{name}@example.com"), "password": "a long enough password"});
        let user = self.ok("POST", "/api-auth/register/", "", person).await;
        let text = |pointer: &str| user.pointer(pointer).and_then(Value::as_str).expect("in the answer").to_owned();
        Account {
            token: text("/token"),
            organization: text("/customers/0/uuid"),
            project: text("/customers/0/project_uuid"),
        }
    }

    /// Makes an operator.
    pub(crate) async fn operator(&self) -> String {
        let (email, password) = ("operator@example.com", "an operator's password");
        services::identity::create_operator(&self.ctx, email, password, "Operator").await.expect("an operator");
        let token = self.ok("POST", "/api-auth/password/", "", json!({"username": email, "password": password})).await;
        token["token"].as_str().expect("a token").to_owned()
    }

    /// Asks until the answer is what is waited for; work in the background takes a moment of real time.
    pub(crate) async fn until(&self, path: &str, token: &str, done: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..400 {
            last = self.ok("GET", path, token, Value::Null).await;
            if done(&last) {
                return last;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("{path} never became what was waited for: {last}");
    }
}
