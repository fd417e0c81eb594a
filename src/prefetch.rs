//! Telling the processor what will be read soon.

const LINE_BYTES: usize = 64;

/// Calls the cache line in which `place` begins.
#[inline]
pub(crate) fn prefetch<P>(place: &P) {
    prefetch_at(core::ptr::from_ref(place).cast());
}

/// Calls the cache line in which `place` ends.
#[inline]
pub(crate) fn prefetch_end<P>(place: &P) {
    let begin = core::ptr::from_ref(place).cast::<u8>();
    prefetch_at(begin.wrapping_add(size_of::<P>().saturating_sub(1)));
}

/// Calls all cache lines of `place`, which begins with one.
#[inline]
pub(crate) fn prefetch_lines<P>(place: &P) {
    let begin = core::ptr::from_ref(place).cast::<u8>();
    for line in 0..size_of::<P>().div_ceil(LINE_BYTES) {
        prefetch_at(begin.wrapping_add(line * LINE_BYTES));
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a prefetch is an intrinsic")]
#[inline]
fn prefetch_at(place: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program can see, and SSE, which it needs, is part
    // of every x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
}

/// Nothing, where there is no intrinsic for it.
#[cfg(not(target_arch = "x86_64"))]
const fn prefetch_at(_place: *const u8) {}
