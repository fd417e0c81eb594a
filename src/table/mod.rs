//! Four-tuple to slot: the connections of a shard. One writer.
//!
//! A keyed hash, so that a peer who chooses tuples cannot choose where they fall; an open
//! addressing `index` of one word an entry; and slots that never move, named by a [`Handle`]
//! with a generation. All memory is reserved at start and first touched when it is needed;
//! nothing grows, is rehashed or allocated afterwards.
//!
//! For a burst: [`Table::hash`] and [`Table::prefetch`] all, [`Table::prefetch_slot`] all, then
//! [`Table::find`] each. The memory answers all of them at once instead of one by one.

mod handle;
mod index;
mod prefetch;

pub use handle::Handle;

use crate::wire::FourTuple;
use ahash::RandomState;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use index::Index;
pub(crate) use prefetch::prefetch;

/// Connections by their four-tuples, at most `capacity` of them.
pub struct Table<T> {
    hasher: RandomState,
    index: Index,
    /// One for each slot that was ever in use; room for all is reserved.
    slots: Vec<Slot<T>>,
    /// Slots in use before and free now. The warmest is used first.
    free: Vec<u32>,
    capacity: usize,
}

// In this order, so that the line that proves a tuple also brings the head of its value.
#[repr(C)]
struct Slot<T> {
    /// Goes up when the occupant leaves: its handles are stale from then on.
    generation: u32,
    tuple: FourTuple,
    value: Option<T>,
}

impl<T> Table<T> {
    /// An empty table. `seeds` are random and secret.
    #[must_use]
    pub fn new(capacity: usize, seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        Self {
            hasher: RandomState::with_seeds(a, b, c, d),
            index: Index::new(capacity),
            slots: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
        }
    }

    /// The hash that [`Table::find`] and [`Table::insert`] want.
    #[must_use]
    pub fn hash(&self, tuple: &FourTuple) -> u64 {
        let FourTuple { local, remote } = tuple;
        let mut hasher = self.hasher.build_hasher();
        // Two words and a half, rather than the eight writes of the derived `Hash`.
        hasher.write_u128(u128::from_ne_bytes(local.address.0));
        hasher.write_u128(u128::from_ne_bytes(remote.address.0));
        hasher.write_u32(u32::from(local.port) << 16 | u32::from(remote.port));
        hasher.finish()
    }

    /// Calls the line of the index that [`Table::find`] will read first.
    pub fn prefetch(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Calls the tuple and the head of the value that [`Table::find`] will lead to, if any. It
    /// reads the index, so [`Table::prefetch`] comes first, for the whole burst.
    pub fn prefetch_slot(&self, hash: u64) {
        if let Some(slot) = self.index.candidates(hash).next() {
            let at = &self.slots[slot as usize];
            prefetch(&at.tuple);
            prefetch(&at.value);
        }
    }

    /// The connection with this tuple. `hash` is [`Table::hash`] of it.
    #[must_use]
    pub fn find(&self, hash: u64, tuple: &FourTuple) -> Option<Handle> {
        self.index.candidates(hash).find_map(|slot| {
            let at = &self.slots[slot as usize];
            (at.tuple == *tuple).then_some(Handle::new(slot, at.generation))
        })
    }

    /// Adds a connection whose tuple is not in the table. `hash` is [`Table::hash`] of it.
    ///
    /// # Errors
    /// The value comes back when the table is full.
    pub fn insert(&mut self, hash: u64, tuple: FourTuple, value: T) -> Result<Handle, T> {
        debug_assert_eq!(hash, self.hash(&tuple), "not the hash of this tuple");
        debug_assert_eq!(self.find(hash, &tuple), None, "a tuple has one connection");
        if self.is_full() {
            return Err(value);
        }
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        let generation = if let Some(at) = self.slots.get_mut(slot as usize) {
            at.tuple = tuple;
            at.value = Some(value);
            at.generation
        } else {
            self.slots.push(Slot {
                generation: 0,
                tuple,
                value: Some(value),
            });
            0
        };
        self.index.insert(hash, slot);
        Ok(Handle::new(slot, generation))
    }

    /// Removes a connection; `None` when the handle is stale.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let hash = self.hash(self.tuple(handle)?);
        let at = &mut self.slots[handle.slot() as usize];
        let value = at.value.take()?;
        at.generation = at.generation.wrapping_add(1);
        self.index.remove(hash, handle.slot());
        self.free.push(handle.slot());
        Some(value)
    }

    /// The value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.occupied(handle)?.value.as_ref()
    }

    /// The value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let at = self.slots.get_mut(handle.slot() as usize)?;
        if at.generation != handle.generation() {
            return None;
        }
        at.value.as_mut()
    }

    /// Tuple and value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn entry_mut(&mut self, handle: Handle) -> Option<(&FourTuple, &mut T)> {
        let at = self.slots.get_mut(handle.slot() as usize)?;
        if at.generation != handle.generation() {
            return None;
        }
        Some((&at.tuple, at.value.as_mut()?))
    }

    /// The tuple of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn tuple(&self, handle: Handle) -> Option<&FourTuple> {
        Some(&self.occupied(handle)?.tuple)
    }

    /// The connection that lives in `slot`: timers know slots only.
    #[must_use]
    pub fn handle_at(&self, slot: u32) -> Option<Handle> {
        let at = self.slots.get(slot as usize)?;
        at.value.as_ref()?;
        Some(Handle::new(slot, at.generation))
    }

    /// All connections, in order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &FourTuple, &T)> {
        self.slots.iter().zip(0..).filter_map(|(at, slot)| {
            let value = at.value.as_ref()?;
            Some((Handle::new(slot, at.generation), &at.tuple, value))
        })
    }

    /// Connections in the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Is there no connection?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections that the table has room for; slots are numbered `0..capacity`.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Is there no room for another connection?
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len() == self.capacity
    }

    fn occupied(&self, handle: Handle) -> Option<&Slot<T>> {
        let at = self.slots.get(handle.slot() as usize)?;
        (at.generation == handle.generation() && at.value.is_some()).then_some(at)
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
