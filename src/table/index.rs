//! From a hash to the slots that may be meant: open addressing, linear probing.
//!
//! An entry is a word: the upper half of the hash as a tag, and a slot. The tag's top bits are
//! also the entry's home, so entries move without anybody hashing again. At most half of the
//! words are in use, so a probe is short and rarely leaves its cache line. Removing shifts later
//! entries back: there are no gravestones, and nothing decays.

use super::prefetch::prefetch;

/// No entry. Slots are stored plus one, so that a fresh page of zeros is empty.
const EMPTY: u64 = 0;

pub(super) struct Index {
    /// A power of two of them, at least twice the capacity.
    entries: Box<[u64]>,
    /// What shifts a hash to its home.
    shift: u32,
}

impl Index {
    pub(super) fn new(capacity: usize) -> Self {
        assert!(
            capacity <= 1 << 31,
            "a home has the 32 bits of a tag at most"
        );
        let entries = (2 * capacity).next_power_of_two().max(8);
        Self {
            entries: vec![EMPTY; entries].into_boxed_slice(),
            shift: u64::BITS - entries.ilog2(),
        }
    }

    /// Slots whose tag is that of `hash`, nearest first: one, but for a chance of one to some
    /// hundreds or less.
    #[inline]
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u32> {
        let mut at = self.home(hash);
        core::iter::from_fn(move || {
            loop {
                let entry = self.entries[at];
                if entry == EMPTY {
                    return None;
                }
                at = self.wrap(at + 1);
                if tag(entry) == tag(hash) {
                    return Some(slot(entry));
                }
            }
        })
    }

    /// Adds an entry. The caller keeps within the capacity, so there is an empty word.
    pub(super) fn insert(&mut self, hash: u64, slot: u32) {
        let mut at = self.home(hash);
        while self.entries[at] != EMPTY {
            at = self.wrap(at + 1);
        }
        self.entries[at] = tag(hash) | (u64::from(slot) + 1);
    }

    /// Removes the entry of `slot`, which is there.
    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let entry = tag(hash) | (u64::from(slot) + 1);
        let mut hole = self.home(hash);
        while self.entries[hole] != entry {
            debug_assert_ne!(self.entries[hole], EMPTY, "the entry is there");
            hole = self.wrap(hole + 1);
        }
        let mut at = hole;
        loop {
            at = self.wrap(at + 1);
            let entry = self.entries[at];
            if entry == EMPTY {
                break;
            }
            // It may move back as far as its home.
            let from_home = self.wrap(at.wrapping_sub(self.home(entry)));
            if from_home >= self.wrap(at.wrapping_sub(hole)) {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = EMPTY;
    }

    /// Calls the line in which the search for `hash` begins.
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.entries[self.home(hash)]);
    }

    /// Words that a search for the entry of `slot` reads.
    #[cfg(test)]
    pub(super) fn probes(&self, hash: u64, slot: u32) -> usize {
        let entry = tag(hash) | (u64::from(slot) + 1);
        let home = self.home(hash);
        let found = (0..self.entries.len()).find(|n| self.entries[self.wrap(home + n)] == entry);
        found.expect("the entry is there") + 1
    }

    // Of a hash or of an entry: both have the tag on top.
    const fn home(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    const fn wrap(&self, at: usize) -> usize {
        at & (self.entries.len() - 1)
    }
}

// The tag, still in its place.
const fn tag(word: u64) -> u64 {
    word & !0xffff_ffff
}

const fn slot(entry: u64) -> u32 {
    (entry as u32).wrapping_sub(1)
}
