//! Brings the document up to date with the conversation, touching only what changed.

use web_sys::{Element, Node};

use crate::chat::{Message, Role};
use crate::cut::{cut, rest};
use crate::markdown;

use super::tree::Tree;
use super::{Page, number};

/// A message in the document.
pub(super) struct Shown {
    role: Role,
    /// What was said, as far as it is shown.
    text: String,
    /// Up to where the blocks are final.
    settled: usize,
    /// How many nodes those blocks have.
    kept: u32,
    around: Element,
    body: Element,
}

impl Page {
    /// Shows the conversation as it is.
    pub(super) fn draw(&mut self, to_bottom: bool) {
        let stays_at_bottom = to_bottom || self.is_at_bottom();
        if let Some(waits) = self.waits.take() {
            waits.remove();
        }
        let before = self.shown.len();
        let grew = self.draw_messages();
        self.draw_state();
        if stays_at_bottom {
            self.scroll_down();
        } else if grew && before > 0 {
            self.down.set_hidden(false);
        }
    }

    fn draw_messages(&mut self) -> bool {
        // Taken out for the moment, so that it can be read while the page changes.
        let chat = std::mem::take(&mut self.chat);
        let grew = self.draw_each(chat.messages());
        self.chat = chat;
        grew
    }

    fn draw_each(&mut self, messages: &[Message]) -> bool {
        let mut grew = false;
        for (at, message) in messages.iter().enumerate() {
            let fits = self
                .shown
                .get(at)
                .is_some_and(|shown| shown.role == message.role && message.text.starts_with(&shown.text));
            if !fits {
                self.drop_from(at);
                let Some(shown) = self.add(message.role) else {
                    return grew;
                };
                self.shown.push(shown);
            }
            if self.shown.get(at).is_some_and(|shown| shown.text.len() != message.text.len()) {
                self.grow(at, &message.text);
                grew = true;
            }
        }
        self.drop_from(messages.len());
        grew
    }

    fn drop_from(&mut self, at: usize) {
        for shown in self.shown.drain(at.min(self.shown.len())..) {
            shown.around.remove();
        }
    }

    fn add(&self, role: Role) -> Option<Shown> {
        let around = self.document.create_element("div").ok()?;
        let who = self.document.create_element("span").ok()?;
        let body = self.document.create_element("div").ok()?;
        let (class, name) = match role {
            Role::Visitor => ("m v", "you"),
            Role::Agent => ("m a", "agent"),
        };
        around.set_class_name(class);
        who.set_class_name("hide");
        who.set_text_content(Some(&self.text(name)));
        body.set_class_name("b");
        around.append_child(&who).ok()?;
        around.append_child(&body).ok()?;
        self.log.append_child(&around).ok()?;
        Some(Shown { role, text: String::new(), settled: 0, kept: 0, around, body })
    }

    fn grow(&mut self, at: usize, text: &str) {
        let copy = self.text("copy");
        let Some(shown) = self.shown.get_mut(at) else {
            return;
        };
        text.clone_into(&mut shown.text);
        if shown.role == Role::Visitor {
            return shown.body.set_text_content(Some(text));
        }
        let nodes = shown.body.child_nodes();
        while nodes.length() > shown.kept {
            if let Some(last) = shown.body.last_child() {
                let _ = shown.body.remove_child(&last);
            }
        }
        let root: Node = shown.body.clone().into();
        let mut tree = Tree { document: &self.document, copy: &copy, open: vec![root] };
        while let Some(length) = markdown::settled(rest(text, shown.settled)) {
            let end = shown.settled + length;
            markdown::render(cut(text, shown.settled, end), &mut tree);
            shown.settled = end;
            shown.kept = nodes.length();
        }
        markdown::render(rest(text, shown.settled), &mut tree);
    }

    /// Shows what the chat is doing, and what is wrong.
    fn draw_state(&mut self) {
        let busy = self.chat.is_busy();
        let was_busy = self.around.has_attribute("aria-busy");
        if busy {
            let _ = self.around.set_attribute("aria-busy", "true");
        } else {
            let _ = self.around.remove_attribute("aria-busy");
        }
        let label = self.text(if busy { "stop" } else { "send" });
        let _ = self.send.set_attribute("aria-label", &label);
        let _ = self.send.set_attribute("title", &label);
        let is_empty = self.chat.messages().is_empty();
        self.starters.set_hidden(!is_empty || self.chat.is_returning());
        self.fresh.set_hidden(is_empty);
        let is_final = self.chat.problem().is_some_and(crate::chat::Problem::is_final);
        self.input.set_disabled(is_final);
        self.draw_problem();
        // Said once when the answer begins and once when it is whole, not with each piece.
        if busy && !was_busy {
            self.status.set_text_content(Some(&self.text("answering")));
        } else if !busy && was_busy {
            let said =
                self.shown.last().filter(|shown| shown.role == Role::Agent).map(|shown| markdown::plain(&shown.text));
            self.status.set_text_content(said.as_deref());
        }
        if (busy && !self.chat.messages().last().is_some_and(|message| message.grows)) || self.chat.is_returning() {
            self.waits = self.dots();
        }
    }

    fn draw_problem(&self) {
        let notice = self.chat.problem().map(|problem| self.text(problem.text_name())).unwrap_or_default();
        // The same text again would be read out again.
        if self.notice.text_content().unwrap_or_default() != notice {
            self.notice.set_text_content(Some(&notice));
        }
        let countdown = self.chat.countdown();
        self.retry.set_hidden(!self.chat.can_retry() && countdown == 0);
        let mut label = self.text("retry");
        if countdown > 0 {
            label.push_str(" (");
            label.push_str(&number(countdown));
            label.push(')');
        }
        self.retry.set_text_content(Some(&label));
        let _ = self.retry.toggle_attribute_with_force("disabled", countdown > 0);
    }

    /// Three dots that say: wait.
    fn dots(&self) -> Option<Element> {
        let around = self.document.create_element("div").ok()?;
        let body = self.document.create_element("div").ok()?;
        around.set_class_name("m a wait");
        let _ = around.set_attribute("aria-hidden", "true");
        body.set_class_name("b");
        for _ in 0..3 {
            let dot = self.document.create_element("i").ok()?;
            body.append_child(&dot).ok()?;
        }
        around.append_child(&body).ok()?;
        self.log.append_child(&around).ok()?;
        Some(around)
    }

    pub(super) fn is_at_bottom(&self) -> bool {
        let log = &self.log;
        log.scroll_height() - log.scroll_top() - log.client_height() < 48
    }

    pub(super) fn scroll_down(&mut self) {
        let log = &self.log;
        log.set_scroll_top(log.scroll_height());
        self.down.set_hidden(true);
    }
}
