//! A whole shard over the in-memory port, on one thread and in simulated time.
//!
//! `shard_connection` is a life from end to end with both ends counted: handshake, one request,
//! one answer, four-way release and, 100 ms later, the end of TIME-WAIT. Its throughput is
//! connections a second. `shard_segment_64` is a burst of 64 segments that arrive on open
//! connections, with all that the server does about them; its throughput is segments a second.

#[path = "common/ends.rs"]
mod ends;
#[path = "common/frames.rs"]
mod frames;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ends::{SERVER, tuple};
use frames::{LINK, send};
use seawall::limits::BURST_FRAMES;
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::service::{Conn, Discard, Echo, Http, Service};
use seawall::shard::{Breath, Shard, ShardConfig};
use seawall::time::{Duration, Instant};
use seawall::wire::{Checksum, Ctl, FourTuple, Options, Segment, Seq, parse};

const FRAMES: usize = 4096;

/// How far a breath moves the clock. A life takes a handful, so that there are far fewer
/// connections in TIME-WAIT than the table holds.
const STEP: Duration = Duration::from_micros(10);

const REQUEST: &[u8] = b"GET /bytes/100 HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";

fn config() -> ShardConfig {
    let mut config = ShardConfig::default();
    config.tcp.time_wait = Duration::from_millis(100);
    config
}

/// Asks once, reads to the end, closes.
struct Visitor;

impl Service for Visitor {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        conn.tx.send(REQUEST);
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        if conn.rx.is_finished() {
            conn.finish();
        }
    }
}

struct World {
    server: Shard<MemoryPort>,
    client: Shard<MemoryPort>,
    visitor: u16,
    now: Instant,
    asked: u32,
}

impl World {
    fn new() -> Self {
        let (a, b) = pair(Misfortune::default(), FRAMES);
        let (mut server, mut client) = (Shard::new(a, config()), Shard::new(b, config()));
        let http = server.add_service(Box::new(Http::default()));
        server.listen(SERVER, http);
        let visitor = client.add_service(Box::new(Visitor));
        Self {
            server,
            client,
            visitor,
            now: Instant::ZERO,
            asked: 0,
        }
    }

    // `count` lives side by side, until both ends have nothing left to do but wait.
    fn live(&mut self, count: u32) {
        for _ in 0..count {
            let tuple = tuple(self.asked).reversed();
            self.asked += 1;
            let opened = self.client.open(tuple, LINK, 0, self.visitor, self.now);
            opened.expect("a fresh tuple, and a table with room");
        }
        let works = |breath: Breath| breath.is_busy || breath.received + breath.sent > 0;
        loop {
            let worked = works(self.client.breathe(self.now));
            if !works(self.server.breathe(self.now)) && !worked {
                break;
            }
            self.now = self.now + STEP;
        }
    }
}

fn connection(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard_connection");
    for at_once in [1, 64] {
        let mut world = World::new();
        group.throughput(Throughput::Elements(at_once));
        group.bench_function(BenchmarkId::from_parameter(at_once), |b| {
            b.iter(|| world.live(at_once as u32));
        });
        let counters = world.server.counters();
        assert_eq!(
            counters.connections.released,
            u64::from(world.asked),
            "every connection was released by both sides: {counters:?}"
        );
    }
    group.finish();
}

/// The other end of a connection, by hand.
struct Peer {
    /// Seen from here.
    tuple: FourTuple,
    next: Seq,
    acknowledges: Seq,
}

impl Peer {
    fn send(&mut self, port: &mut MemoryPort, now: Instant, ctl: Ctl, text: &[u8]) {
        let segment = Segment {
            seq: self.next,
            ack: self.acknowledges,
            wnd: u16::MAX,
            ctl,
            text_len: text.len() as u32,
            options: Options {
                mss: ctl.syn.then_some(1460),
                // A burst of full segments is more than a window without scale.
                window_scale: ctl.syn.then_some(7),
                ..Options::default()
            },
            ..Segment::default()
        };
        send(port, now, &self.tuple, &segment, text);
        self.next = self.next + segment.len();
    }
}

// A server with `peers` connections open.
struct Opened {
    server: Shard<MemoryPort>,
    far: MemoryPort,
    peers: Vec<Peer>,
    now: Instant,
}

impl Opened {
    fn new(service: Box<dyn Service>, peers: u32) -> Self {
        let (near, mut far) = pair(Misfortune::default(), FRAMES);
        let mut server = Shard::new(near, config());
        let service = server.add_service(service);
        server.listen(SERVER, service);
        let now = Instant::ZERO;
        let open = |n| {
            let mut peer = Peer {
                tuple: tuple(n).reversed(),
                next: Seq(n),
                acknowledges: Seq(0),
            };
            peer.send(&mut far, now, Ctl::SYN, &[]);
            server.breathe(now);
            let syn_ack = far.take_bytes(now).expect("a SYN is answered");
            let syn_ack = parse(&syn_ack, Checksum::Verify).expect("by a good frame");
            peer.acknowledges = syn_ack.segment.seq + 1;
            peer.send(&mut far, now, Ctl::ACK, &[]);
            server.breathe(now);
            peer
        };
        let peers = (0..peers).map(open).collect();
        assert!(server.counters().connections.live() > 0);
        Self {
            server,
            far,
            peers,
            now,
        }
    }

    // A burst of text, from each peer in its turn. Peers acknowledge what was echoed until now.
    fn burst(&mut self, text: &[u8], echoed: u32) {
        let turns = BURST_FRAMES / self.peers.len();
        for _ in 0..turns {
            for peer in &mut self.peers {
                peer.send(&mut self.far, self.now, Ctl::ACK, text);
            }
        }
        for peer in &mut self.peers {
            peer.acknowledges = peer.acknowledges + echoed * turns as u32;
        }
    }
}

type Make = fn() -> Box<dyn Service>;

fn segment(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard_segment_64");
    group.throughput(Throughput::Elements(BURST_FRAMES as u64));
    let cases: [(&str, Make, u32, usize); 4] = [
        ("discard_1460_of_1", || Box::new(Discard), 1, 1460),
        ("discard_1460_of_64", || Box::new(Discard), 64, 1460),
        ("discard_100_of_64", || Box::new(Discard), 64, 100),
        ("echo_100_of_64", || Box::new(Echo), 64, 100),
    ];
    for (name, make, peers, len) in cases {
        let mut world = Opened::new(make(), peers);
        let text = vec![b'x'; len];
        let echoed = if name.starts_with("echo") { len } else { 0 };
        group.bench_function(name, |b| {
            b.iter_custom(|bursts| {
                let mut took = Duration::ZERO;
                for _ in 0..bursts {
                    // Making the frames and taking the answers away is not what is measured.
                    world.burst(&text, echoed as u32);
                    let began = std::time::Instant::now();
                    let breath = world.server.breathe(world.now);
                    took += began.elapsed();
                    assert_eq!(breath.received, BURST_FRAMES);
                    world.now = world.now + STEP;
                    world.far.drain(world.now);
                }
                took
            });
        });
        let counters = world.server.counters();
        assert_eq!(counters.drops.total(), 0, "nothing was dropped");
        assert_eq!(counters.connections.live(), u64::from(peers));
    }
    group.finish();
}

criterion_group!(benches, connection, segment);
criterion_main!(benches);
