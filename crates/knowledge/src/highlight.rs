//! What of a passage is shown when it was found: the part that answers, with the asked words marked.

use std::collections::HashSet;
use std::ops::Range;

use crate::analyze::Analyzer;
use crate::language::Language;

/// A part of a passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The part.
    pub text: String,
    /// Where words of the question stand in it, in bytes, from first to last.
    pub marks: Vec<Range<usize>>,
    /// Whether the passage goes on before it.
    pub cut_before: bool,
    /// Whether the passage goes on after it.
    pub cut_after: bool,
}

/// Returns the part of a passage, of at most about `most` characters, that holds most words of a question.
pub fn snippet(passage: &str, question: &str, language: Language, most: usize) -> Snippet {
    let mut analyzer = Analyzer::new(language);
    let asked: HashSet<String> = analyzer.words(question).into_iter().map(|word| word.term).collect();
    let mut marks: Vec<(Range<usize>, String)> = Vec::new();
    for word in analyzer.words(passage) {
        let inside = marks.last().is_some_and(|(before, _)| word.start < before.end);
        if asked.contains(&word.term) {
            match marks.last_mut() {
                // A code and its parts are one mark.
                Some((before, _)) if inside => before.end = before.end.max(word.end),
                _ => marks.push((word.start..word.end, word.term)),
            }
        }
    }
    let (start, end) = window(passage, &marks, most.max(20));
    Snippet {
        text: passage[start..end].to_owned(),
        marks: marks
            .into_iter()
            .filter(|(mark, _)| mark.start >= start && mark.end <= end)
            .map(|(mark, _)| mark.start - start..mark.end - start)
            .collect(),
        cut_before: !passage[..start].trim().is_empty(),
        cut_after: !passage[end..].trim().is_empty(),
    }
}

/// The bounds of the part with most different words, moved to where words end.
fn window(passage: &str, marks: &[(Range<usize>, String)], most: usize) -> (usize, usize) {
    if passage.len() <= most {
        return (0, passage.len());
    }
    // How many different words, how tightly they stand, and where the first of them begins.
    let mut best = (0, usize::MAX, 0);
    for (first, (mark, _)) in marks.iter().enumerate() {
        // Room for some words before the first one that was asked for.
        let start = mark.start.saturating_sub(most / 5);
        let mut different = HashSet::new();
        let mut tight = 0;
        for (next, term) in marks[first..].iter().take_while(|(next, _)| next.end <= start + most) {
            if different.insert(term.as_str()) {
                tight = next.end - mark.start;
            }
        }
        if different.len() > best.0 || (different.len() == best.0 && tight < best.1) {
            best = (different.len(), tight, start);
        }
    }
    let start = word_start(passage, best.2.min(passage.len().saturating_sub(most)));
    let end = word_end(passage, (start + most).min(passage.len()));
    // A single word longer than the window has no end inside.
    (start, end.max(start))
}

fn word_start(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if at == 0 || text[..at].ends_with(char::is_whitespace) {
        return at;
    }
    // Backwards, so that no word is cut off that the window was to hold.
    text[..at]
        .rfind(char::is_whitespace)
        .filter(|blank| at - blank < 40)
        .map_or(at, |blank| blank + text[blank..].chars().next().map_or(1, char::len_utf8))
}

fn word_end(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if at == text.len() || text[at..].starts_with(char::is_whitespace) {
        return at;
    }
    text[at..].find(char::is_whitespace).filter(|more| *more < 40).map_or(at, |more| at + more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn asked_words_are_marked_in_every_form() {
        let found = snippet("A refund is paid; refunds take days.", "refunding days", Language::English, 200);
        let marked: Vec<&str> = found.marks.iter().map(|mark| &found.text[mark.clone()]).collect();
        assert_eq!(marked, ["refund", "refunds", "days"]);
        assert!(!found.cut_before && !found.cut_after);
    }

    #[test]
    fn the_part_with_most_asked_words_is_shown() {
        let passage =
            format!("{} the lift of a wing in supersonic flow {}", "wing ".repeat(50), "and more ".repeat(50));
        let found = snippet(&passage, "supersonic lift of wing", Language::English, 80);
        assert!(found.text.contains("lift of a wing in supersonic flow"), "{found:?}");
        assert!(found.cut_before && found.cut_after && found.text.len() <= 160);
    }

    #[test]
    fn a_code_is_marked_once() {
        let found = snippet("Error E-4012 means so.", "E-4012", Language::English, 100);
        assert_eq!(found.marks, vec![6..12]);
    }

    proptest! {
        #[test]
        fn marks_are_words_of_the_part(passage in "\\PC{0,300}", question in "\\PC{0,30}", most in 20..200_usize) {
            let found = snippet(&passage, &question, Language::English, most);
            prop_assert!(passage.contains(&found.text));
            let mut before = 0;
            for mark in found.marks {
                prop_assert!(mark.start >= before && found.text.get(mark.clone()).is_some_and(|word| !word.is_empty()));
                before = mark.end;
            }
        }
    }
}
