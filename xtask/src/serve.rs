//! `serve`: from a clone to a running marketplace with sample content.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{progress, room, run, web, workspace};

/// Options of `serve`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The port to listen on
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Where everything is written
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// `sqlite:FILE` or `postgres://…`; a SQLite file in the data directory if left out
    #[arg(long)]
    database: Option<String>,
    /// Builds the program with optimization, as it is deployed
    #[arg(long, conflicts_with = "quick")]
    release: bool,
    /// Builds the browser's part without optimization: quicker after each change of a page
    #[arg(long)]
    quick: bool,
}

/// Builds and serves; comes back only when it fails.
pub(crate) fn run(options: &Options) -> Result<bool> {
    // Asked first, because the answer would otherwise come after minutes of building.
    check_port(&options.host, options.port)?;
    room::warn_if_scarce();
    web::build(&web::Options { debug: options.quick, ..web::Options::default() })?;
    let binary = program(options.release)?;
    let mut command = Command::new(binary);
    command
        .current_dir(workspace::root())
        .args(["serve", "--host", &options.host, "--port", &options.port.to_string(), "--seed", "--data"])
        .arg(&options.data);
    if let Some(database) = &options.database {
        command.args(["--database", database]);
    }
    eprintln!(
        "  starting on http://{}:{}, data in {} (Ctrl-C stops)",
        options.host,
        options.port,
        options.data.display()
    );
    become_program(command)
}

/// Builds the program and answers where it is.
pub(crate) fn program(release: bool) -> Result<PathBuf> {
    let step = progress::step("building the program");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--package", "server", "--bin", "cmp"]);
    if release {
        cargo.arg("--release");
    }
    run::under(&step, &mut cargo)?;
    step.done("");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(workspace::target, PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }).join("cmp"))
}

fn check_port(host: &str, port: u16) -> Result<()> {
    if let Err(error) = TcpListener::bind((host, port)) {
        match error.kind() {
            std::io::ErrorKind::AddrInUse => bail!(
                "port {port} is in use; stop what listens there or choose another: cargo xtask serve --port {}",
                port.saturating_add(1)
            ),
            _ => return Err(error).with_context(|| format!("{host}:{port} cannot be listened on")),
        }
    }
    Ok(())
}

/// A port of this machine that nothing listens on.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    Ok(listener.local_addr()?.port())
}

/// The program takes this process's place, so that signals reach it and its end is ours.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<bool> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", run::show(&command)))
}

#[cfg(not(unix))]
fn become_program(mut command: Command) -> Result<bool> {
    let shown = run::show(&command);
    Ok(command.status().with_context(|| format!("starting {shown}"))?.success())
}
