//! Looking at a table from another thread.

use super::cells::Occupants;
use super::handle::RETIRED;
use super::sync::{Arc, Ordering};
use super::{Entry, Shared, hash};
use crate::wire::FourTuple;
use ahash::RandomState;
use core::fmt;

/// Looks at the connections of a table whose owner goes on meanwhile, unheld. Each entry is whole
/// and was true at a moment of the look; entries of one walk are of different moments.
#[derive(Clone)]
pub struct Reader {
    hasher: RandomState,
    shared: Arc<Shared>,
    occupants: Occupants,
}

impl Reader {
    pub(super) const fn new(
        hasher: RandomState,
        shared: Arc<Shared>,
        occupants: Occupants,
    ) -> Self {
        Self {
            hasher,
            shared,
            occupants,
        }
    }

    /// Places from `first` on: slots, and behind them records, as far as either were ever in use.
    pub fn places(&self, first: u32) -> impl Iterator<Item = u32> + use<> {
        // Relaxed: a slot that comes into use now may as well have come a moment later.
        let slots = self.shared.used.load(Ordering::Relaxed);
        let records = RETIRED..RETIRED + self.shared.records.places();
        let from = move |first: u32| first.max(records.start)..records.end;
        (first..slots).chain(from(first))
    }

    /// Whoever is in this place.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<Entry> {
        let Shared {
            records, locals, ..
        } = &*self.shared;
        if place & RETIRED != 0 {
            return records.read(place & !RETIRED, locals);
        }
        self.occupants.slot(place)?.read(place, locals)
    }

    /// Everybody, in order of places. A connection that is there from the beginning of the walk to
    /// its end is met once; when it retires meanwhile it may be met twice, and a record that is
    /// renewed meanwhile may be met twice or not at all.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.places(0).filter_map(|place| self.at(place))
    }

    /// The connection with this tuple. One that is there for the whole of the call is found.
    #[must_use]
    pub fn find(&self, tuple: &FourTuple) -> Option<Entry> {
        let hash = hash(&self.hasher, tuple);
        loop {
            // Pairs with the Release store of whoever moves: who sees this number sees where the
            // last one has gone.
            let moves = self.shared.moves.load(Ordering::Acquire);
            let mut candidates = self.shared.index.candidates(hash).peekable();
            let is_there = candidates.peek().is_some();
            let found = candidates.find_map(|place| {
                let entry = self.at(place);
                entry.filter(|entry| entry.tuple == *tuple)
            });
            // A place that was left was left behind the number: the Acquire loads of `at` that saw
            // the one see the other.
            if found.is_some() || !is_there || self.shared.moves.load(Ordering::Relaxed) == moves {
                return found;
            }
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("places", &self.places(0).count())
            .finish_non_exhaustive()
    }
}
