//! The four rings of a socket: single producer, single consumer, one end ours, one the kernel's.
//!
//! The indices are 32 bits and wrap; an entry's place is its index modulo the size. Each end keeps
//! a copy of the other's index and reads the real one only when the copy does not suffice. The
//! producer publishes entries by storing its index with Release, the consumer takes them after
//! loading it with Acquire; and the other way round for the places that became free. The kernel
//! does the same with `smp_store_release` and `smp_load_acquire` (`net/xdp/xsk_queue.h`).
//!
//! The memory is in `mapped`; here is what the ends do with it, and `loom_tests` run that over a
//! memory of loom's.

mod mapped;

pub(super) use mapped::{Entry, Mapped, mapping_bytes};

use libc::XDP_RING_NEED_WAKEUP;
use std::sync::atomic::{AtomicU32, Ordering};

/// What both ends see.
pub(super) trait Ring {
    /// What passes through it.
    type Entry;
    /// How far an end has come.
    type Index: Index;

    /// Number of places, a power of two.
    fn size(&self) -> u32;
    /// Entries that were published, ever.
    fn producer(&self) -> &Self::Index;
    /// Entries that were taken, ever.
    fn consumer(&self) -> &Self::Index;
    /// What the kernel wants to be known.
    fn flags(&self) -> &Self::Index;
    /// The entry at the place of `index`: one that is published and not released.
    fn read(&self, index: u32) -> Self::Entry;
    /// Fills the place of `index`: one that is released and not published.
    fn write(&mut self, index: u32, entry: Self::Entry);
}

/// A number that both ends see.
pub(super) trait Index {
    fn load(&self, ordering: Ordering) -> u32;
    fn store(&self, value: u32, ordering: Ordering);
}

impl Index for AtomicU32 {
    #[inline]
    fn load(&self, ordering: Ordering) -> u32 {
        self.load(ordering)
    }

    #[inline]
    fn store(&self, value: u32, ordering: Ordering) {
        self.store(value, ordering);
    }
}

/// The end that we write: fill and transmit.
pub(super) struct Producer<R> {
    ring: R,
    /// Index of the next entry to write.
    head: u32,
    /// The consumer's index when it was last read.
    tail: u32,
}

impl<R: Ring> Producer<R> {
    /// Our end of an empty ring.
    pub(super) fn new(ring: R) -> Self {
        // Relaxed: nobody else writes it, and the consumer has not begun.
        let head = ring.producer().load(Ordering::Relaxed);
        Self {
            tail: head,
            head,
            ring,
        }
    }

    /// How many of `wanted` entries can be written now.
    #[inline]
    pub(super) fn reserve(&mut self, wanted: u32) -> u32 {
        let size = self.ring.size();
        let mut room = size - self.head.wrapping_sub(self.tail);
        if room < wanted {
            // Partner: the consumer's Release when it gave the places back.
            self.tail = self.ring.consumer().load(Ordering::Acquire);
            room = size - self.head.wrapping_sub(self.tail);
        }
        room.min(wanted)
    }

    /// Writes the next entry; [`Producer::reserve`] has said that there is a place for it.
    #[inline]
    pub(super) fn write(&mut self, entry: R::Entry) {
        debug_assert!(self.head.wrapping_sub(self.tail) < self.ring.size());
        self.ring.write(self.head, entry);
        self.head = self.head.wrapping_add(1);
    }

    /// Publishes what was written.
    #[inline]
    pub(super) fn submit(&mut self) {
        // Partner: the consumer's Acquire before it reads the entries.
        self.ring.producer().store(self.head, Ordering::Release);
    }

    /// Entries that the consumer has not taken, written or published.
    #[inline]
    pub(super) fn outstanding(&mut self) -> u32 {
        // Partner: as in `reserve`.
        self.tail = self.ring.consumer().load(Ordering::Acquire);
        self.head.wrapping_sub(self.tail)
    }

    /// Does the kernel sleep, so that it must be told of new entries?
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        // Relaxed: a hint. Whoever asks asks again in the next breath while entries are left.
        self.ring.flags().load(Ordering::Relaxed) & XDP_RING_NEED_WAKEUP != 0
    }
}

/// The end that we read: receive and completion.
pub(super) struct Consumer<R> {
    ring: R,
    /// The producer's index when it was last read.
    head: u32,
    /// Index of the next entry to read.
    tail: u32,
}

impl<R: Ring> Consumer<R> {
    /// Our end of a ring from which nothing was read.
    pub(super) fn new(ring: R) -> Self {
        // Relaxed: nobody else writes it.
        let tail = ring.consumer().load(Ordering::Relaxed);
        Self {
            head: tail,
            tail,
            ring,
        }
    }

    /// How many of `wanted` entries can be read now.
    #[inline]
    pub(super) fn peek(&mut self, wanted: u32) -> u32 {
        let mut ready = self.head.wrapping_sub(self.tail);
        if ready < wanted {
            // Partner: the producer's Release when it published them.
            self.head = self.ring.producer().load(Ordering::Acquire);
            ready = self.head.wrapping_sub(self.tail);
        }
        ready.min(wanted)
    }

    /// Reads the next entry; [`Consumer::peek`] has said that there is one.
    #[inline]
    pub(super) fn read(&mut self) -> R::Entry {
        debug_assert!(self.head != self.tail);
        let entry = self.ring.read(self.tail);
        self.tail = self.tail.wrapping_add(1);
        entry
    }

    /// Gives the places of what was read back to the producer.
    #[inline]
    pub(super) fn release(&mut self) {
        // Partner: the producer's Acquire before it writes there again.
        self.ring.consumer().store(self.tail, Ordering::Release);
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_tests;
#[cfg(test)]
mod tests;
