//! The four rings of a socket: single producer, single consumer, one end ours, one the kernel's.
//!
//! The indices are 32 bits and wrap; an entry's place is its index modulo the size. Each end keeps
//! a copy of the other's index and reads the real one only when the copy does not suffice. The
//! producer publishes entries by storing its index with Release, the consumer takes them after
//! loading it with Acquire; and the other way round for the places that became free. The kernel
//! does the same with `smp_store_release` and `smp_load_acquire` (`net/xdp/xsk_queue.h`).
#![expect(
    unsafe_code,
    reason = "rings are memory that the kernel reads and writes"
)]

use super::mapping::Mapping;
use libc::{XDP_RING_NEED_WAKEUP, xdp_desc, xdp_ring_offset};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// What lies in a ring: plain numbers of the kernel's ABI, any bits of which are a value.
pub(super) trait Entry: Copy {}
impl Entry for u64 {}
impl Entry for xdp_desc {}

/// What both ends see.
struct Ring<T> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    mask: u32,
    /// Keeps the pointers valid.
    _mapping: Mapping,
}

// SAFETY: the pointers lead into `_mapping`, which is `Send` and moves with them; this end of the
// ring is used by one thread at a time because its methods that write take `&mut self`.
unsafe impl<T: Entry> Send for Ring<T> {}

impl<T: Entry> Ring<T> {
    fn new(mapping: Mapping, offsets: &xdp_ring_offset, size: u32) -> Self {
        assert!(size.is_power_of_two(), "ring of {size}");
        assert!(
            mapping.bytes() >= mapping_bytes::<T>(offsets, size),
            "the mapping is shorter than the ring"
        );
        let place = |offset: u64, align: usize| {
            let at = usize::try_from(offset).expect("an offset in a mapping");
            assert!(at < mapping.bytes() && at.is_multiple_of(align));
            // SAFETY: `at` is within the mapping.
            unsafe { mapping.start().add(at) }
        };
        Self {
            producer: place(offsets.producer, align_of::<AtomicU32>()).cast(),
            consumer: place(offsets.consumer, align_of::<AtomicU32>()).cast(),
            flags: place(offsets.flags, align_of::<AtomicU32>()).cast(),
            entries: place(offsets.desc, align_of::<T>()).cast(),
            mask: size - 1,
            _mapping: mapping,
        }
    }

    const fn size(&self) -> u32 {
        self.mask + 1
    }

    fn producer(&self) -> &AtomicU32 {
        // SAFETY: `new` placed it in the mapping; both ends access it atomically only.
        unsafe { self.producer.as_ref() }
    }

    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as in `producer`.
        unsafe { self.consumer.as_ref() }
    }

    fn flags(&self) -> &AtomicU32 {
        // SAFETY: as in `producer`.
        unsafe { self.flags.as_ref() }
    }

    fn read(&self, index: u32) -> T {
        // SAFETY: the mask keeps it within the entries, and any bits are a `T`. `Consumer` reads
        // only what the producer has published and cannot overwrite before `release`.
        unsafe { self.entries.add((index & self.mask) as usize).read() }
    }

    fn write(&mut self, index: u32, entry: T) {
        // SAFETY: the mask keeps it within the entries. `Producer` writes only to places that the
        // consumer has released and does not read before `submit`.
        unsafe { self.entries.add((index & self.mask) as usize).write(entry) };
    }
}

/// Octets to map for a ring of `size` entries.
pub(super) const fn mapping_bytes<T>(offsets: &xdp_ring_offset, size: u32) -> usize {
    offsets.desc as usize + size as usize * size_of::<T>()
}

/// The end that we write: fill and transmit.
pub(super) struct Producer<T> {
    ring: Ring<T>,
    /// Index of the next entry to write.
    head: u32,
    /// The consumer's index when it was last read.
    tail: u32,
}

impl<T: Entry> Producer<T> {
    /// Our end of an empty ring of `size` entries (a power of two).
    pub(super) fn new(mapping: Mapping, offsets: &xdp_ring_offset, size: u32) -> Self {
        let ring = Ring::new(mapping, offsets, size);
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
    pub(super) fn write(&mut self, entry: T) {
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
pub(super) struct Consumer<T> {
    ring: Ring<T>,
    /// The producer's index when it was last read.
    head: u32,
    /// Index of the next entry to read.
    tail: u32,
}

impl<T: Entry> Consumer<T> {
    /// Our end of a ring of `size` entries (a power of two) from which nothing was read.
    pub(super) fn new(mapping: Mapping, offsets: &xdp_ring_offset, size: u32) -> Self {
        let ring = Ring::new(mapping, offsets, size);
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
    pub(super) fn read(&mut self) -> T {
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

#[cfg(test)]
mod tests;
