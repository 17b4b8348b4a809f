//! What browsers load, beside its budget and beside the floor of a Leptos page.

use anyhow::Result;
use serde_json::json;

use super::Proof;
use crate::web;

/// A hydrated Leptos 0.8 counter: one signal, no router, measured with the same tools, in bytes as brotli.
const COUNTER: u64 = 29_000;

pub(super) fn prove() -> Result<Proof> {
    let build = web::build(&web::Options::default())?;
    let lines = web::lines(&build)?;
    let holds = lines.iter().all(|line| line.verdict() != web::Verdict::TooHeavy);
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({"part": line.name, "raw": line.sizes.raw, "gzip": line.sizes.gzip, "brotli": line.sizes.brotli, "limit": line.limit})
        })
        .collect();
    Ok(Proof { holds, figures: json!({"parts": rows, "leptos_counter_brotli": COUNTER}) })
}
