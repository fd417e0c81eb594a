//! Segments of text on open connections, in random order.

use crate::find::numbers;
use crate::part::{Measured, Sizes};
use crate::rounds::Rounds;
use crate::world::{SEGMENTS, TEXT_BYTES, World, config};
use seawall::service::Discard;
use seawall::shard::ShardConfig;
use seawall::time::Duration;

/// A server that throws away what comes on so many open connections.
pub(crate) fn opened(connections: u32) -> World {
    opened_at(connections, config(connections, 1))
}

fn opened_at(connections: u32, config: ShardConfig) -> World {
    let mut world = World::new(config, Box::new(Discard));
    world.remember(connections);
    world.open(0, connections);
    world
}

/// Times one round; `next` says on which connection.
pub(crate) fn round(world: &mut World, next: &mut impl FnMut() -> u32, rounds: &mut Rounds) {
    world.breathed = Duration::ZERO;
    world.say_bursts(next);
    rounds.add(world.breathed, SEGMENTS);
}

/// Breaths alone, of connections that are young, however long it takes: each segment is
/// acknowledged at once.
pub(crate) fn segments(sizes: &Sizes) -> Measured {
    let mut config = config(sizes.large, 1);
    config.tcp.quick_acks = u8::MAX;
    of(opened_at(sizes.large, config), sizes)
}

/// As [`segments`], of connections that are old: each acknowledgment waits for its timer, and all
/// that wait are at work meanwhile.
pub(crate) fn delayed(sizes: &Sizes) -> Measured {
    let mut config = config(sizes.large, 1);
    config.tcp.quick_acks = 0;
    config.at_work = Some(config.connections);
    of(opened_at(sizes.large, config), sizes)
}

fn of(mut world: World, sizes: &Sizes) -> Measured {
    let (mut next, mut rounds) = (numbers(0, sizes.large), Rounds::default());
    for _ in 0..sizes.rounds {
        round(&mut world, &mut next, &mut rounds);
    }
    let counters = world.shard().counters();
    assert_eq!(counters.drops.total(), 0, "nothing was dropped");
    let texts = counters.text_in / TEXT_BYTES as u64;
    assert_eq!(texts, SEGMENTS * u64::from(sizes.rounds), "all delivered");
    Measured::of(rounds)
}

/// What the peers cost, with nobody to hear them.
pub(crate) fn peers_alone(sizes: &Sizes) -> Measured {
    let mut world = World::without_shard();
    world.remember(sizes.large);
    let (mut next, mut rounds) = (numbers(0, sizes.large), Rounds::default());
    for _ in 0..sizes.rounds {
        rounds.time(|| {
            world.say_bursts(&mut next);
            SEGMENTS
        });
    }
    Measured::of(rounds)
}
