//! What ranking costs in time and memory, and texts of any number to measure it on.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use knowledge::vector::Query;
use knowledge::{Analysis, Analyzer, Base, Entry, Id, Language, Search, Vector};
use serde_json::{Value, json};

use crate::collection::{Collection, Form};

/// Questions that are asked, each once.
const QUESTIONS: usize = 400;

/// Writes so many passages, made of the collections' sentences dealt anew, and the questions.
pub(crate) fn deal(data: &Path, out: &Path, count: usize) -> anyhow::Result<()> {
    let collections = Collection::all(data)?;
    let mut sentences: Vec<String> = Vec::new();
    let mut titles: Vec<String> = Vec::new();
    for part in collections.iter().flat_map(|one| one.parts(Form::Whole)) {
        titles.push(part.title.split_whitespace().collect::<Vec<_>>().join(" "));
        let text = part.text.split_whitespace().collect::<Vec<_>>().join(" ");
        sentences.extend(text.split_inclusive(". ").map(|one| one.trim().to_owned()).filter(|one| one.len() > 20));
    }
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % most as u64).unwrap_or(0)
    };
    std::fs::create_dir_all(out)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(out.join(format!("{count}.jsonl")))?);
    for _ in 0..count {
        let title = &titles[below(titles.len())];
        let mut text = String::new();
        while text.len() < 500 {
            text.push_str(&sentences[below(sentences.len())]);
            text.push(' ');
        }
        writeln!(file, "{}", json!({"title": title, "text": text.trim_end()}))?;
    }
    file.flush()?;
    let asked: Vec<&str> =
        collections.iter().flat_map(|one| &one.test).map(|question| question.text.trim()).take(QUESTIONS).collect();
    std::fs::write(out.join("questions.json"), serde_json::to_vec(&asked)?)?;
    Ok(())
}

/// Builds a base of so many passages and asks it.
pub(crate) fn measure(out: &Path, count: usize) -> anyhow::Result<Vec<Value>> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for line in std::fs::read_to_string(out.join(format!("{count}.jsonl")))?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        parts.push((text("title"), text("text")));
    }
    let bytes: usize = parts.iter().map(|(title, text)| title.len() + text.len()).sum();
    let questions: Vec<String> = serde_json::from_slice(&std::fs::read(out.join("questions.json"))?)?;
    let part_vectors = vectors(&out.join(format!("{count}.vectors")))?;
    let question_vectors = vectors(&out.join("questions.vectors"))?;
    let before = memory("VmRSS:");
    let mut rows = Vec::new();
    for with_meaning in [false, true] {
        let began = Instant::now();
        let mut analyzer = Analyzer::new(Language::English);
        let mut base = Base::default();
        for (place, (title, text)) in parts.iter().enumerate() {
            let analysis = Analysis::of(&mut analyzer, title, text);
            let vector = part_vectors.get(place).filter(|_| with_meaning).and_then(|numbers| Vector::new(numbers).ok());
            let id = place as Id;
            base.add(Entry {
                passage: id,
                document: id / 400,
                language: Language::English,
                analysis: &analysis,
                vector,
            });
        }
        let built = began.elapsed().as_secs_f64();
        let held = memory("VmRSS:").saturating_sub(before);
        let mut times = Vec::new();
        for (question, numbers) in questions.iter().zip(&question_vectors) {
            let vector = Query::new(numbers).ok().filter(|_| with_meaning);
            let began = Instant::now();
            let hits = base.search(&Search { text: question, vector: vector.as_ref(), most: 10, ..Search::default() });
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            anyhow::ensure!(!hits.is_empty(), "nothing was found for {question}");
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
            let place = (times.len() as f64 * share) as usize;
            (times[place.min(times.len() - 1)] * 100.0).round() / 100.0
        };
        rows.push(json!({
            "engine": if with_meaning { "ours in a process, words and vectors" } else { "ours in a process, words" },
            "chunks": count, "seconds": (built * 100.0).round() / 100.0,
            "chunks a second": (count as f64 / built).round(), "MB a second": (bytes as f64 / built / 1e5).round() / 10.0,
            "MiB more": held >> 10, "p50 ms": at(0.5), "p99 ms": at(0.99),
        }));
    }
    Ok(rows)
}

/// Reads rows of 256 numbers.
fn vectors(path: &Path) -> anyhow::Result<Vec<Vec<f32>>> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let (numbers, _) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = numbers.iter().map(|four| f32::from_le_bytes(*four)).collect();
    Ok(numbers.chunks(256).map(<[f32]>::to_vec).collect())
}

/// KiB that this process has, where the system tells.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
