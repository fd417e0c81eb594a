//! From a slot to a record, and from there out of the table.

use super::handle::RETIRED;
use super::records::Remains;
use super::sync::Ordering;
use super::{Handle, Shared, Table};
use crate::wire::FourTuple;

/// Records that go before the line comes that is called when one goes.
const AHEAD: u32 = 8;

impl<T: Send + 'static> Table<T> {
    /// A connection is over: leaves a record of it and frees its slot. Returns the handle of the
    /// record, and the value; `None` when `handle` is stale or there is no room for a record.
    pub fn retire(&mut self, handle: Handle, remains: &Remains) -> Option<(Handle, T)> {
        let at = self.slot(handle)?;
        let (tuple, before) = (at.tuple(&self.shared.locals), at.local());
        if !self.has_room_for(remains.since_millis) {
            return None;
        }
        let other = if remains.with == 0 {
            None
        } else {
            self.number_of(&tuple, remains.with)
        };
        let local = other.unwrap_or(before);
        let record = self.push(&tuple, local, handle.slot(), remains)?;
        let (_, value) = self.vacate(handle)?;
        if other.is_some() {
            self.forget_local(before);
        }
        Some((record, value?))
    }

    /// Is there room for a record since `millis`? See [`Remains::since_millis`].
    #[must_use]
    pub fn has_room_for(&self, millis: u64) -> bool {
        self.queue.has_room(millis, &self.shared.records)
    }

    /// A connection that has retired; `None` when the handle is stale, or not that of a record.
    #[must_use]
    pub fn retired(&self, handle: Handle) -> Option<(FourTuple, Remains)> {
        let place = self.record(handle)?;
        let (tuple, remains) = self.shared.records.at(place, &self.shared.locals);
        let local = self.shared.records.local(place)?;
        let with = self.register.with(local);
        Some((tuple, Remains { with, ..remains }))
    }

    /// Changes words and bits of a record; nothing when the handle is stale.
    pub fn update(&mut self, handle: Handle, remains: &Remains) {
        if let Some(place) = self.record(handle) {
            let records = &self.shared.records;
            let remains = Remains {
                since_millis: records.since(place),
                ..*remains
            };
            records.update(place, &remains);
        }
    }

    /// Makes a record the youngest, since the time that `remains` say. Returns its new handle;
    /// `None` when the handle is stale, or when records have moved so often that there is no place
    /// to spare.
    pub fn renew(&mut self, handle: Handle, remains: &Remains) -> Option<Handle> {
        let place = self.record(handle)?;
        let records = &self.shared.records;
        if !self.queue.may_move(remains.since_millis, records) {
            return None;
        }
        let tuple = records.tuple(place, &self.shared.locals);
        let local = records.local(place)?;
        let renewed = self.push(&tuple, local, handle.slot(), remains)?;
        self.shared.records.vacate(place);
        self.queue.remove(place, &self.shared.records);
        Some(renewed)
    }

    /// Removes a record. Returns its tuple; `None` when the handle is stale.
    pub fn forget(&mut self, handle: Handle) -> Option<FourTuple> {
        let place = self.record(handle)?;
        self.call_ahead(place + AHEAD);
        let tuple = self.shared.records.tuple(place, &self.shared.locals);
        self.shared.index.remove(self.hash(&tuple), handle.slot());
        let local = self.shared.records.vacate(place);
        self.queue.remove(place, &self.shared.records);
        self.forget_local(local);
        Some(tuple)
    }

    /// The record that is there for longest.
    #[must_use]
    pub fn oldest(&self) -> Option<Handle> {
        self.shared.records.handle(self.queue.oldest()?)
    }

    /// Since when the oldest record is there: see [`Remains::since_millis`].
    #[must_use]
    pub fn oldest_since(&self) -> Option<u64> {
        Some(self.shared.records.since(self.queue.oldest()?))
    }

    /// All records, in order of their places.
    pub fn records(&self) -> impl Iterator<Item = (Handle, FourTuple, Remains)> {
        (0..self.shared.records.places()).filter_map(|place| {
            let handle = self.shared.records.handle(place)?;
            let (tuple, remains) = self.retired(handle)?;
            Some((handle, tuple, remains))
        })
    }

    /// Records in the table.
    #[must_use]
    pub const fn records_len(&self) -> usize {
        self.queue.len()
    }

    // Records go in the order in which they came, mostly: calls the line of the index in which one
    // that is soon to go has its entry.
    fn call_ahead(&self, place: u32) {
        let Shared {
            records, locals, ..
        } = &*self.shared;
        if records.is_taken(place) {
            self.prefetch(self.hash(&records.tuple(place, locals)));
        }
    }

    // The place of a record.
    fn record(&self, handle: Handle) -> Option<u32> {
        let place = handle.record()?;
        (self.shared.records.handle(place) == Some(handle)).then_some(place)
    }

    // A record for whom the index finds at `slot`, and finds here from now on. There is room.
    fn push(
        &mut self,
        tuple: &FourTuple,
        local: u16,
        slot: u32,
        remains: &Remains,
    ) -> Option<Handle> {
        let records = &self.shared.records;
        let place = self.queue.push(remains.since_millis, records);
        records.write(place, tuple, local, remains);
        let hash = self.hash(tuple);
        self.shared.index.replace(hash, slot, place | RETIRED);
        let moves = self.shared.moves.load(Ordering::Relaxed).wrapping_add(1);
        // Pairs with the Acquire load of `Reader::find`.
        self.shared.moves.store(moves, Ordering::Release);
        records.handle(place)
    }

    // Somebody names a local address no more.
    pub(super) fn forget_local(&mut self, number: u16) {
        let locals = &self.shared.locals;
        self.register.remove(number, locals, &self.hasher);
    }
}
