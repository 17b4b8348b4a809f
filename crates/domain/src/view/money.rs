//! What providers and operators see of money: earnings, revenue, the ledger, commission.

use serde::{Deserialize, Serialize};

use crate::ledger::{AccountCode, TransactionKind};
use crate::pricing::Interval;
use crate::state::{CaseKind, EarningState, InvoiceKind, RefundCause, RefundState, Source};
use crate::view::Page;
use crate::{
    CaseId, CategoryId, CommissionRuleId, EarningId, InvocationId, InvoiceId, LedgerTransactionId, Money, OrderId,
    OrganizationId, PaymentId, PayoutId, PlanId, RefundId, SubscriptionId, Timestamp,
};

/// What a provider has earned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarningsView {
    /// Earned and held back, by currency.
    pub held_back: Vec<Money>,
    /// Earned and no longer held back, by currency.
    pub available: Vec<Money>,
    /// What the provider owes: refunds that its available earnings did not cover, by currency.
    pub owed: Vec<Money>,
    /// What the sales that stand come to, by currency.
    pub totals: Vec<EarningsSummary>,
    /// For how many days an earning is held back.
    pub hold_days: i64,
    /// Each sale, newest first.
    pub sales: Page<EarningView>,
}

/// What sales come to, in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningsSummary {
    /// How many.
    pub sales: i64,
    /// What buyers paid.
    pub gross: Money,
    /// What is tax of it.
    pub tax: Money,
    /// What the platform keeps.
    pub commission: Money,
    /// What the provider earns.
    pub net: Money,
}

/// What a provider earns by one sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarningView {
    /// Which.
    pub id: EarningId,
    /// By which order.
    pub order_id: OrderId,
    /// When.
    pub sold: Timestamp,
    /// Who bought, by name.
    pub buyer: String,
    /// What was sold.
    pub description: String,
    /// What the buyer paid.
    pub gross: Money,
    /// What is tax of it.
    pub tax: Money,
    /// What the platform keeps.
    pub commission: Money,
    /// Which share that is, `20 %`.
    pub rate: String,
    /// What the provider earns.
    pub net: Money,
    /// Where it stands.
    pub state: EarningState,
    /// Until when it is held back.
    pub release: Timestamp,
    /// When it was released.
    pub released: Option<Timestamp>,
    /// When its sale went back whole.
    pub returned: Option<Timestamp>,
    /// What went back of it to the buyer.
    pub back: Money,
    /// What the provider has of it now.
    pub kept: Money,
    /// The payout that has paid it, or is on its way with it.
    pub payout_id: Option<PayoutId>,
}

/// What a provider has earned in a year, for its taxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxYear {
    /// Which year.
    pub year: i64,
    /// Whose.
    pub provider: PartyView,
    /// Who keeps the commission.
    pub marketplace: PartyView,
    /// Each month in which something happened, by currency.
    pub months: Vec<TaxMonth>,
    /// The whole year, by currency.
    pub totals: Vec<TaxMonth>,
}

/// What a provider has earned in a month, in one currency; each thing counts when it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxMonth {
    /// `2026-11`; the year alone for the whole of it.
    pub month: String,
    /// How many sales.
    pub sales: i64,
    /// What buyers paid.
    pub gross: Money,
    /// What went back to them.
    pub back: Money,
    /// What is tax of the rest.
    pub tax: Money,
    /// What the platform keeps of the rest.
    pub commission: Money,
    /// What the provider has of the rest.
    pub net: Money,
    /// What it was paid out.
    pub paid: Money,
}

/// What was paid for an order, and what went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMoney {
    /// Which order.
    pub order_id: OrderId,
    /// What was bought.
    pub description: String,
    /// Who bought, by name.
    pub buyer: String,
    /// Who sold, by name.
    pub provider: String,
    /// Every payment, oldest first.
    pub payments: Vec<PaidView>,
    /// What went back of them, oldest first.
    pub refunds: Vec<RefundView>,
}

/// What an order asks for that was used, and the calls behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallsView {
    /// What was closed and is asked for, oldest first.
    pub statements: Vec<StatementView>,
    /// Where nothing is: of which time the calls are, from one moment until another.
    pub within: Option<(Timestamp, Timestamp)>,
    /// The calls, newest first.
    pub calls: Page<CallView>,
}

/// A call that was answered, as everyone sees it who is paid for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// The `request_id`.
    pub id: InvocationId,
    /// Through which door.
    pub source: Source,
    /// Tokens read.
    pub input_tokens: i64,
    /// Tokens written.
    pub output_tokens: i64,
    /// How long it took.
    pub elapsed_ms: i64,
    /// When it began.
    pub started: Timestamp,
}

/// A payment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidView {
    /// Which.
    pub id: PaymentId,
    /// How much.
    pub amount: Money,
    /// What has neither gone back nor is on its way back.
    pub left: Money,
    /// How, `Visa •••• 4242`.
    pub method: String,
    /// The rail's id of it.
    pub reference: String,
    /// When.
    pub when: Timestamp,
    /// Whether whoever looks may give something of it back.
    pub refundable: bool,
}

/// Money that goes back to a buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView {
    /// Which.
    pub id: RefundId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Of which order.
    pub order_id: OrderId,
    /// To whom.
    pub organization_id: OrganizationId,
    /// Whose sale it was.
    pub provider_id: OrganizationId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub cause: RefundCause,
    /// Where it stands.
    pub state: RefundState,
    /// Why, in words; may be empty.
    pub reason: String,
    /// The rail's id of it; empty until it has one.
    pub reference: String,
    /// When it was decided.
    pub created: Timestamp,
    /// When it was given back, or came to us again.
    pub settled: Option<Timestamp>,
}

/// What a person has to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CasesView {
    /// How many are open.
    pub open: i64,
    /// The open ones first, newest first.
    pub cases: Page<CaseView>,
}

/// Something about money that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseView {
    /// Which.
    pub id: CaseId,
    /// What it is about.
    pub kind: CaseKind,
    /// The id of the thing.
    pub subject: String,
    /// A line.
    pub title: String,
    /// What to know and do.
    pub detail: String,
    /// The order behind it.
    pub order_id: Option<OrderId>,
    /// When it was found.
    pub opened: Timestamp,
    /// When it was done with.
    pub closed: Option<Timestamp>,
    /// By whom, by name; empty where it went away by itself.
    pub closed_by: String,
    /// What came of it.
    pub note: String,
}

/// What the platform took and earned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevenueView {
    /// Of which rail.
    pub book: String,
    /// What the running subscriptions bring in a month, by currency.
    pub monthly: Vec<Money>,
    /// By month and currency, newest first.
    pub rows: Vec<RevenueRow>,
}

/// What the platform took and earned in one month, in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevenueRow {
    /// `2026-11`.
    pub month: String,
    /// What buyers paid for what was sold.
    pub sold: Money,
    /// What went back of sales.
    pub returned: Money,
    /// What was sold, less what went back.
    pub kept: Money,
    /// The platform's share of that.
    pub commission: Money,
    /// What the payment rail kept.
    pub fees: Money,
    /// Commission less fees.
    pub net: Money,
}

/// The balance of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceView {
    /// What the account is for.
    pub account: AccountCode,
    /// `asset`, `liability`, `revenue` or `expense`.
    pub kind: String,
    /// Whose it is; the platform's own are nobody's.
    pub owner_id: Option<OrganizationId>,
    /// By name; empty for the platform's own.
    pub owner: String,
    /// Its balance, positive where the account holds what it is for.
    pub amount: Money,
}

/// One transaction of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Which.
    pub id: LedgerTransactionId,
    /// Its place in the book.
    pub number: i64,
    /// What it is about.
    pub kind: TransactionKind,
    /// What caused it: the id of a payment, of a refund, of an earning, of a payout.
    pub source: String,
    /// The transaction that this one takes back.
    pub reverses: Option<LedgerTransactionId>,
    /// What people read.
    pub memo: String,
    /// When it happened.
    pub occurred: Timestamp,
    /// The seal of it and of all before it, in hexadecimal.
    pub hash: String,
    /// Its lines.
    pub entries: Vec<EntryView>,
}

/// One line of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Which account.
    pub account: AccountCode,
    /// Whose it is; the platform's own are nobody's.
    pub owner_id: Option<OrganizationId>,
    /// By name; empty for the platform's own.
    pub owner: String,
    /// Debits are positive, credits negative.
    pub amount: Money,
}

/// Whether the ledger is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCheck {
    /// Of which rail.
    pub book: String,
    /// When it was looked at, readable.
    pub at: String,
    /// What must hold.
    pub findings: Vec<LedgerFinding>,
}

impl LedgerCheck {
    /// Tells whether everything holds.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.problems.is_empty())
    }
}

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerFinding {
    /// What must hold.
    pub rule: String,
    /// What was found where it does not; empty where it holds.
    pub problems: Vec<String>,
}

/// The rules of commission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommissionRules {
    /// The share where no rule holds, `20 %`.
    pub otherwise: String,
    /// The rules, those that began last first.
    pub rules: Vec<CommissionRuleView>,
}

/// A rule of commission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommissionRuleView {
    /// Which.
    pub id: CommissionRuleId,
    /// Of which provider's sales.
    pub provider_id: Option<OrganizationId>,
    /// By name; empty without a provider.
    pub provider_name: String,
    /// Of which category's sales.
    pub category_id: Option<CategoryId>,
    /// By name; empty without a category.
    pub category_title: String,
    /// Which share, in hundredths of a percent.
    pub basis_points: i64,
    /// Which share, `12.5 %`.
    pub percent: String,
    /// The first moment it holds, readable.
    pub from: String,
    /// The first moment it holds no more, readable.
    pub until: Option<String>,
    /// Whether it has begun.
    pub began: bool,
    /// Whether it holds no more.
    pub over: bool,
    /// Why.
    pub note: String,
    /// Who said so, by name.
    pub created_by: String,
}

/// What a month of a subscription would have cost on each plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What its buyer calls it.
    pub subscription_name: String,
    /// Which month, `2026-10`.
    pub month: String,
    /// Answered calls in it.
    pub calls: i64,
    /// Tokens that were read.
    pub input_tokens: i64,
    /// Tokens that were written.
    pub output_tokens: i64,
    /// The plans, cheapest first.
    pub costs: Vec<PlanCost>,
}

/// An invoice or a credit note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceView {
    /// Which.
    pub id: InvoiceId,
    /// `SANDBOX-2026-000001`.
    pub number: String,
    /// What it is.
    pub kind: InvoiceKind,
    /// The number of the invoice that a credit note takes back.
    pub corrects: Option<String>,
    /// The buyer.
    pub organization_id: OrganizationId,
    /// The same, as it was then.
    pub buyer: PartyView,
    /// Who invoices.
    pub seller: PartyView,
    /// For whose work.
    pub provider_name: String,
    /// For which order.
    pub order_id: OrderId,
    /// What was bought.
    pub description: String,
    /// How it was paid.
    pub method: String,
    /// With tax; a credit note's is below zero.
    pub total: Money,
    /// What is tax of it.
    pub tax: Money,
    /// When.
    pub issued: Timestamp,
}

/// Who invoices, or is invoiced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyView {
    /// The legal name.
    pub name: String,
    /// In lines, as on a letter; may be empty.
    pub address: String,
    /// The VAT id; may be empty.
    pub vat_id: String,
    /// For letters; may be empty.
    pub email: String,
}

/// What another plan costs if it is ordered today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChange {
    /// Which plan.
    pub plan_id: PlanId,
    /// By name.
    pub name: String,
    /// What a period of it costs.
    pub price: Money,
    /// How long a period of it is.
    pub interval: Interval,
    /// When it holds from, where not at once: after the period that is paid.
    pub from: Option<Timestamp>,
    /// What the rest of the month was worth on the old plan; below zero, as it goes back.
    pub credit: Money,
    /// What the rest of the month costs on this one.
    pub debit: Money,
    /// What is charged now; nothing for a cheaper plan.
    pub now: Money,
}

/// What a month would have cost on a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCost {
    /// Which plan.
    pub plan_id: PlanId,
    /// By name.
    pub name: String,
    /// Whether it is the subscription's.
    pub yours: bool,
    /// Calls in a month; nothing means without a limit.
    pub monthly_quota: Option<i64>,
    /// How many of the month's calls would not have been answered.
    pub refused: i64,
    /// What the month would have cost.
    pub total: Money,
}

/// What was used of a subscription, and what that costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageBill {
    /// Of which subscription.
    pub subscription_id: SubscriptionId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// What its buyer calls it.
    pub subscription_name: String,
    /// What was used since the last closing, and what it would cost if it were closed now.
    pub running: StatementView,
    /// What is due besides when the period ends, and when that is.
    pub next: Option<(Money, Timestamp)>,
    /// The closed ones, newest first.
    pub closed: Vec<StatementView>,
}

/// What was used from one closing to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementView {
    /// Its number, from 1; 0 for what still runs.
    pub number: i64,
    /// By the prices of which plan, by name.
    pub plan: String,
    /// When it began.
    pub from: Timestamp,
    /// When it was closed.
    pub until: Timestamp,
    /// The bill, line by line.
    pub lines: Vec<crate::pricing::Line>,
    /// What it comes to.
    pub amount: Money,
    /// The order that asks for it.
    pub order_id: Option<OrderId>,
    /// The seal; empty for what still runs.
    pub hash: String,
}
