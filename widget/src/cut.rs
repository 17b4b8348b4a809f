//! Pieces of texts, without panics: each `text[a..b]` would bring the code that formats its error.

/// Returns the text from `from` to before `to`; nothing where that is no piece of it.
#[inline(never)]
pub(crate) fn cut(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// Returns the text from `from` on.
pub(crate) fn rest(text: &str, from: usize) -> &str {
    cut(text, from, text.len())
}

/// Returns a byte; 0 where there is none.
#[inline(never)]
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Returns how often the byte at `at` stands there in a row.
#[inline(never)]
pub(crate) fn run(bytes: &[u8], at: usize) -> usize {
    let first = byte(bytes, at);
    let mut end = at;
    while end < bytes.len() && byte(bytes, end) == first {
        end += 1;
    }
    end - at
}

/// Returns where a byte is found from `from` on.
#[inline(never)]
pub(crate) fn find(text: &str, wanted: u8, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    (from..bytes.len()).find(|&at| byte(bytes, at) == wanted)
}

/// Counts a byte.
#[inline(never)]
pub(crate) fn count(text: &str, wanted: u8) -> usize {
    text.bytes().filter(|&byte| byte == wanted).count()
}
