//! The one place where the shard's clock is read.

use crate::time::{Duration, Instant};

/// A monotonic clock that began at [`Instant::ZERO`].
#[derive(Clone, Copy, Debug)]
pub struct Clock(std::time::Instant);

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The time on it.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.elapsed()
    }

    /// The time since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
