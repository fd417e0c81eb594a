//! How many replies an attacker can cause: a token budget for each kind.

use crate::time::{Duration, Instant};

/// So many in a second on average, and as many as a tenth of a second holds at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Between two tokens, in nanoseconds; 0 when there is no limit.
    interval: u64,
    /// When the bucket would be full again.
    full_at: Instant,
}

/// How far a budget may be overdrawn.
const BURST: Duration = Duration::from_millis(100);

impl Budget {
    /// `per_s` replies a second; 0 is no limit.
    pub(super) fn new(per_s: u32) -> Self {
        Self {
            interval: 1_000_000_000_u64.checked_div(per_s.into()).unwrap_or(0),
            full_at: Instant::ZERO,
        }
    }

    /// Takes a token, if there is one.
    #[inline]
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.interval == 0 {
            return true;
        }
        let from = self.full_at.max(now);
        if from - now > BURST {
            return false;
        }
        self.full_at = from + Duration::from_nanos(self.interval);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut Budget, from_ms: u64, ms: u64) -> u64 {
        let at = |n: u64| Instant::from_nanos((from_ms * 100 + n) * 10_000);
        (0..ms * 100).filter(|n| budget.take(at(*n))).count() as u64
    }

    #[test]
    fn a_budget_gives_its_rate_and_a_tenth_of_a_second_more() {
        let mut budget = Budget::new(1000);
        let got = taken(&mut budget, 0, 1000);
        assert!((1095..=1105).contains(&got), "{got}");
        let got = taken(&mut budget, 1000, 1000);
        assert!((995..=1005).contains(&got), "{got}");
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(taken(&mut Budget::new(0), 0, 100), 10_000);
    }
}
