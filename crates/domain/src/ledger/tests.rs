//! The invariants of the ledger on random histories (docs/MONEY.md lists them by number).

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::state::RefundState;
use crate::{BasisPoints, CategoryId, CommissionRuleId};

const NOW: Timestamp = Timestamp(1_795_262_400_000_000);

fn provider(number: u8) -> OrganizationId {
    OrganizationId(Uuid::from_u128(u128::from(number) + 1))
}

fn heading(kind: TransactionKind, source: &str) -> Heading {
    Heading {
        book: "sandbox".to_owned(),
        kind,
        source: source.to_owned(),
        occurred_at: NOW,
        reverses: None,
        memo: String::new(),
    }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd)
}

const RAIL: Account = Account::Platform(PlatformAccount::RailBalance);
const DUE: Account = Account::Platform(PlatformAccount::RefundsDue);

#[test]
fn lines_that_do_not_add_up_are_refused() {
    let lines = |debit, credit| vec![Posting::debit(RAIL, usd(debit)), Posting::credit(DUE, usd(credit))];
    let post = |lines| post(heading(TransactionKind::Unmatched, "p"), lines);
    assert!(post(lines(5, 5)).is_ok());
    assert_eq!(post(lines(5, 4)), Err(PostError::Unbalanced(1)));
    assert_eq!(post(lines(0, 0)), Err(PostError::TooFewLines));
    assert_eq!(post(vec![Posting::debit(RAIL, usd(5))]), Err(PostError::TooFewLines));
    assert_eq!(post(lines(LARGEST + 1, LARGEST + 1)), Err(PostError::OutOfBounds(LARGEST + 1)));
    assert_eq!(post(lines(i64::MIN, i64::MIN)), Err(PostError::OutOfBounds(i64::MIN)));
}

#[test]
fn two_currencies_are_refused_even_where_the_numbers_add_up() {
    let euros = Money::new(5, Currency::Eur);
    let lines = vec![Posting::debit(RAIL, usd(5)), Posting::credit(DUE, euros)];
    let refused = post(heading(TransactionKind::Unmatched, "p"), lines);
    assert_eq!(refused, Err(PostError::MixedCurrencies(Currency::Usd, Currency::Eur)));
}

#[test]
fn a_transaction_without_a_source_is_refused() {
    let lines = || vec![Posting::debit(RAIL, usd(5)), Posting::credit(DUE, usd(5))];
    assert_eq!(post(heading(TransactionKind::Unmatched, ""), lines()), Err(PostError::Nameless));
    let nowhere = Heading { book: String::new(), ..heading(TransactionKind::Unmatched, "p") };
    assert_eq!(post(nowhere, lines()), Err(PostError::Nameless));
}

#[test]
fn commission_is_rounded_half_to_even_and_the_provider_has_the_rest() {
    let shares = |gross, rate| {
        let shares = Shares::of_sale(usd(gross), 0, BasisPoints(rate)).expect("a sale");
        (shares.commission().minor, shares.net().minor)
    };
    assert_eq!(shares(2900, 2000), (580, 2320));
    assert_eq!(shares(1, 5000), (0, 1), "half a cent is rounded to the even one");
    assert_eq!(shares(3, 5000), (2, 1));
    assert_eq!(shares(1, 5001), (1, 0));
    assert_eq!(shares(999, 0), (0, 999));
    assert_eq!(shares(999, 10_000), (999, 0));
    assert!(Shares::of_sale(usd(999), 0, BasisPoints(10_001)).is_err());
    assert!(Shares::of_sale(usd(-1), 0, BasisPoints(0)).is_err());
    assert!(Shares::of_sale(usd(10), 11, BasisPoints(0)).is_err());
}

/// Deals `amount` out by largest remainder, which is what the refunds here do not do.
fn largest_remainder(amount: i64, weights: [i64; 3]) -> [i64; 3] {
    let whole: i64 = weights.iter().sum();
    let mut dealt = weights.map(|weight| amount * weight / whole);
    let mut order = [0, 1, 2];
    order.sort_by_key(|&at| std::cmp::Reverse(amount * weights[at] % whole));
    let left = amount - dealt.iter().sum::<i64>();
    for &at in order.iter().take(usize::try_from(left).expect("small")) {
        dealt[at] += 1;
    }
    dealt
}

#[test]
fn largest_remainders_would_take_a_cent_back_from_a_share_as_a_refund_grows() {
    // Six, six and two of fourteen: of ten cents the third gets two, of eleven only one.
    assert_eq!(largest_remainder(10, [6, 6, 2]), [4, 4, 2]);
    assert_eq!(largest_remainder(11, [6, 6, 2]), [5, 5, 1]);
    let sale = Shares::frozen(usd(14), 6, 6).expect("a sale");
    let first = |amount| sale.refund(sale.nothing(), amount).expect("a refund");
    let (ten, eleven) = (first(10), first(11));
    assert!(ten.net().minor <= eleven.net().minor);
}

#[test]
fn what_is_left_of_a_division_goes_to_who_lost_most_and_then_to_the_smaller_key() {
    assert_eq!(split(5000, &[("a", 2900), ("b", 4900)]), Ok(vec![1859, 3141]));
    assert_eq!(split(1, &[("c", 1), ("a", 1), ("b", 1)]), Ok(vec![0, 1, 0]));
    assert_eq!(split(10, &[("a", 0), ("b", 3)]), Ok(vec![0, 10]));
    assert!(split(10, &[("a", 0)]).is_err(), "there is nobody to give it to");
    assert!(split(10, &[("a", -1), ("b", 2)]).is_err());
    assert!(split::<u8>(0, &[]).is_err());
}

fn category(number: u8) -> CategoryId {
    CategoryId(Uuid::from_u128(u128::from(number)))
}

fn rule(id: u8, scope: RuleScope, rate: u16, from: i64, until: Option<i64>) -> CommissionRule {
    CommissionRule {
        id: CommissionRuleId(Uuid::from_u128(u128::from(id))),
        scope,
        rate: BasisPoints(rate),
        valid_from: Timestamp(from),
        valid_until: until.map(Timestamp),
    }
}

#[test]
fn the_narrowest_rule_that_holds_goes_first_and_of_those_the_newest() {
    let rules = [
        rule(1, RuleScope::All, 2000, 0, None),
        rule(2, RuleScope::Category(category(1)), 1500, 10, None),
        rule(3, RuleScope::Provider(provider(1)), 1000, 20, Some(30)),
        rule(4, RuleScope::All, 1800, 5, None),
    ];
    let rate = |who, what, at| applicable(&rules, provider(who), category(what), Timestamp(at)).map(|rule| rule.rate.0);
    assert_eq!(rate(1, 1, -1), None);
    assert_eq!(rate(1, 1, 4), Some(2000));
    assert_eq!(rate(1, 1, 5), Some(1800));
    assert_eq!(rate(1, 1, 10), Some(1500));
    assert_eq!(rate(1, 1, 20), Some(1000));
    assert_eq!(rate(1, 1, 29), Some(1000));
    assert_eq!(rate(1, 1, 30), Some(1500), "the end is the first moment that is not meant");
    assert_eq!(rate(2, 1, 25), Some(1500));
    assert_eq!(rate(2, 2, 25), Some(1800));
}

fn sale() -> impl Strategy<Value = Shares> {
    let amount = prop_oneof![0..200_i64, 0..1_000_000_i64, LARGEST - 1000..=LARGEST];
    (amount, 0..=10_000_u16, 0..=10_000_u16).prop_map(|(gross, tax, rate)| {
        let tax = i64::try_from(i128::from(gross) * i128::from(tax) / 10_000).expect("a part");
        Shares::of_sale(usd(gross), tax, BasisPoints(rate)).expect("a sale")
    })
}

fn parts(shares: Shares) -> [i64; 3] {
    [shares.tax(), shares.commission(), shares.net()].map(|money| money.minor)
}

proptest! {
    /// Invariant 5.
    #[test]
    fn a_price_is_divided_to_the_cent_whatever_the_order_of_its_lines(
        total in 0..=LARGEST,
        lines in prop::collection::btree_map(any::<u16>(), 0..=LARGEST, 1..12),
        seed in any::<u64>(),
    ) {
        let lines: Vec<(u16, i64)> = lines.into_iter().collect();
        let sum: i128 = lines.iter().map(|(_, weight)| i128::from(*weight)).sum();
        prop_assume!(sum > 0);
        let parts = split(total, &lines).expect("a price");
        prop_assert_eq!(parts.iter().sum::<i64>(), total);
        for (&(_, weight), &part) in lines.iter().zip(&parts) {
            let off = i128::from(part) * sum - i128::from(total) * i128::from(weight);
            prop_assert!(off.abs() < sum, "less than one unit from the exact share");
        }
        for (a, &(_, weight)) in lines.iter().enumerate() {
            for (b, &(_, other)) in lines.iter().enumerate() {
                prop_assert!(weight <= other || parts[a] >= parts[b], "a greater weight never gets less");
            }
        }
        let mut mixed: Vec<usize> = (0..lines.len()).collect();
        mixed.sort_by_key(|&at| seed.rotate_left(u32::try_from(at).expect("few")).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let other_order: Vec<(u16, i64)> = mixed.iter().map(|&at| lines[at]).collect();
        let again = split(total, &other_order).expect("a price");
        for (place, &at) in mixed.iter().enumerate() {
            prop_assert_eq!(again[place], parts[at], "the order of the lines does not matter");
        }
    }

    /// Invariants 4 and 6.
    #[test]
    fn the_shares_of_a_sale_are_the_sale(shares in sale()) {
        prop_assert_eq!(parts(shares).iter().sum::<i64>(), shares.gross().minor);
        prop_assert!(parts(shares).iter().all(|&part| (0..=shares.gross().minor).contains(&part)));
    }

    /// The platform's share is never more than half a cent from the exact one.
    #[test]
    fn commission_is_exact_to_half_a_cent(gross in 0..=LARGEST, rate in 0..=10_000_u16) {
        let shares = Shares::of_sale(usd(gross), 0, BasisPoints(rate)).expect("a sale");
        let off = i128::from(shares.commission().minor) * 10_000 - i128::from(gross) * i128::from(rate);
        prop_assert!(off.abs() <= 5000);
    }

    /// Invariants 7 and 8: however a sale goes back, in however many pieces.
    #[test]
    fn refunds_take_back_exactly_what_the_sale_gave(
        shares in sale(),
        cuts in prop::collection::vec(any::<u64>(), 0..12),
    ) {
        let gross = shares.gross().minor;
        let mut cuts: Vec<i64> = cuts
            .into_iter()
            .map(|cut| i64::try_from(u128::from(cut) % (u128::try_from(gross).expect("positive") + 1)).expect("small"))
            .collect();
        cuts.push(gross);
        cuts.sort_unstable();
        let mut before = 0;
        let mut back = [0_i64; 3];
        let mut returned = shares.nothing();
        for cut in cuts {
            let refund = shares.refund(returned, cut - before).expect("a refund");
            returned = returned.plus(refund).expect("no more than the sale");
            prop_assert_eq!(refund.gross().minor, cut - before);
            prop_assert_eq!(parts(refund).iter().sum::<i64>(), cut - before);
            for (at, part) in parts(refund).into_iter().enumerate() {
                prop_assert!(part >= 0, "a share shrinks");
                back[at] += part;
                // Within one cent of the exact share.
                let off = i128::from(back[at]) * i128::from(gross.max(1)) - i128::from(cut) * i128::from(parts(shares)[at]);
                prop_assert!(off.abs() <= i128::from(gross.max(1)), "{back:?} of {shares:?} after {cut}");
            }
            before = cut;
        }
        prop_assert_eq!(back, parts(shares));
        prop_assert!(shares.refund(returned, 1).is_err());
        prop_assert!(shares.refund(shares.nothing(), gross.saturating_add(1)).is_err());
        prop_assert!(shares.refund(shares.nothing(), -1).is_err());
    }

    /// Invariants 7 and 8 where refunds come to us again in between: no share is asked for more than it has.
    #[test]
    fn refunds_that_come_to_us_again_leave_no_share_below_nothing(
        shares in sale(),
        steps in prop::collection::vec((any::<u64>(), prop::bool::weighted(0.3)), 0..16),
    ) {
        let mut standing: Vec<Shares> = Vec::new();
        let sum = |standing: &[Shares]| {
            standing.iter().try_fold(shares.nothing(), |sum, one| sum.plus(*one)).expect("no more than the sale")
        };
        for (number, undone) in steps {
            if undone && !standing.is_empty() {
                let at = usize::try_from(number % u64::try_from(standing.len()).expect("few")).expect("few");
                standing.remove(at);
                continue;
            }
            let left = shares.gross().minor - sum(&standing).gross().minor;
            let amount = i64::try_from(i128::from(number) % (i128::from(left) + 1)).expect("small");
            let refund = shares.refund(sum(&standing), amount).expect("a refund");
            prop_assert_eq!(parts(refund).iter().sum::<i64>(), amount);
            standing.push(refund);
            let back = parts(sum(&standing));
            prop_assert!((0..3).all(|at| (0..=parts(shares)[at]).contains(&back[at])), "{back:?} of {shares:?}");
        }
        let left = shares.gross().minor - sum(&standing).gross().minor;
        standing.push(shares.refund(sum(&standing), left).expect("the rest"));
        prop_assert_eq!(parts(sum(&standing)), parts(shares));
    }

    /// Invariants 1 and 20: whatever is posted adds up, up to 10^15, and nothing overflows.
    #[test]
    fn every_kind_of_transaction_adds_up(shares in sale(), owed in 0..=LARGEST, available in 0..=LARGEST) {
        let lines = [
            sale_lines(shares),
            super::unmatched(shares.gross()),
            super::fee(shares.gross()),
            super::release(shares.net(), owed, provider(1)).0,
            super::refund_due(shares, Held::Back, provider(1)),
            super::refund_due(shares, Held::Released { available }, provider(1)),
            super::refund_paid(shares.gross()),
        ];
        for lines in lines {
            let nothing = lines.iter().all(|line| line.amount.minor == 0);
            match post(heading(TransactionKind::Sale, "p"), lines) {
                Ok(transaction) => {
                    prop_assert_eq!(transaction.lines().iter().map(|line| line.amount.minor).sum::<i64>(), 0);
                }
                Err(error) => prop_assert!(nothing && error == PostError::TooFewLines, "{error}"),
            }
        }
    }

    /// Any other set of lines is refused.
    #[test]
    fn lines_that_are_off_by_anything_are_refused(shares in sale(), off in prop_oneof![-9..0_i64, 1..10_i64]) {
        let mut lines = sale_lines(shares);
        lines[0].amount.minor += off;
        prop_assert!(post(heading(TransactionKind::Sale, "p"), lines).is_err());
    }
}

fn sale_lines(shares: Shares) -> Vec<Posting> {
    super::sale(shares, provider(1))
}

/// Something that happens to a payment; any of it may come twice, late or too early.
#[derive(Clone, Copy, Debug)]
enum Event {
    Sold {
        fee: i64,
    },
    Unmatched,
    HoldOver,
    /// So many hundredths of what is left go back.
    RefundDecided {
        percent: i64,
    },
    RefundPaid {
        number: usize,
    },
    /// What went back comes to us again.
    RefundFailed {
        number: usize,
    },
    /// Its provider is paid all that is available.
    PaidOut,
    /// The rail is asked for what its provider owes of what was paid out.
    TakingBack,
    /// The rail has taken it back.
    TakenBack,
}

/// How a payment stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stands {
    taken: bool,
    earned: bool,
    released: bool,
    refunds: Vec<Refund>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refund {
    back: Shares,
    /// Whether it was taken from what was held back.
    from_pending: bool,
    state: RefundState,
}

impl Stands {
    /// Adds up what went back and has not come to us again.
    fn returned(&self, shares: Shares) -> Shares {
        let standing = self.refunds.iter().filter(|refund| refund.state != RefundState::Reversed);
        standing.fold(shares.nothing(), |sum, refund| sum.plus(refund.back).expect("no more than the sale"))
    }
}

/// A book in memory, moved by the functions that the program moves the database's by.
#[derive(Clone, Debug, Default)]
struct Book {
    posted: BTreeMap<(TransactionKind, String), Transaction>,
    balances: Vec<Balance>,
    states: BTreeMap<usize, Stands>,
    paid: BTreeMap<OrganizationId, Paid>,
}

/// What was paid out to a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Paid {
    payouts: Vec<i64>,
    reversals: Vec<i64>,
    /// What the rail was asked for and has not taken back yet.
    asked: Option<i64>,
}

impl Paid {
    fn left(&self) -> i64 {
        self.payouts.iter().sum::<i64>() - self.reversals.iter().sum::<i64>()
    }
}

/// Adds a line to balances, as the database does.
fn add(balances: &mut Vec<Balance>, line: &Posting) {
    let (account, owner) = (line.account.code(), line.account.owner());
    match balances.iter_mut().find(|balance| balance.is_of(account, owner, line.amount.currency)) {
        Some(balance) => balance.amount.minor += line.amount.minor,
        None => balances.push(Balance { account, owner, amount: line.amount }),
    }
}

#[derive(Clone, Copy, Debug)]
struct Sold {
    shares: Shares,
    provider: OrganizationId,
}

impl Book {
    fn natural(&self, account: AccountCode, owner: OrganizationId) -> i64 {
        let found = self.balances.iter().find(|balance| balance.account == account && balance.owner == Some(owner));
        found.map_or(0, |balance| balance.natural().minor)
    }

    /// Posts; the same again changes nothing. A transaction of nothing but zeros says nothing.
    fn write(&mut self, kind: TransactionKind, source: &str, lines: Vec<Posting>) {
        let key = (kind, source.to_owned());
        let transaction = match post(heading(kind, &key.1), lines) {
            Ok(transaction) => transaction,
            Err(PostError::TooFewLines) => return,
            Err(error) => panic!("{error}"),
        };
        if !self.posted.contains_key(&key) {
            for line in transaction.lines() {
                add(&mut self.balances, line);
            }
            self.posted.insert(key, transaction);
        }
    }

    /// Takes a transaction back.
    fn reverse(&mut self, kind: TransactionKind, of: TransactionKind, source: &str) {
        let lines = super::reversal(self.posted[&(of, source.to_owned())].lines());
        self.write(kind, source, lines);
    }

    /// Does what the program does in one database transaction: the state and the postings, or neither.
    fn happen(&mut self, at: usize, sold: Sold, event: Event) {
        let Sold { shares, provider } = sold;
        let mut stands = self.states.get(&at).cloned().unwrap_or_default();
        let name = at.to_string();
        let refund_name = |number: usize| format!("{at}:{number}");
        let left = shares.gross().minor - stands.returned(shares).gross().minor;
        match event {
            Event::Sold { fee } if !stands.taken => {
                self.write(TransactionKind::Sale, &name, super::sale(shares, provider));
                let fee = fee.min(shares.gross().minor);
                self.write(TransactionKind::Fee, &name, super::fee(usd(fee)));
                stands = Stands { taken: true, earned: true, ..stands };
            }
            Event::Unmatched if !stands.taken => {
                self.write(TransactionKind::Unmatched, &name, super::unmatched(shares.gross()));
                // Nobody has a share of it, so that all of it is due back.
                let refund = Refund { back: shares, from_pending: false, state: RefundState::Due };
                stands = Stands { taken: true, refunds: vec![refund], ..stands };
            }
            Event::HoldOver if stands.earned && !stands.released && left > 0 => {
                let owed = self.natural(AccountCode::ProviderReceivable, provider);
                let net = usd(shares.net().minor - stands.returned(shares).net().minor);
                let (lines, released) = super::release(net, owed, provider);
                assert!(
                    released.settled.minor == owed || released.available.minor == 0,
                    "what is owed is settled first"
                );
                self.write(TransactionKind::Release, &name, lines);
                stands.released = true;
            }
            Event::RefundDecided { percent } if stands.earned && left > 0 => {
                let amount = i64::try_from(i128::from(left) * i128::from(percent) / 100).expect("small").max(1);
                let available = self.natural(AccountCode::ProviderAvailable, provider);
                let held = if stands.released { Held::Released { available } } else { Held::Back };
                let back = shares.refund(stands.returned(shares), amount).expect("a refund");
                let number = refund_name(stands.refunds.len());
                self.write(TransactionKind::RefundDue, &number, super::refund_due(back, held, provider));
                let from_pending = !stands.released;
                stands.refunds.push(Refund { back, from_pending, state: RefundState::Due });
            }
            Event::RefundPaid { number } => {
                let refund = stands.refunds.get_mut(number);
                if let Some(refund) = refund.filter(|refund| refund.state == RefundState::Due) {
                    refund.state = RefundState::Paid;
                    let lines = super::refund_paid(refund.back.gross());
                    self.write(TransactionKind::RefundPaid, &refund_name(number), lines);
                }
            }
            Event::RefundFailed { number } if stands.earned => {
                let released = stands.released;
                let refund = stands.refunds.get_mut(number);
                if let Some(refund) = refund.filter(|refund| refund.state != RefundState::Reversed) {
                    let number = refund_name(number);
                    if refund.state == RefundState::Paid {
                        self.reverse(TransactionKind::RefundReturned, TransactionKind::RefundPaid, &number);
                    }
                    self.reverse(TransactionKind::RefundUndone, TransactionKind::RefundDue, &number);
                    let back = if released && refund.from_pending { refund.back.net() } else { usd(0) };
                    let owed = self.natural(AccountCode::ProviderReceivable, provider);
                    if back.minor > 0 || owed < 0 {
                        self.write(TransactionKind::Settlement, &number, super::settle(back, owed, provider));
                    }
                    refund.state = RefundState::Reversed;
                }
            }
            Event::PaidOut => {
                let available = usd(self.natural(AccountCode::ProviderAvailable, provider));
                let mut paid = self.paid.get(&provider).cloned().unwrap_or_default();
                // More than the ledger takes at once is paid to nobody.
                if (1..=LARGEST).contains(&available.minor) {
                    let name = format!("{provider}:{}", paid.payouts.len());
                    self.write(TransactionKind::PayoutReserved, &name, super::payout_reserved(available, provider));
                    self.write(TransactionKind::PayoutPaid, &name, super::payout_paid(available, provider));
                    paid.payouts.push(available.minor);
                }
                self.paid.insert(provider, paid);
            }
            Event::TakingBack => {
                let owed = self.natural(AccountCode::ProviderReceivable, provider);
                if let Some(paid) = self.paid.get_mut(&provider)
                    && paid.asked.is_none()
                {
                    paid.asked = Some(owed.min(paid.left())).filter(|minor| (1..=LARGEST).contains(minor));
                }
            }
            Event::TakenBack => {
                let owed = self.natural(AccountCode::ProviderReceivable, provider);
                if let Some(paid) = self.paid.get_mut(&provider)
                    && let Some(minor) = paid.asked.take()
                {
                    let name = format!("{provider}:{}", paid.reversals.len());
                    paid.reversals.push(minor);
                    let lines = super::payout_reversed(usd(minor), owed, provider);
                    self.write(TransactionKind::PayoutReversed, &name, lines);
                }
            }
            // Too early, too late, or once more.
            _ => {}
        }
        self.states.insert(at, stands);
    }

    fn figures(&self, sold: &[Sold]) -> Figures {
        let mut figures = Figures { balances: self.balances.clone(), ..Figures::default() };
        for paid in self.paid.values() {
            figures.paid_out.extend(paid.payouts.iter().copied().map(usd));
            figures.taken_back.extend(paid.reversals.iter().copied().map(usd));
        }
        for (at, stands) in &self.states {
            let Sold { shares, provider } = sold[*at];
            if stands.taken {
                figures.taken.push(shares.gross());
            }
            for refund in &stands.refunds {
                match refund.state {
                    RefundState::Due => figures.owed_back.push(refund.back.gross()),
                    RefundState::Paid => figures.given_back.push(refund.back.gross()),
                    RefundState::Reversed => {}
                }
            }
            if stands.earned {
                let back = stands.returned(shares);
                let rest = |whole: Money, back: Money| usd(whole.minor - back.minor);
                figures.commission.push(rest(shares.commission(), back.commission()));
                figures.tax.push(rest(shares.tax(), back.tax()));
                if !stands.released {
                    figures.held_back.push((provider, rest(shares.net(), back.net())));
                }
            }
        }
        figures
    }
}

fn sold() -> impl Strategy<Value = Sold> {
    (sale(), 0..3_u8).prop_map(|(shares, who)| Sold { shares, provider: provider(who) })
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0..100_i64).prop_map(|fee| Event::Sold { fee }),
        1 => Just(Event::Unmatched),
        3 => Just(Event::HoldOver),
        2 => prop_oneof![Just(100), 1..100_i64].prop_map(|percent| Event::RefundDecided { percent }),
        3 => (0..3_usize).prop_map(|number| Event::RefundPaid { number }),
        2 => (0..3_usize).prop_map(|number| Event::RefundFailed { number }),
        2 => Just(Event::PaidOut),
        2 => Just(Event::TakingBack),
        2 => Just(Event::TakenBack),
    ]
}

proptest! {
    /// Invariants 1, 2, 4, 7, 9, 10, 13 and 14 after every step, with events that repeat and come in any order.
    #[test]
    fn whatever_happens_the_book_says_what_payments_and_earnings_say(
        sold in prop::collection::vec(sold(), 1..6),
        events in prop::collection::vec((0..6_usize, event()), 0..40),
    ) {
        let mut book = Book::default();
        for (at, event) in events {
            let at = at % sold.len();
            book.happen(at, sold[at], event);
            for finding in findings(&book.figures(&sold)) {
                prop_assert!(finding.problems.is_empty(), "{finding:?}");
            }
        }
        // A release of nothing is not posted, and what comes back of such an earning is available all the same.
        let released: BTreeSet<usize> =
            book.states.iter().filter(|(_, stands)| stands.released).map(|(at, _)| *at).collect();
        for owner in (0..3).map(provider) {
            let earned = released.iter().filter(|&&at| sold[at].provider == owner).map(|&at| sold[at].shares.net().minor);
            let available = book.natural(AccountCode::ProviderAvailable, owner);
            let owed = book.natural(AccountCode::ProviderReceivable, owner);
            let gone = book.paid.get(&owner).map_or(0, Paid::left);
            prop_assert!(gone >= 0, "no more is taken back than was paid out");
            prop_assert!(available + gone <= earned.sum::<i64>() + owed, "nothing is available before it is released");
        }
    }

    /// Invariants 3 and 22: what is told again, or told again after a crash, changes nothing.
    #[test]
    fn events_that_come_again_and_crashes_change_nothing(
        sold in prop::collection::vec(sold(), 1..5),
        events in prop::collection::vec((0..5_usize, event()), 0..25),
        crash in 0..25_usize,
        again in 0..25_usize,
    ) {
        let mut once = Book::default();
        for &(at, event) in &events {
            once.happen(at % sold.len(), sold[at % sold.len()], event);
        }
        let mut twice = Book::default();
        for (number, &(at, event)) in events.iter().enumerate() {
            let at = at % sold.len();
            if number == crash {
                // Everything of the step is lost that was not committed, and it is done again.
                let mut lost = twice.clone();
                lost.happen(at, sold[at], event);
            }
            twice.happen(at, sold[at], event);
            let (states, paid) = (twice.states.clone(), twice.paid.clone());
            // A decision is a person's and made once; everything else may be told again.
            if !matches!(event, Event::RefundDecided { .. }) {
                twice.happen(at, sold[at], event);
            }
            if number >= again && states[&at].taken {
                // A repeat of the first thing that was told, much later.
                twice.happen(at, sold[at], Event::Sold { fee: 7 });
                twice.happen(at, sold[at], Event::Unmatched);
            }
            prop_assert_eq!((&twice.states, &twice.paid), (&states, &paid));
        }
        prop_assert_eq!(once.posted, twice.posted);
        prop_assert_eq!(once.balances, twice.balances);
    }

    /// Invariant 7: when everything has gone back, nothing is left but the rail's fees.
    #[test]
    fn when_everything_has_gone_back_only_the_fees_are_left(
        sold in prop::collection::vec(sold(), 1..6),
        events in prop::collection::vec((0..6_usize, event()), 0..30),
    ) {
        let mut book = Book::default();
        for (at, event) in events {
            book.happen(at % sold.len(), sold[at % sold.len()], event);
        }
        for (at, sold) in sold.iter().enumerate() {
            book.happen(at, *sold, Event::RefundDecided { percent: 100 });
            for number in 0..book.states[&at].refunds.len() {
                book.happen(at, *sold, Event::RefundPaid { number });
            }
        }
        for provider in (0..3).map(provider) {
            let available = book.natural(AccountCode::ProviderAvailable, provider);
            let owed = book.natural(AccountCode::ProviderReceivable, provider);
            prop_assert_eq!(book.natural(AccountCode::ProviderPending, provider), 0);
            let gone = book.paid.get(&provider).map_or(0, Paid::left);
            prop_assert_eq!(available - owed + gone, 0, "what is with the provider still it owes");
        }
        for balance in &book.balances {
            match balance.account {
                AccountCode::RailBalance | AccountCode::RailFees | AccountCode::ProviderAvailable
                | AccountCode::ProviderReceivable => {}
                _ => prop_assert_eq!(balance.amount.minor, 0, "{:?}", balance),
            }
        }
    }
}
