//! What the operator of the marketplace sees and decides.
//!
//! Every decision is written down in its own transaction, with who decided and why.

mod audit_log;
mod directory;
mod jobs;
mod overview;
mod providers;
mod submissions;

pub use audit_log::audit_log;
pub use directory::{organizations, set_blocked, set_user_disabled, users};
pub use jobs::{jobs, retry_job};
pub use overview::overview;
pub(crate) use overview::trend;
pub use providers::{applications, decide_application, reinstate_provider, suspend_provider};
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
