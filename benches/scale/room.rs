//! Is there memory enough? Nobody is served by a machine that kills something else.

use crate::machine::{available, rss};
use crate::world::{SIDE_BY_SIDE, World, config};
use anyhow::ensure;
use seawall::service::Http;

/// What is left to everybody else.
const SPARE_BYTES: u64 = 1 << 30;

/// A fiftieth tells what the whole will need.
const SHARE: u32 = 50;

/// Refuses when there is no room for a shard with so many connections.
pub(crate) fn check(live: u32, time_wait: u32) -> anyhow::Result<()> {
    let burst = SIDE_BY_SIDE as u32;
    let before = rss()?;
    let (some, ended) = (live / SHARE, time_wait / SHARE / burst * burst);
    let mut world = World::new(
        config(some + 8 * burst, ended.max(1)),
        Box::new(Http::default()),
    );
    world.open(0, some);
    for first in (some..some + ended).step_by(SIDE_BY_SIDE) {
        world.live(first);
    }
    check_bytes(rss()?.saturating_sub(before) * u64::from(SHARE))
}

/// Refuses when there are not so many octets.
pub(crate) fn check_bytes(needs: u64) -> anyhow::Result<()> {
    let there = available()?;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    ensure!(
        needs + SPARE_BYTES < there,
        "left out: needs {:.1} GiB and one to spare; {:.1} GiB are available",
        gib(needs),
        gib(there),
    );
    Ok(())
}
