//! Memory of a connection, as the growth of what the process has resident.

use crate::machine::rss;
use crate::part::{Measured, Sizes};
use crate::world::{SIDE_BY_SIDE, World, config};
use seawall::service::{Discard, Http};
use seawall::tcp::State;

/// An open connection that holds no text, of a shard that is full of them.
pub(crate) fn live(sizes: &Sizes) -> anyhow::Result<Measured> {
    let before = rss()?;
    let mut world = World::new(config(sizes.large, 0), Box::new(Discard));
    world.open(0, sizes.large);
    let open = world.shard().counters().states[State::Established as usize];
    assert_eq!(open, u64::from(sizes.large), "all are open");
    each(before, sizes.large)
}

/// A connection in TIME-WAIT, of a shard that has little else.
pub(crate) fn time_wait(sizes: &Sizes) -> anyhow::Result<Measured> {
    let before = rss()?;
    let lives = sizes.large / SIDE_BY_SIDE as u32;
    let count = lives * SIDE_BY_SIDE as u32;
    let config = config(8 * SIDE_BY_SIDE as u32, count);
    let mut world = World::new(config, Box::new(Http::default()));
    for n in 0..lives {
        world.live(n * SIDE_BY_SIDE as u32);
    }
    let held = world.shard().counters().states[State::TimeWait as usize];
    assert_eq!(held, u64::from(count), "all are in TIME-WAIT");
    each(before, count)
}

fn each(before: u64, connections: u32) -> anyhow::Result<Measured> {
    let bytes = rss()?.saturating_sub(before) as f64 / f64::from(connections);
    Ok(Measured::default().with("bytes", bytes))
}
