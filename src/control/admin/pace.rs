//! How fast those who ask may walk: all of them together, so many places a second.
//!
//! A walk costs the shards no time of their own, but memory's, and room in the cache that the cores
//! share. So it goes by steps, and between two of them whoever walks sleeps: for several times as
//! long as a step takes.

use crate::time::{Duration, Instant};
use core::sync::atomic::{AtomicU64, Ordering};

/// Places of a step: a power of two. Some tens of microseconds.
pub(super) const STEP: u32 = 4096;

/// Steps a second: ten million places take a second and a quarter, and read 320 MB a second. The
/// answer of `list` takes longer to write than that, so it goes on undelayed.
const STEPS_PER_S: u64 = 8_000_000 / STEP as u64;

const STEP_NANOS: u64 = 1_000_000_000 / STEPS_PER_S;

/// Whose turn it is, among all who walk.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the next step may begin, in nanoseconds of their clock.
    next: AtomicU64,
}

impl Pace {
    /// Takes the next step for whoever asks, and says how long from `now` on it is until then. What
    /// nobody took is not saved.
    pub(super) fn turn(&self, now: Instant) -> Duration {
        let now = now.as_nanos();
        let after = |next: u64| Some(next.max(now) + STEP_NANOS);
        // Relaxed: the number says only itself.
        let next = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        let begins = next.unwrap_or(now).max(now);
        Duration::from_nanos(begins - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_TIME: Duration = Duration::from_nanos(STEP_NANOS);

    #[test]
    fn nobody_waits_for_a_step_after_a_pause() {
        let pace = Pace::default();
        for pause in [0, 1, 10] {
            let now = Instant::ZERO + STEP_TIME * pause;
            assert_eq!(pace.turn(now), Duration::ZERO, "{pause}");
        }
    }

    #[test]
    fn all_together_walk_as_fast_as_one() {
        for walkers in [1, 3, 8] {
            let pace = Pace::default();
            let mut ready = vec![Instant::ZERO; walkers];
            let (mut steps, end) = (0, Instant::ZERO + Duration::from_secs(1));
            // Whoever may go first takes the next step; each takes a tenth of what it may.
            while let Some(walker) = (0..walkers).min_by_key(|walker| ready[*walker]) {
                let begins = ready[walker] + pace.turn(ready[walker]);
                if begins >= end {
                    break;
                }
                steps += 1;
                ready[walker] = begins + STEP_TIME / 10;
            }
            assert_eq!(steps, STEPS_PER_S + 1, "{walkers} walkers");
        }
    }

    #[test]
    fn what_nobody_took_is_not_saved() {
        let (pace, late) = (Pace::default(), Instant::ZERO + Duration::from_secs(9));
        pace.turn(Instant::ZERO);
        let waits = [0, 1, 2].map(|_| pace.turn(late));
        assert_eq!(waits, [0, 1, 2].map(|n| STEP_TIME * n));
    }
}
