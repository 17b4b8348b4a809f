//! How many calls a minute: a bucket that leaks, by key, session, subscription and organization.
//!
//! It counts in this process alone. Several processes together admit at most one limit each.

use std::time::Duration;

use dashmap::DashMap;
use domain::Timestamp;
use uuid::Uuid;

/// Buckets that are remembered at most; beyond it, those that are empty again are forgotten.
const CAPACITY: usize = 200_000;

/// Where a bucket stands, for the `RateLimit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls a minute.
    pub limit: i64,
    /// Calls that may be made at once, now.
    pub remaining: i64,
    /// Seconds until the bucket is empty.
    pub reset: i64,
}

/// The buckets.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// When each bucket will be empty again, in microseconds.
    empty_at: DashMap<Uuid, i64>,
}

impl Buckets {
    /// Counts a call; `Err` says how long until the next one is allowed.
    ///
    /// A quarter of a minute's calls may come at once; after that, one each sixtieth of `per_minute`.
    pub(crate) fn hit(&self, key: Uuid, per_minute: i64, now: Timestamp) -> Result<Limits, (Limits, Duration)> {
        if self.empty_at.len() >= CAPACITY {
            self.empty_at.retain(|_, empty_at| *empty_at > now.0);
        }
        let limit = per_minute.max(1);
        let interval = (60_000_000 / limit).max(1);
        let room = (limit / 4).max(1).saturating_mul(interval);
        let mut bucket = self.empty_at.entry(key).or_insert(now.0);
        let filled = (*bucket).max(now.0);
        let after = filled.saturating_add(interval);
        let full = now.0.saturating_add(room);
        let seconds = |micros: i64| micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) > 0);
        if after > full {
            let limits = Limits { limit, remaining: 0, reset: seconds(filled - now.0) };
            return Err((limits, Duration::from_micros(u64::try_from(after - full).unwrap_or(0))));
        }
        *bucket = after;
        Ok(Limits { limit, remaining: (full - after) / interval, reset: seconds(after - now.0) })
    }

    /// Takes a call back that another limit refused.
    pub(crate) fn take_back(&self, key: Uuid, per_minute: i64) {
        if let Some(mut bucket) = self.empty_at.get_mut(&key) {
            *bucket = bucket.saturating_sub((60_000_000 / per_minute.max(1)).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp(1_795_262_400_000_000);

    #[test]
    fn a_quarter_of_a_minute_comes_at_once_and_then_one_each_interval() {
        let buckets = Buckets::default();
        let key = Uuid::from_u128(1);
        for left in (0..15).rev() {
            assert_eq!(buckets.hit(key, 60, START).map(|limits| limits.remaining), Ok(left));
        }
        let (limits, wait) = buckets.hit(key, 60, START).expect_err("the bucket is full");
        assert_eq!((limits.limit, limits.remaining, limits.reset, wait), (60, 0, 15, Duration::from_secs(1)));
        assert!(buckets.hit(Uuid::from_u128(2), 60, START).is_ok());
        assert!(buckets.hit(key, 60, START.plus_seconds(1)).is_ok());
        assert!(buckets.hit(key, 60, START.plus_seconds(1)).is_err());
    }

    #[test]
    fn a_call_that_is_taken_back_may_be_made_again() {
        let buckets = Buckets::default();
        let key = Uuid::from_u128(1);
        while buckets.hit(key, 60, START).is_ok() {}
        buckets.take_back(key, 60);
        assert!(buckets.hit(key, 60, START).is_ok());
        assert!(buckets.hit(key, 60, START).is_err());
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_its_limit_and_a_burst(per_minute in 1_i64..2_000, gaps in prop::collection::vec(0_i64..3_000_000, 1..400)) {
            let buckets = Buckets::default();
            let key = Uuid::from_u128(1);
            let mut now = START;
            let mut admitted = Vec::new();
            for gap in gaps {
                now = Timestamp(now.0 + gap);
                if buckets.hit(key, per_minute, now).is_ok() {
                    admitted.push(now.0);
                }
            }
            for (index, first) in admitted.iter().enumerate() {
                let within = admitted[index..].iter().take_while(|at| **at < first + 60_000_000).count();
                prop_assert!(i64::try_from(within).expect("few calls") <= per_minute + (per_minute / 4).max(1) + 1);
            }
        }
    }
}
