//! The one place where the shard's clock is read.

use crate::time::{Duration, Instant};
use nix::time::{ClockId, clock_gettime};

/// A monotonic clock that began at [`Instant::ZERO`].
///
/// It is the kernel's `CLOCK_MONOTONIC`, which the XDP program reads as well.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Duration,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { began: monotonic() }
    }

    /// The same clock, had it begun so much before.
    #[must_use]
    pub fn older_by(self, age: Duration) -> Self {
        Self {
            began: self.began.saturating_sub(age),
        }
    }

    /// The time on it.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.elapsed()
    }

    /// The time since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        monotonic().saturating_sub(self.began)
    }

    /// When it began, by `CLOCK_MONOTONIC`.
    #[must_use]
    pub const fn began(&self) -> Duration {
        self.began
    }
}

fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
    now.expect("every Linux has this clock").into()
}
