//! Documents that are sent and read while the program is killed at random moments: each is ready in the end, once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::both::{Moments, both};
use crate::client::Connection;
use crate::program::Program;
use crate::story::{self, Buyer};

const DOCUMENTS: usize = 200;
const KILLS: u32 = 10;
/// A job of a process that died is taken up when its lease of two minutes is over.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs the proof on SQLite, and on PostgreSQL where one is given.
pub(crate) async fn run(binary: &Path, postgres: Option<String>) -> anyhow::Result<Value> {
    let holds = |row: &Value| {
        row["taken"] == DOCUMENTS
            && row["listed"] == DOCUMENTS
            && row["ready"] == DOCUMENTS
            && row["found once"] == DOCUMENTS
    };
    both("kill-ingest", postgres, holds, |database| one(binary, database)).await
}

/// The word by which a document is found.
fn code(number: usize) -> String {
    format!("KX-{number:04}-PIP")
}

/// A document of some pages, with its own code in the middle.
fn text(number: usize) -> String {
    let mut text = format!("# Document {number}\n\n");
    for section in 0..20 {
        text.push_str(&format!("## Section {section} of {number}\n\n"));
        if section == 10 {
            text.push_str(&format!("The part has the code {} and no other.\n\n", code(number)));
        }
        text.push_str(&"Parts are kept dry and are looked at twice a year. ".repeat(8));
        text.push_str("\n\n");
    }
    text
}

async fn one(binary: &Path, database: Option<String>) -> anyhow::Result<Value> {
    let data = std::env::temp_dir().join(format!("cmp-ingest-{}-{}", std::process::id(), database.is_some()));
    std::fs::create_dir_all(&data)?;
    let mut program = Program::start(binary, &data, database).await?;
    let host = program.host.clone();
    let buyer = story::buyer(&host).await?;
    let began = Instant::now();
    let sending = tokio::spawn(send_all(host.clone(), buyer.token.clone(), buyer.config.clone()));

    let mut moments = Moments::new();
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(200 + moments.below(800))).await;
        program.kill()?;
        program.restart().await?;
    }
    let sent_again = sending.await??;
    let documents = settled(&host, &buyer).await?;
    let seconds = began.elapsed().as_secs();

    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: HashMap<String, usize> = HashMap::new();
    for document in &documents {
        *states.entry(document["state"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        *names.entry(document["name"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let mut found_once = 0;
    let mut connection = Connection::open(&host).await?;
    let mut api = story::Api { connection: &mut connection };
    for number in 0..DOCUMENTS {
        let path = format!("/api/marketplace-ai-knowledge-bases/{}/search/", buyer.config);
        let found = api.call("POST", &path, Some(&buyer.token), &json!({"query": code(number), "top_k": 50})).await?;
        let records = found["records"].as_array().map(Vec::as_slice).unwrap_or_default();
        let holding =
            records.iter().filter(|one| one["content"].as_str().is_some_and(|text| text.contains(&code(number))));
        found_once += usize::from(holding.count() == 1);
    }
    program.kill()?;
    let _ = std::fs::remove_dir_all(&data);
    Ok(json!({
        "kills": KILLS,
        "taken": names.len(),
        "listed": documents.len(),
        "ready": states.get("ready").copied().unwrap_or_default(),
        "states": states,
        "found once": found_once,
        "sent again after no answer": sent_again,
        "seconds until all were ready": seconds,
    }))
}

/// Sends all documents, each until it is taken; returns how often one had to be sent again.
async fn send_all(host: String, token: String, config: String) -> anyhow::Result<usize> {
    let path = format!("/api/customer-agent-configs/{config}/training_documents/");
    let headers = format!("authorization: Token {token}\r\n");
    let mut again = 0;
    for number in 0..DOCUMENTS {
        let began = Instant::now();
        loop {
            let sent = async {
                let mut connection = Connection::open(&host).await?;
                connection.send_file(&path, &headers, &format!("{number}.md"), text(number).as_bytes()).await
            };
            match sent.await {
                Ok(answer) if answer.status == 201 => break,
                Ok(answer) => anyhow::bail!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
                // The program was killed; whether it took the document is not known.
                Err(_) if began.elapsed() < PATIENCE => {
                    again += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(error),
            }
        }
        // So that the kills fall into sending as well as into reading.
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(again)
}

/// Waits until no document waits any more, and returns all of them.
async fn settled(host: &str, buyer: &Buyer) -> anyhow::Result<Vec<Value>> {
    let began = Instant::now();
    loop {
        let mut connection = Connection::open(host).await?;
        let mut api = story::Api { connection: &mut connection };
        let path = format!("/api/training-documents/?config_uuid={}&page_size=300", buyer.config);
        let rows = api.call("GET", &path, Some(&buyer.token), &Value::Null).await?;
        let rows = rows.as_array().cloned().unwrap_or_default();
        let waits = rows.iter().any(|row| row["state"] == "pending" || row["state"] == "processing");
        if !waits || began.elapsed() > PATIENCE {
            return Ok(rows);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
