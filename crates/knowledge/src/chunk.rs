//! Cuts a document into passages that can be found, read and cited on their own.
//!
//! A passage knows the headings above it and the pages it stands on. Sections are kept together while
//! they fit; what is longer is cut between paragraphs, then sentences, then words, and the end of one
//! passage is repeated at the start of the next. A table is cut between rows, under its head each time.

use crate::document::{Body, Document};
use crate::tokens;

/// How passages are cut; lengths are in tokens, as [`tokens::count`] estimates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkOptions {
    /// The longest a passage may be.
    pub longest: usize,
    /// How much of the passage before is repeated, where a section had to be cut.
    pub overlap: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { longest: 400, overlap: 40 }
    }
}

/// A passage of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its place in the document, counted from 0.
    pub ordinal: u32,
    /// The headings above all of it, the outermost first.
    pub headings: Vec<String>,
    /// The first and the last page it stands on.
    pub pages: Option<(u32, u32)>,
    /// What it says.
    pub text: String,
    /// How long that is.
    pub tokens: usize,
}

impl Chunk {
    /// What stands above the text: the document's title and the headings.
    pub fn context(&self, title: &str) -> String {
        context(title, &self.headings)
    }
}

/// Returns what stands above a passage: the title, which a heading may repeat, and the headings.
pub fn context(title: &str, headings: &[String]) -> String {
    let mut above = vec![title];
    above.extend(headings.iter().map(String::as_str).filter(|heading| *heading != title));
    above.retain(|line| !line.is_empty());
    above.join(" > ")
}

/// Cuts a document into passages.
pub fn chunks(document: &Document, options: ChunkOptions) -> Vec<Chunk> {
    let options = ChunkOptions {
        longest: options.longest.max(8),
        // Overlap that fills half a passage would double the document.
        overlap: options.overlap.min(options.longest.max(8) / 4),
    };
    let mut cutter = Cutter { options, done: Vec::new(), open: Open::default() };
    for unit in units(document) {
        cutter.add(unit);
    }
    cutter.close();
    cutter.done
}

/// A piece of a document that is not parted without need.
struct Unit {
    path: Vec<(u8, String)>,
    page: Option<u32>,
    kind: Kind,
}

enum Kind {
    Text(String),
    Table { head: String, rows: Vec<String> },
}

fn units(document: &Document) -> Vec<Unit> {
    let mut path: Vec<(u8, String)> = Vec::new();
    let mut found = Vec::new();
    // A heading with nothing below it is still something the document says.
    let mut bare: Option<Option<u32>> = None;
    let flush = |bare: &mut Option<Option<u32>>, path: &[(u8, String)], found: &mut Vec<Unit>| {
        if let (Some(page), Some((last, above))) = (bare.take(), path.split_last()) {
            found.push(Unit { path: above.to_vec(), page, kind: Kind::Text(last.1.clone()) });
        }
    };
    for block in &document.blocks {
        match &block.body {
            Body::Heading { level, text } => {
                let text = squeeze(text);
                if text.is_empty() {
                    continue;
                }
                if bare.is_some() && path.last().is_some_and(|(open, _)| open >= level) {
                    flush(&mut bare, &path, &mut found);
                }
                path.retain(|(open, _)| open < level);
                path.push((*level, text));
                bare = Some(block.page);
            }
            Body::Text { text } if !text.trim().is_empty() => {
                bare = None;
                found.push(Unit { path: path.clone(), page: block.page, kind: Kind::Text(text.trim().to_owned()) });
            }
            Body::Text { .. } => {}
            Body::Table { head, rows } => {
                let rows: Vec<String> = rows.iter().map(|row| line(row)).filter(|row| !row.is_empty()).collect();
                let head = line(head);
                if rows.is_empty() && head.is_empty() {
                    continue;
                }
                bare = None;
                let kind = if rows.is_empty() { Kind::Text(head) } else { Kind::Table { head, rows } };
                found.push(Unit { path: path.clone(), page: block.page, kind });
            }
        }
    }
    flush(&mut bare, &path, &mut found);
    found
}

/// One row of a table, its cells parted by bars.
fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| squeeze(cell)).collect();
    let last = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
    cells[..last].join(" | ")
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Cutter {
    options: ChunkOptions,
    done: Vec<Chunk>,
    open: Open,
}

/// The passage that is being filled.
#[derive(Default)]
struct Open {
    /// The headings above its first part.
    path: Vec<(u8, String)>,
    /// The headings above its latest part.
    latest: Vec<(u8, String)>,
    pages: Option<(u32, u32)>,
    parts: Vec<String>,
    tokens: usize,
    /// How many of the parts were repeated from the passage before.
    repeated: usize,
}

impl Cutter {
    fn add(&mut self, unit: Unit) {
        // A new section begins a new passage, unless what is open is too short to stand alone.
        if !self.open.parts.is_empty() && unit.path != self.open.latest {
            let inside = unit.path.starts_with(&self.open.latest) && !self.open.latest.is_empty();
            let enough = self.options.longest / if inside { 2 } else { 4 };
            let related = self.open.path.first() == unit.path.first();
            if self.open.tokens >= enough || !related {
                self.close();
            }
        }
        match unit.kind {
            Kind::Text(text) => self.add_text(&unit.path, unit.page, &text),
            Kind::Table { head, rows } => self.add_table(&unit.path, unit.page, &head, &rows),
        }
    }

    fn add_text(&mut self, path: &[(u8, String)], page: Option<u32>, text: &str) {
        if self.fits(path, text) {
            self.push(path, page, text.to_owned());
            return;
        }
        // A paragraph is cut only if it is too long for a passage of its own.
        if tokens::count(text) <= self.options.longest {
            self.turn(path);
            if self.fits(path, text) {
                self.push(path, page, text.to_owned());
                return;
            }
            self.close();
            self.push(path, page, text.to_owned());
            return;
        }
        let room = self.options.longest - self.options.overlap;
        for piece in pieces(text, room) {
            if !self.fits(path, &piece) {
                self.turn(path);
                if !self.fits(path, &piece) {
                    self.close();
                }
            }
            self.push(path, page, piece);
        }
    }

    fn add_table(&mut self, path: &[(u8, String)], page: Option<u32>, head: &str, rows: &[String]) {
        // A head that fills half a passage is said once and not repeated.
        let head = if tokens::count(head) * 2 > self.options.longest {
            self.add_text(path, page, head);
            ""
        } else {
            head
        };
        let mut group = head.to_owned();
        let flush = |cutter: &mut Self, group: &mut String| {
            if !group.is_empty() && *group != head {
                if !cutter.fits(path, group) {
                    cutter.close();
                }
                cutter.push(path, page, std::mem::take(group));
            }
            head.clone_into(group);
        };
        let longest = self.options.longest;
        let below = longest - tokens::count(head);
        for row in rows {
            // A code that does not fit below the head stands without it, rather than be cut and found by nobody.
            let alone = row.split_whitespace().any(|word| tokens::count(word) > below);
            for piece in pieces(row, if alone { longest } else { below }) {
                if tokens::count(&group) + tokens::count(&piece) > longest {
                    flush(self, &mut group);
                }
                if tokens::count(&group) + tokens::count(&piece) > longest {
                    group.clear();
                }
                if !group.is_empty() {
                    group.push('\n');
                }
                group.push_str(&piece);
            }
        }
        flush(self, &mut group);
    }

    /// Headings that have to be said inside the passage, because it began under others.
    fn inner_headings<'a>(&self, path: &'a [(u8, String)]) -> &'a [(u8, String)] {
        if self.open.parts.is_empty() || path == self.open.latest {
            return &[];
        }
        let common = path.iter().zip(&self.open.latest).take_while(|(a, b)| a == b).count();
        &path[common..]
    }

    fn fits(&self, path: &[(u8, String)], text: &str) -> bool {
        if self.open.parts.is_empty() {
            return tokens::count(text) <= self.options.longest;
        }
        let common = path.iter().zip(&self.open.path).take_while(|(a, b)| a == b).count();
        let said: usize = self
            .inner_headings(path)
            .iter()
            .chain(&self.open.path[common..])
            .map(|(_, heading)| tokens::count(heading))
            .sum();
        self.open.tokens + said + tokens::count(text) <= self.options.longest
    }

    fn push(&mut self, path: &[(u8, String)], page: Option<u32>, text: String) {
        let open_before = !self.open.parts.is_empty();
        for (_, heading) in self.inner_headings(path).to_vec() {
            self.open.tokens += tokens::count(&heading);
            self.open.parts.push(heading);
        }
        if open_before {
            let common = path.iter().zip(&self.open.path).take_while(|(a, b)| a == b).count();
            // What is no longer above all of it must be said inside, before what it stood above.
            let lost = self.open.path.split_off(common);
            for (_, heading) in lost.into_iter().rev() {
                self.open.tokens += tokens::count(&heading);
                self.open.parts.insert(0, heading);
            }
        } else {
            self.open.path = path.to_vec();
        }
        self.open.latest = path.to_vec();
        if let Some(page) = page {
            let (first, last) = self.open.pages.unwrap_or((page, page));
            self.open.pages = Some((first.min(page), last.max(page)));
        }
        self.open.tokens += tokens::count(&text);
        self.open.parts.push(text);
    }

    /// Ends a passage in the middle of a section: the next begins with its last sentences.
    fn turn(&mut self, path: &[(u8, String)]) {
        let same = self.open.latest == path;
        let tail = self.open.parts.last().map(|part| tail(part, self.options.overlap)).unwrap_or_default();
        let page = self.open.pages.map(|(_, last)| last);
        self.close();
        if same && !tail.is_empty() {
            self.push(path, page, tail);
            self.open.repeated = 1;
        }
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        // Nothing but what the passage before has said already.
        if open.parts.len() <= open.repeated {
            return;
        }
        let text = open.parts.join("\n\n");
        self.done.push(Chunk {
            ordinal: u32::try_from(self.done.len()).unwrap_or(u32::MAX),
            headings: open.path.into_iter().map(|(_, heading)| heading).collect(),
            pages: open.pages,
            tokens: tokens::count(&text),
            text,
        });
    }
}

/// The last sentences of a text that are no longer than `most` tokens together.
fn tail(text: &str, most: usize) -> String {
    let mut start = text.len();
    for (from, to) in sentences(text).into_iter().rev() {
        if tokens::count(&text[from..]) > most || to <= from {
            break;
        }
        start = from;
    }
    text[start..].trim().to_owned()
}

/// Pieces of a text that are no longer than `most` tokens, cut between sentences where that is possible.
fn pieces(text: &str, most: usize) -> Vec<String> {
    let most = most.max(1);
    if tokens::count(text) <= most {
        return vec![text.trim().to_owned()];
    }
    let mut found: Vec<String> = Vec::new();
    let mut open = String::new();
    let mut length = 0;
    let mut add = |piece: &str, own: usize| {
        if length + own > most && !open.trim().is_empty() {
            found.push(open.trim().to_owned());
            open.clear();
            length = 0;
        }
        open.push_str(piece);
        length += own;
    };
    for (from, to) in sentences(text) {
        let sentence = &text[from..to];
        let own = tokens::count(sentence);
        if own <= most {
            add(sentence, own);
            continue;
        }
        for word in sentence.split_inclusive(char::is_whitespace) {
            let own = tokens::count(word);
            if own <= most {
                add(word, own);
                continue;
            }
            // A word longer than a passage: base64, or a script without spaces.
            let mut rest = word;
            while !rest.is_empty() {
                let end = rest.char_indices().nth(most).map_or(rest.len(), |(at, _)| at);
                let (now, later) = rest.split_at(end);
                add(now, tokens::count(now));
                rest = later;
            }
        }
    }
    if !open.trim().is_empty() {
        found.push(open.trim().to_owned());
    }
    found
}

/// Where sentences begin and end, with the blanks after them; together they are the whole text.
pub(crate) fn sentences(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut ended = false;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let blank = c.is_whitespace();
        // The end is certain when the next sentence begins: "e.g. this" is one sentence.
        if ended && !blank && previous.is_whitespace() && !c.is_lowercase() && at > start {
            found.push((start, at));
            start = at;
            ended = false;
        } else if ended && !blank && !matches!(c, '"' | '\'' | ')' | '”' | '’' | '»') && !previous.is_whitespace()
        {
            ended = matches!(c, '.' | '!' | '?');
        } else if !blank && previous.is_whitespace() {
            ended = false;
        }
        if matches!(c, '.' | '!' | '?' | '…') {
            ended = true;
        } else if matches!(c, '。' | '！' | '？') {
            let end = at + c.len_utf8();
            found.push((start, end));
            start = end;
            ended = false;
        } else if c == '\n' {
            // Lines of lists and addresses end without a full stop.
            let end = at + 1;
            found.push((start, end));
            start = end;
            ended = false;
        }
        previous = c;
    }
    if start < text.len() {
        found.push((start, text.len()));
    }
    found
}

#[cfg(test)]
mod tests;
