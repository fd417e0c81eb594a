//! Telling the processor what will be read soon.

/// Calls the cache line in which `place` begins.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a prefetch is an intrinsic")]
pub(crate) fn prefetch<P>(place: &P) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program can see, and SSE, which it needs, is part
    // of every x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(place).cast()) };
}

/// Nothing, where there is no intrinsic for it.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn prefetch<P>(_place: &P) {}
