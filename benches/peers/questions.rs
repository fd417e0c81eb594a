//! What maps are asked, and how it is timed.

use crate::bench::{Bench, Size};
use crate::ends::tuple;
use crate::find::{BURST, Value, numbers, value};
use crate::machine::{available, thread_time};
use crate::maps::{Asked, Dash, Hashbrown, Map, Papaya, Scc};
use seawall::table::Table;
use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

/// Bursts of a round.
const BURSTS: u32 = 1024;

/// Octets for a connection that no map needs more than.
const BYTES: u64 = 512;

/// Octets that are left to everybody else.
const SPARE_BYTES: u64 = 1 << 30;

const QUESTIONS: [Question; 4] = [
    Question::Lookup,
    Question::Miss,
    Question::Insert,
    Question::Remove,
];

#[derive(Clone, Copy)]
enum Question {
    Lookup,
    Miss,
    Insert,
    Remove,
}

impl Question {
    const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Miss => "miss",
            Self::Insert => "insert",
            Self::Remove => "remove",
        }
    }
}

pub(crate) fn ask_all(bench: &mut Bench, is_test: bool) {
    let [large, huge] = if is_test {
        [2048, 4096]
    } else {
        [1_000_000, 10_000_000]
    };
    for (name, connections) in [("1m", large), ("10m", huge)] {
        let size = Size { name, connections };
        ask::<Table<Value>>(size, bench);
        ask::<Hashbrown>(size, bench);
        ask::<Dash>(size, bench);
        ask::<Papaya>(size, bench);
        ask::<Scc>(size, bench);
    }
}

fn ask<M: Map>(size: Size, bench: &mut Bench) {
    let connections = size.connections;
    let needs = u64::from(connections) * BYTES + SPARE_BYTES;
    let there = available().unwrap_or(u64::MAX);
    if there < needs {
        let mib = |bytes: u64| bytes >> 20;
        return bench.report.leave_out(format!(
            "{} of {} is left out: may need {} MiB, of which {} are there",
            M::NAME,
            size.name,
            mib(needs),
            mib(there),
        ));
    }
    let bursts = BURSTS.min(connections / BURST as u32 / 4);
    let operations = u64::from(bursts) * BURST as u64;
    let mut full = None;
    for question in QUESTIONS {
        let mut next = numbers(0, connections);
        bench.time(question.name(), size, M::NAME, operations, || {
            let map = full.get_or_insert_with(|| filled::<M>(connections));
            let first = if let Question::Miss = question {
                connections
            } else {
                0
            };
            let all = draw(first, &mut next, bursts);
            time(map, &all, question)
        });
    }
}

fn filled<M: Map>(connections: u32) -> M {
    let mut map = M::with_room(connections);
    let mut n = 0..connections;
    while n.len() >= BURST {
        map.insert(&asked(core::array::from_fn(|_| {
            n.next().expect("a whole burst is left")
        })));
    }
    map
}

fn asked(numbers: [u32; BURST]) -> Asked {
    Asked {
        tuples: numbers.map(tuple),
        values: numbers.map(value),
    }
}

// Numbers from `first` on. None comes twice in a round: what was removed is not there to be
// removed again.
fn draw(first: u32, next: &mut impl FnMut() -> u32, bursts: u32) -> Vec<Asked> {
    let mut seen = HashSet::with_capacity(bursts as usize * BURST);
    let mut fresh = || {
        loop {
            let n = first + next();
            if seen.insert(n) {
                return n;
            }
        }
    };
    let burst = |_| asked(core::array::from_fn(|_| fresh()));
    (0..bursts).map(burst).collect()
}

// The map is full before and after.
fn time(map: &mut impl Map, all: &[Asked], question: Question) -> Duration {
    match question {
        Question::Lookup | Question::Miss => clocked(|| {
            for asked in all {
                black_box(map.find(asked));
            }
        }),
        Question::Insert | Question::Remove => {
            let removing = clocked(|| {
                for asked in all {
                    black_box(map.remove(asked));
                }
            });
            let inserting = clocked(|| {
                for asked in all {
                    map.insert(asked);
                }
            });
            if let Question::Insert = question {
                inserting
            } else {
                removing
            }
        }
    }
}

// In time of this thread: who else has the core is not in it.
fn clocked(body: impl FnOnce()) -> Duration {
    let began = thread_time();
    body();
    thread_time().saturating_sub(began)
}
