//! The repository's own commands, run as `cargo xtask <command>`.
//!
//! Nothing here is part of the product. What a newcomer would get wrong: this binary is built
//! before anything else on a fresh machine, so it depends on next to nothing and brings every
//! tool it needs (a Rust for the browser, wasm-bindgen, wasm-opt, PostgreSQL, Chromium) itself.
#![expect(clippy::print_stdout, reason = "a command line talks to its user")]
#![expect(
    clippy::disallowed_methods,
    reason = "this tool reads the environment of the person who runs it; it has no settings file"
)]

mod check;
mod progress;
mod prove;
mod room;
mod run;
mod serve;
mod test;
mod toolchain;
mod web;
mod workspace;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The repository's own commands", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds everything and serves it with sample content
    Serve(serve::Options),
    /// Runs every test: on SQLite and PostgreSQL, and in a real browser
    Test(test::Options),
    /// Checks the rules of the repository: dependency arrows, byte budgets, migrations, formatting
    Check(check::Options),
    /// Builds what the browser loads into target/site
    Web(web::Options),
    /// Repeats one claim of our documents from scratch
    Prove(prove::Options),
    /// Makes sure that this machine can build for the browser
    Toolchain,
}

fn main() -> std::process::ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(options) => serve::run(&options),
        Command::Test(options) => Ok(test::run(&options)),
        Command::Check(options) => Ok(check::run(&options)),
        Command::Web(options) => web::run(&options).map(|_| true),
        Command::Prove(options) => prove::run(&options),
        Command::Toolchain => toolchain::report().map(|()| true),
    };
    match result {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
