//! Languages whose words we can bring to their stem, and how one is told from another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stop;

/// The language of a text, as far as retrieval cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are languages")]
pub enum Language {
    #[serde(rename = "da")]
    Danish,
    #[serde(rename = "nl")]
    Dutch,
    #[serde(rename = "en")]
    English,
    #[serde(rename = "fi")]
    Finnish,
    #[serde(rename = "fr")]
    French,
    #[serde(rename = "de")]
    German,
    #[serde(rename = "it")]
    Italian,
    #[serde(rename = "no")]
    Norwegian,
    #[serde(rename = "pt")]
    Portuguese,
    #[serde(rename = "ru")]
    Russian,
    #[serde(rename = "es")]
    Spanish,
    #[serde(rename = "sv")]
    Swedish,
    /// Any other: words are compared as they stand.
    #[default]
    #[serde(rename = "und")]
    Other,
}

impl Language {
    /// Every language that has stems and stop words.
    pub const KNOWN: [Self; 12] = [
        Self::Danish,
        Self::Dutch,
        Self::English,
        Self::Finnish,
        Self::French,
        Self::German,
        Self::Italian,
        Self::Norwegian,
        Self::Portuguese,
        Self::Russian,
        Self::Spanish,
        Self::Swedish,
    ];

    /// Returns its ISO 639-1 code; `und` for what is not known.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Danish => "da",
            Self::Dutch => "nl",
            Self::English => "en",
            Self::Finnish => "fi",
            Self::French => "fr",
            Self::German => "de",
            Self::Italian => "it",
            Self::Norwegian => "no",
            Self::Portuguese => "pt",
            Self::Russian => "ru",
            Self::Spanish => "es",
            Self::Swedish => "sv",
            Self::Other => "und",
        }
    }

    /// Returns the language of a code; `en-GB` counts as `en`.
    pub fn from_code(code: &str) -> Self {
        let primary = code.split(['-', '_']).next().unwrap_or_default().to_lowercase();
        Self::KNOWN.into_iter().find(|language| language.code() == primary).unwrap_or(Self::Other)
    }

    /// Tells what a text is written in, by the small words that every sentence of a language has.
    ///
    /// Texts of a few words are often undecidable and then [`Language::Other`].
    pub fn detect(text: &str) -> Self {
        let mut words = 0_usize;
        let mut hits = [0_usize; Self::KNOWN.len()];
        for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).take(2000) {
            words += 1;
            let word = word.to_lowercase();
            for (hit, language) in hits.iter_mut().zip(Self::KNOWN) {
                *hit += usize::from(stop::words(language).binary_search(&word.as_str()).is_ok());
            }
        }
        let best = hits.iter().copied().max().unwrap_or(0);
        let mut first = Self::KNOWN.into_iter().zip(hits).filter(|(_, hit)| *hit == best).map(|(language, _)| language);
        // One small word of ten is less than any language's sentences have.
        match (first.next(), first.next()) {
            (Some(language), None) if best >= 2 && best * 10 >= words => language,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_told_apart_by_their_small_words() {
        for (code, text) in [
            ("en", "The plan of the house is on the table, and it has not been changed."),
            ("de", "Der Plan des Hauses liegt auf dem Tisch und ist nicht geändert worden."),
            ("fr", "Le plan de la maison est sur la table et il n'a pas été changé."),
            ("es", "El plano de la casa está en la mesa y no se ha cambiado para nada."),
            ("it", "Il piano della casa è sul tavolo e non è stato cambiato per niente."),
            ("pt", "O plano da casa não está na mesa e foi mudado para o outro lado."),
            ("nl", "Het plan van het huis ligt op de tafel en het is niet veranderd."),
            ("sv", "Planen för huset ligger på bordet och den har inte ändrats."),
            ("ru", "План дома лежит на столе, и он не был изменён, как это было раньше."),
            ("fi", "Talon suunnitelma on pöydällä ja se ei ole muuttunut, mutta se voi vielä."),
        ] {
            assert_eq!(Language::detect(text).code(), code, "{text}");
        }
    }

    #[test]
    fn what_has_no_sentences_has_no_language() {
        assert_eq!(Language::detect("E-4012 30 kg"), Language::Other);
        assert_eq!(Language::detect("知識ベース"), Language::Other);
        assert_eq!(Language::detect(""), Language::Other);
    }

    #[test]
    fn a_code_names_its_language_with_or_without_a_region() {
        assert_eq!(Language::from_code("de-AT"), Language::German);
        assert_eq!(Language::from_code("tlh"), Language::Other);
        for language in Language::KNOWN {
            assert_eq!(Language::from_code(language.code()), language);
        }
    }
}
