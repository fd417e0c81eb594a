//! Connections at work, whole: a slab whose entries never move, so that each is worked on in place.

use super::connection::{Connection, Place};
use crate::table::{Handle, Table};
use crate::wire::FourTuple;
use core::cell::Cell;

/// One in so many places is not for new connections.
const RESERVE: usize = 16;

/// Room for so many at once, all of it reserved at start.
pub(super) struct AtWork {
    /// One for each place that was ever in use.
    places: Vec<Connection>,
    /// Places in use before and free now. The warmest is used first.
    free: Vec<u32>,
    max: usize,
    /// The place that was asked for last: whoever has it is asked for many times in a row.
    last: Cell<u32>,
}

impl AtWork {
    pub(super) fn new(max: usize) -> Self {
        Self {
            places: Vec::with_capacity(max + 1),
            free: Vec::with_capacity(max + 1),
            max,
            last: Cell::new(0),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Is there no room for new connections? Some is kept for those that are to be woken.
    pub(super) const fn is_crowded(&self) -> bool {
        self.len() >= self.max - self.max / RESERVE
    }

    /// The place that the next connection gets.
    pub(super) fn vacancy(&self) -> Option<u32> {
        (self.len() < self.max).then(|| self.next())
    }

    /// As [`AtWork::vacancy`], for one that leaves at once: there always is a place.
    pub(super) fn last_vacancy(&self) -> Option<u32> {
        (self.len() <= self.max).then(|| self.next())
    }

    fn next(&self) -> u32 {
        let fresh = self.places.len() as u32;
        self.free.last().copied().unwrap_or(fresh)
    }

    /// Puts a connection into its place, which is the one that was vacant.
    #[inline]
    pub(super) fn insert(&mut self, place: u32, owner: Handle, connection: Connection) {
        debug_assert_eq!(self.next(), place, "somebody else's place");
        let owner = Some(owner);
        if let Some(at) = self.places.get_mut(place as usize) {
            self.free.pop();
            let is_postponed = at.is_postponed;
            *at = connection;
            (at.owner, at.is_postponed) = (owner, is_postponed);
        } else {
            self.places.push(Connection {
                owner,
                ..connection
            });
        }
    }

    /// The connection leaves, and has nothing in its hands. What is left of it may be looked at.
    pub(super) fn leave(&mut self, place: u32) -> Option<&mut Connection> {
        let at = self.places.get_mut(place as usize)?;
        at.owner = None;
        self.free.push(place);
        Some(at)
    }

    /// Who has this place, or had it last.
    #[inline]
    pub(super) fn at(&self, place: u32) -> Option<&Connection> {
        self.places.get(place as usize)
    }

    /// Who has this place, or had it last.
    #[inline]
    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut Connection> {
        self.places.get_mut(place as usize)
    }

    /// The place of a connection; `None` when the handle is stale, or the connection at rest.
    #[inline]
    pub(super) fn place_of(&self, table: &Table<Place>, handle: Handle) -> Option<u32> {
        let last = self.last.get();
        if self.at(last).is_some_and(|it| it.owner == Some(handle)) {
            return Some(last);
        }
        let Place::AtWork(place) = *table.get(handle)? else {
            return None;
        };
        self.last.set(place);
        Some(place)
    }

    /// The connection of a handle, if it has a place.
    #[inline]
    pub(super) fn get(&self, table: &Table<Place>, handle: Handle) -> Option<&Connection> {
        self.at(self.place_of(table, handle)?)
    }

    /// The connection of a handle, if it has a place.
    #[inline]
    pub(super) fn get_mut(
        &mut self,
        table: &Table<Place>,
        handle: Handle,
    ) -> Option<&mut Connection> {
        self.at_mut(self.place_of(table, handle)?)
    }

    /// A connection with its tuple, if it has a place.
    #[inline]
    pub(super) fn entry_mut(
        &mut self,
        table: &Table<Place>,
        handle: Handle,
    ) -> Option<(FourTuple, &mut Connection)> {
        let connection = self.get_mut(table, handle)?;
        Some((connection.tuple, connection))
    }

    /// Everybody at work.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.places.iter().filter(|at| at.owner.is_some())
    }
}
