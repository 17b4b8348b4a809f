//! Every starter flow by version: does it parse, and what keeps it from running here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flow::{NodeClass, Verdict};
use serde_json::{Value, json};

/// Takes pairs of a version and the directory of its starters.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = Counts::default();
    let mut newest = None;
    let mut broken = Vec::new();
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
                Verdict::Native => counts.native += 1,
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
    let holds = total.parsed == 187 && newest.native >= 25 && total.native >= 129;
    let mut missed: Vec<Value> =
        missed.into_iter().map(|(types, flows)| json!({"flows": flows, "types": types})).collect();
    missed.sort_by_key(|row| std::cmp::Reverse(row["flows"].as_u64()));
    Ok(json!({"holds": holds, "figures": {"starters": rows, "missed": missed, "not parsed": broken}}))
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
    review: usize,
    unsupported: usize,
    invalid: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.parsed += other.parsed;
        self.native += other.native;
        self.review += other.review;
        self.unsupported += other.unsupported;
        self.invalid += other.invalid;
    }

    fn row(self, version: &str) -> Value {
        json!({
            "version": version, "flows": self.flows, "parsed": self.parsed, "native": self.native,
            "review": self.review, "unsupported": self.unsupported, "invalid": self.invalid,
        })
    }
}
