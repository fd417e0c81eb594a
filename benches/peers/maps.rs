//! The same questions to our table and to others: concurrent and plain hash maps from crates.io.

use crate::find::{BURST, Called, Prefetch, Value, find, find_burst, prefetched};
use ahash::RandomState;
use seawall::table::Table;
use seawall::wire::FourTuple;
use std::collections::HashMap;

/// What is asked about at once. Values lie there ready, written long before: one that was just
/// written piece by piece has to reach the cache before it can be copied, behind all writes that
/// wait for memory.
pub(crate) struct Asked {
    pub(crate) tuples: [FourTuple; BURST],
    pub(crate) values: [Value; BURST],
}

impl Asked {
    fn each(&self) -> impl Iterator<Item = (FourTuple, Value)> {
        self.tuples.iter().copied().zip(self.values)
    }
}

/// What all can do.
pub(crate) trait Map {
    const NAME: &str;

    fn with_room(connections: u32) -> Self;

    /// Reads the head of the value of each that is there.
    fn find(&self, asked: &Asked) -> u64;

    /// None of them is there.
    fn insert(&mut self, asked: &Asked);

    /// All of them are there; each value is moved out, and its head read.
    fn remove(&mut self, asked: &Asked) -> u64;
}

pub(crate) type Hashbrown = HashMap<FourTuple, Value, RandomState>;
pub(crate) type Dash = dashmap::DashMap<FourTuple, Value, RandomState>;
pub(crate) type Papaya = papaya::HashMap<FourTuple, Value, RandomState>;
pub(crate) type Scc = scc::HashMap<FourTuple, Value, RandomState>;

const SEEDS: [u64; 4] = [3, 1, 4, 1];

fn hasher() -> RandomState {
    let [a, b, c, d] = SEEDS;
    RandomState::with_seeds(a, b, c, d)
}

/// What will be needed of all, where they come in or go.
fn called(table: &Table<Value>, asked: &Asked) -> [Called; BURST] {
    let mut called = [Called::default(); BURST];
    prefetched(table, &asked.tuples, Prefetch::Value, &mut called);
    called
}

/// With the hash as a note, as [`crate::find::renew_burst`] has it.
impl Map for Table<Value> {
    const NAME: &str = "seawall";

    fn with_room(connections: u32) -> Self {
        Self::new(connections as usize, SEEDS)
    }

    fn find(&self, asked: &Asked) -> u64 {
        find_burst(self, &asked.tuples, Prefetch::Slot)
    }

    fn insert(&mut self, asked: &Asked) {
        let called = called(self, asked);
        for (called, (tuple, value)) in called.iter().zip(asked.each()) {
            let inserted = Self::insert(self, called.hash, tuple, value);
            self.set_note(inserted.expect("there is room"), called.hash);
        }
    }

    fn remove(&mut self, asked: &Asked) -> u64 {
        let called = called(self, asked);
        let removed = called.iter().zip(&asked.tuples).map(|(called, tuple)| {
            let handle = find(self, *called, tuple).expect("all are in");
            Self::remove(self, handle).expect("just found").head
        });
        removed.sum()
    }
}

/// As the standard library has it.
impl Map for Hashbrown {
    const NAME: &str = "hashbrown";

    fn with_room(connections: u32) -> Self {
        Self::with_capacity_and_hasher(connections as usize, hasher())
    }

    fn find(&self, asked: &Asked) -> u64 {
        let found = asked.tuples.iter().filter_map(|tuple| self.get(tuple));
        found.map(|value| value.head).sum()
    }

    fn insert(&mut self, asked: &Asked) {
        for (tuple, value) in asked.each() {
            assert!(Self::insert(self, tuple, value).is_none());
        }
    }

    fn remove(&mut self, asked: &Asked) -> u64 {
        let removed = asked.tuples.iter().map(|tuple| Self::remove(self, tuple));
        removed.map(|value| value.expect("all are in").head).sum()
    }
}

impl Map for Dash {
    const NAME: &str = "dashmap";

    fn with_room(connections: u32) -> Self {
        Self::with_capacity_and_hasher(connections as usize, hasher())
    }

    fn find(&self, asked: &Asked) -> u64 {
        let found = asked.tuples.iter().filter_map(|tuple| self.get(tuple));
        found.map(|value| value.head).sum()
    }

    fn insert(&mut self, asked: &Asked) {
        for (tuple, value) in asked.each() {
            assert!(Self::insert(self, tuple, value).is_none());
        }
    }

    fn remove(&mut self, asked: &Asked) -> u64 {
        let removed = asked.tuples.iter().map(|tuple| Self::remove(self, tuple));
        removed.map(|pair| pair.expect("all are in").1.head).sum()
    }
}

impl Map for Papaya {
    const NAME: &str = "papaya";

    fn with_room(connections: u32) -> Self {
        Self::with_capacity_and_hasher(connections as usize, hasher())
    }

    fn find(&self, asked: &Asked) -> u64 {
        let map = self.pin();
        let found = asked.tuples.iter().filter_map(|tuple| map.get(tuple));
        found.map(|value| value.head).sum()
    }

    fn insert(&mut self, asked: &Asked) {
        let map = self.pin();
        for (tuple, value) in asked.each() {
            assert!(map.insert(tuple, value).is_none());
        }
    }

    fn remove(&mut self, asked: &Asked) -> u64 {
        let map = self.pin();
        let removed = asked.tuples.iter().map(|tuple| map.remove(tuple));
        removed.map(|value| value.expect("all are in").head).sum()
    }
}

impl Map for Scc {
    const NAME: &str = "scc";

    fn with_room(connections: u32) -> Self {
        Self::with_capacity_and_hasher(connections as usize, hasher())
    }

    fn find(&self, asked: &Asked) -> u64 {
        let read = |tuple| self.read_sync(tuple, |_, value| value.head);
        asked.tuples.iter().filter_map(read).sum()
    }

    fn insert(&mut self, asked: &Asked) {
        for (tuple, value) in asked.each() {
            assert!(self.insert_sync(tuple, value).is_ok());
        }
    }

    fn remove(&mut self, asked: &Asked) -> u64 {
        let removed = asked.tuples.iter().map(|tuple| self.remove_sync(tuple));
        removed.map(|pair| pair.expect("all are in").1.head).sum()
    }
}
