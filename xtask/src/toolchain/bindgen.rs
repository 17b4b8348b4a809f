//! The `wasm-bindgen` command line, which must be exactly as old as the crate in Cargo.lock.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{progress, run, workspace};

/// Finds `wasm-bindgen` or builds it.
pub(crate) fn wasm_bindgen() -> Result<PathBuf> {
    let version = workspace::locked_version("wasm-bindgen")?;
    let home = workspace::tools().join(format!("wasm-bindgen-{version}"));
    let ours = home.join("bin/wasm-bindgen");
    if is_version(&ours, &version) {
        return Ok(ours);
    }
    if let Some(found) = run::find("wasm-bindgen").filter(|found| is_version(found, &version)) {
        return Ok(found);
    }
    let step = progress::step(format!("building wasm-bindgen {version} (once, about two minutes)"));
    // The versions it was released with; if the registry does not have them, compatible ones.
    if run::under(&step, &mut install(&version, &home, true)).is_err() {
        run::under(&step, &mut install(&version, &home, false)).with_context(|| {
            format!(
                "wasm-bindgen {version} could not be built; install it yourself with \
                 `cargo install wasm-bindgen-cli --version {version}` and try again"
            )
        })?;
    }
    step.done("");
    let _ = std::fs::remove_dir_all(build_directory());
    Ok(ours)
}

fn build_directory() -> PathBuf {
    workspace::tools().join("build-wasm-bindgen")
}

fn install(version: &str, home: &Path, locked: bool) -> Command {
    let mut command = workspace::cargo();
    command
        .args(["install", "wasm-bindgen-cli", "--version", &format!("={version}"), "--force"])
        .arg("--root")
        .arg(home)
        .arg("--target-dir")
        .arg(build_directory())
        // It runs for seconds, so building it quickly matters more than its own speed.
        .args(["--config", "profile.release.opt-level=1", "--config", "profile.release.codegen-units=16"])
        .args(["--config", "profile.release.lto=false"]);
    if locked {
        command.arg("--locked");
    }
    command
}

fn is_version(program: &Path, version: &str) -> bool {
    run::capture(Command::new(program).arg("--version"))
        .is_ok_and(|answer| answer.split_whitespace().nth(1) == Some(version))
}
