//! Text out of order: which octets past RCV.NXT are stored (SHLD-31). Where they are stored is
//! the shard's business.

use crate::wire::Seq;

/// Holes that a connection may have at once. More are not worth remembering: the peer sends the
/// text again.
const RANGES: usize = 4;

/// The stored ranges, in order, disjoint and not touching each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reassembly {
    ranges: [Range; RANGES],
    count: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Range {
    start: Seq,
    end: Seq,
}

impl Reassembly {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Remembers `len` octets at `start`, which is past RCV.NXT. `false` when there is no place
    /// for one more range, and then nothing changed.
    pub(super) fn insert(&mut self, start: Seq, len: u32) -> bool {
        let mut new = Range {
            start,
            end: start + len,
        };
        let mut kept = [Range::default(); RANGES + 1];
        let mut count = 0;
        let mut placed = false;
        for &old in &self.ranges[..usize::from(self.count)] {
            if old.end.lt(new.start) {
                kept[count] = old;
                count += 1;
            } else if new.end.lt(old.start) {
                if !placed {
                    kept[count] = new;
                    count += 1;
                    placed = true;
                }
                kept[count] = old;
                count += 1;
            } else {
                // They touch or overlap: one range.
                if old.start.lt(new.start) {
                    new.start = old.start;
                }
                if new.end.lt(old.end) {
                    new.end = old.end;
                }
            }
        }
        if !placed {
            kept[count] = new;
            count += 1;
        }
        if count > RANGES {
            return false;
        }
        self.ranges.copy_from_slice(&kept[..RANGES]);
        self.count = count as u8;
        true
    }

    /// RCV.NXT has come to `nxt`: forgets what lies before it and returns how many stored octets
    /// follow it without a hole.
    pub(super) fn take(&mut self, nxt: Seq) -> u32 {
        let mut unlocked = 0;
        while self.count > 0 && self.ranges[0].start.le(nxt + unlocked) {
            let end = self.ranges[0].end;
            if (nxt + unlocked).lt(end) {
                unlocked = end - nxt;
            }
            self.ranges.copy_within(1.., 0);
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
            let (mut r, mut set, mut nxt) = (Reassembly::default(), BTreeSet::new(), 0);
            for _ in 0..20 {
                let (start, len) = (nxt + 1 + below(40), 1 + below(10));
                if r.insert(base + start, len) {
                    set.extend(start..start + len);
                }
                if below(3) == 0 {
                    nxt += 1 + below(8);
                    let mut want = nxt;
                    while set.contains(&want) {
                        want += 1;
                    }
                    assert_eq!(r.take(base + nxt), want - nxt);
                    nxt = want;
                    set.retain(|&octet| octet >= nxt);
                }
            }
        }
    }
}
