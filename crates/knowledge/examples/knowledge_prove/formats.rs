//! What comes out of files of every format, beside what another extractor got out of them.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use knowledge::extract::{Limits, extract};
use knowledge::{Block, Body, Document};
use serde_json::{Value, json};

/// Reads each file below `files`; `theirs` holds the other's text by the same name, `said` a line of JSON each.
pub(crate) fn compare(files: &Path, theirs: &Path, said: &Path) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    // By format: files, read, by the other, the sums of shares.
    let mut sums: Vec<(String, Sum)> = Vec::new();
    let lines = std::fs::read_to_string(said)?;
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).context("a line of the other extractor")?;
        let name = line["file"].as_str().unwrap_or_default();
        let bytes = std::fs::read(files.join(name))?;
        let began = Instant::now();
        let read = extract(name, &bytes, &Limits::default());
        let took = began.elapsed().as_secs_f64();
        let their_text = std::fs::read_to_string(theirs.join(name))?;
        let other = words(&their_text);
        let (document, problem) = match read {
            Ok(document) => (document, String::new()),
            Err(error) => (Document::default(), error.to_string()),
        };
        let text = text(&document);
        let own = words(&text);
        // By letters: some readers glue words together, and that is no loss of ours.
        let (own_letters, their_letters) = (letters(&text), letters(&their_text));
        let format = name.rsplit('.').next().unwrap_or_default().to_owned();
        let place = sums.iter().position(|(known, _)| *known == format).unwrap_or_else(|| {
            sums.push((format.clone(), Sum::default()));
            sums.len() - 1
        });
        // A chart or a table that is read in another order has the same words and other letters side by side.
        let kept = share(&their_letters, &own_letters).unwrap_or(0.0).max(share(&other, &own).unwrap_or(0.0));
        sums[place].1.add(
            &own_letters,
            &their_letters,
            kept,
            took,
            line["seconds"].as_f64().unwrap_or(0.0),
            bytes.len(),
        );
        rows.push(json!({
            "file": name, "kB": bytes.len() / 1000 + 1, "words": count(&own), "headings": headings(&document),
            "tables": tables(&document), "pages": document.blocks.iter().filter_map(|block| block.page).max(),
            "other": line["by"], "its words": count(&other), "of its text": (!their_letters.is_empty()).then(|| percent(kept)),
            "of ours it has": share(&own_letters, &their_letters).map(percent),
            "it has more of": lost(&other, &own),
            "said": if problem.is_empty() { document.warnings.join(" ") } else { problem },
            "its problem": line["problem"],
        }));
    }
    let total: Sum = sums.iter().fold(Sum::default(), |total, (_, one)| total.with(one));
    let formats: Vec<Value> = sums.iter().map(|(format, sum)| sum.row(format)).chain([total.row("all")]).collect();
    // Where the other found words, ours must have nearly all of them.
    let holds = rows.len() >= 60
        && sums.iter().all(|(_, sum)| sum.kept >= 0.95 * sum.compared as f64)
        && total.read >= total.read_by_other;
    Ok(json!({"holds": holds, "figures": {"files": rows, "formats": formats}}))
}

#[derive(Clone, Default)]
struct Sum {
    files: usize,
    read: usize,
    read_by_other: usize,
    /// Pieces of text that the other found, and how many of them we did.
    compared: usize,
    kept: f64,
    seconds: f64,
    other_seconds: f64,
    bytes: usize,
}

impl Sum {
    fn add(&mut self, own: &Words, other: &Words, kept: f64, took: f64, other_took: f64, bytes: usize) {
        self.files += 1;
        self.read += usize::from(!own.is_empty());
        self.read_by_other += usize::from(!other.is_empty());
        self.compared += count(other);
        self.kept += kept * count(other) as f64;
        self.seconds += took;
        self.other_seconds += other_took;
        self.bytes += bytes;
    }

    fn with(mut self, one: &Self) -> Self {
        self.files += one.files;
        self.read += one.read;
        self.read_by_other += one.read_by_other;
        self.compared += one.compared;
        self.kept += one.kept;
        self.seconds += one.seconds;
        self.other_seconds += one.other_seconds;
        self.bytes += one.bytes;
        self
    }

    fn row(&self, format: &str) -> Value {
        let kept = (self.compared > 0).then(|| percent(self.kept / self.compared as f64));
        json!({
            "format": format, "files": self.files, "read": self.read, "read by the other": self.read_by_other,
            "of its text": kept, "MB": (self.bytes as f64 / 1e5).round() / 10.0,
            "seconds": (self.seconds * 100.0).round() / 100.0, "its seconds": (self.other_seconds * 100.0).round() / 100.0,
        })
    }
}

/// How often which word comes.
type Words = HashMap<String, usize>;

fn words(text: &str) -> Words {
    let mut words = Words::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 1) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    words
}

fn count(words: &Words) -> usize {
    words.values().sum()
}

/// Every four letters or digits that follow each other, whatever stands between them.
fn letters(text: &str) -> Words {
    let text: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let mut pieces = Words::new();
    for four in text.windows(4) {
        *pieces.entry(four.iter().collect()).or_default() += 1;
    }
    pieces
}

/// How many of the first's, each as often as it comes, the second has.
fn common(of: &Words, has: &Words) -> usize {
    of.iter().map(|(piece, count)| has.get(piece).map_or(0, |own| *own.min(count))).sum()
}

/// The same as a share.
fn share(of: &Words, has: &Words) -> Option<f64> {
    (!of.is_empty()).then(|| common(of, has) as f64 / count(of) as f64)
}

/// The words that the second lacks most.
fn lost(of: &Words, has: &Words) -> String {
    let mut lost: Vec<(usize, &String)> = of
        .iter()
        .map(|(word, count)| (count.saturating_sub(has.get(word).copied().unwrap_or(0)), word))
        .filter(|(count, _)| *count > 0)
        .collect();
    lost.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    lost.iter().take(4).map(|(_, word)| word.chars().take(14).collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn text(document: &Document) -> String {
    let mut text = document.title.clone().unwrap_or_default();
    for string in document.blocks.iter().flat_map(Block::strings) {
        text.push('\n');
        text.push_str(string);
    }
    text
}

fn headings(document: &Document) -> usize {
    document.blocks.iter().filter(|block| matches!(block.body, Body::Heading { .. })).count()
}

fn tables(document: &Document) -> usize {
    document.blocks.iter().filter(|block| matches!(block.body, Body::Table { .. })).count()
}

fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}
