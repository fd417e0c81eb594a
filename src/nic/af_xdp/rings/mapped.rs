//! A ring in memory that the kernel shares.
#![expect(
    unsafe_code,
    reason = "rings are memory that the kernel reads and writes"
)]

use super::Ring;
use crate::nic::af_xdp::mapping::Mapping;
use libc::{xdp_desc, xdp_ring_offset};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

/// What lies in a ring: plain numbers of the kernel's ABI, any bits of which are a value.
pub(crate) trait Entry: Copy {}
impl Entry for u64 {}
impl Entry for xdp_desc {}

/// A ring of the kernel's, where it has told that its parts are.
pub(crate) struct Mapped<T> {
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
unsafe impl<T: Entry> Send for Mapped<T> {}

impl<T: Entry> Mapped<T> {
    /// The ring of `size` entries (a power of two) in `mapping`.
    pub(in crate::nic::af_xdp) fn new(
        mapping: Mapping,
        offsets: &xdp_ring_offset,
        size: u32,
    ) -> Self {
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
}

impl<T: Entry> Ring for Mapped<T> {
    type Entry = T;
    type Index = AtomicU32;

    #[inline]
    fn size(&self) -> u32 {
        self.mask + 1
    }

    #[inline]
    fn producer(&self) -> &AtomicU32 {
        // SAFETY: `new` placed it in the mapping; both ends access it atomically only.
        unsafe { self.producer.as_ref() }
    }

    #[inline]
    fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as in `producer`.
        unsafe { self.consumer.as_ref() }
    }

    #[inline]
    fn flags(&self) -> &AtomicU32 {
        // SAFETY: as in `producer`.
        unsafe { self.flags.as_ref() }
    }

    #[inline]
    fn read(&self, index: u32) -> T {
        // SAFETY: the mask keeps it within the entries, and any bits are a `T`. `Consumer` reads
        // only what the producer has published and cannot overwrite before `release`.
        unsafe { self.entries.add((index & self.mask) as usize).read() }
    }

    #[inline]
    fn write(&mut self, index: u32, entry: T) {
        // SAFETY: the mask keeps it within the entries. `Producer` writes only to places that the
        // consumer has released and does not read before `submit`.
        unsafe { self.entries.add((index & self.mask) as usize).write(entry) };
    }
}

/// Octets to map for a ring of `size` entries.
pub(crate) const fn mapping_bytes<T>(offsets: &xdp_ring_offset, size: u32) -> usize {
    offsets.desc as usize + size as usize * size_of::<T>()
}
