//! Markdown as answers use it, turned into calls that build a tree: never into HTML text.
//!
//! What a newcomer gets wrong: an answer grows, and its beginning must not be built again with each
//! piece. [`settled`] says which blocks can no longer change; only what follows is built anew.
//! HTML in an answer stays visible text, and a picture becomes a link: loading it would tell its
//! host what was asked.

mod inline;

use crate::cut::{byte, count, cut, find, rest, run};
use inline::{MOST_DEPTH, Shown, inline};

/// What a tree is made of; nothing else can come out of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A paragraph.
    Paragraph,
    /// A heading; the page above has the first level.
    Heading(u8),
    /// A list with dots.
    Bullets,
    /// A list with numbers; the detail is the first one.
    Numbers,
    /// An entry of a list.
    Item,
    /// Quoted text.
    Quote,
    /// Lines of code; the detail is the language.
    Pre,
    /// Code inside a line.
    Code,
    /// Strong text.
    Strong,
    /// Stressed text.
    Em,
    /// Struck out text.
    Del,
    /// A link; the detail is the address, which [`crate::link`] has allowed.
    Link,
    /// A new line.
    Break,
    /// A line across.
    Rule,
    /// A table.
    Table,
    /// Its rows.
    Row,
    /// A cell of its first row.
    Head,
    /// A cell.
    Cell,
}

/// Builds the tree.
pub trait Sink {
    /// Begins an element.
    fn open(&mut self, tag: Tag, detail: &str);
    /// Adds text.
    fn text(&mut self, text: &str);
    /// Ends the element that was begun last.
    fn close(&mut self);
}

/// Returns what a visitor reads of `text`, on one line.
pub fn plain(text: &str) -> String {
    let mut shown = Shown::default();
    render(text, &mut shown);
    shown.0.trim().to_owned()
}

/// Builds the tree of `text`.
pub fn render(text: &str, out: &mut dyn Sink) {
    blocks(text, out, false, 0);
}

/// Returns the end of the first block if no later text can change it.
pub fn settled(text: &str) -> Option<usize> {
    let start = skip_blank(text, 0);
    let end = block_end(text, start);
    // Where a block ends depends on the next line, so that one must be whole.
    find(text, b'\n', end).map(|_| end)
}

fn blocks(text: &str, out: &mut dyn Sink, tight: bool, depth: u8) {
    let mut at = skip_blank(text, 0);
    while at < text.len() {
        let end = block_end(text, at);
        block(cut(text, at, end).trim_end(), out, tight, depth);
        at = end;
    }
}

/// What a line begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Text,
    Heading(u8),
    Rule,
    Fence(u8, usize),
    Quote,
    Item(Marker),
}

/// How an entry of a list begins.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Marker {
    /// The number, or nothing for a dot.
    number: Option<u32>,
    /// Spaces in front.
    indent: usize,
    /// Bytes until the entry's own text.
    width: usize,
}

fn start_of(line: &str) -> Start {
    let indent = indent(line);
    let line = rest(line, indent).trim_end();
    let bytes = line.as_bytes();
    let first = byte(bytes, 0);
    let run = run(bytes, 0);
    match first {
        b'#' if run <= 6 && (run == line.len() || byte(bytes, run) == b' ') => {
            return Start::Heading(u8::try_from(run).unwrap_or(6));
        }
        b'`' | b'~' if run >= 3 && !(first == b'`' && find(line, b'`', run).is_some()) => {
            return Start::Fence(first, run);
        }
        b'>' => return Start::Quote,
        b'-' | b'*' | b'_' if is_rule(line, first) => return Start::Rule,
        _ => {}
    }
    let (number, mark) = match first {
        b'-' | b'*' | b'+' => (None, 1),
        b'0'..=b'9' => {
            let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 9 || !matches!(byte(bytes, digits), b'.' | b')') {
                return Start::Text;
            }
            (Some(number(cut(line, 0, digits))), digits + 1)
        }
        _ => return Start::Text,
    };
    if byte(bytes, mark) != b' ' {
        return Start::Text;
    }
    let spaces = self::run(bytes, mark).min(4);
    Start::Item(Marker { number, indent, width: indent + mark + spaces })
}

fn is_rule(line: &str, mark: u8) -> bool {
    line.bytes().all(|byte| byte == mark || byte == b' ') && count(line, mark) >= 3
}

fn indent(line: &str) -> usize {
    line.bytes().take_while(|&byte| byte == b' ' || byte == b'\t').count()
}

fn line_end(text: &str, at: usize) -> usize {
    find(text, b'\n', at).map_or(text.len(), |found| found + 1)
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Goes over the lines, each with its end.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = at;
        at = line_end(text, at);
        (from < text.len()).then(|| cut(text, from, at))
    })
}

fn number(digits: &str) -> u32 {
    digits.bytes().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

fn skip_blank(text: &str, mut at: usize) -> usize {
    while at < text.len() {
        let end = line_end(text, at);
        if !is_blank(cut(text, at, end)) {
            break;
        }
        at = end;
    }
    at
}

/// Returns where the block that begins at `at` ends, with the empty lines behind it.
fn block_end(text: &str, at: usize) -> usize {
    let mut end = line_end(text, at);
    match start_of(cut(text, at, end)) {
        Start::Heading(_) | Start::Rule => {}
        Start::Fence(mark, run) => {
            while end < text.len() {
                let next = line_end(text, end);
                let line = cut(text, end, next).trim();
                end = next;
                if line.len() >= run && line.bytes().all(|byte| byte == mark) {
                    break;
                }
            }
        }
        Start::Quote => {
            while end < text.len() {
                let next = line_end(text, end);
                if start_of(cut(text, end, next)) != Start::Quote {
                    break;
                }
                end = next;
            }
        }
        Start::Item(first) => {
            while end < text.len() {
                let next = skip_blank(text, end);
                let after_blank = next > end;
                let line = cut(text, next, line_end(text, next));
                let goes_on = match start_of(line) {
                    Start::Item(marker) => {
                        marker.indent >= first.indent + 2 || marker.number.is_some() == first.number.is_some()
                    }
                    Start::Text => !after_blank || indent(line) >= first.indent + 2,
                    _ => indent(line) >= first.indent + 2,
                };
                if next == text.len() || !goes_on {
                    break;
                }
                end = line_end(text, next);
            }
        }
        Start::Text => {
            let table = is_table(rest(text, at));
            while end < text.len() {
                let next = line_end(text, end);
                let line = cut(text, end, next);
                let interrupts = match start_of(line) {
                    Start::Text => table && find(line, b'|', 0).is_none(),
                    Start::Item(marker) => marker.number.is_none_or(|number| number == 1),
                    _ => true,
                };
                if is_blank(line) || interrupts {
                    break;
                }
                end = next;
            }
        }
    }
    skip_blank(text, end)
}

fn block(text: &str, out: &mut dyn Sink, tight: bool, depth: u8) {
    let first_end = line_end(text, 0);
    let first = cut(text, 0, first_end);
    match start_of(first) {
        _ if depth > MOST_DEPTH => inline(text, out, false, depth),
        Start::Heading(level) => {
            out.open(Tag::Heading(level), "");
            inline(first.trim().trim_start_matches('#').trim_end_matches('#').trim(), out, false, depth);
            out.close();
        }
        Start::Rule => {
            out.open(Tag::Rule, "");
            out.close();
        }
        Start::Fence(mark, run) => fence(text, mark, run, out),
        Start::Quote => {
            let mut inner = String::new();
            for line in lines(text) {
                let line = line.trim_start();
                let line = line.strip_prefix('>').unwrap_or(line);
                inner.push_str(line.strip_prefix(' ').unwrap_or(line));
            }
            out.open(Tag::Quote, "");
            blocks(&inner, out, false, depth + 1);
            out.close();
        }
        Start::Item(marker) => list(text, marker, out, depth),
        Start::Text if is_table(text) => table(text, out, depth),
        Start::Text => {
            if !tight {
                out.open(Tag::Paragraph, "");
            }
            inline(text.trim(), out, false, depth);
            if !tight {
                out.close();
            }
        }
    }
}

fn fence(text: &str, mark: u8, run: usize, out: &mut dyn Sink) {
    let first_end = line_end(text, 0);
    let first = cut(text, 0, first_end);
    let shift = indent(first);
    let language = rest(first.trim(), run).trim();
    out.open(Tag::Pre, cut(language, 0, find(language, b' ', 0).unwrap_or(language.len())));
    let mut code = String::new();
    for line in lines(rest(text, first_end)) {
        let bare = line.trim();
        if bare.len() >= run && bare.bytes().all(|byte| byte == mark) {
            break;
        }
        code.push_str(rest(line, indent(line).min(shift)));
    }
    out.text(code.strip_suffix('\n').unwrap_or(&code));
    out.close();
}

fn list(text: &str, first: Marker, out: &mut dyn Sink, depth: u8) {
    let (tag, from) = match first.number {
        Some(_) => (Tag::Numbers, text.trim_start()),
        None => (Tag::Bullets, ""),
    };
    let digits = from.bytes().take_while(u8::is_ascii_digit).count();
    out.open(tag, cut(from, 0, digits));
    let mut item = String::new();
    let mut width = first.width;
    let mut is_open = false;
    for line in lines(text) {
        match start_of(line) {
            Start::Item(marker) if marker.indent < first.indent + 2 => {
                if is_open {
                    entry(&item, out, depth);
                }
                item.clear();
                is_open = true;
                width = marker.width;
                item.push_str(rest(line, width));
            }
            _ => item.push_str(rest(line, indent(line).min(width))),
        }
    }
    entry(&item, out, depth);
    out.close();
}

fn entry(text: &str, out: &mut dyn Sink, depth: u8) {
    out.open(Tag::Item, "");
    let text = text.trim_end();
    let is_tight = !lines(text).any(is_blank);
    blocks(text, out, is_tight, depth + 1);
    out.close();
}

fn is_table(text: &str) -> bool {
    let first_end = line_end(text, 0);
    let second = cut(text, first_end, line_end(text, first_end)).trim();
    let has = |line: &str, mark| find(line, mark, 0).is_some();
    has(cut(text, 0, first_end), b'|')
        && has(second, b'-')
        && has(second, b'|')
        && second.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' '))
}

fn table(text: &str, out: &mut dyn Sink, depth: u8) {
    out.open(Tag::Table, "");
    for (number, line) in lines(text).enumerate().filter(|(number, _)| *number != 1) {
        out.open(Tag::Row, "");
        for cell in cells(line) {
            out.open(if number == 0 { Tag::Head } else { Tag::Cell }, "");
            inline(cell.trim(), out, false, depth);
            out.close();
        }
        out.close();
    }
    out.close();
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut found = Vec::new();
    let (mut from, mut in_code, mut escaped) = (0, false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'`' if !escaped => in_code = !in_code,
            b'|' if !escaped && !in_code => {
                found.push(cut(line, from, at));
                from = at + 1;
            }
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    if !is_blank(rest(line, from)) {
        found.push(rest(line, from));
    }
    found
}

#[cfg(test)]
mod tests;
