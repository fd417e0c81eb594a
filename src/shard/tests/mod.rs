//! Two shards over the in-memory port.

mod calls;
mod cookies;
mod ends;
mod icmp;
mod limits;
mod neighbour;
mod notes;
mod predict;
mod rest;
mod rig;
mod scatter;
mod time_wait;

use super::*;
use crate::nic::memory::{MemoryPort, Misfortune, pair};
use crate::service::{Conn, Service};
use crate::tcp::End;
use crate::time::Duration;
use crate::wire::Address;
use std::sync::{Arc, Mutex};

/// Echoes, and closes when the peer does.
struct Echo;

impl Service for Echo {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        loop {
            let n = conn.tx.send(conn.rx.text());
            if n == 0 {
                break;
            }
            conn.rx.consume(n);
        }
        if conn.rx.is_finished() {
            conn.finish();
        }
    }
}

/// What the clients of a test saw.
#[derive(Default, Debug)]
struct Seen {
    ended: Vec<End>,
    octets: u64,
    wrong: u64,
}

/// Sends `len` octets of a pattern, half-closes, reads all to the end.
struct Client {
    len: u64,
    seen: Arc<Mutex<Seen>>,
}

const fn pattern(at: u64) -> u8 {
    (at % 251) as u8
}

impl Service for Client {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        // user: octets sent, octets read
        while conn.user[0] < self.len {
            let mut text = [0; 1000];
            let n = (self.len - conn.user[0]).min(1000) as usize;
            for (i, octet) in text[..n].iter_mut().enumerate() {
                *octet = pattern(conn.user[0] + i as u64);
            }
            let sent = conn.tx.send(&text[..n]);
            conn.user[0] += sent as u64;
            if sent < n {
                break;
            }
        }
        if conn.user[0] == self.len {
            conn.finish();
        }
        let mut seen = self.seen.lock().unwrap();
        while conn.rx.unread() > 0 {
            let text = conn.rx.text();
            for (i, octet) in text.iter().enumerate() {
                seen.wrong += u64::from(*octet != pattern(conn.user[1] + i as u64));
            }
            let n = text.len();
            conn.user[1] += n as u64;
            seen.octets += n as u64;
            conn.rx.consume(n);
        }
    }

    fn on_end(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], end: End) {
        self.seen.lock().unwrap().ended.push(end);
    }
}

const SERVER: Endpoint = Endpoint {
    address: Address::v4([10, 0, 0, 1]),
    port: 7,
};

fn tuple(port: u16) -> FourTuple {
    FourTuple {
        local: Endpoint {
            address: Address::v4([10, 0, 0, 2]),
            port,
        },
        remote: SERVER,
    }
}

fn link() -> LinkHeader {
    LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

struct World {
    server: Shard<MemoryPort>,
    client: Shard<MemoryPort>,
    now: Instant,
}

impl World {
    fn new(misfortune: Misfortune, config: &ShardConfig) -> Self {
        let (a, b) = pair(misfortune, 4096);
        let mut server = Shard::new(a, config.clone());
        let echo = server.add_service(Box::new(Echo));
        server.listen(SERVER, echo);
        Self {
            server,
            client: Shard::new(b, config.clone()),
            now: Instant::ZERO,
        }
    }

    // Breathes both ends until neither has anything to do now, then jumps to the next event.
    fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..10_000_000_u64 {
            let a = self.server.breathe(self.now);
            let b = self.client.breathe(self.now);
            if a.is_busy || b.is_busy || a.received + a.sent + b.received + b.sent > 0 {
                continue;
            }
            if done(self) {
                return;
            }
            let arrival = [&mut self.server, &mut self.client]
                .map(|s| s.port().next_arrival().unwrap_or(Instant::NEVER));
            let next = arrival[0]
                .min(arrival[1])
                .min(self.server.next_deadline())
                .min(self.client.next_deadline());
            assert!(
                next.is_armed(),
                "nothing will ever happen again: {:?} {:?}",
                self.server.counters(),
                self.client.counters()
            );
            self.now = next.max(self.now + Duration::from_micros(1));
        }
        panic!("it did not end");
    }
}

fn run(connections: u16, len: u64, misfortune: Misfortune) {
    run_with(&ShardConfig::default(), connections, len, misfortune);
}

fn run_with(config: &ShardConfig, connections: u16, len: u64, misfortune: Misfortune) {
    let mut world = World::new(misfortune, config);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let service = world.client.add_service(Box::new(Client {
        len,
        seen: Arc::clone(&seen),
    }));
    let frames = (
        world.server.port().frames_free(),
        world.client.port().frames_free(),
    );
    for port in 0..connections {
        let tuple = tuple(10_000 + port);
        world
            .client
            .open(tuple, link(), 0, service, world.now)
            .unwrap();
    }
    world.run_until(|w| w.server.is_empty() && w.client.is_empty());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.wrong, 0);
    assert_eq!(seen.ended.len(), usize::from(connections));
    assert!(seen.ended.iter().all(|end| *end == End::Closed), "{seen:?}");
    assert_eq!(seen.octets, len * u64::from(connections));
    let free = (
        world.server.port().frames_free(),
        world.client.port().frames_free(),
    );
    assert_eq!(free, frames, "every frame is back");
    for shard in [&world.server, &world.client] {
        assert_eq!(shard.free_blocks(), (config.blocks, config.blocks));
        assert_eq!(shard.counters().states.iter().sum::<u64>(), 0);
        assert_eq!(shard.counters().connections.live(), 0);
    }
}

#[test]
fn a_perfect_wire_carries_everything_without_a_retransmission() {
    run(100, 10_000, Misfortune::default());
}

#[test]
fn nothing_is_lost_over_a_wire_that_loses_a_fifth() {
    for seed in 0..5 {
        run(
            30,
            30_000,
            Misfortune {
                seed,
                loss: 0.2,
                duplicate: 0.1,
                reorder: 0.2,
                delay: Duration::from_millis(5),
                jitter: Duration::from_millis(5),
                ..Misfortune::default()
            },
        );
    }
}

/// Speaks first, and closes first.
struct Speaker;

impl Service for Speaker {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        if conn.user[0] == 0 {
            conn.user[0] = conn.tx.send(b"over") as u64;
        }
        conn.rx.clear();
        conn.finish();
    }
}

// RFC 6191: clients come back to a server that closes first long before its 2 MSL are over.
#[test]
fn a_syn_that_takes_the_place_of_a_time_wait_is_not_a_drop() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let speaker = world.server.add_service(Box::new(Speaker));
    assert!(world.server.stop_listening(&SERVER));
    world.server.listen(SERVER, speaker);
    let client = world.client.add_service(Box::new(Echo));
    for lives in 1..=3 {
        let opened = world
            .client
            .open(tuple(10_000), link(), 0, client, world.now);
        assert!(opened.is_ok());
        world.run_until(|w| w.client.is_empty());
        assert_eq!(
            world.server.counters().states[State::TimeWait as usize],
            1,
            "the server closed first"
        );
        assert_eq!(world.server.counters().connections.released, lives);
        world.now = world.now + Duration::from_millis(10);
    }
    assert_eq!(world.server.counters().drops.total(), 0);
}

#[test]
fn a_shard_that_is_short_of_blocks_is_slow_and_loses_nothing() {
    let config = ShardConfig {
        blocks: 6,
        ..ShardConfig::default()
    };
    run_with(&config, 20, 50_000, Misfortune::default());
}

/// Sends so many octets of the pattern, then closes.
struct Source(u64);

impl Service for Source {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        while conn.user[0] < self.0 {
            if conn.tx.send(&[pattern(conn.user[0])]) == 0 {
                return;
            }
            conn.user[0] += 1;
        }
        conn.finish();
    }
}

// A service whose turn comes because a block is free again, not because something arrived.
#[test]
fn a_service_that_waited_for_a_block_may_close() {
    let config = ShardConfig {
        blocks: 2,
        ..ShardConfig::default()
    };
    let mut world = World::new(Misfortune::default(), &config);
    let source = world.server.add_service(Box::new(Source(5000)));
    assert!(world.server.stop_listening(&SERVER));
    world.server.listen(SERVER, source);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let client = world.client.add_service(Box::new(Client {
        len: 0,
        seen: Arc::clone(&seen),
    }));
    for port in 0..5 {
        let opened = world
            .client
            .open(tuple(10_000 + port), link(), 0, client, world.now);
        assert!(opened.is_ok());
    }
    world.run_until(|w| w.server.is_empty() && w.client.is_empty());
    let seen = seen.lock().unwrap();
    assert_eq!((seen.octets, seen.wrong), (25_000, 0));
    assert_eq!(world.server.counters().states.iter().sum::<u64>(), 0);
}

/// Has nothing to say, and reads when the peer has said all.
#[derive(Default)]
struct Patient(u64);

impl Service for Patient {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.finish();
        if conn.rx.is_complete() {
            self.0 += conn.rx.unread() as u64;
            conn.rx.clear();
        }
    }
}

/// Speaks, and closes when it was heard: its FIN comes alone.
struct Careful;

impl Service for Careful {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        conn.tx.send(&[1; 5000]);
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        if conn.tx.unacknowledged() == 0 {
            conn.finish();
        }
    }
}

// The FIN ends a connection that this side has closed; what came before it is not lost.
#[test]
fn text_that_was_left_unread_can_be_read_when_the_fin_ends_the_connection() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let careful = world.server.add_service(Box::new(Careful));
    assert!(world.server.stop_listening(&SERVER));
    world.server.listen(SERVER, careful);
    let patient = world.client.add_service(Box::new(Patient::default()));
    let opened = world
        .client
        .open(tuple(10_000), link(), 0, patient, world.now);
    assert!(opened.is_ok());
    world.run_until(|w| w.server.is_empty() && w.client.is_empty());
    let read = world.client.service_mut::<Patient>(patient).unwrap().0;
    assert_eq!(read, 5000);
}

#[test]
fn an_open_that_fails_is_told_to_its_service() {
    #[derive(Default)]
    struct Failing(Vec<(End, [u64; 2])>);

    impl Service for Failing {
        fn on_ready(&mut self, _conn: &mut Conn<'_>) {}

        fn on_failed(&mut self, _tuple: &FourTuple, user: &mut [u64; 2], end: End) {
            self.0.push((end, *user));
        }
    }

    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let number = world.client.add_service(Box::new(Failing::default()));
    let mut closed = tuple(10_000);
    closed.remote.port = 9;
    let (server, now) = (tuple(10_001), world.now);
    for (words, tuple) in [([1, 2], closed), ([3, 4], server)] {
        let handle = world.client.open(tuple, link(), 0, number, now).unwrap();
        assert_eq!(world.client.handle_of(&tuple), Some(handle));
        *world.client.user_mut(handle).unwrap() = words;
    }
    // One is aborted before its SYN is out, the other refused.
    let handle = world.client.handle_of(&server).unwrap();
    assert!(world.client.abort(handle, now));
    assert!(!world.client.abort(handle, now), "there is nothing left");
    world.run_until(|w| w.client.is_empty());
    let told = &world.client.service_mut::<Failing>(number).unwrap().0;
    assert_eq!(*told, [(End::Aborted, [3, 4]), (End::Refused, [1, 2])]);
    assert!(world.client.service_mut::<Echo>(number).is_none());
    assert_eq!(world.client.counters().connections.failed, 2);
}

// RFC 9293 §3.10.5, MUST-13.
#[test]
fn an_abort_does_not_cut_time_wait_short() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let speaker = world.client.add_service(Box::new(Speaker));
    let handle = world
        .client
        .open(tuple(10_000), link(), 0, speaker, world.now)
        .unwrap();
    world.run_until(|w| w.client.counters().states[State::TimeWait as usize] == 1);
    let waiting = world.client.handle_of(&tuple(10_000)).unwrap();
    for handle in [handle, waiting] {
        assert!(!world.client.abort(handle, world.now));
    }
    assert_eq!(world.client.state_at(waiting), Some(State::TimeWait));
}
