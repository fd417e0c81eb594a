//! Four-tuple to connection: one writer, and readers that cost it nothing.
//!
//! A keyed hash, so that a peer who chooses tuples cannot choose where they fall; an `index` of
//! cache-line buckets, in which a miss costs one line; and slots that never move, named by a
//! [`Handle`] with a generation. All memory is there at start: nothing grows, is rehashed or
//! allocated afterwards.
//!
//! A connection that is over may leave a record of 32 octets ([`Table::retire`]). It keeps its
//! place in the index, so it is found as before, under another [`Handle`]; and its slot is free.
//!
//! For a burst: [`Table::hash`] and [`Table::prefetch`] all, [`Table::sight`] all,
//! [`Table::look_further`] for those few whose first line did not tell, then [`Table::find_at`] those
//! that have a place. The memory answers all of them at once instead of one by one, and a miss,
//! which nearly all of a flood are, is known by then.
//!
//! The shard that owns the table never takes a lock and never waits. A [`Reader`], on any thread,
//! walks the slots or looks a tuple up meanwhile: who is in a slot is guarded by a sequence lock a
//! slot (`slots`) or a record (`records`), checked under loom. Values are the owner's alone; what
//! readers shall know of them it puts into the slot's note.

mod bucket;
mod cells;
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
pub use index::Sighting;
pub use locals::LOCALS_MAX;
pub use reader::Reader;
pub use records::Remains;
pub use slots::Entry;

use crate::pages::room;
use crate::time::Duration;
use crate::wire::FourTuple;
use ahash::RandomState;
use cells::Owned;
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
    /// Who is where, and their values.
    cells: Owned<T>,
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
    records: Records,
    locals: Locals,
    /// Slots that were ever in use.
    used: AtomicU32,
    /// Counts whenever an entry of the index names another place.
    moves: AtomicU32,
}

impl<T: Send + 'static> Table<T> {
    /// Octets of a connection, without its entry in the index: whole lines of the cache, beginning
    /// with one.
    pub const CELL_BYTES: usize = Owned::<T>::CELL_BYTES;

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
                records: Records::new(blocks),
                locals,
                used: AtomicU32::new(0),
                moves: AtomicU32::new(0),
            }),
            cells: Owned::new(capacity),
            free: room(capacity),
            used: 0,
            insertions: 0,
            queue: Queue::new(records, blocks),
        }
    }

    /// Touches all memory, so that no page is missing later. To be called before the first
    /// connection.
    pub fn populate(&mut self) {
        // The pages of lists that are empty: written once, then forgotten.
        self.free.resize(self.capacity(), 0);
        self.free.clear();
        self.register.populate();
        self.queue.populate();
    }

    /// Somebody who may look, on any thread, for as long as it likes.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let shared = Arc::clone(&self.shared);
        Reader::new(self.hasher.clone(), shared, self.cells.occupants())
    }

    /// The hash that [`Table::find`] and [`Table::insert`] want.
    #[inline]
    #[must_use]
    pub fn hash(&self, tuple: &FourTuple) -> u64 {
        hash(&self.hasher, tuple)
    }

    /// Calls the line of the index that [`Table::find`] will read first.
    pub fn prefetch(&self, hash: u64) {
        self.shared.index.prefetch(hash);
    }

    /// Calls the tuple that [`Table::find`] will lead to, with what of the value lies on the same
    /// line, and says in which place that is, for [`Table::find_at`]; or that it will lead nowhere,
    /// unless [`Table::insertions`] goes up before. It reads a line of the index, so [`Table::prefetch`] comes first, for the
    /// whole burst.
    #[inline]
    #[must_use]
    pub fn sight(&self, hash: u64) -> Sighting {
        let sighting = self.shared.index.sight(hash);
        if let Sighting::At(slot) = sighting {
            self.call(slot);
        }
        sighting
    }

    /// As [`Table::sight`], for what that saw [`Sighting::FurtherOn`]: `None` is nobody. After the
    /// whole burst was sighted.
    #[must_use]
    pub fn look_further(&self, hash: u64) -> Option<u32> {
        let slot = self.shared.index.first(hash)?;
        self.call(slot);
        Some(slot)
    }

    /// Calls what [`Table::insert`] will need, of a tuple that was sighted nowhere.
    pub fn prefetch_room(&self, hash: u64) {
        self.shared.index.prefetch_room(hash);
    }

    // Calls what is in a place.
    #[inline]
    fn call(&self, slot: u32) {
        if slot & RETIRED != 0 {
            self.shared.records.prefetch(slot & !RETIRED);
        } else {
            self.cells.prefetch(slot);
        }
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

    /// As [`Table::find`], after [`Table::sight`] has seen it at `slot`. A tuple has one
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
        let Some((at, place)) = self.cells.value_mut(slot) else {
            unreachable!("a table that is not full has this slot");
        };
        *place = Some(value);
        let generation = at.occupy(&tuple, local);
        self.shared.index.insert(hash, slot);
        self.insertions += 1;
        Ok(Handle::new(slot, generation))
    }

    /// Removes a connection; `None` when the handle is stale.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let hash = self.hash(&self.tuple(handle)?);
        self.shared.index.remove(hash, handle.slot());
        let (local, value) = self.vacate(handle)?;
        self.forget_local(local);
        value
    }

    /// The value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.slot(handle)?;
        self.cells.value(handle.slot())
    }

    /// The value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        Some(self.entry_mut(handle)?.1)
    }

    /// Tuple and value of a connection; `None` when the handle is stale.
    #[must_use]
    pub fn entry_mut(&mut self, handle: Handle) -> Option<(FourTuple, &mut T)> {
        let (at, value) = self.cells.value_mut(handle.slot())?;
        let is_there = at.is_occupied_by(handle.generation());
        let value = value.as_mut().filter(|_| is_there)?;
        Some((at.tuple(&self.shared.locals), value))
    }

    /// Word and value of a connection; `None` when the handle is stale.
    #[inline]
    #[must_use]
    pub fn word_mut(&mut self, handle: Handle) -> Option<(u32, &mut T)> {
        let (at, value) = self.cells.value_mut(handle.slot())?;
        let is_there = at.is_occupied_by(handle.generation());
        let value = value.as_mut().filter(|_| is_there)?;
        Some((at.word(), value))
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

    /// Keeps a word beside a connection, for its owner alone; nothing when the handle is stale.
    pub fn set_word(&self, handle: Handle, word: u32) {
        if let Some(at) = self.slot(handle) {
            at.set_word(word);
        }
    }

    /// The word beside a connection: what was set last, for whomever. `None` when the handle is
    /// stale.
    #[must_use]
    pub fn word(&self, handle: Handle) -> Option<u32> {
        self.slot(handle).map(Slot::word)
    }

    /// Calls whoever lives in `slot`, for [`Table::handle_at`], and their value.
    pub fn prefetch_at(&self, slot: u32) {
        self.cells.prefetch(slot);
        self.prefetch_value(slot);
    }

    /// Calls what [`Table::sight`] and [`Table::look_further`] did not call of the value in `slot`,
    /// for those who need all of it.
    #[inline]
    pub fn prefetch_value(&self, slot: u32) {
        self.cells.prefetch_end(slot);
    }

    /// The connection that lives in `slot`: timers know slots only.
    #[must_use]
    pub fn handle_at(&self, slot: u32) -> Option<Handle> {
        let generation = self.cells.slot(slot)?.generation()?;
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
        self.cells.len()
    }

    /// Is there no room for another connection?
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    // Whoever is in a place, if the tuple is theirs.
    #[expect(clippy::inline_always, reason = "a look-up is little more than this")]
    #[inline(always)]
    fn named(&self, slot: u32, tuple: &FourTuple) -> Option<Handle> {
        let Shared {
            records, locals, ..
        } = &*self.shared;
        if slot & RETIRED != 0 {
            let place = slot & !RETIRED;
            let is_it = records.has(place, tuple, locals);
            return is_it.then(|| records.handle(place))?;
        }
        let at = self.cells.slot(slot)?;
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

    // Lets a connection go from its slot, that the index names no more: the number of its local
    // address, and its value.
    fn vacate(&mut self, handle: Handle) -> Option<(u16, Option<T>)> {
        let (at, value) = self.cells.value_mut(handle.slot())?;
        at.vacate();
        self.free.push(handle.slot());
        Some((at.local(), value.take()))
    }

    fn slot(&self, handle: Handle) -> Option<&Slot> {
        let at = self.cells.slot(handle.slot())?;
        at.is_occupied_by(handle.generation()).then_some(at)
    }
}

impl<T: Send + 'static> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

#[inline]
fn hash(hasher: &RandomState, tuple: &FourTuple) -> u64 {
    let FourTuple { local, remote } = tuple;
    let mut hasher = hasher.build_hasher();
    let ports = ends::ports(tuple);
    if ends::is_v4(tuple) {
        // Twelve octets are all there is to it.
        let addresses = ends::v4_word(tuple);
        hasher.write_u128(u128::from(addresses) << 64 | u128::from(ports));
    } else {
        // Two words and a half, rather than the eight writes of the derived `Hash`.
        hasher.write_u128(u128::from_ne_bytes(local.address.0));
        hasher.write_u128(u128::from_ne_bytes(remote.address.0));
        hasher.write_u32(ports);
    }
    hasher.finish()
}

#[cfg(all(test, not(feature = "loom")))]
mod tests;

#[cfg(all(test, feature = "loom"))]
mod loom_tests;
