//! The blocks, and what can be done with a chain of them.

use super::chain::{CHAIN_OCTETS_MAX, Chain, NONE};
use crate::limits::BLOCK_BYTES;
use core::fmt;

/// Blocks of [`BLOCK_BYTES`] octets, all allocated at start.
///
/// The memory is reserved, not touched: a block costs a page when it is first written. A block
/// that is freed is not erased, see [`Pool::extend`].
pub struct Pool {
    octets: Box<[u8]>,
    /// One for each block that was ever in use; room for all is reserved.
    links: Vec<Link>,
    /// The block freed last, or `NONE`; the others hang behind it.
    freed: u32,
    free_blocks: usize,
}

#[derive(Clone, Copy)]
struct Link {
    /// The block behind this one, in its chain or in the free list; or `NONE`.
    next: u32,
    /// End, in this block, of the text stored ahead; 0 when there never was any. Once the queue
    /// has grown past it, it means nothing.
    ahead: u32,
}

impl Pool {
    /// A pool of `blocks` blocks.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        assert!(blocks < NONE as usize, "block numbers have 32 bits");
        Self {
            octets: vec![0; blocks * BLOCK_BYTES].into_boxed_slice(),
            links: Vec::with_capacity(blocks),
            freed: NONE,
            free_blocks: blocks,
        }
    }

    /// Blocks that no chain owns.
    #[must_use]
    pub const fn free_blocks(&self) -> usize {
        self.free_blocks
    }

    /// Blocks that `chain` owns. Walks over all of them: to audit, not for the data path.
    #[must_use]
    pub fn held_by(&self, chain: &Chain) -> usize {
        let first = (chain.head != NONE).then_some(chain.head);
        let blocks = core::iter::successors(first, |&block| {
            Some(self.link(block).next).filter(|next| *next != NONE)
        });
        // A chain that bites its own tail has more than there are.
        blocks.take(self.links.len() + 1).count()
    }

    /// Appends as much of `text` as there are blocks for; returns how much that was. Text stored
    /// ahead is overwritten in its place up to the new end. A chain ends at 255 MiB.
    pub fn append(&mut self, chain: &mut Chain, text: &[u8]) -> usize {
        let room = CHAIN_OCTETS_MAX - chain.position(chain.len());
        let text = &text[..text.len().min(room)];
        let mut taken = 0;
        while taken < text.len() {
            let Some(filled) = self.open_tail(chain) else {
                break;
            };
            let n = (BLOCK_BYTES - filled).min(text.len() - taken);
            self.write(chain.tail, filled, &text[taken..taken + n]);
            chain.len += n as u32;
            taken += n;
        }
        taken
    }

    /// Stores `text` at `offset` octets from the front, past the end of the queue, without making
    /// it part of the queue: text out of order. The hole in between takes blocks too. `false`
    /// when there are too few blocks, and then nothing was changed.
    pub fn store_ahead(&mut self, chain: &mut Chain, offset: usize, text: &[u8]) -> bool {
        debug_assert!(offset >= chain.len(), "text ahead overlaps the queue");
        if text.is_empty() {
            return true;
        }
        let room = CHAIN_OCTETS_MAX - usize::from(chain.skip);
        if offset < chain.len() || offset > room || text.len() > room - offset {
            return false;
        }
        let start = chain.position(offset);
        let (first, last) = (start / BLOCK_BYTES, (start + text.len() - 1) / BLOCK_BYTES);
        if !self.grow_to(chain, first, last) {
            return false;
        }
        let (mut block, _) = self.seek(chain, first);
        let (mut at, mut left) = (start % BLOCK_BYTES, text);
        loop {
            let (piece, rest) = left.split_at(left.len().min(BLOCK_BYTES - at));
            self.write(block, at, piece);
            let link = self.link_mut(block);
            link.ahead = link.ahead.max((at + piece.len()) as u32);
            if rest.is_empty() {
                return true;
            }
            (block, at, left) = (link.next, 0, rest);
        }
    }

    /// Makes `n` octets that were stored ahead, right behind the end, part of the queue. All of
    /// them have been stored: a hole among them would show what another connection left there.
    pub fn extend(&mut self, chain: &mut Chain, n: usize) {
        let mut left = n;
        while left > 0 && chain.head != NONE {
            let mut filled = chain.tail_filled();
            if filled == BLOCK_BYTES && self.link(chain.tail).next != NONE {
                (chain.tail, filled) = (self.link(chain.tail).next, 0);
            }
            let stored = (self.link(chain.tail).ahead as usize).saturating_sub(filled);
            let more = stored.min(left);
            if more == 0 {
                break;
            }
            chain.len += more as u32;
            left -= more;
        }
        debug_assert_eq!(left, 0, "octets that were never stored");
    }

    /// The octets at the front that lie in one piece; empty when the queue is.
    #[must_use]
    pub fn front<'a>(&'a self, chain: &Chain) -> &'a [u8] {
        if chain.is_empty() {
            return &[];
        }
        let skip = usize::from(chain.skip);
        &self.block(chain.head)[skip..BLOCK_BYTES.min(skip + chain.len())]
    }

    /// Copies from `offset` octets behind the front into `into`; returns how many there were.
    /// Cheap when the offsets of successive calls grow, wherever they are.
    pub fn read_at(&self, chain: &Chain, offset: usize, into: &mut [u8]) -> usize {
        let len = into.len().min(chain.len().saturating_sub(offset));
        if len == 0 {
            return 0;
        }
        let position = chain.position(offset);
        let (mut block, _) = self.seek(chain, position / BLOCK_BYTES);
        let (mut at, mut left) = (position % BLOCK_BYTES, &mut into[..len]);
        loop {
            let (piece, rest) = left.split_at_mut(left.len().min(BLOCK_BYTES - at));
            piece.copy_from_slice(&self.block(block)[at..at + piece.len()]);
            if rest.is_empty() {
                return len;
            }
            (block, at, left) = (self.link(block).next, 0, rest);
        }
    }

    /// Forgets `n` octets at the front and frees the blocks that held only them.
    #[inline]
    pub fn consume(&mut self, chain: &mut Chain, n: usize) {
        debug_assert!(n <= chain.len(), "more than there is");
        // Most calls are of those who only make sure.
        if n > 0 {
            self.consume_some(chain, n);
        }
    }

    fn consume_some(&mut self, chain: &mut Chain, n: usize) {
        let n = n.min(chain.len());
        let mut skip = chain.position(n);
        chain.len -= n as u32;
        let mut freed = 0;
        while skip >= BLOCK_BYTES {
            chain.head = self.free(chain.head);
            skip -= BLOCK_BYTES;
            freed += 1;
        }
        chain.skip = skip as u16;
        chain.shift_cursor(freed);
        if chain.is_empty() {
            chain.tail = chain.head;
            if !self.has_ahead(chain) {
                self.clear(chain);
            }
        }
    }

    /// Frees all blocks of the chain.
    pub fn clear(&mut self, chain: &mut Chain) {
        while chain.head != NONE {
            chain.head = self.free(chain.head);
        }
        *chain = Chain::default();
    }

    // Is there text ahead of an empty queue?
    fn has_ahead(&self, chain: &Chain) -> bool {
        chain.head != NONE && {
            let link = self.link(chain.head);
            link.next != NONE || link.ahead > u32::from(chain.skip)
        }
    }

    // Makes a block with room the tail: the one it is, one allocated ahead, or a free one. Returns
    // the octets in use there, or `None` when the pool is empty.
    fn open_tail(&mut self, chain: &mut Chain) -> Option<usize> {
        if chain.head == NONE {
            chain.head = self.allocate()?;
            chain.tail = chain.head;
            return Some(0);
        }
        let filled = chain.tail_filled();
        if filled < BLOCK_BYTES {
            return Some(filled);
        }
        let mut next = self.link(chain.tail).next;
        if next == NONE {
            next = self.allocate()?;
            self.link_mut(chain.tail).next = next;
        }
        chain.tail = next;
        Some(0)
    }

    // Gives the chain all blocks up to the one at index `last`, or none. Leaves the cursor near
    // `first`.
    fn grow_to(&mut self, chain: &mut Chain, first: usize, last: usize) -> bool {
        let (mut end, mut missing) = (NONE, last + 1);
        if chain.head != NONE {
            let (block, index) = self.seek(chain, first);
            let (block, index) = self.follow(block, index, last);
            (end, missing) = (block, last - index);
        }
        if missing > self.free_blocks {
            return false;
        }
        for _ in 0..missing {
            let block = self.allocate().expect("counted above");
            if end == NONE {
                (chain.head, chain.tail) = (block, block);
            } else {
                self.link_mut(end).next = block;
            }
            end = block;
        }
        true
    }

    // The block at `index`, or the last one when the chain is shorter, with its own index. The
    // chain has a block.
    fn seek(&self, chain: &Chain, index: usize) -> (u32, usize) {
        let (block, from) = chain.nearest(index);
        let (block, index) = self.follow(block, from, index);
        chain.point(block, index);
        (block, index)
    }

    fn follow(&self, mut block: u32, mut from: usize, index: usize) -> (u32, usize) {
        while from < index && self.link(block).next != NONE {
            block = self.link(block).next;
            from += 1;
        }
        (block, from)
    }

    fn allocate(&mut self) -> Option<u32> {
        self.free_blocks = self.free_blocks.checked_sub(1)?;
        let link = Link {
            next: NONE,
            ahead: 0,
        };
        if self.freed == NONE {
            self.links.push(link);
            return Some(self.links.len() as u32 - 1);
        }
        let block = self.freed;
        self.freed = self.link(block).next;
        *self.link_mut(block) = link;
        Some(block)
    }

    // Returns the block that was behind it.
    fn free(&mut self, block: u32) -> u32 {
        let freed = self.freed;
        self.freed = block;
        self.free_blocks += 1;
        core::mem::replace(&mut self.link_mut(block).next, freed)
    }

    fn link(&self, block: u32) -> Link {
        self.links[block as usize]
    }

    fn link_mut(&mut self, block: u32) -> &mut Link {
        &mut self.links[block as usize]
    }

    fn block(&self, block: u32) -> &[u8] {
        &self.octets[block as usize * BLOCK_BYTES..][..BLOCK_BYTES]
    }

    fn write(&mut self, block: u32, at: usize, text: &[u8]) {
        self.octets[block as usize * BLOCK_BYTES + at..][..text.len()].copy_from_slice(text);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("blocks", &(self.octets.len() / BLOCK_BYTES))
            .field("free_blocks", &self.free_blocks)
            .finish_non_exhaustive()
    }
}
