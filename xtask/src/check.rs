//! `check`: the rules of the repository that no compiler knows.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{run, web, workspace};

/// Options of `check`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {}

/// Which of our crates each may depend on outside of tests (docs/ARCHITECTURE.md).
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("services", &["domain", "store"]),
    ("flow", &[]),
    ("knowledge", &[]),
    ("payments", &["domain"]),
    ("testkit", &["domain", "store", "services"]),
    ("app", &["domain", "services"]),
    ("frontend", &["app"]),
    ("server", &["app", "domain", "store", "services", "flow", "knowledge", "payments"]),
    ("widget", &["domain"]),
    ("xtask", &[]),
];

/// Runs every check and says how each went.
pub(crate) fn run(_: &Options) -> Result<bool> {
    let checks: [(&str, fn() -> Result<Vec<String>>); 4] = [
        ("dependencies point one way", arrows),
        ("migrations come in pairs", migrations),
        ("every dependency says what it is for", reasons),
        ("what browsers load is within its budget", budget),
    ];
    let mut fine = true;
    for (name, check) in checks {
        let problems = check().with_context(|| name.to_owned())?;
        println!("{} {name}", if problems.is_empty() { "ok  " } else { "FAIL" });
        for problem in &problems {
            println!("       {problem}");
        }
        fine &= problems.is_empty();
    }
    Ok(fine)
}

fn arrows() -> Result<Vec<String>> {
    let mut cargo = workspace::plain_cargo();
    let text = run::capture(cargo.args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = EDGES.iter().find(|(of, _)| *of == name) else {
            problems.push(format!("{name} is not in the table of dependencies"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            if ours.contains(to) && !for_tests && !allowed.contains(&to) {
                problems.push(format!("{name} must not depend on {to}"));
            }
        }
    }
    Ok(problems)
}

fn migrations() -> Result<Vec<String>> {
    let names = |dialect: &str| -> Result<BTreeSet<String>> {
        let directory = workspace::root().join("migrations").join(dialect);
        let entries = std::fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
        Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    };
    let (sqlite, postgres) = (names("sqlite")?, names("postgres")?);
    Ok(sqlite.symmetric_difference(&postgres).map(|name| format!("{name} is there for one database only")).collect())
}

fn reasons() -> Result<Vec<String>> {
    let manifest = std::fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    Ok(section
        .lines()
        .filter(|line| line.contains(" = ") && !line.trim_start().starts_with('#'))
        .filter(|line| !line.contains("path = \"") && !line.contains(" # ") && !line.contains("} #"))
        .map(|line| format!("no reason beside: {line}"))
        .collect())
}

fn budget() -> Result<Vec<String>> {
    let Ok(build) = web::Build::load() else { return Ok(Vec::new()) };
    if !build.release {
        return Ok(Vec::new());
    }
    Ok(web::lines(&build)?
        .into_iter()
        .filter(|line| line.verdict() == web::Verdict::TooHeavy)
        .map(|line| format!("{} has {} bytes as brotli and may have {}", line.name, line.sizes.brotli, line.limit))
        .collect())
}

/// Returns a command for git in this repository.
pub(crate) fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(workspace::root());
    git
}
