//! The longest breath while the timers of all connections are due at one instant.
//!
//! Each connection has received a segment at the same moment, and so owes its ACK at the same
//! moment; the wheel has to file all of them anew on the way. The clock of the shard goes on by
//! what its breaths take.
//!
//! What they take is their thread's own time: a longest of a hundred thousand by the clock on the
//! wall says most of who else had the core. That one is printed beside it. Nor is the thread's own
//! clock without interrupts, and what a host takes from its guest: so there is also the longest of as
//! many turns that do nothing but arithmetic, each of them for as long as the median breath.

use crate::machine::thread_time;
use crate::part::{Measured, Sizes};
use crate::room;
use crate::world::{World, config, worn};
use seawall::limits::BURST_FRAMES;
use seawall::service::Discard;
use seawall::time::{Duration, Instant};
use std::hint::black_box;

/// Between two breaths that have nothing to do.
const IDLE: Duration = Duration::from_millis(1);

/// When the segments come. The wheel has 64 ticks a turn, and their timers are not of this turn.
const BEGIN: Instant = Instant::from_nanos(30 << 20);

/// More than a connection at work takes, and its peer.
const BYTES: u64 = 700;

pub(crate) fn longest(sizes: &Sizes) -> anyhow::Result<Measured> {
    room::check_bytes(u64::from(sizes.huge) * BYTES)?;
    // Whoever owes an ACK is at work. Where places are few nobody may: there is an eighth more.
    let mut config = config(sizes.huge + sizes.huge / 8 + BURST_FRAMES as u32, 1);
    config.at_work = Some(config.connections);
    config.tcp.quick_acks = 0;
    let mut world = World::populated(worn(), config, Box::new(Discard));
    world.remember(sizes.huge);
    world.now = BEGIN;
    world.open(0, sizes.huge);
    for first in (0..sizes.huge).step_by(BURST_FRAMES) {
        for n in first..sizes.huge.min(first + BURST_FRAMES as u32) {
            world.say(n);
        }
        world.breathe();
        assert_eq!(world.drain(), 0, "an ACK waits");
    }
    let (mut own, mut wall, mut acks) = (Vec::new(), Vec::new(), 0);
    while acks < sizes.huge as usize {
        let took = world.breathe_once();
        acks += world.drain();
        own.push(took.own);
        wall.push(took.wall);
        let step = if took.is_busy { took.own } else { IDLE };
        world.now = world.now + step;
    }
    own.sort_unstable();
    wall.sort_unstable();
    let idle = longest_of_nothing(own.len(), own[own.len() / 2]);
    let micros = |all: &[Duration], place: usize| {
        let at = all.get(place.min(all.len() - 1));
        at.map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
    };
    Ok(Measured::default()
        .with("max_us", micros(&own, own.len()))
        .with("p9999_us", micros(&own, own.len() * 9999 / 10_000))
        .with("median_us", micros(&own, own.len() / 2))
        .with("nothing_max_us", idle.as_secs_f64() * 1e6)
        .with("wall_max_us", micros(&wall, wall.len()))
        .with("wall_p9999_us", micros(&wall, wall.len() * 9999 / 10_000))
        .with("breaths", own.len() as f64))
}

// The longest of `turns` of arithmetic, in time of this thread, of which most take `usual`.
fn longest_of_nothing(turns: usize, usual: Duration) -> Duration {
    const TRIAL: u64 = 1_000_000;
    let turn = |steps: u64| {
        let began = thread_time();
        black_box((0..steps).fold(1_u64, |state, n| black_box(state).rotate_left(5) ^ n));
        thread_time().saturating_sub(began)
    };
    let of_trial = turn(TRIAL).min(turn(TRIAL)).as_nanos().max(1);
    let steps = (usual.as_nanos() * u128::from(TRIAL) / of_trial) as u64;
    (0..turns).map(|_| turn(steps)).max().unwrap_or_default()
}
