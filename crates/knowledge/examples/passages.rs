//! Shows what becomes of files: `cargo run -p knowledge --example passages FILE…`.
//!
//! Reads them in this process, so do not give it a file that you do not trust.

#![expect(clippy::print_stdout, reason = "this is what the person at the terminal asked for")]

use anyhow::Context as _;
use knowledge::extract::{Limits, extract};
use knowledge::{ChunkOptions, chunks};

fn main() -> anyhow::Result<()> {
    for file in std::env::args().skip(1) {
        let bytes = std::fs::read(&file).with_context(|| format!("reading {file}"))?;
        let document = match extract(&file, &bytes, &Limits::default()) {
            Ok(document) => document,
            Err(error) => {
                println!("{file}: {error}\n");
                continue;
            }
        };
        let title = document.title.clone().unwrap_or_default();
        println!("{file}: {title:?}, {}, {} blocks", document.language(), document.blocks.len());
        for warning in &document.warnings {
            println!("warning: {warning}");
        }
        for chunk in chunks(&document, ChunkOptions::default()) {
            let pages = chunk.pages.map(|(first, last)| format!(", pages {first} to {last}")).unwrap_or_default();
            println!("--- {} ({} tokens{pages}) {}", chunk.ordinal, chunk.tokens, chunk.context(&title));
            println!("{}", chunk.text);
        }
        println!();
    }
    Ok(())
}
