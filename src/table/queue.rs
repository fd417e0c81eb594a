//! The order of records: which is the oldest, where the next one goes, which blocks are free.
//!
//! Blocks are a list, and records fill the last one from its beginning. The oldest record is the
//! first in the first block, whose places before `oldest` are all left.

use super::records::{BLOCK, Records, SPAN_MILLIS};
use crate::time::Duration;

/// Stands for no block.
const NONE: u32 = u32::MAX;

/// Octets that are kept here for a block.
#[cfg(not(feature = "loom"))]
pub(super) const LINK_BYTES: usize = size_of::<Link>() + size_of::<u32>();

/// The books of whoever writes.
#[derive(Debug)]
pub(super) struct Queue {
    links: Vec<Link>,
    free: Vec<u32>,
    first: u32,
    last: u32,
    /// A place of the first block: all before it are left.
    oldest: u32,
    len: usize,
    /// Places of the blocks in use that were taken, and may be left.
    spent: usize,
    capacity: usize,
    blocks: usize,
}

#[derive(Debug)]
struct Link {
    prev: u32,
    next: u32,
    /// Places that were taken.
    filled: u8,
    /// Places that are taken.
    taken: u8,
}

impl Queue {
    /// Blocks that it takes to hold `capacity` records for as long as `keep`: one more is being
    /// filled, one emptied, and few records spread over as many as time has it.
    pub(super) fn blocks(capacity: usize, keep: Duration) -> usize {
        let spans = keep.as_millis() / u128::from(SPAN_MILLIS);
        let spread = usize::try_from(spans).unwrap_or(usize::MAX).min(capacity);
        match capacity {
            0 => 0,
            _ => capacity.div_ceil(BLOCK) + spread + 2,
        }
    }

    pub(super) fn new(capacity: usize, blocks: usize) -> Self {
        Self {
            links: Vec::with_capacity(blocks),
            free: Vec::with_capacity(blocks),
            first: NONE,
            last: NONE,
            oldest: 0,
            len: 0,
            spent: 0,
            capacity,
            blocks,
        }
    }

    /// Touches all memory. Nobody has come yet.
    pub(super) fn populate(&mut self) {
        self.links.resize_with(self.blocks, Link::new);
        self.links.clear();
        self.free.resize(self.blocks, 0);
        self.free.clear();
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Is there a place for one that comes at `millis`?
    pub(super) fn has_room(&self, millis: u64, records: &Records) -> bool {
        self.len < self.capacity && self.has_place(millis, records)
    }

    /// May a record take another place? Each time it leaves one behind that nobody takes while its
    /// neighbours stay: who makes it move over and over may not use up the places of others.
    pub(super) fn may_move(&self, millis: u64, records: &Records) -> bool {
        let left = self.spent - self.len;
        left * 4 < self.blocks * BLOCK && self.has_place(millis, records)
    }

    fn has_place(&self, millis: u64, records: &Records) -> bool {
        self.takes(millis, records) || !self.free.is_empty() || self.links.len() < self.blocks
    }

    // Does the last block take one more?
    fn takes(&self, millis: u64, records: &Records) -> bool {
        let link = self.links.get(self.last as usize);
        link.is_some_and(|link| {
            let since = millis.saturating_sub(records.began(self.last));
            usize::from(link.filled) < BLOCK && since <= SPAN_MILLIS
        })
    }

    /// The next place, behind all others, for one that comes at `millis`. There is room for it.
    pub(super) fn push(&mut self, millis: u64, records: &Records) -> u32 {
        if !self.takes(millis, records) {
            self.append(millis, records);
        }
        let link = &mut self.links[self.last as usize];
        let place = self.last * BLOCK as u32 + u32::from(link.filled);
        if self.len == 0 {
            self.oldest = place;
        }
        link.filled += 1;
        link.taken += 1;
        self.len += 1;
        self.spent += 1;
        place
    }

    /// Whoever was in `place` has left it.
    pub(super) fn remove(&mut self, place: u32, records: &Records) {
        let block = place / BLOCK as u32;
        let link = &mut self.links[block as usize];
        link.taken -= 1;
        self.len -= 1;
        if link.taken == 0 && block != self.last {
            self.unlink(block);
        }
        self.skip(records);
    }

    /// The place of the oldest.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.len > 0).then_some(self.oldest)
    }

    // Goes on from places that are left. There is one that is not, in the same block: all that is
    // left of a block is free, and the last one has somebody when no other has.
    fn skip(&mut self, records: &Records) {
        while self.len > 0 && !records.is_taken(self.oldest) {
            self.oldest += 1;
        }
    }

    fn append(&mut self, millis: u64, records: &Records) {
        let before = self.last;
        let block = self.free.pop().unwrap_or_else(|| {
            self.links.push(Link::new());
            (self.links.len() - 1) as u32
        });
        debug_assert!(self.links.len() <= self.blocks, "room was asked for");
        records.begin(block, millis);
        self.links[block as usize] = Link {
            prev: before,
            ..Link::new()
        };
        self.last = block;
        if let Some(link) = self.links.get_mut(before as usize) {
            link.next = block;
        } else {
            self.begin_with(block);
        }
        if before != NONE && self.links[before as usize].taken == 0 {
            self.unlink(before);
        }
    }

    fn unlink(&mut self, block: u32) {
        let Link {
            prev, next, filled, ..
        } = self.links[block as usize];
        if let Some(link) = self.links.get_mut(prev as usize) {
            link.next = next;
        } else {
            self.begin_with(next);
        }
        match self.links.get_mut(next as usize) {
            Some(link) => link.prev = prev,
            None => self.last = prev,
        }
        self.spent -= usize::from(filled);
        self.free.push(block);
    }

    const fn begin_with(&mut self, block: u32) {
        self.first = block;
        self.oldest = block.wrapping_mul(BLOCK as u32);
    }
}

impl Link {
    const fn new() -> Self {
        Self {
            prev: NONE,
            next: NONE,
            filled: 0,
            taken: 0,
        }
    }
}
