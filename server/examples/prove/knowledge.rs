//! What documents cost the whole program: taken through its door, read by its reader, kept in a database, searched
//! through its API.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::client::Connection;
use crate::program::Program;
use crate::story::{self, Api};

/// Passages of one document.
const EACH: usize = 400;
/// How long all documents of one size may take.
const PATIENCE: Duration = Duration::from_mins(20);

/// Measures each of the files `COUNT.jsonl` in `texts`, on SQLite, and on PostgreSQL where databases are given.
pub(crate) async fn run(binary: &Path, postgres: Option<String>, texts: &Path) -> anyhow::Result<Value> {
    let questions: Vec<String> = serde_json::from_slice(&std::fs::read(texts.join("questions.json"))?)?;
    let mut counts: Vec<usize> = std::fs::read_dir(texts)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok())
        .collect();
    counts.sort_unstable();
    let mut rows = Vec::new();
    for database in [None, postgres] {
        let data = std::env::temp_dir().join(format!("cmp-bench-{}-{}", std::process::id(), database.is_some()));
        std::fs::create_dir_all(&data)?;
        let name = if database.is_some() { "PostgreSQL" } else { "SQLite" };
        let mut program = Program::start(binary, &data, database).await?;
        for count in &counts {
            let row = one(&mut program, texts, *count, &questions, name).await?;
            eprintln!("{row}");
            rows.push(row);
        }
        program.kill()?;
        let _ = std::fs::remove_dir_all(&data);
    }
    Ok(Value::from(rows))
}

async fn one(
    program: &mut Program,
    texts: &Path,
    count: usize,
    questions: &[String],
    name: &str,
) -> anyhow::Result<Value> {
    let documents = documents(texts, count)?;
    let bytes: usize = documents.iter().map(String::len).sum();
    // Each number of passages has an agent of its own.
    let buyer = story::buyer(&program.host).await?;
    let before = program.memory_kib().unwrap_or_default();
    program.forget_peak();
    let headers = format!("authorization: Token {}\r\n", buyer.token);
    let door = format!("/api/customer-agent-configs/{}/training_documents/", buyer.config);
    let mut connection = Connection::open(&program.host).await?;
    let processor = program.cpu_seconds().unwrap_or_default();
    let began = Instant::now();
    for (number, document) in documents.iter().enumerate() {
        let sent = connection.send_file(&door, &headers, &format!("{number}.md"), document.as_bytes()).await?;
        anyhow::ensure!(sent.status == 201, "{}: {}", sent.status, String::from_utf8_lossy(&sent.body));
    }
    let mut api = Api { connection: &mut connection };
    loop {
        let path = format!("/api/training-documents/?config_uuid={}&page_size=300&page=", buyer.config);
        let mut waits = false;
        for page in 1..=documents.len().div_ceil(300) {
            let rows = api.call("GET", &format!("{path}{page}"), Some(&buyer.token), &Value::Null).await?;
            let rows = rows.as_array().context("documents are a list")?;
            if let Some(failed) = rows.iter().find(|row| row["state"] == "failed") {
                anyhow::bail!("a document was not read: {failed}");
            }
            waits |= rows.iter().any(|row| row["state"] != "ready");
        }
        if !waits {
            break;
        }
        anyhow::ensure!(
            began.elapsed() < PATIENCE,
            "the documents are not ready after {} minutes",
            PATIENCE.as_secs() / 60
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = began.elapsed().as_secs_f64();
    let processor = program.cpu_seconds().unwrap_or_default() - processor;
    let peak = program.peak_kib().unwrap_or_default();
    let path = format!("/api/marketplace-ai-knowledge-bases/{}/search/", buyer.config);
    let mut times = Vec::new();
    for question in questions {
        let asked = Instant::now();
        let found = api.call("POST", &path, Some(&buyer.token), &json!({"query": question, "top_k": 10})).await?;
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
        anyhow::ensure!(found["records"].is_array(), "no answer: {found}");
    }
    // The first builds what is kept in memory.
    let first = times.remove(0);
    times.sort_by(f64::total_cmp);
    let held = program.memory_kib().unwrap_or_default();
    let rounded = |number: f64, by: f64| (number * by).round() / by;
    Ok(json!({
        "program on": name, "chunks": count, "documents": documents.len(), "MB": rounded(bytes as f64 / 1e6, 10.0),
        "seconds": rounded(took, 10.0), "documents a second": rounded(documents.len() as f64 / took, 10.0),
        "MB a second": rounded(bytes as f64 / took / 1e6, 100.0), "its processor s": rounded(processor, 10.0),
        "MiB before": before >> 10, "most": peak >> 10, "when searched": held >> 10,
        "first search ms": rounded(first, 1.0), "p50 ms": rounded(times[times.len() / 2], 100.0),
        "p99 ms": rounded(times[times.len() * 99 / 100], 100.0),
    }))
}

/// Documents of so many sections, each of which is one passage.
fn documents(texts: &Path, count: usize) -> anyhow::Result<Vec<String>> {
    let file = std::fs::read_to_string(texts.join(format!("{count}.jsonl")))?;
    let mut documents: Vec<String> = Vec::new();
    for (place, line) in file.lines().enumerate() {
        let line: Value = serde_json::from_str(line)?;
        if place % EACH == 0 {
            documents.push(String::new());
        }
        if let Some(document) = documents.last_mut() {
            let (title, text) = (line["title"].as_str().unwrap_or_default(), line["text"].as_str().unwrap_or_default());
            document.push_str(&format!("# {place} {title}\n\n{text}\n\n"));
        }
    }
    Ok(documents)
}
