use proptest::prelude::*;

use super::*;
use crate::Timestamp;

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::Usd)
}

fn price(parts: Vec<Part>) -> Price {
    Price { currency: Currency::Usd, interval: Interval::Month, parts }
}

fn calls(calls: i64) -> Usage {
    Usage { calls, ..Usage::default() }
}

fn tier(up_to: Option<i64>, unit: i64, flat: i64) -> Tier {
    Tier { up_to, unit: UnitPrice(unit), flat }
}

const CENT: i64 = BILLIONTHS;

fn total(part: Part, used: i64) -> i64 {
    bill(&price(vec![part]), calls(used), false).total.minor
}

#[test]
fn each_kind_of_part_costs_what_it_says() {
    let meter = Meter::Calls;
    let tiers = vec![tier(Some(100), 3 * CENT, 0), tier(Some(200), 2 * CENT, 50), tier(None, CENT, 0)];
    let graduated = || Part::Graduated { meter, tiers: tiers.clone() };
    let volume = || Part::Volume { meter, tiers: tiers.clone() };
    assert_eq!([0, 1, 100, 101, 200, 300].map(|used| total(graduated(), used)), [0, 3, 300, 352, 550, 650]);
    assert_eq!([0, 1, 100, 101, 200, 300].map(|used| total(volume(), used)), [0, 3, 300, 252, 450, 300]);
    let package = || Part::Package { meter, size: 1000, amount: 500 };
    assert_eq!([0, 1, 1000, 1001].map(|used| total(package(), used)), [0, 500, 500, 1000]);
    let quota = || Part::Quota { meter, included: 1000, beyond: UnitPrice(2 * CENT) };
    assert_eq!([0, 1000, 1001, 1500].map(|used| total(quota(), used)), [0, 0, 2, 1000]);
    assert_eq!([0, 7].map(|used| total(Part::PerUnit { meter, unit: UnitPrice(CENT / 2) }, used)), [0, 4]);
    assert_eq!(total(Part::Fixed { amount: 2900 }, 5), 2900);
}

#[test]
fn what_is_paid_once_is_on_the_first_bill_alone() {
    let price = price(vec![Part::Once { amount: 500 }, Part::Fixed { amount: 2900 }]);
    assert_eq!(bill(&price, Usage::default(), true).total, usd(3400));
    assert_eq!(bill(&price, Usage::default(), false).total, usd(2900));
    assert_eq!((price.fixed(), price.once()), (usd(2900), usd(500)));
}

#[test]
fn a_bill_says_how_it_comes_to_its_amounts() {
    let tokens = Part::PerUnit { meter: Meter::OutputTokens, unit: UnitPrice(CENT / 5) };
    let tiers = vec![tier(Some(1000), 2 * CENT, 0), tier(None, CENT, 300)];
    let price = price(vec![Part::Fixed { amount: 2900 }, Part::Graduated { meter: Meter::Calls, tiers }, tokens]);
    let used = Usage { calls: 12_345, input_tokens: 9, output_tokens: 1 };
    let bill = bill(&price, used, false);
    let lines: Vec<_> =
        bill.lines.iter().map(|line| (line.text.as_str(), line.how.as_str(), line.amount.minor)).collect();
    let expected = [
        ("One month", "", 2900),
        ("12,345 calls", "1,000 at $0.02, 11,345 at $0.01, $3 for the tiers", 13_645),
        ("1 token written", "$0.002 each", 0),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_price_that_cannot_be_is_refused() {
    let meter = Meter::Calls;
    let check = |part| price(vec![part]).check();
    assert_eq!(check(Part::Fixed { amount: -1 }), Err(PriceError::OutOfBounds));
    assert_eq!(check(Part::Package { meter, size: 0, amount: 1 }), Err(PriceError::EmptyPackage));
    for tiers in [vec![], vec![tier(Some(5), 1, 0)], vec![tier(Some(5), 1, 0), tier(Some(5), 1, 0), tier(None, 1, 0)]] {
        assert_eq!(check(Part::Graduated { meter, tiers }), Err(PriceError::Tiers));
    }
    assert_eq!(check(Part::Volume { meter, tiers: vec![tier(None, -1, 0)] }), Err(PriceError::OutOfBounds));
    assert_eq!(price(vec![Part::Fixed { amount: 1 }; 21]).check(), Err(PriceError::TooMany));
    assert_eq!(Price::monthly(usd(2900)).check(), Ok(()));
}

fn unit() -> impl Strategy<Value = i64> {
    prop_oneof![0..CENT, 0..LARGEST]
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let steps = prop::collection::vec((1..100_000_i64, unit(), 0..10_000_i64), 0..6);
    (steps, unit(), 0..10_000_i64).prop_map(|(steps, unit, flat)| {
        let mut end = 0;
        let mut tiers: Vec<Tier> = steps
            .into_iter()
            .map(|(wide, unit, flat)| {
                end += wide;
                tier(Some(end), unit, flat)
            })
            .collect();
        tiers.push(tier(None, unit, flat));
        tiers
    })
}

fn part() -> impl Strategy<Value = Part> {
    let meter = Meter::Calls;
    prop_oneof![
        (0..LARGEST).prop_map(|amount| Part::Fixed { amount }),
        unit().prop_map(move |unit| Part::PerUnit { meter, unit: UnitPrice(unit) }),
        tiers().prop_map(move |tiers| Part::Graduated { meter, tiers }),
        (1..100_000_i64, 0..100_000_i64).prop_map(move |(size, amount)| Part::Package { meter, size, amount }),
        (0..100_000_i64, unit()).prop_map(move |(included, unit)| Part::Quota {
            meter,
            included,
            beyond: UnitPrice(unit)
        }),
    ]
}

proptest! {
    /// Invariants 17 and 20: more use never costs less, and nothing is ever below zero or overflows. (By
    /// volume it may cost less: that is what volume means.)
    #[test]
    fn more_use_never_costs_less(part in part(), used in 0..LARGEST, more in 0..1000_i64) {
        prop_assert_eq!(price(vec![part.clone()]).check(), Ok(()));
        let (before, after) = (total(part.clone(), used), total(part, used.saturating_add(more)));
        prop_assert!(0 <= before && before <= after);
    }

    /// The total is what its lines come to, in whatever order they stand.
    #[test]
    fn a_bill_is_the_sum_of_its_lines(parts in prop::collection::vec(part(), 0..6), used in 0..1_000_000_i64) {
        let forth = bill(&price(parts.clone()), calls(used), true);
        let back = bill(&price(parts.into_iter().rev().collect()), calls(used), true);
        prop_assert_eq!(forth.lines.iter().map(|line| line.amount.minor).sum::<i64>(), forth.total.minor);
        prop_assert_eq!(forth.total, back.total);
    }

    /// Graduated tiers meet where they join: one unit more costs its own price and, at a join, the flat part.
    #[test]
    fn graduated_tiers_are_exact_to_half_a_cent(tiers in tiers(), used in 0..600_000_i64) {
        let mut exact = 0_i128;
        let mut from = 0;
        for tier in &tiers {
            let units = (tier.up_to.unwrap_or(i64::MAX).min(used) - from).max(0);
            if used > from {
                exact += i128::from(units) * i128::from(tier.unit.0) + i128::from(tier.flat) * i128::from(BILLIONTHS);
            }
            from = tier.up_to.unwrap_or(i64::MAX);
        }
        let charged = i128::from(total(Part::Graduated { meter: Meter::Calls, tiers }, used)) * i128::from(BILLIONTHS);
        prop_assert!((charged - exact).abs() * 2 <= i128::from(BILLIONTHS));
    }

    /// Invariant 18.
    #[test]
    fn a_switch_is_exact_to_a_cent_a_line(
        old in 0..LARGEST,
        new in 0..LARGEST,
        start in 0..4_000_000_000_i64,
        long in 1..40_000_000_i64,
        at in 0..=1_000_000_i64,
    ) {
        let end = start + long;
        let at = start + i64::try_from(i128::from(long) * i128::from(at) / 1_000_000).expect("small");
        let period = (Timestamp::from_seconds(start), Timestamp::from_seconds(end));
        let moment = Timestamp::from_seconds(at);
        let made = switch(usd(old), usd(new), period, moment);
        prop_assert!(made.credit.minor <= 0 && made.debit.minor >= 0);
        for (line, amount) in [(made.credit.minor, -old), (made.debit.minor, new)] {
            let off = i128::from(line) * i128::from(long) - i128::from(amount) * i128::from(end - at);
            prop_assert!(off <= 0 && off > -i128::from(long), "{off} of {long}");
        }
        let same = switch(usd(old), usd(old), period, moment).due().minor;
        prop_assert!(same == 0 || same == -1);
        prop_assert_eq!(switch(usd(old), usd(new), period, period.1).due(), usd(0));
        prop_assert_eq!(switch(usd(old), usd(new), period, period.0).due(), usd(new - old));
    }
}
