//! Looking at a table from another thread.

use super::sync::{Arc, Ordering};
use super::{Entry, Shared, hash};
use crate::wire::FourTuple;
use ahash::RandomState;
use core::fmt;

/// Looks at the connections of a table whose owner goes on meanwhile, unheld. Each entry is whole
/// and was true at a moment of the look; entries of one walk are of different moments.
#[derive(Clone)]
pub struct Reader {
    hasher: RandomState,
    shared: Arc<Shared>,
}

impl Reader {
    pub(super) const fn new(hasher: RandomState, shared: Arc<Shared>) -> Self {
        Self { hasher, shared }
    }

    /// Slots that were ever in use: a walk goes over `0..slots`.
    #[must_use]
    pub fn slots(&self) -> u32 {
        // Relaxed: a slot that comes into use now may as well have come a moment later.
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Whoever is in `slot`.
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<Entry> {
        self.shared
            .slots
            .get(slot as usize)?
            .read(slot, &self.shared.locals)
    }

    /// Everybody, in order of slots. A connection that is there from the beginning of the walk to
    /// its end is met once.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..self.slots()).filter_map(|slot| self.at(slot))
    }

    /// The connection with this tuple. One that is there for the whole of the call is found.
    #[must_use]
    pub fn find(&self, tuple: &FourTuple) -> Option<Entry> {
        let hash = hash(&self.hasher, tuple);
        let mut candidates = self.shared.index.candidates(hash);
        candidates.find_map(|slot| self.at(slot).filter(|entry| entry.tuple == *tuple))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("slots", &self.slots())
            .finish_non_exhaustive()
    }
}
