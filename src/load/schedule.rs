//! When the n-th connection is to begin. An open loop: it depends on nothing that happens.

use crate::time::Duration;

const SECOND: u128 = 1_000_000_000;

/// Intended starts, evenly spaced: `rate` a second, `count` in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    rate: u64,
    count: u64,
}

impl Schedule {
    /// `rate` starts a second, as many as `count` and `duration` both allow.
    ///
    /// # Panics
    /// When `rate` is 0.
    #[must_use]
    pub fn new(rate: u64, count: Option<u64>, duration: Option<Duration>) -> Self {
        assert!(rate > 0, "a schedule has a rate");
        let count = count.unwrap_or(u64::MAX);
        let fits = duration.map_or(u64::MAX, |duration| starts_before(rate, duration));
        Self {
            rate,
            count: count.min(fits),
        }
    }

    /// Starts in all.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Starts a second.
    #[must_use]
    pub const fn rate(&self) -> u64 {
        self.rate
    }

    /// When the start number `n`, from 0, is intended, from the first one on; `None` past the
    /// last.
    #[must_use]
    pub fn start_of(&self, n: u64) -> Option<Duration> {
        (n < self.count).then(|| nanos(u128::from(n) * SECOND / u128::from(self.rate)))
    }

    /// How many starts are intended up to `elapsed`, that moment included.
    #[must_use]
    pub fn due(&self, elapsed: Duration) -> u64 {
        starts_before(self.rate, elapsed + Duration::from_nanos(1)).min(self.count)
    }

    /// From the first start to where one past the last would be.
    #[must_use]
    pub fn length(&self) -> Duration {
        nanos(u128::from(self.count) * SECOND / u128::from(self.rate))
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn starts_before(rate: u64, duration: Duration) -> u64 {
    let starts = (duration.as_nanos() * u128::from(rate)).div_ceil(SECOND);
    u64::try_from(starts).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_start_is_at_once_and_the_last_before_the_end() {
        let second = Duration::from_secs(1);
        for (rate, count, duration, expected) in [
            (1, None, Some(second), 1),
            (1000, None, Some(second), 1000),
            (3, None, Some(Duration::from_millis(1500)), 5),
            (7, Some(3), Some(second), 3),
            (7, Some(30), Some(second), 7),
            (7, Some(30), None, 30),
            (
                100_000_000,
                None,
                Some(Duration::from_hours(24)),
                8_640_000_000_000,
            ),
        ] {
            let schedule = Schedule::new(rate, count, duration);
            assert_eq!(schedule.count(), expected, "{rate} {count:?} {duration:?}");
            assert_eq!(schedule.start_of(0), Some(Duration::ZERO));
            assert_eq!(schedule.start_of(expected), None);
            let last = schedule.start_of(expected - 1).unwrap();
            assert!(duration.is_none_or(|duration| last < duration));
        }
    }

    proptest! {
        #[test]
        fn what_is_due_has_started(rate in 1..200_000_000_u64, n in 0..1_000_000_u64) {
            let schedule = Schedule::new(rate, Some(1_000_000), None);
            let start = schedule.start_of(n).unwrap();
            // Several starts may fall on one nanosecond; start n is the last due or among them.
            prop_assert!(schedule.due(start) > n);
            if let Some(before) = start.checked_sub(Duration::from_nanos(1)) {
                prop_assert!(schedule.due(before) <= n);
            }
        }

        #[test]
        fn starts_are_as_far_apart_as_the_rate_says(rate in 1..1_000_000_u64, n in 0..1_000_000_u64) {
            let schedule = Schedule::new(rate, None, None);
            let start = |n| schedule.start_of(n).unwrap().as_nanos();
            let gap = start(n + 1) - start(n);
            let ideal = 1_000_000_000 / rate;
            prop_assert!((ideal..=ideal + 1).contains(&(gap as u64)));
        }
    }
}
