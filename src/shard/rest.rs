//! Connections at rest: laid down, woken, looked at.

use super::Shard;
use super::at_work::Seat;
use super::class::{Class, NO_CLASS};
use super::connection::{AtRest, Connection, Place, Word};
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
    /// Its timer ran out, and it will not stay.
    IsOver,
    /// It is aborted, and will not stay.
    ToEnd,
}

impl<P: Port> Shard<P> {
    /// Where a connection works, from now on if not before. `None` when there is none, or no place.
    #[inline]
    pub(super) fn wake(&mut self, handle: Handle, why: Why, now: Instant) -> Option<Seat> {
        match *self.table.get(handle)? {
            Place::AtWork(place) => Some(Seat { handle, place }),
            Place::AtRest(_) => self.wake_up(handle, why, now),
        }
    }

    fn wake_up(&mut self, handle: Handle, why: Why, now: Instant) -> Option<Seat> {
        let place = match why {
            Why::ToEnd | Why::IsOver => self.at_work.last_vacancy(),
            Why::ToWork | Why::IsDue => self.at_work.vacancy(),
        }?;
        self.wheel.prefetch(handle.slot());
        let word = self.word(handle)?;
        let class = self.classes.get(word.class)?;
        let (tuple, at) = self.table.entry_mut(handle)?;
        let Place::AtRest(rest) = at else {
            return None;
        };
        let life_at = if !rest.tcb.has_deadline() {
            Instant::NEVER
        } else if matches!(why, Why::IsDue | Why::IsOver) {
            now // the wheel has forgotten it
        } else {
            self.wheel.deadline(handle.slot())
        };
        let tcb = Tcb::wake(&rest.tcb, class.settings, life_at, &self.config.tcp, now);
        let connection = Connection::wake(tuple, word, rest.user, class, tcb);
        *at = Place::AtWork(place);
        let seat = Seat { handle, place };
        self.at_work.insert(seat, connection);
        Some(seat)
    }

    /// Lays a connection down, if nothing is under way on it.
    pub(super) fn lay_to_rest(&mut self, seat: Seat, now: Instant) {
        let connection = &mut self.at_work[seat];
        if connection.is_busy() {
            return;
        }
        let Some(tcb) = connection.tcb.rest(now) else {
            return;
        };
        let class = connection.class();
        let Some(number) = self.classes.join(connection.class, &class) else {
            connection.class = NO_CLASS;
            return;
        };
        if let Some(at) = self.table.get_mut(seat.handle) {
            let user = connection.user;
            *at = Place::AtRest(AtRest { tcb, user });
            let word = Word {
                class: number,
                tos: connection.tos,
                is_open: connection.is_open,
            };
            self.table.set_word(seat.handle, word.into());
            self.at_work.leave(seat.place);
        }
    }

    /// The word of a connection at rest; of others it says nothing.
    pub(super) fn word(&self, handle: Handle) -> Option<Word> {
        self.table.word(handle).map(Word::from)
    }

    /// The class of a connection at rest.
    pub(super) fn class_at_rest(&self, handle: Handle) -> Option<&Class> {
        self.classes.get(self.word(handle)?.class)
    }

    /// The block of a connection, to look at.
    pub(super) fn tcb(&self, handle: Handle, now: Instant) -> Option<Tcb> {
        Some(match self.table.get(handle)? {
            Place::AtWork(index) => self.at_work.at(*index)?.tcb,
            Place::AtRest(rest) => {
                let settings = self.class_at_rest(handle)?.settings;
                Tcb::wake(&rest.tcb, settings, Instant::NEVER, &self.config.tcp, now)
            }
        })
    }
}
