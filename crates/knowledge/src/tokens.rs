//! How long a text is for a language model.
//!
//! Every model counts with a vocabulary of its own, and none of them is at hand here. This estimate
//! follows what byte-pair vocabularies have in common: a common word is one token, a long one two or
//! three, digits go by threes, a Chinese or Japanese character is about one. It leans to the high side,
//! so that a chunk of 400 fits where 400 are allowed.

/// Letters of the Latin alphabet that one token holds on average, in words longer than a token.
const LATIN: usize = 6;
/// The same for other alphabets, which vocabularies know less well.
const OTHER: usize = 3;

/// Estimates how many tokens a text is.
pub fn count(text: &str) -> usize {
    let mut total = 0;
    let mut run = 0;
    let mut kind = Kind::Space;
    for c in text.chars() {
        let next = Kind::of(c);
        if next != kind || matches!(next, Kind::Ideograph) {
            total += kind.tokens(run);
            run = 0;
            kind = next;
        }
        run += 1;
    }
    total + kind.tokens(run)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Latin,
    Letters,
    Ideograph,
    Digits,
    Sign,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            _ if c.is_whitespace() => Self::Space,
            _ if c.is_ascii_digit() => Self::Digits,
            _ if crate::analyze::is_unspaced(c) => Self::Ideograph,
            '\0'..='\u{24f}' if c.is_alphabetic() => Self::Latin,
            _ if c.is_alphanumeric() => Self::Letters,
            _ => Self::Sign,
        }
    }

    fn tokens(self, run: usize) -> usize {
        match self {
            Self::Space => 0,
            Self::Latin => run.div_ceil(LATIN),
            Self::Letters | Self::Digits => run.div_ceil(OTHER),
            // Rules of dashes and dots are long tokens.
            Self::Sign => run.div_ceil(4),
            Self::Ideograph => run,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_digits_and_ideographs_are_counted_by_their_kind() {
        assert_eq!(count(""), 0);
        assert_eq!(count("the wing of an aircraft"), 6);
        assert_eq!(count("2026-11-21"), 2 + 1 + 1 + 1 + 1);
        assert_eq!(count("知識の"), 3);
    }

    proptest! {
        #[test]
        fn two_texts_are_as_long_as_both(a in "\\PC{0,60}", b in "\\PC{0,60}") {
            prop_assert_eq!(count(&format!("{a} {b}")), count(&a) + count(&b));
        }
    }
}
