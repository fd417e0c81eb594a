use super::*;
use crate::limits::FRAME_BYTES;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[test]
fn every_chunk_is_lent_once_and_comes_back() {
    let mut umem = Umem::new(8).unwrap();
    let lent: BTreeSet<u32> = std::iter::from_fn(|| umem.lend()).collect();
    assert_eq!(lent, (0..8).map(|n| n * CHUNK_BYTES as u32).collect());
    assert_eq!(umem.lend(), None);
    for at in lent {
        umem.take_back(data_of(at) + 14);
    }
    assert_eq!(umem.free_chunks(), 8);
}

#[test]
fn frames_do_not_overlap() {
    let mut umem = Umem::new(4).unwrap();
    let lent: Vec<u32> = std::iter::from_fn(|| umem.lend()).map(data_of).collect();
    for (value, at) in (1..).zip(&lent) {
        assert_eq!(umem.frame_mut(*at).len(), FRAME_BYTES);
        umem.frame_mut(*at).fill(value);
    }
    for (value, at) in (1..).zip(&lent) {
        assert_eq!(umem.frame(*at, FRAME_BYTES), [value; FRAME_BYTES]);
    }
}

#[test]
fn a_frame_ends_with_its_chunk() {
    let mut umem = Umem::new(2).unwrap();
    let at = data_of(umem.lend().unwrap());
    assert_eq!(umem.frame(at, usize::MAX).len(), FRAME_BYTES);
    assert!(umem.is_sendable(at, FRAME_BYTES));
    for (at, len) in [(at, FRAME_BYTES + 1), (at, 0), (at + 1, FRAME_BYTES)] {
        assert!(!umem.is_sendable(at, len), "{len} octets at {at}");
    }
    umem.take_back(at);
    assert!(!umem.is_sendable(at, 60), "it is no longer on loan");
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "not on loan")]
fn a_frame_cannot_come_back_twice() {
    let mut umem = Umem::new(2).unwrap();
    let at = umem.lend().unwrap();
    umem.take_back(at);
    umem.take_back(at);
}

proptest! {
    #[test]
    fn the_free_list_is_a_set(operations in prop::collection::vec((any::<bool>(), 0..16_usize), 0..200)) {
        let mut umem = Umem::new(16).unwrap();
        let mut held: Vec<u32> = Vec::new();
        for (lend, pick) in operations {
            if lend {
                let at = umem.lend();
                prop_assert_eq!(at.is_none(), held.len() == 16);
                if let Some(at) = at {
                    prop_assert!(!held.contains(&at));
                    held.push(at);
                }
            } else if !held.is_empty() {
                umem.take_back(held.swap_remove(pick % held.len()));
            }
            prop_assert_eq!(umem.free_chunks() + held.len(), 16);
        }
    }
}
