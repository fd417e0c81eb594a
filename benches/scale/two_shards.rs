//! Two shards on two cores against one: the same segments on as many connections for each, one
//! shard alone and both at once in turns.

use crate::find::numbers;
use crate::part::{Measured, Sizes};
use crate::rounds::{Rounds, median};
use crate::segments::{opened, round};
use seawall::control::worker;
use std::sync::Barrier;
use std::thread;

/// Rounds of a turn.
const ROUNDS: u32 = 100;

pub(crate) fn ratio(sizes: &Sizes, cpus: &[usize]) -> anyhow::Result<Measured> {
    let barrier = Barrier::new(2);
    // Nanoseconds a segment of each turn: alone, and side by side.
    let run = |cpu: usize, works_alone: bool| {
        worker::pin(cpu)?;
        let mut world = opened(sizes.large);
        let mut next = numbers(0, sizes.large);
        let mut turns = Vec::new();
        for turn in 0..2 * sizes.turns {
            let is_alone = turn % 2 == 0;
            barrier.wait();
            if is_alone && !works_alone {
                continue;
            }
            let mut rounds = Rounds::default();
            for _ in 0..ROUNDS.min(sizes.rounds) {
                round(&mut world, &mut next, &mut rounds);
            }
            turns.push(rounds.median());
            // The other one goes on until this one has done.
        }
        Ok::<_, anyhow::Error>(turns)
    };
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| run(cpus[1], false));
        let first = run(cpus[0], true);
        (first, second.join().expect("the thread lives"))
    });
    let (first, second) = (first?, second?);
    let ratios = first.chunks_exact(2).zip(second).map(|(turns, beside)| {
        let (alone, both) = (turns[0], turns[1]);
        alone / both + alone / beside
    });
    Ok(Measured::default().with("ratio", median(ratios.collect())))
}
