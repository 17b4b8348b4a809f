//! Finds offerings by words, and forgives one wrong letter.
//!
//! The catalog is small enough to be ranked in the process, so both databases rank alike.

use domain::view::catalog::OfferingCard;

/// Words that say nothing about what is looked for, unless there are no others.
const FILLERS: [&str; 14] = ["a", "an", "and", "for", "in", "is", "it", "me", "my", "of", "on", "that", "the", "to"];

/// More words than this are not looked at.
const WORDS: usize = 12;

/// What a visitor typed.
pub(super) struct Search {
    words: Vec<String>,
}

impl Search {
    /// Reads what was typed.
    pub(super) fn new(text: &str) -> Self {
        let all: Vec<String> = words(text).take(WORDS).collect();
        let telling: Vec<String> = all.iter().filter(|word| !FILLERS.contains(&word.as_str())).cloned().collect();
        Self { words: if telling.is_empty() { all } else { telling } }
    }

    /// Says how well an offering matches; nothing where a word is not found at all.
    pub(super) fn score(&self, card: &OfferingCard, search_text: &str) -> Option<i64> {
        if self.words.is_empty() {
            return Some(0);
        }
        let fields: [(i64, Vec<String>); 5] = [
            (100, words(&card.name).collect()),
            (60, card.tags.iter().flat_map(|tag| words(tag).collect::<Vec<_>>()).collect()),
            (40, words(&card.tagline).collect()),
            (40, words(&card.provider_name).collect()),
            (30, words(&card.category_title).collect()),
        ];
        let text: Vec<String> = words(search_text).collect();
        self.words.iter().try_fold(0, |sum, word| {
            let best = fields
                .iter()
                .flat_map(|(weight, field)| field.iter().map(move |found| weight * likeness(word, found) / 10))
                .max()
                .unwrap_or_default();
            // The long text is searched as written: a forgiven letter would find too much in it.
            let in_text = if text.iter().any(|found| found.starts_with(word.as_str())) { 10 } else { 0 };
            let best = best.max(in_text);
            (best > 0).then_some(sum + best)
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Says how alike two words are: 10 the same, 8 the beginning, 5 one letter off, 0 not.
fn likeness(sought: &str, found: &str) -> i64 {
    if sought == found {
        10
    } else if sought.chars().count() >= 2 && found.starts_with(sought) {
        8
    } else if one_edit_apart(sought, found) {
        5
    } else {
        0
    }
}

/// Tells whether one letter is missing, added, wrong, or swapped with its neighbour, in words of four letters and more.
fn one_edit_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    if short.len() < 4 || long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same..], &long[same..]);
    if short.len() < long.len() {
        return short == &long[1..];
    }
    match (short, long) {
        ([], []) => true,
        ([_, rest @ ..], [_, other @ ..]) if rest == other => true,
        ([a, b, rest @ ..], [c, d, other @ ..]) => a == d && b == c && rest == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_letter_is_forgiven_and_two_are_not() {
        for typo in ["custmer", "customerr", "cuztomer", "cutsomer", "customer"] {
            assert!(one_edit_apart(typo, "customer"), "{typo}");
        }
        for other in ["cstmer", "costumer", "custom", "cuts"] {
            assert!(!one_edit_apart(other, "customer"), "{other}");
        }
        assert!(!one_edit_apart("cat", "car"), "short words are too alike to forgive");
    }

    #[test]
    fn fillers_do_not_count_unless_they_are_all_there_is() {
        assert_eq!(Search::new("an agent for Slack!").words, ["agent", "slack"]);
        assert_eq!(Search::new("the").words, ["the"]);
        assert!(Search::new(" ,. ").words.is_empty());
    }
}
