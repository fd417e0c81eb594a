//! What all who answer for the same addresses share of their SYN cookies: shards, and the XDP
//! program on behalf of its control side. One may send what another gets back.

use crate::tcp::cookie::EPOCH;
use crate::time::{Duration, Instant};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// The keys of cookie epochs, and until when cookies are awaited. A clone is the same one.
#[derive(Clone)]
pub struct SharedCookies(Arc<Shared>);

struct Shared {
    epoch: Duration,
    key_of: Box<dyn Fn(u32) -> [u8; 16] + Send + Sync>,
    /// Nanoseconds of the shards' clock.
    awaited_until: AtomicU64,
}

impl SharedCookies {
    /// `key_of` says the key of an epoch. It draws one from the operating system; and where several
    /// ask, it says to all of them the same.
    #[must_use]
    pub fn new(key_of: impl Fn(u32) -> [u8; 16] + Send + Sync + 'static) -> Self {
        Self::with_epochs(EPOCH, key_of)
    }

    /// As [`SharedCookies::new`], with keys that last for `epoch` and not for [`EPOCH`]: for tests
    /// that want to see many of them. More than three seconds, because the XDP program is told of
    /// an epoch before it begins, and no more than [`EPOCH`].
    #[must_use]
    pub fn with_epochs(
        epoch: Duration,
        key_of: impl Fn(u32) -> [u8; 16] + Send + Sync + 'static,
    ) -> Self {
        debug_assert!(
            epoch > Duration::from_secs(3) && epoch <= EPOCH,
            "{epoch:?}"
        );
        Self(Arc::new(Shared {
            epoch,
            key_of: Box::new(key_of),
            awaited_until: AtomicU64::new(0),
        }))
    }

    /// The key of an epoch: asked for once, when the epoch begins, or shortly before.
    #[must_use]
    pub fn key_of(&self, epoch: u32) -> [u8; 16] {
        (self.0.key_of)(epoch)
    }

    /// How long an epoch lasts.
    #[must_use]
    pub fn epoch(&self) -> Duration {
        self.0.epoch
    }

    /// How long a cookie may be good: in the epoch that made it, and in the next.
    #[must_use]
    pub fn good_for(&self) -> Duration {
        self.0.epoch * 2
    }

    /// Somebody else than the shards sends cookies that may come back until then.
    pub fn await_until(&self, until: Instant) {
        // Relaxed: the number says only itself, and is said long before a cookie comes back.
        let cell = &self.0.awaited_until;
        cell.fetch_max(until.as_nanos(), Ordering::Relaxed);
    }

    /// Until when an ACK may bring back a cookie that no shard has sent.
    #[inline]
    pub(super) fn awaited_until(&self) -> Instant {
        Instant::from_nanos(self.0.awaited_until.load(Ordering::Relaxed))
    }
}

impl core::fmt::Debug for SharedCookies {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SharedCookies")
    }
}

impl Default for SharedCookies {
    /// Of one shard alone: whoever else asked would be given other keys.
    fn default() -> Self {
        Self::new(|_| draw_key())
    }
}

/// A key from the operating system, which has given random numbers before, at start, and does not
/// stop.
#[must_use]
pub fn draw_key() -> [u8; 16] {
    let mut key = [0; 16];
    getrandom::fill(&mut key).expect("random numbers were there when the shard was set up");
    key
}
