//! `serve`: builds everything and runs the product with sample content.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::{progress, run, web, workspace};

/// Options of `serve`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The directory for everything that is written
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// `sqlite:FILE` or `postgres://…`; a SQLite file in the data directory where it is left out
    #[arg(long)]
    database: Option<String>,
    /// Build as for production: slower to build, faster to run
    #[arg(long)]
    release: bool,
}

/// Builds and runs; ends when the program does.
pub(crate) fn run(options: &Options) -> Result<bool> {
    web::run(&web::Options::default())?;
    let binary = program(options.release)?;
    let mut command = std::process::Command::new(binary);
    command
        .current_dir(workspace::root())
        .args(["serve", "--seed", "--host", "127.0.0.1", "--port", &options.port.to_string()])
        .arg("--data")
        .arg(&options.data);
    if let Some(database) = &options.database {
        command.args(["--database", database]);
    }
    eprintln!("Starting the program; Ctrl-C stops it.");
    // Ctrl-C reaches the program too, and it finishes what is in flight.
    let status = command.status().context("the program could not be started")?;
    Ok(status.success())
}

/// Builds the program and returns where it is.
pub(crate) fn program(release: bool) -> Result<PathBuf> {
    let step = progress::step("building the program");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "-p", "server"]);
    if release {
        cargo.arg("--release");
    }
    run::under(&step, &mut cargo)?;
    step.done("");
    Ok(workspace::target().join(if release { "release" } else { "debug" }).join("cmp"))
}
