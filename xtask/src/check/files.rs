//! Rules about what is written in files.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{run, workspace};

use super::Finding;

/// Every dependency in the workspace's Cargo.toml says what it is for.
pub(super) fn dependency_comments() -> Result<Finding> {
    let text = std::fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let (count, silent) = uncommented(&text);
    Ok(Finding::of(silent, format!("all {count}")))
}

fn uncommented(manifest: &str) -> (usize, Vec<String>) {
    let mut inside = false;
    let mut count = 0;
    let mut silent = Vec::new();
    let mut lines = manifest.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        }
        let Some((name, rest)) = line.split_once('=').filter(|_| inside) else {
            continue;
        };
        // Ours are named in the order of the arrows and explained in docs/ARCHITECTURE.md.
        if name.trim().starts_with('#') || rest.contains("path =") {
            continue;
        }
        let mut entry = line.to_owned();
        // A long list of features goes on until its bracket closes.
        while entry.matches('[').count() > entry.matches(']').count() {
            let Some(more) = lines.next() else { break };
            entry.push('\n');
            entry.push_str(more);
        }
        count += 1;
        let said = entry.lines().any(|line| line.split_once('#').is_some_and(|(_, comment)| comment.trim().len() > 2));
        if !said {
            silent.push(format!("{} has no comment that says what it is for", name.trim()));
        }
    }
    (count, silent)
}

/// Both databases have the same migrations.
pub(super) fn migrations() -> Result<Finding> {
    let names = |database: &str| -> Result<BTreeSet<String>> {
        let directory = workspace::root().join("migrations").join(database);
        let files = workspace::files(&directory)?;
        Ok(files
            .iter()
            .filter_map(|file| file.file_name().map(|name| name.to_string_lossy().into_owned()))
            .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "sql"))
            .collect())
    };
    let (sqlite, postgres) = (names("sqlite")?, names("postgres")?);
    let mut wrong: Vec<_> = sqlite
        .symmetric_difference(&postgres)
        .map(|name| {
            let (has, lacks) = if sqlite.contains(name) { ("sqlite", "postgres") } else { ("postgres", "sqlite") };
            format!("{name} is in migrations/{has} and not in migrations/{lacks}")
        })
        .collect();
    let numbers: BTreeSet<_> = sqlite.iter().filter_map(|name| name.split('_').next()).collect();
    if numbers.len() != sqlite.len() {
        wrong.push("two migrations have the same number".to_owned());
    }
    if sqlite.is_empty() {
        wrong.push("there are no migrations".to_owned());
    }
    Ok(Finding::of(wrong, format!("{} with equal numbers and names", sqlite.len())))
}

/// No file names a place that exists on one machine only.
pub(super) fn machine_names() -> Result<Finding> {
    let root = workspace::root();
    let mut list = Command::new("git");
    list.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let list = run::capture(&mut list).context("asking git for the files")?;
    let mut wrong = Vec::new();
    let mut count = 0;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = std::fs::read_to_string(root.join(name)) else {
            continue;
        };
        count += 1;
        if name == "xtask/src/check/files.rs" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(what) = machine_name(name, line) {
                wrong.push(format!("{name}:{}: {what}", number + 1));
            }
        }
    }
    Ok(Finding::of(wrong, format!("{count} files")))
}

/// What a line names that only one machine or network has.
fn machine_name(file: &str, line: &str) -> Option<String> {
    for directory in ["/work/", "/root/"] {
        let named = line.match_indices(directory).any(|(at, _)| {
            // Part of a longer path or an address, such as example.com/work/, is something else.
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}".contains(c))
        });
        if named {
            return Some(format!("a path below {directory}"));
        }
    }
    // Lock files must point to the public registries, and nothing else to any.
    let lock = file.ends_with("Cargo.lock") || file.ends_with("package-lock.json");
    let public = ["https://registry.npmjs.org/", "registry+https://github.com/rust-lang/crates.io-index"];
    let source = line.trim_start();
    if lock && (source.starts_with("\"resolved\"") || source.starts_with("source =")) {
        return (!public.iter().any(|registry| line.contains(registry)))
            .then(|| "a package that does not come from a public registry".to_owned());
    }
    ["artifactory", "nexus/repository", "index.crates.io", "static.crates.io", "registry.npmjs.org"]
        .into_iter()
        .find(|host| !lock && line.to_ascii_lowercase().contains(host))
        .map(|host| format!("the registry {host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_comment_is_named() {
        let text = "[workspace.dependencies]\nours = { path = \"x\" }\na = \"1\" # for a\nb = \"1\"\nl = { features = [\n  \"x\",\n] } # for l\n[other]\nc = \"1\"\n";
        let (count, silent) = uncommented(text);
        assert_eq!((count, silent.len()), (3, 1));
        assert!(silent[0].starts_with("b "), "{silent:?}");
    }

    #[test]
    fn paths_of_one_machine_are_found_and_addresses_are_not() {
        assert!(machine_name("a.rs", "open(\"/work/main/x\")").is_some());
        assert!(machine_name("a.md", "see /root/.cargo").is_some());
        assert!(machine_name("a.md", "https://example.com/work/1").is_none());
        assert!(machine_name("a.md", "./work/x and {dir}/work/x").is_none());
    }

    #[test]
    fn lock_files_may_only_point_to_public_registries() {
        let public = r#""resolved": "https://registry.npmjs.org/a/-/a-1.tgz","#;
        let private = r#""resolved": "https://npm.example.com/a/-/a-1.tgz","#;
        assert!(machine_name("package-lock.json", public).is_none());
        assert!(machine_name("package-lock.json", private).is_some());
        assert!(machine_name("README.md", public).is_some());
    }
}
