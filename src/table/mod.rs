//! Four-tuple to connection: one writer, and readers that cost it nothing.
//!
//! A keyed hash, so that a peer who chooses tuples cannot choose where they fall; an `index` of
//! cache-line buckets, in which a miss costs one line; and slots that never move, named by a
//! [`Handle`] with a generation. All memory is there at start: nothing grows, is rehashed or
//! allocated afterwards.
//!
//! A connection that is over may leave a record of 40 octets ([`Table::retire`]). It keeps its
//! place in the index, so it is found as before, under another [`Handle`]; and its slot is free.
//!
//! For a burst: [`Table::hash`] and [`Table::prefetch`] all, [`Table::prefetch_slot`] all, then
//! [`Table::find_at`] those that have a place. The memory answers all of them at once instead of
//! one by one, and a miss, which nearly all of a flood are, is known by then.
//!
//! The shard that owns the table never takes a lock and never waits. A [`Reader`], on any thread,
//! walks the slots or looks a tuple up meanwhile: who is in a slot is guarded by a sequence lock a
//! slot (`slots`) or a record (`records`), checked under loom. Values are the owner's alone; what
//! readers shall know of them it puts into the slot's note.

mod bucket;
mod ends;
mod handle;
mod index;
mod locals;
mod queue;
mod reader;
mod records;
mod retire;
mod slots;
mod sync;

pub use handle::Handle;
pub use locals::LOCALS_MAX;
pub use reader::Reader;
pub use records::Remains;
pub use slots::Entry;

use crate::pages::{filled, room};
use crate::prefetch::prefetch_whole;
use crate::time::Duration;
use crate::wire::FourTuple;
use ahash::RandomState;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use handle::RETIRED;
use index::Index;
use locals::{Locals, Register};
use queue::Queue;
use records::Records;
use slots::Slot;
use sync::{Arc, AtomicU32, Ordering};

/// Connections by their four-tuples, at most `capacity` of them.
pub struct Table<T> {
    hasher: RandomState,
    shared: Arc<Shared>,
    /// One for each slot that was ever in use; room for all is reserved.
    values: Vec<Option<T>>,
    /// Slots in use before and free now. The warmest is used first.
    free: Vec<u32>,
    /// Slots that were ever in use.
    used: u32,
    insertions: u64,
    register: Register,
    queue: Queue,
}

/// What readers see.
#[derive(Debug)]
struct Shared {
    index: Index,
    slots: Box<[Slot]>,
    records: Records,
    locals: Locals,
    /// Slots that were ever in use.
    used: AtomicU32,
    /// Counts whenever an entry of the index names another place.
    moves: AtomicU32,
}

impl<T> Table<T> {
    /// An empty table without room for records. `seeds` are random and secret.
    #[must_use]
    pub fn new(capacity: usize, seeds: [u64; 4]) -> Self {
        Self::with_records(capacity, 0, Duration::ZERO, seeds)
    }

    /// An empty table for `capacity` connections, and records of `records` that have retired: there
    /// is room for so many when none stays for longer than `keep`, and for three quarters of them
    /// at least when some are renewed over and over.
    #[must_use]
    pub fn with_records(capacity: usize, records: usize, keep: Duration, seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = seeds;
        let blocks = Queue::blocks(records, keep);
        let locals = Locals::new(capacity + records);
        Self {
            hasher: RandomState::with_seeds(a, b, c, d),
            register: Register::new(&locals),
            shared: Arc::new(Shared {
                index: Index::new(capacity + records),
                slots: filled(capacity, Slot::default),
                records: Records::new(blocks),
                locals,
                used: AtomicU32::new(0),
                moves: AtomicU32::new(0),
            }),
            values: room(capacity),
            free: room(capacity),
            used: 0,
            insertions: 0,
            queue: Queue::new(records, blocks),
        }
    }

    /// Touches all memory, so that no page is missing later. To be called before the first
    /// connection.
    pub fn populate(&mut self) {
        self.values.resize_with(self.capacity(), || None);
        // The pages of lists that are empty: written once, then forgotten.
        self.free.resize(self.capacity(), 0);
        self.free.clear();
        self.register.populate();
        self.queue.populate();
    }

    /// Somebody who may look, on any thread, for as long as it likes.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(self.hasher.clone(), Arc::clone(&self.shared))
    }

    /// The hash that [`Table::find`] and [`Table::insert`] want.
    #[must_use]
    pub fn hash(&self, tuple: &FourTuple) -> u64 {
        hash(&self.hasher, tuple)
    }

    /// Calls the line of the index that [`Table::find`] will read first.
    pub fn prefetch(&self, hash: u64) {
        self.shared.index.prefetch(hash);
    }

    /// Calls the tuple and the value that [`Table::find`] will lead to, and returns the
    /// place that it is likely to find, for [`Table::find_at`]; `None` when it will lead nowhere,
    /// unless [`Table::insertions`] goes up before. It reads the index, so [`Table::prefetch`]
    /// comes first, for the whole burst.
    #[inline]
    #[must_use]
    pub fn prefetch_slot(&self, hash: u64) -> Option<u32> {
        let slot = self.shared.index.first(hash)?;
        if slot & RETIRED != 0 {
            self.shared.records.prefetch(slot & !RETIRED);
        } else {
            prefetch_whole(&self.shared.slots[slot as usize]);
            prefetch_whole(&self.values[slot as usize]);
        }
        Some(slot)
    }

    /// Connections that were ever added.
    #[must_use]
    pub const fn insertions(&self) -> u64 {
        self.insertions
    }

    /// The connection with this tuple, or its record. `hash` is [`Table::hash`] of it.
    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, tuple: &FourTuple) -> Option<Handle> {
        let mut candidates = self.shared.index.candidates(hash);
        candidates.find_map(|slot| self.named(slot, tuple))
    }

    /// As [`Table::find`], after [`Table::prefetch_slot`] has returned `slot`. A tuple has one
    /// connection, so whoever has it there is the one, whatever happened since.
    #[inline]
    #[must_use]
    pub fn find_at(&self, slot: u32, hash: u64, tuple: &FourTuple) -> Option<Handle> {
        let there = self.named(slot, tuple);
        there.or_else(|| self.find(hash, tuple))
    }

    /// Adds a connection whose tuple is not in the table. `hash` is [`Table::hash`] of it.
    ///
    /// # Errors
    /// The value comes back when the table is full, or has [`LOCALS_MAX`] local addresses already.
    pub fn insert(&mut self, hash: u64, tuple: FourTuple, value: T) -> Result<Handle, T> {
        debug_assert_eq!(hash, self.hash(&tuple), "not the hash of this tuple");
        debug_assert_eq!(self.find(hash, &tuple), None, "a tuple has one connection");
        if self.is_full() {
            return Err(value);
        }
        let Some(local) = self.number_of(&tuple, 0) else {
            return Err(value);
        };
        let slot = self.free.pop().unwrap_or_else(|| self.fresh());
        match self.values.get_mut(slot as usize) {
            Some(at) => *at = Some(value),
            None => self.values.push(Some(value)),
        }
        let generation = self.shared.slots[slot as usize].occupy(&tuple, local);
        self.shared.index.insert(hash, slot);
        self.insertions += 1;
        Ok(Handle::new(slot, generation))
    }

    /// Removes a connection; `None` when the handle is stale.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let at = self.slot(handle)?;
        let hash = self.hash(&at.tuple(&self.shared.locals));
        self.shared.index.remove(hash, handle.slot());
        at.vacate();
        let local = at.local();
        self.register
            .remove(local, &self.shared.locals, &self.hasher);
        self.free.push(handle.slot());
        self.values[handle.slot() as usize].take()
    }

    /// The value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.slot(handle)?;
        self.values[handle.slot() as usize].as_ref()
    }

    /// The value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        self.slot(handle)?;
        self.values[handle.slot() as usize].as_mut()
    }

    /// Tuple and value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn entry_mut(&mut self, handle: Handle) -> Option<(FourTuple, &mut T)> {
        let tuple = self.tuple(handle)?;
        Some((tuple, self.values[handle.slot() as usize].as_mut()?))
    }

    /// The tuple of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn tuple(&self, handle: Handle) -> Option<FourTuple> {
        let at = self.slot(handle)?;
        Some(at.tuple(&self.shared.locals))
    }

    /// Leaves a word for readers at a connection; nothing when the handle is stale. It is 0 until
    /// then.
    pub fn set_note(&self, handle: Handle, note: u64) {
        if let Some(at) = self.slot(handle) {
            at.set_note(note);
        }
    }

    /// The note of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn note(&self, handle: Handle) -> Option<u64> {
        self.slot(handle).map(Slot::note)
    }

    /// The connection that lives in `slot`: timers know slots only.
    #[must_use]
    pub fn handle_at(&self, slot: u32) -> Option<Handle> {
        let generation = self.shared.slots.get(slot as usize)?.generation()?;
        Some(Handle::new(slot, generation))
    }

    /// All connections, in order of their slots; records are left out.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, FourTuple, &T)> {
        (0..self.used).filter_map(|slot| {
            let handle = self.handle_at(slot)?;
            Some((handle, self.tuple(handle)?, self.get(handle)?))
        })
    }

    /// Connections in the table, records left out.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// Is there no connection?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections that the table has room for beside records; slots are numbered `0..capacity`.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.slots.len()
    }

    /// Is there no room for another connection?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    // Whoever is in a place, if the tuple is theirs.
    #[inline]
    fn named(&self, slot: u32, tuple: &FourTuple) -> Option<Handle> {
        let Shared {
            slots,
            records,
            locals,
            ..
        } = &*self.shared;
        if slot & RETIRED != 0 {
            let place = slot & !RETIRED;
            let is_it = records.has(place, tuple, locals);
            return is_it.then(|| records.handle(place))?;
        }
        let at = &slots[slot as usize];
        if !at.has(tuple, locals) {
            return None;
        }
        Some(Handle::new(slot, at.generation()?))
    }

    // The number of the local address of a tuple, named once more.
    fn number_of(&mut self, tuple: &FourTuple, with: u16) -> Option<u16> {
        if with == 0 && ends::is_v4(tuple) {
            return Some(ends::BOTH_V4);
        }
        let (address, locals) = (tuple.local.address, &self.shared.locals);
        self.register.add(address, with, locals, &self.hasher)
    }

    // The next slot that was never in use.
    fn fresh(&mut self) -> u32 {
        let slot = self.used;
        self.used += 1;
        // Relaxed: a reader that sees the old number misses a slot that nobody is in yet.
        self.shared.used.store(self.used, Ordering::Relaxed);
        slot
    }

    fn slot(&self, handle: Handle) -> Option<&Slot> {
        let at = self.shared.slots.get(handle.slot() as usize)?;
        at.is_occupied_by(handle.generation()).then_some(at)
    }
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

fn hash(hasher: &RandomState, tuple: &FourTuple) -> u64 {
    let FourTuple { local, remote } = tuple;
    let mut hasher = hasher.build_hasher();
    // Two words and a half, rather than the eight writes of the derived `Hash`.
    hasher.write_u128(u128::from_ne_bytes(local.address.0));
    hasher.write_u128(u128::from_ne_bytes(remote.address.0));
    hasher.write_u32(u32::from(local.port) << 16 | u32::from(remote.port));
    hasher.finish()
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;

#[cfg(all(test, feature = "loom"))]
mod loom_tests;
