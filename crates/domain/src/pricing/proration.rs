//! Another plan in the middle of a period: what goes back of the old one, and what the new one costs.

use crate::{Money, Timestamp};

/// What a switch of plans comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// What goes back of the old plan: never above zero.
    pub credit: Money,
    /// What the rest of the period costs on the new plan.
    pub debit: Money,
}

impl Switch {
    /// Returns what is owed: below zero where something goes back.
    pub const fn due(self) -> Money {
        Money::new(self.credit.minor + self.debit.minor, self.debit.currency)
    }
}

/// Works out a switch at a moment of a period, to the second.
///
/// Each of the two lines is rounded down by itself, as Stripe does: a credit away from zero, in the buyer's favour.
/// Both prices are of one currency; a moment outside the period is its nearer end.
pub fn switch(old: Money, new: Money, period: (Timestamp, Timestamp), at: Timestamp) -> Switch {
    let (start, end) = (period.0.seconds(), period.1.seconds());
    let at = at.seconds().clamp(start, end.max(start));
    let (left, whole) = (i128::from(end - at), i128::from(end - start).max(1));
    let part = |minor: i64| {
        let exact = (i128::from(minor) * left).div_euclid(whole);
        i64::try_from(exact).expect("a part of an amount fits where the amount does")
    };
    Switch { credit: Money::new(part(-old.minor), old.currency), debit: Money::new(part(new.minor), new.currency) }
}
