//! The lines of each kind of transaction.

use super::{Account, PlatformAccount, Posting, ProviderAccount, Shares};
use crate::{Money, OrganizationId};

const fn platform(account: PlatformAccount) -> Account {
    Account::Platform(account)
}

/// Returns the lines of a sale: the rail has the money; state, platform and provider have their shares.
pub fn sale(shares: Shares, provider: OrganizationId) -> Vec<Posting> {
    vec![
        Posting::debit(platform(PlatformAccount::RailBalance), shares.gross()),
        Posting::credit(Account::Provider(ProviderAccount::Pending, provider), shares.net()),
        Posting::credit(platform(PlatformAccount::Commission), shares.commission()),
        Posting::credit(platform(PlatformAccount::TaxPayable), shares.tax()),
    ]
}

/// Returns the lines of a payment that no order waits for: the rail has the money, and it is due back.
pub fn unmatched(amount: Money) -> Vec<Posting> {
    vec![
        Posting::debit(platform(PlatformAccount::RailBalance), amount),
        Posting::credit(platform(PlatformAccount::RefundsDue), amount),
    ]
}

/// Returns the lines of the rail's fee, which the platform bears.
pub fn fee(amount: Money) -> Vec<Posting> {
    vec![
        Posting::debit(platform(PlatformAccount::RailFees), amount),
        Posting::credit(platform(PlatformAccount::RailBalance), amount),
    ]
}

/// What a released earning is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// What settles what the provider owed.
    pub settled: Money,
    /// What may be paid out.
    pub available: Money,
}

/// Returns the lines of an earning that is no longer held back: first it settles what the provider owes.
pub fn release(net: Money, owed: i64, provider: OrganizationId) -> (Vec<Posting>, Released) {
    becomes_available(Account::Provider(ProviderAccount::Pending, provider), net, owed, provider)
}

/// Moves money from an account to what may be paid out to a provider, after what it owes.
fn becomes_available(from: Account, amount: Money, owed: i64, provider: OrganizationId) -> (Vec<Posting>, Released) {
    let settled = Money::new(amount.minor.min(owed.max(0)), amount.currency);
    let available = Money::new(amount.minor - settled.minor, amount.currency);
    let lines = vec![
        Posting::debit(from, amount),
        Posting::credit(Account::Provider(ProviderAccount::Receivable, provider), settled),
        Posting::credit(Account::Provider(ProviderAccount::Available, provider), available),
    ];
    (lines, Released { settled, available })
}

/// Returns the lines of earnings that are set apart to be paid out, so that nothing else can use them.
pub fn payout_reserved(amount: Money, provider: OrganizationId) -> Vec<Posting> {
    vec![
        Posting::debit(Account::Provider(ProviderAccount::Available, provider), amount),
        Posting::credit(Account::Provider(ProviderAccount::InTransit, provider), amount),
    ]
}

/// Returns the lines of a payout that the rail has made.
pub fn payout_paid(amount: Money, provider: OrganizationId) -> Vec<Posting> {
    vec![
        Posting::debit(Account::Provider(ProviderAccount::InTransit, provider), amount),
        Posting::credit(platform(PlatformAccount::RailBalance), amount),
    ]
}

/// Returns the lines of a payout that the rail has not made: what the provider came to owe meanwhile is settled
/// first, and the rest is available again.
pub fn payout_failed(amount: Money, owed: i64, provider: OrganizationId) -> Vec<Posting> {
    becomes_available(Account::Provider(ProviderAccount::InTransit, provider), amount, owed, provider).0
}

/// Returns the lines of what the rail has taken back of a payout: it settles what the provider owes, and what it came
/// to owe less meanwhile is available to it.
pub fn payout_reversed(amount: Money, owed: i64, provider: OrganizationId) -> Vec<Posting> {
    becomes_available(platform(PlatformAccount::RailBalance), amount, owed, provider).0
}

/// Where an earning's money is when its sale goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is still held back, all of it.
    Back,
    /// It was released; so much is available to its provider now.
    Released {
        /// In minor units.
        available: i64,
    },
}

/// Returns the lines of a refund that was decided: everyone gives their share back, and the buyer is owed it.
///
/// What a provider has been paid out already becomes what it owes.
pub fn refund_due(back: Shares, held: Held, provider: OrganizationId) -> Vec<Posting> {
    let net = back.net();
    let mut lines = match held {
        Held::Back => vec![Posting::debit(Account::Provider(ProviderAccount::Pending, provider), net)],
        Held::Released { available } => {
            let there = Money::new(net.minor.min(available.max(0)), net.currency);
            let missing = Money::new(net.minor - there.minor, net.currency);
            vec![
                Posting::debit(Account::Provider(ProviderAccount::Available, provider), there),
                Posting::debit(Account::Provider(ProviderAccount::Receivable, provider), missing),
            ]
        }
    };
    lines.extend([
        Posting::debit(platform(PlatformAccount::Commission), back.commission()),
        Posting::debit(platform(PlatformAccount::TaxPayable), back.tax()),
        Posting::credit(platform(PlatformAccount::RefundsDue), back.gross()),
    ]);
    lines
}

/// Returns the lines that take a transaction back: each of its lines, the other way round.
pub fn reversal(lines: &[Posting]) -> Vec<Posting> {
    lines.iter().map(|line| Posting::credit(line.account, line.amount)).collect()
}

/// Returns the lines that bring a provider's accounts in order after a refund was undone.
///
/// `released` is what came back to what is held back although its earning is not held back any more; `owed` is what
/// the provider owes, below zero where it came to own more than it owed.
pub fn settle(released: Money, owed: i64, provider: OrganizationId) -> Vec<Posting> {
    let account = |account| Account::Provider(account, provider);
    let settled = Money::new(owed.min(released.minor), released.currency);
    vec![
        Posting::debit(account(ProviderAccount::Pending), released),
        Posting::credit(account(ProviderAccount::Receivable), settled),
        Posting::credit(
            account(ProviderAccount::Available),
            Money::new(released.minor - settled.minor, released.currency),
        ),
    ]
}

/// Returns the lines of a refund that the rail has made.
pub fn refund_paid(amount: Money) -> Vec<Posting> {
    vec![
        Posting::debit(platform(PlatformAccount::RefundsDue), amount),
        Posting::credit(platform(PlatformAccount::RailBalance), amount),
    ]
}
