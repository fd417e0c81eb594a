//! What a connection keeps of a queue: 20 octets. The octets themselves lie in the pool.

use crate::limits::BLOCK_BYTES;
use core::cell::Cell;

/// No block.
pub(super) const NONE: u32 = u32::MAX;

/// Octets of the longest chain, hole and text ahead included: the cursor counts blocks in 16 bits.
pub(super) const CHAIN_OCTETS_MAX: usize = u16::MAX as usize * BLOCK_BYTES;

/// A queue of octets in the blocks of one [`Pool`](super::Pool). An empty chain owns no block,
/// unless text is stored ahead of it.
///
/// Not `Clone`: two chains with the same blocks would free them twice. A chain that is dropped
/// without [`Pool::clear`](super::Pool::clear) keeps its blocks from everybody.
#[derive(Debug)]
pub struct Chain {
    /// First block, or `NONE`.
    pub(super) head: u32,
    /// While `len > 0`, the block of the last octet in the queue; otherwise the head. Blocks
    /// behind it hold text stored ahead.
    pub(super) tail: u32,
    /// Octets in the queue.
    pub(super) len: u32,
    /// Octets at the start of the head that are consumed; less than a block.
    pub(super) skip: u16,
    /// How many blocks behind the head the cursor is.
    cursor_index: Cell<u16>,
    /// A block of this chain where somebody read or stored: the next one to do so is near. A
    /// cell, so that reading stays reading.
    cursor: Cell<u32>,
}

const _: () = assert!(size_of::<Chain>() <= 20, "a connection has two");
const _: () = assert!(BLOCK_BYTES <= u16::MAX as usize, "`skip` has 16 bits");

impl Default for Chain {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            len: 0,
            skip: 0,
            cursor_index: Cell::new(0),
            cursor: Cell::new(NONE),
        }
    }
}

impl Chain {
    /// Octets in the queue; text stored ahead does not count.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Is the queue empty?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Does it own no block?
    #[must_use]
    pub const fn is_vacant(&self) -> bool {
        self.head == NONE
    }

    /// Octets from the start of the head to the octet `offset` behind the front.
    pub(super) const fn position(&self, offset: usize) -> usize {
        self.skip as usize + offset
    }

    /// Octets of the tail up to the end of the queue, 1 to a block when the queue is not empty.
    pub(super) const fn tail_filled(&self) -> usize {
        self.position(self.len()) - self.tail_index() * BLOCK_BYTES
    }

    // Rounded down: an end on the border of two blocks lies in the first.
    const fn tail_index(&self) -> usize {
        self.position(self.len().saturating_sub(1)) / BLOCK_BYTES
    }

    /// The known block nearest before `index`, with its own index. The chain has a block.
    pub(super) fn nearest(&self, index: usize) -> (u32, usize) {
        let cursor = (self.cursor.get(), usize::from(self.cursor_index.get()));
        let tail = (self.tail, self.tail_index());
        let mut nearest = (self.head, 0);
        for known in [cursor, tail] {
            if known.0 != NONE && known.1 <= index && known.1 > nearest.1 {
                nearest = known;
            }
        }
        nearest
    }

    /// Leaves the cursor at a block.
    pub(super) fn point(&self, block: u32, index: usize) {
        self.cursor.set(block);
        self.cursor_index.set(index as u16);
    }

    /// Keeps the cursor right when `freed` blocks have gone at the front.
    pub(super) fn shift_cursor(&self, freed: usize) {
        match usize::from(self.cursor_index.get()).checked_sub(freed) {
            Some(index) => self.cursor_index.set(index as u16),
            None => self.point(NONE, 0),
        }
    }
}
