//! Text out of order: which octets past RCV.NXT are stored (SHLD-31), and in which order the peer
//! is told of them (RFC 2018 §4). Where they are stored is the shard's business.

use crate::wire::{SackBlock, Seq};
use arrayvec::ArrayVec;

/// Ranges of text ahead of a hole that a connection may have at once, and its peer be told of. More
/// are not worth remembering: the peer sends the text again.
pub const SACK_BLOCKS_MAX: usize = 4;

/// The stored ranges, disjoint and not touching each other; that of the latest segment first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reassembly {
    ranges: [SackBlock; SACK_BLOCKS_MAX],
    count: u8,
}

impl Reassembly {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn ranges(&self) -> &[SackBlock] {
        &self.ranges[..usize::from(self.count)]
    }

    /// Remembers `len` octets at `start`, which is past RCV.NXT. `false` when there is no place
    /// for one more range, and then nothing changed.
    pub(super) fn insert(&mut self, start: Seq, len: u32) -> bool {
        let mut new = SackBlock {
            left: start,
            right: start + len,
        };
        let mut others = ArrayVec::<SackBlock, SACK_BLOCKS_MAX>::new();
        for &old in self.ranges() {
            if old.right.lt(new.left) || new.right.lt(old.left) {
                others.push(old);
                continue;
            }
            // They touch or overlap: one range.
            if old.left.lt(new.left) {
                new.left = old.left;
            }
            if new.right.lt(old.right) {
                new.right = old.right;
            }
        }
        if others.is_full() {
            return false;
        }
        self.ranges[0] = new;
        self.ranges[1..=others.len()].copy_from_slice(&others);
        self.count = others.len() as u8 + 1;
        true
    }

    /// RCV.NXT has come to `nxt`: forgets what lies before it and returns how many stored octets
    /// follow it without a hole.
    pub(super) fn take(&mut self, nxt: Seq) -> u32 {
        let mut unlocked = 0;
        while let Some(first) = self
            .ranges()
            .iter()
            .position(|it| it.left.le(nxt + unlocked))
        {
            let end = self.ranges[first].right;
            if (nxt + unlocked).lt(end) {
                unlocked = end - nxt;
            }
            self.ranges.copy_within(first + 1.., first);
            self.count -= 1;
        }
        unlocked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ranges_merge_and_unlock() {
        let mut r = Reassembly::default();
        assert!(r.insert(Seq(10), 5));
        assert!(r.insert(Seq(20), 5));
        assert!(r.insert(Seq(15), 5), "fills the hole");
        assert_eq!(r.count, 1);
        assert_eq!(r.take(Seq(10)), 15);
        assert!(r.is_empty());
    }

    #[test]
    fn a_fifth_hole_is_refused_and_changes_nothing() {
        let mut r = Reassembly::default();
        for n in 0..4 {
            assert!(r.insert(Seq(10 + 10 * n), 1));
        }
        let before = r;
        assert!(!r.insert(Seq(100), 1));
        assert_eq!(r, before);
        assert!(r.insert(Seq(11), 1), "growing one is no new range");
    }

    #[test]
    fn the_range_of_the_latest_segment_comes_first() {
        let mut r = Reassembly::default();
        for start in [30, 10, 50, 35] {
            assert!(r.insert(Seq(start), 5));
        }
        let ranges: Vec<_> = r
            .ranges()
            .iter()
            .map(|it| (it.left.0, it.right.0))
            .collect();
        assert_eq!(ranges, [(30, 40), (50, 55), (10, 15)]);
        assert_eq!(r.take(Seq(12)), 3);
        assert_eq!(r.count, 2);
    }

    // Against a set of octets, across the wrap.
    #[test]
    fn it_agrees_with_a_set_of_octets() {
        let mut random = 1_u32;
        let mut below = |bound: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % bound
        };
        for _ in 0..2_000 {
            let base = Seq(u32::MAX - 30);
            let (mut r, mut octets, mut nxt) = (Reassembly::default(), BTreeSet::new(), 0);
            for _ in 0..20 {
                let (start, len) = (nxt + 1 + below(40), 1 + below(10));
                if r.insert(base + start, len) {
                    octets.extend(start..start + len);
                }
                if below(3) == 0 {
                    nxt += 1 + below(8);
                    let mut want = nxt;
                    while octets.contains(&want) {
                        want += 1;
                    }
                    assert_eq!(r.take(base + nxt), want - nxt);
                    nxt = want;
                    octets.retain(|&octet| octet >= nxt);
                }
            }
        }
    }
}
