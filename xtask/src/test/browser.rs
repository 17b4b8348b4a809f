//! The journeys of `end2end/` in a real browser, against the program on both databases.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::check::Tally;
use crate::run::{self, Guarded};
use crate::serve::{self, free_port};
use crate::{progress, toolchain, workspace};

use super::postgres::Cluster;

const OPERATOR: &str = "operator@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// Runs the journeys, once on each database.
pub(super) fn run(cluster: Option<&Cluster>, rest: &[String]) -> Result<Tally> {
    let suite = workspace::root().join("end2end");
    if !suite.join("package.json").is_file() {
        bail!("end2end/package.json does not exist");
    }
    let program = serve::program(false)?;
    install(&suite)?;
    let chromium = toolchain::chromium();
    if chromium.is_none() {
        let step = progress::step("fetching Chromium through Playwright");
        let mut fetch = Command::new("npx");
        run::under(&step, fetch.current_dir(&suite).args(["playwright", "install", "chromium"]))?;
        step.done("");
    }
    let mut tally = Tally::default();
    let mut journeys = |name: &str, database: Option<String>| -> Result<()> {
        println!("\njourneys on {name}");
        let site = Site::start(&program, name, database)?;
        tally += site.journeys(&suite, chromium.as_deref(), rest)?;
        Ok(())
    };
    let on_sqlite = journeys("sqlite", None);
    let on_postgres = match cluster {
        Some(cluster) => cluster.database("cmp_e2e").and_then(|url| journeys("postgres", Some(url))),
        None => Ok(()), // counted as failed where the cluster could not be started
    };
    for (name, result) in [("SQLite", on_sqlite), ("PostgreSQL", on_postgres)] {
        if let Err(error) = result {
            println!("journeys on {name} could not run: {error:#}");
            tally.failed += 1;
        }
    }
    Ok(tally)
}

/// Installs the suite's packages unless they are those of its lock file already.
fn install(suite: &Path) -> Result<()> {
    let mut wanted = std::fs::read(suite.join("package.json"))?;
    let lock = suite.join("package-lock.json");
    wanted.extend(std::fs::read(&lock).unwrap_or_default());
    let wanted = workspace::digest([wanted.as_slice()]);
    let mark = suite.join("node_modules/.cmp-installed");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let step = progress::step("installing Playwright from npm");
    let mut npm = toolchain::npm()?;
    npm.current_dir(suite).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    npm.args(if lock.is_file() { ["ci"].as_slice() } else { &["install", "--no-package-lock"] });
    run::under(&step, &mut npm)?;
    std::fs::write(mark, wanted)?;
    step.done("");
    Ok(())
}

/// The program, serving a fresh data directory.
pub(crate) struct Site {
    name: String,
    port: u16,
    mail: PathBuf,
    _guard: Guarded,
}

impl Site {
    /// Starts the program with sample content and an operator.
    pub(crate) fn start(program: &Path, name: &str, database: Option<String>) -> Result<Self> {
        let step = progress::step(format!("starting the program on {name}"));
        let place = workspace::target().join("e2e");
        let data = place.join(name);
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        std::fs::create_dir_all(&data)?;
        let mut place_arguments = vec!["--data".to_owned(), data.display().to_string()];
        if let Some(database) = database {
            place_arguments.extend(["--database".to_owned(), database]);
        }
        let settings = |command: &mut Command| {
            // Nothing of the person's own settings, and no second listener to quarrel about.
            command
                .current_dir(&place)
                .env("CMP_TELEMETRY__METRICS_LISTEN", "")
                // No journey can wait for two weeks until a provider may be paid.
                .env("CMP_SITE__HOLD_DAYS", "0")
                .env_remove("CMP_MAIL__SMTP_URL")
                .env_remove("DATABASE_URL")
                .env("CMP_OPERATOR_PASSWORD", PASSWORD)
                .args(&place_arguments);
        };
        let mut operator = Command::new(program);
        operator.args(["user", "create-operator", "--email", OPERATOR]);
        settings(&mut operator);
        run::capture(&mut operator)?;

        let port = free_port()?;
        let mut serve = Command::new(program);
        serve.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string(), "--seed"]);
        settings(&mut serve);
        let log = place.join(format!("{name}.log"));
        let mut guard = Guarded::spawn(&serve, "TERM", None, &log)?;
        let started = Instant::now();
        while !answers(port) {
            if guard.ended() || started.elapsed() > Duration::from_mins(2) {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                bail!("the program did not start:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        step.done("");
        Ok(Self { name: name.to_owned(), port, mail: data.join("mail"), _guard: guard })
    }

    fn journeys(&self, suite: &Path, chromium: Option<&Path>, rest: &[String]) -> Result<Tally> {
        let report = workspace::target().join("e2e").join(format!("{}.json", self.name));
        let _ = std::fs::remove_file(&report);
        let mut playwright = Command::new("npx");
        playwright
            .current_dir(suite)
            .args(["playwright", "test"])
            .args(rest)
            .env("BASE_URL", format!("http://127.0.0.1:{}", self.port))
            .env("CMP_OPERATOR_EMAIL", OPERATOR)
            .env("CMP_OPERATOR_PASSWORD", PASSWORD)
            .env("CMP_MAIL_DIR", &self.mail)
            .env("CMP_DATABASE", &self.name)
            .env("PLAYWRIGHT_JSON", &report)
            .env("FORCE_COLOR", "0");
        if let Some(chromium) = chromium {
            playwright.env("CHROMIUM_PATH", chromium);
        }
        let succeeded = super::print_lines(&mut playwright, |_| {})?;
        let text = std::fs::read(&report).context("Playwright wrote no report")?;
        let report: Report = serde_json::from_slice(&text).context("reading Playwright's report")?;
        let mut tally = report.tally();
        if !succeeded && tally.failed == 0 {
            tally.failed = 1;
        }
        Ok(tally)
    }
}

#[derive(Deserialize)]
struct Report {
    stats: Stats,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Stats {
    expected: u64,
    unexpected: u64,
    flaky: u64,
}

impl Report {
    /// A test that passed only when repeated has failed once, and that is a failure.
    fn tally(&self) -> Tally {
        Tally {
            passed: self.stats.expected,
            failed: self.stats.unexpected + self.stats.flaky + self.errors.len() as u64,
        }
    }
}

/// Whether the program answers HTTP.
pub(crate) fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.starts_with(b"HTTP/1.1 2") || head.starts_with(b"HTTP/1.1 3"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaky_journey_has_failed() {
        let text = r#"{"stats":{"expected":5,"unexpected":1,"flaky":1,"skipped":2},"errors":[]}"#;
        let report: Report = serde_json::from_str(text).expect("a report");
        assert_eq!(report.tally(), Tally { passed: 5, failed: 2 });
    }
}
