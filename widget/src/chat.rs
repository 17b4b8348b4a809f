//! The conversation as a value: what happened goes in, what to do comes out.
//!
//! No clock, no network, no page: `page` carries out the [`Effect`]s and reports back. What a
//! newcomer gets wrong: reports of an abandoned attempt still arrive. Each attempt has a number,
//! and a report with another number is ignored.

mod problem;

pub use problem::Problem;

/// A message may have this many characters, as browsers count them.
pub const MOST_CHARACTERS: usize = 4000;

/// How often we try by ourselves before the visitor has to ask for it.
const OWN_TRIES: u8 = 3;

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The visitor.
    Visitor,
    /// The agent.
    Agent,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said so far.
    pub text: String,
    /// Whether more will come.
    pub grows: bool,
}

impl Message {
    /// Makes a whole message.
    pub fn whole(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), grows: false }
    }
}

/// What the chat is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Waiting for the visitor.
    Nothing,
    /// Coming back to an earlier conversation.
    Returning,
    /// Getting a token to send with.
    Opening,
    /// Getting an answer.
    Answering,
    /// Pausing before it tries again by itself.
    Pausing,
    /// Holding the message until the network is back.
    Held,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The chat was shown for the first time; tells whether there is a conversation to return to.
    Started {
        /// Whether a handle was kept.
        has_handle: bool,
    },
    /// The visitor sent a message; `key` is fresh and makes it unique.
    Sent {
        /// What they wrote.
        text: String,
        /// A fresh idempotency key.
        key: String,
    },
    /// The visitor wants no more of this answer.
    Stopped,
    /// The visitor wants the failed message to be tried again.
    Retried {
        /// A fresh idempotency key.
        key: String,
    },
    /// The visitor wants a new conversation.
    Renewed,
    /// A session was opened; its token is kept by the page.
    Opened {
        /// Which attempt.
        attempt: u32,
    },
    /// The earlier messages arrived.
    Returned {
        /// Which attempt.
        attempt: u32,
        /// What was said, oldest first.
        messages: Vec<Message>,
    },
    /// A piece of the answer arrived.
    Piece {
        /// Which attempt.
        attempt: u32,
        /// The piece.
        text: String,
    },
    /// The answer is whole.
    Answered {
        /// Which attempt.
        attempt: u32,
        /// All of it.
        text: String,
    },
    /// It did not work.
    Failed {
        /// Which attempt.
        attempt: u32,
        /// Why.
        problem: Problem,
    },
    /// A pause is over, or a second of a countdown.
    Ticked {
        /// Which attempt.
        attempt: u32,
    },
    /// The network came or went.
    Network {
        /// Whether it is there.
        online: bool,
    },
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Get a token: with the kept handle if there is one.
    Open {
        /// Report with this number.
        attempt: u32,
        /// Whether an earlier token was refused and must not be used again.
        renew: bool,
    },
    /// Get the earlier messages.
    Return {
        /// Report with this number.
        attempt: u32,
    },
    /// Send the message.
    Invoke {
        /// Report with this number.
        attempt: u32,
        /// What the visitor wrote.
        text: String,
        /// The idempotency key.
        key: String,
    },
    /// Drop the request that is under way.
    Abort,
    /// Forget the kept handle and token.
    Forget,
    /// Report [`Event::Ticked`] later.
    Wait {
        /// Report with this number.
        attempt: u32,
        /// After how many milliseconds.
        milliseconds: i32,
    },
    /// Tell the host page: a message was sent, an answer came, something failed.
    Tell(&'static str),
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Chat {
    messages: Vec<Message>,
    doing: Doing,
    online: bool,
    attempt: u32,
    /// How often we tried by ourselves.
    tries: u8,
    /// Whether a fresh token was already asked for.
    renewed: bool,
    /// Whether a handle is kept that brings the conversation back.
    has_handle: bool,
    /// The idempotency key of the last message.
    key: String,
    problem: Option<Problem>,
    /// Seconds until trying again makes sense.
    countdown: u32,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            doing: Doing::Nothing,
            online: true,
            attempt: 0,
            tries: 0,
            renewed: false,
            has_handle: false,
            key: String::new(),
            problem: None,
            countdown: 0,
        }
    }
}

impl Chat {
    /// Returns the messages, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Tells whether an answer is awaited or arriving.
    pub fn is_busy(&self) -> bool {
        matches!(self.doing, Doing::Opening | Doing::Answering | Doing::Pausing)
    }

    /// Tells whether earlier messages are being fetched.
    pub fn is_returning(&self) -> bool {
        self.doing == Doing::Returning
    }

    /// Returns what the visitor should know of.
    pub fn problem(&self) -> Option<Problem> {
        if self.problem.is_none() && !self.online { Some(Problem::Offline) } else { self.problem }
    }

    /// Returns the seconds until trying again makes sense.
    pub fn countdown(&self) -> u32 {
        self.countdown
    }

    /// Tells whether a "try again" makes sense now.
    pub fn can_retry(&self) -> bool {
        self.doing == Doing::Nothing
            && self.countdown == 0
            && self.problem.is_some_and(Problem::may_pass)
            && self.messages.last().is_some_and(|message| message.role == Role::Visitor)
    }

    /// Tells whether a new message would be taken.
    pub fn takes_messages(&self) -> bool {
        self.doing == Doing::Nothing && self.countdown == 0 && !self.problem.is_some_and(Problem::is_final)
    }

    /// Takes what happened; returns what to do about it.
    pub fn on(&mut self, event: Event) -> Vec<Effect> {
        if self.is_stale(&event) {
            return Vec::new();
        }
        match event {
            Event::Started { has_handle } => self.start(has_handle),
            Event::Sent { text, key } => self.send(text, key),
            Event::Stopped => self.stop(),
            Event::Retried { key } => self.retry(key),
            Event::Renewed => self.renew(),
            Event::Opened { .. } => self.opened(),
            Event::Returned { messages, .. } => {
                self.doing = Doing::Nothing;
                self.messages = messages;
                Vec::new()
            }
            Event::Piece { text, .. } => {
                self.grow(&text);
                Vec::new()
            }
            Event::Answered { text, .. } => self.answered(text),
            Event::Failed { problem, .. } => self.failed(problem),
            Event::Ticked { .. } => self.ticked(),
            Event::Network { online } => self.network(online),
        }
    }

    fn is_stale(&self, event: &Event) -> bool {
        match event {
            Event::Opened { attempt }
            | Event::Returned { attempt, .. }
            | Event::Piece { attempt, .. }
            | Event::Answered { attempt, .. }
            | Event::Failed { attempt, .. }
            | Event::Ticked { attempt } => *attempt != self.attempt,
            _ => false,
        }
    }

    fn start(&mut self, has_handle: bool) -> Vec<Effect> {
        self.has_handle |= has_handle;
        if !has_handle || self.doing != Doing::Nothing || !self.messages.is_empty() {
            return Vec::new();
        }
        self.doing = Doing::Returning;
        self.attempt += 1;
        vec![Effect::Open { attempt: self.attempt, renew: false }]
    }

    fn send(&mut self, text: String, key: String) -> Vec<Effect> {
        let text = text.trim();
        let fits = !text.is_empty() && text.encode_utf16().count() <= MOST_CHARACTERS;
        if !fits || !self.takes_messages() {
            return Vec::new();
        }
        self.messages.push(Message::whole(Role::Visitor, text));
        self.key = key;
        let mut effects = self.try_anew();
        effects.push(Effect::Tell("message"));
        effects
    }

    fn retry(&mut self, key: String) -> Vec<Effect> {
        if !self.can_retry() {
            return Vec::new();
        }
        // A message whose fate we do not know keeps its key: it must not be paid for twice.
        if !self.problem.is_some_and(Problem::leaves_doubt) {
            self.key = key;
        }
        self.try_anew()
    }

    fn try_anew(&mut self) -> Vec<Effect> {
        self.tries = 0;
        self.renewed = false;
        self.problem = None;
        self.open()
    }

    fn open(&mut self) -> Vec<Effect> {
        if !self.online {
            self.doing = Doing::Held;
            return Vec::new();
        }
        self.doing = Doing::Opening;
        self.attempt += 1;
        vec![Effect::Open { attempt: self.attempt, renew: false }]
    }

    fn opened(&mut self) -> Vec<Effect> {
        self.has_handle = true;
        match self.doing {
            Doing::Returning => vec![Effect::Return { attempt: self.attempt }],
            Doing::Opening => {
                self.doing = Doing::Answering;
                let Some(text) = self.question() else {
                    return Vec::new();
                };
                vec![Effect::Invoke { attempt: self.attempt, text, key: self.key.clone() }]
            }
            _ => Vec::new(),
        }
    }

    /// Returns what the visitor said last.
    fn question(&self) -> Option<String> {
        self.messages.iter().rev().find(|message| message.role == Role::Visitor).map(|message| message.text.clone())
    }

    fn grow(&mut self, text: &str) {
        match self.messages.last_mut() {
            Some(message) if message.grows => message.text.push_str(text),
            _ => {
                let text = text.to_owned();
                self.messages.push(Message { role: Role::Agent, text, grows: true });
            }
        }
    }

    fn answered(&mut self, text: String) -> Vec<Effect> {
        self.doing = Doing::Nothing;
        self.grow("");
        if let Some(message) = self.messages.last_mut() {
            message.grows = false;
            if !text.is_empty() {
                message.text = text;
            }
        }
        self.drop_empty();
        vec![Effect::Tell("reply")]
    }

    fn stop(&mut self) -> Vec<Effect> {
        if !self.is_busy() {
            return Vec::new();
        }
        self.attempt += 1;
        self.doing = Doing::Nothing;
        if let Some(message) = self.messages.last_mut() {
            message.grows = false;
        }
        self.drop_empty();
        vec![Effect::Abort]
    }

    fn renew(&mut self) -> Vec<Effect> {
        let (online, attempt) = (self.online, self.attempt + 1);
        *self = Self { online, attempt, ..Self::default() };
        vec![Effect::Abort, Effect::Forget, Effect::Tell("session")]
    }

    fn failed(&mut self, problem: Problem) -> Vec<Effect> {
        let refused = matches!(problem, Problem::Refused | Problem::Forbidden | Problem::Gone | Problem::Invalid);
        if self.doing == Doing::Returning {
            // A conversation that is gone is no error: a new one begins with the next message.
            self.doing = Doing::Nothing;
            self.has_handle &= !refused;
            return if refused { vec![Effect::Forget] } else { Vec::new() };
        }
        if self.doing == Doing::Opening && refused && self.has_handle {
            // Perhaps only the handle is no longer known.
            self.has_handle = false;
            self.attempt += 1;
            return vec![Effect::Forget, Effect::Open { attempt: self.attempt, renew: true }];
        }
        // A token that was refused is old; a key that was refused stays so.
        if problem == Problem::Refused && self.doing == Doing::Answering && !self.renewed {
            self.renewed = true;
            self.begin_again();
            self.doing = Doing::Opening;
            return vec![Effect::Open { attempt: self.attempt, renew: true }];
        }
        if problem.leaves_doubt() && self.tries < OWN_TRIES && self.online {
            self.begin_again();
            self.tries += 1;
            self.doing = Doing::Pausing;
            let milliseconds = 500 << self.tries;
            return vec![Effect::Abort, Effect::Wait { attempt: self.attempt, milliseconds }];
        }
        self.begin_again();
        if problem.leaves_doubt() && !self.online {
            self.doing = Doing::Held;
            return vec![Effect::Abort];
        }
        self.doing = Doing::Nothing;
        self.problem = Some(problem);
        self.countdown = problem.wait();
        let mut effects = vec![Effect::Abort, Effect::Tell("error")];
        if self.countdown > 0 {
            effects.push(Effect::Wait { attempt: self.attempt, milliseconds: 1000 });
        }
        effects
    }

    /// Leaves an attempt: its half answer goes, since the next one brings all of it.
    fn begin_again(&mut self) {
        self.attempt += 1;
        if self.messages.last().is_some_and(|message| message.grows) {
            self.messages.pop();
        }
    }

    fn ticked(&mut self) -> Vec<Effect> {
        if self.doing == Doing::Pausing {
            return self.open();
        }
        self.countdown = self.countdown.saturating_sub(1);
        if self.countdown > 0 { vec![Effect::Wait { attempt: self.attempt, milliseconds: 1000 }] } else { Vec::new() }
    }

    fn network(&mut self, online: bool) -> Vec<Effect> {
        self.online = online;
        if online && self.doing == Doing::Held { self.try_anew() } else { Vec::new() }
    }

    fn drop_empty(&mut self) {
        if self.messages.last().is_some_and(|message| message.role == Role::Agent && message.text.trim().is_empty()) {
            self.messages.pop();
        }
    }
}

#[cfg(test)]
mod tests;
