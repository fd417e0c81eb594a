//! Two shards on two cores against one: the same segments on as many connections for each, one
//! shard alone and both at once in turns. The same for bare lines of memory: two shards share nothing
//! else.

use crate::find::numbers;
use crate::lines::Lines;
use crate::part::{Measured, Sizes};
use crate::rounds::{Rounds, median};
use crate::segments::{opened, round};
use seawall::control::worker;
use std::sync::Barrier;
use std::thread;

/// Rounds of a turn.
const ROUNDS: u32 = 100;

pub(crate) fn ratio(sizes: &Sizes, cpus: &[usize]) -> anyhow::Result<Measured> {
    let shards = times(sizes, cpus, || {
        let mut world = opened(sizes.large);
        let mut next = numbers(0, sizes.large);
        Ok(move |rounds: &mut Rounds| round(&mut world, &mut next, rounds))
    })?;
    let lines = times(sizes, cpus, || {
        let mut lines = Lines::new(sizes.large)?;
        Ok(move |rounds: &mut Rounds| lines.round(rounds))
    })?;
    let ratios = Measured::default().with("ratio", shards);
    Ok(ratios.with("lines_ratio", lines))
}

/// How many times the work of one core two do. Each makes a worker of its own, which does rounds.
fn times<W: FnMut(&mut Rounds)>(
    sizes: &Sizes,
    cpus: &[usize],
    worker: impl Fn() -> anyhow::Result<W> + Sync,
) -> anyhow::Result<f64> {
    let barrier = Barrier::new(2);
    // Nanoseconds an operation of each turn: alone, and side by side.
    let run = |cpu: usize, works_alone: bool| {
        worker::pin(cpu)?;
        let mut work = worker()?;
        let mut turns = Vec::new();
        for turn in 0..2 * sizes.turns {
            let is_alone = turn % 2 == 0;
            barrier.wait();
            if is_alone && !works_alone {
                continue;
            }
            let mut rounds = Rounds::default();
            for _ in 0..ROUNDS.min(sizes.rounds) {
                work(&mut rounds);
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
    Ok(median(ratios.collect()))
}
