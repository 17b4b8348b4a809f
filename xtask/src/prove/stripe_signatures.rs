//! `stripe-signatures`: webhooks beside Stripe's own library for Node, in both directions.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::test::unit;
use crate::toolchain::npm;
use crate::{progress, run, workspace};

use super::Proof;

const LIBRARY: &str = "23.1.0";

pub(super) fn prove() -> Result<Proof> {
    let home = workspace::target().join("proofs/stripe-signatures");
    std::fs::create_dir_all(&home)?;
    let package = json!({"private": true, "type": "module", "dependencies": {"stripe": LIBRARY}});
    std::fs::write(home.join("package.json"), package.to_string())?;
    std::fs::copy(workspace::root().join("xtask/src/prove/stripe_signatures.mjs"), home.join("signatures.mjs"))?;
    let step = progress::step("fetching Stripe's library from npm");
    run::under(&step, npm()?.current_dir(&home).arg("install")).context("npm could not fetch stripe")?;
    step.done("");

    let script = |arguments: &[&str]| -> Result<Value> {
        let text = run::capture(Command::new("node").current_dir(&home).arg("signatures.mjs").args(arguments))?;
        serde_json::from_str(&text).context("the script printed no JSON")
    };
    let official = script(&["sign"])?;
    std::fs::write(home.join("official.json"), official.to_string())?;
    let mut tests = workspace::cargo();
    tests.args(["test", "--package", "stripe", "--test", "it", "signatures::"]).env("CMP_STRIPE_SIGNATURES", &home);
    let tests = unit::counted(&mut tests)?;
    let ours = script(&["verify", "ours.json"])?;
    let count = official.as_array().map_or(0, Vec::len);
    Ok(Proof {
        holds: tests.failed == 0
            && tests.passed == 2
            && count > 0
            && ours["believed"] == count
            && ours["believed although changed"] == 0,
        figures: json!({
            "library": format!("stripe {LIBRARY} of npm"),
            "signed by it and believed by us": count,
            "signed by us and believed by it": ours["believed"],
            "changed ones, five of each, that it believed": ours["believed although changed"],
        }),
    })
}
