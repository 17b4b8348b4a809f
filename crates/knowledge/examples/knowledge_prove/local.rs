//! The model that is computed here, beside vectors that another program computed of the same texts.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use knowledge::Embedder as _;
use knowledge::embed::LocalEmbedder;
use serde_json::{Value, json};

use crate::collection::{Collection, Form};

/// Texts of each collection.
const EACH: usize = 150;
/// Letters and signs that tokenizers fall over.
const ODD: [&str; 12] = [
    "",
    "?!",
    "Größe, Übermut & Straße — „so“ sagt man…",
    "naïve café, crème brûlée; Ångström",
    "東京の天気 is 晴れ",
    "emoji 🚣🏽‍♀️ in between",
    "soft\u{ad}hyphen zero\u{200b}width",
    "don't can't l'été O'Neill's",
    "E-4012/A_7 v1.2.3 (x+y)^2=4; a@b.example",
    "İstanbul ŞİŞLİ",
    "Привет, мир! Γειά σου Κόσμε",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
];
/// The least cosine between two vectors of one text; numbers of 32 bits differ in the last digits.
const LEAST: f32 = 0.999_9;

/// Writes the texts, one a line.
pub(crate) fn some(data: &Path, out: &Path) -> anyhow::Result<()> {
    let mut lines: Vec<String> = ODD.iter().map(|text| json!(text).to_string()).collect();
    for collection in Collection::all(data)? {
        let parts = collection.parts(Form::Chunks);
        let step = (parts.len() / EACH).max(1);
        lines.extend(parts.iter().step_by(step).take(EACH).map(|part| json!(part.text).to_string()));
        lines.extend(collection.test.iter().take(EACH).map(|question| json!(question.text.trim()).to_string()));
    }
    std::fs::write(out, lines.join("\n") + "\n")?;
    Ok(())
}

/// Computes the same vectors, and measures it.
pub(crate) fn compare(model: &Path, texts: &Path, theirs: &Path) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let began = Instant::now();
    let embedder = LocalEmbedder::open(model)?;
    let opened = began.elapsed();
    let texts: Vec<String> =
        std::fs::read_to_string(texts)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let theirs = std::fs::read(theirs)?;
    let numbers: Vec<f32> =
        theirs.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
    let wide = numbers.len() / texts.len();
    ensure!(wide * texts.len() == numbers.len(), "a vector is cut off");
    let (mut least, mut sum, mut worst) = (1.0_f32, 0.0_f64, String::new());
    let (mut times, mut passages) = (Vec::new(), 0.0);
    let mut long = 0.0;
    for (text, right) in texts.iter().zip(numbers.chunks_exact(wide)) {
        let began = Instant::now();
        let own = runtime.block_on(embedder.embed(&[text]))?;
        let took = began.elapsed().as_secs_f64();
        // A question is short.
        if text.len() < 200 {
            times.push(took * 1000.0);
        } else {
            passages += took;
            long += 1.0;
        }
        let own = own.first().context("no vector")?;
        let cosine: f32 = own.iter().zip(right).map(|(a, b)| a * b).sum();
        sum += f64::from(cosine);
        if cosine < least {
            (least, worst) = (cosine, text.chars().take(60).collect());
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() - 1) * share / 100).copied().unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/self/status")?;
    let memory = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim().to_owned();
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    Ok(json!({"holds": least >= LEAST, "figures": {
        "texts": texts.len(),
        "least cosine with the published vectors": least,
        "of the text": worst,
        "mean cosine": rounded(sum / texts.len() as f64 * 10_000.0) / 10_000.0,
        "seconds to open": rounded(opened.as_secs_f64()),
        "passages a second, one core": rounded(long / passages),
        "milliseconds of a question, p50": rounded(at(50)),
        "milliseconds of a question, p99": rounded(at(99)),
        "memory at most": memory,
    }}))
}
