//! `ledger`: the invariants on many random histories, and a day worked out again by another program.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::test::{Cluster, unit};
use crate::{progress, run, workspace};

use super::Proof;

/// How many cases each property is tried on; a test run tries 256.
const CASES: u32 = 10_000;
/// How many stories are lived through the whole of the use cases, on each database; a test run lives 12.
const STORIES: u32 = 250;

pub(super) fn prove() -> Result<Proof> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let cluster = Cluster::start()?;
    let mut properties = workspace::cargo();
    properties.args(["test", "--no-fail-fast", "--package", "domain", "--lib", "--", "ledger", "pricing"]);
    properties.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_CASES", CASES.to_string());
    let properties = unit::counted(&mut properties)?;

    let directory = workspace::target().join("proofs/ledger");
    std::fs::create_dir_all(&directory)?;
    let mut stories = workspace::cargo();
    stories.args(["test", "--no-fail-fast", "--package", "services", "--test", "it", "orders::"]);
    stories.env("CMP_TEST_REQUIRE_POSTGRES", "1").env("CMP_TEST_POSTGRES", cluster.url("postgres"));
    stories.env("CMP_STORIES", STORIES.to_string()).env("CMP_LEDGER_DAY", &directory);
    let stories = unit::counted(&mut stories)?;

    let step = progress::step("working the day out again in Python");
    let script = workspace::root().join("xtask/src/prove/ledger.py");
    let mut python = Command::new("python3");
    python.arg(script).args(["Sqlite", "Postgres"].map(|name| directory.join(format!("{name}.json"))));
    let text = run::capture(&mut python)?;
    step.done("");
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")?;
    Ok(Proof {
        holds: properties.failed == 0 && properties.passed > 0 && stories.failed == 0 && report["holds"] == true,
        figures: json!({
            "seed": seed,
            "cases of each property": CASES, "properties and examples": properties.passed,
            "properties failed": properties.failed,
            "stories on each database": 2 * STORIES, "tests of the use cases": stories.passed,
            "tests failed": stories.failed,
            "days": report["days"],
        }),
    })
}
