//! How often something may be tried: a leaky bucket by key, on the injected clock.
//!
//! It lives in the process. Several servers each count for themselves, so together they allow a
//! multiple; for slowing down guesses that is enough.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use domain::Timestamp;

/// Keys that are remembered at most; beyond it those are forgotten that are free again, or soonest.
const CAPACITY: usize = 100_000;

/// A limit of `burst` tries at once, and one more every `interval`.
#[derive(Debug)]
pub struct Throttle {
    burst: i64,
    interval: i64,
    /// For each key: when the bucket will be empty again, in microseconds.
    empty_at: Mutex<HashMap<String, i64>>,
}

impl Throttle {
    /// Makes a limit.
    pub fn new(burst: u32, interval: Duration) -> Self {
        Self {
            burst: i64::from(burst),
            interval: i64::try_from(interval.as_micros()).unwrap_or(i64::MAX),
            empty_at: Mutex::default(),
        }
    }

    /// Counts a try; `Err` says how long until the next one is allowed.
    pub fn hit(&self, key: &str, now: Timestamp) -> Result<(), Duration> {
        let mut buckets = self.empty_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() >= CAPACITY && !buckets.contains_key(key) {
            buckets.retain(|_, empty_at| *empty_at > now.0);
            if buckets.len() >= CAPACITY
                && let Some(soonest) = buckets.iter().min_by_key(|(_, empty_at)| **empty_at).map(|(key, _)| key.clone())
            {
                buckets.remove(&soonest);
            }
        }
        let empty_at = buckets.get(key).copied().unwrap_or(now.0).max(now.0);
        let after = empty_at.saturating_add(self.interval);
        let full = now.0.saturating_add(self.burst.saturating_mul(self.interval));
        if after > full {
            return Err(Duration::from_micros(u64::try_from(after - full).unwrap_or(0)));
        }
        buckets.insert(key.to_owned(), after);
        Ok(())
    }

    /// Forgets the tries of a key, after one that was right.
    pub fn forget(&self, key: &str) {
        self.empty_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_try_an_interval() {
        let throttle = Throttle::new(3, Duration::from_secs(10));
        let start = Timestamp(1_000_000_000);
        for _ in 0..3 {
            assert_eq!(throttle.hit("ada", start), Ok(()));
        }
        assert_eq!(throttle.hit("ada", start), Err(Duration::from_secs(10)));
        assert_eq!(throttle.hit("bob", start), Ok(()));
        assert_eq!(throttle.hit("ada", start.plus_seconds(10)), Ok(()));
        assert!(throttle.hit("ada", start.plus_seconds(10)).is_err());
        throttle.forget("ada");
        assert_eq!(throttle.hit("ada", start.plus_seconds(10)), Ok(()));
    }

    #[test]
    fn no_number_of_keys_fills_the_memory() {
        let throttle = Throttle::new(1, Duration::from_hours(1));
        let start = Timestamp(1_000_000_000);
        for number in 0..CAPACITY + 3 {
            assert_eq!(throttle.hit(&number.to_string(), start.plus_seconds(i64::from(number > 0))), Ok(()));
        }
        assert_eq!(throttle.empty_at.lock().expect("not poisoned").len(), CAPACITY);
        assert!(throttle.hit(&(CAPACITY + 2).to_string(), start.plus_seconds(2)).is_err(), "the newest are remembered");
    }
}
