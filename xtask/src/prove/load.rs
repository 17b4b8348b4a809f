//! The proofs that put the program under load; the load itself is `server/examples/prove`.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Proof, flows};
use crate::test::Cluster;
use crate::{progress, run, serve, web, workspace};

pub(super) fn kill_invocations() -> Result<Proof> {
    let cluster = Cluster::start()?;
    load("kill-invocations", Some(cluster.database("cmp_kill")?))
}

pub(super) fn kill_ingest() -> Result<Proof> {
    let cluster = Cluster::start()?;
    load("kill-ingest", Some(cluster.database("cmp_ingest")?))
}

pub(super) fn kill_billing() -> Result<Proof> {
    let cluster = Cluster::start()?;
    load("kill-billing", Some(cluster.database("cmp_billing")?))
}

/// Needs nothing that browsers load.
pub(super) fn hostile_files() -> Result<Proof> {
    flows::figures(&mut command("hostile-files", None)?)
}

/// Builds the program and the load without what browsers load, and answers how the load is started.
pub(super) fn command(name: &str, postgres: Option<String>) -> Result<Command> {
    let program = serve::program(true)?;
    let step = progress::step("building the load");
    run::under(&step, workspace::cargo().args(["build", "--release", "-p", "server", "--example", "prove"]))?;
    step.done("");
    let mut load = Command::new(workspace::target().join("release/examples/prove"));
    load.arg(name).arg(program).arg(postgres.unwrap_or_default());
    Ok(load)
}

pub(super) fn bench_gateway() -> Result<Proof> {
    load("bench-gateway", None)
}

fn load(name: &str, postgres: Option<String>) -> Result<Proof> {
    web::build(&web::Options::default())?;
    let mut load = command(name, postgres)?;
    let step = progress::step(name);
    let text = run::capture(&mut load)?;
    step.done("");
    let report: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("the load left no figures")?;
    Ok(Proof { holds: report["holds"] == true, figures: report["figures"].clone() })
}
