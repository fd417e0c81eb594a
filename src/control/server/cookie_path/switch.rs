//! When the XDP program answers SYNs: above a rate, and until they have been few for a while.

use super::CookiePath;
use crate::time::{Duration, Instant};

/// How long SYNs have to come at less than half the rate before the shards answer again.
const CALM: Duration = Duration::from_secs(5);

/// The switch of one interface.
#[derive(Debug)]
pub(super) struct Switch {
    path: CookiePath,
    /// SYNs a second.
    rate: u64,
    is_on: bool,
    /// The last time that SYNs were many.
    stormy_at: Instant,
}

impl Switch {
    pub(super) const fn new(path: CookiePath, rate: u64) -> Self {
        Self {
            path,
            rate,
            is_on: false,
            stormy_at: Instant::ZERO,
        }
    }

    /// Is a SYN answered by the program, at so many `syns` a second? Not where it `cannot` send
    /// what it answers.
    pub(super) fn look(&mut self, syns: u64, can: impl FnOnce() -> bool, now: Instant) -> bool {
        let is_wanted = match self.path {
            CookiePath::Shard => false,
            CookiePath::Xdp => true,
            CookiePath::Auto => self.is_stormy(syns, now),
        };
        self.is_on = is_wanted && can();
        self.is_on
    }

    fn is_stormy(&mut self, syns: u64, now: Instant) -> bool {
        let enough = if self.is_on {
            self.rate.div_ceil(2)
        } else {
            self.rate
        };
        if syns >= enough {
            self.stormy_at = now;
            return true;
        }
        self.is_on && now - self.stormy_at < CALM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn it_goes_on_at_the_rate_and_off_after_a_calm() {
        let mut switch = Switch::new(CookiePath::Auto, 1000);
        let rows = [
            (0, 999, false),
            (200, 1000, true),
            (400, 500, true),
            // Less than half, for less than the calm, and more again.
            (600, 499, true),
            (5_300, 0, true),
            (5_400, 600, true),
            (5_600, 0, true),
            (10_300, 0, true),
            (10_400, 0, false),
            // Half is not enough to begin.
            (10_600, 999, false),
            (10_800, 1_000_000, true),
        ];
        for (millis, syns, is_on) in rows {
            assert_eq!(switch.look(syns, || true, at(millis)), is_on, "{millis} ms");
        }
    }

    #[test]
    fn it_stays_off_where_nothing_can_be_sent() {
        for path in [CookiePath::Auto, CookiePath::Xdp] {
            let mut switch = Switch::new(path, 1000);
            assert!(!switch.look(5000, || false, at(0)));
            assert!(switch.look(5000, || true, at(200)));
            assert!(!switch.look(5000, || false, at(400)));
        }
    }

    #[test]
    fn who_names_a_path_has_it() {
        for (path, is_on) in [(CookiePath::Xdp, true), (CookiePath::Shard, false)] {
            let mut switch = Switch::new(path, 1000);
            assert_eq!(switch.look(0, || true, at(0)), is_on);
            assert_eq!(switch.look(5000, || true, at(200)), is_on);
        }
    }
}
