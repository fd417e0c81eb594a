//! Connections at work, whole: a slab whose entries never move, so that each is worked on in place.

use super::connection::Connection;
use crate::table::{Handle, Table};
use crate::wire::FourTuple;

/// Room for so many at once, all of it reserved at start.
pub(super) struct AtWork {
    /// One for each place that was ever in use.
    places: Vec<Connection>,
    /// Places in use before and free now. The warmest is used first.
    free: Vec<u32>,
    max: usize,
}

impl AtWork {
    pub(super) fn new(max: usize) -> Self {
        Self {
            places: Vec::with_capacity(max),
            free: Vec::with_capacity(max),
            max,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// The place that the next connection gets.
    pub(super) fn vacancy(&self) -> Option<u32> {
        let fresh = (self.places.len() < self.max).then_some(self.places.len() as u32);
        self.free.last().copied().or(fresh)
    }

    /// Puts a connection into its place, which is [`AtWork::vacancy`].
    pub(super) fn insert(&mut self, place: u32, connection: Connection) {
        debug_assert_eq!(self.vacancy(), Some(place), "somebody else's place");
        if let Some(at) = self.places.get_mut(place as usize) {
            self.free.pop();
            let is_postponed = at.is_postponed;
            *at = connection;
            at.is_postponed = is_postponed;
        } else {
            self.places.push(connection);
        }
    }

    /// The connection leaves, and has nothing in its hands. What is left of it may be looked at.
    pub(super) fn leave(&mut self, place: u32) -> Option<&mut Connection> {
        let at = self.places.get_mut(place as usize)?;
        at.owner = None;
        self.free.push(place);
        Some(at)
    }

    /// Who has this place, if anybody.
    pub(super) fn at_mut(&mut self, place: u32) -> Option<&mut Connection> {
        self.places.get_mut(place as usize)
    }

    /// The connection of a handle; `None` when that is stale.
    pub(super) fn get(&self, table: &Table<u32>, handle: Handle) -> Option<&Connection> {
        self.places.get(*table.get(handle)? as usize)
    }

    /// The connection of a handle; `None` when that is stale.
    pub(super) fn get_mut(
        &mut self,
        table: &Table<u32>,
        handle: Handle,
    ) -> Option<&mut Connection> {
        self.places.get_mut(*table.get(handle)? as usize)
    }

    /// A connection with its tuple; `None` when the handle is stale.
    pub(super) fn entry_mut(
        &mut self,
        table: &Table<u32>,
        handle: Handle,
    ) -> Option<(FourTuple, &mut Connection)> {
        Some((table.tuple(handle)?, self.get_mut(table, handle)?))
    }

    /// Everybody at work.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.places.iter().filter(|at| at.owner.is_some())
    }
}
