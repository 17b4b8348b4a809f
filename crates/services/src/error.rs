//! What a use case can answer instead of a result: the things that a caller can tell apart.

use std::time::Duration;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case did not happen.
///
/// Each door maps it in one place: `server::api::error` to REST, `app::error` to the portal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in (401).
    #[error("sign in first")]
    SignedOut,
    /// The caller may know of it, but not do it (403).
    #[error("{0}")]
    Forbidden(&'static str),
    /// It is not there, or the caller may not know that it is (404).
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It was there once: a link that was used, taken back or has expired (410).
    #[error("{0}")]
    Gone(&'static str),
    /// The input is wrong (400): each field with what to do about it. The empty field is the whole.
    #[error("{}", .0.iter().map(|(field, problem)| if field.is_empty() { problem.clone() } else { format!("{field}: {problem}") }).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(String, String)>),
    /// The thing is in a state that does not allow it (409).
    #[error("{0}")]
    Conflict(String),
    /// Nothing to call with: no live subscription or no quota left (402).
    #[error("{0}")]
    PaymentRequired(String),
    /// Too often (429).
    #[error("{message}")]
    TooMany {
        /// What is too often, for people.
        message: String,
        /// When another try makes sense.
        retry_after: Duration,
    },
    /// A system that we depend on failed (502).
    #[error("{0}")]
    Upstream(String),
    /// A system that we depend on did not answer in time (504).
    #[error("{0}")]
    Timeout(String),
    /// Not our caller's fault (500); the source goes to the log, never to the caller.
    #[error("something went wrong on our side")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Makes an error of one field.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![(field.into(), problem.into())])
    }

    /// Says that `thing` itself is not there, where the caller is a stranger to the organization that has it.
    pub(crate) fn hiding(self, thing: &'static str) -> Self {
        match self {
            Self::NotFound(_) => Self::NotFound(thing),
            other => other,
        }
    }

    /// Makes an error of a source that nobody outside may see.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::internal(error)
    }
}

/// Collects what is wrong with the fields of one input, so that all of it is said at once.
#[derive(Debug, Default)]
pub struct Checks(Vec<(String, String)>);

impl Checks {
    /// Notes a problem unless `fine`.
    pub fn require(&mut self, fine: bool, field: &str, problem: &str) {
        if !fine {
            self.0.push((field.to_owned(), problem.to_owned()));
        }
    }

    /// Parses a field, noting why it cannot be.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.0.push((field.to_owned(), problem.to_string()));
                None
            }
        }
    }

    /// Trims a text, noting if it is not between `min` and `max` characters long.
    pub fn text(&mut self, field: &str, text: &str, min: usize, max: usize) -> String {
        let text = text.trim();
        let length = text.chars().count();
        if length < min {
            let problem =
                if length == 0 { "is required".to_owned() } else { format!("must have at least {min} characters") };
            self.0.push((field.to_owned(), problem));
        } else if length > max {
            self.0.push((field.to_owned(), format!("may have {max} characters at most; this has {length}")));
        } else if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            self.0.push((field.to_owned(), "must not contain control characters".to_owned()));
        }
        text.to_owned()
    }

    /// Does what [`Checks::text`] does, for names and titles, which stand in letters and beside other people's
    /// words: no second line, and nothing that turns the direction of the text around it.
    pub fn line(&mut self, field: &str, text: &str, min: usize, max: usize) -> String {
        let line = self.text(field, text, min, max);
        let breaks = |c: char| matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}');
        let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        self.require(!line.contains(breaks), field, "must be one line");
        self.require(!line.contains(turns), field, "must not contain characters that turn the direction of text");
        line
    }

    /// Fails if anything was noted.
    pub fn done(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// Writes an error and what caused it on one line, for a log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_that_turns_nothing_around_it() {
        let problems = |name: &str| {
            let mut checks = Checks::default();
            checks.line("name", name, 1, 80);
            checks.0.len()
        };
        for fine in ["Ada", "Jürgen & Søhne", "שלום", "👩‍🔬 Lab"] {
            assert_eq!(problems(fine), 0, "{fine:?}");
        }
        for wrong in ["Ada\r\nBcc: eve@example.com", "Ada\tB", "Ada\u{2028}B", "\u{202e}adA", "Ada\u{2066}B"] {
            assert_eq!(problems(wrong), 1, "{wrong:?}");
        }
    }
}
