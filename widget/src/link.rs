//! Which links of an answer may be followed, and what a visitor sees of them.
//!
//! An answer is untrusted: it repeats what documents and tools say. Anything that is not plainly a
//! web, mail or telephone address stays text.

/// Returns the address if it may be linked.
pub fn allowed(address: &str) -> Option<&str> {
    let address = address.trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || matches!(c, '\\' | '<' | '>' | '"');
    if address.len() > 2048 || address.chars().any(odd) {
        return None;
    }
    if let Some(host) = host(address) {
        // `https://bank.example@evil.test` leads to evil.test.
        return (!host.is_empty() && !authority(address).contains('@')).then_some(address);
    }
    let rest = strip(address, "mailto:").or_else(|| strip(address, "tel:"))?;
    (!rest.is_empty()).then_some(address)
}

/// Returns the host of a web address, without its port.
pub fn host(address: &str) -> Option<&str> {
    strip(address, "https://").or_else(|| strip(address, "http://"))?;
    let authority = authority(address);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(host.split(':').next().unwrap_or(host))
}

/// Tells whether a link's text names another host than the one that it leads to.
pub fn misleads(text: &str, address: &str) -> bool {
    let real = host(address).unwrap_or_default();
    text.split_whitespace().filter_map(named_host).any(|named| !same_host(named, real))
}

/// Tells characters that turn text around or hide in it.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Returns how long the web address is that `text` begins with; 0 where it begins with none.
pub fn length(text: &str) -> usize {
    if host(text).is_none() {
        return 0;
    }
    let stops = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || matches!(c, '<' | '>' | '"' | '`' | '|' | '\\' | '*');
    let mut end = text.find(stops).unwrap_or(text.len());
    // What ends a sentence ends the address; a bracket does if it was opened outside.
    while let Some(last) = text[..end].chars().next_back() {
        let opened = |open: char, close: char| {
            text[..end].chars().filter(|&c| c == open).count() >= text[..end].chars().filter(|&c| c == close).count()
        };
        let outside = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '_' | '~' => true,
            ')' => !opened('(', ')'),
            ']' => !opened('[', ']'),
            _ => false,
        };
        if !outside {
            break;
        }
        end -= last.len_utf8();
    }
    if allowed(&text[..end]).is_some() { end } else { 0 }
}

fn authority(address: &str) -> &str {
    let rest = strip(address, "https://").or_else(|| strip(address, "http://")).unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns the host that a word looks like.
fn named_host(word: &str) -> Option<&str> {
    let is_address = host(word).is_some();
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let rest = strip(word, "https://").or_else(|| strip(word, "http://")).unwrap_or(word);
    let named = rest.split(['/', '?', '#', ':']).next()?;
    let (before, last) = named.rsplit_once('.')?;
    let is_domain = !before.is_empty()
        && last.chars().count() >= 2
        && last.chars().all(char::is_alphabetic)
        && named.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    (is_domain || is_address).then_some(named)
}

fn same_host(named: &str, real: &str) -> bool {
    let bare = |host: &str| strip(host, "www.").unwrap_or(host).to_lowercase();
    bare(named) == bare(real)
}

/// Removes a prefix whatever its case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_web_mail_and_telephone_addresses_are_linked() {
        for fine in ["https://shop.example/a?b=c#d", "HTTP://shop.example", "mailto:a@b.example", "tel:+123"] {
            assert!(allowed(fine).is_some(), "{fine}");
        }
        for bad in [
            "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
            "data:text/html,<b>", "vbscript:x", "file:///etc/passwd", "blob:https://a.example/1", "//evil.test",
            "/relative", "#a", "", "https://", "https://bank.example@evil.test/", "https://a.example\\@evil.test",
            "https://a.example/\u{202E}gpj.exe", "https:evil.test", "mailto:", "ht\ttps://a.example",
        ] {
            assert_eq!(allowed(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_text_that_names_another_host_misleads() {
        let evil = "https://evil.test/login";
        for text in ["https://bank.example", "bank.example", "go to www.bank.example/login now", "BANK.example"] {
            assert!(misleads(text, evil), "{text}");
        }
        for text in ["evil.test", "https://www.evil.test/other", "our page", "version 1.2", "Ask Dr. No"] {
            assert!(!misleads(text, evil), "{text}");
        }
    }

    #[test]
    fn an_address_in_a_sentence_ends_before_the_sentence_does() {
        for (text, expected) in [
            ("https://a.example/b. Next", "https://a.example/b"),
            ("https://a.example/b_(c)) end", "https://a.example/b_(c)"),
            ("https://a.example,", "https://a.example"),
            ("https://", ""),
            ("text", ""),
        ] {
            assert_eq!(&text[..length(text)], expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_allowed_has_one_of_four_schemes(text in "(?i)(java|vb)?(https?|script|data|mailto|tel)?:?/{0,3}\\PC{0,20}") {
            if let Some(address) = allowed(&text) {
                let lower = address.to_lowercase();
                prop_assert!(["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| lower.starts_with(scheme)));
                prop_assert!(!address.chars().any(|c| c.is_whitespace() || c.is_control()));
            }
            let end = length(&text);
            prop_assert!(text.is_char_boundary(end));
        }
    }
}
