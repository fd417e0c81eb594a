//! The name of a connection that outlives it.

/// Stands in the number of a place that is a record's, not a slot's.
pub(super) const RETIRED: u32 = 1 << 31;

/// A slot and the generation of its occupant: refused once the occupant has left, whoever lives
/// there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

impl Handle {
    pub(super) const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// The place in the table, and in the wheel. For a record, a place of its own behind all
    /// slots.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Is it over, and only a record of it left? The one that it had before is stale.
    #[must_use]
    pub const fn is_retired(self) -> bool {
        self.slot & RETIRED != 0
    }

    /// The place among the records.
    pub(super) const fn record(self) -> Option<u32> {
        if self.is_retired() {
            Some(self.slot & !RETIRED)
        } else {
            None
        }
    }

    pub(super) const fn generation(self) -> u32 {
        self.generation
    }
}

impl From<Handle> for u64 {
    fn from(handle: Handle) -> Self {
        Self::from(handle.generation) << 32 | Self::from(handle.slot)
    }
}

impl From<u64> for Handle {
    fn from(bits: u64) -> Self {
        Self::new(bits as u32, (bits >> 32) as u32)
    }
}
