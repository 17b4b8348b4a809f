//! `stripe-world`: our Stripe rail beside a Stripe that somebody else has made.
//!
//! Stripe World is a stateful copy of Stripe's payments and subscriptions, checked by its makers against recordings of
//! Stripe itself. The tests of `rails::stripe_world` send it what our rail sends, through our own client, and have it
//! switch plans beside us. What it answers is held against what was kept, which the plain suite plays.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::run::Guarded;
use crate::serve::free_port;
use crate::test::unit;
use crate::toolchain::python_3_14;
use crate::{progress, run, workspace};

use super::Proof;

const PACKAGE: &str = "seahaven-stripe-world";
const VERSION: &str = "0.3.0";
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn prove() -> Result<Proof> {
    let home = workspace::target().join("proofs/stripe-world");
    let (site, keeps) = (home.join("site"), home.join("answers"));
    let _ = std::fs::remove_dir_all(&keeps);
    std::fs::create_dir_all(&keeps)?;
    let python = python_3_14()?;
    if !site.join("seahaven_stripe_world").is_dir() {
        let step = progress::step(format!("fetching {PACKAGE} {VERSION} from PyPI"));
        let mut pip = Command::new("python3");
        // For another Python than the one that asks.
        pip.args(["-m", "pip", "install", "--quiet", "--python-version", "3.14", "--implementation", "cp"]);
        pip.args(["--only-binary=:all:", "--ignore-requires-python", "--target"]).arg(&site);
        run::under(&step, pip.arg(format!("{PACKAGE}[http]=={VERSION}")))?;
        step.done("");
    }

    let step = progress::step("starting Stripe World");
    let port = free_port()?;
    let mut serving = python.command(&site);
    serving.arg(workspace::root().join("xtask/src/prove/stripe_world.py"));
    serving.args(["--host", "127.0.0.1", "--max-instances", "0", "--port"]).arg(port.to_string());
    let log = home.join("stripe-world.log");
    let mut world = Guarded::spawn(&serving, "TERM", None, &log)?;
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if world.ended() || started.elapsed() > PATIENCE {
            bail!("Stripe World does not answer: {}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    step.done("");

    let mut tests = workspace::cargo();
    tests
        .args(["test", "--package", "server", "--test", "it", "rails::stripe_world::"])
        .env("CMP_STRIPE_WORLD", format!("http://127.0.0.1:{port}"))
        .env("CMP_STRIPE_WORLD_KEEPS", &keeps);
    let tests = unit::counted(&mut tests)?;
    world.stop();

    let mut rows: Vec<Value> = Vec::new();
    let (mut exchanges, mut others) = (0, Vec::new());
    let kept = workspace::root().join("crates/testkit/data/stripe/world");
    for file in workspace::files(&keeps)? {
        let text = std::fs::read_to_string(&file)?;
        let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
        let lines = lines.with_context(|| format!("reading {}", file.display()))?;
        if file.extension().is_some_and(|it| it == "rows") {
            rows.extend(lines);
            continue;
        }
        exchanges += lines.len();
        let name = file.file_name().context("a file has a name")?;
        if std::fs::read_to_string(kept.join(name)).unwrap_or_default() != text {
            others.push(name.to_string_lossy().into_owned());
        }
    }
    let differences = rows.iter().filter(|row| row["explained"] != "the same").count();
    let figures = json!({
        "server": format!("{PACKAGE} {VERSION} of PyPI"),
        "tests": tests.passed,
        "tests that fail": tests.failed,
        "exchanges": exchanges,
        "stories whose answers are no longer those that the suite plays": others,
        "compared": rows.len(),
        "differ, each explained": differences,
        "sides": rows,
    });
    Ok(Proof { holds: tests.failed == 0 && tests.passed > 0 && others.is_empty() && !rows.is_empty(), figures })
}
