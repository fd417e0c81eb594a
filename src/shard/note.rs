//! What readers of a shard's table are told of a connection: one word, written when the state
//! changes and at no other time, so that a segment costs nothing more.
//!
//! ```text
//! 63     59 58  57              29 28               0
//! +--------+---+------------------+------------------+
//! | state  | a | began            | entered          |
//! +--------+---+------------------+------------------+
//! ```
//!
//! `a` is active OPEN. The moments are in [`Ticks`].

use super::time_wait::{instant_of, seen};
use crate::table::{Entry, Remains};
use crate::tcp::{Open, State};
use crate::time::{Duration, Instant};

const TICK_BITS: u32 = 29;
const TICKS: u64 = (1 << TICK_BITS) - 1;
const BEGAN: u32 = TICK_BITS;
const ACTIVE: u32 = BEGAN + TICK_BITS;
const STATE: u32 = ACTIVE + 1;

const _: () = assert!(State::ALL.len() <= 1 << (u64::BITS - STATE));

/// Where a connection stands, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its state.
    pub state: State,
    /// Who began it.
    pub open: Open,
    /// When it took its slot.
    pub began: Ticks,
    /// When it entered its state.
    pub entered: Ticks,
}

impl Note {
    /// Of a connection that begins.
    #[must_use]
    pub fn new(state: State, open: Open, now: Instant) -> Self {
        let now = Ticks::of(now);
        Self {
            state,
            open,
            began: now,
            entered: now,
        }
    }

    /// Of the same connection in its next state.
    #[must_use]
    pub fn entered(self, state: State, now: Instant) -> Self {
        let entered = Ticks::of(now);
        Self {
            state,
            entered,
            ..self
        }
    }

    /// Of whoever a reader has met. `None` for a connection that is only just moving in. Of one in
    /// TIME-WAIT, the time before is exact below 16 seconds, and above rounded up by one in 32 at
    /// most whenever its 2 MSL begin; and its state was entered when they began the last time.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Self> {
        if !entry.handle.is_retired() {
            return Self::from_word(entry.note);
        }
        let (since_millis, bits) = Remains::of_note(entry.note);
        let (open, began) = seen(since_millis, bits);
        Some(Self {
            state: State::TimeWait,
            open,
            began,
            entered: Ticks::of(instant_of(since_millis)),
        })
    }

    /// From the note of an entry that is a slot's. `None` for a connection that is only just moving
    /// in.
    #[must_use]
    pub fn from_word(word: u64) -> Option<Self> {
        let state = *State::ALL.get((word >> STATE) as usize)?;
        let ticks = |shift: u32| Ticks((word >> shift & TICKS) as u32);
        let open = if word >> ACTIVE & 1 == 1 {
            Open::Active
        } else {
            Open::Passive
        };
        (state != State::Closed).then_some(Self {
            state,
            open,
            began: ticks(BEGAN),
            entered: ticks(0),
        })
    }
}

impl From<Note> for u64 {
    fn from(note: Note) -> Self {
        (note.state as Self) << STATE
            | Self::from(note.open == Open::Active) << ACTIVE
            | Self::from(note.began.0) << BEGAN
            | Self::from(note.entered.0)
    }
}

/// A moment of the shard's clock in quarters of a second, modulo 2^29: four years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks(u32);

impl Ticks {
    /// One of them.
    pub const TICK: Duration = Duration::from_millis(250);

    /// The tick that `now` is in.
    #[must_use]
    pub const fn of(now: Instant) -> Self {
        let ticks = now.as_nanos() / Self::TICK.as_nanos() as u64;
        Self((ticks & TICKS) as u32)
    }

    /// Ticks from `self` to `later`.
    pub(super) const fn ticks_to(self, later: Self) -> u32 {
        later.0.wrapping_sub(self.0) & TICKS as u32
    }

    /// So many ticks before.
    pub(super) const fn before(self, ticks: u32) -> Self {
        Self(self.0.wrapping_sub(ticks) & TICKS as u32)
    }

    /// Time from `self` to `now`, two years at most: a moment that lies ahead, because whoever
    /// asks read the clock before the note, is now.
    #[must_use]
    pub fn age(self, now: Self) -> Duration {
        let ticks = self.ticks_to(now);
        let is_ahead = ticks >> (TICK_BITS - 1) == 1;
        if is_ahead {
            Duration::ZERO
        } else {
            Self::TICK * ticks
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_note_survives_as_a_word() {
        for state in State::ALL {
            for open in [Open::Active, Open::Passive] {
                let note = Note::new(State::SynSent, open, at(7)).entered(state, at(1 << 25));
                let expected = (state != State::Closed).then_some(note);
                assert_eq!(Note::from_word(note.into()), expected);
            }
        }
        assert_eq!(Note::from_word(0), None);
        assert_eq!(Note::from_word(u64::MAX), None);
    }

    #[test]
    fn a_state_has_its_own_age() {
        let note = Note::new(State::SynReceived, Open::Passive, at(10));
        let note = note.entered(State::Established, at(12));
        let now = Ticks::of(at(20));
        assert_eq!(note.began.age(now), Duration::from_secs(10));
        assert_eq!(note.entered.age(now), Duration::from_secs(8));
    }

    #[test]
    fn an_age_counts_across_the_wrap_and_is_never_negative() {
        let wrap = (1 << TICK_BITS) / 4;
        let (before, after) = (Ticks::of(at(wrap - 3)), Ticks::of(at(wrap + 4)));
        assert_eq!(before.age(after), Duration::from_secs(7));
        assert_eq!(after.age(before), Duration::ZERO);
    }
}
