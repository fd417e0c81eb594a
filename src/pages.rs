//! Memory that is all there at start, in huge pages where the system has them.

use core::mem::MaybeUninit;

/// Below so many octets there is little to gain, and no huge page is asked for.
pub(crate) const LARGE_BYTES: usize = 4 << 20;

/// Alignment that advice has to have: that of the largest page that is not huge.
const PAGE_BYTES: usize = 64 << 10;

/// Room for `n` of them.
pub(crate) fn room<T>(n: usize) -> Vec<T> {
    let mut room = Vec::with_capacity(n);
    advise(room.spare_capacity_mut());
    room
}

/// `n` of them, each made by `new`.
pub(crate) fn filled<T>(n: usize, new: impl FnMut() -> T) -> Box<[T]> {
    let mut all = room(n);
    all.resize_with(n, new);
    all.into_boxed_slice()
}

// A table is read here and there: with pages of 2 MiB the processor finds nearly all of it without
// a walk through page tables.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "advice is a system call")]
fn advise<T>(room: &mut [MaybeUninit<T>]) {
    use core::ptr::NonNull;
    use nix::sys::mman::{MmapAdvise, madvise};

    let octets = size_of_val(room);
    if octets < LARGE_BYTES {
        return;
    }
    let start = room.as_mut_ptr().cast::<u8>();
    let skip = start.align_offset(PAGE_BYTES);
    let len = octets.saturating_sub(skip) / PAGE_BYTES * PAGE_BYTES;
    if let Some(start) = NonNull::new(start.wrapping_add(skip)) {
        // A kernel without huge pages refuses, and gives small ones as ever.
        // SAFETY: the range lies within `room`, which nobody else has, and this advice changes
        // nothing that a program can see.
        let _ = unsafe { madvise(start.cast(), len, MmapAdvise::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_room: &mut [MaybeUninit<T>]) {}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_is_whole_as_well() {
        for n in [0, 1, 1000, 3 << 20] {
            let all: Box<[u32]> = filled(n, || 0);
            assert_eq!((all.len(), all.iter().sum::<u32>()), (n, 0));
            assert!(room::<u32>(n).capacity() >= n);
        }
    }
}
