//! The load behind `cargo xtask prove kill-invocations`, `prove bench-gateway` and `prove starters-run`.
//!
//! Runs the program itself as a child process, sets up a buyer through the public API, and calls the
//! gateway over raw connections, so that the client costs as little as it can. All of it stays on
//! loopback, and stops by itself.

#![expect(clippy::print_stdout, reason = "xtask reads the figures there")]

mod bench;
mod client;
mod kill;
mod program;
mod starters;
mod story;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let proof = args.next().context("say which proof: kill-invocations, bench-gateway or starters-run")?;
    let binary: PathBuf = args.next().context("say where the program cmp is")?.into();
    let third = args.next().filter(|url| !url.is_empty());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = match proof.as_str() {
        "kill-invocations" => runtime.block_on(kill::run(&binary, third))?,
        "bench-gateway" => runtime.block_on(bench::run(&binary))?,
        "starters-run" => {
            let directory: PathBuf = third.context("say where the unpacked wheels are")?.into();
            runtime.block_on(starters::run(&binary, &directory))?
        }
        other => bail!("there is no proof {other:?} here"),
    };
    println!("{figures}");
    Ok(())
}
