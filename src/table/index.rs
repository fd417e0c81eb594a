//! From a hash to the slots that may be meant: buckets of a cache line, double hashing between
//! them.
//!
//! An entry lies in the bucket that its hash names, or further along its path, in the first one
//! with room. Each bucket counts the entries that had to go past it, by class, so a search ends at
//! the first bucket that nobody of its class went past: nearly always at the first. So a miss, and
//! a flood is all misses, costs one line. Removing leaves no gravestone, entries never move, and
//! nothing decays.

use super::bucket::{Bucket, LANES, Lanes};
use crate::pages::filled;
use crate::prefetch::prefetch;

/// Of the lanes, so many in eight are used when the table is full.
const FULL_EIGHTHS: usize = 7;

#[derive(Debug)]
pub(super) struct Index {
    buckets: Box<[Bucket]>,
}

impl Index {
    /// Room for `entries` of them.
    pub(super) fn new(entries: usize) -> Self {
        assert!(
            entries < 1 << 31,
            "slots have 31 bits, not all of them ones"
        );
        let lanes = (entries * 8).div_ceil(FULL_EIGHTHS);
        // An odd prime of them: a path leads through all, whatever its stride.
        let buckets = next_prime(lanes.div_ceil(LANES));
        Self {
            buckets: filled(buckets, Bucket::default),
        }
    }

    /// Slots whose tag is that of `hash`, nearest first: one, but for a chance of one to some
    /// thousands.
    #[inline]
    pub(super) fn candidates(&self, hash: u64) -> Candidates<'_> {
        let lanes = self.buckets[self.home(hash)].lanes_of(tag(hash));
        self.candidates_from(hash, lanes)
    }

    /// The first of [`Index::candidates`].
    #[inline]
    pub(super) fn first(&self, hash: u64) -> Option<u32> {
        self.candidates(hash).next()
    }

    /// What the first bucket says of [`Index::first`], and no other line is waited for: the next
    /// one is called when it has to be asked. That there is nobody is seen at once, where their own
    /// search is written out: a flood is all misses.
    #[expect(clippy::inline_always, reason = "a look-up is little more than this")]
    #[inline(always)]
    pub(super) fn sight(&self, hash: u64) -> Sighting {
        let at = self.home(hash);
        let bucket = &self.buckets[at];
        let Some(mut lanes) = bucket.lanes_unless_missed(tag(hash)) else {
            return Sighting::Nobody;
        };
        if let Some(slot) = lanes.next().and_then(|lane| bucket.slot(lane)) {
            return Sighting::At(slot);
        }
        prefetch(&self.buckets[(at + stride(hash)) % self.buckets.len()]);
        Sighting::FurtherOn
    }

    /// Calls the second line that [`Index::insert`] will need, when the first has no room.
    pub(super) fn prefetch_room(&self, hash: u64) {
        let at = self.home(hash);
        if self.buckets[at].is_full() {
            prefetch(&self.buckets[(at + stride(hash)) % self.buckets.len()]);
        }
    }

    // Of the first bucket, those in these lanes.
    #[inline]
    fn candidates_from(&self, hash: u64, lanes: Lanes) -> Candidates<'_> {
        let at = self.home(hash);
        Candidates {
            index: self,
            hash,
            at,
            bucket: &self.buckets[at],
            lanes,
            left: self.buckets.len(),
        }
    }

    /// Adds an entry. The caller keeps within the capacity, so there is an empty lane.
    pub(super) fn insert(&self, hash: u64, slot: u32) {
        for bucket in self.all(hash) {
            if bucket.insert(tag(hash), slot) {
                return;
            }
            bucket.pass(tag(hash));
        }
        unreachable!("there are more lanes than entries");
    }

    /// Removes the entry of `slot`, which is there.
    pub(super) fn remove(&self, hash: u64, slot: u32) {
        for bucket in self.path(hash) {
            if bucket.remove(tag(hash), slot) {
                return;
            }
            bucket.unpass(tag(hash));
        }
        debug_assert!(false, "the entry is there");
    }

    /// Names `to` instead of `slot`, whose entry is there. It keeps its place.
    pub(super) fn replace(&self, hash: u64, slot: u32, to: u32) {
        let is_done = self
            .path(hash)
            .any(|bucket| bucket.replace(tag(hash), slot, to));
        debug_assert!(is_done, "the entry is there");
    }

    /// Calls the line in which the search for `hash` begins.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.buckets[self.home(hash)]);
    }

    /// Lines that a search for `hash` reads, when it finds nothing.
    #[cfg(all(test, not(feature = "loom")))]
    pub(super) fn probes(&self, hash: u64) -> usize {
        self.path(hash).count()
    }

    // The buckets that the entry may be in: up to the first that nobody of its class went past.
    fn path(&self, hash: u64) -> impl Iterator<Item = &Bucket> {
        let mut goes_on = true;
        self.all(hash).take_while(move |bucket| {
            // Asked before the bucket is changed by whoever walks.
            core::mem::replace(&mut goes_on, bucket.has_passed(tag(hash)))
        })
    }

    // All buckets, from the home of `hash`, by its stride.
    fn all(&self, hash: u64) -> impl Iterator<Item = &Bucket> {
        let (buckets, mut at) = (self.buckets.len(), self.home(hash));
        (0..buckets).map(move |_| {
            let bucket = &self.buckets[at];
            at = (at + stride(hash)) % buckets;
            bucket
        })
    }

    // The upper half of the hash as a fraction of the buckets: any number of them will do.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.buckets.len() as u64) >> 32) as usize
    }
}

/// Where a tuple may be, before its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// Nowhere in the table.
    Nobody,
    /// Most likely in this place, if anywhere.
    At(u32),
    /// The first line does not tell, and the second is on its way.
    FurtherOn,
}

/// The entries on a path that may be meant. All that a miss costs is in the first bucket.
pub(super) struct Candidates<'a> {
    index: &'a Index,
    hash: u64,
    at: usize,
    bucket: &'a Bucket,
    lanes: Lanes,
    /// Buckets of the path that were not left behind.
    left: usize,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(lane) = self.lanes.next() {
                return self.bucket.slot(lane);
            }
            let tag = tag(self.hash);
            self.left -= 1;
            if self.left == 0 || !self.bucket.has_passed(tag) {
                self.left = 1;
                return None;
            }
            self.at = (self.at + stride(self.hash)) % self.index.buckets.len();
            self.bucket = &self.index.buckets[self.at];
            self.lanes = self.bucket.lanes_of(tag);
        }
    }
}

// From one bucket of a path to the next: a power of two, so never a multiple of an odd prime.
const fn stride(hash: u64) -> usize {
    1 << (hash >> 16 & 15)
}

// The smallest odd prime that is not below `from`.
fn next_prime(from: usize) -> usize {
    // The largest divisor worth trying is the root, and a prime is never far (Bertrand).
    let is_prime = |n: usize| (2..=n.isqrt()).all(|divisor| !n.is_multiple_of(divisor));
    let from = from.max(3);
    (from..2 * from)
        .find(|n| is_prime(*n))
        .expect("there is a prime between any number and its double")
}

// Bits of the hash that the home does not have, and never that of an empty lane.
const fn tag(hash: u64) -> u16 {
    let tag = hash as u16;
    if tag == 0 { 1 } else { tag }
}
