//! `cargo test`, counted.

use std::process::Command;

use anyhow::Result;

use crate::check::Tally;
use crate::workspace;

use super::postgres::Cluster;

/// Where property tests start: the same commit gives the same answer each time it is tried.
/// `cargo xtask prove properties` looks elsewhere.
const SEED: &str = "20261121";

/// Runs the tests of every crate that builds for this machine.
pub(super) fn run(cluster: Option<&Cluster>, rest: &[String]) -> Result<Tally> {
    // The program embeds this directory; an empty one will do here.
    std::fs::create_dir_all(workspace::site())?;
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--no-fail-fast"]);
    if !rest.is_empty() {
        cargo.args(rest);
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        cargo.env("PROPTEST_RNG_SEED", SEED);
    }
    match cluster {
        Some(cluster) => {
            // A suite that finds no PostgreSQL fails instead of testing half.
            cargo.env("CMP_TEST_REQUIRE_POSTGRES", "1").env("CMP_TEST_POSTGRES", cluster.url("postgres"))
        }
        None => cargo.env_remove("CMP_TEST_POSTGRES"),
    };
    counted(&mut cargo)
}

/// Runs `cargo test` and counts what it says.
pub(crate) fn counted(cargo: &mut Command) -> Result<Tally> {
    watched(cargo, |_| ())
}

/// Runs `cargo test`, hands over each line of what it says, and counts.
pub(crate) fn watched(cargo: &mut Command, mut each: impl FnMut(&str)) -> Result<Tally> {
    let mut tally = Tally::default();
    let succeeded = super::print_lines(cargo, |line| {
        each(line);
        tally += count(line);
    })?;
    if !succeeded && tally.failed == 0 {
        // It did not compile, or a test took its whole process down.
        tally.failed = 1;
    }
    Ok(tally)
}

/// What `test result: ok. 12 passed; 0 failed; …` counts.
fn count(line: &str) -> Tally {
    let Some(result) = line.strip_prefix("test result: ") else {
        return Tally::default();
    };
    let number = |what: &str| {
        result.split([';', '.']).find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok()).unwrap_or(0)
    };
    Tally { passed: number("passed"), failed: number("failed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted() {
        let good = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(count(good), Tally { passed: 12, failed: 0 });
        let bad = "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(count(bad), Tally { passed: 3, failed: 2 });
        assert_eq!(count("test a_name ... ok"), Tally::default());
    }
}
