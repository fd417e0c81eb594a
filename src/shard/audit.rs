//! The books of a shard, held against what is there: for simulation and fuzzing, after each step.

use super::Shard;
use super::class::NO_CLASS;
use super::connection::Place;
use crate::nic::Port;
use crate::tcp::State;
use crate::time::Instant;
use crate::wheel::Wheel;

/// Something that a shard has lost track of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Discrepancy {
    /// A counter of [`Counters::states`](super::Counters::states) is wrong.
    #[error("{counted} connections are counted in {state:?}, and {there} are there")]
    State {
        /// Which state.
        state: State,
        /// What the counter says.
        counted: u64,
        /// Connections in that state.
        there: u64,
    },
    /// A block is in no chain and not free, or in two places.
    #[error("{free} blocks {of} are free and {held} are held, of {all}")]
    Blocks {
        /// Which pool.
        of: &'static str,
        /// Blocks that are free.
        free: usize,
        /// Blocks that connections hold.
        held: usize,
        /// Blocks that there are.
        all: usize,
    },
    /// A connection waits for another moment than its timer or has none and needs one, or a timer
    /// is armed for nobody.
    #[error("slot {slot}: the timer is armed for {armed:?}, and the connection waits for {due:?}")]
    Timer {
        /// Which slot of the table.
        slot: u32,
        /// When the timer fires; NEVER when there is none.
        armed: Instant,
        /// What the connection waits for; NEVER when there is none.
        due: Instant,
    },
    /// A count that limits new connections is wrong, or above its limit.
    #[error("{counted} connections are counted by their {by}, and {there} are there")]
    Admission {
        /// What counts.
        by: &'static str,
        /// What the counts say.
        counted: u64,
        /// Connections that it counts.
        there: u64,
    },
    /// A connection has a place at work that is somebody else's.
    #[error("slot {slot}: its place at work is not its own")]
    Place {
        /// Which slot of the table.
        slot: u32,
    },
    /// A place at work is nobody's and not free, or the other way round.
    #[error("{taken} places at work are taken, by {owners} owners, for {there} connections")]
    Places {
        /// Places that are not free.
        taken: usize,
        /// Places that have an owner.
        owners: usize,
        /// Connections at work.
        there: usize,
    },
    /// A record is not found by its tuple, is before the oldest, or is not what its block would
    /// leave.
    #[error("place {place}: the record is not one of those that are kept")]
    Record {
        /// Which place of the table.
        place: u32,
    },
    /// A connection is at work, and nothing is under way on it.
    #[error("slot {slot}: it is quiet, and not at rest")]
    Restless {
        /// Which slot of the table.
        slot: u32,
    },
    /// A class of connections at rest has lost count of its members.
    #[error("{counted} members are counted by their classes, and {members} are there")]
    Classes {
        /// What the counts say.
        counted: u64,
        /// Connections that are in a class.
        members: u64,
    },
    /// A list of work is longer than it was made for.
    #[error("{waiting} connections wait for a turn, in a list for {room}")]
    Backlog {
        /// How many wait.
        waiting: usize,
        /// How many there is room for.
        room: usize,
    },
}

impl<P: Port> Shard<P> {
    /// Holds counters, blocks, timers and limits against the connections that are there. To be
    /// called between two breaths. Looks at every slot: not for the data path.
    ///
    /// # Errors
    /// The first discrepancy; there is none unless this code is wrong.
    pub fn audit(&self) -> Result<(), Discrepancy> {
        self.audit_states()?;
        self.audit_blocks()?;
        self.audit_timers()?;
        self.audit_admission()?;
        self.audit_places()?;
        self.audit_records()?;
        let (waiting, room) = (self.backlog.len(), self.config.at_work_max() + 1);
        if waiting > room {
            return Err(Discrepancy::Backlog { waiting, room });
        }
        Ok(())
    }

    // Each place at work that is taken is one connection's, and each that is quiet is at rest.
    fn audit_places(&self) -> Result<(), Discrepancy> {
        let (mut at_work, mut members) = (0, 0);
        for (handle, _, place) in self.table.iter() {
            let slot = handle.slot();
            let Place::AtWork(place) = *place else {
                members += 1;
                continue;
            };
            let connection = self.at_work.at(place);
            let connection = connection.filter(|it| it.owner == Some(handle));
            let connection = connection.ok_or(Discrepancy::Place { slot })?;
            let may_rest = !connection.is_busy() && connection.tcb.is_quiet();
            if may_rest && !self.classes.is_full() {
                return Err(Discrepancy::Restless { slot });
            }
            at_work += 1;
            members += u64::from(connection.class != NO_CLASS);
        }
        let (taken, owners) = (self.at_work.len(), self.at_work.iter().count());
        if (taken, owners) != (at_work, at_work) {
            return Err(Discrepancy::Places {
                taken,
                owners,
                there: at_work,
            });
        }
        let counted = self.classes.members();
        if counted != members {
            return Err(Discrepancy::Classes { counted, members });
        }
        Ok(())
    }

    fn state_in(&self, place: &Place) -> State {
        match place {
            Place::AtWork(place) => {
                let connection = self.at_work.at(*place);
                connection.map_or(State::Closed, |it| it.tcb.state())
            }
            Place::AtRest(rest) => rest.tcb.state(),
        }
    }

    fn audit_states(&self) -> Result<(), Discrepancy> {
        let mut states = [0; State::ALL.len()];
        for (_, _, place) in self.table.iter() {
            states[self.state_in(place) as usize] += 1;
        }
        states[State::TimeWait as usize] += self.table.records().count() as u64;
        for ((state, counted), there) in State::ALL.iter().zip(self.counters.states).zip(states) {
            if counted != there {
                return Err(Discrepancy::State {
                    state: *state,
                    counted,
                    there,
                });
            }
        }
        Ok(())
    }

    fn audit_blocks(&self) -> Result<(), Discrepancy> {
        let (mut received, mut to_send) = (0, 0);
        for connection in self.at_work.iter() {
            received += self.received.held_by(&connection.received);
            to_send += self.to_send.held_by(&connection.to_send);
        }
        for (of, pool, held) in [
            ("of text received", &self.received, received),
            ("of text to send", &self.to_send, to_send),
        ] {
            let (free, all) = (pool.free_blocks(), self.config.blocks);
            if free + held != all {
                return Err(Discrepancy::Blocks {
                    of,
                    free,
                    held,
                    all,
                });
            }
        }
        Ok(())
    }

    fn audit_timers(&self) -> Result<(), Discrepancy> {
        for slot in 0..self.table.capacity() as u32 {
            let handle = self.table.handle_at(slot);
            let place = handle.and_then(|handle| self.table.get(handle));
            let state = place.map_or(State::Closed, |place| self.state_in(place));
            let wheel = self.wheel.deadline(slot);
            let connection = match place {
                Some(Place::AtWork(place)) => self.at_work.at(*place),
                _ => None,
            };
            let due = match place {
                Some(Place::AtWork(_)) => connection.map_or(Instant::NEVER, |c| c.tcb.deadline()),
                // The wheel knows better.
                Some(Place::AtRest(rest)) if rest.tcb.has_deadline() => wheel,
                Some(Place::AtRest(_)) | None => Instant::NEVER,
            };
            // Of those whose turn is still to come, the timer is filed then.
            let is_unsettled = connection.is_some_and(|c| c.touched > 0 || c.is_postponed);
            // In all other states something is awaited that may never come.
            let may_wait_for_ever = place.is_none()
                || matches!(
                    state,
                    State::Established | State::CloseWait | State::FinWait2
                );
            let must_be_armed =
                matches!(place, Some(Place::AtRest(rest)) if rest.tcb.has_deadline());
            let is_due = due.is_armed() || may_wait_for_ever && !must_be_armed;
            let is_filed = is_unsettled || wheel == Wheel::fires_at(due) && is_due;
            if !is_filed {
                return Err(Discrepancy::Timer {
                    slot,
                    armed: wheel,
                    due,
                });
            }
        }
        Ok(())
    }

    fn audit_admission(&self) -> Result<(), Discrepancy> {
        let check = |by, counted: u64, there: u64, max: u32| {
            let is_within = max == 0 || counted <= u64::from(max);
            if counted == there && is_within {
                return Ok(());
            }
            Err(Discrepancy::Admission { by, counted, there })
        };
        let of = |number: Option<usize>| {
            let of_listener = self.table.iter().filter(|(handle, _, place)| {
                let listener = match place {
                    Place::AtWork(place) => {
                        let connection = self.at_work.at(*place).filter(|it| it.is_counted);
                        connection.and_then(|it| it.listener)
                    }
                    Place::AtRest(_) => self.class_at_rest(*handle).and_then(|it| it.listener),
                };
                let listener = listener.map(usize::from);
                listener.is_some() && (number.is_none() || listener == number)
            });
            of_listener.count() as u64
        };
        let limits = &self.config.limits;
        for (number, listener) in self.listeners.iter().enumerate() {
            let (open, there) = (listener.open.into(), of(Some(number)));
            check("listener", open, there, limits.per_listener)?;
        }
        if limits.per_source > 0 {
            check("source", self.sources.total(), of(None), 0)?;
        }
        let counted = self.table.records_len() as u64;
        let there = self.table.records().count() as u64;
        let max = u32::try_from(self.config.time_waits()).unwrap_or(0);
        check("TIME-WAIT", counted, there, max)
    }

    // Each record is found by its tuple, holds what the protocol makes of it, and none is before
    // the oldest.
    fn audit_records(&self) -> Result<(), Discrepancy> {
        let oldest = self.table.oldest_since().unwrap_or_default();
        for (handle, tuple, remains) in self.table.records() {
            let is_found = self.handle_of(&tuple) == Some(handle);
            if !is_found || remains.since_millis < oldest || !self.is_sound(&tuple, &remains) {
                return Err(Discrepancy::Record {
                    place: handle.slot(),
                });
            }
        }
        Ok(())
    }
}
