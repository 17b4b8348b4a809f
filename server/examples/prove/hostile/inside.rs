//! Pages of a public address that lead inside: redirects, and names whose address changes.
//!
//! A public address is needed to begin at, and names that we answer for. Both are made in a network of our own: the
//! program and the trial run in new namespaces (`unshare`), in which one public address is on loopback and the only
//! name server is this file. Nothing in the program knows of it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UdpSocket};

use super::{Trial, tenths};
use crate::client::Connection;
use crate::program::Program;
use crate::story;

/// An address of the public internet.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
/// Where the secret is, on this machine alone.
const PORT: u16 = 8099;

/// Tries all of it in namespaces of their own; answers why not where the system does not let us have them.
pub(super) fn all(binary: &Path) -> anyhow::Result<Result<Vec<(Value, bool)>, String>> {
    let names = std::env::temp_dir().join(format!("cmp-names-{}", std::process::id()));
    std::fs::write(&names, "nameserver 127.0.0.1\n")?;
    let script = format!(
        "ip link set lo up && ip addr add {PUBLIC}/32 dev lo && mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "sh", "-c", &script]).arg(&names);
    let output = unshare.arg(std::env::current_exe()?).arg("hostile-web").arg(binary).output();
    let _ = std::fs::remove_file(&names);
    let output = match output {
        Ok(output) => output,
        Err(error) => return Ok(Err(format!("unshare: {error}"))),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        ensure!(!said.contains("the trial"), "{said}");
        return Ok(Err(said.lines().last().unwrap_or("the system gives us no network of our own").to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let rows = rows.as_array().context("no rows")?.iter().map(|row| (row.clone(), row["as it should"] == true));
    Ok(Ok(rows.collect()))
}

/// What runs within.
pub(crate) async fn run(binary: &Path) -> anyhow::Result<Value> {
    tried(binary).await.context("the trial failed")
}

async fn tried(binary: &Path) -> anyhow::Result<Value> {
    let came = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(AtomicUsize::new(0));
    tokio::spawn(answer_names(UdpSocket::bind("127.0.0.1:53").await?, asked.clone()));
    let inside = TcpListener::bind(("127.0.0.1", PORT)).await?;
    let counted = came.clone();
    tokio::spawn(async move {
        while inside.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    for port in [80, PORT] {
        let listener = TcpListener::bind((PUBLIC, port)).await?;
        tokio::spawn(async move { axum::serve(listener, site()).await });
    }
    let data = std::env::temp_dir().join(format!("cmp-hostile-web-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let program = Program::start_with(binary, &data, None, Vec::new()).await?;
    let trial = Trial { buyer: story::buyer(&program.host).await?, program };
    let mut rows = Vec::new();
    for (what, address, is_read) in [
        ("a harmless page, so that the rest means something", "http://site.example/open", true),
        ("a redirect to another public page", "http://site.example/onward", true),
        ("a redirect to loopback", "http://site.example/to-loopback", false),
        ("a redirect to a name of loopback", "http://site.example/to-inside", false),
        ("a redirect to a redirect to loopback", "http://site.example/to-redirect", false),
        ("a redirect to the cloud's metadata", "http://site.example/to-metadata", false),
        ("a redirect to loopback as a number", "http://site.example/to-number", false),
        ("a redirect to a file", "http://site.example/to-file", false),
        ("a name of loopback", "http://inside.example:8099/secret", false),
        ("a name of loopback, of six bytes times four", "http://inside6.example:8099/secret", false),
        ("a name with a public and a private address", "http://both.example:8099/secret", false),
        (
            "a name that is public when it is asked for first and private then",
            "http://rebind.example:8099/secret",
            false,
        ),
    ] {
        asked.store(0, Ordering::Relaxed);
        let began = Instant::now();
        let mut connection = Connection::open(&trial.program.host).await?;
        let body = json!({ "url": address }).to_string();
        let sent = connection.send("POST", &trial.door(), &trial.headers(), &body).await?;
        ensure!(sent.status == 201, "{address}: {}", String::from_utf8_lossy(&sent.body));
        let row = trial.outcome(&sent).await?;
        let said = row["error_message"].as_str().unwrap_or_default().to_owned();
        let visits = came.load(Ordering::Relaxed);
        // A name that changes may be read while it is public: what counts is that nobody comes inside.
        let held = visits == 0 && (is_read == (row["state"] == "ready") || address.contains("rebind"));
        rows.push(json!({
            "file": format!("page: {what}"), "bytes": 0, "became": row["state"], "seconds": tenths(began.elapsed()),
            "as it should": held, "said": said.chars().take(90).collect::<String>(),
        }));
    }
    drop(trial);
    let _ = std::fs::remove_dir_all(&data);
    Ok(rows.into())
}

fn site() -> Router {
    let to = |address: &'static str| get(move || async move { Redirect::temporary(address) });
    Router::new()
        .route("/open", get(|| async { Html("<title>Open</title><p>The gate is open until dusk.</p>") }))
        .route("/elsewhere", get(|| async { Html("<title>Elsewhere</title><p>The gate has moved.</p>") }))
        .route("/secret", get(|| async { Html("<title>Public</title><p>This is the public one.</p>") }))
        .route("/onward", to("http://site.example/elsewhere"))
        .route("/to-loopback", to("http://127.0.0.1:8099/secret"))
        .route("/to-inside", to("http://inside.example:8099/secret"))
        .route("/to-redirect", to("http://site.example/to-loopback"))
        .route("/to-metadata", to("http://169.254.169.254/latest/meta-data/"))
        .route("/to-number", to("http://2130706433:8099/secret"))
        .route("/to-file", to("file:///etc/passwd"))
}

/// A name server for the names above; a name with `rebind` is public once and private from then on.
async fn answer_names(socket: UdpSocket, asked: Arc<AtomicUsize>) {
    let mut packet = [0_u8; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        let Some(answer) = packet.get(..length).and_then(|question| answer_of(question, &asked)) else { continue };
        let _ = socket.send_to(&answer, from).await;
    }
}

fn answer_of(question: &[u8], asked: &AtomicUsize) -> Option<Vec<u8>> {
    let (mut at, mut name) = (12, String::new());
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        name.push_str(&String::from_utf8_lossy(question.get(at..at + length)?).to_lowercase());
        name.push('.');
        at += length;
    }
    let wants_v6 = question.get(at..at + 2)? == [0, 28];
    let end = at + 4;
    let addresses: Vec<Vec<u8>> = match (name.as_str(), wants_v6) {
        ("site.example.", false) => vec![PUBLIC.octets().to_vec()],
        ("inside.example.", false) => vec![vec![127, 0, 0, 1]],
        ("inside6.example.", true) => vec![std::net::Ipv6Addr::LOCALHOST.octets().to_vec()],
        ("both.example.", false) => vec![PUBLIC.octets().to_vec(), vec![127, 0, 0, 1]],
        ("rebind.example.", false) => {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            vec![if first { PUBLIC.octets().to_vec() } else { vec![127, 0, 0, 1] }]
        }
        _ => Vec::new(),
    };
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::try_from(addresses.len()).ok()?, 0, 0, 0, 0]);
    answer.extend(question.get(12..end)?);
    for address in addresses {
        answer.extend([0xc0, 12, 0, if wants_v6 { 28 } else { 1 }, 0, 1, 0, 0, 0, 0, 0]);
        answer.push(u8::try_from(address.len()).ok()?);
        answer.extend(address);
    }
    Some(answer)
}
