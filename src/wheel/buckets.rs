//! Which slots are in which bucket: lists of chunks, a cache line each.
//!
//! A list that links each slot to the next is followed one line of memory after the other, and none
//! can be called before the one before it has come. A chunk names fourteen at once.
//!
//! All chunks of a bucket are full but the first. So there are as many as are needed and no more: a
//! slot that goes from the middle leaves its place to the last of the first chunk.

use super::NONE;
use crate::pages::filled;
use crate::prefetch::prefetch;

/// Slots of a chunk.
const CHUNK: usize = 14;

/// Bits of a [`Place`] that say where in its chunk.
const PLACE_BITS: u32 = 4;

const _: () = assert!(CHUNK <= 1 << PLACE_BITS);
const _: () = assert!(size_of::<Chunk>() == 64);

/// Where a slot stands: its chunk, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Chunk {
    slots: [u32; CHUNK],
    /// How many of them there are.
    len: u32,
    /// The next chunk of its bucket, or of those that nobody uses.
    next: u32,
}

/// The slots of `BUCKETS` buckets.
#[derive(Debug)]
pub(super) struct Buckets<const BUCKETS: usize> {
    chunks: Box<[Chunk]>,
    /// The first chunk of each bucket.
    heads: [u32; BUCKETS],
    /// The first chunk that nobody uses.
    spare: u32,
}

impl<const BUCKETS: usize> Buckets<BUCKETS> {
    /// Room for `slots` of them, however they lie.
    pub(super) fn new(slots: usize) -> Self {
        // One that is not full for each bucket; and none is empty.
        let chunks = slots.min(slots / CHUNK + BUCKETS);
        assert!(
            chunks < 1 << (u32::BITS - PLACE_BITS),
            "chunks have 28 bits"
        );
        let mut next = 0;
        let chunk = || {
            next += 1;
            Chunk {
                slots: [NONE; CHUNK],
                len: 0,
                next,
            }
        };
        let mut chunks = filled(chunks, chunk);
        let spare = if let Some(last) = chunks.last_mut() {
            last.next = NONE;
            0
        } else {
            NONE
        };
        Self {
            chunks,
            heads: [NONE; BUCKETS],
            spare,
        }
    }

    /// Puts a slot that is in no bucket into one.
    pub(super) fn push(&mut self, bucket: usize, slot: u32) -> Place {
        let mut head = self.heads[bucket];
        if head == NONE || self.chunks[head as usize].len as usize == CHUNK {
            let spare = self.spare;
            let chunk = &mut self.chunks[spare as usize];
            self.spare = core::mem::replace(&mut chunk.next, head);
            chunk.len = 0;
            self.heads[bucket] = spare;
            head = spare;
        }
        let chunk = &mut self.chunks[head as usize];
        let at = chunk.len;
        chunk.slots[at as usize] = slot;
        chunk.len = at + 1;
        Place(head << PLACE_BITS | at)
    }

    /// Takes a slot out of its place. Returns the slot that has that place from now on, unless it
    /// was the last of the first chunk itself.
    pub(super) fn remove(&mut self, bucket: usize, place: Place) -> Option<u32> {
        let head = self.heads[bucket];
        let chunk = &mut self.chunks[head as usize];
        let last = chunk.len - 1;
        let moved = chunk.slots[last as usize];
        chunk.len = last;
        if last == 0 {
            self.heads[bucket] = core::mem::replace(&mut chunk.next, self.spare);
            self.spare = head;
        }
        if place == Place(head << PLACE_BITS | last) {
            return None;
        }
        let Place(place) = place;
        let at = place as usize % (1 << PLACE_BITS);
        self.chunks[(place >> PLACE_BITS) as usize].slots[at] = moved;
        Some(moved)
    }

    /// Is nobody in a bucket?
    pub(super) const fn is_empty(&self, bucket: usize) -> bool {
        self.heads[bucket] == NONE
    }

    /// The last slot of the first chunk of a bucket, and whether it is the last that was called by
    /// [`Buckets::call`].
    pub(super) fn last(&self, bucket: usize) -> Option<(u32, bool)> {
        let chunk = self.chunks.get(self.heads[bucket] as usize)?;
        let last = (chunk.len as usize).checked_sub(1)?;
        Some((*chunk.slots.get(last)?, last == 0))
    }

    /// The slots of the first chunk of a bucket; calls the line of the next one.
    pub(super) fn call(&self, bucket: usize) -> &[u32] {
        let Some(chunk) = self.chunks.get(self.heads[bucket] as usize) else {
            return &[];
        };
        if let Some(next) = self.chunks.get(chunk.next as usize) {
            prefetch(next);
        }
        chunk.slots.get(..chunk.len as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const SLOTS: u32 = 60;

    fn step() -> impl Strategy<Value = (u32, usize)> {
        (0..SLOTS, 0..3_usize)
    }

    proptest! {
        // Slots go in and out; who moved is where it was told to be, and nobody is lost.
        #[test]
        fn each_slot_is_where_it_was_put(steps in prop::collection::vec(step(), 0..400)) {
            let mut buckets = Buckets::<3>::new(SLOTS as usize);
            let mut places = HashMap::<u32, (usize, Place)>::new();
            for (slot, bucket) in steps {
                if let Some((bucket, place)) = places.remove(&slot) {
                    if let Some(moved) = buckets.remove(bucket, place) {
                        let at = places.insert(moved, (bucket, place));
                        prop_assert_eq!(at.map(|(bucket, _)| bucket), Some(bucket));
                    }
                } else {
                    places.insert(slot, (bucket, buckets.push(bucket, slot)));
                }
                for bucket in 0..3 {
                    let members = places.values().filter(|(of, _)| *of == bucket).count();
                    prop_assert_eq!(buckets.is_empty(bucket), members == 0);
                    prop_assert_eq!(buckets.call(bucket).is_empty(), members == 0);
                    let last = buckets.last(bucket).map(|(slot, _)| slot);
                    prop_assert_eq!(last, buckets.call(bucket).last().copied());
                }
            }
            for (slot, (_, Place(place))) in places {
                let chunk = &buckets.chunks[(place >> PLACE_BITS) as usize];
                prop_assert_eq!(chunk.slots[place as usize % (1 << PLACE_BITS)], slot);
            }
        }
    }

    #[test]
    fn there_is_room_for_the_worst_that_may_come() {
        for slots in [0, 1, 13, 14, 15, 200] {
            let mut buckets = Buckets::<64>::new(slots);
            // As many chunks that are not full as there can be.
            for slot in 0..slots {
                buckets.push(slot % 64, slot as u32);
            }
            for bucket in 0..64 {
                while let Some((slot, _)) = buckets.last(bucket) {
                    assert_eq!(slot as usize % 64, bucket);
                    let Place(head) = Place(buckets.heads[bucket] << PLACE_BITS);
                    let len = buckets.call(bucket).len() as u32;
                    assert_eq!(buckets.remove(bucket, Place(head | (len - 1))), None);
                }
            }
            for slot in 0..slots {
                buckets.push(0, slot as u32);
            }
        }
    }
}
