//! Gathers blocks from formats that open and close things: paragraphs, headings, items, cells.

use super::Limits;
use crate::document::Document;

/// A document in the making.
pub(super) struct Flow {
    document: Document,
    /// The page that what comes next stands on.
    pub(super) page: Option<u32>,
    text: String,
    /// Whether line ends are kept as they are.
    pub(super) verbatim: bool,
    heading: Option<u8>,
    bullet: bool,
    table: Option<Table>,
    /// How many tables are open; those inside a table are text of its cells.
    depth: usize,
    text_left: usize,
    cells_left: usize,
}

#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
}

impl Flow {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            document: Document::default(),
            page: None,
            text: String::new(),
            verbatim: false,
            heading: None,
            bullet: false,
            table: None,
            depth: 0,
            text_left: limits.text,
            cells_left: limits.cells,
        }
    }

    /// Tells whether nothing more is taken, so that a reader may stop.
    pub(super) fn is_full(&self) -> bool {
        self.text_left == 0 || self.cells_left == 0
    }

    pub(super) fn title(&mut self, title: &str) {
        if self.document.title.is_none() && !title.trim().is_empty() {
            self.document.title = Some(title.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if self.document.warnings.len() < 20 && !self.document.warnings.contains(&warning) {
            self.document.warnings.push(warning);
        }
    }

    /// Adds text to what is open; blanks are kept as one unless it is verbatim.
    pub(super) fn push(&mut self, text: &str) {
        for c in text.chars() {
            if self.text_left < c.len_utf8() {
                self.text_left = 0;
                self.warn("The file is very long; only its beginning was read.");
                return;
            }
            let c = match c {
                '\0' | '\u{feff}' => continue,
                '\n' | '\t' if self.verbatim => c,
                c if c.is_whitespace() || c.is_control() => ' ',
                c => c,
            };
            if c == ' ' && !self.verbatim && (self.text.is_empty() || self.text.ends_with([' ', '\n'])) {
                continue;
            }
            self.text_left -= c.len_utf8();
            self.text.push(c);
        }
    }

    /// Takes back what was pushed last.
    pub(super) fn unpush(&mut self, text: &str) {
        if self.text.ends_with(text) {
            self.text.truncate(self.text.len() - text.len());
        }
    }

    pub(super) fn line_break(&mut self) {
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// What is open becomes a heading when it ends.
    pub(super) fn heading(&mut self, level: u8) {
        self.end();
        self.heading = Some(level);
    }

    /// What is open becomes an item of a list when it ends.
    pub(super) fn item(&mut self) {
        // A numbered heading stays a heading.
        if self.heading.is_some() && self.text.trim().is_empty() {
            return;
        }
        self.end();
        self.bullet = true;
    }

    /// Ends what is open.
    pub(super) fn end(&mut self) {
        if self.table.is_some() {
            // A cell of several paragraphs is one text.
            self.line_break();
            self.heading = None;
            self.bullet = false;
            return;
        }
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        if text.is_empty() {
            self.heading = None;
            self.bullet = false;
            return;
        }
        match (self.heading.take(), std::mem::take(&mut self.bullet)) {
            (Some(level), _) => self.document.heading(self.page, level, text),
            (None, true) => self.document.text(self.page, format!("- {text}")),
            (None, false) => self.document.text(self.page, text),
        }
    }

    pub(super) fn begin_table(&mut self) {
        if self.depth == 0 {
            self.end();
            self.table = Some(Table::default());
        }
        self.depth += 1;
    }

    pub(super) fn end_cell(&mut self) {
        if self.depth != 1 {
            self.push(" ");
            return;
        }
        let text = std::mem::take(&mut self.text);
        if let Some(table) = &mut self.table
            && self.cells_left > 0
        {
            self.cells_left -= 1;
            table.row.push(text.trim().to_owned());
        }
        if self.cells_left == 0 {
            self.warn("The tables are very large; only their beginning was read.");
        }
    }

    pub(super) fn end_row(&mut self) {
        if self.depth == 1
            && let Some(table) = &mut self.table
        {
            let row = std::mem::take(&mut table.row);
            if row.iter().any(|cell| !cell.is_empty()) {
                table.rows.push(row);
            }
        }
    }

    pub(super) fn end_table(&mut self) {
        self.end_row();
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            return;
        }
        // Text that stands in a table but in no cell.
        let stray = std::mem::take(&mut self.text);
        if let Some(table) = self.table.take() {
            self.finished_table(table.rows);
        }
        if !stray.trim().is_empty() {
            self.document.text(self.page, stray.trim());
        }
    }

    fn finished_table(&mut self, mut rows: Vec<Vec<String>>) {
        match rows.len() {
            0 => {}
            // One row, or one column, is layout.
            1 => {
                let text = rows.remove(0).into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("\n");
                self.document.text(self.page, text);
            }
            _ if rows.iter().all(|row| row.len() == 1) => {
                for cell in rows.into_iter().flatten() {
                    self.document.text(self.page, cell);
                }
            }
            _ => {
                let head = rows.remove(0);
                self.document.table(self.page, head, rows);
            }
        }
    }

    /// Takes a document that another reader made, as a part of this one.
    pub(super) fn append(&mut self, part: Document) {
        self.end();
        let length: usize = part.blocks.iter().flat_map(crate::document::Block::strings).map(str::len).sum();
        self.text_left = self.text_left.saturating_sub(length);
        self.document.blocks.extend(part.blocks);
        for warning in part.warnings {
            self.warn(warning);
        }
    }

    pub(super) fn finish(mut self) -> Document {
        while self.depth > 0 {
            self.end_cell();
            self.end_table();
        }
        self.end();
        self.document
    }
}
