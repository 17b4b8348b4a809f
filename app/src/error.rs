//! What a server function answers instead of a result, and the one place where `services::Error` becomes it.
//!
//! What a newcomer gets wrong: without JavaScript an error travels back to the page inside its URL,
//! so it must be small and hold nothing secret or personal.

use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// Why a page or a form did not get what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UiError {
    /// Nobody is signed in.
    SignedOut,
    /// The person may know of it, but not do it.
    Forbidden(String),
    /// It is not there, or the person may not know that it is.
    NotFound(String),
    /// It was there once: a link that was used, taken back or has expired.
    Gone(String),
    /// The input is wrong: each field with what to do about it. The empty field is the whole form.
    Invalid(Vec<(String, String)>),
    /// The thing is in a state that does not allow it.
    Conflict(String),
    /// There is no live subscription or no quota left.
    PaymentRequired(String),
    /// Too often.
    TooMany(String),
    /// A system that we depend on failed.
    Unavailable(String),
    /// Our fault; the reference finds it in the log.
    Internal(String),
    /// The request did not reach us, or its answer did not come back whole.
    Transport,
}

impl UiError {
    /// Makes an error about one field of a form.
    pub fn invalid(field: &str, problem: &str) -> Self {
        Self::Invalid(vec![(field.to_owned(), problem.to_owned())])
    }

    /// Returns what to tell the person, without what stands beside the fields.
    pub fn message(&self) -> String {
        match self {
            Self::SignedOut => "Your session has ended. Sign in to go on.".to_owned(),
            Self::Forbidden(text)
            | Self::Gone(text)
            | Self::Conflict(text)
            | Self::PaymentRequired(text)
            | Self::TooMany(text)
            | Self::Unavailable(text) => sentence(text),
            Self::NotFound(what) => format!("There is no such {what}, or you may not see it."),
            Self::Invalid(fields) => match fields.iter().find(|(field, _)| field.is_empty()) {
                Some((_, problem)) => sentence(problem),
                None if fields.len() == 1 => "One field needs another look.".to_owned(),
                None => format!("{} fields need another look.", fields.len()),
            },
            Self::Internal(reference) if reference.is_empty() => {
                "Something went wrong on our side. Try again in a moment.".to_owned()
            }
            Self::Internal(reference) => format!(
                "Something went wrong on our side. Try again in a moment; if it stays, tell us the reference {reference}."
            ),
            Self::Transport => "We could not reach the server. Check your connection and try again.".to_owned(),
        }
    }

    /// Returns what is wrong with a field.
    pub fn of_field(&self, name: &str) -> Option<String> {
        let Self::Invalid(fields) = self else {
            return None;
        };
        fields.iter().find(|(field, _)| field == name).map(|(_, problem)| sentence(problem))
    }

    /// Returns the HTTP status that says the same.
    pub const fn status(&self) -> u16 {
        match self {
            Self::SignedOut => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Gone(_) => 410,
            Self::Invalid(_) => 422,
            Self::Conflict(_) => 409,
            Self::PaymentRequired(_) => 402,
            Self::TooMany(_) => 429,
            Self::Unavailable(_) => 502,
            Self::Internal(_) | Self::Transport => 500,
        }
    }
}

/// Errors of the use cases start small and end without a full stop; people read sentences.
fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut out: String = match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => return String::new(),
    };
    if !out.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

impl FromServerFnError for UiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(problem) | ServerFnErrorErr::MissingArg(problem) => {
                Self::Invalid(vec![(String::new(), format!("the form was not understood: {problem}"))])
            }
            ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::MiddlewareError(_)
            | ServerFnErrorErr::Registration(_) => Self::Internal(String::new()),
            ServerFnErrorErr::UnsupportedRequestMethod(_)
            | ServerFnErrorErr::Request(_)
            | ServerFnErrorErr::Deserialization(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::Response(_) => Self::Transport,
        }
    }
}

#[cfg(feature = "ssr")]
impl From<services::Error> for UiError {
    fn from(error: services::Error) -> Self {
        use services::Error;

        match error {
            Error::SignedOut => Self::SignedOut,
            Error::Forbidden(text) => Self::Forbidden(text.to_owned()),
            Error::NotFound(what) => Self::NotFound(shop_word(what).to_owned()),
            Error::Gone(text) => Self::Gone(text.to_owned()),
            Error::Invalid(fields) => Self::Invalid(fields),
            Error::Conflict(text) => Self::Conflict(text),
            Error::PaymentRequired(text) => Self::PaymentRequired(text),
            Error::TooMany { message, retry_after } => {
                Self::TooMany(format!("{message}; try again in {} s", retry_after.as_secs().max(1)))
            }
            Error::Upstream(text) | Error::Timeout(text) => Self::Unavailable(text),
            Error::Internal(source) => Self::Internal(crate::server_context::report(source.as_ref())),
        }
    }
}

#[cfg(feature = "ssr")]
impl From<services::gateway::GatewayError> for UiError {
    fn from(error: services::gateway::GatewayError) -> Self {
        match error.status {
            401 => Self::SignedOut,
            402 => Self::PaymentRequired(error.detail),
            403 => Self::Forbidden(error.detail),
            404 => Self::NotFound("agent".to_owned()),
            409 => Self::Conflict(error.detail),
            413 | 422 => Self::Invalid(vec![(String::new(), error.detail)]),
            429 => Self::TooMany(error.detail),
            _ => Self::Unavailable(error.detail),
        }
    }
}

/// The pages speak like a shop; the API's words stay in the API.
#[cfg(feature = "ssr")]
fn shop_word(what: &'static str) -> &'static str {
    match what {
        "offering" => "product",
        "config" => "agent",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_sentences() {
        assert_eq!(UiError::Conflict("it is archived".to_owned()).message(), "It is archived.");
        assert_eq!(UiError::invalid("name", "is required").of_field("name").as_deref(), Some("Is required."));
        assert_eq!(UiError::invalid("name", "is required").message(), "One field needs another look.");
    }
}
