//! What can be done with a socket without waiting, as `poll` tells it.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// A set of `poll` events, with the numbers that Linux gives them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Readiness(u16);

impl Readiness {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `POLLIN`: a read or an accept does not have to wait; the end of the text counts.
    pub const IN: Self = Self(0x1);
    /// `POLLOUT`: a write does not have to wait; its error counts.
    pub const OUT: Self = Self(0x4);
    /// `POLLERR`: an error waits to be told.
    pub const ERR: Self = Self(0x8);
    /// `POLLHUP`: neither side sends any more, or there is no connection.
    pub const HUP: Self = Self(0x10);
    /// `POLLRDHUP`: the peer sends no more, or is not listened to.
    pub const RDHUP: Self = Self(0x2000);

    const NAMES: [(Self, &str); 5] = [
        (Self::IN, "IN"),
        (Self::OUT, "OUT"),
        (Self::ERR, "ERR"),
        (Self::HUP, "HUP"),
        (Self::RDHUP, "RDHUP"),
    ];

    /// Are all of `events` in it?
    #[must_use]
    pub const fn has(self, events: Self) -> bool {
        self.0 & events.0 == events.0
    }

    /// The `revents` of `poll(2)`.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn when(condition: bool, events: Self) -> Self {
        if condition { events } else { Self::NONE }
    }
}

impl BitOr for Readiness {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// `IN|RDHUP`; `0` when it is empty.
impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(events, _)| self.has(*events));
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        f.write_str(if names.is_empty() { "0" } else { "" })?;
        f.write_str(&names.join("|"))
    }
}
