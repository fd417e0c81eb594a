//! Text that waits: blocks of one fixed size, chained into queues.
//!
//! A shard has one [`Pool`] for text received and one for text to send, allocated at start. A
//! connection that holds no text owns no block.

/// Blocks of [`BLOCK_BYTES`](crate::limits::BLOCK_BYTES) octets, all allocated at start.
#[derive(Debug)]
pub struct Pool {}

/// A queue of octets in the blocks of one [`Pool`]. An empty chain owns no block.
#[derive(Debug, Default)]
pub struct Chain {}

impl Pool {
    /// A pool of `blocks` blocks.
    #[must_use]
    pub fn new(_blocks: usize) -> Self {
        todo!()
    }

    /// Blocks that no chain owns.
    #[must_use]
    pub fn free_blocks(&self) -> usize {
        todo!()
    }

    /// Appends as much of `text` as there are blocks for; returns how much that was.
    pub fn append(&mut self, _chain: &mut Chain, _text: &[u8]) -> usize {
        todo!()
    }

    /// Stores `text` at `offset` octets from the front, past the end of the queue, without making
    /// it part of the queue: text out of order. `false` when there are too few blocks, and then
    /// nothing was changed.
    pub fn store_ahead(&mut self, _chain: &mut Chain, _offset: usize, _text: &[u8]) -> bool {
        todo!()
    }

    /// Makes `n` octets that were stored ahead, right behind the end, part of the queue.
    pub fn extend(&mut self, _chain: &mut Chain, _n: usize) {
        todo!()
    }

    /// The octets at the front that lie in one piece; empty when the queue is.
    #[must_use]
    pub fn front<'a>(&'a self, _chain: &Chain) -> &'a [u8] {
        todo!()
    }

    /// Copies from `offset` octets behind the front into `into`; returns how many there were.
    pub fn read_at(&self, _chain: &Chain, _offset: usize, _into: &mut [u8]) -> usize {
        todo!()
    }

    /// Forgets `n` octets at the front and frees the blocks that held only them.
    pub fn consume(&mut self, _chain: &mut Chain, _n: usize) {
        todo!()
    }

    /// Frees all blocks of the chain.
    pub fn clear(&mut self, _chain: &mut Chain) {
        todo!()
    }
}

impl Chain {
    /// Octets in the queue; text stored ahead does not count.
    #[must_use]
    pub const fn len(&self) -> usize {
        todo!()
    }

    /// Is the queue empty?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
