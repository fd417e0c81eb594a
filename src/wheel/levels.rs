//! A hierarchical timing wheel (Varghese and Lauck, scheme 6), with lazy entries.
//!
//! A tick is 2^20 ns, and time in ticks is read as eight digits of six bits. An entry lies at the
//! level of the highest digit in which its tick differs from the wheel's, in the bucket of that
//! digit: all of a level's buckets lie in the same turn, so nothing wraps, eight levels span all
//! of [`Instant`], and the first bucket of a level is `trailing_zeros` of its map. A bucket opens
//! when the wheel's tick reaches its first one: its entries fire or are filed anew, closer.
//!
//! A timer that is pushed back or disarmed leaves its entry where it is: the truth is in the
//! entry's tick, and the bucket's turn finds it out. So the hot operations are a store each.
//!
//! A bucket of millions is filed anew over many calls, and nobody waits for it meanwhile: levels
//! are worked through from the lowest, which is the nearest, and the tick goes on past buckets
//! that are open, to the end of their level's turn at most.

use super::Due;
use super::buckets::{Buckets, Place};
use crate::limits::BURST_FRAMES;
use crate::pages::filled;
use crate::prefetch::prefetch;
use crate::time::Instant;

const TICK_BITS: u32 = 20;
const LEVEL_BITS: u32 = 6;
const LEVELS: usize = 8;
/// Buckets of a level: as many as a `u64` has bits.
const BUCKETS: usize = 1 << LEVEL_BITS;

/// Bits of an entry's word that hold its bucket; the tick is above.
const BUCKET_BITS: u32 = 16;
/// The tick of a slot that is disarmed: later than that of every deadline.
const DISARMED: u64 = u64::MAX >> BUCKET_BITS;

/// Entries that one [`Wheel::expire`] files anew or throws out at most, besides those that fire.
/// Each is a line or two of memory that no cache holds: all of them are some 10 us.
const REFILED_MAX: usize = BURST_FRAMES;

const _: () = assert!(BUCKETS == u64::BITS as usize);
const _: () = assert!(LEVELS as u32 * LEVEL_BITS > u64::BITS - TICK_BITS);
const _: () = assert!(DISARMED > 1 << (u64::BITS - TICK_BITS));
const _: () = assert!(LEVELS * BUCKETS <= 1 << BUCKET_BITS);
const _: () = assert!(size_of::<Entry>() == 16);

/// One deadline for each slot. Fires at the first tick that is not before the deadline: never
/// early, less than a tick (1.05 ms) late.
#[derive(Debug)]
pub struct Wheel {
    tick: u64,
    /// Deadlines that are armed; entries may be more.
    armed: usize,
    /// One bit a bucket, one word a level.
    occupied: [u64; LEVELS],
    /// The slots of each bucket.
    buckets: Buckets<{ LEVELS * BUCKETS }>,
    entries: Box<[Entry]>,
}

// Aligned, so that none lies across two lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Entry {
    /// When the slot fires, in ticks, and the bucket that the entry is in, or was last.
    word: u64,
    /// Where in its bucket, when it is in one.
    place: Option<Place>,
}

impl Entry {
    const fn tick(self) -> u64 {
        self.word >> BUCKET_BITS
    }

    const fn bucket(self) -> usize {
        self.word as usize % (1 << BUCKET_BITS)
    }

    const fn set(&mut self, tick: u64, bucket: usize) {
        self.word = tick << BUCKET_BITS | bucket as u64;
    }
}

impl Wheel {
    /// A wheel for slots `0..slots`, all disarmed.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        assert!(u32::try_from(slots).is_ok(), "slot numbers have 32 bits");
        let mut entry = Entry {
            word: 0,
            place: None,
        };
        entry.set(DISARMED, 0);
        Self {
            tick: 0,
            armed: 0,
            occupied: [0; LEVELS],
            buckets: Buckets::new(slots),
            entries: filled(slots, || entry),
        }
    }

    /// Sets the deadline of `slot`, armed before or not. Pushing a deadline back costs a store;
    /// NEVER disarms.
    pub fn arm(&mut self, slot: u32, deadline: Instant) {
        let entry = &mut self.entries[slot as usize];
        let (was, bucket, tick) = (entry.tick(), entry.bucket(), tick_of(deadline));
        entry.set(tick, bucket);
        self.armed += usize::from(tick != DISARMED);
        self.armed -= usize::from(was != DISARMED);
        // The turn of the bucket it is in may come early enough. One that is open already may be
        // long, and its end late.
        let stays = tick == DISARMED
            || entry.place.is_some() && {
                let start = self.start(bucket);
                self.tick < start && start <= tick
            };
        if !stays {
            self.unfile(slot);
            self.file(slot);
        }
    }

    /// Calls the line that setting the deadline of `slot` will touch, if there is such a slot.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        if let Some(entry) = self.entries.get(slot as usize) {
            prefetch(entry);
        }
    }

    /// Forgets the deadline of `slot`, if it has one.
    pub fn disarm(&mut self, slot: u32) {
        self.arm(slot, Instant::NEVER);
    }

    /// Has `slot` a deadline?
    #[must_use]
    pub fn is_armed(&self, slot: u32) -> bool {
        self.entries[slot as usize].tick() != DISARMED
    }

    /// When `slot` fires: [`Wheel::fires_at`] of its deadline; NEVER when it has none.
    #[must_use]
    pub fn deadline(&self, slot: u32) -> Instant {
        instant_of(self.entries[slot as usize].tick())
    }

    /// When a slot fires whose deadline is this: it is all that a wheel remembers of it.
    #[must_use]
    pub const fn fires_at(deadline: Instant) -> Instant {
        instant_of(tick_of(deadline))
    }

    /// Disarms slots that are due at `now` and appends them to `due` until it is full; `true`
    /// when there may be more: call again. In no order within a bucket. A `now` before that of
    /// the last call counts as that one.
    ///
    /// The work of a call is bounded, also after a jump of the clock: it goes from one occupied
    /// bucket to the next, and stops after a fixed number of entries that do not fire.
    pub fn expire(&mut self, now: Instant, due: &mut Due) -> bool {
        let now_tick = (now.as_nanos() >> TICK_BITS).max(self.tick);
        let mut refiled = 0;
        loop {
            self.tick = now_tick.min(self.turn_end());
            // At the end of a turn all its buckets are open: when none is, it is `now_tick`.
            let Some(bucket) = self.open() else {
                return false;
            };
            self.call(bucket);
            while let Some((slot, is_last)) = self.buckets.last(bucket) {
                let entry = &mut self.entries[slot as usize];
                let tick = entry.tick();
                if tick <= now_tick {
                    if due.try_push(slot).is_err() {
                        return true;
                    }
                    entry.set(DISARMED, bucket);
                    self.armed -= 1;
                    self.unfile(slot);
                } else {
                    if refiled == REFILED_MAX {
                        return true;
                    }
                    refiled += 1;
                    self.unfile(slot);
                    if tick != DISARMED {
                        self.file(slot);
                    }
                }
                if is_last {
                    self.call(bucket);
                }
            }
        }
    }

    /// When [`Wheel::expire`] next has something to do; NEVER when nothing is armed. That may be
    /// before any deadline, when an entry is to be filed anew, but not after the tick that the
    /// earliest one fires at.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        let first = |(level, map): (usize, &u64)| {
            let digit = map.trailing_zeros() as usize;
            (*map != 0).then(|| self.start(level * BUCKETS + digit))
        };
        let starts = self.occupied.iter().enumerate().filter_map(first);
        match starts.min() {
            Some(start) if self.armed > 0 => instant_of(start),
            _ => Instant::NEVER,
        }
    }

    // The first tick of a bucket.
    const fn start(&self, bucket: usize) -> u64 {
        let shift = (bucket / BUCKETS) as u32 * LEVEL_BITS;
        let turn = self.tick >> (shift + LEVEL_BITS) << LEVEL_BITS;
        (turn | (bucket % BUCKETS) as u64) << shift
    }

    // The last tick that leaves every entry in its level's turn.
    fn turn_end(&self) -> u64 {
        let lowest = self.occupied.iter().position(|map| *map != 0);
        lowest.map_or(u64::MAX, |level| {
            self.tick | ((1 << ((level as u32 + 1) * LEVEL_BITS)) - 1)
        })
    }

    // The first of the buckets that are occupied and open, of the lowest level that has one.
    fn open(&self) -> Option<usize> {
        let maps = self.occupied.iter().enumerate();
        let mut firsts = maps.filter(|(_, map)| **map != 0).map(|(level, map)| {
            let digit = map.trailing_zeros() as usize;
            level * BUCKETS + digit
        });
        firsts.find(|bucket| self.start(*bucket) <= self.tick)
    }

    // Puts an entry that is in no bucket into that of its tick, or of now if that is past.
    fn file(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        let tick = entry.tick();
        let due = tick.max(self.tick);
        // Bit 0 set: an entry due now is at level 0 too.
        let level = ((due ^ self.tick) | 1).ilog2() / LEVEL_BITS;
        let digit = (due >> (level * LEVEL_BITS)) as usize % BUCKETS;
        let bucket = level as usize * BUCKETS + digit;
        entry.set(tick, bucket);
        entry.place = Some(self.buckets.push(bucket, slot));
        self.occupied[level as usize] |= 1 << digit;
    }

    // Takes an entry out of its bucket, if it is in one.
    fn unfile(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        let bucket = entry.bucket();
        let Some(place) = entry.place.take() else {
            return;
        };
        if let Some(moved) = self.buckets.remove(bucket, place) {
            self.entries[moved as usize].place = Some(place);
        }
        if self.buckets.is_empty(bucket) {
            self.occupied[bucket / BUCKETS] &= !(1 << (bucket % BUCKETS));
        }
    }

    // Calls the entries that are first in a bucket.
    fn call(&self, bucket: usize) {
        for slot in self.buckets.call(bucket) {
            self.prefetch(*slot);
        }
    }
}

// The first tick that is not before `deadline`.
const fn tick_of(deadline: Instant) -> u64 {
    if deadline.is_armed() {
        deadline.as_nanos().div_ceil(1 << TICK_BITS)
    } else {
        DISARMED
    }
}

// When it begins; that after the last one of all time is the last instant.
const fn instant_of(tick: u64) -> Instant {
    if tick == DISARMED {
        return Instant::NEVER;
    }
    let nanos = tick.saturating_mul(1 << TICK_BITS);
    Instant::from_nanos(if nanos == u64::MAX { nanos - 1 } else { nanos })
}
