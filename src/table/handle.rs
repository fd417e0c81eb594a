//! The name of a connection that outlives it.

use core::fmt;
use core::num::NonZeroU64;

/// Stands in the number of a place that is a record's, not a slot's.
pub(super) const RETIRED: u32 = 1 << 31;

/// A slot and the generation of its occupant: refused once the occupant has left, whoever lives
/// there now.
///
/// One word, so that it goes through registers: one that was written as two would be waited for.
/// Each bit is turned over, for then it is never zero: no table has a slot of all ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(NonZeroU64);

impl Handle {
    #[inline]
    pub(super) const fn new(slot: u32, generation: u32) -> Self {
        Self::of((generation as u64) << 32 | slot as u64)
    }

    #[inline]
    const fn of(bits: u64) -> Self {
        match NonZeroU64::new(!bits) {
            Some(word) => Self(word),
            None => Self(NonZeroU64::MIN),
        }
    }

    #[inline]
    const fn bits(self) -> u64 {
        !self.0.get()
    }

    /// The place in the table, and in the wheel. For a record, a place of its own behind all
    /// slots.
    #[inline]
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.bits() as u32
    }

    /// Is it over, and only a record of it left? The one that it had before is stale.
    #[inline]
    #[must_use]
    pub const fn is_retired(self) -> bool {
        self.slot() & RETIRED != 0
    }

    /// The place among the records.
    pub(super) const fn record(self) -> Option<u32> {
        if self.is_retired() {
            Some(self.slot() & !RETIRED)
        } else {
            None
        }
    }

    #[inline]
    pub(super) const fn generation(self) -> u32 {
        (self.bits() >> 32) as u32
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("slot", &self.slot())
            .field("generation", &self.generation())
            .finish()
    }
}

impl From<Handle> for u64 {
    fn from(handle: Handle) -> Self {
        handle.bits()
    }
}

impl From<u64> for Handle {
    fn from(bits: u64) -> Self {
        Self::of(bits)
    }
}
