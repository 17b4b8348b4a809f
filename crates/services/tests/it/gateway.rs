//! The gateway: who is admitted, what is counted, what a page may do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod caps;
mod counting;
mod demos;
mod keys;
mod limits;
mod members;
mod pages;
mod repeats;
mod reports;
mod traces;

use services::gateway::GatewayError;

/// Returns the status and the word of a refusal.
#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, GatewayError>) -> (u16, String) {
    let error = outcome.unwrap_err();
    assert!(!error.detail.is_empty());
    (error.status, error.error)
}

/// Makes what [`refusal`] returns.
fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}
