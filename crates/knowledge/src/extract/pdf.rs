//! PDF: characters with places, made into lines, paragraphs and headings.
//!
//! A PDF does not know what a paragraph is. Lines that follow each other closely are one; a short line
//! that is set clearly larger than most of the text is a heading. A page that cannot be read is left
//! out with a warning, for the parser gives up on whole documents otherwise.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Document as File, MediaBox, Object, OutputDev, OutputError, Transform};

use super::flow::Flow;
use super::{ExtractError, Limits};
use crate::document::Document;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, ExtractError> {
    let mut file = load(bytes).or_else(|| load(trimmed(bytes)?)).ok_or(ExtractError::Damaged)?;
    // One that says how it is locked in a way of its own cannot be opened by anyone here.
    if !file.is_encrypted() && file.trailer.get(b"Encrypt").is_ok() {
        return Err(ExtractError::Protected);
    }
    // Many files are locked against printing with an empty password and can be read by anyone.
    if file.is_encrypted() && guarded(|| file.decrypt("")).is_none_or(|done| done.is_err()) {
        return Err(ExtractError::Protected);
    }
    let pages = guarded(|| file.get_pages()).ok_or(ExtractError::Damaged)?;
    let root = file.catalog().and_then(|catalog| catalog.get(b"Pages")).and_then(Object::as_reference).ok();
    let mut flow = Flow::new(limits);
    let mut lines: Vec<Line> = Vec::new();
    let mut unread = Vec::new();
    let mut length = 0;
    for (page, id) in pages.iter().take(limits.pages as usize) {
        // The reader looks through the whole tree of pages for each of them, so each is made the only one.
        let tree = root.and_then(|root| file.get_object_mut(root).and_then(Object::as_dict_mut).ok());
        let is_alone = tree.map(|tree| tree.set("Kids", vec![Object::Reference(*id)])).is_some();
        let number = if is_alone { 1 } else { *page };
        let mut output = Output { lines: Vec::new(), page: *page, height: 0.0, fresh_word: false };
        let done =
            guarded(|| pdf_extract::output_doc_page(&file, &mut output, number)).is_some_and(|done| done.is_ok());
        if !done && output.lines.is_empty() {
            unread.push(page.to_string());
        }
        length += output.lines.iter().map(|line| line.text.len()).sum::<usize>();
        lines.append(&mut output.lines);
        if length > limits.text {
            break;
        }
    }
    if pages.len() > limits.pages as usize {
        flow.warn(format!("The file has {} pages; only the first {} were read.", pages.len(), limits.pages));
    }
    if !unread.is_empty() {
        unread.truncate(20);
        flow.warn(format!("Pages that could not be read: {}.", unread.join(", ")));
    }
    blocks(lines, &mut flow);
    Ok(flow.finish())
}

fn load(bytes: &[u8]) -> Option<File> {
    guarded(|| File::load_mem(bytes)).and_then(Result::ok)
}

/// The file without what mails and disks have put in front of it and behind it.
fn trimmed(bytes: &[u8]) -> Option<&[u8]> {
    let begin = bytes.windows(5).position(|five| five == b"%PDF-")?;
    let end = bytes.windows(5).rposition(|five| five == b"%%EOF")? + 5;
    bytes.get(begin..end)
}

/// Runs what may panic on a damaged file.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// Characters on one height of a page.
struct Line {
    page: u32,
    text: String,
    /// The height of its letters.
    size: f64,
    /// How far from the top of the page.
    y: f64,
    /// Where its latest character ends.
    end: f64,
}

struct Output {
    lines: Vec<Line>,
    page: u32,
    height: f64,
    fresh_word: bool,
}

impl OutputDev for Output {
    fn begin_page(&mut self, _: u32, media: &MediaBox, _: Option<(f64, f64, f64, f64)>) -> Result<(), OutputError> {
        self.height = media.ury - media.lly;
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(
        &mut self,
        place: &Transform,
        width: f64,
        _: f64,
        font: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        let across = (place.m11 * font).hypot(place.m12 * font);
        let size = (place.m21 * font).hypot(place.m22 * font).max(f64::EPSILON);
        let (x, y) = (place.m31, self.height - place.m32);
        let end = x + width * across;
        let same = self.lines.last().is_some_and(|line| {
            // Small letters above or below the line belong to it.
            (line.y - y).abs() < 0.5 * line.size.max(size) && x > line.end - 2.0 * size && x < line.end + 20.0 * size
        });
        if !same {
            self.lines.push(Line { page: self.page, text: String::new(), size, y, end });
        }
        if let Some(line) = self.lines.last_mut() {
            let gap = x > line.end + 0.15 * size || self.fresh_word && x > line.end + 0.1 * size;
            if same && gap && !line.text.ends_with(' ') && !text.starts_with(' ') {
                line.text.push(' ');
            }
            line.text.push_str(text);
            line.size = line.size.max(size);
            line.end = end;
        }
        self.fresh_word = false;
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        self.fresh_word = true;
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

fn blocks(lines: Vec<Line>, flow: &mut Flow) {
    let lines: Vec<Line> = lines.into_iter().filter(|line| !line.text.trim().is_empty()).collect();
    // The size that most characters are set in, in tenths of a point.
    let tenths = |size: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
        let tenths = (size * 10.0).round().clamp(0.0, 1e6) as i64;
        tenths
    };
    let mut sizes: BTreeMap<i64, usize> = BTreeMap::new();
    for line in &lines {
        *sizes.entry(tenths(line.size)).or_insert(0) += line.text.len();
    }
    let body = sizes.iter().max_by_key(|(_, length)| **length).map_or(0, |(size, _)| *size);
    let larger: Vec<i64> = sizes.keys().copied().filter(|size| *size * 10 >= body * 12).rev().collect();
    let widest = lines.iter().filter(|line| tenths(line.size) == body).map(|line| line.text.len()).max().unwrap_or(0);
    let mut before: Option<&Line> = None;
    for line in &lines {
        let rank = larger.iter().position(|size| *size == tenths(line.size)).filter(|_| line.text.len() < 150);
        let goes_on = before.is_some_and(|before| {
            let step = line.y - before.y;
            // A paragraph may go on at the top of the next page or column.
            let next_page = line.page != before.page || step < 0.0;
            let open = !before.text.trim_end().ends_with(['.', '!', '?', ':', ';']);
            let same_size = (line.size - before.size).abs() < 0.15 * line.size;
            // A line that leaves most of its width empty is the last of its paragraph, or a row.
            let full = rank.is_some() || before.text.len() * 3 >= widest;
            same_size && full && if next_page { open && rank.is_none() } else { step < 1.75 * line.size }
        });
        if !goes_on {
            flow.end();
            flow.page = Some(line.page);
            if let Some(rank) = rank {
                flow.heading(u8::try_from(rank.min(3)).unwrap_or(3) + 1);
            }
        } else if let Some(before) = before {
            join(before, line, flow);
        }
        // What a hyphen parted is joined again by leaving the hyphen out.
        flow.push(line.text.trim_end().strip_suffix(['-', '\u{ad}', '‐']).unwrap_or(line.text.trim_end()));
        if line.text.trim_end().ends_with(['-', '\u{ad}', '‐']) {
            flow.push(if line.text.trim_end().ends_with('\u{ad}') { "" } else { HELD });
        }
        before = Some(line);
    }
    flow.end();
}

/// Stands for a hyphen at the end of a line until it is known what comes next.
const HELD: &str = "-";

fn join(before: &Line, line: &Line, flow: &mut Flow) {
    let end = before.text.trim_end();
    let parted = end.ends_with(['-', '‐'])
        && end.chars().rev().nth(1).is_some_and(char::is_alphabetic)
        && line.text.trim_start().starts_with(char::is_lowercase);
    if parted {
        flow.unpush(HELD);
    } else if !end.ends_with(['-', '‐', '\u{ad}']) {
        flow.push(" ");
    }
}
