//! This crate as one of the engines that are compared.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Context as _;
use knowledge::vector::Query;
use knowledge::{Analysis, Analyzer, Base, Entry, HybridOptions, Id, Language, LexicalOptions, Search, Vector};

use crate::collection::{Part, Question};

/// Vectors that a static model made of the same texts, one line of JSON each.
pub(crate) struct Vectors {
    parts: Vec<Option<Vector>>,
    questions: HashMap<String, Query>,
}

impl Vectors {
    pub(crate) fn read(out: &Path, name: &str) -> anyhow::Result<Self> {
        let file = |kind: &str| {
            let path = out.join(format!("{name}-{kind}.vectors"));
            std::fs::read_to_string(path).context("there are no vectors")
        };
        let mut parts = Vec::new();
        for line in file("parts")?.lines() {
            let numbers: Vec<f32> = serde_json::from_str(line)?;
            parts.push(Vector::new(&numbers).ok());
        }
        let mut questions = HashMap::new();
        for line in file("questions")?.lines() {
            let (id, numbers): (String, Vec<f32>) = serde_json::from_str(line)?;
            if let Ok(query) = Query::new(&numbers) {
                questions.insert(id, query);
            }
        }
        Ok(Self { parts, questions })
    }

    pub(crate) fn question(&self, id: &str) -> Option<&Query> {
        self.questions.get(id)
    }
}

/// A base of one collection.
pub(crate) struct Ranker<'a> {
    base: Base,
    parts: &'a [Part],
}

impl<'a> Ranker<'a> {
    pub(crate) fn new(
        parts: &'a [Part],
        words: LexicalOptions,
        mixed: HybridOptions,
        vectors: Option<&Vectors>,
    ) -> Self {
        let mut base = Base::new(words, mixed);
        let mut analyzer = Analyzer::new(Language::English);
        for (place, part) in parts.iter().enumerate() {
            let analysis = Analysis::of(&mut analyzer, &part.title, &part.text);
            let vector = vectors.and_then(|vectors| vectors.parts.get(place).cloned().flatten());
            let passage = place as Id;
            base.add(Entry { passage, document: passage, language: Language::English, analysis: &analysis, vector });
        }
        Self { base, parts }
    }

    /// Returns documents in the order of their best passages.
    pub(crate) fn rank(&self, question: &Question, vector: Option<&Query>) -> Vec<String> {
        let hits = self.base.search(&Search { text: &question.text, vector, most: 800, ..Search::default() });
        let mut seen = HashSet::new();
        hits.into_iter()
            .filter_map(|hit| usize::try_from(hit.passage).ok().and_then(|place| self.parts.get(place)))
            .filter(|part| seen.insert(part.document.as_str()))
            .take(100)
            .map(|part| part.document.clone())
            .collect()
    }
}
