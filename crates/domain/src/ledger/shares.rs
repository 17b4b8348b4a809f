//! How a sale is divided between the state, the platform and the provider, and how a refund takes it back.

use super::{LARGEST, PostError};
use crate::{BasisPoints, Currency, Money};

/// What a sale is divided into: tax, commission, and all the rest for the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    gross: i64,
    tax: i64,
    commission: i64,
    currency: Currency,
}

impl Shares {
    /// Divides a sale of which `tax` is tax. The commission is a share of what remains, rounded half to even;
    /// the provider gets everything else.
    pub fn of_sale(gross: Money, tax: i64, rate: BasisPoints) -> Result<Self, PostError> {
        if rate.0 > 10_000 {
            return Err(PostError::OutOfBounds(i64::from(rate.0)));
        }
        Self::frozen(gross, tax, 0)?;
        let commission = part(gross.minor - tax, i64::from(rate.0), 10_000);
        Self::frozen(gross, tax, commission)
    }

    /// Takes up shares that were divided before.
    pub const fn frozen(gross: Money, tax: i64, commission: i64) -> Result<Self, PostError> {
        let Money { minor, currency } = gross;
        if minor < 0 || minor > LARGEST {
            return Err(PostError::OutOfBounds(minor));
        }
        if tax < 0 || tax > minor {
            return Err(PostError::OutOfBounds(tax));
        }
        if commission < 0 || commission > minor - tax {
            return Err(PostError::OutOfBounds(commission));
        }
        Ok(Self { gross: minor, tax, commission, currency })
    }

    /// Returns what the buyer paid.
    pub const fn gross(self) -> Money {
        Money::new(self.gross, self.currency)
    }

    /// Returns what is tax of it.
    pub const fn tax(self) -> Money {
        Money::new(self.tax, self.currency)
    }

    /// Returns what the platform keeps.
    pub const fn commission(self) -> Money {
        Money::new(self.commission, self.currency)
    }

    /// Returns what the provider earns.
    pub const fn net(self) -> Money {
        Money::new(self.gross - self.tax - self.commission, self.currency)
    }

    /// Returns the shares of the first `refunded` minor units that go back.
    ///
    /// It halves twice: first tax against the rest, then commission against the provider's part of that rest.
    /// So each share grows by nothing or by one with each cent that goes back, never shrinks, stays within one
    /// cent of the exact share, and is complete when everything has gone back. Dealing out the largest
    /// remainders would not do: it takes a cent back from a share as the refund grows (a test shows where).
    fn first(self, refunded: i64) -> Self {
        let tax = part(refunded, self.tax, self.gross);
        let commission = part(refunded - tax, self.commission, self.gross - self.tax);
        Self { gross: refunded, tax, commission, currency: self.currency }
    }

    /// Returns nothing of the same currency.
    pub const fn nothing(self) -> Self {
        Self { gross: 0, tax: 0, commission: 0, currency: self.currency }
    }

    /// Adds up two parts of one sale.
    pub fn plus(self, other: Self) -> Result<Self, PostError> {
        if self.currency != other.currency {
            return Err(PostError::MixedCurrencies(self.currency, other.currency));
        }
        let sum = |a: i64, b: i64| a.checked_add(b).ok_or(PostError::OutOfBounds(b));
        let gross = Money::new(sum(self.gross, other.gross)?, self.currency);
        Self::frozen(gross, sum(self.tax, other.tax)?, sum(self.commission, other.commission)?)
    }

    /// Divides a refund of `amount` after `returned` has gone back already: what the first minor units of the sale
    /// are divided into, less what everyone gave back.
    ///
    /// What went back may have come to us again in between, so that `returned` is not always what the same sum would
    /// be divided into now. It differs by a cent at most; no share is asked for more than is left of it.
    pub fn refund(self, returned: Self, amount: i64) -> Result<Self, PostError> {
        if returned.currency != self.currency {
            return Err(PostError::MixedCurrencies(self.currency, returned.currency));
        }
        let left_net = self.net().minor - returned.net().minor;
        let (left_tax, left_commission) = (self.tax - returned.tax, self.commission - returned.commission);
        if left_net < 0 || left_tax < 0 || left_commission < 0 {
            return Err(PostError::OutOfBounds(returned.gross));
        }
        if amount < 0 || amount > self.gross - returned.gross {
            return Err(PostError::OutOfBounds(amount));
        }
        let after = self.first(returned.gross + amount);
        let tax = (after.tax - returned.tax).clamp((amount - left_commission - left_net).max(0), left_tax.min(amount));
        let rest = amount - tax;
        let commission =
            (after.commission - returned.commission).clamp((rest - left_net).max(0), left_commission.min(rest));
        Ok(Self { gross: amount, tax, commission, currency: self.currency })
    }
}

/// Returns `amount * share / whole`, rounded half to even; nothing of nothing.
fn part(amount: i64, share: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let (exact, whole) = (i128::from(amount) * i128::from(share), i128::from(whole));
    let (down, rest) = (exact.div_euclid(whole), exact.rem_euclid(whole));
    let up = match (rest * 2).cmp(&whole) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => down % 2 != 0,
    };
    i64::try_from(down + i128::from(up)).expect("a part is not larger than its whole, which is within bounds")
}
