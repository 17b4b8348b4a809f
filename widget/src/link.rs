//! Which links of an answer may be followed, and what a visitor sees of them.
//!
//! An answer is untrusted: it repeats what documents and tools say. Anything that is not plainly a
//! web, mail or telephone address stays text.

use crate::cut::{byte, count, cut, find, rest};

/// Returns the address if it may be linked.
pub fn allowed(address: &str) -> Option<&str> {
    let address = address.trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || matches!(c, '\\' | '<' | '>' | '"');
    if address.len() > 2048 || address.chars().any(odd) {
        return None;
    }
    if let Some(host) = host(address) {
        // `https://bank.example@evil.test` leads to evil.test.
        return (!host.is_empty() && find(authority(address), b'@', 0).is_none()).then_some(address);
    }
    let person = strip(address, "mailto:").or_else(|| strip(address, "tel:"))?;
    (!person.is_empty()).then_some(address)
}

/// Returns the host of a web address, without its port.
pub fn host(address: &str) -> Option<&str> {
    strip_web(address)?;
    let mut host = authority(address);
    while let Some(at) = find(host, b'@', 0) {
        host = rest(host, at + 1);
    }
    Some(until(host, b":"))
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

/// Tells letters and digits; the tables of all scripts would cost kilobytes, so all else that is
/// not ASCII counts as one.
pub fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// Returns how long the web address is that `text` begins with; 0 where it begins with none.
pub fn length(text: &str) -> usize {
    if host(text).is_none() {
        return 0;
    }
    let stops = |c: char| {
        c.is_whitespace() || c.is_control() || is_invisible(c) || matches!(c, '<' | '>' | '"' | '`' | '|' | '\\' | '*')
    };
    let mut end = text.char_indices().find(|&(_, c)| stops(c)).map_or(text.len(), |(at, _)| at);
    // What ends a sentence ends the address; a bracket does if it was opened outside.
    while end > 0 {
        let address = cut(text, 0, end);
        let outside = match byte(text.as_bytes(), end - 1) {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'_' | b'~' => true,
            b')' => count(address, b')') > count(address, b'('),
            b']' => count(address, b']') > count(address, b'['),
            _ => false,
        };
        if !outside {
            break;
        }
        end -= 1;
    }
    if allowed(cut(text, 0, end)).is_some() { end } else { 0 }
}

fn authority(address: &str) -> &str {
    until(strip_web(address).unwrap_or_default(), b"/?#")
}

/// Returns the host that a word looks like.
fn named_host(word: &str) -> Option<&str> {
    let is_address = host(word).is_some();
    let word = word.trim_matches(|c: char| !is_letter(c));
    let named = until(strip_web(word).unwrap_or(word), b"/?#:");
    let dot = named.bytes().rposition(|byte| byte == b'.')?;
    let (before, last) = (cut(named, 0, dot), rest(named, dot + 1));
    let is_domain = !before.is_empty()
        && last.len() >= 2
        && last.chars().all(|c| is_letter(c) && !c.is_ascii_digit())
        && named.chars().all(|c| is_letter(c) || matches!(c, '.' | '-'));
    (is_domain || is_address).then_some(named)
}

fn same_host(named: &str, real: &str) -> bool {
    let bare = |host| strip(host, "www.").unwrap_or(host);
    bare(named).eq_ignore_ascii_case(bare(real))
}

/// Removes a prefix whatever its case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = cut(text, 0, prefix.len());
    (!head.is_empty() && head.eq_ignore_ascii_case(prefix)).then(|| rest(text, prefix.len()))
}

fn strip_web(text: &str) -> Option<&str> {
    strip(text, "https://").or_else(|| strip(text, "http://"))
}

/// Returns the text before the first of the marks.
fn until<'a>(text: &'a str, marks: &[u8]) -> &'a str {
    let end = text.bytes().position(|byte| marks.contains(&byte));
    cut(text, 0, end.unwrap_or(text.len()))
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
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<b>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://a.example/1",
            "//evil.test",
            "/relative",
            "#a",
            "",
            "https://",
            "https://bank.example@evil.test/",
            "https://a.example\\@evil.test",
            "https://a.example/\u{202E}gpj.exe",
            "https:evil.test",
            "mailto:",
            "ht\ttps://a.example",
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
