//! Which crate of ours may depend on which: the arrows of `docs/ARCHITECTURE.md`.
//!
//! A new crate must be added to the table; one that is not in it may depend on nothing and be
//! depended on by nobody.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{run, workspace};

use super::Finding;

/// A crate and those it may depend on. `?` in front means: only as an optional dependency, so that
/// the browser's build can leave it out.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("services", &["domain", "store"]),
    ("flow", &[]),
    ("knowledge", &[]),
    ("payments", &["domain"]),
    ("stripe", &["domain", "payments"]),
    ("app", &["domain", "?services"]),
    ("frontend", &["app"]),
    ("widget", &["domain"]),
    ("server", &["app", "domain", "store", "services", "flow", "knowledge", "payments", "?stripe"]),
    ("testkit", &["app", "domain", "store", "services", "flow", "knowledge", "payments", "server"]),
    ("xtask", &[]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    optional: bool,
    path: Option<String>,
}

pub(super) fn check() -> Result<Finding> {
    let mut command = workspace::plain_cargo();
    let text = run::capture(command.args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("reading what cargo says")?;
    let violations = violations(&metadata.packages);
    Ok(Finding::of(violations, format!("{} crates point one way", metadata.packages.len())))
}

fn violations(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            found.push(format!("{} is not in the table of xtask/src/check/edges.rs", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let (from, to) = (package.name.as_str(), dependency.name.as_str());
            let optional = allowed.iter().any(|name| name.strip_prefix('?') == Some(to));
            if dependency.kind.as_deref() == Some("dev") {
                // Tests may look at anything below them and use the test kit.
                if to != "testkit" && !optional && !allowed.contains(&to) && to != from && from != "testkit" {
                    found.push(format!("the tests of {from} must not depend on {to}"));
                }
            } else if to == "testkit" {
                found.push(format!("{from} may depend on testkit in [dev-dependencies] only"));
            } else if optional && !dependency.optional {
                found.push(format!("{from} may depend on {to} only as an optional dependency"));
            } else if !optional && !allowed.contains(&to) {
                found.push(format!("{from} must not depend on {to}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, to: &str, kind: Option<&str>, optional: bool) -> Vec<String> {
        violations(&[Package {
            name: name.to_owned(),
            dependencies: vec![Dependency {
                name: to.to_owned(),
                kind: kind.map(str::to_owned),
                optional,
                path: Some(String::new()),
            }],
        }])
    }

    #[test]
    fn an_arrow_in_the_wrong_direction_is_refused() {
        assert_eq!(one("services", "store", None, false), Vec::<String>::new());
        assert_eq!(one("store", "services", None, false), ["store must not depend on services"]);
        assert_eq!(one("flow", "domain", None, false), ["flow must not depend on domain"]);
    }

    #[test]
    fn the_browser_never_gets_the_services() {
        assert_eq!(one("app", "services", None, true), Vec::<String>::new());
        assert_eq!(one("app", "services", None, false).len(), 1);
        assert_eq!(one("frontend", "services", None, true).len(), 1);
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        assert_eq!(one("store", "testkit", Some("dev"), false), Vec::<String>::new());
        assert_eq!(one("store", "testkit", None, false).len(), 1);
    }

    #[test]
    fn a_crate_must_be_in_the_table() {
        assert_eq!(one("stranger", "domain", None, false).len(), 1);
    }
}
