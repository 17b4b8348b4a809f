//! Invocations under load, the program killed at random moments: nothing answered is lost, and
//! nothing is counted twice.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::both::{Moments, both};
use crate::client::Connection;
use crate::program::Program;
use crate::story;

const KILLS: u32 = 20;
const CLIENTS: usize = 16;
const WANTED: usize = 1000;

/// Runs the proof on SQLite, and on PostgreSQL where one is given.
pub(crate) async fn run(binary: &Path, postgres: Option<String>) -> anyhow::Result<Value> {
    let holds = |row: &Value| {
        row["lost"] == 0
            && row["doubled"] == 0
            && row["answered"].as_u64() >= Some(WANTED as u64)
            && row["sums_agree"] == true
    };
    both("kill-invocations", postgres, holds, |database| one(binary, database)).await
}

async fn one(binary: &Path, database: Option<String>) -> anyhow::Result<Value> {
    let data = std::env::temp_dir().join(format!("cmp-kill-{}-{}", std::process::id(), database.is_some()));
    std::fs::create_dir_all(&data)?;
    let mut program = Program::start(binary, &data, database).await?;
    let host = program.host.clone();
    let buyer = story::buyer(&host).await?;

    let answered: Arc<Mutex<Vec<String>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (host, key) = (host.clone(), buyer.key.clone());
            let (answered, stop) = (answered.clone(), stop.clone());
            tokio::spawn(async move {
                let headers = format!("authorization: Bearer {key}\r\n");
                let mut failures = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::open(&host).await else {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    };
                    while !stop.load(Ordering::Relaxed) {
                        match connection
                            .send("POST", "/api/agent-gateway/invoke/", &headers, r#"{"input":"hello"}"#)
                            .await
                        {
                            Ok(answer) if answer.status == 200 => {
                                if let Some(id) =
                                    answer.json().ok().and_then(|body| body["request_id"].as_str().map(str::to_owned))
                                {
                                    answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(id);
                                }
                            }
                            // Limits and quotas are answers too; they count for nothing.
                            Ok(_) => {
                                failures += 1;
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                            Err(_) => break,
                        }
                    }
                }
                failures
            })
        })
        .collect();

    let mut moments = Moments::new();
    let mut slowest = Duration::ZERO;
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(150 + moments.below(700))).await;
        program.kill()?;
        slowest = slowest.max(program.restart().await?);
    }
    for _ in 0..200 {
        if answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len() >= WANTED {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut refused = 0;
    for client in clients {
        refused += client.await?;
    }

    let answered = std::mem::take(&mut *answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let mut connection = Connection::open(&host).await?;
    let mut api = story::Api { connection: &mut connection };
    let mut recorded: Vec<String> = Vec::new();
    for page in 1.. {
        let path = format!(
            "/api/customer-agent-configs/{}/invocations/?state=succeeded&page={page}&page_size=300",
            buyer.config
        );
        let rows = api.call("GET", &path, Some(&buyer.token), &Value::Null).await?;
        let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
        recorded.extend(rows.iter().filter_map(|row| row["request_id"].as_str().map(str::to_owned)));
        if rows.len() < 300 {
            break;
        }
    }
    let usage = api
        .call("GET", &format!("/api/customer-agent-configs/{}/usage/", buyer.config), Some(&buyer.token), &Value::Null)
        .await?;
    program.kill()?;

    let distinct: HashSet<&String> = recorded.iter().collect();
    let lost = answered.iter().filter(|id| !distinct.contains(id)).count();
    let distinct_answers: HashSet<&String> = answered.iter().collect();
    let doubled = (recorded.len() - distinct.len()) + (answered.len() - distinct_answers.len());
    let sums_agree = usage["api_calls"].as_u64() == Some(recorded.len() as u64)
        && usage["used"].as_u64() == Some(recorded.len() as u64);
    let _ = std::fs::remove_dir_all(&data);
    Ok(json!({
        "kills": KILLS,
        "answered": answered.len(),
        "recorded": recorded.len(),
        "recorded_without_an_answer": recorded.len() - answered.len().min(recorded.len()),
        "lost": lost,
        "doubled": doubled,
        "sums_agree": sums_agree,
        "refused": refused,
        "slowest_restart_ms": u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX),
    }))
}
