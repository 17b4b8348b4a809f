//! Orders, subscriptions, checkout and payments.

use serde::{Deserialize, Serialize};

use crate::pricing::Interval;
use crate::{
    ConfigId, Money, OfferingId, OrderId, OrganizationId, PaymentId, PlanId, ProjectId, SubscriptionId, Timestamp,
    state::{Entitlement, OrderKind, OrderState, PaymentState, SubscriptionState},
};

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// Which.
    pub id: OrderId,
    /// What it changes.
    pub kind: OrderKind,
    /// Where it stands.
    pub state: OrderState,
    /// What it costs now.
    pub amount: Money,
    /// Who buys.
    pub organization_id: OrganizationId,
    /// Who buys, by name.
    pub organization_name: String,
    /// Into which project.
    pub project_id: ProjectId,
    /// That project's name.
    pub project_name: String,
    /// Of what.
    pub offering_id: OfferingId,
    /// Of what, by name.
    pub offering_name: String,
    /// Its artwork.
    pub offering_thumbnail: String,
    /// Who sells.
    pub provider_id: OrganizationId,
    /// Who sells, by name.
    pub provider_name: String,
    /// Which plan.
    pub plan_id: PlanId,
    /// Which plan, by name.
    pub plan_name: String,
    /// Which plan it was before, for a switch.
    pub old_plan_id: Option<PlanId>,
    /// The subscription that it made or changes.
    pub subscription_id: Option<SubscriptionId>,
    /// That subscription's config, once it is provisioned.
    pub config_id: Option<ConfigId>,
    /// What the subscription is called.
    pub subscription_name: String,
    /// Who ordered, by name.
    pub created_by: String,
    /// When.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// What went wrong, for people; empty when nothing did.
    pub error_message: String,
    /// Where to pay, while it is unpaid.
    pub checkout_url: Option<String>,
    /// What it is paid together with, where it was ordered in a bundle.
    pub together: Option<Together>,
    /// What has happened, oldest first.
    pub steps: Vec<OrderStep>,
}

/// Orders that are paid together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// The bundle, by name.
    pub bundle: String,
    /// What all of them cost.
    pub total: Money,
    /// Each of them, with its product and what of the price is its.
    pub orders: Vec<(OrderId, String, Money)>,
}

/// One thing that happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStep {
    /// When, readable.
    pub at: String,
    /// The state it reached.
    pub state: OrderState,
    /// Why, for people.
    pub note: String,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionView {
    /// Which.
    pub id: SubscriptionId,
    /// What its buyer calls it.
    pub name: String,
    /// Where it stands.
    pub state: SubscriptionState,
    /// Whose.
    pub organization_id: OrganizationId,
    /// Whose, by name.
    pub organization_name: String,
    /// In which project.
    pub project_id: ProjectId,
    /// That project's name.
    pub project_name: String,
    /// Of what.
    pub offering_id: OfferingId,
    /// Of what, by name.
    pub offering_name: String,
    /// Its artwork.
    pub offering_thumbnail: String,
    /// Its category's slug.
    pub category_slug: String,
    /// Its category's title.
    pub category_title: String,
    /// Who sells.
    pub provider_id: OrganizationId,
    /// Who sells, by name.
    pub provider_name: String,
    /// Its plan.
    pub plan_id: PlanId,
    /// Its plan, by name.
    pub plan_name: String,
    /// What a period costs at least.
    pub price: Money,
    /// How long a period is.
    pub interval: Interval,
    /// Calls in a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// Calls made this month.
    pub used: i64,
    /// Its config, once it is provisioned.
    pub config_id: Option<ConfigId>,
    /// When it was made.
    pub created: Timestamp,
    /// The order that it came from.
    pub order_id: Option<OrderId>,
    /// When it last changed.
    pub modified: Timestamp,
    /// What went wrong; empty when nothing did.
    pub error_message: String,
    /// For which time it is paid, and what comes then; nothing while it is not provisioned.
    pub period: Option<PeriodView>,
}

/// For which time a subscription is paid, and what comes then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodView {
    /// Whether it may be used.
    pub entitlement: Entitlement,
    /// When the period began.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// When it ends, readable.
    pub until: String,
    /// Whether the subscription ends with it.
    pub cancel_at_period_end: bool,
    /// Whether it is a time to try, and nothing was paid yet.
    pub tried: bool,
    /// The order of the next period, while it waits to be paid.
    pub unpaid_order: Option<OrderId>,
    /// The plan, by name, that it goes on with; nothing where that is the same.
    pub next_plan: Option<String>,
}

/// Money that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaymentView {
    /// Which.
    pub id: PaymentId,
    /// For which order.
    pub order_id: OrderId,
    /// What was bought.
    pub description: String,
    /// How much.
    pub amount: Money,
    /// What of it went back, or is on its way back.
    pub back: Money,
    /// Where it stands.
    pub state: PaymentState,
    /// When, readable.
    pub created: String,
    /// How, `Visa •••• 4242`.
    pub method: String,
}

/// What a buyer sends to buy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Who buys.
    pub organization_id: OrganizationId,
    /// Into which project; the default one where it is left out.
    pub project_id: Option<ProjectId>,
    /// Of what.
    pub offering_id: OfferingId,
    /// Which plan; the cheapest where it is left out.
    pub plan_id: Option<PlanId>,
    /// What to call the subscription; the offering's name where it is empty.
    pub name: String,
    /// Whether the terms are accepted; needed only where there are some.
    pub accept_terms: bool,
}

/// What the sandbox rail's checkout page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SandboxCheckoutView {
    /// The rail's id of this visit.
    pub session: String,
    /// What is bought, or saved.
    pub description: String,
    /// How much, `$29`.
    pub amount: String,
    /// To whom, and for what.
    pub note: String,
    /// What the page is called.
    pub title: String,
    /// What its button says.
    pub button: String,
    /// What a payer confirms whose bank asks for it.
    pub confirm: String,
    /// What it is called once it is over.
    pub over: String,
    /// What leads on from there.
    pub onward: String,
    /// Whether it can still be paid.
    pub open: bool,
    /// Where the buyer goes after paying.
    pub success_url: String,
    /// Where the buyer goes to leave.
    pub cancel_url: String,
}

/// What the sandbox rail's page shows where a provider says where it is paid to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SandboxPayoutView {
    /// The rail's name for the page.
    pub page: String,
    /// Who is paid, by name.
    pub provider: String,
    /// By whom.
    pub merchant: String,
    /// What is known, `Bank account •••• 6789`; empty before anything is.
    pub destination: String,
    /// Where the provider goes to leave.
    pub return_url: String,
}

/// A buyer's first page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BuyerDashboard {
    /// Running subscriptions.
    pub agents: i64,
    /// Answered calls this month.
    pub calls: i64,
    /// Failed calls this month.
    pub failed: i64,
    /// Money paid this month, less what came back, by currency.
    pub spend: Vec<Money>,
    /// Money paid in each of the last six months, oldest first: `2026-11`, and by currency.
    pub spend_by_month: Vec<(String, Vec<Money>)>,
    /// Answered calls by day, the last 30 days, oldest first.
    pub trend: Vec<(String, i64)>,
    /// The newest subscriptions.
    pub subscriptions: Vec<SubscriptionView>,
    /// The last orders.
    pub orders: Vec<OrderView>,
}
