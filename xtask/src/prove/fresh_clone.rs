//! `fresh-clone`: the two commands of the README in an empty clone with a fresh home.
//!
//! What may be shared with this machine is what "a machine with Rust, Node and package registries"
//! has: the Rust toolchain and system packages. Cargo's and npm's caches, the tools of xtask and
//! everything built are new. System packages that are there already are not installed again, and
//! the figures say which those are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::run::{self, Guarded};
use crate::serve::free_port;
use crate::test::answers;
use crate::{progress, workspace};

use super::Proof;

pub(super) fn prove() -> Result<Proof> {
    let place = Place::new()?;
    let mut figures = Map::new();
    let commit = run::capture(Command::new("git").current_dir(workspace::root()).args(["rev-parse", "HEAD"]))?;
    figures.insert("commit".to_owned(), json!(commit));
    for (package, file) in [
        ("rustc-web", "/usr/lib/rustlib/src/rust/library/std"),
        ("postgresql", "/usr/lib/postgresql"),
        ("chromium", "/usr/bin/chromium"),
    ] {
        figures.insert(format!("{package} was there before"), json!(Path::new(file).exists()));
    }
    let mut holds = true;
    for (temperature, limit) in [("cold", 3600), ("warm", 600)] {
        let serve = place.serve(Duration::from_secs(limit))?;
        holds &= serve.is_some();
        figures.insert(format!("serve, {temperature}, seconds until it answers"), json!(serve));
        let (seconds, last, passed) = place.test()?;
        holds &= passed;
        figures.insert(format!("test, {temperature}, seconds"), json!(seconds));
        figures.insert(format!("test, {temperature}, last line"), json!(last));
    }
    if holds {
        std::fs::remove_dir_all(&place.directory)?;
    } else {
        println!("the clone was kept: {}", place.directory.display());
    }
    Ok(Proof { holds, figures: Value::Object(figures) })
}

/// A directory with a clone and a home in it.
struct Place {
    directory: PathBuf,
}

impl Place {
    fn new() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("cmp-fresh-clone-{}", std::process::id()));
        if directory.exists() {
            bail!("{} exists already", directory.display());
        }
        std::fs::create_dir_all(directory.join("home"))?;
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet", "--no-hardlinks"]).arg(workspace::root()).arg(directory.join("clone"));
        run::capture(&mut clone)?;
        Ok(Self { directory })
    }

    /// `cargo xtask …` in the clone, with nothing of this person's home but the Rust toolchain.
    fn xtask(&self, arguments: &[&str]) -> Result<Command> {
        let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
        let rustup = std::env::var_os("RUSTUP_HOME").map_or_else(|| home.join(".rustup"), PathBuf::from);
        let mut command = Command::new("cargo");
        command
            .current_dir(self.directory.join("clone"))
            .arg("xtask")
            .args(arguments)
            .env("HOME", self.directory.join("home"))
            .env("CARGO_HOME", self.directory.join("home/.cargo"))
            .env("RUSTUP_HOME", rustup);
        let inherited = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CMP_")
                || (name.starts_with("CARGO") && name != "CARGO_HOME")
                || name.starts_with("RUST") && !name.starts_with("RUSTUP_")
                || name.starts_with("npm_config_")
                || name.starts_with("XDG_")
        });
        for name in inherited.filter(|name| name != "CHROMIUM_PATH") {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Seconds until the marketplace answers; nothing if it does not in time.
    fn serve(&self, limit: Duration) -> Result<Option<f64>> {
        let port = free_port()?;
        let log = self.directory.join("serve.log");
        let step = progress::step("cargo xtask serve in the clone");
        let started = Instant::now();
        let mut guard = Guarded::spawn(&self.xtask(&["serve", "--port", &port.to_string()])?, "TERM", None, &log)?;
        while started.elapsed() < limit && !guard.ended() {
            if answers(port) {
                let seconds = rounded(started.elapsed());
                guard.stop();
                step.done("it answers");
                return Ok(Some(seconds));
            }
            if let Some(line) = std::fs::read_to_string(&log).unwrap_or_default().lines().last() {
                step.note(line);
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        println!("{}", std::fs::read_to_string(&log).unwrap_or_default());
        Ok(None)
    }

    fn test(&self) -> Result<(f64, String, bool)> {
        let step = progress::step("cargo xtask test in the clone");
        let started = Instant::now();
        let mut last = String::new();
        let mut text = String::new();
        let passed = run::stream(&mut self.xtask(&["test"])?, |from, line| {
            step.note(line);
            text.push_str(line);
            text.push('\n');
            if from == run::Output::Out && !line.is_empty() {
                line.clone_into(&mut last);
            }
        })?;
        let seconds = rounded(started.elapsed());
        std::fs::write(self.directory.join("test.log"), &text)?;
        step.done(&last);
        Ok((seconds, last, passed))
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
