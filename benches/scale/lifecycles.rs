//! Whole lives: accept, request, four-way release, and 2 MSL in TIME-WAIT while others live.

use crate::part::{Measured, Sizes};
use crate::rounds::Rounds;
use crate::world::{Near, SIDE_BY_SIDE, World, config};
use seawall::service::Http;
use seawall::tcp::State;
use seawall::time::Duration;
use std::time::Instant;

/// Bursts of lives of a round.
const BURSTS: u64 = 16;

/// With the server. The table is as full of TIME-WAIT as it gets before anything is timed, and for
/// each that enters one ends: the clock goes that fast.
pub(crate) fn lifecycles(sizes: &Sizes) -> Measured {
    // A record stays up to 8 ms longer than 2 MSL, and so have some those that follow it.
    let over = sizes.time_wait / 1000 + 8 * SIDE_BY_SIDE as u32;
    let config = config(8 * SIDE_BY_SIDE as u32, sizes.time_wait + over);
    let two_msl = config.tcp.time_wait;
    let world = World::new(config, Box::new(Http::default()));
    let mut lives = Lives::new(world, two_msl * SIDE_BY_SIDE as u32 / sizes.time_wait);
    while lives.next < sizes.time_wait {
        lives.burst();
    }
    let (breaths, all) = lives.run(sizes);
    let counters = lives.world.shard().counters();
    let connections = &counters.connections;
    assert_eq!(
        connections.released,
        u64::from(lives.next),
        "both sides released each"
    );
    assert_eq!(connections.time_wait_evicted, 0, "TIME-WAIT was held");
    let held = counters.states[State::TimeWait as usize];
    let off = held.abs_diff(sizes.time_wait.into());
    assert!(off <= over.into(), "{held} in TIME-WAIT");
    Measured::of(breaths).with("loop_ns", all.median())
}

/// The same frames with nobody to answer them.
pub(crate) fn peers_alone(sizes: &Sizes) -> Measured {
    let (_, all) = Lives::new(World::without_shard(), Duration::ZERO).run(sizes);
    Measured::of(all)
}

struct Lives<N> {
    world: World<N>,
    /// How far a burst moves the clock.
    step: Duration,
    next: u32,
}

impl<N: Near> Lives<N> {
    const fn new(world: World<N>, step: Duration) -> Self {
        Self {
            world,
            step,
            next: 0,
        }
    }

    fn burst(&mut self) {
        self.world.live(self.next);
        self.next += SIDE_BY_SIDE as u32;
        self.world.now = self.world.now + self.step;
    }

    // The shard's breaths, and all of it.
    fn run(&mut self, sizes: &Sizes) -> (Rounds, Rounds) {
        let (mut breaths, mut all) = (Rounds::default(), Rounds::default());
        for _ in 0..sizes.rounds {
            self.world.breathed = Duration::ZERO;
            let (first, began) = (self.next, Instant::now());
            for _ in 0..BURSTS {
                self.burst();
            }
            let lives = u64::from(self.next - first);
            all.add(began.elapsed(), lives);
            breaths.add(self.world.breathed, lives);
        }
        (breaths, all)
    }
}
