//! `cmp flow …`: checks and runs exports without a marketplace.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use flow::{Event, EventSink, Flow, Report, Verdict};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::adapters::runtime;
use crate::config::Config;

/// Says what is in exports; the command succeeds when our engine runs all of them.
pub(super) fn check(files: &[PathBuf], as_json: bool) -> anyhow::Result<ExitCode> {
    let mut all_native = true;
    for file in files {
        let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let import = match flow::parse(&bytes) {
            Ok(import) => import,
            Err(error) => {
                all_native = false;
                if as_json {
                    println!(
                        "{}",
                        json!({"file": file, "verdict": "invalid", "nodes": [], "needs": [], "error": error.to_string()})
                    );
                } else {
                    println!("{}: invalid: {error}", file.display());
                }
                continue;
            }
        };
        let reports: Vec<Report> = (0..import.flows.len()).map(|at| flow::check(&import.whole(at))).collect();
        all_native &= reports.iter().all(|report| report.verdict == Verdict::Native);
        if as_json {
            println!("{}", of_file(file, &reports));
        } else {
            for line in reports.iter().flat_map(|report| of_flow(file, report)) {
                println!("{line}");
            }
        }
    }
    Ok(if all_native { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is in a flow, line by line.
fn of_flow(file: &Path, report: &Report) -> Vec<String> {
    let mut lines = vec![format!("{} ({}): {:?}", file.display(), report.flow_name, report.verdict)];
    lines.extend(report.problems.iter().map(|problem| format!("  ! {problem}")));
    let odd = report.nodes.iter().filter(|node| !node.reason.is_empty());
    lines.extend(odd.map(|node| {
        format!("  {} ({}): {:?}. {} {}", node.display_name, node.id, node.class, node.reason, node.advice)
    }));
    lines.extend(report.needs.iter().map(|need| format!("  needs: {need}")));
    lines.extend(report.notes.iter().map(|note| format!("  note: {note}")));
    lines
}

/// What is in a file, as one object; of several flows the worst verdict, and each node says of which flow it is.
fn of_file(file: &Path, reports: &[Report]) -> serde_json::Value {
    let order = [Verdict::Native, Verdict::Review, Verdict::Unsupported, Verdict::Invalid];
    let worst = reports.iter().filter_map(|report| order.iter().position(|it| *it == report.verdict)).max();
    let nodes: Vec<_> = reports
        .iter()
        .flat_map(|report| report.nodes.iter().map(move |node| (report, node)))
        .map(|(report, node)| {
            json!({"id": node.id, "type": node.component, "class": node.class, "reason": node.reason, "flow": report.flow_name})
        })
        .collect();
    let mut needs: Vec<String> = Vec::new();
    for need in reports.iter().flat_map(|report| &report.needs).map(ToString::to_string) {
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    let notes: Vec<_> = reports.iter().flat_map(|report| &report.notes).collect();
    let names: Vec<_> = reports.iter().map(|report| report.flow_name.as_str()).collect();
    let problems: Vec<_> = reports.iter().flat_map(|report| &report.problems).collect();
    let verdict = order[worst.unwrap_or(3)];
    json!({"file": file, "flow": names.join(", "), "verdict": verdict, "nodes": nodes, "needs": needs, "problems": problems, "notes": notes})
}

/// Runs an export once and prints the answer as it comes.
pub(super) async fn run(
    config: &Config,
    file: &Path,
    input: String,
    session: String,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let flow: Flow = flow::parse(&bytes)?.single()?.flow;
    let mut engine = runtime::engine(&config.model, &config.web)?;
    if let Some(embedder) = crate::build::embedder(config)? {
        engine = engine.with_embedder(Arc::new(runtime::Meanings(embedder)));
    }
    let request = flow::RunRequest::new(input, session);
    let output = engine.run(&flow, request, &Printed { live: !as_json }, CancellationToken::new()).await?;
    if as_json {
        println!("{}", serde_json::to_string(&output)?);
    } else {
        println!();
    }
    Ok(ExitCode::SUCCESS)
}

struct Printed {
    live: bool,
}

#[async_trait]
impl EventSink for Printed {
    async fn event(&self, event: Event) {
        if let (Event::Token(text), true) = (event, self.live) {
            print!("{text}");
            // A terminal that has gone away is noticed at the end.
            let _ = std::io::Write::flush(&mut std::io::stdout());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_knowing_of_a_flow_is_said_and_changes_no_verdict() {
        let node = json!({"id": "ChatOutput-a", "data": {"id": "ChatOutput-a", "type": "ChatOutput", "node": {
            "display_name": "Chat Output", "template": {"input_value": {"type": "str", "value": "Hello", "show": true}}}}});
        let export = json!({"name": "Parrot", "data": {"nodes": [node], "edges": []}}).to_string();
        let imported = flow::parse(export.as_bytes()).expect("a flow");
        let report = flow::check(&imported.whole(0));
        let note = "It has no Chat Input, so it answers the same whatever it is told.";
        let file = Path::new("parrot.json");
        assert_eq!(of_flow(file, &report), ["parrot.json (Parrot): Native".to_owned(), format!("  note: {note}")]);
        let object = of_file(file, &[report]);
        assert_eq!((&object["verdict"], &object["notes"]), (&json!("native"), &json!([note])));
    }
}
