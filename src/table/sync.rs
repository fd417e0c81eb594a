//! Atomics of the table: the real ones, or loom's when it checks their orderings
//! (`cargo test --features loom --lib table::loom`).

#[cfg(feature = "loom")]
pub(super) use loom::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(not(feature = "loom"))]
pub(super) use {
    core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
    std::sync::Arc,
};
