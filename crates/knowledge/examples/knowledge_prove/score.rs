//! The two measures, the same for every engine.

use crate::collection::Question;

/// Means over questions.
pub(crate) struct Scores {
    /// Normalized discounted cumulative gain of the first ten.
    pub(crate) ndcg: f64,
    /// The share of relevant documents among the first hundred.
    pub(crate) recall: f64,
}

impl Scores {
    pub(crate) fn of(questions: &[Question], rank: impl Fn(&Question) -> Vec<String>) -> Self {
        let (mut ndcg, mut recall) = (0.0, 0.0);
        for question in questions {
            let ranked = rank(question);
            let gain = |document: &String| question.relevant.get(document).copied().unwrap_or(0.0);
            let got = discounted(ranked.iter().take(10).map(gain));
            let mut ideal: Vec<f64> = question.relevant.values().copied().collect();
            ideal.sort_by(|a, b| b.total_cmp(a));
            let best = discounted(ideal.into_iter().take(10));
            let relevant = question.relevant.values().filter(|gain| **gain > 0.0).count();
            let found = ranked.iter().take(100).filter(|document| gain(document) > 0.0).count();
            if best > 0.0 {
                ndcg += got / best;
                recall += found as f64 / relevant as f64;
            }
        }
        let count = questions.len().max(1) as f64;
        Self { ndcg: ndcg / count, recall: recall / count }
    }
}

fn discounted(gains: impl Iterator<Item = f64>) -> f64 {
    gains.enumerate().map(|(place, gain)| gain / (place as f64 + 2.0).log2()).sum()
}
