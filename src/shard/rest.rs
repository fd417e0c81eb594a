//! Connections at rest: laid down, woken, looked at.

use super::Shard;
use super::class::NO_CLASS;
use super::connection::{AtRest, Connection, Place};
use crate::nic::Port;
use crate::table::Handle;
use crate::tcp::Tcb;
use crate::time::Instant;

/// Why a connection is woken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Something arrived for it, or its user calls.
    ToWork,
    /// Its timer ran out.
    IsDue,
    /// It is aborted, and will not stay.
    ToEnd,
}

impl<P: Port> Shard<P> {
    /// Takes a connection to work, if it is not there. `false` when there is none, or no place.
    pub(super) fn wake(&mut self, handle: Handle, why: Why, now: Instant) -> bool {
        if self.at_work.place_of(&self.table, handle).is_some() {
            return true;
        }
        let Some((tuple, place)) = self.table.entry_mut(handle) else {
            return false;
        };
        let Place::AtRest(rest) = place else {
            return true;
        };
        let index = match why {
            Why::ToEnd => self.at_work.last_vacancy(),
            Why::ToWork | Why::IsDue => self.at_work.vacancy(),
        };
        let (Some(index), Some(class)) = (index, self.classes.get(rest.class)) else {
            return false;
        };
        let life_at = if !rest.tcb.has_deadline() {
            Instant::NEVER
        } else if why == Why::IsDue {
            now // the wheel has forgotten it
        } else {
            self.wheel.deadline(handle.slot())
        };
        let tcb = Tcb::wake(&rest.tcb, class.settings, life_at, &self.config.tcp, now);
        let connection = Connection::wake(tuple, rest, class, tcb);
        *place = Place::AtWork(index);
        self.at_work.insert(index, handle, connection);
        true
    }

    /// Lays a connection down, if nothing is under way on it.
    pub(super) fn lay_to_rest(&mut self, handle: Handle, now: Instant) {
        let Some(index) = self.at_work.place_of(&self.table, handle) else {
            return;
        };
        let Some(connection) = self.at_work.at_mut(index).filter(|it| !it.is_busy()) else {
            return;
        };
        let Some(tcb) = connection.tcb.rest(now) else {
            return;
        };
        let class = connection.class();
        let Some(number) = self.classes.join(connection.class, &class) else {
            connection.class = NO_CLASS;
            return;
        };
        if let Some(place) = self.table.get_mut(handle) {
            *place = Place::AtRest(AtRest {
                user: connection.user,
                tcb,
                class: number,
                tos: connection.tos,
                is_open: connection.is_open,
            });
            self.at_work.leave(index);
        }
    }

    /// The block of a connection, to look at.
    pub(super) fn tcb(&self, handle: Handle, now: Instant) -> Option<Tcb> {
        Some(match self.table.get(handle)? {
            Place::AtWork(index) => self.at_work.at(*index)?.tcb,
            Place::AtRest(rest) => {
                let settings = self.classes.get(rest.class)?.settings;
                Tcb::wake(&rest.tcb, settings, Instant::NEVER, &self.config.tcp, now)
            }
        })
    }
}
