//! What a plan costs besides the same amount each period, and how that is said.

use serde::{Deserialize, Serialize};

use super::bill::{count, written};
use super::{BILLIONTHS, Interval, Meter, Part, Price, PriceError, Tier, UnitPrice};
use crate::{Currency, Money};

/// For more days than this nothing can be tried before it is paid.
const LONGEST_TRIAL: i64 = 90;

/// How often a plan is paid, for how long it can be tried, and what is paid besides its price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How often.
    pub interval: Interval,
    /// For how many days it can be tried before the first payment.
    pub trial_days: i64,
    /// What is paid besides: none of the parts is [`Part::Fixed`].
    pub parts: Vec<Part>,
}

impl Terms {
    /// Returns the whole price of a plan with these terms.
    pub fn price(&self, fixed: Money) -> Price {
        let mut parts = vec![Part::Fixed { amount: fixed.minor }];
        parts.extend(self.parts.iter().cloned());
        Price { currency: fixed.currency, interval: self.interval, parts }
    }

    /// Returns what is paid with the first period of a plan with these terms, usage apart.
    pub fn first_payment(&self, fixed: Money) -> Money {
        let price = self.price(fixed);
        Money::new(price.fixed().minor + price.once().minor, price.currency)
    }

    /// Checks that the terms are some that can be billed.
    pub fn check(&self) -> Result<(), PriceError> {
        if !(0..=LONGEST_TRIAL).contains(&self.trial_days)
            || self.parts.iter().any(|part| matches!(part, Part::Fixed { .. }))
        {
            return Err(PriceError::OutOfBounds);
        }
        self.price(Money::new(0, Currency::Usd)).check()
    }

    /// Says in words what is paid besides the price, a sentence a part.
    pub fn words(&self, currency: Currency) -> Vec<String> {
        let mut words: Vec<String> = self.parts.iter().map(|part| part_words(part, currency)).collect();
        if self.trial_days > 0 {
            words.push(format!("{} days free", self.trial_days));
        }
        words
    }
}

const fn many(meter: Meter) -> &'static str {
    match meter {
        Meter::Calls => "calls",
        Meter::InputTokens => "tokens read",
        Meter::OutputTokens => "tokens written",
    }
}

/// Writes what units cost so that people can compare it: calls by the thousand, tokens by the million.
fn each(meter: Meter, unit: UnitPrice, currency: Currency) -> String {
    let (lot, words) = match meter {
        Meter::Calls => (1_000, "1,000 calls"),
        Meter::InputTokens => (1_000_000, "million tokens read"),
        Meter::OutputTokens => (1_000_000, "million tokens written"),
    };
    match unit.0.checked_mul(lot) {
        Some(billionths) if billionths % BILLIONTHS == 0 => {
            format!(
                "{} for {}{words}",
                Money::new(billionths / BILLIONTHS, currency),
                if lot == 1_000 { "" } else { "a " }
            )
        }
        _ => format!("{} for each of the {}", written(unit, currency), many(meter)),
    }
}

fn part_words(part: &Part, currency: Currency) -> String {
    match part {
        Part::Fixed { amount } => Money::new(*amount, currency).to_string(),
        Part::Once { amount } => format!("{} once, to set it up", Money::new(*amount, currency)),
        Part::PerUnit { meter, unit } => each(*meter, *unit, currency),
        Part::Quota { meter, included, beyond } => {
            format!("{} {} included, then {}", count(*included), many(*meter), each(*meter, *beyond, currency))
        }
        Part::Package { meter, size, amount } => {
            format!("{} for each {} {}", Money::new(*amount, currency), count(*size), many(*meter))
        }
        Part::Graduated { meter, tiers } => tiers_words(*meter, tiers, currency, "each at the price of its tier"),
        Part::Volume { meter, tiers } => {
            tiers_words(*meter, tiers, currency, "all at the price of the tier that is reached")
        }
    }
}

fn tiers_words(meter: Meter, tiers: &[Tier], currency: Currency, how: &str) -> String {
    let words: Vec<String> = tiers
        .iter()
        .map(|tier| {
            let flat = if tier.flat > 0 { format!(" and {}", Money::new(tier.flat, currency)) } else { String::new() };
            let price = format!("{}{flat}", each(meter, tier.unit, currency));
            match tier.up_to {
                Some(end) => format!("up to {}: {price}", count(end)),
                None => format!("beyond: {price}"),
            }
        })
        .collect();
    format!("{}: {}; {how}", many(meter), words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_said_so_that_they_can_be_compared() {
        let terms = Terms {
            interval: Interval::Month,
            trial_days: 14,
            parts: vec![
                Part::Once { amount: 4_900 },
                Part::Quota { meter: Meter::Calls, included: 1_000, beyond: UnitPrice(BILLIONTHS / 20) },
                Part::PerUnit { meter: Meter::OutputTokens, unit: UnitPrice(BILLIONTHS / 1_000) },
                Part::Package { meter: Meter::InputTokens, size: 5_000_000, amount: 250 },
            ],
        };
        assert_eq!(terms.check(), Ok(()));
        assert_eq!(terms.first_payment(Money::new(2_900, Currency::Usd)), Money::new(7_800, Currency::Usd));
        assert_eq!(
            terms.words(Currency::Usd),
            [
                "$49 once, to set it up",
                "1,000 calls included, then $0.50 for 1,000 calls",
                "$10 for a million tokens written",
                "$2.50 for each 5,000,000 tokens read",
                "14 days free",
            ]
        );
    }

    #[test]
    fn the_price_of_a_month_is_not_among_what_is_paid_besides() {
        let twice = Terms { parts: vec![Part::Fixed { amount: 1 }], ..Terms::default() };
        let long = Terms { trial_days: 91, ..Terms::default() };
        assert_eq!([twice.check(), long.check()], [Err(PriceError::OutOfBounds); 2]);
    }
}
