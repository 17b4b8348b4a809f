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
use testkit::{TestCtx, saying};

/// Asks so many times at the same time; returns how often it was answered, and the refusals.
async fn all_at_once(t: &TestCtx, key: &str, calls: usize) -> (usize, Vec<GatewayError>) {
    let outcomes = futures::future::join_all((0..calls).map(|_| t.ask(key, saying("hello")))).await;
    let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    (answered, outcomes.into_iter().filter_map(Result::err).collect())
}

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
