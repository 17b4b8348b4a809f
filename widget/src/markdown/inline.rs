//! What stands inside a line: stress, code, links.

use crate::cut::{byte, cut, find, rest, run};
use crate::link;

use super::{Sink, Tag};

/// How deeply things nest; deeper ones are shown as text.
pub(super) const MOST_DEPTH: u8 = 8;

/// How long the text of a link may be, in bytes.
const LONGEST_LABEL: usize = 1000;

/// Builds the tree of a line or a paragraph.
pub(super) fn inline(text: &str, out: &mut dyn Sink, in_link: bool, depth: u8) {
    if depth > MOST_DEPTH {
        return say(text, out);
    }
    let bytes = text.as_bytes();
    // Where the text begins that is not handed over yet.
    let mut plain = 0;
    let mut at = 0;
    let mut hopeless = Hopeless::default();
    while at < bytes.len() {
        let mark = byte(bytes, at);
        let next = byte(bytes, at + 1);
        let run = run(bytes, at);
        // How far what is found here goes; 0 where nothing is.
        let end = match mark {
            b'\\' if next.is_ascii_punctuation() => {
                say(cut(text, plain, at), out);
                plain = at + 1;
                at += 2;
                continue;
            }
            b'\n' => {
                say(cut(text, plain, at).trim_end_matches([' ', '\\', '\r']), out);
                out.open(Tag::Break, "");
                out.close();
                at += 1;
                plain = at;
                continue;
            }
            b'`' => {
                if let Some(close) = closing_ticks(bytes, at + run, run) {
                    say(cut(text, plain, at), out);
                    out.open(Tag::Code, "");
                    let code = cut(text, at + run, close);
                    let padded = code.len() > 2 && code.starts_with(' ') && code.ends_with(' ');
                    say(if padded { cut(code, 1, code.len() - 1) } else { code }, out);
                    out.close();
                    close + run
                } else {
                    at += run;
                    continue;
                }
            }
            b'*' | b'_' | b'~' => {
                if let Some(close) = stress(text, at, run, &mut hopeless) {
                    say(cut(text, plain, at), out);
                    let (first, second) = match (mark, run) {
                        (b'~', _) => (Tag::Del, None),
                        (_, 1) => (Tag::Em, None),
                        (_, 2) => (Tag::Strong, None),
                        _ => (Tag::Strong, Some(Tag::Em)),
                    };
                    out.open(first, "");
                    if let Some(second) = second {
                        out.open(second, "");
                    }
                    inline(cut(text, at + run, close), out, in_link, depth + 1);
                    if second.is_some() {
                        out.close();
                    }
                    out.close();
                    close + run
                } else {
                    at += run;
                    continue;
                }
            }
            b'[' | b'!' if !in_link && (mark == b'[' || next == b'[') => {
                let bracket = if mark == b'[' { at } else { at + 1 };
                match link_at(text, bracket) {
                    Some((label, address, end)) => {
                        say(cut(text, plain, at), out);
                        write_link(label, address, out, depth);
                        end
                    }
                    None => 0,
                }
            }
            b'<' if !in_link => angle(text, at, &mut plain, out),
            b'h' | b'H' if !in_link && (at == 0 || !byte(bytes, at - 1).is_ascii_alphanumeric()) => {
                let length = link::length(rest(text, at));
                if length > 0 {
                    say(cut(text, plain, at), out);
                    write_address(cut(text, at, at + length), out);
                    at + length
                } else {
                    0
                }
            }
            _ => 0,
        };
        if end > 0 {
            at = end;
            plain = end;
        } else {
            at += 1;
        }
    }
    say(rest(text, plain), out);
}

/// Adds text without the characters that turn it around or hide in it.
fn say(text: &str, out: &mut dyn Sink) {
    if text.contains(link::is_invisible) {
        let shown: String = text.chars().filter(|&c| !link::is_invisible(c)).collect();
        out.text(&shown);
    } else if !text.is_empty() {
        out.text(text);
    }
}

fn write_address(address: &str, out: &mut dyn Sink) {
    out.open(Tag::Link, address);
    say(address, out);
    out.close();
}

fn write_link(label: &str, address: &str, out: &mut dyn Sink, depth: u8) {
    let mut shown = Shown::default();
    inline(label, &mut shown, true, depth + 1);
    if shown.0.trim().is_empty() {
        return write_address(address, out);
    }
    out.open(Tag::Link, address);
    inline(label, out, true, depth + 1);
    out.close();
    if link::misleads(&shown.0, address) {
        out.text(" (");
        say(link::host(address).unwrap_or(address), out);
        out.text(")");
    }
}

/// What a visitor reads of a tree.
#[derive(Default)]
pub(super) struct Shown(pub(super) String);

impl Sink for Shown {
    fn open(&mut self, tag: Tag, _: &str) {
        // Blocks stand apart; what stands inside a line does not.
        if !matches!(tag, Tag::Code | Tag::Strong | Tag::Em | Tag::Del | Tag::Link) {
            self.0.push(' ');
        }
    }

    fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn close(&mut self) {}
}

/// Writes `<https://…>`; returns its end, or 0.
fn angle(text: &str, at: usize, plain: &mut usize, out: &mut dyn Sink) -> usize {
    let Some(close) = find(text, b'>', at) else {
        return 0;
    };
    let Some(address) = link::allowed(cut(text, at + 1, close)).filter(|address| address.len() == close - at - 1)
    else {
        return 0;
    };
    say(cut(text, *plain, at), out);
    write_address(address, out);
    close + 1
}

/// Finds `[label](address "title")`; returns label, address and where it ends.
fn link_at(text: &str, at: usize) -> Option<(&str, &str, usize)> {
    let bytes = text.as_bytes();
    let label_end = balanced(bytes, at, b'[', b']', LONGEST_LABEL)?;
    if byte(bytes, label_end + 1) != b'(' {
        return None;
    }
    let end = balanced(bytes, label_end + 1, b'(', b')', 4096)?;
    let inside = cut(text, label_end + 2, end).trim();
    let address = match inside.strip_prefix('<') {
        Some(inside) => cut(inside, 0, find(inside, b'>', 0)?),
        None => cut(inside, 0, inside.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(inside.len())),
    };
    Some((cut(text, at + 1, label_end), link::allowed(address)?, end + 1))
}

/// Returns where the bracket that is opened at `at` is closed.
fn balanced(bytes: &[u8], at: usize, open: u8, close: u8, most: usize) -> Option<usize> {
    let mut depth = 0_u32;
    let mut escaped = false;
    for (offset, &byte) in bytes.iter().enumerate().skip(at).take(most) {
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some(offset);
            }
        }
    }
    None
}

fn closing_ticks(bytes: &[u8], from: usize, wanted: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        if byte(bytes, at) == b'`' {
            let length = run(bytes, at);
            if length == wanted {
                return Some(at);
            }
            at += length;
        } else {
            at += 1;
        }
    }
    None
}

/// Marks that nothing closes in the rest of the text: looking again would take quadratic time.
#[derive(Default)]
struct Hopeless(Vec<(u8, usize)>);

/// Returns where the stress that begins at `at` is closed.
fn stress(text: &str, at: usize, wanted: usize, hopeless: &mut Hopeless) -> Option<usize> {
    let bytes = text.as_bytes();
    let mark = byte(bytes, at);
    let fits = if mark == b'~' { wanted == 2 } else { wanted <= 3 };
    let first = byte(bytes, at + wanted);
    let follows_space = first == 0 || first.is_ascii_whitespace();
    let in_word = mark == b'_' && cut(text, 0, at).chars().next_back().is_some_and(link::is_letter);
    if !fits || follows_space || in_word || hopeless.0.iter().any(|&(other, length)| other == mark && length == wanted)
    {
        return None;
    }
    let mut close = at + wanted;
    while close < bytes.len() {
        let length = run(bytes, close);
        match byte(bytes, close) {
            b'\\' => close += 2,
            b'`' => close = closing_ticks(bytes, close + length, length).unwrap_or(close) + length,
            other if other == mark => {
                let after = rest(text, close + length).chars().next();
                let splits_word = mark == b'_' && after.is_some_and(link::is_letter);
                let after_space = byte(bytes, close - 1).is_ascii_whitespace();
                if (length == wanted || length == 3) && length >= wanted && !after_space && !splits_word {
                    return Some(close + length - wanted);
                }
                close += length;
            }
            _ => close += 1,
        }
    }
    hopeless.0.push((mark, wanted));
    None
}
