//! Stripe World, a stateful copy of Stripe's payments that is not ours: as it answers now, or as it answered when
//! its answers were kept.
//!
//! It needs a Python that few machines have, so `cargo xtask prove stripe-world` runs it and the suite does not. A
//! story is told twice: live, its exchanges are kept below `data/stripe/world`; otherwise what was kept is played, and
//! a request that is another than the one that was kept is a problem. Identifiers of ours are new in each run, so they
//! are kept as numbers in the order in which they appear.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::document::nested;

/// What we send and Stripe World does not know, although Stripe's document does: it is left out on the way.
const LEFT_OUT: [(&str, &str); 1] = [("POST /v1/payment_intents", "transfer_group")];

/// Stripe World, for one story.
#[derive(Debug)]
pub struct StripeWorld {
    address: SocketAddr,
    tape: Arc<Mutex<Tape>>,
    server: JoinHandle<()>,
    kept_at: PathBuf,
}

/// What was asked and answered so far.
#[derive(Debug)]
struct Tape {
    live: Option<Live>,
    /// The exchanges of the story: those that were, or those that are to come.
    exchanges: Vec<Value>,
    played: usize,
    /// Our identifiers, in the order in which they appeared.
    ours: Vec<String>,
    rows: Vec<Value>,
    problems: Vec<String>,
}

/// Where Stripe World is.
#[derive(Debug)]
struct Live {
    http: reqwest::Client,
    base: String,
}

/// What Stripe World answers.
#[derive(Clone, Debug)]
pub struct WorldAnswer {
    /// The status.
    pub status: u16,
    /// Whether it was kept under the key of an earlier request.
    pub replayed: bool,
    /// What it says.
    pub body: Value,
}

#[expect(clippy::disallowed_methods, reason = "the proof says where Stripe World is, and where to keep its answers")]
fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl StripeWorld {
    /// Begins a story; its clock stands at `now`, seconds since 1970.
    pub async fn begin(story: &str, now: i64) -> Self {
        let kept = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/stripe/world")).join(story);
        let (live, exchanges, kept_at) = match asked_for("CMP_STRIPE_WORLD") {
            Some(base) => {
                let http = reqwest::Client::builder().build().unwrap();
                let base = format!("{base}/worlds/{story}");
                http.delete(&base).send().await.unwrap();
                let world =
                    json!({"now": rfc3339(now), "clock_mode": "fixed", "seed": 7, "startup": {"livemode": false}});
                let made = http.put(&base).body(world.to_string()).send().await.unwrap();
                assert!(made.status().is_success(), "{}", made.text().await.unwrap());
                let keep_at = asked_for("CMP_STRIPE_WORLD_KEEPS").expect("a directory for the answers");
                (Some(Live { http, base }), Vec::new(), PathBuf::from(keep_at).join(story))
            }
            None => {
                let text = std::fs::read_to_string(kept.with_extension("jsonl")).unwrap();
                let exchanges = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                (None, exchanges, kept)
            }
        };
        let tape = Tape { live, exchanges, played: 0, ours: Vec::new(), rows: Vec::new(), problems: Vec::new() };
        let tape = Arc::new(Mutex::new(tape));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(tape.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { address, tape, server, kept_at }
    }

    /// Returns where the rail finds it, as `stripe.api_base` wants it.
    pub fn base(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Asks for something that our rail does not do: what its buyers do at Stripe's pages, and Stripe's own
    /// subscriptions.
    pub async fn ask(&self, method: &str, path: &str, form: &str) -> WorldAnswer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.tape.lock().await.exchange(method, path, query, form, None).await
    }

    /// The same, of which an object is expected.
    pub async fn make(&self, path: &str, form: &str) -> Value {
        let answer = self.ask("POST", path, form).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Notes what came out on either side; what differs has a reason.
    pub async fn note(&self, what: &str, ours: impl Into<Value>, theirs: impl Into<Value>, why: &str) {
        let (ours, theirs) = (ours.into(), theirs.into());
        assert_eq!(ours == theirs, why.is_empty(), "{what}: {ours} beside {theirs}: {why:?}");
        let why = if why.is_empty() { "the same" } else { why };
        self.tape.lock().await.rows.push(json!({"what": what, "ours": ours, "Stripe World": theirs, "explained": why}));
    }

    /// Ends the story: every exchange was as it was kept, or is kept now.
    pub async fn end(self) {
        let tape = self.tape.lock().await;
        assert_eq!(tape.problems, [""; 0]);
        assert_eq!(tape.played, tape.exchanges.len(), "the story has ended early");
        if tape.live.is_some() {
            let lines = |values: &[Value]| {
                let lines: Vec<String> = values.iter().map(Value::to_string).collect();
                lines.join("\n") + "\n"
            };
            let exchanges: Vec<Value> = tape.exchanges.iter().map(in_order).collect();
            std::fs::write(self.kept_at.with_extension("jsonl"), lines(&exchanges)).unwrap();
            std::fs::write(self.kept_at.with_extension("rows"), lines(&tape.rows)).unwrap();
        }
    }
}

impl Drop for StripeWorld {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(tape): State<Arc<Mutex<Tape>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let form = String::from_utf8_lossy(&body).into_owned();
    let query = uri.query().unwrap_or_default();
    let answer = tape.lock().await.exchange(method.as_str(), uri.path(), query, &form, key).await;
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    response = response.header("content-type", "application/json").header("request-id", "req_of_stripe_world");
    if answer.replayed {
        response = response.header("idempotent-replayed", "true");
    }
    response.body(Body::from(answer.body.to_string())).unwrap()
}

impl Tape {
    async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        form: &str,
        key: Option<String>,
    ) -> WorldAnswer {
        let request = format!("{method} {path}");
        let mut fields = nested(if method == "GET" { query } else { form });
        let left_out: Vec<&str> = LEFT_OUT
            .iter()
            .filter(|(of, field)| *of == request && fields.remove(*field).is_some())
            .map(|(_, field)| *field)
            .collect();
        let kept = self.numbered(&json!({"request": request, "form": fields, "key": key}));
        if self.live.is_some() {
            let (status, replayed, body) = self.ask(method, path, &fields, key.as_deref()).await;
            let mut exchange = kept;
            exchange["left_out"] = json!(left_out);
            exchange["status"] = json!(status);
            exchange["replayed"] = json!(replayed);
            exchange["answer"] = self.numbered(&body);
            self.exchanges.push(exchange);
            self.played += 1;
            return WorldAnswer { status, replayed, body };
        }
        let Some(next) = self.exchanges.get(self.played).cloned() else {
            self.problems.push(format!("{request} comes after the end"));
            return WorldAnswer { status: 500, replayed: false, body: Value::Null };
        };
        self.played += 1;
        for field in ["request", "form", "key"] {
            if kept[field] != next[field] {
                self.problems.push(format!("{field} is {} and was {}", kept[field], next[field]));
            }
        }
        WorldAnswer {
            status: u16::try_from(next["status"].as_u64().unwrap()).unwrap(),
            replayed: next["replayed"] == true,
            body: self.named(&next["answer"]),
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &Map<String, Value>,
        key: Option<&str>,
    ) -> (u16, bool, Value) {
        let Live { http, base } = self.live.as_ref().unwrap();
        let form = flat(fields);
        let mut request = if method == "GET" {
            http.get(format!("{base}{path}?{form}"))
        } else {
            http.request(method.parse().unwrap(), format!("{base}{path}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form)
        };
        request = request.header("authorization", "Bearer sk_test_1");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotent-replayed");
        let mut body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        prune(&mut body);
        (status, replayed, body)
    }

    /// Writes our identifiers as numbers.
    fn numbered(&mut self, value: &Value) -> Value {
        let text = value.to_string();
        let mut written = String::new();
        let mut rest = text.as_str();
        while let Some(place) = rest.find(|letter: char| letter.is_ascii_alphanumeric()) {
            let end =
                rest[place..].find(|letter: char| !letter.is_ascii_alphanumeric()).map_or(rest.len(), |n| n + place);
            let word = &rest[place..end];
            written.push_str(&rest[..place]);
            if word.len() == 32 && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                let number = self.ours.iter().position(|known| known == word).unwrap_or_else(|| {
                    self.ours.push(word.to_owned());
                    self.ours.len() - 1
                });
                written.push('<');
                written.push_str(&number.to_string());
                written.push('>');
            } else {
                written.push_str(word);
            }
            rest = &rest[end..];
        }
        written.push_str(rest);
        serde_json::from_str(&written).unwrap()
    }

    /// Writes numbers as our identifiers.
    fn named(&self, value: &Value) -> Value {
        let mut text = value.to_string();
        for (number, name) in self.ours.iter().enumerate() {
            text = text.replace(&format!("<{number}>"), name);
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// Leaves out what says nothing, so that what is kept stays small.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// Puts fields into the order of their names: metadata comes in any, and is kept the same each time.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, Value> = fields.iter().map(|(name, value)| (name, in_order(value))).collect();
            json!(sorted)
        }
        Value::Array(items) => items.iter().map(in_order).collect(),
        value => value.clone(),
    }
}

/// Writes a form as it came: `a[b][0]=c`.
fn flat(fields: &Map<String, Value>) -> String {
    fn walk(name: &str, value: &Value, pairs: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(field, value)| walk(&format!("{name}[{field}]"), value, pairs));
            }
            value => pairs.push(format!("{}={}", quoted(name), quoted(value.as_str().unwrap_or_default()))),
        }
    }
    let mut pairs = Vec::new();
    for (name, value) in fields {
        walk(name, value, &mut pairs);
    }
    pairs.join("&")
}

fn quoted(text: &str) -> String {
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

fn rfc3339(seconds: i64) -> String {
    domain::Timestamp::from_seconds(seconds).rfc3339()
}
