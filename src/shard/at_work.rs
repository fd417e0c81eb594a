//! Connections at work, whole: a slab whose entries never move, so that each is worked on in place.

use super::connection::Connection;
use crate::prefetch::prefetch_lines;
use crate::table::Handle;
use core::ops::{Index, IndexMut};

/// One in so many places is not for new connections.
const RESERVE: usize = 16;

/// Where a connection works: a place that is its own until it leaves. Whoever holds one beyond that
/// asks [`AtWork::has`] first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) handle: Handle,
    pub(super) place: u32,
}

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
            places: Vec::with_capacity(max + 1),
            free: Vec::with_capacity(max + 1),
            max,
        }
    }

    /// Touches what is known of places, though not the places: those are, as they are first used.
    pub(super) fn populate(&mut self) {
        let free = self.free.len();
        self.free.resize(self.max + 1, 0);
        self.free.truncate(free);
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
    pub(super) fn insert(&mut self, seat: Seat, connection: Connection) {
        debug_assert_eq!(self.next(), seat.place, "somebody else's place");
        let owner = Some(seat.handle);
        if let Some(at) = self.places.get_mut(seat.place as usize) {
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

    /// Calls a place.
    #[inline]
    pub(super) fn prefetch(&self, place: u32) {
        if let Some(at) = self.at(place) {
            prefetch_lines(at);
        }
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

    /// Is this still where that connection works?
    #[inline]
    pub(super) fn has(&self, seat: Seat) -> bool {
        let at = self.at(seat.place);
        at.is_some_and(|it| it.owner == Some(seat.handle))
    }

    /// Everybody at work.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.places.iter().filter(|at| at.owner.is_some())
    }
}

impl Index<Seat> for AtWork {
    type Output = Connection;

    #[inline]
    fn index(&self, seat: Seat) -> &Connection {
        debug_assert!(self.has(seat), "it has left");
        &self.places[seat.place as usize]
    }
}

impl IndexMut<Seat> for AtWork {
    #[inline]
    fn index_mut(&mut self, seat: Seat) -> &mut Connection {
        debug_assert!(self.has(seat), "it has left");
        &mut self.places[seat.place as usize]
    }
}
