//! The longest breath while the timers of all connections are due at one instant.
//!
//! Each connection has received a segment at the same moment, and so owes its ACK at the same
//! moment; the wheel has to file all of them anew on the way. The clock of the shard goes on by
//! what its breaths take.

use crate::part::{Measured, Sizes};
use crate::room;
use crate::world::{World, config};
use seawall::limits::BURST_FRAMES;
use seawall::service::Discard;
use seawall::time::{Duration, Instant};

/// Between two breaths that have nothing to do.
const IDLE: Duration = Duration::from_millis(1);

/// When the segments come. The wheel has 64 ticks a turn, and their timers are not of this turn.
const BEGIN: Instant = Instant::from_nanos(30 << 20);

pub(crate) fn longest(sizes: &Sizes) -> anyhow::Result<Measured> {
    room::check(sizes.huge, 0)?;
    let mut config = config(sizes.huge, 0);
    config.tcp.quick_acks = 0;
    let mut world = World::new(config, Box::new(Discard));
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
    let (mut all, mut preempted, mut acks) = (Vec::new(), 0, 0);
    while acks < sizes.huge as usize {
        let (took, is_busy) = world.breathe_once();
        acks += world.drain();
        all.extend(took);
        preempted += u32::from(took.is_none());
        world.now = world.now
            + if is_busy {
                took.unwrap_or_default()
            } else {
                IDLE
            };
    }
    all.sort_unstable();
    let micros = |place: usize| all.get(place).map_or(f64::NAN, |d| d.as_secs_f64() * 1e6);
    Ok(Measured::default()
        .with("max_us", micros(all.len().saturating_sub(1)))
        .with("p9999_us", micros(all.len() * 9999 / 10_000))
        .with("median_us", micros(all.len() / 2))
        .with("breaths", all.len() as f64)
        .with("preempted", f64::from(preempted)))
}
