//! `prove`: repeats one claim of our documents from scratch and prints its figures.
//!
//! A proof is a file below this module. It answers a [`Proof`]; what it printed is also written to
//! `target/proofs/NAME.json`.

mod bytes;
mod load;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::workspace;

/// Options of `prove`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which claim
    name: Option<String>,
    /// Say what each proof claims and how long it takes
    #[arg(long)]
    list: bool,
}

/// What a proof found.
pub(crate) struct Proof {
    holds: bool,
    figures: Value,
}

struct Claim {
    name: &'static str,
    claim: &'static str,
    takes: &'static str,
    prove: fn() -> Result<Proof>,
}

const CLAIMS: &[Claim] = &[
    Claim {
        name: "bytes",
        claim: "what browsers load stays within its budget: the portal's wasm, the widget before and after it is opened",
        takes: "4 minutes cold, seconds warm",
        prove: bytes::prove,
    },
    Claim {
        name: "kill-invocations",
        claim: "of 1,000 invocations and more, with the program killed 20 times, none that was answered is lost and none is counted twice, on both databases",
        takes: "3 minutes, and a release build",
        prove: load::kill_invocations,
    },
    Claim {
        name: "bench-gateway",
        claim: "throughput and latency of invoke on a trivial flow at 1, 16 and 64 connections, beside the same server with a fixed body",
        takes: "2 minutes, and a release build",
        prove: load::bench_gateway,
    },
];

/// Runs a proof, or lists them.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let Some(name) = options.name.as_deref().filter(|_| !options.list) else {
        for claim in CLAIMS {
            println!("{}\n    {}\n    takes {}", claim.name, claim.claim, claim.takes);
        }
        return Ok(true);
    };
    let Some(claim) = CLAIMS.iter().find(|claim| claim.name == name) else {
        bail!("there is no proof {name:?}; `cargo xtask prove --list` names them");
    };
    let Proof { holds, figures } = (claim.prove)()?;
    let directory = workspace::target().join("proofs");
    std::fs::create_dir_all(&directory)?;
    let report = serde_json::json!({"name": name, "holds": holds, "figures": figures});
    std::fs::write(directory.join(format!("{name}.json")), serde_json::to_vec_pretty(&report)?)?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    println!("{}", if holds { "The claim holds." } else { "The claim does not hold." });
    Ok(holds)
}
