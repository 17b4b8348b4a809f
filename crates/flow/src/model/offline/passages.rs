//! What the answerer knows, in passages, and which one fits a question.

use std::collections::{HashMap, HashSet};

use crate::memory::{Role, Turn};
use crate::model::ModelRequest;

/// Words that say nothing about what is asked.
const STOP: &[&str] = &[
    "a",
    "about",
    "am",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "for",
    "from",
    "had",
    "has",
    "have",
    "how",
    "i",
    "if",
    "in",
    "is",
    "it",
    "its",
    "me",
    "my",
    "of",
    "on",
    "or",
    "our",
    "please",
    "should",
    "so",
    "some",
    "something",
    "tell",
    "that",
    "the",
    "their",
    "them",
    "there",
    "they",
    "this",
    "to",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "work",
    "would",
    "you",
    "your",
];

#[derive(Debug)]
struct Passage {
    title: String,
    text: String,
    /// How often each stem occurs; the title's count three times.
    stems: HashMap<String, f64>,
    /// Whether it came with the question's own documents or the buyer's words, which come first.
    own: bool,
}

/// What the answerer knows.
#[derive(Debug)]
pub(super) struct Knowledge {
    passages: Vec<Passage>,
}

impl Knowledge {
    /// Collects documents, the buyer's instructions, and the prompt's section `# Knowledge`.
    pub(super) fn of(request: &ModelRequest) -> Self {
        let mut passages = Vec::new();
        for document in &request.knowledge {
            let title = without_number(&document.title);
            passages.extend(parts(title, &document.text).into_iter().map(|(title, text)| passage(title, text, true)));
        }
        for paragraph in request.persona.instructions.split("\n\n").flat_map(|text| text.split('\n')) {
            let paragraph = paragraph.trim();
            if paragraph.len() > 15 && !is_instruction(paragraph) {
                passages.push(passage("", paragraph, true));
            }
        }
        let known = request.system.split_once("# Knowledge").map(|(_, rest)| rest).unwrap_or_default();
        let known = known.split("\n# ").next().unwrap_or_default();
        for section in known.split("\n## ").skip(1) {
            let (title, text) = section.split_once('\n').unwrap_or((section, ""));
            passages.push(passage(title.trim(), text.trim(), false));
        }
        Self { passages }
    }

    /// Returns the titles of what it knows.
    pub(super) fn topics(&self, most: usize) -> Vec<String> {
        self.passages
            .iter()
            .filter(|passage| !passage.title.is_empty())
            // Of a document's name and headings the last says most.
            .map(|passage| passage.title.rsplit(" › ").next().unwrap_or_default().to_owned())
            .take(most)
            .collect()
    }

    /// Returns the passage that fits a question best, if one fits at all.
    pub(super) fn best(&self, question: &str, history: &[Turn]) -> Option<String> {
        self.ranked(question).or_else(|| {
            // "And how long does that take?" asks about what was asked before.
            let before = history.iter().rev().find(|turn| turn.role == Role::User)?;
            let follows = stems(question).len() <= 3;
            follows.then(|| self.ranked(&format!("{} {question}", before.text))).flatten()
        })
    }

    fn ranked(&self, question: &str) -> Option<String> {
        let asked: HashSet<String> = stems(question).into_iter().collect();
        if asked.is_empty() {
            return None;
        }
        let count = self.passages.len() as f64;
        let weight = |stem: &str| {
            let with = self.passages.iter().filter(|passage| passage.stems.contains_key(stem)).count() as f64;
            if with == 0.0 { 0.0 } else { (1.0 + count / with).ln() }
        };
        let mut best: Option<(f64, usize, &Passage)> = None;
        for passage in &self.passages {
            let hits: Vec<&String> = asked.iter().filter(|stem| passage.stems.contains_key(*stem)).collect();
            let mut score: f64 = hits.iter().map(|stem| weight(stem) * (1.0 + passage.stems[*stem]).ln()).sum();
            if passage.own {
                score *= 1.25;
            }
            if best.as_ref().is_none_or(|(top, _, _)| score > *top) {
                best = Some((score, hits.len(), passage));
            }
        }
        let (_, hits, passage) = best?;
        // One word of many may fit by accident; a word of the title does not.
        let titled = stems(&passage.title).iter().any(|stem| asked.contains(stem));
        let enough = hits > 0 && (hits * 3 >= asked.len() || titled);
        enough.then(|| passage.text.clone())
    }
}

fn passage(title: &str, text: &str, own: bool) -> Passage {
    let mut counted = HashMap::new();
    for stem in stems(text) {
        *counted.entry(stem).or_insert(0.0) += 1.0;
    }
    for stem in stems(title) {
        *counted.entry(stem).or_insert(0.0) += 3.0;
    }
    Passage { title: title.to_owned(), text: text.to_owned(), stems: counted, own }
}

/// The paragraphs of a passage, each under the heading before it; what is asked is mostly in one of them.
fn parts<'a>(title: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut heading = title;
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let is_heading = paragraph.len() < 80 && !paragraph.contains(['\n', '.', '!', ':', '|', '。']);
        if is_heading {
            heading = paragraph;
        } else {
            found.push((heading, paragraph));
        }
    }
    if found.is_empty() { vec![(title, text)] } else { found }
}

/// A title without the number that a host has put before it, `[1] Handbook`.
fn without_number(title: &str) -> &str {
    let number = title.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    number.filter(|(digits, _)| digits.bytes().all(|c| c.is_ascii_digit())).map_or(title, |(_, rest)| rest)
}

/// Tells whether a sentence tells the agent what to do, and nobody anything.
fn is_instruction(text: &str) -> bool {
    const BEGINS: &[&str] = &[
        "you are", "answer", "always", "never", "do not", "don't", "be ", "speak", "use ", "keep", "reply", "act ",
        "say ", "ask ",
    ];
    let lower = text.to_lowercase();
    BEGINS.iter().any(|begin| lower.starts_with(begin))
}

/// Splits a text into words without their endings.
pub(super) fn stems(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1 && !STOP.contains(word))
        .map(stem)
        .collect()
}

fn stem(word: &str) -> String {
    for ending in
        ["ations", "ation", "ments", "ment", "ingly", "ings", "ing", "ies", "ers", "ed", "es", "er", "ly", "s", "e"]
    {
        if let Some(root) = word.strip_suffix(ending)
            && root.chars().count() >= 3
        {
            return root.trim_end_matches('e').to_owned();
        }
    }
    word.to_owned()
}
