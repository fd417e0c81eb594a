//! A hierarchical timing wheel (Varghese and Lauck, scheme 6), with lazy entries.
//!
//! A tick is 2^20 ns, and time in ticks is read as eight digits of six bits. An entry lies at the
//! level of the highest digit in which its tick differs from the wheel's, in the bucket of that
//! digit: all of a level's buckets lie ahead in the same turn, so nothing wraps, eight levels
//! span all of [`Instant`], and the first bucket of a level is `trailing_zeros` of its map. When
//! a bucket is due, its entries fire or are filed anew, closer.
//!
//! A timer that is pushed back or disarmed leaves its entry where it is: the truth is in
//! `deadline`, and the bucket's turn finds it out. So the hot operations are a store each.

use super::{Due, NONE};
use crate::time::Instant;

const TICK_BITS: u32 = 20;
const LEVEL_BITS: u32 = 6;
const LEVELS: usize = 8;
/// Buckets of a level: as many as a `u64` has bits.
const BUCKETS: usize = 1 << LEVEL_BITS;

/// Stands in `Entry::start` of an entry that is in no bucket: later than every tick.
const UNFILED: u64 = u64::MAX;
/// Marks `Entry::prev` as the number of a bucket: the entry is its first.
const HEAD: u32 = 1 << 31;

/// Entries that one [`Wheel::expire`] files anew or throws out at most, besides those that fire.
const REFILED_MAX: usize = 256;

const _: () = assert!(BUCKETS == u64::BITS as usize);
const _: () = assert!(LEVELS as u32 * LEVEL_BITS > u64::BITS - TICK_BITS);
const _: () = assert!(size_of::<Entry>() == 24);

/// One deadline for each slot. Fires at the first tick that is not before the deadline: never
/// early, less than a tick (1.05 ms) late.
#[derive(Debug)]
pub struct Wheel {
    /// No bucket before this tick is occupied.
    tick: u64,
    /// Deadlines that are armed; entries may be more.
    armed: usize,
    /// One bit a bucket, one word a level.
    occupied: [u64; LEVELS],
    /// First entry of each bucket.
    heads: [u32; LEVELS * BUCKETS],
    entries: Box<[Entry]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When the slot is due; NEVER when it is disarmed, in a bucket or not.
    deadline: Instant,
    /// First tick of the bucket it is in.
    start: u64,
    next: u32,
    prev: u32,
}

impl Wheel {
    /// A wheel for slots `0..slots`, all disarmed.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        assert!(slots <= HEAD as usize, "slot numbers have 31 bits");
        let entry = Entry {
            deadline: Instant::NEVER,
            start: UNFILED,
            next: NONE,
            prev: NONE,
        };
        Self {
            tick: 0,
            armed: 0,
            occupied: [0; LEVELS],
            heads: [NONE; LEVELS * BUCKETS],
            entries: vec![entry; slots].into_boxed_slice(),
        }
    }

    /// Sets the deadline of `slot`, armed before or not. Pushing a deadline back costs a store;
    /// NEVER disarms.
    pub fn arm(&mut self, slot: u32, deadline: Instant) {
        let entry = &mut self.entries[slot as usize];
        let was = core::mem::replace(&mut entry.deadline, deadline);
        self.armed += usize::from(deadline.is_armed());
        self.armed -= usize::from(was.is_armed());
        let due = due_tick(deadline).max(self.tick);
        // Otherwise the turn of the bucket it is in comes early enough.
        if deadline.is_armed() && entry.start > due {
            self.unfile(slot);
            self.file(slot, due);
        }
    }

    /// Forgets the deadline of `slot`, if it has one.
    pub fn disarm(&mut self, slot: u32) {
        let deadline = &mut self.entries[slot as usize].deadline;
        self.armed -= usize::from(deadline.is_armed());
        *deadline = Instant::NEVER;
    }

    /// Has `slot` a deadline?
    #[must_use]
    pub fn is_armed(&self, slot: u32) -> bool {
        self.deadline(slot).is_armed()
    }

    /// The deadline of `slot`; NEVER when it has none.
    #[must_use]
    pub fn deadline(&self, slot: u32) -> Instant {
        self.entries[slot as usize].deadline
    }

    /// Disarms slots that are due at `now` and appends them to `due` until it is full; `true`
    /// when there may be more: call again. In no order within a bucket.
    ///
    /// The work of a call is bounded, also after a jump of the clock: it goes from one occupied
    /// bucket to the next, and stops after a fixed number of entries that do not fire.
    pub fn expire(&mut self, now: Instant, due: &mut Due) -> bool {
        let now_tick = now.as_nanos() >> TICK_BITS;
        let mut refiled = 0;
        while let Some((bucket, start)) = self.earliest()
            && start <= now_tick
        {
            // Every bucket before this one is empty, so all others stay where they belong.
            self.tick = self.tick.max(start);
            while self.heads[bucket] != NONE {
                let slot = self.heads[bucket];
                let entry = &mut self.entries[slot as usize];
                let due_at = due_tick(entry.deadline);
                if due_at <= now_tick {
                    if due.try_push(slot).is_err() {
                        return true;
                    }
                    entry.deadline = Instant::NEVER;
                    self.armed -= 1;
                    self.unfile(slot);
                    continue;
                }
                if refiled == REFILED_MAX {
                    return true;
                }
                refiled += 1;
                let armed = entry.deadline.is_armed();
                self.unfile(slot);
                if armed {
                    self.file(slot, due_at);
                }
            }
        }
        self.tick = self.tick.max(now_tick);
        false
    }

    /// When [`Wheel::expire`] next has something to do; NEVER when nothing is armed. That may be
    /// before any deadline, when an entry is to be filed anew, but not after the tick that the
    /// earliest one fires at.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        match self.earliest() {
            Some((_, start)) if self.armed > 0 => {
                Instant::from_nanos(start.saturating_mul(1 << TICK_BITS))
            }
            _ => Instant::NEVER,
        }
    }

    // The occupied bucket that starts first, and the tick at which it does. A bucket may start
    // before `self.tick` when the last call left some of it.
    fn earliest(&self) -> Option<(usize, u64)> {
        let mut earliest = None;
        for (level, map) in self
            .occupied
            .iter()
            .enumerate()
            .filter(|(_, map)| **map != 0)
        {
            let shift = level as u32 * LEVEL_BITS;
            let digit = map.trailing_zeros();
            let turn = self.tick >> (shift + LEVEL_BITS) << LEVEL_BITS;
            let start = (turn | u64::from(digit)) << shift;
            if earliest.is_none_or(|(_, first)| start < first) {
                earliest = Some((level * BUCKETS + digit as usize, start));
            }
        }
        earliest
    }

    // Puts an entry that is in no bucket into the one for tick `due`, or for now if that is past.
    fn file(&mut self, slot: u32, due: u64) {
        let due = due.max(self.tick);
        // Bit 0 set: an entry due now is at level 0 too.
        let level = ((due ^ self.tick) | 1).ilog2() / LEVEL_BITS;
        let shift = level * LEVEL_BITS;
        let digit = (due >> shift) as usize % BUCKETS;
        let bucket = level as usize * BUCKETS + digit;
        let next = self.heads[bucket];
        if next != NONE {
            self.entries[next as usize].prev = slot;
        }
        self.heads[bucket] = slot;
        self.occupied[level as usize] |= 1 << digit;
        let entry = &mut self.entries[slot as usize];
        entry.start = due >> shift << shift;
        entry.next = next;
        entry.prev = HEAD | bucket as u32;
    }

    // Takes an entry out of its bucket, if it is in one.
    fn unfile(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        if entry.start == UNFILED {
            return;
        }
        entry.start = UNFILED;
        let Entry { next, prev, .. } = *entry;
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
        if prev & HEAD == 0 {
            self.entries[prev as usize].next = next;
            return;
        }
        let bucket = (prev & !HEAD) as usize;
        self.heads[bucket] = next;
        if next == NONE {
            self.occupied[bucket / BUCKETS] &= !(1 << (bucket % BUCKETS));
        }
    }
}

// The first tick that is not before `deadline`.
const fn due_tick(deadline: Instant) -> u64 {
    deadline.as_nanos().div_ceil(1 << TICK_BITS)
}
