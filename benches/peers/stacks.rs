//! What a shard and smoltcp are put through, and how it is timed.

use crate::bench::{Bench, Size};
use crate::find::numbers;
use crate::smoltcp::Smoltcp;
use crate::world::{Near, SEGMENTS, SIDE_BY_SIDE, STEP, TEXT_BYTES, World, config};
use seawall::nic::memory::MemoryPort;
use seawall::service::Discard;
use seawall::shard::Shard;
use seawall::tcp::State;
use seawall::time::Duration;

/// Lives of a round.
const LIVES: u32 = 16 * SIDE_BY_SIDE as u32;

/// What can be asked of both when all is over.
pub(crate) trait Stack: Near {
    const NAME: &str;

    /// Connections that are open.
    fn open(&mut self) -> u64;

    /// Octets of text that came.
    fn heard(&mut self) -> u64;

    /// Connections that both sides have released.
    fn ended(&mut self) -> u64;
}

impl Stack for Shard<MemoryPort> {
    const NAME: &str = "seawall";

    fn open(&mut self) -> u64 {
        self.counters().states[State::Established as usize]
    }

    fn heard(&mut self) -> u64 {
        self.counters().text_in
    }

    fn ended(&mut self) -> u64 {
        self.counters().connections.released
    }
}

/// A shard with room for so many connections. Few more: those that end leave at once.
fn shard(connections: u32) -> World {
    let config = config(connections + SIDE_BY_SIDE as u32, 1);
    World::new(config, Box::new(Discard))
}

fn smoltcp(connections: u32) -> World<Smoltcp> {
    World::with(|port| Smoltcp::new(port, connections))
}

pub(crate) fn visit_all(bench: &mut Bench) {
    let sizes = [("1", 1), ("1000", 1000)].map(|(name, connections)| Size { name, connections });
    for size in sizes {
        segment(shard, size, bench);
        segment(smoltcp, size, bench);
        connection(shard, size, bench);
        connection(smoltcp, size, bench);
    }
}

// A world with so many connections open.
fn opened<N: Stack>(make: fn(u32) -> World<N>, connections: u32) -> World<N> {
    let mut world = make(connections);
    world.remember(connections);
    world.open(0, connections);
    assert_eq!(world.near.open(), u64::from(connections), "all are open");
    world
}

fn segment<N: Stack>(make: fn(u32) -> World<N>, size: Size, bench: &mut Bench) {
    let (mut opening, mut next) = (None, numbers(0, size.connections));
    bench.time("segment", size, N::NAME, SEGMENTS, || {
        let world = opening.get_or_insert_with(|| opened(make, size.connections));
        let heard = world.near.heard();
        world.breathed = Duration::ZERO;
        world.say_bursts(&mut next);
        let texts = (world.near.heard() - heard) / TEXT_BYTES as u64;
        assert_eq!(texts, SEGMENTS, "all were delivered");
        world.breathed
    });
}

fn connection<N: Stack>(make: fn(u32) -> World<N>, size: Size, bench: &mut Bench) {
    let side_by_side = size.connections.min(SIDE_BY_SIDE as u32);
    let (mut opening, mut next) = (None, size.connections);
    bench.time("connection", size, N::NAME, LIVES.into(), || {
        let world = opening.get_or_insert_with(|| {
            let mut world = opened(make, size.connections);
            // Those that leave for the others lie scattered among those that stay: who looks at
            // one connection after the other finds them neither first nor last.
            for place in 0..side_by_side {
                world.end(place * (size.connections / side_by_side));
            }
            world
        });
        let ended = world.near.ended();
        world.breathed = Duration::ZERO;
        for _ in 0..LIVES / side_by_side {
            let all: Vec<u32> = (next..next + side_by_side).collect();
            world.visit(&all);
            world.now = world.now + STEP;
            next += side_by_side;
        }
        let lives = world.near.ended() - ended;
        assert_eq!(lives, u64::from(LIVES), "all were released by both sides");
        world.breathed
    });
}
