//! Sequence numbers (RFC 9293 §3.4).

use core::ops::{Add, Sub};

/// A sequence number: a point on a circle of 2^32.
///
/// There is no `Ord` on purpose. `<` on a circle is not transitive, so nothing may sort or `max`
/// these. [`Seq::lt`] and [`Seq::le`] are the RFC's `<` and `=<`, right for two points less than
/// 2^31 apart, which is why a window may not exceed 2^30 (RFC 7323 §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seq(pub u32);

impl Seq {
    /// The RFC's `self < other`.
    #[must_use]
    pub const fn lt(self, other: Self) -> bool {
        self.0 != other.0 && other.0.wrapping_sub(self.0) < 1 << 31
    }

    /// The RFC's `self =< other`.
    #[must_use]
    pub const fn le(self, other: Self) -> bool {
        self.0 == other.0 || self.lt(other)
    }

    /// The RFC's `start =< self < start + len`. An empty window holds nothing.
    #[must_use]
    pub const fn within(self, start: Self, len: u32) -> bool {
        self.0.wrapping_sub(start.0) < len
    }
}

impl Add<u32> for Seq {
    type Output = Self;
    fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }
}

impl Sub for Seq {
    type Output = u32;
    fn sub(self, start: Self) -> u32 {
        self.0.wrapping_sub(start.0)
    }
}
