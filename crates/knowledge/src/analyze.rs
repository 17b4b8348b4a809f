//! From a text to the terms that are compared: words without case, accents and endings.
//!
//! What a newcomer would get wrong: a passage and a question must be analysed alike, so a change here
//! changes what stored [`Analysis`] blobs mean. [`VERSION`] is written into each, and a blob of another
//! version is refused and made anew from the text.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};

use crate::language::Language;
use crate::stop;

/// Counts the ways of analysing that there have been.
pub const VERSION: u8 = 1;

/// The longest word that is kept; what is longer is cut, for no one types it.
const LONGEST: usize = 64;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What it is compared by.
    pub term: String,
    /// Whether it is a whole code, `e-4012`, that stands beside its parts.
    pub code: bool,
}

/// Cuts texts into terms of one language.
pub struct Analyzer {
    stemmer: Option<Stemmer>,
    stop: &'static [&'static str],
    known: HashMap<String, String>,
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyzer").field("stop", &self.stop.len()).finish_non_exhaustive()
    }
}

impl Analyzer {
    /// Makes one for a language.
    pub fn new(language: Language) -> Self {
        let algorithm = match language {
            Language::Danish => Some(Algorithm::Danish),
            Language::Dutch => Some(Algorithm::Dutch),
            Language::English => Some(Algorithm::English),
            Language::Finnish => Some(Algorithm::Finnish),
            Language::French => Some(Algorithm::French),
            Language::German => Some(Algorithm::German),
            Language::Italian => Some(Algorithm::Italian),
            Language::Norwegian => Some(Algorithm::Norwegian),
            Language::Portuguese => Some(Algorithm::Portuguese),
            Language::Russian => Some(Algorithm::Russian),
            Language::Spanish => Some(Algorithm::Spanish),
            Language::Swedish => Some(Algorithm::Swedish),
            Language::Other => None,
        };
        Self { stemmer: algorithm.map(Stemmer::create), stop: stop::words(language), known: HashMap::new() }
    }

    /// Returns the words of a text that mean something, in order.
    pub fn words(&mut self, text: &str) -> Vec<Word> {
        let mut found = Vec::new();
        for run in runs(text) {
            let piece = &text[run.start..run.end];
            if run.unspaced {
                bigrams(piece, run.start, &mut found);
            } else if let Some(term) = self.term(piece) {
                found.push(Word { start: run.start, end: run.end, term, code: false });
            }
        }
        for (start, end) in codes(text) {
            let term = fold(&text[start..end].to_lowercase());
            found.push(Word { start, end, term: cut(&term).to_owned(), code: true });
        }
        found.sort_by_key(|word| (word.start, word.code));
        found
    }

    /// The term of one word; nothing for a stop word.
    fn term(&mut self, word: &str) -> Option<String> {
        if let Some(term) = self.known.get(word) {
            return (!term.is_empty()).then(|| term.clone());
        }
        let lower = word.to_lowercase().replace('\u{ad}', "");
        let lower = cut(&lower);
        let term = if self.stop.binary_search(&lower).is_ok() {
            String::new()
        } else {
            fold(&self.stemmer.as_ref().map_or(lower.into(), |stemmer| stemmer.stem(lower)))
        };
        // The words of a language are few; the numbers of a spreadsheet are not.
        if self.known.len() >= 50_000 {
            self.known.clear();
        }
        self.known.insert(word.to_owned(), term.clone());
        (!term.is_empty()).then_some(term)
    }
}

/// What ranking needs to know of one passage: its terms in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Its distinct terms, in the order in which they first occur.
    pub terms: Vec<String>,
    /// Which of them stand in its text, one after the other.
    pub text: Vec<u32>,
    /// The same of what stands above the text: title and headings.
    pub context: Vec<u32>,
    /// Which of them are its whole codes; they count for no length.
    pub codes: Vec<u32>,
}

/// A stored analysis that is not one, or one of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored analysis is of another version or damaged")]
pub struct UnreadableAnalysis;

impl Analysis {
    /// Analyses a passage and what stands above it.
    pub fn of(analyzer: &mut Analyzer, context: &str, text: &str) -> Self {
        let mut analysis = Self::default();
        let mut places: HashMap<String, u32> = HashMap::new();
        for (source, is_text) in [(text, true), (context, false)] {
            for word in analyzer.words(source) {
                let next = u32::try_from(analysis.terms.len()).unwrap_or(u32::MAX);
                let place = *places.entry(word.term).or_insert_with_key(|term| {
                    analysis.terms.push(term.clone());
                    next
                });
                match (word.code, is_text) {
                    (true, _) => analysis.codes.push(place),
                    (false, true) => analysis.text.push(place),
                    (false, false) => analysis.context.push(place),
                }
            }
        }
        analysis
    }

    /// Writes it for the database: a few bytes a word.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        write_number(&mut bytes, self.terms.len());
        for term in &self.terms {
            write_number(&mut bytes, term.len());
            bytes.extend_from_slice(term.as_bytes());
        }
        for list in [&self.text, &self.context, &self.codes] {
            write_number(&mut bytes, list.len());
            for place in list {
                write_number(&mut bytes, *place as usize);
            }
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableAnalysis> {
        let (version, mut rest) = bytes.split_first().ok_or(UnreadableAnalysis)?;
        if *version != VERSION {
            return Err(UnreadableAnalysis);
        }
        let mut analysis = Self::default();
        for _ in 0..read_number(&mut rest)? {
            let length = read_number(&mut rest)?;
            let (term, after) = rest.split_at_checked(length).ok_or(UnreadableAnalysis)?;
            analysis.terms.push(std::str::from_utf8(term).map_err(|_| UnreadableAnalysis)?.to_owned());
            rest = after;
        }
        let most = analysis.terms.len();
        for list in [&mut analysis.text, &mut analysis.context, &mut analysis.codes] {
            for _ in 0..read_number(&mut rest)? {
                let place = read_number(&mut rest)?;
                let place = u32::try_from(place).ok().filter(|_| place < most).ok_or(UnreadableAnalysis)?;
                list.push(place);
            }
        }
        if rest.is_empty() { Ok(analysis) } else { Err(UnreadableAnalysis) }
    }
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn write_number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}

fn read_number(bytes: &mut &[u8]) -> Result<usize, UnreadableAnalysis> {
    let mut number = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first().ok_or(UnreadableAnalysis)?;
        *bytes = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(UnreadableAnalysis)
}

struct Run {
    start: usize,
    end: usize,
    unspaced: bool,
}

/// Runs of letters and digits; those of scripts without spaces stand apart.
fn runs(text: &str) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let mut open = false;
    for (at, c) in text.char_indices() {
        // A soft hyphen is invisible and stands inside words.
        if c == '\u{ad}' && open {
            continue;
        }
        if !(c.is_alphanumeric() || open && is_mark(c)) {
            open = false;
            continue;
        }
        let unspaced = is_unspaced(c);
        match found.last_mut() {
            Some(run) if open && run.unspaced == unspaced => run.end = at + c.len_utf8(),
            _ => found.push(Run { start: at, end: at + c.len_utf8(), unspaced }),
        }
        open = true;
    }
    found
}

/// Words of scripts without spaces are found by pairs of characters.
fn bigrams(piece: &str, offset: usize, found: &mut Vec<Word>) {
    let places: Vec<(usize, char)> = piece.char_indices().collect();
    let mut push = |from: usize, to: usize| {
        let term = piece[from..to].to_owned();
        found.push(Word { start: offset + from, end: offset + to, term, code: false });
    };
    if places.len() == 1 {
        push(0, piece.len());
    }
    for pair in places.windows(2) {
        push(pair[0].0, pair[1].0 + pair[1].1.len_utf8());
    }
}

/// Part numbers, addresses, versions: words that signs join and that hold a digit or an `@`.
fn codes(text: &str) -> Vec<(usize, usize)> {
    let joins = |c: char| matches!(c, '-' | '_' | '.' | '/' | '@' | '+' | '#' | ':');
    let mut found = Vec::new();
    for piece in text.split_inclusive(|c: char| !(c.is_alphanumeric() || joins(c))) {
        let start = piece.as_ptr() as usize - text.as_ptr() as usize;
        let core = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        let lead = core.len() - core.trim_start_matches(|c: char| !c.is_alphanumeric()).len();
        let core = &core[lead..];
        let joined = core.contains(joins);
        let telling = core.contains('@') || core.contains(char::is_numeric);
        if joined && telling && core.len() <= LONGEST {
            found.push((start + lead, start + lead + core.len()));
        }
    }
    found
}

/// Tells whether a character belongs to a script that writes without spaces.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}'     // Thai, Lao
        | '\u{1000}'..='\u{109f}'   // Burmese
        | '\u{1780}'..='\u{17ff}'   // Khmer
        | '\u{3040}'..='\u{30ff}'   // Hiragana, Katakana
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'   // Han
        | '\u{f900}'..='\u{faff}'
        | '\u{ac00}'..='\u{d7af}'   // Hangul, whose endings cling to words
        | '\u{20000}'..='\u{2fa1f}')
}

/// Combining accents.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Takes off accents and ligatures, so that `Muller` finds `Müller` and a PDF's `ﬁ` is `fi`.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_owned();
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => folded.push('c'),
            'ď' | 'đ' | 'ð' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => folded.push('e'),
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => folded.push('g'),
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => folded.push('i'),
            'ĺ' | 'ļ' | 'ľ' | 'ł' => folded.push('l'),
            'ñ' | 'ń' | 'ņ' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => folded.push('o'),
            'ŕ' | 'ř' => folded.push('r'),
            'ś' | 'ş' | 'š' | 'ș' => folded.push('s'),
            'ţ' | 'ť' | 'ț' => folded.push('t'),
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ﬀ' => folded.push_str("ff"),
            'ﬁ' => folded.push_str("fi"),
            'ﬂ' => folded.push_str("fl"),
            'ﬃ' => folded.push_str("ffi"),
            'ﬄ' => folded.push_str("ffl"),
            'ё' => folded.push('е'),
            '\u{ad}' => {}
            c if is_mark(c) => {}
            // Full-width letters and digits of East Asian texts.
            '\u{ff01}'..='\u{ff5e}' => {
                folded.extend(char::from_u32(c as u32 - 0xfee0).into_iter().flat_map(char::to_lowercase));
            }
            c => folded.push(c),
        }
    }
    folded
}

fn cut(word: &str) -> &str {
    let mut end = word.len().min(LONGEST);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    &word[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(language: Language, text: &str) -> Vec<String> {
        Analyzer::new(language).words(text).into_iter().map(|word| word.term).collect()
    }

    #[test]
    fn words_lose_case_accents_and_endings() {
        assert_eq!(terms(Language::English, "The Refunds are PROCESSED"), ["refund", "process"]);
        assert_eq!(terms(Language::German, "Die Rückzahlungen"), terms(Language::German, "Rückzahlung"));
        assert_eq!(terms(Language::Other, "Müller"), terms(Language::Other, "muller"));
        assert_eq!(terms(Language::Other, "of\u{ad}fice e\u{301}"), ["office", "e"]);
    }

    #[test]
    fn a_code_is_found_whole_and_by_its_parts() {
        assert_eq!(terms(Language::English, "See E-4012, now."), ["see", "e", "e-4012", "4012", "now"]);
        assert_eq!(terms(Language::English, "well-known"), ["well", "known"]);
        assert!(terms(Language::English, "write to <ann@example.com>.").contains(&"ann@example.com".to_owned()));
        assert!(terms(Language::English, "v1.2.3.").contains(&"v1.2.3".to_owned()));
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_pairs() {
        assert_eq!(terms(Language::Other, "東京都 x"), ["東京", "京都", "x"]);
        assert_eq!(terms(Language::Other, "猫"), ["猫"]);
    }

    #[test]
    fn a_blob_of_another_version_is_refused() {
        let mut bytes = Analysis::of(&mut Analyzer::new(Language::English), "a title", "some words").to_bytes();
        bytes[0] += 1;
        assert_eq!(Analysis::from_bytes(&bytes), Err(UnreadableAnalysis));
        assert_eq!(Analysis::from_bytes(&[]), Err(UnreadableAnalysis));
    }

    proptest! {
        #[test]
        fn words_lie_where_they_say(text in "\\PC{0,80}") {
            for word in Analyzer::new(Language::English).words(&text) {
                prop_assert!(word.start < word.end && text.get(word.start..word.end).is_some());
            }
        }

        #[test]
        fn an_analysis_is_read_as_it_was_written(context in "\\PC{0,30}", text in "\\PC{0,120}") {
            let analysis = Analysis::of(&mut Analyzer::new(Language::English), &context, &text);
            prop_assert_eq!(Analysis::from_bytes(&analysis.to_bytes()), Ok(analysis));
        }

        #[test]
        fn bytes_that_are_no_analysis_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let _ = Analysis::from_bytes(&bytes);
        }
    }
}
