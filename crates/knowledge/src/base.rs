//! One knowledge base: its passages, ranked by words and by meaning together.
//!
//! A base is built from what the database holds and does not change; a new one takes its place when a
//! document comes or goes. It holds no text, only what ranking needs and the identifiers to fetch the
//! text by, so that it is small and a deleted passage cannot be read out of it.
//!
//! What a newcomer would get wrong: scores of the two rankings are of different kinds. Words are scaled
//! by the best score, cosines from the worst to the best; then they are mixed, and an embedding model
//! that is weak cannot push down what the words found, as mixing ranks in equal parts would.

use std::collections::HashMap;

use crate::analyze::Analysis;
use crate::language::Language;
use crate::lexical::{LexicalIndex, LexicalOptions};
use crate::vector::{Query, Vector};

/// Identifies a passage or a document; whoever keeps them chooses it.
pub type Id = u128;

/// A passage as it is added to a base.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The passage.
    pub passage: Id,
    /// The document it is of.
    pub document: Id,
    /// What it is written in.
    pub language: Language,
    /// Its words.
    pub analysis: &'a Analysis,
    /// Its meaning, where a model has been asked.
    pub vector: Option<Vector>,
}

/// How the two rankings are mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HybridOptions {
    /// What meaning counts, from 0 (words alone) to 1 (meaning alone).
    pub meaning: f32,
}

impl Default for HybridOptions {
    fn default() -> Self {
        Self { meaning: 0.35 }
    }
}

/// The passages of one knowledge base.
#[derive(Clone, Debug, Default)]
pub struct Base {
    lexical: LexicalIndex,
    passages: Vec<Placed>,
    hybrid: HybridOptions,
}

#[derive(Clone, Debug)]
struct Placed {
    passage: Id,
    document: Id,
    language: Language,
    vector: Option<Vector>,
}

/// What is asked of a base.
#[derive(Clone, Debug, Default)]
pub struct Search<'a> {
    /// The question in words.
    pub text: &'a str,
    /// Its meaning, by the model that made the base's vectors.
    pub vector: Option<&'a Query>,
    /// How many passages are wanted.
    pub most: usize,
    /// The documents to look in; every one if there are none.
    pub documents: &'a [Id],
    /// The language to look in.
    pub language: Option<Language>,
}

/// A passage that was found, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The passage.
    pub passage: Id,
    /// The document it is of.
    pub document: Id,
    /// By what it was ranked; comparable only within one search.
    pub score: f32,
    /// What its words scored.
    pub words_score: f32,
    /// The cosine between its meaning and the question's.
    pub cosine: Option<f32>,
    /// The words of the question that it holds, as they were typed, with what each was worth.
    pub matched: Vec<(String, f32)>,
    /// How much of the question's words it covers, rare ones counting most, from 0 to 1.
    pub coverage: f32,
}

impl Base {
    /// Makes an empty base.
    pub fn new(lexical: LexicalOptions, hybrid: HybridOptions) -> Self {
        Self { lexical: LexicalIndex::new(lexical), passages: Vec::new(), hybrid }
    }

    /// Builds a base of passages; equal scores keep their order.
    pub fn of<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Self {
        let mut base = Self::default();
        for entry in entries {
            base.add(entry);
        }
        base
    }

    /// Adds a passage.
    pub fn add(&mut self, entry: Entry<'_>) {
        let Entry { passage, document, language, analysis, vector } = entry;
        self.lexical.add(language, analysis);
        self.passages.push(Placed { passage, document, language, vector });
    }

    /// Returns how many passages it has.
    pub fn len(&self) -> usize {
        self.passages.len()
    }

    /// Tells whether it has none.
    pub fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    /// Finds passages, the best first.
    pub fn search(&self, search: &Search<'_>) -> Vec<Hit> {
        let allowed = |place: usize| {
            let placed = &self.passages[place];
            (search.documents.is_empty() || search.documents.contains(&placed.document))
                && search.language.is_none_or(|language| placed.language == language)
        };
        let query = self.lexical.query(search.text);
        // By place: what the words scored, and the cosine.
        let mut found: HashMap<usize, (f32, Option<f32>)> = HashMap::new();
        for hit in self.lexical.search(&query, &allowed) {
            found.insert(hit.passage, (hit.score, None));
        }
        if let Some(vector) = search.vector.filter(|_| self.hybrid.meaning > 0.0) {
            for (place, placed) in self.passages.iter().enumerate().filter(|(place, _)| allowed(*place)) {
                if let Some(cosine) = placed.vector.as_ref().and_then(|own| own.cosine(vector)) {
                    found.entry(place).or_insert((0.0, None)).1 = Some(cosine);
                }
            }
        }
        let mut scored = self.mixed(found);
        let order = |a: &(usize, f32, f32, Option<f32>), b: &(usize, f32, f32, Option<f32>)| {
            b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
        };
        if search.most < scored.len() {
            scored.select_nth_unstable_by(search.most, order);
            scored.truncate(search.most);
        }
        scored.sort_by(order);
        scored
            .into_iter()
            .map(|(place, score, words_score, cosine)| Hit {
                passage: self.passages[place].passage,
                document: self.passages[place].document,
                score,
                words_score,
                cosine,
                matched: self.lexical.matched(&query, place),
                coverage: self.lexical.coverage(&query, place),
            })
            .collect()
    }

    /// One score for each: the place, the score, what the words scored, and the cosine.
    fn mixed(&self, found: HashMap<usize, (f32, Option<f32>)>) -> Vec<(usize, f32, f32, Option<f32>)> {
        let best = found.values().map(|(words, _)| *words).fold(0.0_f32, f32::max);
        let cosines = || found.values().filter_map(|(_, cosine)| *cosine);
        let (low, high) = cosines().fold((f32::MAX, f32::MIN), |(low, high), one| (low.min(one), high.max(one)));
        let meaning = if low > high { 0.0 } else { self.hybrid.meaning };
        found
            .into_iter()
            .map(|(place, (words, cosine))| {
                let by_words = if best > 0.0 { words / best } else { 0.0 };
                let by_meaning = cosine.map_or(0.0, |own| if high > low { (own - low) / (high - low) } else { 1.0 });
                (place, (1.0 - meaning) * by_words + meaning * by_meaning, words, cosine)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::Analyzer;
    use proptest::prelude::*;

    fn base(texts: &[&str], vectors: &[Option<[f32; 2]>]) -> Base {
        let mut analyzer = Analyzer::new(Language::English);
        let mut base = Base::default();
        for (place, text) in texts.iter().enumerate() {
            let analysis = Analysis::of(&mut analyzer, "", text);
            let vector = vectors.get(place).copied().flatten().map(|numbers| Vector::new(&numbers).unwrap());
            let id = place as Id;
            base.add(Entry { passage: id, document: id / 2, language: Language::English, analysis: &analysis, vector });
        }
        base
    }

    fn ids(hits: &[Hit]) -> Vec<Id> {
        hits.iter().map(|hit| hit.passage).collect()
    }

    const TEXTS: [&str; 4] =
        ["money comes back in ten days", "a refund takes ten days", "the shop opens at nine", "parking is free"];

    #[test]
    fn meaning_finds_what_shares_no_word_and_words_find_what_has_no_vector() {
        let base = base(&TEXTS, &[Some([1.0, 0.1]), None, Some([0.0, 1.0]), Some([-1.0, 0.2])]);
        let vector = Query::new(&[1.0, 0.0]).unwrap();
        let search = Search { text: "refund", vector: Some(&vector), most: 2, ..Search::default() };
        assert_eq!(ids(&base.search(&search)), [1, 0]);
    }

    #[test]
    fn without_a_vector_words_alone_decide() {
        let base = base(&TEXTS, &[Some([1.0, 0.0]); 4]);
        let hits = base.search(&Search { text: "refund in days", most: 9, ..Search::default() });
        assert_eq!(ids(&hits), [1, 0]);
        assert_eq!(hits[0].cosine, None);
        assert!((hits[0].score - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn a_vector_of_another_model_is_passed_over() {
        let base = base(&TEXTS, &[Some([1.0, 0.0]); 4]);
        let other = Query::new(&[1.0, 0.0, 0.0]).unwrap();
        let search = Search { text: "refund", vector: Some(&other), most: 9, ..Search::default() };
        assert_eq!(ids(&base.search(&search)), [1]);
    }

    #[test]
    fn documents_that_were_not_asked_for_are_not_searched() {
        let base = base(&TEXTS, &[Some([1.0, 0.0]); 4]);
        let vector = Query::new(&[1.0, 0.0]).unwrap();
        let search = Search {
            text: "refund ten days nine",
            vector: Some(&vector),
            most: 9,
            documents: &[1],
            ..Search::default()
        };
        assert_eq!(ids(&base.search(&search)), [2, 3]);
    }

    proptest! {
        #[test]
        fn more_are_the_same_and_then_more(
            numbers in prop::collection::vec((-1.0_f32..1.0, 0.1_f32..1.0), 4), few in 0..4_usize,
        ) {
            let vectors: Vec<_> = numbers.iter().map(|(x, y)| Some([*x, *y])).collect();
            let base = base(&TEXTS, &vectors);
            let vector = Query::new(&[0.3, 0.9]).unwrap();
            let search = |most| base.search(&Search { text: "ten days nine", vector: Some(&vector), most, ..Search::default() });
            let (all, some) = (search(9), search(few));
            prop_assert_eq!(&all[..some.len()], &some[..]);
            prop_assert!(all.iter().all(|hit| (0.0..=1.000_01).contains(&hit.score)));
        }
    }
}
