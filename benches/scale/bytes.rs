//! Memory of a connection, all told: what the process has of its own with a shard that is full, less
//! what it had before there was a shard, divided.
//!
//! The shard has touched all that it touches at start. It has room for connections of one kind
//! alone (each kind has memory of its own), and for so many that what a shard has whatever it holds
//! hardly counts: some 3 MB. The wire is the peers'.

use crate::machine::rss_anonymous;
use crate::part::{Measured, Sizes};
use crate::room;
use crate::world::{SIDE_BY_SIDE, World, config, worn};
use seawall::service::{Discard, Http};
use seawall::tcp::State;

/// Octets that none of them may take.
const TARGET: u64 = 192;

/// An open connection that holds no text.
pub(crate) fn live(sizes: &Sizes) -> anyhow::Result<Measured> {
    room::check_bytes(u64::from(sizes.huge) * TARGET)?;
    let wire = worn();
    let before = rss_anonymous()?;
    // No limit at all is one of twice as many.
    let config = config(sizes.huge, 1);
    let mut world = World::populated(wire, config, Box::new(Discard));
    world.open(0, sizes.huge);
    let open = world.shard().counters().states[State::Established as usize];
    assert_eq!(open, u64::from(sizes.huge), "all are open");
    each(before, sizes.huge)
}

/// A connection in TIME-WAIT.
pub(crate) fn time_wait(sizes: &Sizes) -> anyhow::Result<Measured> {
    let lives = sizes.time_wait / SIDE_BY_SIDE as u32;
    let count = lives * SIDE_BY_SIDE as u32;
    room::check_bytes(u64::from(count) * TARGET)?;
    let wire = worn();
    let before = rss_anonymous()?;
    let config = config(8 * SIDE_BY_SIDE as u32, count);
    let mut world = World::populated(wire, config, Box::new(Http::default()));
    for n in 0..lives {
        world.live(n * SIDE_BY_SIDE as u32);
    }
    let held = world.shard().counters().states[State::TimeWait as usize];
    assert_eq!(held, u64::from(count), "all are in TIME-WAIT");
    each(before, count)
}

fn each(before: u64, connections: u32) -> anyhow::Result<Measured> {
    let bytes = rss_anonymous()?.saturating_sub(before) as f64 / f64::from(connections);
    Ok(Measured::default().with("bytes", bytes))
}
