//! The ledger: every cent that moves is written down twice, where it comes from and where it goes.
//!
//! A [`Transaction`] is made by [`post`] alone, which refuses one whose lines do not add up to zero or are
//! in two currencies. What a newcomer gets wrong: there is no account for rounding. Where a sum is split,
//! one side is rounded and the other is what remains (see [`Shares`]), so that no cent is left over.

mod check;
mod commission;
mod lines;
mod shares;
mod split;

use crate::text_enum::text_enum;
use crate::{Currency, LedgerTransactionId, Money, OrganizationId, Timestamp};

pub use check::{Balance, Figures, Finding, findings};
pub use commission::{CommissionRule, RuleScope, applicable};
pub use lines::{
    Held, Released, fee, payout_failed, payout_paid, payout_reserved, payout_reversed, refund_due, refund_paid,
    release, reversal, sale, settle, unmatched,
};
pub use shares::Shares;
pub use split::split;

/// No amount in the ledger is larger than this, in minor units, so that no sum of a book overflows.
pub const LARGEST: i64 = 1_000_000_000_000_000;

text_enum! {
    /// What an account is for.
    AccountCode {
        /// What the payment rail holds for the platform.
        RailBalance = "rail_balance",
        /// What a provider owes: refunds that its released earnings no longer cover.
        ProviderReceivable = "provider_receivable",
        /// Earnings of a provider that are still held back.
        ProviderPending = "provider_pending",
        /// Earnings of a provider that may be paid out.
        ProviderAvailable = "provider_available",
        /// Earnings of a provider that are on their way to its bank.
        ProviderInTransit = "provider_in_transit",
        /// Taxes that were collected and are owed to the state.
        TaxPayable = "tax_payable",
        /// Money that is owed to buyers: it is on its way back, or came without an order and has not gone back yet.
        RefundsDue = "refunds_due",
        /// The platform's share of sales.
        Commission = "commission",
        /// What the rail keeps for each payment.
        RailFees = "rail_fees",
    }
}

/// On which side of the balance an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountKind {
    /// What the platform has; a debit adds to it.
    Asset,
    /// What the platform owes; a credit adds to it.
    Liability,
    /// What the platform earns; a credit adds to it.
    Revenue,
    /// What it costs the platform; a debit adds to it.
    Expense,
}

impl AccountCode {
    /// Returns on which side of the balance the account stands.
    pub const fn kind(self) -> AccountKind {
        match self {
            Self::RailBalance | Self::ProviderReceivable => AccountKind::Asset,
            Self::ProviderPending
            | Self::ProviderAvailable
            | Self::ProviderInTransit
            | Self::TaxPayable
            | Self::RefundsDue => AccountKind::Liability,
            Self::Commission => AccountKind::Revenue,
            Self::RailFees => AccountKind::Expense,
        }
    }

    /// Returns a balance as people read it: positive where the account holds what it is for.
    pub const fn natural(self, debits_less_credits: i64) -> i64 {
        match self.kind() {
            AccountKind::Asset | AccountKind::Expense => debits_less_credits,
            AccountKind::Liability | AccountKind::Revenue => -debits_less_credits,
        }
    }

    /// Returns what people call the account.
    pub const fn title(self) -> &'static str {
        match self {
            Self::RailBalance => "Held by the payment rail",
            Self::ProviderReceivable => "Owed by the provider",
            Self::ProviderPending => "Earned, held back",
            Self::ProviderAvailable => "Earned, available",
            Self::ProviderInTransit => "Earned, being paid out",
            Self::TaxPayable => "Taxes to pay",
            Self::RefundsDue => "On its way back to buyers",
            Self::Commission => "Commission",
            Self::RailFees => "Fees of the payment rail",
        }
    }
}

/// An account: what it is for, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// The platform's own.
    Platform(PlatformAccount),
    /// A provider's.
    Provider(ProviderAccount, OrganizationId),
}

/// The accounts that there is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlatformAccount {
    /// [`AccountCode::RailBalance`].
    RailBalance,
    /// [`AccountCode::TaxPayable`].
    TaxPayable,
    /// [`AccountCode::RefundsDue`].
    RefundsDue,
    /// [`AccountCode::Commission`].
    Commission,
    /// [`AccountCode::RailFees`].
    RailFees,
}

/// The accounts that each provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProviderAccount {
    /// [`AccountCode::ProviderReceivable`].
    Receivable,
    /// [`AccountCode::ProviderPending`].
    Pending,
    /// [`AccountCode::ProviderAvailable`].
    Available,
    /// [`AccountCode::ProviderInTransit`].
    InTransit,
}

impl Account {
    /// Returns the account of a code and an owner; there is none where the code's accounts are not such an owner's.
    pub const fn of(code: AccountCode, owner: Option<OrganizationId>) -> Option<Self> {
        let platform = match code {
            AccountCode::RailBalance => PlatformAccount::RailBalance,
            AccountCode::TaxPayable => PlatformAccount::TaxPayable,
            AccountCode::RefundsDue => PlatformAccount::RefundsDue,
            AccountCode::Commission => PlatformAccount::Commission,
            AccountCode::RailFees => PlatformAccount::RailFees,
            AccountCode::ProviderReceivable => return Self::of_provider(ProviderAccount::Receivable, owner),
            AccountCode::ProviderPending => return Self::of_provider(ProviderAccount::Pending, owner),
            AccountCode::ProviderAvailable => return Self::of_provider(ProviderAccount::Available, owner),
            AccountCode::ProviderInTransit => return Self::of_provider(ProviderAccount::InTransit, owner),
        };
        match owner {
            None => Some(Self::Platform(platform)),
            Some(_) => None,
        }
    }

    const fn of_provider(account: ProviderAccount, owner: Option<OrganizationId>) -> Option<Self> {
        match owner {
            Some(owner) => Some(Self::Provider(account, owner)),
            None => None,
        }
    }

    /// Returns what the account is for.
    pub const fn code(self) -> AccountCode {
        match self {
            Self::Platform(PlatformAccount::RailBalance) => AccountCode::RailBalance,
            Self::Platform(PlatformAccount::TaxPayable) => AccountCode::TaxPayable,
            Self::Platform(PlatformAccount::RefundsDue) => AccountCode::RefundsDue,
            Self::Platform(PlatformAccount::Commission) => AccountCode::Commission,
            Self::Platform(PlatformAccount::RailFees) => AccountCode::RailFees,
            Self::Provider(ProviderAccount::Receivable, _) => AccountCode::ProviderReceivable,
            Self::Provider(ProviderAccount::Pending, _) => AccountCode::ProviderPending,
            Self::Provider(ProviderAccount::Available, _) => AccountCode::ProviderAvailable,
            Self::Provider(ProviderAccount::InTransit, _) => AccountCode::ProviderInTransit,
        }
    }

    /// Returns whose the account is; the platform's own are nobody's.
    pub const fn owner(self) -> Option<OrganizationId> {
        match self {
            Self::Platform(_) => None,
            Self::Provider(_, provider) => Some(provider),
        }
    }
}

text_enum! {
    /// What a transaction is about. With its source it is unique in a book: nothing is posted twice.
    TransactionKind {
        /// A buyer paid for something that was sold; the source is the payment.
        Sale = "sale",
        /// A buyer paid what no order waits for, and it goes back; the source is the payment.
        Unmatched = "unmatched",
        /// The rail kept its fee; the source is the payment.
        Fee = "fee",
        /// An earning is no longer held back; the source is the earning.
        Release = "release",
        /// It was decided that money goes back; the source is the refund.
        RefundDue = "refund_due",
        /// The rail gave it back; the source is the refund.
        RefundPaid = "refund_paid",
        /// What was given back came to us again; the source is the refund, and it takes `RefundPaid` back.
        RefundReturned = "refund_returned",
        /// What was to go back does not, and everyone has their share again; the source is the refund, and it takes
        /// `RefundDue` back.
        RefundUndone = "refund_undone",
        /// A provider's money after that: what it owed no longer is available to it; the source is the refund.
        Settlement = "settlement",
        /// The rail kept a fee for a dispute; the source is the dispute.
        DisputeFee = "dispute_fee",
        /// The rail gave that fee back; the source is the dispute, and it takes `DisputeFee` back.
        DisputeFeeReturned = "dispute_fee_returned",
        /// A provider's available earnings are set apart to be paid out; the source is the payout.
        PayoutReserved = "payout_reserved",
        /// The rail has paid them out; the source is the payout.
        PayoutPaid = "payout_paid",
        /// The rail has not, and they are available again; the source is the payout.
        PayoutFailed = "payout_failed",
        /// The rail has taken something of a payout back, and the provider owes so much less; the source is the
        /// reversal.
        PayoutReversed = "payout_reversed",
    }
}

impl TransactionKind {
    /// Returns what people read for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sale => "Sale",
            Self::Unmatched => "Payment without an order",
            Self::Fee => "Fee",
            Self::Release => "Released",
            Self::RefundDue => "Refund decided",
            Self::RefundPaid => "Refund made",
            Self::RefundReturned => "Refund came back",
            Self::RefundUndone => "Refund undone",
            Self::Settlement => "Settled after a refund",
            Self::DisputeFee => "Fee for a dispute",
            Self::DisputeFeeReturned => "Fee for a dispute came back",
            Self::PayoutReserved => "Payout set apart",
            Self::PayoutPaid => "Payout made",
            Self::PayoutFailed => "Payout came back",
            Self::PayoutReversed => "Taken back of a payout",
        }
    }
}

/// One line of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Which account.
    pub account: Account,
    /// How much: debits are positive, credits negative.
    pub amount: Money,
}

impl Posting {
    /// Makes a line that takes to the left side: more of what one has or spends, less of what one owes or earns.
    pub const fn debit(account: Account, amount: Money) -> Self {
        Self { account, amount }
    }

    /// Makes a line that takes to the right side: more of what one owes or earns, less of what one has or spends.
    pub const fn credit(account: Account, amount: Money) -> Self {
        // The one amount that has no opposite is above `LARGEST` either way, and `post` refuses it.
        Self { account, amount: Money::new(amount.minor.wrapping_neg(), amount.currency) }
    }
}

/// What a transaction is, besides its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// In which book: the rail whose money it is. Pretended money and real money never meet in one.
    pub book: String,
    /// What it is about.
    pub kind: TransactionKind,
    /// What caused it: the id of a payment, of a refund, of an earning, of a payout, of its reversal.
    pub source: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The transaction that this one takes back, if it does.
    pub reverses: Option<LedgerTransactionId>,
    /// What people read.
    pub memo: String,
}

/// A transaction that adds up; [`post`] alone makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    heading: Heading,
    currency: Currency,
    lines: Vec<Posting>,
}

/// Why lines make no transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Debits and credits differ.
    #[error("debits and credits differ by {0} minor units")]
    Unbalanced(i128),
    /// Lines in two currencies.
    #[error("a transaction is in one currency, not in {0} and {1}")]
    MixedCurrencies(Currency, Currency),
    /// Fewer than two lines that say something.
    #[error("a transaction has two lines at least")]
    TooFewLines,
    /// A share or an amount that cannot be.
    #[error("{0} minor units are out of bounds")]
    OutOfBounds(i64),
    /// Nothing that it can be known by.
    #[error("a transaction names its book and its source")]
    Nameless,
}

/// Makes a transaction of lines that add up; lines of nothing are left out.
pub fn post(heading: Heading, lines: Vec<Posting>) -> Result<Transaction, PostError> {
    if heading.book.is_empty() || heading.source.is_empty() {
        return Err(PostError::Nameless);
    }
    let mut lines = lines;
    lines.retain(|line| line.amount.minor != 0);
    let [first, _, ..] = lines.as_slice() else {
        return Err(PostError::TooFewLines);
    };
    let currency = first.amount.currency;
    let mut sum = 0_i128;
    for Posting { amount, .. } in &lines {
        if amount.currency != currency {
            return Err(PostError::MixedCurrencies(currency, amount.currency));
        }
        if !(-LARGEST..=LARGEST).contains(&amount.minor) {
            return Err(PostError::OutOfBounds(amount.minor));
        }
        sum += i128::from(amount.minor);
    }
    if sum != 0 {
        return Err(PostError::Unbalanced(sum));
    }
    Ok(Transaction { heading, currency, lines })
}

impl Transaction {
    /// Returns what it is, besides its lines.
    pub const fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Returns the currency of all its lines.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Returns its lines, whose amounts add up to zero.
    pub fn lines(&self) -> &[Posting] {
        &self.lines
    }
}

#[cfg(test)]
mod tests;
