//! `test`: every test, on SQLite and PostgreSQL, and the journeys in a real browser.
//!
//! The last line is `N passed, N failed`, summed over all of it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::run::{Guarded, Output};
use crate::toolchain;
use crate::{check, progress, run, serve, web, workspace};

/// Options of `test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run one part only
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// What can be run by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Rust tests
    Unit,
    /// Journeys in a browser
    E2e,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Runs the tests.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let wants = |part| options.only.is_none_or(|only| only == part);
    let mut count = Count::default();
    let cluster = Cluster::start()?;
    if wants(Part::Unit) {
        rust(&cluster, &mut count)?;
    }
    if wants(Part::E2e) {
        web::run(&web::Options::default())?;
        if check::run(&check::Options::default())? {
            count.passed += 1;
        } else {
            count.failed += 1;
        }
        let binary = serve::program(false)?;
        browsers(&binary, None, &mut count)?;
        browsers(&binary, Some(cluster.database("cmp_e2e")?), &mut count)?;
    }
    drop(cluster);
    println!("{} passed, {} failed", count.passed, count.failed);
    Ok(count.failed == 0 && count.passed > 0)
}

fn rust(cluster: &Cluster, count: &mut Count) -> Result<()> {
    eprintln!("Rust tests, on SQLite and PostgreSQL");
    let mut cargo = workspace::cargo();
    cargo
        .args(["test", "--no-fail-fast"])
        .env("CMP_TEST_POSTGRES", cluster.url("postgres"))
        .env("CMP_TEST_REQUIRE_POSTGRES", "1");
    let before = *count;
    let succeeded = run::stream(&mut cargo, |from, line| {
        if from == Output::Out && let Some(rest) = line.strip_prefix("test result: ") {
            let number = |word: &str| {
                rest.split(|c: char| c == ';' || c == '.').find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok()).unwrap_or(0)
            };
            count.passed += number("passed");
            count.failed += number("failed");
            eprintln!("  {line}");
        } else if line.contains("FAILED") || line.contains("panicked at") || from == Output::Err || line.starts_with("error") {
            eprintln!("  {line}");
        }
    })?;
    if !succeeded && count.failed == before.failed {
        // What does not compile is a failure that no line counts.
        count.failed += 1;
    }
    Ok(())
}

/// A private PostgreSQL in a temporary directory, on a socket only.
pub(crate) struct Cluster {
    directory: PathBuf,
    _server: Guarded,
}

impl Cluster {
    pub(crate) fn start() -> Result<Self> {
        let step = progress::step("starting a private PostgreSQL");
        let programs = programs()?;
        let directory = std::env::temp_dir().join(format!("cmp-test-pg-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let data = directory.join("data");
        let as_postgres = |program: &str| {
            // PostgreSQL refuses to run as root.
            if toolchain::is_root() {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(programs.join(program));
                command
            } else {
                Command::new(programs.join(program))
            }
        };
        if toolchain::is_root() {
            run::under(&step, Command::new("chown").arg("postgres").arg(&directory))?;
        }
        run::under(&step, as_postgres("initdb").args(["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"]).arg(&data))?;
        let mut server = as_postgres("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(&directory).args([
            "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300",
        ]);
        let server = Guarded::spawn(&server, "INT", directory.to_str(), &workspace::target().join("postgres.log"))?;
        let cluster = Self { directory, _server: server };
        let began = Instant::now();
        while !run::within(Duration::from_secs(5), &mut cluster.psql("postgres", "SELECT 1")) {
            if began.elapsed() > Duration::from_secs(60) {
                bail!("PostgreSQL did not start; see target/postgres.log");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        run::under(&step, &mut cluster.psql("postgres", "CREATE ROLE cmp LOGIN CREATEDB"))?;
        step.done("");
        Ok(cluster)
    }

    fn psql(&self, user: &str, sql: &str) -> Command {
        let mut command = Command::new("psql");
        command.arg("-h").arg(&self.directory).args(["-U", user, "-d", "postgres", "-qAt", "-c", sql]);
        command
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://cmp@localhost/{database}?host={}", self.directory.display())
    }

    pub(crate) fn database(&self, name: &str) -> Result<String> {
        run::capture(&mut self.psql("cmp", &format!("CREATE DATABASE {name}")))?;
        Ok(self.url(name))
    }
}

/// Finds the programs of PostgreSQL, installing it where that is possible.
fn programs() -> Result<PathBuf> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    toolchain::apt_install(&["postgresql"]).context(
        "PostgreSQL is not installed, so the half of the tests that needs it cannot run; install it and try again",
    )?;
    installed().context("PostgreSQL was installed and its programs are not where they should be")
}

fn installed() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    versions.pop().or_else(|| Some(run::find("initdb")?.parent()?.to_owned()))
}

/// Runs the journeys against the program on a fresh data directory.
fn browsers(binary: &Path, database: Option<String>, count: &mut Count) -> Result<()> {
    let name = if database.is_some() { "PostgreSQL" } else { "SQLite" };
    eprintln!("Journeys in a browser, on {name}");
    let end2end = workspace::root().join("end2end");
    let step = progress::step("installing what the journeys need");
    let mut npm = toolchain::npm()?;
    npm.current_dir(&end2end).args(["ci", "--no-audit", "--no-fund"]);
    run::under(&step, &mut npm)?;
    let chromium = match toolchain::chromium() {
        Some(chromium) => chromium,
        None => {
            toolchain::apt_install(&["chromium"])?;
            toolchain::chromium().context("there is no Chromium, and it could not be installed")?
        }
    };
    step.done("");

    let data = std::env::temp_dir().join(format!("cmp-e2e-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let (email, password) = ("operator@example.com", "an operator of the journeys");
    let with_place = |command: &mut Command| {
        command.arg("--data").arg(&data);
        if let Some(database) = &database {
            command.args(["--database", database]);
        }
    };
    let mut operator = Command::new(binary);
    operator.args(["user", "create-operator", "--email", email]).env("CMP_OPERATOR_PASSWORD", password);
    with_place(&mut operator);
    run::capture(&mut operator)?;
    let mut program = Command::new(binary);
    program.args(["serve", "--seed", "--port", &port.to_string()]).env("CMP_TELEMETRY__METRICS_LISTEN", "");
    with_place(&mut program);
    let log = workspace::target().join(format!("e2e-{name}.log"));
    let mut server = Guarded::spawn(&program, "TERM", data.to_str(), &log)?;
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if server.ended() || began.elapsed() > Duration::from_secs(60) {
            bail!("the program did not start; see {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    let report = workspace::target().join(format!("e2e-{name}.json"));
    let _ = std::fs::remove_file(&report);
    let mut playwright = Command::new("npx");
    playwright
        .current_dir(&end2end)
        .args(["playwright", "test"])
        .env("BASE_URL", format!("http://127.0.0.1:{port}"))
        .env("CMP_OPERATOR_EMAIL", email)
        .env("CMP_OPERATOR_PASSWORD", password)
        .env("CHROMIUM_PATH", chromium)
        .env("PLAYWRIGHT_JSON", &report);
    run::stream(&mut playwright, |_, line| eprintln!("  {line}"))?;
    server.stop();
    let text = std::fs::read(&report).context("the journeys left no report")?;
    let stats = serde_json::from_slice::<Value>(&text)?["stats"].clone();
    let number = |name: &str| stats[name].as_u64().unwrap_or(0);
    count.passed += number("expected");
    count.failed += number("unexpected") + number("flaky");
    Ok(())
}
