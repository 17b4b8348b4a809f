//! Money as integer minor units plus a currency; never a float, never mixed.

use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;

text_enum! {
    /// A currency that plans can be priced in (ISO 4217).
    Currency {
        /// Euro.
        Eur = "EUR",
        /// United States dollar.
        Usd = "USD",
        /// Pound sterling.
        Gbp = "GBP",
    }
}

impl Currency {
    /// Returns the sign that is printed before an amount.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Eur => "€",
            Self::Usd => "$",
            Self::Gbp => "£",
        }
    }
}

/// An amount in minor units (cents) of one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Cents; negative for what goes back.
    pub minor: i64,
    /// What the cents are of.
    pub currency: Currency,
}

/// Hundredths of a percent: `BasisPoints(1500)` is 15 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasisPoints(pub u16);

impl Money {
    /// Makes an amount of `minor` cents.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads what a person typed, `29` or `29.5`; more than two decimals are refused, not rounded.
    pub fn from_decimal(text: &str, currency: Currency) -> Option<Self> {
        let text = text.trim();
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || rest.len() > 2 || !digits(whole) || !digits(rest) {
            return None;
        }
        let rest: i64 = format!("{rest:0<2}").parse().ok()?;
        Some(Self::new(whole.parse::<i64>().ok()? * 100 + rest, currency))
    }

    /// Tells whether nothing is owed.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Returns the amount as Waldur writes decimals, `"29.0000000"`.
    pub fn decimal(self) -> String {
        let sign = if self.minor < 0 { "-" } else { "" };
        let cents = self.minor.unsigned_abs();
        format!("{sign}{}.{:02}00000", cents / 100, cents % 100)
    }
}

impl std::fmt::Display for Money {
    /// Writes `$29`, `$29.50`, `-€0.05`: cents only where there are some.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minus = if self.minor < 0 { "-" } else { "" };
        let cents = self.minor.unsigned_abs();
        let sign = self.currency.sign();
        match cents % 100 {
            0 => write!(f, "{minus}{sign}{}", cents / 100),
            rest => write!(f, "{minus}{sign}{}.{rest:02}", cents / 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_people_read_it() {
        let written = |minor| Money::new(minor, Currency::Usd).to_string();
        assert_eq!(written(2900), "$29");
        assert_eq!(written(2950), "$29.50");
        assert_eq!(written(-5), "-$0.05");
        assert_eq!(Money::new(2950, Currency::Eur).decimal(), "29.5000000");
    }

    #[test]
    fn a_price_is_read_to_the_cent_or_not_at_all() {
        let read = |text| Money::from_decimal(text, Currency::Usd).map(|money| money.minor);
        assert_eq!(["29", "29.5", "0.05", " 0 "].map(read), [Some(2900), Some(2950), Some(5), Some(0)]);
        assert_eq!(["", "-1", "1.234", "1,50", "abc", "."].map(read), [None; 6]);
    }
}
