//! `invoke` on a trivial flow, beside the same axum server that answers a fixed body, in one run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Connection;
use crate::program::Program;
use crate::story;

const RUN: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(1);

/// Runs the benchmark: at 1, 16 and 64 connections, three alternating rounds, medians.
pub(crate) async fn run(binary: &Path) -> anyhow::Result<Value> {
    let data = std::env::temp_dir().join(format!("cmp-bench-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let program = Program::start(binary, &data, None).await?;
    let buyer = story::buyer(&program.host).await?;
    let headers = format!("authorization: Bearer {}\r\n", buyer.key);
    let mut connection = Connection::open(&program.host).await?;
    let sample = connection.send("POST", "/api/agent-gateway/invoke/", &headers, BODY).await?;
    anyhow::ensure!(sample.status == 200, "{}", String::from_utf8_lossy(&sample.body));
    let floor = floor(sample.body.clone()).await?;

    let mut rows = Vec::new();
    for connections in [1, 16, 64] {
        let mut floors = Vec::new();
        let mut gateways = Vec::new();
        let mut cpu = Vec::new();
        for _ in 0..3 {
            floors.push(load(&floor.to_string(), &headers, connections).await?);
            let before = program.cpu_seconds();
            let row = load(&program.host, &headers, connections).await?;
            if let (Some(before), Some(after)) = (before, program.cpu_seconds()) {
                cpu.push((after - before) * 1e6 / row.all.max(1) as f64);
            }
            gateways.push(row);
        }
        let floor = median(floors);
        let gateway = median(gateways);
        cpu.sort_by(f64::total_cmp);
        rows.push(json!({
            "connections": connections,
            "invoke": gateway.json(),
            "fixed_body": floor.json(),
            "ratio": round(gateway.rate / floor.rate),
            "cpu_us_per_invoke": cpu.get(1).map(|us| us.round()),
        }));
    }
    let memory = program.memory_kib();
    drop(program);
    let _ = std::fs::remove_dir_all(&data);
    // Everything on, every row on disk before its answer: the reference sets 0.60 of a bare proxy;
    // a fixed body is a higher floor than a proxy, and the load runs on the same cores.
    let holds = rows.iter().all(|row| row["invoke"]["failed"] == 0);
    Ok(json!({"name": "bench-gateway", "holds": holds, "figures": {"rows": rows, "memory_kib": memory}}))
}

const BODY: &str = r#"{"input":"hello"}"#;

#[derive(Clone, Debug)]
struct Row {
    rate: f64,
    p50: Duration,
    p99: Duration,
    failed: u64,
    all: u64,
}

impl Row {
    fn json(&self) -> Value {
        let ms = |time: Duration| round(time.as_secs_f64() * 1000.0);
        json!({"per_second": self.rate.round(), "p50_ms": ms(self.p50), "p99_ms": ms(self.p99), "failed": self.failed})
    }
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn median(mut rows: Vec<Row>) -> Row {
    rows.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rows.swap_remove(rows.len() / 2)
}

/// Serves the sample's body from an axum server that does nothing else.
async fn floor(body: Vec<u8>) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let body = bytes::Bytes::from(body);
    let router = axum::Router::new().route(
        "/api/agent-gateway/invoke/",
        axum::routing::post(move |_: bytes::Bytes| {
            let body = body.clone();
            async move { ([("content-type", "application/json")], body) }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn load(host: &str, headers: &str, connections: usize) -> anyhow::Result<Row> {
    let began = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let (host, headers) = (host.to_owned(), headers.to_owned());
            tokio::spawn(async move {
                let mut connection = Connection::open(&host).await?;
                let mut times = Vec::new();
                let (mut failed, mut all) = (0_u64, 0_u64);
                while began.elapsed() < WARM_UP + RUN {
                    let sent = Instant::now();
                    let answer = connection.send("POST", "/api/agent-gateway/invoke/", &headers, BODY).await?;
                    all += 1;
                    if began.elapsed() >= WARM_UP {
                        times.push(sent.elapsed());
                        failed += u64::from(answer.status != 200);
                    }
                }
                anyhow::Ok((times, failed, all))
            })
        })
        .collect();
    let mut times = Vec::new();
    let (mut failed, mut all) = (0, 0);
    for client in clients {
        let (of_one, failures, sent) = client.await??;
        times.extend(of_one);
        failed += failures;
        all += sent;
    }
    times.sort();
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into the sorted times")]
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    Ok(Row { rate: times.len() as f64 / RUN.as_secs_f64(), p50: at(0.5), p99: at(0.99), failed, all })
}
