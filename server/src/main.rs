//! The program `cmp`.

use std::process::ExitCode;

use clap::Parser;
use server::cli::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Reading a stranger's file comes before any thread, so that its bounds hold for all of the process.
    if let Some(bounds) = cli.reads_a_file() {
        return cli::read_file(bounds);
    }
    serve(cli)
}

#[tokio::main]
async fn serve(cli: Cli) -> ExitCode {
    cli::run(cli).await
}
