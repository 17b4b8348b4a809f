//! The languages that the chat speaks to visitors; what the agent says is its owner's affair.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::HeaderMap;

/// Name and texts; the first one is spoken to everyone whose own is not here.
static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    [
        ("en", include_str!("../../../widget/strings/en.json")),
        ("ar", include_str!("../../../widget/strings/ar.json")),
        ("de", include_str!("../../../widget/strings/de.json")),
        ("es", include_str!("../../../widget/strings/es.json")),
        ("fr", include_str!("../../../widget/strings/fr.json")),
    ]
    .map(|(code, json)| Language { code, texts: serde_json::from_str(json).expect("a test reads every file") })
    .into()
});

/// A language.
#[derive(Debug)]
pub(super) struct Language {
    /// Its code for HTML.
    pub(super) code: &'static str,
    /// What we say in it, by name.
    pub(super) texts: BTreeMap<String, String>,
}

impl Language {
    /// Chooses the language of the page around, or else one that the visitor's browser asks for.
    pub(super) fn of(page: Option<&str>, headers: &HeaderMap) -> &'static Self {
        let asked = super::text(headers, "accept-language").unwrap_or_default();
        let mut wanted = page.into_iter().chain(asked.split(','));
        wanted.find_map(Self::named).unwrap_or(&LANGUAGES[0])
    }

    fn named(tag: &str) -> Option<&'static Self> {
        let primary = tag.split([';', '-', '_']).next()?.trim();
        LANGUAGES.iter().find(|language| language.code.eq_ignore_ascii_case(primary))
    }

    /// Returns a text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn every_language_says_the_same_things() {
        let names = |language: &Language| language.texts.keys().cloned().collect::<Vec<_>>();
        for language in LANGUAGES.iter() {
            assert_eq!(names(language), names(&LANGUAGES[0]), "{}", language.code);
            assert!(language.texts.values().all(|text| !text.trim().is_empty()), "{}", language.code);
            assert!(matches!(language.text("dir"), "ltr" | "rtl"));
        }
    }

    #[test]
    fn the_page_is_asked_before_the_browser() {
        let mut headers = HeaderMap::new();
        headers.insert("accept-language", HeaderValue::from_static("nl, fr-CH;q=0.9, en;q=0.8"));
        assert_eq!(Language::of(Some("de-AT"), &headers).code, "de");
        assert_eq!(Language::of(Some("xx"), &headers).code, "fr");
        assert_eq!(Language::of(Some(""), &HeaderMap::new()).code, "en");
    }
}
