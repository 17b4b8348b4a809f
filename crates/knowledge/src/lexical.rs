//! BM25 over the passages of one knowledge base, in memory.
//!
//! It lives in this process and not in the database, so that the same documents are ranked the same on
//! every database (PostgreSQL's own full text knows no rarity of words), and so that no word statistics
//! are ever shared between two bases. Built from stored [`Analysis`] blobs, it is made in a fraction of
//! the time that analysing the texts took.
//!
//! To BM25 it adds two things that were measured to help (`cargo xtask prove retrieval`): words of the
//! title and the headings count more than once, and words that stand side by side in the question raise
//! the passages in which they stand side by side too.

use std::collections::{BTreeSet, HashMap};

use crate::analyze::{Analysis, Analyzer};
use crate::language::Language;

/// How passages are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexicalOptions {
    /// How slowly repeating a word stops to matter.
    pub k1: f32,
    /// How much long passages are held back, from 0 to 1.
    pub b: f32,
    /// How often a word of the title or of a heading counts.
    pub context: f32,
    /// What two neighbours in the question are worth beside the rarer of them.
    pub neighbours: f32,
}

impl Default for LexicalOptions {
    /// Tuned on the training questions of SciFact and on every second one of Cranfield.
    fn default() -> Self {
        Self { k1: 1.5, b: 0.75, context: 2.0, neighbours: 0.35 }
    }
}

/// How many of the best passages are looked at for neighbours.
const LOOKED_AT: usize = 200;

/// An index of passages, which it calls by their place.
#[derive(Clone, Debug, Default)]
pub(crate) struct LexicalIndex {
    options: LexicalOptions,
    terms: HashMap<Box<str>, u32>,
    /// By term: the passages that hold it, and how often.
    postings: Vec<Vec<Posting>>,
    /// By passage: how long it is.
    lengths: Vec<f32>,
    total: f64,
    /// By passage: where its terms begin in `order`.
    starts: Vec<u32>,
    /// The terms of all passages one after the other, for neighbours.
    order: Vec<u32>,
    /// In how many passages of each language.
    languages: HashMap<Language, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Posting {
    passage: u32,
    /// How often, where a word of the context counts for more than one; in sixteenths.
    weight: u16,
}

/// Parts the context from the text, and a passage from the next.
const GAP: u32 = u32::MAX;

/// A question as the index sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LexicalQuery {
    words: Vec<QueryWord>,
    pairs: BTreeSet<(u32, u32)>,
    /// How much all of its words would weigh, those included that no passage holds.
    possible: f32,
}

#[derive(Clone, Debug)]
struct QueryWord {
    /// As it was typed.
    typed: String,
    /// The terms it may stand for: its stems in the languages of the base.
    terms: Vec<(u32, f32)>,
    /// How often it was typed.
    count: f32,
}

/// What one passage scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LexicalHit {
    /// The place of the passage.
    pub(crate) passage: usize,
    /// Its score; comparable only within one search.
    pub(crate) score: f32,
}

impl LexicalIndex {
    /// Makes an empty index.
    pub(crate) fn new(options: LexicalOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Adds a passage; its place is the number of those added before.
    pub(crate) fn add(&mut self, language: Language, analysis: &Analysis) {
        let passage = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let ids: Vec<u32> = analysis.terms.iter().map(|term| self.id(term)).collect();
        let mut weights = vec![0.0_f32; ids.len()];
        for (places, weight) in
            [(&analysis.text, 1.0), (&analysis.context, self.options.context), (&analysis.codes, 1.0)]
        {
            for place in places {
                weights[*place as usize] += weight;
            }
        }
        for (id, weight) in ids.iter().zip(weights) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
            let weight = (weight * 16.0).round().clamp(1.0, f32::from(u16::MAX)) as u16;
            self.postings[*id as usize].push(Posting { passage, weight });
        }
        let length = analysis.text.len() as f32 + self.options.context * analysis.context.len() as f32;
        self.lengths.push(length);
        self.total += f64::from(length);
        self.starts.push(u32::try_from(self.order.len()).unwrap_or(u32::MAX));
        self.order.extend(analysis.context.iter().map(|place| ids[*place as usize]));
        self.order.push(GAP);
        self.order.extend(analysis.text.iter().map(|place| ids[*place as usize]));
        *self.languages.entry(language).or_insert(0) += 1;
    }

    fn id(&mut self, term: &str) -> u32 {
        if let Some(id) = self.terms.get(term) {
            return *id;
        }
        let id = u32::try_from(self.postings.len()).unwrap_or(u32::MAX);
        self.terms.insert(term.into(), id);
        self.postings.push(Vec::new());
        id
    }

    /// Returns the languages its passages are written in.
    fn languages(&self) -> Vec<Language> {
        let mut found: Vec<Language> = self.languages.keys().copied().collect();
        found.sort_unstable();
        found
    }

    /// Reads a question in every language that the base holds.
    pub(crate) fn query(&self, text: &str) -> LexicalQuery {
        // By where a word stands: what it was and what it may stand for.
        let mut read: std::collections::BTreeMap<(usize, usize), Vec<String>> = std::collections::BTreeMap::new();
        for language in self.languages() {
            for word in Analyzer::new(language).words(text) {
                let terms = read.entry((word.start, word.end)).or_default();
                if !terms.contains(&word.term) {
                    terms.push(word.term);
                }
            }
        }
        let mut query = LexicalQuery::default();
        let mut before: Vec<u32> = Vec::new();
        for ((start, end), names) in read {
            let rarity = |id: &u32| self.rarity(self.postings[*id as usize].len());
            let known: Vec<u32> = names.iter().filter_map(|name| self.terms.get(name.as_str()).copied()).collect();
            // A word that no passage holds would have been a rare one.
            let weight = known.iter().map(rarity).reduce(f32::max).unwrap_or_else(|| self.rarity(0));
            query.possible += weight;
            for left in &before {
                for right in &known {
                    if left != right {
                        query.pairs.insert((*left.min(right), *left.max(right)));
                    }
                }
            }
            before.clone_from(&known);
            let terms: Vec<(u32, f32)> = known.iter().map(|id| (*id, rarity(id))).collect();
            if terms.is_empty() {
                continue;
            }
            match query.words.iter_mut().find(|word| word.terms == terms) {
                Some(word) => word.count += 1.0,
                None => query.words.push(QueryWord { typed: text[start..end].to_owned(), terms, count: 1.0 }),
            }
        }
        query
    }

    /// Returns every passage that holds a word of the question and that `allowed` lets pass, by its place.
    pub(crate) fn search(&self, query: &LexicalQuery, allowed: &dyn Fn(usize) -> bool) -> Vec<LexicalHit> {
        let mut scores = vec![0.0_f32; self.lengths.len()];
        for word in &query.words {
            for (term, rarity) in &word.terms {
                for posting in &self.postings[*term as usize] {
                    let passage = posting.passage as usize;
                    scores[passage] += word.count * rarity * self.saturated(passage, f32::from(posting.weight) / 16.0);
                }
            }
        }
        let mut hits: Vec<LexicalHit> = scores
            .into_iter()
            .enumerate()
            .filter(|(passage, score)| *score > 0.0 && allowed(*passage))
            .map(|(passage, score)| LexicalHit { passage, score })
            .collect();
        if !query.pairs.is_empty() && self.options.neighbours > 0.0 {
            self.raise_neighbours(query, &mut hits);
        }
        hits
    }

    fn raise_neighbours(&self, query: &LexicalQuery, hits: &mut [LexicalHit]) {
        let best = LOOKED_AT.min(hits.len());
        if best < hits.len() {
            hits.select_nth_unstable_by(best, by_score);
        }
        let mut counted: HashMap<(u32, u32), f32> = HashMap::new();
        for hit in &mut hits[..best] {
            counted.clear();
            let order = self.order_of(hit.passage);
            for (distance, worth) in [(1, 1.0), (2, 0.5)] {
                for (left, right) in order.iter().zip(&order[distance.min(order.len())..]) {
                    let pair = (*left.min(right), *left.max(right));
                    if query.pairs.contains(&pair) {
                        *counted.entry(pair).or_insert(0.0) += worth;
                    }
                }
            }
            // In the order of the question, so that sums are the same each time.
            for pair in &query.pairs {
                if let Some(count) = counted.get(pair) {
                    let rarity = |term: u32| self.rarity(self.postings[term as usize].len());
                    let rarer = rarity(pair.0).max(rarity(pair.1));
                    hit.score += self.options.neighbours * rarer * self.saturated(hit.passage, *count);
                }
            }
        }
    }

    /// Returns the words of the question that a passage holds, as they were typed, each with its share.
    pub(crate) fn matched(&self, query: &LexicalQuery, passage: usize) -> Vec<(String, f32)> {
        let mut found = Vec::new();
        for word in &query.words {
            let share: f32 = word
                .terms
                .iter()
                .map(|(term, rarity)| {
                    let postings = &self.postings[*term as usize];
                    let at = postings.binary_search_by_key(&passage, |posting| posting.passage as usize);
                    at.map_or(0.0, |at| rarity * self.saturated(passage, f32::from(postings[at].weight) / 16.0))
                })
                .sum();
            if share > 0.0 {
                found.push((word.typed.clone(), word.count * share));
            }
        }
        found
    }

    /// Returns how much of the question's weight the words of a passage cover, from 0 to 1.
    ///
    /// Low for every passage means that the base has no answer, whatever the scores are.
    pub(crate) fn coverage(&self, query: &LexicalQuery, passage: usize) -> f32 {
        let held: f32 = query
            .words
            .iter()
            .map(|word| {
                let held = word.terms.iter().filter(|(term, _)| {
                    let postings = &self.postings[*term as usize];
                    postings.binary_search_by_key(&passage, |posting| posting.passage as usize).is_ok()
                });
                word.count * held.map(|(_, rarity)| *rarity).reduce(f32::max).unwrap_or(0.0)
            })
            .sum();
        if query.possible > 0.0 { (held / query.possible).min(1.0) } else { 0.0 }
    }

    /// How much it tells that a passage holds a term that `count` passages hold.
    fn rarity(&self, count: usize) -> f32 {
        let (all, count) = (self.lengths.len() as f32, count as f32);
        (1.0 + (all - count + 0.5) / (count + 0.5)).ln()
    }

    fn saturated(&self, passage: usize, count: f32) -> f32 {
        let LexicalOptions { k1, b, .. } = self.options;
        #[expect(clippy::cast_possible_truncation, reason = "lengths of passages are small")]
        let average = (self.total / self.lengths.len().max(1) as f64).max(1.0) as f32;
        let norm = k1 * (1.0 - b + b * self.lengths[passage] / average);
        count * (k1 + 1.0) / (count + norm)
    }

    fn order_of(&self, passage: usize) -> &[u32] {
        let start = self.starts[passage] as usize;
        let end = self.starts.get(passage + 1).map_or(self.order.len(), |next| *next as usize);
        &self.order[start..end]
    }
}

/// The best first; of equals, the one that was added first.
pub(crate) fn by_score(a: &LexicalHit, b: &LexicalHit) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.passage.cmp(&b.passage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(texts: &[(&str, &str)]) -> LexicalIndex {
        let mut index = LexicalIndex::new(LexicalOptions::default());
        let mut analyzer = Analyzer::new(Language::English);
        for (context, text) in texts {
            index.add(Language::English, &Analysis::of(&mut analyzer, context, text));
        }
        index
    }

    fn ranked(index: &LexicalIndex, question: &str) -> Vec<usize> {
        let mut hits = index.search(&index.query(question), &|_| true);
        hits.sort_by(by_score);
        hits.into_iter().map(|hit| hit.passage).collect()
    }

    #[test]
    fn rare_words_decide() {
        let index = index(&[
            ("", "the order was shipped with the carrier"),
            ("", "the order was returned, the order was cancelled, the order is an order"),
            ("", "the carrier pigeon order"),
        ]);
        assert_eq!(ranked(&index, "pigeon order"), [2, 1, 0]);
    }

    #[test]
    fn words_that_stand_together_rise() {
        let index = index(&[
            ("", "boundary values of a stable layer next to other things"),
            ("", "stable values of a boundary layer next to other things"),
        ]);
        assert_eq!(ranked(&index, "boundary layer")[0], 1);
    }

    #[test]
    fn headings_count_more_than_text() {
        let index = index(&[("", "shipping costs five euro for all"), ("Shipping costs", "five euro for all")]);
        assert_eq!(ranked(&index, "shipping")[0], 1);
    }

    #[test]
    fn a_code_is_found_exactly() {
        let mut texts: Vec<(String, String)> = (0..50)
            .map(|n| (String::new(), format!("Error E-{} means that part 4012 of unit E failed.", 4000 + n)))
            .collect();
        texts.push((String::new(), "E and 4012 and E and 4012".to_owned()));
        let borrowed: Vec<(&str, &str)> = texts.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(ranked(&index(&borrowed), "what is E-4012?")[0], 12);
    }

    #[test]
    fn what_was_matched_is_told_as_it_was_typed() {
        let index = index(&[("", "refunds are paid in days")]);
        let query = index.query("When is the Refund PAID out");
        let matched: Vec<String> = index.matched(&query, 0).into_iter().map(|(word, _)| word).collect();
        assert_eq!(matched, ["Refund", "PAID"]);
        assert!((index.coverage(&query, 0) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn a_question_about_something_else_is_hardly_covered() {
        let texts: Vec<String> = (0..30).map(|n| format!("day {n} of the plan and the refund")).collect();
        let index = index(&texts.iter().map(|text| ("", text.as_str())).collect::<Vec<_>>());
        let query = index.query("which mushrooms grow on a rainy day in the forest");
        assert!(
            ranked(&index, "which mushrooms grow on a rainy day in the forest")
                .iter()
                .all(|hit| index.coverage(&query, *hit) < 0.2)
        );
        assert!(ranked(&index, "zebra").is_empty());
    }

    #[test]
    fn one_question_is_read_in_every_language_of_the_base() {
        let mut index = LexicalIndex::new(LexicalOptions::default());
        let add = |index: &mut LexicalIndex, language, text: &str| {
            index.add(language, &Analysis::of(&mut Analyzer::new(language), "", text));
        };
        add(&mut index, Language::English, "All payments are final.");
        add(&mut index, Language::German, "Alle Zahlungen sind endgültig.");
        assert_eq!(ranked(&index, "payment"), [0]);
        assert_eq!(ranked(&index, "Zahlung"), [1]);
    }

    proptest! {
        #[test]
        fn what_is_not_allowed_is_not_found(words in prop::collection::vec("[a-d]{2}", 1..40), seed in 0..3_usize) {
            let texts: Vec<String> = words.chunks(4).map(|words| words.join(" ")).collect();
            let index = index(&texts.iter().map(|text| ("", text.as_str())).collect::<Vec<_>>());
            let query = index.query(&words.join(" "));
            let hits = index.search(&query, &|passage| passage % 3 == seed);
            prop_assert!(hits.iter().all(|hit| hit.passage % 3 == seed && hit.score > 0.0));
        }

        #[test]
        fn a_search_gives_the_same_each_time(words in prop::collection::vec("[a-c]{2}", 1..60)) {
            let texts: Vec<String> = words.chunks(5).map(|words| words.join(" ")).collect();
            let texts: Vec<(&str, &str)> = texts.iter().map(|text| ("", text.as_str())).collect();
            let (one, two) = (index(&texts), index(&texts));
            let scores = |index: &LexicalIndex| {
                let mut hits = index.search(&index.query("aa bb cc ab"), &|_| true);
                hits.sort_by(by_score);
                hits.into_iter().map(|hit| (hit.passage, hit.score.to_bits())).collect::<Vec<_>>()
            };
            prop_assert_eq!(scores(&one), scores(&two));
        }
    }
}
