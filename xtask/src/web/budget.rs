//! The byte budgets of `xtask/budgets.json`, beside what was built.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace;

use super::{Build, Sizes};

#[derive(Deserialize)]
struct Budget {
    name: String,
    files: Vec<String>,
    brotli: u64,
}

/// One line of the table.
pub(crate) struct Line {
    /// What is weighed.
    pub(crate) name: String,
    /// What it weighs; nothing where it was not built.
    pub(crate) sizes: Sizes,
    /// The bytes that it may have as brotli.
    pub(crate) limit: u64,
    /// Files that the line counts and that do not exist.
    pub(crate) missing: Vec<String>,
}

/// How a line stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of it was built and is light enough.
    Fits,
    /// Something of it was not built.
    Missing,
    /// It exceeds its limit.
    TooHeavy,
}

impl Line {
    /// How this line stands.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.sizes.brotli > self.limit {
            Verdict::TooHeavy
        } else if self.missing.is_empty() {
            Verdict::Fits
        } else {
            Verdict::Missing
        }
    }
}

/// Weighs what was built against the budgets.
pub(crate) fn lines(build: &Build) -> Result<Vec<Line>> {
    let path = workspace::root().join("xtask/budgets.json");
    let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let budgets: Vec<Budget> = serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
    Ok(budgets.into_iter().map(|budget| weigh(budget, build)).collect())
}

fn weigh(budget: Budget, build: &Build) -> Line {
    let mut line = Line { name: budget.name, sizes: Sizes::default(), limit: budget.brotli, missing: Vec::new() };
    for file in budget.files {
        match build.files.get(&file) {
            Some(sizes) => line.sizes = line.sizes + *sizes,
            None => line.missing.push(file),
        }
    }
    line
}

/// The table for people.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = format!("{:<28}{:>11}{:>11}{:>11}{:>11}\n", "bytes", "raw", "gzip", "brotli", "budget");
    for line in lines {
        let remark = match line.verdict() {
            Verdict::Fits => String::new(),
            Verdict::Missing => format!("  not built: {}", line.missing.join(", ")),
            Verdict::TooHeavy => "  TOO HEAVY".to_owned(),
        };
        let Sizes { raw, gzip, brotli } = line.sizes;
        let _ = writeln!(
            text,
            "{:<28}{:>11}{:>11}{:>11}{:>11}{remark}",
            line.name,
            grouped(raw),
            grouped(gzip),
            grouped(brotli),
            grouped(line.limit)
        );
    }
    text
}

/// 1234567 as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(limit: u64, built: &[(&str, u64)]) -> Line {
        let mut build = Build::default();
        for (name, size) in built {
            build.files.insert((*name).to_owned(), Sizes { raw: *size, gzip: *size, brotli: *size });
        }
        let files = vec!["a".to_owned(), "b".to_owned()];
        weigh(Budget { name: "both".to_owned(), files, brotli: limit }, &build)
    }

    #[test]
    fn a_line_is_the_sum_of_its_files() {
        assert_eq!(line(7, &[("a", 3), ("b", 4)]).verdict(), Verdict::Fits);
        assert_eq!(line(6, &[("a", 3), ("b", 4)]).verdict(), Verdict::TooHeavy);
        assert_eq!(line(6, &[("a", 3)]).verdict(), Verdict::Missing);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!((grouped(7), grouped(1234), grouped(1_234_567)), ("7".into(), "1,234".into(), "1,234,567".into()));
    }
}
