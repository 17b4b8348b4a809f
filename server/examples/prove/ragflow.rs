//! RAGFlow's own client against our double of its server.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use testkit::{RAGFLOW_KEY, RagflowDouble, RagflowVersion};

/// Runs the script with each client on each version; `clients` are a Python and the versions in turn.
pub(crate) async fn run(script: &Path, clients: &[String]) -> anyhow::Result<Value> {
    let mut columns: Vec<(String, Vec<Value>)> = Vec::new();
    for pair in clients.chunks(2) {
        let [python, versions] = pair else { bail!("say a Python and versions in turn") };
        for name in versions.split(',') {
            let version = match name {
                "0.14" => RagflowVersion::V014,
                "0.22" => RagflowVersion::V022,
                "0.27" => RagflowVersion::V027,
                other => bail!("there is no double of {other}"),
            };
            let double = RagflowDouble::start(version).await;
            let mut trial = tokio::process::Command::new(python);
            let output = trial.arg(script).args([&double.url(), RAGFLOW_KEY, name]).output().await?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8_lossy(&output.stdout);
            let report: Value = serde_json::from_str(text.lines().last().context("the script said nothing")?)?;
            let rows = report["rows"].as_array().cloned().unwrap_or_default();
            columns.push((format!("sdk {} on {name}", report["sdk"].as_str().unwrap_or_default()), rows));
        }
    }
    let cases = columns.first().map(|(_, rows)| rows.len()).unwrap_or_default();
    let rows: Vec<Value> = (0..cases)
        .map(|at| {
            let mut row = json!({"case": columns[0].1[at]["case"]});
            for (column, cells) in &columns {
                row[column] = cells[at]["saw"].clone();
            }
            row
        })
        .collect();
    let holds = cases > 20 && columns.iter().all(|(_, cells)| cells.iter().all(|cell| cell["saw"] == "yes"));
    Ok(json!({"name": "ragflow", "holds": holds, "figures": {"rows": rows}}))
}
