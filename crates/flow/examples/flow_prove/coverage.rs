//! Every starter flow by version: does it parse, and what keeps it from running here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, atomic::Ordering::Relaxed};

use anyhow::Context as _;
use flow::{Engine, Flow, ModelSet, NoEvents, NodeClass, Passage, RunRequest, Verdict};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::scripted::{ScriptedDatabase, ScriptedModel, ScriptedWeb};

/// Takes pairs of a version and the directory of its starters.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = Counts::default();
    let mut newest = None;
    let mut broken = Vec::new();
    let mut failed = Vec::new();
    let model = Arc::new(ScriptedModel::default());
    let engine = Engine::new(Arc::new(ModelSet::new(model.clone(), "scripted")))
        .with_web(Arc::new(ScriptedWeb))
        .with_databases(Arc::new(ScriptedDatabase));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for pair in arguments.chunks(2) {
        let [version, directory] = pair else { anyhow::bail!("a version without a directory") };
        let mut counts = Counts::default();
        for file in starters(Path::new(directory))? {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            counts.flows += 1;
            let flow = match flow::parse(&std::fs::read(&file)?).and_then(flow::Import::single) {
                Ok(imported) => imported.flow,
                Err(error) => {
                    broken.push(json!({"flow": name, "version": version, "error": error.to_string()}));
                    continue;
                }
            };
            counts.parsed += 1;
            let report = flow::check(&flow);
            match report.verdict {
                Verdict::Native => {
                    counts.native += 1;
                    match runtime.block_on(ran(&engine, &flow)) {
                        Ok(()) => counts.ran += 1,
                        Err(error) => failed.push(json!({"flow": name, "version": version, "error": error})),
                    }
                }
                Verdict::Review => counts.review += 1,
                Verdict::Unsupported => counts.unsupported += 1,
                Verdict::Invalid => counts.invalid += 1,
            }
            if report.verdict != Verdict::Native {
                let mut types: Vec<String> = report
                    .nodes
                    .iter()
                    .filter(|node| node.class != NodeClass::Native)
                    .map(|node| match node.class {
                        NodeClass::Review => format!("{} (code to review)", node.component),
                        _ => node.component.clone(),
                    })
                    .chain(report.problems.iter().cloned())
                    .collect();
                types.sort();
                types.dedup();
                *missed.entry(types.join(", ")).or_default() += 1;
            }
        }
        rows.push(counts.row(version));
        if newest.is_none() {
            newest = Some(counts);
        }
        total.add(counts);
    }
    rows.push(total.row("all"));
    let newest = newest.context("no version was given")?;
    let holds = total.parsed == 187 && newest.ran >= 25 && total.ran >= 129 && failed.is_empty();
    let mut missed: Vec<Value> =
        missed.into_iter().map(|(types, flows)| json!({"flows": flows, "types": types})).collect();
    missed.sort_by_key(|row| std::cmp::Reverse(row["flows"].as_u64()));
    Ok(
        json!({"holds": holds, "figures": {"starters": rows, "missed": missed, "not parsed": broken, "native and failed": failed, "questions to the scripted model": model.asked.load(Relaxed), "tools that it called": model.called.load(Relaxed)}}),
    )
}

/// Runs a flow from input to output, with all that it may need; each component that the input reaches has to run.
async fn ran(engine: &Engine, flow: &Flow) -> Result<(), String> {
    let mut request = RunRequest::new("What are flows good for?", "coverage");
    let passages = vec![Passage { title: "Manual".into(), text: "Flows are for agents.".into(), url: String::new() }];
    request.knowledge = Some(Arc::new(passages));
    request.memory = Arc::new(flow::TurnsMemory::new(vec![flow::Turn::user("What are flows?")]));
    let content: Arc<[u8]> = Arc::from("A report about flows.".as_bytes());
    request.files.insert("report.txt".into(), content.clone());
    for node in flow.nodes.iter().filter(|node| node.component == "File") {
        let path = node.fields.get("path").map(|field| field.value.clone()).unwrap_or_default();
        let paths = path.as_array().cloned().unwrap_or_else(|| vec![path]);
        for path in paths.iter().filter_map(Value::as_str).filter(|it| !it.is_empty()) {
            request.files.insert(path.to_owned(), content.clone());
        }
    }
    for (name, field) in flow.nodes.iter().flat_map(|node| &node.fields) {
        if let Some(variable) = field.value.as_str().filter(|it| field.load_from_db && !it.is_empty()) {
            request.variables.insert(variable.to_owned(), format!("a value for {name}"));
        }
    }
    let output = engine.run(flow, request, &NoEvents, CancellationToken::new()).await.map_err(|error| {
        use std::error::Error as _;
        error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
    })?;
    if output.text.trim().is_empty() {
        return Err("it answered nothing".into());
    }
    let report = flow::check(flow);
    let idle: Vec<&str> = report
        .nodes
        .iter()
        .filter(|node| node.runs && !output.steps.iter().any(|step| step.node == node.id))
        .map(|node| node.display_name.as_str())
        .collect();
    if idle.is_empty() { Ok(()) } else { Err(format!("these did not run: {}", idle.join(", "))) }
}

/// Lists the starter flows of a directory by name.
pub(crate) fn starters(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "json"));
    files.sort();
    Ok(files)
}

#[derive(Clone, Copy, Default)]
struct Counts {
    flows: usize,
    parsed: usize,
    native: usize,
    ran: usize,
    review: usize,
    unsupported: usize,
    invalid: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.parsed += other.parsed;
        self.native += other.native;
        self.ran += other.ran;
        self.review += other.review;
        self.unsupported += other.unsupported;
        self.invalid += other.invalid;
    }

    fn row(self, version: &str) -> Value {
        json!({
            "version": version, "flows": self.flows, "parsed": self.parsed, "native": self.native, "ran": self.ran,
            "review": self.review, "unsupported": self.unsupported, "invalid": self.invalid,
        })
    }
}
