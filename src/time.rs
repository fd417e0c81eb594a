//! Time as the shard sees it: read once a burst, passed down, never asked for.

use core::ops::{Add, Sub};
pub use core::time::Duration;

/// A point on the shard's monotonic clock, in nanoseconds since the shard began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The moment the shard began.
    pub const ZERO: Self = Self(0);
    /// Later than every deadline: a timer that is not armed.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point `nanos` nanoseconds after the shard began.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the shard began.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the shard began.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds since the shard began.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Is this the deadline of a timer that is armed?
    #[must_use]
    pub const fn is_armed(self) -> bool {
        self.0 != u64::MAX
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        let nanos = u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub for Instant {
    type Output = Duration;
    /// Time from `start` to `self`; zero when `start` is the later of the two.
    fn sub(self, start: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(start.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_at_both_ends() {
        assert_eq!(Instant::ZERO - Instant::from_nanos(5), Duration::ZERO);
        assert_eq!(Instant::from_nanos(7) + Duration::MAX, Instant::NEVER);
        assert!(!Instant::NEVER.is_armed());
    }
}
