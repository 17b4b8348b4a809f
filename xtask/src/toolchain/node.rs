//! `wasm-opt` and `esbuild`, from npm.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{progress, run, workspace};

const BINARYEN: &str = "132.0.0";
const ESBUILD: &str = "0.28.2";

/// The programs we use from npm.
pub(crate) struct NodeTools {
    /// Makes wasm smaller.
    pub(crate) wasm_opt: PathBuf,
    /// Makes scripts and style sheets smaller.
    pub(crate) esbuild: PathBuf,
}

/// Finds the programs or installs them.
pub(crate) fn node_tools() -> Result<NodeTools> {
    let home = workspace::tools().join(format!("node-{BINARYEN}-{ESBUILD}"));
    let bin = home.join("node_modules/.bin");
    let tools = NodeTools { wasm_opt: bin.join("wasm-opt"), esbuild: bin.join("esbuild") };
    if tools.wasm_opt.exists() && tools.esbuild.exists() {
        return Ok(tools);
    }
    let step = progress::step("fetching wasm-opt and esbuild from npm");
    std::fs::create_dir_all(&home)?;
    std::fs::write(
        home.join("package.json"),
        format!(r#"{{"private":true,"dependencies":{{"binaryen":"{BINARYEN}","esbuild":"{ESBUILD}"}}}}"#),
    )?;
    run::under(&step, npm()?.current_dir(&home).arg("install"))
        .context("npm could not fetch binaryen and esbuild; is its registry reachable?")?;
    if !tools.wasm_opt.exists() || !tools.esbuild.exists() {
        bail!("npm installed no wasm-opt or no esbuild into {}", home.display());
    }
    step.done("");
    Ok(tools)
}

/// npm, told to be quiet.
pub(crate) fn npm() -> Result<Command> {
    if run::find("node").is_none() || run::find("npm").is_none() {
        bail!(
            "Node.js with npm is needed and not on PATH; install it \
             (https://nodejs.org, or `apt-get install nodejs npm`) and try again"
        );
    }
    let mut command = Command::new("npm");
    command
        .env("npm_config_audit", "false")
        .env("npm_config_fund", "false")
        .env("npm_config_update_notifier", "false")
        .env("npm_config_progress", "false")
        .env("npm_config_loglevel", "error");
    Ok(command)
}
