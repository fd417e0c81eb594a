//! Whole shards under whatever a seed brings: small tables, buffers and limits, a wire that loses,
//! doubles, delays and spoils, a clock that jumps, users who close, abort and come back.
//!
//! After each step nothing is lost track of ([`Shard::audit`](seawall::shard::Shard::audit)). Every
//! octet that a user had accepted is read by the other, once and in order, or the user is told of
//! an error. Every connection ends, and then everything is back.
//!
//! `SEAWALL_SEED=7 cargo test --test simulation` runs that one again, and prints its segments;
//! `SEAWALL_SEEDS=10000..20000 cargo test --test simulation` runs a range.

#[path = "simulation/draws.rs"]
mod draws;
#[path = "simulation/scenario.rs"]
mod scenario;
#[path = "simulation/tally.rs"]
mod tally;
#[path = "simulation/trace.rs"]
mod trace;
#[path = "simulation/user.rs"]
mod user;
#[path = "simulation/verdict.rs"]
mod verdict;
#[path = "simulation/world.rs"]
mod world;

use std::env;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tally::Tally;

const SEEDS: Range<u64> = 0..10_000;

#[test]
fn nothing_is_lost_and_everything_ends() {
    let asked = seeds();
    let seeds = asked.clone().unwrap_or(SEEDS);
    let next = AtomicU64::new(seeds.start);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let tallies = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&next, &seeds)))
            .collect();
        workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect::<Vec<_>>()
    });
    let mut all = Tally::default();
    for tally in tallies {
        all.merge(&tally.expect("a seed failed: it is named above"));
    }
    println!("{all:#?}");
    // A part of the seeds need not bring everything about.
    if asked.is_none() {
        all.check();
    }
}

// The same seed is the same run, or nobody could run a failure again.
#[test]
fn a_seed_means_the_same_each_time() {
    let steps = |seed| world::run(seed, false).steps;
    for seed in 0..20 {
        assert_eq!(steps(seed), steps(seed), "seed {seed}");
    }
}

fn work(next: &AtomicU64, seeds: &Range<u64>) -> Tally {
    let mut tally = Tally::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end {
            return tally;
        }
        let is_alone = seeds.end - seeds.start == 1;
        let run = catch_unwind(AssertUnwindSafe(|| world::run(seed, is_alone)));
        let Ok(run) = run else {
            // The others need not go on.
            next.store(seeds.end, Ordering::Relaxed);
            panic!("SEAWALL_SEED={seed} cargo test --test simulation");
        };
        tally.merge(&run);
    }
}

fn seeds() -> Option<Range<u64>> {
    let number = |text: &str| text.parse().expect("a seed is a number");
    if let Ok(seed) = env::var("SEAWALL_SEED") {
        let seed = number(&seed);
        return Some(seed..seed + 1);
    }
    let range = env::var("SEAWALL_SEEDS").ok()?;
    let (from, to) = range.split_once("..").expect("SEAWALL_SEEDS=from..to");
    Some(number(from)..number(to))
}
