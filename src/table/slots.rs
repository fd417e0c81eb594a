//! The part of each slot that others may read while its owner writes: who is in it.
//!
//! A slot's `life` counts its occupants and says in its two lowest bits where the present one
//! stands. The writer marks the slot, writes the tuple and marks it again; a reader that finds
//! the same life before and after it copied the tuple has a whole one (a sequence lock). The
//! writer never waits, and pays two stores for an occupant.

use super::Handle;
use super::ends::{Ends, mark, number};
use super::locals::Locals;
use super::sync::{AtomicU32, AtomicU64, Ordering, fence};
use crate::wire::FourTuple;

/// Phases of a life. Vacant slots are all zeros, so that fresh memory is vacant.
const VACANT: u32 = 0;
const MOVING_IN: u32 = 1;
const OCCUPIED: u32 = 2;

/// Bits of a life that tell the phase.
const PHASE_BITS: u32 = 2;
const PHASE: u32 = (1 << PHASE_BITS) - 1;

#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Slot {
    // See `Ends`.
    address: AtomicU64,
    behind: AtomicU64,
    ports: AtomicU32,
    mark: AtomicU32,
    life: AtomicU32,
    /// See [`super::Table::set_word`].
    word: AtomicU32,
    /// A word of the owner's for each slot: see [`super::Table::set_note`].
    note: AtomicU64,
}

#[cfg(not(feature = "loom"))]
const _: () = assert!(size_of::<Slot>() == 40);

impl Slot {
    #[inline]
    const fn ends(&self) -> Ends<'_> {
        Ends {
            address: &self.address,
            behind: &self.behind,
            ports: &self.ports,
            mark: &self.mark,
        }
    }

    /// The generation of whoever is in it, for the one who writes.
    pub(super) fn generation(&self) -> Option<u32> {
        // Relaxed here and below: the writer reads what it wrote itself.
        let life = self.life.load(Ordering::Relaxed);
        (life & PHASE == OCCUPIED).then_some(life >> PHASE_BITS)
    }

    /// Is this the generation of whoever is in it?
    pub(super) fn is_occupied_by(&self, generation: u32) -> bool {
        self.life.load(Ordering::Relaxed) == (generation << PHASE_BITS | OCCUPIED)
    }

    /// Is `tuple` the tuple of whoever is in it, or was last?
    #[inline]
    pub(super) fn has(&self, tuple: &FourTuple, locals: &Locals) -> bool {
        self.ends().has(tuple, locals)
    }

    /// The tuple: whole for the one who writes, and for others between two looks at the life.
    pub(super) fn tuple(&self, locals: &Locals) -> FourTuple {
        self.ends().tuple(locals)
    }

    /// The number of the local address, for the one who writes.
    pub(super) fn local(&self) -> u16 {
        number(self.mark.load(Ordering::Relaxed))
    }

    /// Moves an occupant in, whose local address has the number `local`; returns its generation.
    pub(super) fn occupy(&self, tuple: &FourTuple, local: u16) -> u32 {
        let generation = self.life.load(Ordering::Relaxed) >> PHASE_BITS;
        let life = |phase| generation << PHASE_BITS | phase;
        // Release: see `vacate`.
        self.life.store(life(MOVING_IN), Ordering::Release);
        // Pairs with the Acquire fence of `read`: whoever sees a word of the new tuple also sees
        // that somebody is moving in.
        fence(Ordering::Release);
        self.note.store(0, Ordering::Relaxed);
        self.ends().write(tuple, local);
        self.mark.store(mark(local, 0), Ordering::Relaxed);
        // Pairs with the Acquire load of `read`: whoever sees the occupant sees its tuple.
        self.life.store(life(OCCUPIED), Ordering::Release);
        generation
    }

    /// Lets the occupant go. Its handles are stale from now on.
    pub(super) fn vacate(&self) {
        let generation = self.life.load(Ordering::Relaxed) >> PHASE_BITS;
        let life = generation.wrapping_add(1) << PHASE_BITS | VACANT;
        // Release: a reader that looks for somebody and finds the slot left sees where to.
        self.life.store(life, Ordering::Release);
    }

    /// The note: see `tuple`.
    pub(super) fn note(&self) -> u64 {
        self.note.load(Ordering::Relaxed)
    }

    pub(super) fn set_note(&self, note: u64) {
        self.note.store(note, Ordering::Relaxed);
    }

    pub(super) fn word(&self) -> u32 {
        self.word.load(Ordering::Relaxed)
    }

    pub(super) fn set_word(&self, word: u32) {
        self.word.store(word, Ordering::Relaxed);
    }

    /// Whoever is in `slot`, this one, for others than the writer. Only a new occupant makes it
    /// try again.
    pub(super) fn read(&self, slot: u32, locals: &Locals) -> Option<Entry> {
        loop {
            // Pairs with the Release store of `occupy`.
            let life = self.life.load(Ordering::Acquire);
            if life & PHASE != OCCUPIED {
                return None;
            }
            let (tuple, note) = (self.tuple(locals), self.note());
            // Pairs with the Release fences of `occupy` and of `Register::add`.
            fence(Ordering::Acquire);
            if self.life.load(Ordering::Relaxed) == life {
                return Some(Entry {
                    handle: Handle::new(slot, life >> PHASE_BITS),
                    tuple,
                    note,
                });
            }
        }
    }
}

/// A connection as somebody else than its shard sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub handle: Handle,
    /// Its tuple, whole and of this occupant.
    pub tuple: FourTuple,
    /// What the owner last noted of it: 0, or a note of this occupant; the newest or the one
    /// before. Of one that has retired, what [`Remains::of_note`](super::Remains::of_note) takes
    /// apart.
    pub note: u64,
}
