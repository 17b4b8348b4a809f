//! What documents cost, beside other engines and through the program.
//!
//! The texts are sentences of the collections that `prove retrieval` knows, dealt anew: as many as are wanted, and
//! words as rare as in real texts. Each engine has a process of its own, so that its memory is its own.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Proof, flows, load, retrieval};
use crate::test::Cluster;
use crate::{progress, run, workspace};

const COUNTS: [usize; 3] = [1_400, 20_000, 200_000];
/// What a search through the program may take at the most passages, 99 times of a hundred.
const SLOWEST_MS: f64 = 250.0;

pub(super) fn prove() -> Result<Proof> {
    let data = retrieval::data()?;
    let out = workspace::target().join("proofs/bench-knowledge");
    let python = retrieval::environment()?.join("bin/python");
    let words = flows::unpacked("wordllama", "0.4.0.post1")?.join("wordllama");
    let script = workspace::root().join("xtask/src/prove/bench_knowledge.py");
    let step = progress::step("building the engine");
    let mut build = workspace::cargo();
    run::under(&step, build.args(["build", "--release", "-p", "knowledge", "--example", "knowledge_prove"]))?;
    step.done("");
    let ours = workspace::target().join("release/examples/knowledge_prove");
    let peer = |count: usize, what: &str| {
        let mut command = Command::new(&python);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(&script).arg(&out).args([&count.to_string(), what]);
        command
    };
    let row = |text: &str| -> Result<Value> {
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")
    };
    let (mut engines, mut embedding) = (Vec::new(), Vec::new());
    for count in COUNTS {
        let step = progress::step(format!("measuring engines at {count} passages"));
        run::under(&step, Command::new(&ours).arg("deal").arg(&data).arg(&out).arg(count.to_string()))?;
        embedding.push(row(&run::capture(peer(count, "vectors").arg(&words))?)?);
        for engine in ["bm25s", "tantivy", "chromadb"] {
            engines.push(row(&run::capture(&mut peer(count, engine))?)?);
        }
        let own = row(&run::capture(Command::new(&ours).arg("bench").arg(&out).arg(count.to_string()))?)?;
        engines.extend(own.as_array().cloned().unwrap_or_default());
        step.done("");
    }
    let cluster = Cluster::start()?;
    let mut program = load::command("bench-knowledge", Some(cluster.database("cmp_bench")?))?;
    let step = progress::step("measuring the program");
    let program = row(&run::capture(program.arg(&out))?)?;
    step.done("");
    let rows = program.as_array().cloned().unwrap_or_default();
    let most = COUNTS.iter().max().copied();
    let holds = rows.len() == 2 * COUNTS.len()
        && rows
            .iter()
            .filter(|row| row["chunks"].as_u64() == most.map(|most| most as u64))
            .all(|row| row["p99 ms"].as_f64().is_some_and(|took| took < SLOWEST_MS));
    let figures = json!({"engines, each in a process": engines, "embedding the passages, wordllama": embedding, "through the program": rows});
    Ok(Proof { holds, figures })
}
