//! `properties`: the property tests, with many cases from a seed that is new each time.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::json;

use crate::test::unit;
use crate::workspace;

use super::Proof;

/// How many cases each property is tried on; a test run tries 256.
const CASES: u32 = 4000;

pub(super) fn prove() -> Result<Proof> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast"]);
    // Those that have no database behind them; each of these crates has property tests.
    for crate_ in ["domain", "flow", "knowledge", "payments", "services", "widget"] {
        cargo.args(["--package", crate_]);
    }
    cargo.args(["--lib", "--bins"]);
    cargo.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_CASES", CASES.to_string());
    let tally = unit::counted(&mut cargo)?;
    Ok(Proof {
        holds: tally.failed == 0,
        figures: json!({
            "seed": seed, "cases of each property": CASES,
            "tests passed": tally.passed, "tests failed": tally.failed,
        }),
    })
}
