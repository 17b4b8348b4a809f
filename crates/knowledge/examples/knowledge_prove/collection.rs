//! Reads the collections: documents, questions, and what is relevant to each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use knowledge::{ChunkOptions, Document, chunks};
use serde::Serialize;
use serde_json::Value;

/// Documents with questions that people judged.
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    documents: Vec<Abstract>,
    /// Questions that settings may be chosen by.
    pub(crate) train: Vec<Question>,
    /// Questions that are reported.
    pub(crate) test: Vec<Question>,
}

struct Abstract {
    id: String,
    title: String,
    text: String,
}

/// A question, and how relevant which documents are to it.
#[derive(Serialize)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) relevant: BTreeMap<String, f64>,
}

/// Whether documents are indexed whole or in passages.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Whole,
    Chunks,
}

impl Form {
    pub(crate) const BOTH: [Self; 2] = [Self::Whole, Self::Chunks];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Chunks => "chunks",
        }
    }
}

/// What is indexed as one.
pub(crate) struct Part {
    pub(crate) document: String,
    pub(crate) title: String,
    pub(crate) text: String,
}

impl Collection {
    pub(crate) fn all(data: &Path) -> anyhow::Result<Vec<Self>> {
        Ok(vec![cranfield(&data.join("cranfield"))?, scifact(&data.join("scifact"))?])
    }

    pub(crate) fn parts(&self, form: Form) -> Vec<Part> {
        // Abstracts are short: passages of the usual length would be whole documents.
        let options = ChunkOptions { longest: 128, overlap: 16 };
        let mut parts = Vec::new();
        for Abstract { id, title, text } in &self.documents {
            let cut = match form {
                Form::Whole => vec![text.clone()],
                Form::Chunks => {
                    chunks(&Document::of_text(Some(title), text), options).into_iter().map(|chunk| chunk.text).collect()
                }
            };
            parts.extend(cut.into_iter().map(|text| Part { document: id.clone(), title: title.clone(), text }));
        }
        parts
    }
}

/// Fields begin with `.I`, `.T`, `.A`, `.B` and `.W`; questions are counted by their place in the file.
fn cranfield(directory: &Path) -> anyhow::Result<Collection> {
    let read = |name: &str| {
        let bytes = std::fs::read(directory.join(name)).with_context(|| format!("reading cranfield/{name}"))?;
        anyhow::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut documents: Vec<Abstract> = Vec::new();
    let mut field = ' ';
    for line in read("cran.all.1400")?.lines() {
        if let Some(id) = line.strip_prefix(".I ") {
            documents.push(Abstract { id: id.trim().to_owned(), title: String::new(), text: String::new() });
            field = ' ';
        } else if let Some(name) = line.strip_prefix('.').filter(|name| ["T", "A", "B", "W"].contains(&name.trim())) {
            field = name.chars().next().unwrap_or(' ');
        } else if let Some(last) = documents.last_mut() {
            let into = match field {
                'T' => &mut last.title,
                'W' => &mut last.text,
                _ => continue,
            };
            into.push_str(line.trim());
            into.push(' ');
        }
    }
    let mut questions: Vec<Question> = Vec::new();
    for line in read("cran.qry")?.lines() {
        if line.starts_with(".I") {
            let id = (questions.len() + 1).to_string();
            questions.push(Question { id, text: String::new(), relevant: BTreeMap::new() });
        } else if let Some(last) = questions.last_mut().filter(|_| !line.starts_with(".W")) {
            last.text.push_str(line);
            last.text.push(' ');
        }
    }
    for line in read("cranqrel")?.lines() {
        let mut fields = line.split_whitespace();
        let (Some(question), Some(document), Some(code)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        // The codes are Cleverdon's: 1 is the best and 4 the least; -1 marks the source of the question.
        let gain = match code {
            "-1" | "1" => 4.0,
            "2" => 3.0,
            "3" => 2.0,
            "4" => 1.0,
            _ => continue,
        };
        let place: usize = question.parse().context("a question is a number")?;
        let question = questions.get_mut(place - 1).context("a judgement of no question")?;
        question.relevant.insert(document.to_owned(), gain);
    }
    // The collection has no split of its own: every second question is for choosing settings.
    let (train, test) = questions.into_iter().partition(|question| question.id.ends_with(['1', '3', '5', '7', '9']));
    Ok(Collection { name: "cranfield", documents, train, test })
}

fn scifact(directory: &Path) -> anyhow::Result<Collection> {
    let read =
        |name: &str| std::fs::read_to_string(directory.join(name)).with_context(|| format!("reading scifact/{name}"));
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let mut documents = Vec::new();
    for line in read("corpus.jsonl")?.lines() {
        let line: Value = serde_json::from_str(line)?;
        documents.push(Abstract { id: text(&line, "_id"), title: text(&line, "title"), text: text(&line, "text") });
    }
    let mut asked: BTreeMap<String, String> = BTreeMap::new();
    for line in read("queries.jsonl")?.lines() {
        let line: Value = serde_json::from_str(line)?;
        asked.insert(text(&line, "_id"), text(&line, "text"));
    }
    let judged = |name: &str| {
        let mut questions: BTreeMap<String, Question> = BTreeMap::new();
        for line in read(name)?.lines().skip(1) {
            let mut fields = line.split('\t');
            let (Some(id), Some(document), Some(gain)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let question = questions.entry(id.to_owned()).or_insert_with(|| Question {
                id: id.to_owned(),
                text: asked.get(id).cloned().unwrap_or_default(),
                relevant: BTreeMap::new(),
            });
            question.relevant.insert(document.to_owned(), gain.trim().parse()?);
        }
        anyhow::Ok(questions.into_values().collect::<Vec<_>>())
    };
    Ok(Collection { name: "scifact", documents, train: judged("qrels/train.tsv")?, test: judged("qrels/test.tsv")? })
}
