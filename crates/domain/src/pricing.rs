//! What a plan costs: the parts of its price, and the bill of a period, line by line.
//!
//! All of it is pure: the same price, period and usage give the same bill, whether it is previewed, simulated
//! or charged. What a newcomer gets wrong: usage is added up first and priced then, once a line. So it does not
//! matter in how many pieces or in which order it came, and a line is rounded once.

mod bill;
mod proration;
mod terms;

use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;
use crate::{Currency, Money};

pub use bill::{Bill, Line, Usage, bill};
pub use proration::{Switch, switch};
pub use terms::Terms;

/// No quantity and no amount of a price is larger than this, so that no bill overflows.
const LARGEST: i64 = 1_000_000_000_000;

/// More parts or tiers than this are nothing that anyone could follow.
const MOST: usize = 20;

text_enum! {
    /// What is counted.
    Meter {
        /// Answered calls.
        Calls = "calls",
        /// Tokens that were read.
        InputTokens = "input_tokens",
        /// Tokens that were written.
        OutputTokens = "output_tokens",
    }
}

text_enum! {
    /// How often a price is paid.
    #[derive(Default)]
    Interval {
        /// Every month.
        #[default]
        Month = "month",
        /// Every year.
        Year = "year",
    }
}

impl Interval {
    /// Returns how many months it has.
    pub const fn months(self) -> i64 {
        match self {
            Self::Month => 1,
            Self::Year => 12,
        }
    }
}

/// The price of one unit in billionths of a minor unit: a token costs far less than a cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitPrice(pub i64);

/// How many units of [`UnitPrice`] a minor unit has.
pub const BILLIONTHS: i64 = 1_000_000_000;

/// Units up to some number, and what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The last unit that is meant, counted from the first of all; nothing in the last tier.
    pub up_to: Option<i64>,
    /// The price of each unit.
    pub unit: UnitPrice,
    /// What is paid once the tier is reached, in minor units.
    pub flat: i64,
}

/// One part of a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// The same each period.
    Fixed {
        /// In minor units.
        amount: i64,
    },
    /// Once, with the first period.
    Once {
        /// In minor units.
        amount: i64,
    },
    /// So much a unit.
    PerUnit {
        /// What is counted.
        meter: Meter,
        /// The price of each unit.
        unit: UnitPrice,
    },
    /// Each unit costs what its own tier says.
    Graduated {
        /// What is counted.
        meter: Meter,
        /// From the first unit on.
        tiers: Vec<Tier>,
    },
    /// All units cost what the tier says in which the last of them falls.
    Volume {
        /// What is counted.
        meter: Meter,
        /// From the first unit on.
        tiers: Vec<Tier>,
    },
    /// So much for each package, also one that is only begun.
    Package {
        /// What is counted.
        meter: Meter,
        /// How many units a package has.
        size: i64,
        /// The price of a package, in minor units.
        amount: i64,
    },
    /// So many units are included, and those beyond cost something.
    Quota {
        /// What is counted.
        meter: Meter,
        /// How many are included.
        included: i64,
        /// The price of each unit beyond them.
        beyond: UnitPrice,
    },
}

/// What a plan costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// In what.
    pub currency: Currency,
    /// How often it is paid.
    pub interval: Interval,
    /// Its parts, in the order of the bill.
    pub parts: Vec<Part>,
}

/// Why a price cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Something below zero, or larger than anything should be.
    #[error("must be from 0 to 1,000,000,000,000")]
    OutOfBounds,
    /// A package of nothing.
    #[error("a package has one unit at least")]
    EmptyPackage,
    /// Tiers that do not follow one another to the end.
    #[error("each tier must end above the one before it, and the last has no end")]
    Tiers,
    /// More parts or tiers than anyone can follow.
    #[error("may have 20 parts and 20 tiers at most")]
    TooMany,
}

impl Price {
    /// Makes the price of a plan that costs the same each month.
    pub fn monthly(price: Money) -> Self {
        Self { currency: price.currency, interval: Interval::Month, parts: vec![Part::Fixed { amount: price.minor }] }
    }

    /// Checks that every part is one that can be billed.
    pub fn check(&self) -> Result<(), PriceError> {
        let within = |number: i64| if (0..=LARGEST).contains(&number) { Ok(()) } else { Err(PriceError::OutOfBounds) };
        if self.parts.len() > MOST {
            return Err(PriceError::TooMany);
        }
        for part in &self.parts {
            match part {
                Part::Fixed { amount } | Part::Once { amount } => within(*amount)?,
                Part::PerUnit { unit, .. } => within(unit.0)?,
                Part::Graduated { tiers, .. } | Part::Volume { tiers, .. } => check_tiers(tiers)?,
                Part::Package { size, amount, .. } => {
                    within(*amount)?;
                    within(*size)?;
                    if *size == 0 {
                        return Err(PriceError::EmptyPackage);
                    }
                }
                Part::Quota { included, beyond, .. } => {
                    within(*included)?;
                    within(beyond.0)?;
                }
            }
        }
        Ok(())
    }

    /// Tells whether what is used costs something.
    pub fn is_metered(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Fixed { .. } | Part::Once { .. }))
    }

    /// Returns the parts that what is used is billed by.
    pub fn metered(&self) -> Self {
        let metered = |part: &&Part| !matches!(part, Part::Fixed { .. } | Part::Once { .. });
        Self { parts: self.parts.iter().filter(metered).cloned().collect(), ..self.clone() }
    }

    /// Returns what is the same each period.
    pub fn fixed(&self) -> Money {
        let amounts = self.parts.iter().map(|part| if let Part::Fixed { amount } = part { *amount } else { 0 });
        Money::new(amounts.sum(), self.currency)
    }

    /// Returns what is paid with the first period alone.
    pub fn once(&self) -> Money {
        let amounts = self.parts.iter().map(|part| if let Part::Once { amount } = part { *amount } else { 0 });
        Money::new(amounts.sum(), self.currency)
    }
}

fn check_tiers(tiers: &[Tier]) -> Result<(), PriceError> {
    if tiers.len() > MOST {
        return Err(PriceError::TooMany);
    }
    let Some((last, before)) = tiers.split_last() else {
        return Err(PriceError::Tiers);
    };
    let mut end = 0;
    for tier in before {
        let up_to = tier.up_to.ok_or(PriceError::Tiers)?;
        if up_to <= end || up_to > LARGEST {
            return Err(PriceError::Tiers);
        }
        end = up_to;
    }
    if last.up_to.is_some() {
        return Err(PriceError::Tiers);
    }
    let fine = tiers.iter().all(|tier| (0..=LARGEST).contains(&tier.unit.0) && (0..=LARGEST).contains(&tier.flat));
    if fine { Ok(()) } else { Err(PriceError::OutOfBounds) }
}

#[cfg(test)]
mod tests;
