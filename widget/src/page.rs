//! The chat in its document: carries out what [`crate::chat`] decides and shows what it knows.
//!
//! The server has rendered the document; its parts are looked up by id. What the browser does with
//! promises and callbacks (requests, timers, listeners) is in `boot.js`, which is a third of the
//! size there, and decides nothing: it calls the functions below and is called as [`Browser`]. What
//! a newcomer gets wrong: a method of [`Browser`] must not call back before it returns.

mod show;
mod tree;

use std::cell::RefCell;

use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, HtmlElement, HtmlTextAreaElement};

use crate::chat::{Chat, Effect, Event, Message, Problem, Role};
use crate::sse::{self, Splitter};
use show::Shown;

#[wasm_bindgen]
extern "C" {
    /// What `boot.js` does for us.
    pub type Browser;

    /// Gets a token; calls [`opened`] or [`failed`].
    #[wasm_bindgen(method)]
    fn open(this: &Browser, attempt: u32, renew: bool);

    /// Gets the earlier messages; calls [`remembered`] for each, then [`returned`], or [`failed`].
    #[wasm_bindgen(method)]
    fn fetch(this: &Browser, attempt: u32);

    /// Sends a message; calls [`received`] and [`closed`], or [`answered`], or [`failed`].
    #[wasm_bindgen(method)]
    fn invoke(this: &Browser, attempt: u32, text: &str, key: &str);

    /// Drops the request that is under way.
    #[wasm_bindgen(method)]
    fn abort(this: &Browser);

    /// Forgets the token and the handle that is kept for the next visit.
    #[wasm_bindgen(method)]
    fn forget(this: &Browser);

    /// Calls [`ticked`] later.
    #[wasm_bindgen(method)]
    fn wait(this: &Browser, attempt: u32, milliseconds: i32);

    /// Calls [`draw`] with the next frame.
    #[wasm_bindgen(method)]
    fn soon(this: &Browser);

    /// Tells the page around us.
    #[wasm_bindgen(method)]
    fn tell(this: &Browser, what: &str, detail: Option<&str>);

    /// Returns a field of a JSON text as a text.
    #[wasm_bindgen(method)]
    fn field(this: &Browser, json: &str, name: &str) -> Option<String>;

    /// Returns one of the server's texts.
    #[wasm_bindgen(method)]
    fn text(this: &Browser, name: &str) -> Option<String>;
}

thread_local! {
    static PAGE: RefCell<Option<Page>> = const { RefCell::new(None) };
}

/// The chat and everything that it needs of the document.
struct Page {
    chat: Chat,
    browser: Browser,
    document: Document,
    around: Element,
    log: HtmlElement,
    notice: HtmlElement,
    retry: HtmlElement,
    down: HtmlElement,
    starters: HtmlElement,
    input: HtmlTextAreaElement,
    send: HtmlElement,
    fresh: HtmlElement,
    status: HtmlElement,
    splitter: Splitter,
    /// Earlier messages that have arrived so far.
    earlier: Vec<Message>,
    shown: Vec<Shown>,
    waits: Option<Element>,
    /// Whether a drawing is due with the next frame.
    due: bool,
}

/// Takes the document over; tells whether all its parts are there.
#[wasm_bindgen]
pub fn start(browser: Browser, online: bool) -> bool {
    let page = find_parts(browser);
    let found = page.is_some();
    PAGE.with(|place| place.replace(page));
    if !online {
        network(false);
    }
    found
}

fn find_parts(browser: Browser) -> Option<Page> {
    let document = web_sys::window()?.document()?;
    let find = |id: &str| -> Option<HtmlElement> { document.get_element_by_id(id).map(JsCast::unchecked_into) };
    Some(Page {
        chat: Chat::default(),
        browser,
        around: find("chat")?.into(),
        log: find("log")?,
        notice: find("notice")?,
        retry: find("retry")?,
        down: find("down")?,
        starters: find("starters")?,
        input: find("input")?.unchecked_into(),
        send: find("send")?,
        fresh: find("new")?,
        status: find("status")?,
        document,
        splitter: Splitter::default(),
        earlier: Vec::new(),
        shown: Vec::new(),
        waits: None,
        due: false,
    })
}

/// The chat is shown for the first time; tells whether there is a conversation to return to.
#[wasm_bindgen]
pub fn shown(has_handle: bool) {
    happened(Event::Started { has_handle });
}

/// The visitor sends a message; tells whether it was taken.
#[wasm_bindgen]
pub fn send(text: String, key: String) -> bool {
    let takes = with(|page| page.chat.takes_messages()) == Some(true) && !text.trim().is_empty();
    if takes {
        happened(Event::Sent { text, key });
    }
    takes
}

/// The visitor wants no more of this answer.
#[wasm_bindgen]
pub fn stop() {
    happened(Event::Stopped);
}

/// The visitor wants the message to be tried again.
#[wasm_bindgen]
pub fn retry(key: String) {
    happened(Event::Retried { key });
}

/// The visitor wants a new conversation.
#[wasm_bindgen]
pub fn renew() {
    happened(Event::Renewed);
}

/// The network came or went.
#[wasm_bindgen]
pub fn network(online: bool) {
    happened(Event::Network { online });
}

/// There is a token.
#[wasm_bindgen]
pub fn opened(attempt: u32) {
    happened(Event::Opened { attempt });
}

/// One of the earlier messages arrived.
#[wasm_bindgen]
pub fn remembered(by_visitor: bool, text: String) {
    let role = if by_visitor { Role::Visitor } else { Role::Agent };
    with(|page| page.earlier.push(Message::whole(role, text)));
}

/// All of them did.
#[wasm_bindgen]
pub fn returned(attempt: u32) {
    let messages = with(|page| std::mem::take(&mut page.earlier)).unwrap_or_default();
    happened(Event::Returned { attempt, messages });
}

/// Bytes of an answer arrived; tells whether the answer goes on.
#[wasm_bindgen]
pub fn received(attempt: u32, bytes: &[u8]) -> bool {
    let mut events = Vec::new();
    with(|page| page.splitter.push(bytes, |event| events.push(event)));
    for event in events {
        let Some(event) = with(|page| page.read(attempt, &event)) else {
            return false;
        };
        let Some(event) = event else { continue };
        let goes_on = matches!(event, Event::Piece { .. });
        happened(event);
        if !goes_on {
            return false;
        }
    }
    true
}

/// The stream ended; a whole answer has said so before.
#[wasm_bindgen]
pub fn closed(attempt: u32) {
    happened(Event::Failed { attempt, problem: Problem::Broken });
}

/// The answer arrived in one piece.
#[wasm_bindgen]
pub fn answered(attempt: u32, text: String) {
    happened(Event::Answered { attempt, text });
}

/// The server refused, or with status 0 could not be reached.
#[wasm_bindgen]
pub fn failed(attempt: u32, status: u16, retry_after: u32) {
    let problem = if status == 0 { Problem::Broken } else { Problem::of_status(status, retry_after) };
    happened(Event::Failed { attempt, problem });
}

/// A pause is over.
#[wasm_bindgen]
pub fn ticked(attempt: u32) {
    happened(Event::Ticked { attempt });
}

/// Shows the pieces that have arrived.
#[wasm_bindgen]
pub fn draw() {
    with(|page| {
        page.due = false;
        page.draw(false);
    });
}

/// Takes what happened, does what follows, and shows it.
fn happened(event: Event) {
    with(|page| {
        let grows = matches!(event, Event::Piece { .. });
        let sent = matches!(event, Event::Sent { .. } | Event::Returned { .. });
        for effect in page.chat.on(event) {
            page.carry_out(effect);
        }
        if !grows {
            page.draw(sent);
        } else if !page.due {
            // However many pieces arrive before the next frame, they are drawn once.
            page.due = true;
            page.browser.soon();
        }
    });
}

fn with<T>(use_it: impl FnOnce(&mut Page) -> T) -> Option<T> {
    PAGE.with(|page| page.try_borrow_mut().ok()?.as_mut().map(use_it))
}

impl Page {
    fn carry_out(&mut self, effect: Effect) {
        let browser = &self.browser;
        match effect {
            Effect::Open { attempt, renew } => browser.open(attempt, renew),
            Effect::Return { attempt } => browser.fetch(attempt),
            Effect::Invoke { attempt, text, key } => {
                self.splitter = Splitter::default();
                browser.invoke(attempt, &text, &key);
            }
            Effect::Abort => browser.abort(),
            Effect::Forget => browser.forget(),
            Effect::Wait { attempt, milliseconds } => browser.wait(attempt, milliseconds),
            Effect::Tell(what) => browser.tell(what, self.chat.problem().map(Problem::text_name)),
        }
    }

    /// Reads an event of the stream; nothing for those that need no doing.
    fn read(&self, attempt: u32, event: &sse::Event) -> Option<Event> {
        let field = |name: &str| self.browser.field(&event.data, name);
        match event.name.as_bytes() {
            b"token" => Some(Event::Piece { attempt, text: field("text")? }),
            b"message_end" => Some(Event::Answered { attempt, text: field("output").unwrap_or_default() }),
            b"error" => {
                let wait = field("retry_after").map_or(0, |digits| seconds(&digits));
                let problem = Problem::of_word(&field("error").unwrap_or_default(), wait);
                Some(Event::Failed { attempt, problem })
            }
            _ => None,
        }
    }

    fn text(&self, name: &str) -> String {
        self.browser.text(name).unwrap_or_default()
    }
}

/// Reads whole seconds; a day at the most.
fn seconds(digits: &str) -> u32 {
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |seconds, digit| (seconds * 10 + u32::from(digit - b'0')).min(86_400))
}

/// Writes a number; `format!` would cost kilobytes.
fn number(mut number: u32) -> String {
    let mut digits = String::new();
    loop {
        digits.insert(0, char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
        number /= 10;
        if number == 0 {
            return digits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{number, seconds};

    #[test]
    fn numbers_are_written_and_read_in_tens() {
        for (value, text) in [(0, "0"), (7, "7"), (10, "10"), (4000, "4000")] {
            assert_eq!(number(value), text);
            assert_eq!(seconds(text), value);
        }
        assert_eq!(seconds("999999999999"), 86_400);
        assert_eq!(seconds("1.5"), 1);
    }
}
