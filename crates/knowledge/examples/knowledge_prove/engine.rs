//! This crate as one of the engines that are compared.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Context as _;
use knowledge::vector::Query;
use knowledge::{Analysis, Analyzer, Base, Entry, HybridOptions, Id, Language, LexicalOptions, Search, Vector};

use crate::collection::{Part, Question};

/// An embedding model.
#[derive(Clone, Copy)]
pub(crate) struct Model {
    /// As files are called.
    pub(crate) name: &'static str,
    pub(crate) dimensions: usize,
}

/// A table of a vector a token, and a small transformer.
pub(crate) const MODELS: [Model; 2] =
    [Model { name: "wordllama", dimensions: 256 }, Model { name: "minilm", dimensions: 384 }];

/// Vectors that a model made of the same texts.
pub(crate) struct Vectors {
    parts: Vec<Option<Vector>>,
    questions: HashMap<String, Query>,
}

impl Vectors {
    /// Reads them; questions are in the order in which they were written down.
    pub(crate) fn read<'a>(
        out: &Path,
        name: &str,
        model: Model,
        questions: impl Iterator<Item = &'a Question>,
    ) -> anyhow::Result<Self> {
        let rows = |kind: &str| -> anyhow::Result<Vec<Vec<f32>>> {
            let path = out.join(format!("{name}-{}-{kind}.vectors", model.name));
            let bytes = std::fs::read(path).context("there are no vectors")?;
            let (numbers, _) = bytes.as_chunks::<4>();
            let numbers: Vec<f32> = numbers.iter().map(|four| f32::from_le_bytes(*four)).collect();
            Ok(numbers.chunks(model.dimensions).map(<[f32]>::to_vec).collect())
        };
        let parts = rows("parts")?.iter().map(|numbers| Vector::new(numbers).ok()).collect();
        let asked = questions.zip(rows("questions")?);
        let questions =
            asked.filter_map(|(question, numbers)| Some((question.id.clone(), Query::new(&numbers).ok()?))).collect();
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
