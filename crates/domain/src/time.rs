//! Time as integer microseconds, which sorts, groups by day and round-trips alike in both databases.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Days since 1970-01-01, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
#[serde(transparent)]
pub struct Day(pub i64);

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// Returns this moment and `seconds` more.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds * SECOND)
    }

    /// Returns this moment and `days` more.
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0 + days * DAY)
    }

    /// Returns the same day and time so many months later; where that month is shorter, its last day.
    ///
    /// Counted from one anchor, months do not drift: from the 31st of January they lead to the 28th of February
    /// and on to the 31st of March.
    pub fn plus_months(self, months: i64) -> Self {
        let (year, month, day) = self.day().civil();
        let counted = year * 12 + month - 1 + months;
        let (year, month) = (counted.div_euclid(12), counted.rem_euclid(12) + 1);
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let last = Day(Day::from_civil(next_year, next_month, 1).0 - 1).civil().2;
        Self(Day::from_civil(year, month, day.min(last)).0 * DAY + self.0.rem_euclid(DAY))
    }

    /// Returns whole seconds since 1970, as JWTs count.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Makes a moment of whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds * SECOND)
    }

    /// Returns the day in UTC.
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(DAY))
    }

    /// Returns milliseconds from `earlier` to this moment, never negative.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        let micros = self.0 - earlier.0;
        if micros < 0 { 0 } else { micros / 1000 }
    }

    /// Writes RFC 3339 in UTC with microseconds, as the REST API does.
    pub fn rfc3339(self) -> String {
        let (year, month, day) = self.day().civil();
        let micros = self.0.rem_euclid(DAY);
        let seconds = micros / SECOND;
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            micros % SECOND
        )
    }

    /// Writes `21 Nov 2026, 14:05`, in UTC.
    pub fn readable(self) -> String {
        let seconds = self.0.rem_euclid(DAY) / SECOND;
        format!("{}, {:02}:{:02}", self.day(), seconds / 3600, seconds / 60 % 60)
    }

    /// Returns the first moment of this moment's calendar month in UTC.
    pub fn month_start(self) -> Self {
        let (year, month, _) = self.day().civil();
        Self(Day::from_civil(year, month, 1).0 * DAY)
    }

    /// Returns the first moment of the calendar month after this moment's.
    pub fn next_month_start(self) -> Self {
        let (year, month, _) = self.day().civil();
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        Self(Day::from_civil(year, month, 1).0 * DAY)
    }
}

impl Day {
    /// Returns year, month and day of the proleptic Gregorian calendar.
    pub const fn civil(self) -> (i64, i64, i64) {
        // Howard Hinnant's civil_from_days: years start in March, so that leap days come last.
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, day)
    }

    /// Makes a day of year, month (1–12) and day of the month.
    pub const fn from_civil(year: i64, month: i64, day: i64) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// Returns its first moment, in UTC.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 * DAY)
    }

    /// Reads `2026-11-21`; a day that no calendar has is none.
    pub fn from_iso(text: &str) -> Option<Self> {
        let mut parts = text
            .splitn(3, '-')
            .map(|part| part.chars().all(|c| c.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let read = Self::from_civil(year, month, day);
        ((1..=9999).contains(&year) && (1..=12).contains(&month) && read.civil() == (year, month, day)).then_some(read)
    }

    /// Writes `2026-11-21`.
    pub fn iso(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl std::fmt::Display for Day {
    /// Writes `21 Nov 2026`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day) = self.civil();
        let name = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"");
        write!(f, "{day} {name} {year}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let moment = Timestamp(1_795_269_905_000_042);
        assert_eq!(moment.rfc3339(), "2026-11-21T14:05:05.000042Z");
        assert_eq!(moment.readable(), "21 Nov 2026, 14:05");
        assert_eq!(moment.month_start().rfc3339(), "2026-11-01T00:00:00.000000Z");
        assert_eq!(moment.next_month_start().rfc3339(), "2026-12-01T00:00:00.000000Z");
    }

    #[test]
    fn months_end_where_the_calendar_ends_them() {
        let start = Timestamp(Day::from_civil(2026, 1, 31).0 * DAY + 42);
        let ends = [1, 2, 3, 12, 13, 25].map(|months| start.plus_months(months).day().iso());
        assert_eq!(ends, ["2026-02-28", "2026-03-31", "2026-04-30", "2027-01-31", "2027-02-28", "2028-02-29"]);
        assert_eq!(start.plus_months(1).0 % DAY, 42, "the time of day stays");
    }

    #[test]
    fn a_day_is_read_as_it_is_written_or_not_at_all() {
        assert_eq!(Day::from_iso("2026-11-21").map(Day::iso).as_deref(), Some("2026-11-21"));
        assert_eq!(Day::from_iso("2024-02-29").map(Day::start), Some(Timestamp(1_709_164_800_000_000)));
        for wrong in ["", "2026-02-29", "2026-13-01", "2026-00-10", "2026-11", "2026-11-21-1", "21.11.2026", "-1-1-1"] {
            assert_eq!(Day::from_iso(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn months_follow_one_another(at in 0..4_000_000_000_000_000_i64, months in 0..600_i64) {
            let (one, next) = (Timestamp(at).plus_months(months), Timestamp(at).plus_months(months + 1));
            let days = (next.0 - one.0) / DAY;
            prop_assert!((28..=31).contains(&days), "{days} days");
        }

        #[test]
        fn every_day_survives_the_calendar(day in -800_000_i64..3_000_000) {
            let (year, month, of_month) = Day(day).civil();
            prop_assert!((1..=12).contains(&month) && (1..=31).contains(&of_month));
            prop_assert_eq!(Day::from_civil(year, month, of_month), Day(day));
        }
    }
}
