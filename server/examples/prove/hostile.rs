//! What strangers may send to the door for documents, and what becomes of it and of the program.
//!
//! The limits that are tried are those of the running program: its doors, the process that it reads files in,
//! and its own memory. No file of these is kept anywhere: each is made when it is sent.

mod addresses;
mod doors;
mod files;
pub(crate) mod inside;
mod packed;
mod pdf;
mod prompt;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Answer, Connection};
use crate::program::Program;
use crate::story::{self, Api, Buyer};
use files::{Case, Expected};

/// How long a document may be under way before it counts as hung: two tries of the reader and the queue.
const PATIENCE: Duration = Duration::from_secs(90);
/// How much more the program may hold in the end, once it has been through all of it: the allocator keeps what the
/// index of a million different words was made of.
const KEPT_MIB: u64 = 350;
/// How much it may hold at any moment, beyond what it held before.
const MOST_MIB: u64 = 500;

/// Runs the proof on SQLite.
pub(crate) async fn run(binary: &Path) -> anyhow::Result<Value> {
    let model = prompt::Model::start().await?;
    let data = std::env::temp_dir().join(format!("cmp-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let program = Program::start_with(binary, &data, None, model.settings()).await?;
    let trial = Trial { buyer: story::buyer(&program.host).await?, program };
    // What the largest harmless documents cost is the price of the service, not of hostile ones.
    for number in 0..6 {
        let line = format!("This is manual {number}, and it says nothing that anyone has to know.\n\n");
        let sent = trial.send(&format!("warm{number}.txt"), line.repeat(300_000).as_bytes()).await?;
        trial.outcome(&sent).await?;
        trial.delete(&sent).await?;
    }
    let start = trial.program.memory_kib().unwrap_or_default() >> 10;

    let mut rows = Vec::new();
    let mut good = true;
    let only = std::env::args().nth(4);
    for case in files::all() {
        if only.as_ref().is_some_and(|only| !case.what.contains(only.as_str())) {
            continue;
        }
        let (row, held) = trial.file(&case).await?;
        eprintln!("{row}");
        good &= held;
        rows.push(row);
    }
    let mut not_tried = String::new();
    if only.is_none() {
        let mut others = addresses::all(&trial).await?;
        match tokio::task::spawn_blocking({
            let binary = binary.to_owned();
            move || inside::all(&binary)
        })
        .await??
        {
            Ok(rows) => others.extend(rows),
            Err(why) => not_tried = format!("redirects and changing names, for want of a network of our own: {why}"),
        }
        for (row, held) in others.into_iter().chain(doors::all(&trial).await?) {
            eprintln!("{row}");
            good &= held;
            rows.push(row);
        }
        let (row, held) = prompt::told(&trial, &model).await?;
        eprintln!("{row}");
        good &= held;
        rows.push(row);
    }
    let climbed = std::env::temp_dir().join("cmp-climbed").exists()
        || std::env::temp_dir().join("cmp-climbed.txt").exists()
        || data.join("cmp-climbed.txt").exists();
    let after = trial.send("after.md", b"# After\n\nThe tower is 31 metres high.").await?;
    let read = trial.outcome(&after).await?;
    let end = trial.program.memory_kib().unwrap_or_default() >> 10;
    let lives = read["state"] == "ready";
    drop(trial);
    let _ = std::fs::remove_dir_all(&data);
    Ok(json!({
        "name": "hostile-files",
        "holds": good && lives && !climbed && end <= start + KEPT_MIB,
        "figures": {
            "what was sent": rows,
            "memory of the program before, MiB": start,
            "memory of the program in the end, MiB": end,
            "a harmless document in the end is": read["state"],
            "files outside of the data directory": if climbed { "some" } else { "none" },
            "not tried": if not_tried.is_empty() { "nothing" } else { not_tried.as_str() },
        },
    }))
}

/// A program and someone who sends it things.
struct Trial {
    program: Program,
    buyer: Buyer,
}

impl Trial {
    fn headers(&self) -> String {
        format!("authorization: Token {}\r\n", self.buyer.token)
    }

    fn door(&self) -> String {
        format!("/api/customer-agent-configs/{}/training_documents/", self.buyer.config)
    }

    async fn send(&self, name: &str, bytes: &[u8]) -> anyhow::Result<Answer> {
        let mut connection = Connection::open(&self.program.host).await?;
        connection.send_file(&self.door(), &self.headers(), name, bytes).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut connection = Connection::open(&self.program.host).await?;
        Api { connection: &mut connection }.call("GET", path, Some(&self.buyer.token), &Value::Null).await
    }

    async fn delete(&self, taken: &Answer) -> anyhow::Result<()> {
        let id = taken.json()?["uuid"].as_str().unwrap_or_default().to_owned();
        let mut connection = Connection::open(&self.program.host).await?;
        let path = format!("/api/training-documents/{id}/");
        Api { connection: &mut connection }.call("DELETE", &path, Some(&self.buyer.token), &Value::Null).await?;
        Ok(())
    }

    /// Waits until a document that was taken is ready or failed.
    async fn outcome(&self, taken: &Answer) -> anyhow::Result<Value> {
        let id = taken.json()?["uuid"].as_str().unwrap_or_default().to_owned();
        let began = Instant::now();
        loop {
            let row = self.get(&format!("/api/training-documents/{id}/")).await?;
            if row["state"] == "ready" || row["state"] == "failed" || began.elapsed() > PATIENCE {
                return Ok(row);
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Sends a file, and says what became of it.
    async fn file(&self, case: &Case) -> anyhow::Result<(Value, bool)> {
        let bytes = (case.make)();
        let before = self.program.memory_kib().unwrap_or_default() >> 10;
        self.program.forget_peak();
        let began = Instant::now();
        let sent = self.send(&case.name, &bytes).await?;
        let (state, said, read) = if sent.status == 201 {
            let row = self.outcome(&sent).await?;
            let read = self.read(&row).await?;
            let said = match row["error_message"].as_str().unwrap_or_default() {
                "" => told(&row["warnings"]),
                reason => reason.to_owned(),
            };
            (row["state"].as_str().unwrap_or_default().to_owned(), said, read)
        } else {
            (format!("refused, {}", sent.status), String::from_utf8_lossy(&sent.body).into_owned(), String::new())
        };
        let took = began.elapsed();
        let peak = self.program.peak_kib().unwrap_or_default() >> 10;
        let after = self.program.memory_kib().unwrap_or_default() >> 10;
        let refused = state == "failed" || sent.status == 400;
        let as_expected = match case.expected {
            Expected::Ready => state == "ready",
            Expected::Failed => refused && !said.is_empty(),
            Expected::Either => state == "ready" || refused && !said.is_empty(),
        };
        let held = as_expected
            && read.contains(case.with)
            && said.contains(case.said)
            && (case.without.is_empty() || !read.contains(case.without))
            && peak <= before + MOST_MIB;
        // So that the next one meets a program that does not still hold this one's passages.
        if sent.status == 201 {
            self.delete(&sent).await?;
        }
        let said: String = said.chars().take(90).collect();
        let row = json!({
            "file": case.what, "bytes": bytes.len(), "became": state, "seconds": tenths(took),
            "MiB before": before, "most": peak, "after": after, "as it should": held, "said": said,
        });
        Ok((row, held))
    }

    /// Everything that was read of a document, as the API shows it, and its name.
    async fn read(&self, row: &Value) -> anyhow::Result<String> {
        if row["state"] != "ready" {
            return Ok(String::new());
        }
        let mut text = row["title"].as_str().unwrap_or_default().to_owned();
        anyhow::ensure!(!row["name"].as_str().unwrap_or_default().contains(['/', '\\']), "a name climbs: {row}");
        for word in [
            "page", "due", "the", "open", "ladder", "printer", "gate", "letter", "shop", "cell", "ha", "file",
            "stolen", "P0", "P1999",
        ] {
            let mut connection = Connection::open(&self.program.host).await?;
            let path = format!("/api/marketplace-ai-knowledge-bases/{}/search/", self.buyer.config);
            let asked = json!({"query": word, "top_k": 50});
            let found =
                Api { connection: &mut connection }.call("POST", &path, Some(&self.buyer.token), &asked).await?;
            for record in found["records"].as_array().into_iter().flatten() {
                if record["document_uuid"] == row["uuid"] {
                    text.push('\n');
                    text.push_str(record["content"].as_str().unwrap_or_default());
                }
            }
        }
        Ok(text)
    }
}

fn told(warnings: &Value) -> String {
    warnings.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn tenths(took: Duration) -> f64 {
    (took.as_secs_f64() * 10.0).round() / 10.0
}
