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

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u32 = 1 << 31;

    // Wherever on the circle the first point is.
    const ORIGINS: [u32; 6] = [0, 1, HALF - 1, HALF, u32::MAX - 1, u32::MAX];

    #[test]
    fn order_is_by_the_shorter_way_round() {
        // Distance from a to b, a < b, a =< b.
        let rows = [
            (0, false, true),
            (1, true, true),
            (1 << 30, true, true),
            (HALF - 1, true, true),
            (HALF, false, false),
            (HALF + 1, false, false),
            (u32::MAX, false, false),
        ];
        for (distance, lt, le) in rows {
            for a in ORIGINS.map(Seq) {
                let b = a + distance;
                assert_eq!((a.lt(b), a.le(b)), (lt, le), "{a:?} {b:?}");
                assert_eq!(b - a, distance);
            }
        }
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        // Offset from the start, length, held?
        let rows = [
            (0, 0, false),
            (0, 1, true),
            (1, 1, false),
            (999, 1000, true),
            (1000, 1000, false),
            (u32::MAX, 1000, false),
            (u32::MAX, u32::MAX, false),
        ];
        for (offset, len, held) in rows {
            for start in ORIGINS.map(Seq) {
                assert_eq!(
                    (start + offset).within(start, len),
                    held,
                    "{start:?} {offset}"
                );
            }
        }
    }
}
