//! The bill of a period.

use serde::{Deserialize, Serialize};

use super::{BILLIONTHS, Interval, LARGEST, Meter, Part, Price, Tier, UnitPrice};
use crate::{Currency, Money};

/// What was used in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Answered calls.
    pub calls: i64,
    /// Tokens that were read.
    pub input_tokens: i64,
    /// Tokens that were written.
    pub output_tokens: i64,
}

impl Usage {
    /// Returns what was used since an earlier count; never less than nothing.
    pub fn since(self, before: Self) -> Self {
        Self {
            calls: (self.calls - before.calls).max(0),
            input_tokens: (self.input_tokens - before.input_tokens).max(0),
            output_tokens: (self.output_tokens - before.output_tokens).max(0),
        }
    }

    /// Returns how much was used of what a meter counts; never less than nothing.
    pub fn of(self, meter: Meter) -> i64 {
        let used = match meter {
            Meter::Calls => self.calls,
            Meter::InputTokens => self.input_tokens,
            Meter::OutputTokens => self.output_tokens,
        };
        used.clamp(0, LARGEST)
    }
}

/// One line of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is paid for, in words.
    pub text: String,
    /// How it comes to that amount, in words; empty where the text says it all.
    pub how: String,
    /// How much.
    pub amount: Money,
}

/// What a period costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Line by line.
    pub lines: Vec<Line>,
    /// Together.
    pub total: Money,
}

/// Works out what a period costs; what is paid once is on the bill of the first.
pub fn bill(price: &Price, usage: Usage, first: bool) -> Bill {
    let mut lines = Vec::new();
    for part in &price.parts {
        if let Some(line) = line(price, part, usage, first) {
            lines.push(line);
        }
    }
    let total = lines.iter().map(|line| line.amount.minor).sum();
    Bill { lines, total: Money::new(total, price.currency) }
}

fn line(price: &Price, part: &Part, usage: Usage, first: bool) -> Option<Line> {
    let money = |minor: i64| Money::new(minor, price.currency);
    let each = |unit: UnitPrice| written(unit, price.currency);
    let line = |text: String, how: String, minor: i64| Some(Line { text, how, amount: money(minor) });
    match part {
        Part::Fixed { amount } => {
            let text = match price.interval {
                Interval::Month => "One month",
                Interval::Year => "One year",
            };
            line(text.to_owned(), String::new(), *amount)
        }
        Part::Once { amount } => {
            if first {
                line("Set-up, once".to_owned(), String::new(), *amount)
            } else {
                None
            }
        }
        Part::PerUnit { meter, unit } => {
            let used = usage.of(*meter);
            line(words(*meter, used), format!("{} each", each(*unit)), priced(&[(used, *unit)]))
        }
        Part::Graduated { meter, tiers } => {
            let used = usage.of(*meter);
            let (parts, flat) = graduated(tiers, used);
            let mut how: Vec<String> =
                parts.iter().map(|(units, unit)| format!("{} at {}", count(*units), each(*unit))).collect();
            if flat > 0 {
                how.push(format!("{} for the tiers", money(flat)));
            }
            line(words(*meter, used), how.join(", "), priced(&parts) + flat)
        }
        Part::Volume { meter, tiers } => {
            let used = usage.of(*meter);
            let tier = tiers.iter().find(|tier| tier.up_to.is_none_or(|end| used <= end));
            let (unit, flat) = match tier {
                Some(tier) if used > 0 => (tier.unit, tier.flat),
                _ => (UnitPrice(0), 0),
            };
            let mut how = format!("all {} at {}", count(used), each(unit));
            if flat > 0 {
                how.push_str(&format!(", and {} for the tier", money(flat)));
            }
            line(words(*meter, used), how, priced(&[(used, unit)]) + flat)
        }
        Part::Package { meter, size, amount } => {
            let used = usage.of(*meter);
            let packages = used / size + i64::from(used % size > 0);
            let how = format!("{} packages of {}, {} each", count(packages), count(*size), money(*amount));
            let minor = i128::from(packages) * i128::from(*amount);
            line(words(*meter, used), how, i64::try_from(minor).unwrap_or(i64::MAX / 64))
        }
        Part::Quota { meter, included, beyond } => {
            let used = usage.of(*meter);
            let over = (used - included).max(0);
            let how = format!("{} included, {} beyond at {}", count(*included), count(over), each(*beyond));
            line(words(*meter, used), how, priced(&[(over, *beyond)]))
        }
    }
}

/// Divides units into tiers: how many at which price, and what the tiers that were reached cost by themselves.
fn graduated(tiers: &[Tier], used: i64) -> (Vec<(i64, UnitPrice)>, i64) {
    let mut parts = Vec::new();
    let (mut from, mut flat) = (0, 0);
    for tier in tiers {
        if used <= from {
            break;
        }
        let end = tier.up_to.unwrap_or(used).min(used);
        parts.push((end - from, tier.unit));
        flat += tier.flat;
        from = tier.up_to.unwrap_or(used);
    }
    (parts, flat)
}

/// Prices units exactly, and rounds the sum once, half to even.
fn priced(parts: &[(i64, UnitPrice)]) -> i64 {
    let exact: i128 = parts.iter().map(|(units, unit)| i128::from(*units) * i128::from(unit.0)).sum();
    let whole = i128::from(BILLIONTHS);
    let (down, rest) = (exact.div_euclid(whole), exact.rem_euclid(whole));
    let up = rest * 2 > whole || (rest * 2 == whole && down % 2 != 0);
    // 10^12 units of 10^12 billionths are 10^15 minor units, which fit.
    i64::try_from(down + i128::from(up)).unwrap_or(i64::MAX / 64)
}

/// Writes the price of a unit: `$0.002`, with as many decimals as it has.
pub(super) fn written(unit: UnitPrice, currency: Currency) -> String {
    let sign = currency.sign();
    // A minor unit is a hundredth, so a billionth of it has eleven decimals.
    let (whole, rest) = (unit.0 / (100 * BILLIONTHS), unit.0 % (100 * BILLIONTHS));
    let decimals = format!("{rest:011}");
    let decimals = decimals.trim_end_matches('0');
    match decimals.len() {
        0 => format!("{sign}{whole}"),
        1 => format!("{sign}{whole}.{decimals}0"),
        _ => format!("{sign}{whole}.{decimals}"),
    }
}

fn words(meter: Meter, used: i64) -> String {
    let (one, many) = match meter {
        Meter::Calls => ("call", "calls"),
        Meter::InputTokens => ("token read", "tokens read"),
        Meter::OutputTokens => ("token written", "tokens written"),
    };
    format!("{} {}", count(used), if used == 1 { one } else { many })
}

/// Writes 12345 as `12,345`.
pub(super) fn count(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
