//! Which passages an answer is from.
//!
//! A model that was told to do so writes a passage's number behind what it takes from it. Many do not, and the
//! built-in answerer quotes. So an answer without numbers is compared with what it was given, sentence by sentence.

use std::collections::HashSet;

use crate::analyze::Analyzer;
use crate::chunk::sentences;
use crate::language::Language;

/// Which part of a sentence's words a passage must hold for the sentence to be from it.
const SHARE: f32 = 0.75;
/// A sentence with fewer words that mean something is from everywhere and nowhere.
const WORDS: usize = 3;

/// Returns the places of the passages that an answer is from, in the order in which it uses them.
///
/// `[1]` in an answer names the first passage.
pub fn cited(answer: &str, passages: &[(&str, Language)]) -> Vec<usize> {
    let named = named(answer, passages.len());
    if !named.is_empty() {
        return named;
    }
    let mut analyzers: Vec<(Language, Analyzer)> = Vec::new();
    let mut terms = |text: &str, language: Language| -> HashSet<String> {
        let place = match analyzers.iter().position(|(known, _)| *known == language) {
            Some(place) => place,
            None => {
                analyzers.push((language, Analyzer::new(language)));
                analyzers.len() - 1
            }
        };
        analyzers[place].1.words(text).into_iter().map(|word| word.term).collect()
    };
    let held: Vec<HashSet<String>> = passages.iter().map(|(text, language)| terms(text, *language)).collect();
    let mut found = Vec::new();
    for (from, to) in sentences(answer) {
        let mut best: Option<(f32, usize)> = None;
        for (place, (_, language)) in passages.iter().enumerate() {
            let said = terms(&answer[from..to], *language);
            if said.len() < WORDS {
                continue;
            }
            let share = said.intersection(&held[place]).count() as f32 / said.len() as f32;
            if share >= SHARE && best.is_none_or(|(most, _)| share > most) {
                best = Some((share, place));
            }
        }
        if let Some((_, place)) = best
            && !found.contains(&place)
        {
            found.push(place);
        }
    }
    found
}

/// The passages that an answer names by number.
fn named(answer: &str, count: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for part in answer.split('[').skip(1) {
        let Some((inside, _)) = part.split_once(']') else { continue };
        // Some write [1, 2].
        for number in inside.split(',').filter_map(|number| number.trim().parse::<usize>().ok()) {
            if (1..=count).contains(&number) && !found.contains(&(number - 1)) {
                found.push(number - 1);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSAGES: [(&str, Language); 3] = [
        ("Returns are accepted within 30 days. Shipping back is free.", Language::English),
        ("The office in Tartu opens at nine in the morning.", Language::English),
        ("Gift cards never expire.", Language::English),
    ];

    #[test]
    fn numbers_in_an_answer_name_its_passages() {
        assert_eq!(cited("It opens at nine [2]. See also [3, 1] and [9].", &PASSAGES), [1, 2, 0]);
    }

    #[test]
    fn an_answer_that_quotes_is_from_what_it_quotes() {
        let answer = "Returns are accepted within 30 days. Is there anything else I can help you with?";
        assert_eq!(cited(answer, &PASSAGES), [0]);
    }

    #[test]
    fn other_forms_of_the_words_are_the_same_words() {
        assert_eq!(cited("We accept a return within 30 days.", &PASSAGES), [0]);
    }

    #[test]
    fn an_answer_about_something_else_is_from_nowhere() {
        assert_eq!(cited("I could not find anything about parking in the documents.", &PASSAGES), [0; 0]);
        assert_eq!(cited("Yes.", &PASSAGES), [0; 0]);
        assert_eq!(cited("", &[]), [0; 0]);
    }
}
