//! Caps: how many calls a month an organization allows itself.

use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;

text_enum! {
    /// What a cap is of.
    CapScope {
        /// All calls of an organization.
        Organization = "organization",
        /// The calls of one subscription.
        Subscription = "subscription",
        /// The calls that are made with one key.
        Key = "key",
    }
}

/// What can have a cap, and what was called of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapView {
    /// The organization's, subscription's or key's id.
    pub scope_id: String,
    /// Which of them it is.
    pub scope: CapScope,
    /// What it is called.
    pub name: String,
    /// The product of a subscription, the agent of a key; empty for the organization.
    pub part_of: String,
    /// Calls a month that the plan allows; nothing where that is without a limit, or it is no subscription.
    pub quota: Option<i64>,
    /// Calls a month that the organization allows; nothing where it has set none.
    pub cap: Option<i64>,
    /// Calls of this month.
    pub used: i64,
}

impl CapView {
    /// Returns what holds: the plan's quota or the cap, whichever is less.
    pub fn limit(&self) -> Option<i64> {
        [self.quota, self.cap].into_iter().flatten().min()
    }
}
