//! What the operator of the marketplace sees and decides.

mod submissions;

pub use submissions::{decide_submission, submission, submissions};

/// What an operator says to someone who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No, and why.
    Refuse {
        /// For whoever asked.
        reason: String,
    },
}
