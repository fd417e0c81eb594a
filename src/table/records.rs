//! What is kept of a connection that is over: a record of 32 octets, beside its entry in the index;
//! two of them lie on a line of the cache. The second half of an IPv6 address has no room there and
//! lies apart, where IPv4 never looks.
//!
//! Records stand in blocks, in order of their coming. A place is used once in the life of its
//! block; a block whose records are all gone is free, wherever it stands in that order (`queue`).
//! So a record that goes out of turn costs its place only as long as its neighbours stay.
//!
//! A reader that finds the same life of the block, and somebody in the place, before and after it
//! copied the record has a whole one: a sequence lock, as in `slots`.

use super::ends::{Ends, NOBODY, mark, number, rest};
use super::handle::RETIRED;
use super::locals::Locals;
use super::sync::{AtomicU32, AtomicU64, Ordering, fence};
use super::{Entry, Handle};
use crate::pages::filled;
use crate::prefetch::prefetch;
use crate::wire::FourTuple;

/// Records of a block.
#[cfg(not(feature = "loom"))]
pub(super) const BLOCK: usize = 128;
#[cfg(feature = "loom")]
pub(super) const BLOCK: usize = 2;

/// Words of the owner's.
const WORDS: usize = 3;

/// Bits that tell how many ticks later than its block a record came.
const SINCE_BITS: u32 = 13;
const TICK_MILLIS: u64 = 8;

/// Later than this after its block began, a minute, a record belongs in another one.
pub(super) const SPAN_MILLIS: u64 = TICK_MILLIS * ((1 << SINCE_BITS) - 1);

/// Bits of the owner's beside the words.
const BITS: u32 = u32::BITS - SINCE_BITS + u16::BITS;

/// What is left of a connection, in its owner's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// For the owner alone.
    pub words: [u32; WORDS],
    /// [`Remains::BITS`] of them. Readers get the lowest 16.
    pub bits: u64,
    /// What few connections have, and many of these the same: kept where local addresses are. It
    /// is 0 again when there is no room for one more there.
    pub with: u16,
    /// Since when, in milliseconds of the owner's clock, rounded up to eight. They come in the
    /// order of this.
    pub since_millis: u64,
}

impl Remains {
    /// How many [`Remains::bits`] there are.
    pub const BITS: u32 = BITS;

    /// How [`Remains::since_millis`] are rounded.
    #[must_use]
    pub const fn since(millis: u64) -> u64 {
        millis.next_multiple_of(TICK_MILLIS)
    }

    /// Since when, and the lowest bits, from what a reader sees as [`Entry::note`].
    #[must_use]
    pub const fn of_note(note: u64) -> (u64, u16) {
        (note >> u16::BITS, note as u16)
    }
}

#[derive(Debug, Default)]
#[repr(C, align(32))]
struct Record {
    // See `Ends`.
    address: AtomicU64,
    ports: AtomicU32,
    mark: AtomicU32,
    words: [AtomicU32; WORDS],
    /// Ticks after its block began, and bits of the owner's.
    since: AtomicU32,
}

#[derive(Debug, Default)]
struct Block {
    /// Counts how often it was used.
    life: AtomicU32,
    /// When it was begun, in milliseconds.
    began: AtomicU64,
}

#[cfg(not(feature = "loom"))]
const _: () = assert!(size_of::<Record>() == 32);

/// Octets of the index for each entry, when it is full, in hundredths: lines of 64 octets for ten
/// entries, seven in eight of them used.
#[cfg(not(feature = "loom"))]
const INDEX_HUNDREDTHS: usize = 732;

/// A record, what lies apart, its part of its block, and its entry in the index: 48 octets at most.
#[cfg(not(feature = "loom"))]
const _: () = {
    let block = size_of::<Block>() + super::queue::LINK_BYTES;
    let record = size_of::<Record>() + size_of::<AtomicU64>();
    assert!(record * 100 + block * 100 / BLOCK + INDEX_HUNDREDTHS <= 4800);
};

/// What readers see.
#[derive(Debug)]
pub(super) struct Records {
    places: Box<[Record]>,
    /// Of each place, the word of [`Ends`] that it has no room for.
    behind: Box<[AtomicU64]>,
    blocks: Box<[Block]>,
    /// Blocks that were ever in use.
    used: AtomicU32,
}

impl Records {
    pub(super) fn new(blocks: usize) -> Self {
        assert!(blocks * BLOCK <= RETIRED as usize, "places have 31 bits");
        Self {
            places: filled(blocks * BLOCK, Record::default),
            behind: filled(blocks * BLOCK, || AtomicU64::new(0)),
            blocks: filled(blocks, Block::default),
            used: AtomicU32::new(0),
        }
    }

    #[inline]
    fn ends(&self, place: u32) -> Ends<'_> {
        let at = &self.places[place as usize];
        Ends {
            address: &at.address,
            behind: &self.behind[place as usize],
            ports: &at.ports,
            mark: &at.mark,
        }
    }

    /// Places that were ever in use.
    pub(super) fn places(&self) -> u32 {
        // Relaxed: a place that comes into use now may as well have come a moment later.
        self.used.load(Ordering::Relaxed) * BLOCK as u32
    }

    /// Begins a block, where everybody is gone.
    pub(super) fn begin(&self, block: u32, millis: u64) {
        let at = &self.blocks[block as usize];
        let life = at.life.load(Ordering::Relaxed).wrapping_add(1);
        // Release: see `Reader::find`.
        at.life.store(life, Ordering::Release);
        // Pairs with the Acquire fence of `read`: whoever sees a word of this life sees that it
        // has begun.
        fence(Ordering::Release);
        at.began.store(Remains::since(millis), Ordering::Relaxed);
        let used = self.used.load(Ordering::Relaxed).max(block + 1);
        self.used.store(used, Ordering::Relaxed);
    }

    /// When a block was begun, for the one who writes.
    pub(super) fn began(&self, block: u32) -> u64 {
        self.blocks[block as usize].began.load(Ordering::Relaxed)
    }

    /// Puts a record into a place that nobody was in since its block began. `local` is the number
    /// of its local address.
    pub(super) fn write(&self, place: u32, tuple: &FourTuple, local: u16, remains: &Remains) {
        // Pairs with the Acquire fence of `read`, for who was here in another life of the block.
        fence(Ordering::Release);
        let ends = self.ends(place);
        ends.write(tuple, local);
        self.write_words(place, remains);
        let mark = mark(local, remains.bits as u16);
        // Release: whoever sees the mark sees the record.
        ends.mark.store(mark, Ordering::Release);
    }

    /// Writes anew what is the owner's, in the same place and since the same time.
    pub(super) fn update(&self, place: u32, remains: &Remains) {
        self.write_words(place, remains);
        let at = &self.places[place as usize].mark;
        let local = number(at.load(Ordering::Relaxed));
        at.store(mark(local, remains.bits as u16), Ordering::Release);
    }

    fn write_words(&self, place: u32, remains: &Remains) {
        let at = &self.places[place as usize];
        for (at, word) in at.words.iter().zip(remains.words) {
            at.store(word, Ordering::Relaxed);
        }
        let began = self.began(place / BLOCK as u32);
        let later = remains.since_millis.saturating_sub(began).min(SPAN_MILLIS);
        let ticks = later.div_ceil(TICK_MILLIS) as u32;
        let bits = (remains.bits >> u16::BITS) as u32;
        at.since
            .store(bits << SINCE_BITS | ticks, Ordering::Relaxed);
    }

    /// Nobody is in this place any more. Returns the number of the local address.
    pub(super) fn vacate(&self, place: u32) -> u16 {
        let at = &self.places[place as usize].mark;
        let local = number(at.load(Ordering::Relaxed));
        // Release: see `Reader::find`.
        at.store(mark(NOBODY, 0), Ordering::Release);
        local
    }

    /// Is somebody in this place?
    pub(super) fn is_taken(&self, place: u32) -> bool {
        self.local(place).is_some()
    }

    /// The number of the local address of whoever is in this place, for the one who writes.
    pub(super) fn local(&self, place: u32) -> Option<u16> {
        let at = self.places.get(place as usize)?;
        let local = number(at.mark.load(Ordering::Relaxed));
        (local != NOBODY).then_some(local)
    }

    /// The name of whoever is in this place.
    pub(super) fn handle(&self, place: u32) -> Option<Handle> {
        self.local(place)?;
        let block = &self.blocks[place as usize / BLOCK];
        let life = block.life.load(Ordering::Relaxed);
        Some(Handle::new(place | RETIRED, life))
    }

    /// Is `tuple` the tuple of whoever is in this place?
    #[inline]
    pub(super) fn has(&self, place: u32, tuple: &FourTuple, locals: &Locals) -> bool {
        (place as usize) < self.places.len() && self.ends(place).has(tuple, locals)
    }

    /// The tuple of whoever is in a place that is taken, for the one who writes.
    pub(super) fn tuple(&self, place: u32, locals: &Locals) -> FourTuple {
        self.ends(place).tuple(locals)
    }

    /// What is in a place that is taken, for the one who writes; `with` is left out.
    pub(super) fn at(&self, place: u32, locals: &Locals) -> (FourTuple, Remains) {
        let at = &self.places[place as usize];
        let since = at.since.load(Ordering::Relaxed);
        let low = rest(at.mark.load(Ordering::Relaxed));
        let remains = Remains {
            words: core::array::from_fn(|n| at.words[n].load(Ordering::Relaxed)),
            bits: u64::from(since >> SINCE_BITS) << u16::BITS | u64::from(low),
            with: 0,
            since_millis: self.since(place),
        };
        (self.ends(place).tuple(locals), remains)
    }

    /// Since when whoever is in a place is there.
    pub(super) fn since(&self, place: u32) -> u64 {
        let since = self.places[place as usize].since.load(Ordering::Relaxed);
        let ticks = u64::from(since & ((1 << SINCE_BITS) - 1));
        self.began(place / BLOCK as u32) + ticks * TICK_MILLIS
    }

    /// Calls the line that a record is on.
    pub(super) fn prefetch(&self, place: u32) {
        if let Some(at) = self.places.get(place as usize) {
            prefetch(at);
        }
    }

    /// Whoever is in this place, for others than the writer. Only a new occupant makes it try
    /// again.
    pub(super) fn read(&self, place: u32, locals: &Locals) -> Option<Entry> {
        let at = self.places.get(place as usize)?;
        let block = &self.blocks[place as usize / BLOCK];
        loop {
            // These pair with the Release stores of `begin`, `write` and `vacate`.
            let life = block.life.load(Ordering::Acquire);
            let mark = at.mark.load(Ordering::Acquire);
            if number(mark) == NOBODY {
                return None;
            }
            let (tuple, since_millis) = (self.ends(place).tuple(locals), self.since(place));
            // Pairs with the Release fences of `begin`, `write` and `Register::add`.
            fence(Ordering::Acquire);
            // In this order: whoever came since then wrote the mark after the life.
            let is_taken = number(at.mark.load(Ordering::Acquire)) == number(mark);
            let is_whole = is_taken && block.life.load(Ordering::Relaxed) == life;
            if is_whole {
                return Some(Entry {
                    handle: Handle::new(place | RETIRED, life),
                    tuple,
                    note: since_millis << u16::BITS | u64::from(rest(mark)),
                });
            }
        }
    }
}
