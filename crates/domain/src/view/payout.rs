//! What providers and operators see of payouts.

use serde::{Deserialize, Serialize};

use crate::ledger::TransactionKind;
use crate::state::PayoutState;
use crate::view::Page;
use crate::{Money, OrderId, OrganizationId, PayoutId, Timestamp};

/// Where a provider is paid to, and what was paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PayoutsView {
    /// Where to; nothing before an account is opened.
    pub account: Option<PayoutAccountView>,
    /// Whether the viewer may say where to.
    pub may_change: bool,
    /// What may be paid out, by currency.
    pub available: Vec<Money>,
    /// What is on its way, by currency.
    pub in_transit: Vec<Money>,
    /// What was paid in all, less what was taken back, by currency.
    pub paid: Vec<Money>,
    /// The least that is paid out at once, in minor units.
    pub minimum: i64,
    /// Each payout, newest first.
    pub payouts: Page<PayoutView>,
}

/// Where a provider is paid to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutAccountView {
    /// The rail's name for it.
    pub reference: String,
    /// What people read, `Bank account •••• 6789`; empty while nobody has said it.
    pub destination: String,
    /// Whether the rail pays to it.
    pub ready: bool,
    /// What the rail still wants, in sentences.
    pub due: Vec<String>,
    /// Why an operator pays nothing for now; empty where none does.
    pub held: String,
    /// Until when nothing is paid, because the destination is a new one.
    pub waits_until: Option<Timestamp>,
}

/// A payout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutView {
    /// Which.
    pub id: PayoutId,
    /// To whom.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider: String,
    /// How much.
    pub amount: Money,
    /// How much of it was taken back, because sales that it pays went back to their buyers.
    pub reversed: Money,
    /// Where to.
    pub destination: String,
    /// How far it is.
    pub state: PayoutState,
    /// The rail's name for it; empty until it was made.
    pub reference: String,
    /// Why the rail refused it; empty where it did not.
    pub failure: String,
    /// When it was decided.
    pub created: Timestamp,
    /// When it was known what became of it.
    pub settled: Option<Timestamp>,
}

impl PayoutView {
    /// Says what became of it that its state does not say: why it was refused, what was taken back; mostly nothing.
    pub fn note(&self) -> String {
        if self.reversed.is_zero() {
            return self.failure.clone();
        }
        format!("{} of it was taken back: sales that it paid have gone back to their buyers.", self.reversed)
    }
}

/// A payout with what it pays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PayoutStatement {
    /// The payout.
    pub payout: PayoutView,
    /// What it pays, oldest first; their amounts add up to it.
    pub lines: Page<PayoutLine>,
}

/// One thing that a payout pays, or takes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutLine {
    /// The place of its transaction in the ledger.
    pub number: i64,
    /// What it was about.
    pub kind: TransactionKind,
    /// What people read.
    pub memo: String,
    /// When it happened.
    pub when: Timestamp,
    /// By which order, where it was a sale.
    pub order_id: Option<OrderId>,
    /// Who bought, by name; empty where it was no sale.
    pub buyer: String,
    /// What the buyer paid, where it was a sale.
    pub gross: Option<Money>,
    /// How much it adds to the payout, or takes from it.
    pub amount: Money,
}

/// What a run of payouts would do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutPlan {
    /// Each provider with something available, by currency.
    pub rows: Vec<PayoutPlanRow>,
    /// What would be paid in all, by currency.
    pub total: Vec<Money>,
}

/// What a run of payouts would do for one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutPlanRow {
    /// Who.
    pub provider_id: OrganizationId,
    /// By name.
    pub provider: String,
    /// What is available.
    pub amount: Money,
    /// Where to; empty where that is not known.
    pub destination: String,
    /// Why nothing is paid; empty where it is.
    pub obstacle: String,
    /// Whether an operator holds it back.
    pub held: bool,
    /// Whether there is an account, so that it can be held back.
    pub has_account: bool,
}
