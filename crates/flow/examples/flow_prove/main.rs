//! What stands behind the flow proofs of `cargo xtask prove`: it reads what Langflow publishes and prints
//! figures as one line of JSON.

#![expect(clippy::print_stdout, reason = "xtask reads the figures there")]

mod bench;
mod coverage;
mod hostile;
mod one;
mod scripted;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let proof = args.next().context("say which proof: bench, coverage, hostile or one")?;
    let rest: Vec<String> = args.collect();
    let figures = match proof.as_str() {
        "bench" => bench::run(&rest)?,
        "added" => bench::alone(&rest)?,
        "serve" => bench::serve(&rest)?,
        "streams" => bench::streams(&rest)?,
        "coverage" => coverage::run(&rest)?,
        "hostile" => hostile::run()?,
        "one" => one::run()?,
        other => bail!("there is no proof {other:?} here"),
    };
    println!("{figures}");
    Ok(())
}
