//! Ten entries of the index in one cache line.
//!
//! ```text
//! tags   3 words   ten lanes of 16 bits, 0 for an empty lane; then eight counts of 4 bits: how
//!                  many entries went past this bucket because it was full, by class of tag
//! slots  5 words   ten numbers of 32 bits
//! ```
//!
//! A search goes on to the next bucket only when an entry of its own class went past. A count that
//! has reached 15 stays there: a longer search now and then, never a wrong one.
//!
//! Four tags are compared at once, as lanes of a word (SWAR), so that the words can be atomics:
//! readers follow the writer without a lock. The writer is one thread; what it stores with
//! `Relaxed` is proven by the reader against the slot itself. An entry that goes on to name another
//! place is there all the while, so that store is `Release`.

use super::sync::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Entries of a bucket.
pub(super) const LANES: usize = 10;

const TAG_WORDS: usize = 3;
const TAGS_PER_WORD: usize = 4;
const TAG_BITS: usize = 16;

/// The lowest bit of each lane, and the highest.
const ONES: u64 = 0x0001_0001_0001_0001;
const HIGHS: u64 = ONES << (TAG_BITS - 1);

/// Where the counts stand in the last word of tags, and their width.
const COUNTS_AT: u32 = 32;
const COUNT_BITS: u32 = 4;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// One cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    tags: [AtomicU64; TAG_WORDS],
    slots: [AtomicU32; LANES],
}

#[cfg(not(feature = "loom"))]
const _: () = assert!(size_of::<Bucket>() == 64);

impl Default for Bucket {
    fn default() -> Self {
        Self {
            tags: core::array::from_fn(|_| AtomicU64::new(0)),
            slots: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

impl Bucket {
    /// The lanes whose tag is `tag`. Rarely one more: its tuple will not match.
    #[inline]
    pub(super) fn lanes_of(&self, tag: u16) -> Lanes {
        Lanes::of(core::array::from_fn(|word| self.equal(word, tag)))
    }

    /// As [`Bucket::lanes_of`]; `None` when there is nobody further along either.
    #[inline]
    pub(super) fn lanes_unless_missed(&self, tag: u16) -> Option<Lanes> {
        let lanes = self.lanes_of(tag);
        let is_miss = lanes.0 == 0 && !self.has_passed(tag);
        (!is_miss).then_some(lanes)
    }

    /// The slot of a lane; `None` when there is no such lane.
    #[inline]
    pub(super) fn slot(&self, lane: usize) -> Option<u32> {
        // Pairs with the Release store of `replace`.
        self.slots.get(lane).map(|slot| slot.load(Acquire))
    }

    /// Did an entry of this tag's class go past?
    pub(super) fn has_passed(&self, tag: u16) -> bool {
        self.passed(tag) != 0
    }

    /// Notes that an entry with this tag goes past.
    pub(super) fn pass(&self, tag: u16) {
        if self.passed(tag) < COUNT_MAX {
            let word = &self.tags[TAG_WORDS - 1];
            word.store(word.load(Relaxed) + (1 << count_at(tag)), Relaxed);
        }
    }

    /// Notes that an entry with this tag, which went past, is gone.
    pub(super) fn unpass(&self, tag: u16) {
        if self.passed(tag) < COUNT_MAX {
            let word = &self.tags[TAG_WORDS - 1];
            word.store(word.load(Relaxed) - (1 << count_at(tag)), Relaxed);
        }
    }

    /// Is there no room for another entry?
    pub(super) fn is_full(&self) -> bool {
        // A mark that is wrong is above one that is right.
        self.lanes_of(0).0 == 0
    }

    /// Adds an entry; `false` when the bucket is full.
    pub(super) fn insert(&self, tag: u16, slot: u32) -> bool {
        // The lowest mark of a word is right, so the first of all is.
        let Some(lane) = self.lanes_of(0).next() else {
            return false;
        };
        self.slots[lane].store(slot, Relaxed);
        self.set_tag(lane, tag);
        true
    }

    /// Removes the entry; `false` when it is not here.
    pub(super) fn remove(&self, tag: u16, slot: u32) -> bool {
        let lane = self.lane_of(tag, slot);
        if let Some(lane) = lane {
            self.set_tag(lane, 0);
        }
        lane.is_some()
    }

    /// Names `to` instead of `slot`; `false` when the entry is not here.
    pub(super) fn replace(&self, tag: u16, slot: u32, to: u32) -> bool {
        let lane = self.lane_of(tag, slot);
        if let Some(lane) = lane {
            // Release: who sees where somebody has gone sees it there.
            self.slots[lane].store(to, Release);
        }
        lane.is_some()
    }

    fn lane_of(&self, tag: u16, slot: u32) -> Option<usize> {
        self.lanes_of(tag)
            .find(|lane| self.slots[*lane].load(Relaxed) == slot && self.tag(*lane) == tag)
    }

    // Marks the lanes of a word that hold `tag`, by their highest bits. The lowest mark is always
    // right; one above it may be wrong by a borrow.
    fn equal(&self, word: usize, tag: u16) -> u64 {
        let differs = self.tags[word].load(Relaxed) ^ u64::from(tag).wrapping_mul(ONES);
        let marks = differs.wrapping_sub(ONES) & !differs & HIGHS;
        if word == TAG_WORDS - 1 {
            marks & u64::from(u32::MAX)
        } else {
            marks
        }
    }

    fn passed(&self, tag: u16) -> u64 {
        self.tags[TAG_WORDS - 1].load(Relaxed) >> count_at(tag) & COUNT_MAX
    }

    fn tag(&self, lane: usize) -> u16 {
        let shift = lane % TAGS_PER_WORD * TAG_BITS;
        (self.tags[lane / TAGS_PER_WORD].load(Relaxed) >> shift) as u16
    }

    fn set_tag(&self, lane: usize, tag: u16) {
        let shift = lane % TAGS_PER_WORD * TAG_BITS;
        let word = &self.tags[lane / TAGS_PER_WORD];
        let others = word.load(Relaxed) & !(u64::from(u16::MAX) << shift);
        word.store(others | u64::from(tag) << shift, Relaxed);
    }
}

// Where the count of this tag's class stands.
const fn count_at(tag: u16) -> u32 {
    COUNTS_AT + (tag as u32 & 7) * COUNT_BITS
}

/// Lanes of a bucket, not in their order.
///
/// The marks of all words, each word moved by one bit more than the one before: bit `16 i + w` is
/// lane `i` of word `w`. To put them in order would take longer than to look.
pub(super) struct Lanes(u64);

impl Lanes {
    #[inline]
    const fn of([a, b, c]: [u64; TAG_WORDS]) -> Self {
        const HIGH: usize = TAG_BITS - 1;
        Self(a >> HIGH | b >> (HIGH - 1) | c >> (HIGH - 2))
    }
}

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit % TAG_BITS * TAGS_PER_WORD + bit / TAG_BITS)
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    fn slots_of(bucket: &Bucket, tag: u16) -> Vec<u32> {
        let lanes = bucket.lanes_of(tag);
        lanes.map(|lane| bucket.slot(lane).unwrap()).collect()
    }

    #[test]
    fn ten_fit_and_each_is_found_until_it_is_removed() {
        let bucket = Bucket::default();
        // Neighbouring tags of 1 and 2 provoke the borrow of the lane comparison.
        let tags = [1, 2, 1, 0xffff, 1, 0x8000, 2, 3, 1, 2];
        for (slot, tag) in (100..).zip(tags) {
            assert!(bucket.insert(tag, slot));
        }
        assert!(!bucket.insert(7, 7), "it is full");
        for tag in [1, 2, 3, 0x8000, 0xffff] {
            let there = slots_of(&bucket, tag);
            for (slot, has) in (100..).zip(tags) {
                assert!(has != tag || there.contains(&slot), "{tag}: {there:?}");
            }
        }
        for (slot, tag) in (100..).zip(tags) {
            assert!(!bucket.remove(tag, 99), "nobody has this slot");
            assert!(bucket.remove(tag, slot));
            assert!(!bucket.remove(tag, slot), "it is gone");
            assert!(
                bucket.insert(9, 9) && bucket.remove(9, 9),
                "its lane is free"
            );
        }
        assert_eq!(slots_of(&bucket, 1).len(), 0);
    }

    #[test]
    fn counts_are_by_class_and_do_not_touch_the_lanes() {
        let bucket = Bucket::default();
        for slot in 0..10 {
            assert!(bucket.insert(0xffff, slot));
        }
        for class in 0..8 {
            for _ in 0..14 {
                bucket.pass(class);
            }
            for _ in 0..14 {
                assert!(bucket.has_passed(class | 0x120) && !bucket.has_passed(class + 1));
                bucket.unpass(class);
            }
            assert!(!bucket.has_passed(class));
        }
        assert_eq!(slots_of(&bucket, 0xffff).len(), 10);
    }

    #[test]
    fn a_full_count_never_forgets() {
        let bucket = Bucket::default();
        for _ in 0..100 {
            bucket.pass(3);
        }
        for _ in 0..200 {
            bucket.unpass(3);
        }
        assert!(bucket.has_passed(3) && !bucket.has_passed(2) && !bucket.has_passed(4));
    }
}
