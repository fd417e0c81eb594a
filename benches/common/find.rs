//! Finding connections in bursts, as a shard does: hash all, prefetch all, find each.

use crate::ends::tuple;
use arrayvec::ArrayVec;
use seawall::table::{Handle, Sighting, Table};
use seawall::wire::FourTuple;

pub(crate) const BURST: usize = 32;

/// As large as what a shard keeps of a connection, and as it lies there.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Value {
    // What tells that there is one, as the state of a connection does.
    _flag: bool,
    pub(crate) head: u64,
    _rest: [u64; 9],
}

const _: () = assert!(Table::<Value>::CELL_BYTES == 128);

pub(crate) const fn value(n: u32) -> Value {
    Value {
        _flag: true,
        head: n as u64,
        _rest: [n as u64; 9],
    }
}

/// A full table: tuples `0..connections`.
pub(crate) fn filled(connections: u32) -> Table<Value> {
    let mut table = Table::new(connections as usize, [3, 1, 4, 1]);
    for n in 0..connections {
        let tuple = tuple(n);
        let hash = table.hash(&tuple);
        assert!(table.insert(hash, tuple, value(n)).is_ok());
    }
    table
}

/// Numbers `start..start + among`, in no order that a cache would like.
pub(crate) fn numbers(start: u32, among: u32) -> impl FnMut() -> u32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        start + ((u64::from(state ^ (state >> 15)) * u64::from(among)) >> 32) as u32
    }
}

/// Bursts of the tuples of [`numbers`].
pub(crate) fn bursts(start: u32, among: u32) -> impl FnMut() -> [FourTuple; BURST] {
    let mut number = numbers(start, among);
    move || core::array::from_fn(|_| tuple(number()))
}

/// How much of the memory is called before it is needed.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(crate) enum Prefetch {
    Nothing,
    Index,
    Slot,
    Value,
}

/// Finds all and reads the head of each value.
pub(crate) fn find_burst(
    table: &Table<Value>,
    tuples: &[FourTuple; BURST],
    prefetch: Prefetch,
) -> u64 {
    let mut called = [Called::default(); BURST];
    prefetched(table, tuples, prefetch, &mut called);
    let found = called.iter().zip(tuples).filter_map(|(called, tuple)| {
        let handle = find(table, *called, tuple)?;
        Some(table.get(handle)?.head)
    });
    found.sum()
}

/// Takes each out of the table and puts it back in.
pub(crate) fn renew_burst(
    table: &mut Table<Value>,
    tuples: &[FourTuple; BURST],
    prefetch: Prefetch,
) {
    let mut called = [Called::default(); BURST];
    prefetched(table, tuples, prefetch, &mut called);
    for (called, tuple) in called.iter().zip(tuples) {
        let handle = find(table, *called, tuple).expect("all are in");
        let value = table.remove(handle).expect("just found");
        if let Ok(handle) = table.insert(called.hash, *tuple, value) {
            table.set_note(handle, called.hash);
        }
    }
}

/// What is known of a tuple before its turn.
#[derive(Clone, Copy, Default)]
pub(crate) struct Called {
    pub(crate) hash: u64,
    /// Was its slot called, so that no candidate is a miss?
    may_miss: bool,
    candidate: Option<u32>,
}

/// As a shard does it.
pub(crate) fn find(table: &Table<Value>, called: Called, tuple: &FourTuple) -> Option<Handle> {
    match called.candidate {
        Some(slot) => table.find_at(slot, called.hash, tuple),
        None if called.may_miss => None,
        None => table.find(called.hash, tuple),
    }
}

/// Hashes all, and calls what each will need.
pub(crate) fn prefetched(
    table: &Table<Value>,
    tuples: &[FourTuple; BURST],
    prefetch: Prefetch,
    all: &mut [Called; BURST],
) {
    for (called, tuple) in all.iter_mut().zip(tuples) {
        *called = Called {
            hash: table.hash(tuple),
            may_miss: prefetch >= Prefetch::Slot,
            candidate: None,
        };
        if prefetch >= Prefetch::Index {
            table.prefetch(called.hash);
        }
    }
    if prefetch >= Prefetch::Slot {
        let mut further = ArrayVec::<usize, BURST>::new();
        for (n, called) in all.iter_mut().enumerate() {
            match table.sight(called.hash) {
                Sighting::Nobody => {}
                Sighting::At(slot) => called.candidate = Some(slot),
                Sighting::FurtherOn => further.push(n),
            }
        }
        for n in further {
            all[n].candidate = table.look_further(all[n].hash);
        }
    }
    if prefetch >= Prefetch::Value {
        for slot in all.iter().filter_map(|called| called.candidate) {
            table.prefetch_value(slot);
        }
    }
}
