//! The same questions to others: concurrent and plain hash maps from crates.io, with the key, the
//! value and the hash of our table. They have no readers that cost the writer nothing, or no bound
//! on what one insertion may take, so only the figures of one thread can be compared.

use crate::ends::tuple;
use crate::find::{Value, value};
use crate::lookup::rounds;
use crate::part::{Measured, Sizes};
use ahash::RandomState;
use seawall::wire::FourTuple;
use std::collections::HashMap;
use std::hint::black_box;

/// What is asked of each.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    Hit,
    Miss,
    Renew,
}

/// What all can do.
pub(crate) trait Map {
    fn with_room(connections: usize, hasher: RandomState) -> Self;
    fn put(&mut self, tuple: FourTuple, value: Value);
    fn head(&self, tuple: &FourTuple) -> Option<u64>;
    fn take(&mut self, tuple: &FourTuple) -> Option<Value>;
}

pub(crate) type Std = HashMap<FourTuple, Value, RandomState>;
pub(crate) type Dash = dashmap::DashMap<FourTuple, Value, RandomState>;
pub(crate) type Papaya = papaya::HashMap<FourTuple, Value, RandomState>;
pub(crate) type Scc = scc::HashMap<FourTuple, Value, RandomState>;

impl Map for Std {
    fn with_room(connections: usize, hasher: RandomState) -> Self {
        Self::with_capacity_and_hasher(connections, hasher)
    }

    fn put(&mut self, tuple: FourTuple, value: Value) {
        self.insert(tuple, value);
    }

    fn head(&self, tuple: &FourTuple) -> Option<u64> {
        self.get(tuple).map(|value| value.head)
    }

    fn take(&mut self, tuple: &FourTuple) -> Option<Value> {
        self.remove(tuple)
    }
}

impl Map for Dash {
    fn with_room(connections: usize, hasher: RandomState) -> Self {
        Self::with_capacity_and_hasher(connections, hasher)
    }

    fn put(&mut self, tuple: FourTuple, value: Value) {
        self.insert(tuple, value);
    }

    fn head(&self, tuple: &FourTuple) -> Option<u64> {
        self.get(tuple).map(|value| value.head)
    }

    fn take(&mut self, tuple: &FourTuple) -> Option<Value> {
        self.remove(tuple).map(|(_, value)| value)
    }
}

impl Map for Papaya {
    fn with_room(connections: usize, hasher: RandomState) -> Self {
        Self::with_capacity_and_hasher(connections, hasher)
    }

    fn put(&mut self, tuple: FourTuple, value: Value) {
        self.pin().insert(tuple, value);
    }

    fn head(&self, tuple: &FourTuple) -> Option<u64> {
        self.pin().get(tuple).map(|value| value.head)
    }

    fn take(&mut self, tuple: &FourTuple) -> Option<Value> {
        self.pin().remove(tuple).copied()
    }
}

impl Map for Scc {
    fn with_room(connections: usize, hasher: RandomState) -> Self {
        Self::with_capacity_and_hasher(connections, hasher)
    }

    fn put(&mut self, tuple: FourTuple, value: Value) {
        assert!(self.insert_sync(tuple, value).is_ok());
    }

    fn head(&self, tuple: &FourTuple) -> Option<u64> {
        self.read_sync(tuple, |_, value| value.head)
    }

    fn take(&mut self, tuple: &FourTuple) -> Option<Value> {
        self.remove_sync(tuple).map(|(_, value)| value)
    }
}

/// One question to one of them.
pub(crate) fn ask<M: Map>(connections: u32, asked: Ask, sizes: &Sizes) -> Measured {
    let mut map = M::with_room(connections as usize, RandomState::with_seeds(3, 1, 4, 1));
    for n in 0..connections {
        map.put(tuple(n), value(n));
    }
    let start = if matches!(asked, Ask::Miss) {
        connections
    } else {
        0
    };
    rounds(start, connections, sizes, |tuples| {
        if matches!(asked, Ask::Renew) {
            for tuple in tuples {
                let value = map.take(tuple).expect("all are in");
                map.put(*tuple, value);
            }
            return;
        }
        let heads = tuples.iter().filter_map(|tuple| map.head(tuple));
        black_box(heads.sum::<u64>());
    })
}
