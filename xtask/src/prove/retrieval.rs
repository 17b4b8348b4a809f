//! Retrieval beside other engines, on collections that people judged.
//!
//! The collections are not ours to publish, so they are looked for in `target/data` and in `shared/data`
//! of the directories above the clone: `cranfield` (`cran.all.1400`, `cran.qry`, `cranqrel`) and `scifact`
//! in BEIR's layout. The other engines come from PyPI into an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Proof, flows};
use crate::{progress, run, workspace};

/// What is compared with, in the versions that the claim is about.
const ENGINES: [&str; 5] =
    ["bm25s==0.3.16", "PyStemmer==3.1.0", "tantivy==0.27.0", "tokenizers==0.23.3", "numpy==2.4.6"];

pub(super) fn prove() -> Result<Proof> {
    let data = data()?;
    let out = workspace::target().join("proofs/retrieval");
    let python = environment()?;
    let words = flows::unpacked("wordllama", "0.4.0.post1")?.join("wordllama");
    let step = progress::step("building the engine");
    let mut build = workspace::cargo();
    run::under(&step, build.args(["build", "--release", "-p", "knowledge", "--example", "knowledge_prove"]))?;
    step.done("");
    let ours = workspace::target().join("release/examples/knowledge_prove");
    let step = progress::step("cutting the collections");
    run::under(&step, Command::new(&ours).arg("texts").arg(&data).arg(&out))?;
    step.done("");
    let step = progress::step("tuning and ranking with bm25s and tantivy");
    let script = workspace::root().join("xtask/src/prove/retrieval.py");
    run::under(&step, Command::new(python).arg(script).arg(&out).arg(words))?;
    step.done("");
    let step = progress::step("ranking with ours");
    let text = run::capture(Command::new(ours).arg("figures").arg(data).arg(out))?;
    step.done("");
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")?;
    Ok(Proof { holds: report["holds"] == true, figures: report["figures"].clone() })
}

fn data() -> Result<PathBuf> {
    let above = workspace::root().ancestors().map(|directory| directory.join("shared/data"));
    std::iter::once(workspace::target().join("data"))
        .chain(above)
        .find(|place| place.join("cranfield/cran.qry").is_file() && place.join("scifact/corpus.jsonl").is_file())
        .context("put the collections cranfield and scifact below target/data")
}

/// A Python with the engines, made once.
fn environment() -> Result<PathBuf> {
    let place = workspace::target().join("proofs/retrieval-python");
    let python = place.join("bin/python");
    let done = place.join(".installed");
    let wanted = ENGINES.join("\n");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let step = progress::step("installing bm25s and tantivy for Python");
    run::under(&step, Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    run::under(&step, Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(ENGINES))?;
    std::fs::write(Path::new(&done), wanted)?;
    step.done("");
    Ok(python)
}
