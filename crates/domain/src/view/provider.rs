//! What a provider sees and sends: application, offerings, plans, figures.

use serde::{Deserialize, Serialize};

use crate::pricing::Terms;
use crate::{
    AgentId, FlowVersionId, Money, OfferingId, OrganizationId, PlanId,
    state::{OfferingState, ProviderState},
    view::{catalog::PlanView, config::UsageDay, knowledge::DocumentQuota, order::OrderView},
};

/// Where an organization stands as a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationView {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// Where it stands.
    pub state: ProviderState,
    /// What it says of itself.
    pub description: String,
    /// Its web site; may be empty.
    pub website: String,
    /// Why the operator decided so; empty when nothing was said.
    pub reason: String,
    /// When it asked, readable.
    pub applied: String,
    /// When it was decided, readable.
    pub decided: Option<String>,
}

/// An offering, as its provider edits it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferingEdit {
    /// Which.
    pub id: OfferingId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Of which agent.
    pub agent_id: AgentId,
    /// That agent's name.
    pub agent_name: String,
    /// Which version buyers get.
    pub flow_version_id: Option<FlowVersionId>,
    /// That version's number.
    pub flow_version_number: Option<i64>,
    /// Where it stands.
    pub state: OfferingState,
    /// Its name in URLs.
    pub slug: String,
    /// What the provider writes.
    pub form: OfferingForm,
    /// Its category's slug.
    pub category_slug: String,
    /// Its plans, cheapest first, archived ones last.
    pub plans: Vec<PlanView>,
    /// What is missing before it can be submitted, for people; empty when nothing is.
    pub missing: Vec<String>,
    /// Why the operator sent it back, if that was the last answer.
    pub review_reason: Option<String>,
    /// How many organizations use it.
    pub customers: i64,
}

/// What a provider writes about an offering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OfferingForm {
    /// 2 to 80 characters.
    pub name: String,
    /// One sentence, up to 160 characters.
    pub tagline: String,
    /// Markdown, up to 20,000 characters.
    pub full_description: String,
    /// What a buyer must accept; may be empty.
    pub terms: String,
    /// What the agent says first; may be empty.
    pub greeting: String,
    /// Questions to start with, one a line, up to 6.
    pub starters: String,
    /// Words to find it by, separated by commas, up to 10.
    pub tags: String,
    /// Path of the artwork.
    pub thumbnail: String,
    /// Whether visitors may try it.
    pub demo: bool,
    /// Whether each order waits for the provider.
    pub manual_approval: bool,
}

/// What a provider sends to make or change a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanForm {
    /// The plan to change; nothing makes a new one.
    pub id: Option<PlanId>,
    /// 1 to 60 characters.
    pub name: String,
    /// Up to 200 characters.
    pub description: String,
    /// What is paid each period.
    pub price: Money,
    /// Calls a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// Calls a minute; 60 where it is left out.
    pub requests_per_minute: Option<i64>,
    /// How often it is paid, and what besides.
    pub terms: Terms,
    /// What the documents of an agent may be; 500 of 250 MB and 20,000 pages where it is left out.
    pub documents: Option<DocumentQuota>,
}

/// A provider's first page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderDashboard {
    /// What the running subscriptions bring in a month, by currency.
    pub monthly: Vec<Money>,
    /// Running subscriptions.
    pub subscriptions: i64,
    /// Organizations that have one.
    pub customers: i64,
    /// Answered calls this month.
    pub calls: i64,
    /// Failed calls this month.
    pub failed: i64,
    /// Answered calls by day, the last 30 days, oldest first.
    pub trend: Vec<(String, i64)>,
    /// The last orders.
    pub orders: Vec<OrderView>,
    /// How many offerings are in each state.
    pub offerings: Vec<(OfferingState, i64)>,
    /// Money taken for this provider's offerings, less refunds, this month, by currency.
    pub revenue: Vec<Money>,
}

/// An organization that bought from a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomerView {
    /// Who.
    pub organization_id: OrganizationId,
    /// By name.
    pub name: String,
    /// Running subscriptions.
    pub subscriptions: i64,
    /// Answered calls this month.
    pub calls: i64,
    /// Since when, readable.
    pub since: String,
}

/// How one offering, or the agent behind it, is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferingAnalytics {
    /// First day, `2026-10-23`.
    pub from: String,
    /// Last day.
    pub to: String,
    /// Running subscriptions.
    pub subscriptions: i64,
    /// Organizations that have one.
    pub customers: i64,
    /// Answered calls in these days.
    pub calls: i64,
    /// Failed calls in these days; they cost nothing.
    pub failed: i64,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// The same by day, oldest first, with empty days.
    pub days: Vec<UsageDay>,
    /// The mean of its ratings in tenths; 0 without reviews.
    pub rating_tenths: i64,
    /// How many reviews it has.
    pub review_count: i64,
}
