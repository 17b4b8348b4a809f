//! HTML, read as its tokens come, without a tree: no depth of nesting and no amount of errors matters.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

use super::Limits;
use super::flow::Flow;
use crate::document::Document;

pub(super) fn read(html: &str, limits: &Limits) -> Document {
    let sink = Sink {
        flow: RefCell::new(Flow::new(limits)),
        hidden: RefCell::new(Vec::new()),
        title: RefCell::new(None),
        list: Cell::new(0),
        cells: RefCell::new(Vec::new()),
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    // Scripts are never run, so it never stops for one.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.flow.into_inner().finish()
}

struct Sink {
    flow: RefCell<Flow>,
    /// Open elements whose text is not for readers.
    hidden: RefCell<Vec<String>>,
    /// The title while it is open.
    title: RefCell<Option<String>>,
    list: Cell<usize>,
    /// By open table: whether a cell is open. End tags of cells and rows may be left out.
    cells: RefCell<Vec<bool>>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) => {
                if let Some(title) = self.title.borrow_mut().as_mut() {
                    title.push_str(&text);
                } else if self.hidden.borrow().is_empty() {
                    self.flow.borrow_mut().push(&text);
                }
            }
            Token::TagToken(tag) => return self.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Sink {
    fn tag(&self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let opens = tag.kind == TagKind::StartTag;
        if matches!(name, "script" | "style" | "template" | "svg" | "noscript" | "iframe" | "nav" | "select" | "math") {
            let mut hidden = self.hidden.borrow_mut();
            if opens && !tag.self_closing {
                hidden.push(name.to_owned());
            } else if let Some(at) = hidden.iter().rposition(|open| open == name) {
                hidden.truncate(at);
            }
            return match name {
                "script" if opens => TokenSinkResult::RawData(RawKind::ScriptData),
                "style" | "iframe" if opens => TokenSinkResult::RawData(RawKind::Rawtext),
                _ => TokenSinkResult::Continue,
            };
        }
        let mut flow = self.flow.borrow_mut();
        match name {
            "title" if opens && self.hidden.borrow().is_empty() => {
                *self.title.borrow_mut() = Some(String::new());
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            "title" => {
                if let Some(title) = self.title.borrow_mut().take() {
                    flow.title(&title);
                }
            }
            "textarea" if opens => return TokenSinkResult::RawData(RawKind::Rcdata),
            _ if !self.hidden.borrow().is_empty() => {}
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if opens => flow.heading(name.as_bytes()[1] - b'0'),
            "table" if opens => self.open_table(&mut flow),
            "td" | "th" | "tr" | "table" => {
                let mut cells = self.cells.borrow_mut();
                let Some(open) = cells.last_mut() else { return TokenSinkResult::Continue };
                if std::mem::take(open) {
                    flow.end_cell();
                }
                *open = opens && name != "tr";
                match name {
                    "tr" => flow.end_row(),
                    "table" => {
                        cells.pop();
                        flow.end_table();
                    }
                    _ => {}
                }
            }
            "ul" | "ol" => {
                flow.end();
                let depth = self.list.get();
                self.list.set(if opens { depth + 1 } else { depth.saturating_sub(1) });
            }
            "li" if opens => flow.item(),
            // The paragraph of an item is the item.
            "p" | "div" if opens && self.list.get() > 0 => flow.push(" "),
            "br" => flow.line_break(),
            "pre" => {
                flow.end();
                flow.verbatim = opens;
            }
            "p" | "div" | "section" | "article" | "header" | "footer" | "main" | "aside" | "figure" | "figcaption"
            | "blockquote" | "dl" | "dt" | "dd" | "form" | "fieldset" | "hr" | "address" | "details" | "summary"
            | "caption" | "body" | "html" | "li" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => flow.end(),
            "img" => {
                let said = tag.attrs.iter().find(|attribute| &*attribute.name.local == "alt");
                if let Some(said) = said {
                    flow.push(&said.value);
                    flow.push(" ");
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn open_table(&self, flow: &mut Flow) {
        // A page of nothing but tables is no reason to count them without end.
        if self.cells.borrow().len() < 1000 {
            self.cells.borrow_mut().push(false);
            flow.begin_table();
        }
    }
}
