//! What an operator sees.

use serde::{Deserialize, Serialize};

use crate::{
    JobId, Money, OfferingId, OrganizationId, SubmissionId,
    state::{OrderState, SubmissionState},
    view::{account::UserView, agent::FlowReport, provider::OfferingEdit},
};

/// An operator's first page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdminOverview {
    /// Applications that wait.
    pub applications: i64,
    /// Offerings that wait for review.
    pub submissions: i64,
    /// People.
    pub users: i64,
    /// Organizations.
    pub organizations: i64,
    /// Running subscriptions.
    pub subscriptions: i64,
    /// Listed offerings.
    pub offerings: i64,
    /// Answered calls in the last 24 hours.
    pub calls: i64,
    /// Failed calls in the last 24 hours.
    pub failed: i64,
    /// Money taken this month, less refunds, by currency.
    pub revenue: Vec<Money>,
    /// Orders by state.
    pub orders: Vec<(OrderState, i64)>,
    /// Jobs that wait, and jobs that gave up.
    pub jobs_waiting: i64,
    /// Jobs that gave up.
    pub jobs_dead: i64,
    /// Answered calls by day, the last 30 days, oldest first.
    pub trend: Vec<(String, i64)>,
}

/// An offering that waits for the operator, or was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmissionView {
    /// Which.
    pub id: SubmissionId,
    /// Of which offering.
    pub offering_id: OfferingId,
    /// By name.
    pub offering_name: String,
    /// Who sells.
    pub provider_name: String,
    /// Where it stands.
    pub state: SubmissionState,
    /// What the provider says.
    pub note: String,
    /// Why it was decided so.
    pub reason: String,
    /// When it was submitted, readable.
    pub submitted: String,
    /// When it was decided, readable.
    pub decided: Option<String>,
}

/// What an operator reads before deciding on an offering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmissionDetail {
    /// The submission.
    pub submission: SubmissionView,
    /// What would be listed.
    pub offering: OfferingEdit,
    /// Its description as HTML that is safe to show.
    pub full_description_html: String,
    /// What is in the flow.
    pub report: FlowReport,
}

/// A person in the operator's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRowView {
    /// The person.
    pub user: UserView,
    /// Their organizations, by name.
    pub organizations: Vec<String>,
    /// Whether they are locked out.
    pub disabled: bool,
    /// Since when, readable.
    pub created: String,
}

/// An organization in the operator's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationRowView {
    /// Which.
    pub id: OrganizationId,
    /// By name.
    pub name: String,
    /// Its members.
    pub members: i64,
    /// Its running subscriptions.
    pub subscriptions: i64,
    /// Where it stands as a provider; empty if it never asked.
    pub provider: String,
    /// Whether it is blocked.
    pub blocked: bool,
    /// Since when, readable.
    pub created: String,
}

/// Work that happens later, as the operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Which.
    pub id: JobId,
    /// What it does: `provision`, `refund`, `mail` …
    pub kind: String,
    /// When it runs next, readable.
    pub run_at: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Whether it gave up.
    pub dead: bool,
    /// Why the last try failed; empty when none did.
    pub last_error: String,
}

/// A decision that was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntryView {
    /// When, readable.
    pub at: String,
    /// Who decided, by name; empty for the command line.
    pub actor: String,
    /// About which organization, by name; empty for none.
    pub organization: String,
    /// What was done: `organization.block`, `provider.approve` …
    pub action: String,
    /// To what: its id.
    pub subject: String,
    /// Why, or how.
    pub detail: String,
}
