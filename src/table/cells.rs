//! Where connections live: who is in a place, and side by side with that the value. A look-up that
//! has found its place waits for one piece of memory, not for two.
//!
//! Who is in it is everybody's to read (`slots`). The value is the owner's alone: it is reached
//! through [`Owned`], of which there is one for all cells, and which is not cloned. Everybody else
//! has [`Occupants`], where there are no values.

#![expect(
    unsafe_code,
    reason = "values lie among what readers share, and are not theirs"
)]

use super::slots::Slot;
use crate::pages::filled;
use crate::prefetch::{prefetch, prefetch_end};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use std::sync::Arc;

/// Begins with a line of the cache.
#[repr(C, align(64))]
struct Cell<T> {
    slot: Slot,
    value: UnsafeCell<Option<T>>,
}

struct Cells<T>(Box<[Cell<T>]>);

// SAFETY: slots are atomics. Values are reached through the one `Owned` alone, whose borrows are
// those of the values; it is `Sync` only where `T` is. The last of the `Arc`s may drop them on
// whatever thread, so `T` is `Send`.
unsafe impl<T: Send> Sync for Cells<T> {}

/// All cells with their values, for the one who writes.
pub(super) struct Owned<T> {
    cells: Arc<Cells<T>>,
    // As if they lay here: shared between threads only where values may be.
    _values: PhantomData<T>,
}

impl<T: Send> Owned<T> {
    pub(super) const CELL_BYTES: usize = size_of::<Cell<T>>();

    /// So many, vacant and without values. All of their memory is touched.
    pub(super) fn new(cells: usize) -> Self {
        let vacant = || Cell {
            slot: Slot::default(),
            value: UnsafeCell::new(None),
        };
        Self {
            cells: Arc::new(Cells(filled(cells, vacant))),
            _values: PhantomData,
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.cells.0.len()
    }

    /// Calls the line in which a cell begins: who is in it, and where its value begins.
    #[inline]
    pub(super) fn prefetch(&self, n: u32) {
        if let Some(cell) = self.cells.0.get(n as usize) {
            prefetch(cell);
        }
    }

    /// Calls the line in which a cell ends.
    #[inline]
    pub(super) fn prefetch_end(&self, n: u32) {
        if let Some(cell) = self.cells.0.get(n as usize) {
            prefetch_end(cell);
        }
    }

    #[inline]
    pub(super) fn slot(&self, n: u32) -> Option<&Slot> {
        self.cells.0.get(n as usize).map(|cell| &cell.slot)
    }

    #[inline]
    pub(super) fn value(&self, n: u32) -> Option<&T> {
        let value = self.cells.0.get(n as usize)?.value.get();
        // SAFETY: only the one `Owned` leads here, and it is borrowed for as long as the value is:
        // nobody writes meanwhile.
        unsafe { &*value }.as_ref()
    }

    /// The value and who it belongs to; `None` where there is no such cell.
    #[inline]
    pub(super) fn value_mut(&mut self, n: u32) -> Option<(&Slot, &mut Option<T>)> {
        let cell = self.cells.0.get(n as usize)?;
        // SAFETY: only the one `Owned` leads here, and it is borrowed alone for as long as the
        // value is: nobody else reads or writes it meanwhile.
        Some((&cell.slot, unsafe { &mut *cell.value.get() }))
    }
}

impl<T: Send + 'static> Owned<T> {
    /// What others may have.
    pub(super) fn occupants(&self) -> Occupants {
        Occupants(Arc::clone(&self.cells) as Arc<dyn Slots>)
    }
}

/// Who is in each cell, for whoever reads.
#[derive(Clone)]
pub(super) struct Occupants(Arc<dyn Slots>);

impl Occupants {
    pub(super) fn slot(&self, n: u32) -> Option<&Slot> {
        self.0.slot(n)
    }
}

// Cells, whatever their values are.
trait Slots: Send + Sync {
    fn slot(&self, n: u32) -> Option<&Slot>;
}

impl<T: Send> Slots for Cells<T> {
    fn slot(&self, n: u32) -> Option<&Slot> {
        self.0.get(n as usize).map(|cell| &cell.slot)
    }
}
