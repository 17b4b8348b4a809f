//! What must hold between the ledger and the rest of the database, whatever has happened.

use std::collections::BTreeSet;

use super::AccountCode;
use crate::{Currency, Money, OrganizationId};

/// The balance of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What the account is for.
    pub account: AccountCode,
    /// Whose it is; the platform's own are nobody's.
    pub owner: Option<OrganizationId>,
    /// Its debits less its credits.
    pub amount: Money,
}

impl Balance {
    /// Returns the balance as people read it: positive where the account holds what it is for.
    pub const fn natural(self) -> Money {
        Money::new(self.account.natural(self.amount.minor), self.amount.currency)
    }

    pub(super) fn is_of(self, account: AccountCode, owner: Option<OrganizationId>, currency: Currency) -> bool {
        self.account == account && self.owner == owner && self.amount.currency == currency
    }
}

/// What the ledger says, and what payments and earnings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Every balance of one book.
    pub balances: Vec<Balance>,
    /// What is held back of each provider's earnings.
    pub held_back: Vec<(OrganizationId, Money)>,
    /// The commission of all earnings less what went back of it, by currency.
    pub commission: Vec<Money>,
    /// The tax of the same.
    pub tax: Vec<Money>,
    /// Payments that were taken, by currency.
    pub taken: Vec<Money>,
    /// What was given back of them, by currency.
    pub given_back: Vec<Money>,
    /// What is owed to buyers, by currency: what is on its way back of sales, and payments that nobody has earned by
    /// and that have not gone back, as when their refund has failed.
    pub owed_back: Vec<Money>,
    /// Payouts that the rail has made, by currency.
    pub paid_out: Vec<Money>,
    /// What the rail has taken back of them, by currency.
    pub taken_back: Vec<Money>,
    /// Each provider's payouts that are under way.
    pub in_transit: Vec<(OrganizationId, Money)>,
}

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What must hold.
    pub rule: &'static str,
    /// What was found where it does not; empty where it holds.
    pub problems: Vec<String>,
}

/// Compares the two sides.
pub fn findings(figures: &Figures) -> Vec<Finding> {
    let facts = [
        &figures.commission,
        &figures.tax,
        &figures.taken,
        &figures.given_back,
        &figures.owed_back,
        &figures.paid_out,
        &figures.taken_back,
    ];
    let currencies: BTreeSet<Currency> = figures
        .balances
        .iter()
        .map(|balance| balance.amount)
        .chain(facts.into_iter().flatten().copied())
        .map(|amount| amount.currency)
        .collect();
    let mut equal = Vec::new();
    let mut sides = vec![
        Side { rule: "Commission is that of the sales that stand", problems: Vec::new() },
        Side { rule: "Taxes to pay are those of the sales that stand", problems: Vec::new() },
        Side {
            rule: "What is due to buyers is what is on its way back, and what nobody has earned by",
            problems: Vec::new(),
        },
        Side {
            rule: "What the rail holds is what was taken and neither given back nor paid out, less its fees",
            problems: Vec::new(),
        },
    ];
    for &currency in &currencies {
        let sum: i128 = figures
            .balances
            .iter()
            .filter(|balance| balance.amount.currency == currency)
            .map(|balance| i128::from(balance.amount.minor))
            .sum();
        if sum != 0 {
            equal.push(format!("{sum} minor units in {currency}"));
        }
        let of = |account| balance(figures, account, None, currency);
        let pairs = [
            (of(AccountCode::Commission), total(&figures.commission, currency)),
            (of(AccountCode::TaxPayable), total(&figures.tax, currency)),
            (of(AccountCode::RefundsDue), total(&figures.owed_back, currency)),
            (
                of(AccountCode::RailBalance) + of(AccountCode::RailFees),
                total(&figures.taken, currency)
                    - total(&figures.given_back, currency)
                    - total(&figures.paid_out, currency)
                    + total(&figures.taken_back, currency),
            ),
        ];
        for (side, (ledger, facts)) in sides.iter_mut().zip(pairs) {
            side.compare(ledger, facts, currency, "");
        }
    }
    let mut held =
        Side { rule: "Each provider’s earnings that are held back are in its account", problems: Vec::new() };
    let owners: BTreeSet<(OrganizationId, Currency)> = figures
        .balances
        .iter()
        .filter_map(|balance| Some((balance.owner?, balance.amount.currency)))
        .chain(figures.held_back.iter().chain(&figures.in_transit).map(|(owner, money)| (*owner, money.currency)))
        .collect();
    let mut transit = Side { rule: "Each provider’s payouts under way are in its account", problems: Vec::new() };
    let mut negative = Vec::new();
    for &(owner, currency) in &owners {
        let name = format!(" of {owner}");
        let of = |account| balance(figures, account, Some(owner), currency);
        held.compare(of(AccountCode::ProviderPending), of_owner(&figures.held_back, owner, currency), currency, &name);
        let under_way = of_owner(&figures.in_transit, owner, currency);
        transit.compare(of(AccountCode::ProviderInTransit), under_way, currency, &name);
        for account in [
            AccountCode::ProviderPending,
            AccountCode::ProviderAvailable,
            AccountCode::ProviderInTransit,
            AccountCode::ProviderReceivable,
        ] {
            let minor = of(account);
            if minor < 0 {
                negative.push(format!("{account} of {owner} is {minor} minor units of {currency}"));
            }
        }
    }
    let mut all = vec![
        Finding { rule: "All debits equal all credits", problems: equal },
        Finding { rule: "No account of a provider is below zero", problems: negative },
    ];
    sides.extend([held, transit]);
    all.extend(sides.into_iter().map(|side| Finding { rule: side.rule, problems: side.problems }));
    all
}

struct Side {
    rule: &'static str,
    problems: Vec<String>,
}

impl Side {
    fn compare(&mut self, ledger: i128, facts: i128, currency: Currency, whose: &str) {
        if ledger != facts {
            self.problems
                .push(format!("the ledger has {ledger}{whose}, and it should be {facts} minor units of {currency}"));
        }
    }
}

fn balance(figures: &Figures, account: AccountCode, owner: Option<OrganizationId>, currency: Currency) -> i128 {
    let found = figures.balances.iter().filter(|balance| balance.is_of(account, owner, currency));
    found.map(|balance| i128::from(balance.natural().minor)).sum()
}

fn total(amounts: &[Money], currency: Currency) -> i128 {
    amounts.iter().filter(|money| money.currency == currency).map(|money| i128::from(money.minor)).sum()
}

fn of_owner(amounts: &[(OrganizationId, Money)], owner: OrganizationId, currency: Currency) -> i128 {
    let mine = amounts.iter().filter(|(id, money)| *id == owner && money.currency == currency);
    mine.map(|(_, money)| i128::from(money.minor)).sum()
}
