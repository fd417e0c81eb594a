//! The table: found, not found, and out and in again, in bursts of 32 in random order.

use crate::find::{BURST, Prefetch, bursts, filled, find_burst, renew_burst};
use crate::part::{Measured, Sizes};
use crate::rounds::Rounds;
use seawall::wire::FourTuple;
use std::hint::black_box;

/// Bursts of a round. Their tuples take little of the second level of the cache.
const BURSTS: usize = 64;

/// A random connection of as many as there are.
pub(crate) fn hit(connections: u32, prefetch: Prefetch, sizes: &Sizes) -> Measured {
    let table = filled(connections);
    rounds(0, connections, sizes, |tuples| {
        black_box(find_burst(&table, tuples, prefetch));
    })
}

/// Tuples that were never in.
pub(crate) fn miss(connections: u32, sizes: &Sizes) -> Measured {
    let table = filled(connections);
    rounds(connections, connections, sizes, |tuples| {
        black_box(find_burst(&table, tuples, Prefetch::Slot));
    })
}

/// A random connection of a full table is looked up, removed and inserted: one operation.
pub(crate) fn renew(connections: u32, sizes: &Sizes) -> Measured {
    let mut table = filled(connections);
    rounds(0, connections, sizes, |tuples| {
        renew_burst(&mut table, tuples, Prefetch::Value);
    })
}

/// The making of the tuples, for what instructions it takes.
pub(crate) fn tuples_alone(sizes: &Sizes) -> Measured {
    rounds(0, sizes.large, sizes, |tuples| {
        black_box(tuples);
    })
}

/// Times `body` for bursts of tuples `start..start + among`.
pub(crate) fn rounds(
    start: u32,
    among: u32,
    sizes: &Sizes,
    mut body: impl FnMut(&[FourTuple; BURST]),
) -> Measured {
    let mut next = bursts(start, among);
    let mut rounds = Rounds::default();
    for _ in 0..sizes.rounds {
        let tuples: Vec<_> = (0..BURSTS).map(|_| next()).collect();
        rounds.time(|| {
            for burst in &tuples {
                body(burst);
            }
            (BURSTS * BURST) as u64
        });
    }
    Measured::of(rounds)
}
