//! The load behind `cargo xtask prove kill-invocations`, `prove kill-ingest`, `prove kill-billing`, `prove bench-gateway`,
//! `prove starters-run`, `prove runtime-contract`, `prove ragflow`, `prove hostile-files` and
//! `prove bench-knowledge`.
//!
//! Runs the program itself as a child process, sets up a buyer through the public API, and calls the
//! gateway over raw connections, so that the client costs as little as it can. All of it stays on
//! loopback, and stops by itself.

#![expect(clippy::print_stdout, reason = "xtask reads the figures there")]

mod bench;
mod billing;
mod both;
mod client;
mod contract;
mod hostile;
mod ingest;
mod kill;
mod knowledge;
mod program;
mod ragflow;
mod starters;
mod story;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let proof = args
        .next()
        .context("say which proof: kill-invocations, kill-ingest, kill-billing, bench-gateway, starters-run, runtime-contract, ragflow, hostile-files or bench-knowledge")?;
    let binary: PathBuf = args.next().context("say where the program cmp, or lfx, is")?.into();
    let third = args.next().filter(|url| !url.is_empty());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = match proof.as_str() {
        "kill-invocations" => runtime.block_on(kill::run(&binary, third))?,
        "kill-billing" => runtime.block_on(billing::run(&binary, third))?,
        "kill-ingest" => runtime.block_on(ingest::run(&binary, third))?,
        "bench-gateway" => runtime.block_on(bench::run(&binary))?,
        "starters-run" => {
            let directory: PathBuf = third.context("say where the unpacked wheels are")?.into();
            runtime.block_on(starters::run(&binary, &directory))?
        }
        // Started by `hostile-files` in a network of its own.
        "hostile-web" => runtime.block_on(hostile::inside::run(&binary))?,
        "hostile-files" => runtime.block_on(hostile::run(&binary))?,
        "bench-knowledge" => {
            let texts: PathBuf = args.next().context("say where the texts are")?.into();
            runtime.block_on(knowledge::run(&binary, third, &texts))?
        }
        "ragflow" => {
            let clients: Vec<String> = args.collect();
            runtime.block_on(ragflow::run(&binary, &clients))?
        }
        "runtime-contract" => {
            let langflow: PathBuf = third.context("say where Langflow is installed")?.into();
            let flow: PathBuf = args.next().context("say which script makes the flow")?.into();
            runtime.block_on(contract::run(&binary, &langflow, &flow))?
        }
        other => bail!("there is no proof {other:?} here"),
    };
    println!("{figures}");
    Ok(())
}
