//! A load between two shards in memory, in simulated time: what it counts is what the server
//! counts.

mod hold;

use super::*;
use crate::load::{Cause, Close, Pattern, Sources};
use crate::nic::memory::{MemoryPort, Misfortune, pair};
use crate::service::{Conn, Discard, Echo, Http, Service};
use crate::wire::{Address, Endpoint};

const SERVER: Endpoint = Endpoint {
    address: Address::v4([10, 0, 0, 1]),
    port: 80,
};

const LINK: LinkHeader = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

const FRAMES: usize = 8192;

fn plan(pattern: Pattern, close: Close) -> Plan {
    let sources: Sources = "10.0.1.0/24".parse().unwrap();
    let mut plan = Plan::new(SERVER, sources);
    plan.pattern = pattern;
    plan.close = close;
    plan.rate = 20_000;
    plan.connections = Some(500);
    match pattern {
        Pattern::Request => plan.bytes = Some(10_000),
        Pattern::Stream => plan.bytes = Some(20_000),
        Pattern::Hold => plan.duration = Some(Duration::from_secs(3)),
        Pattern::Connect => {}
    }
    plan
}

struct World {
    server: Shard<MemoryPort>,
    load: Generator<MemoryPort>,
    now: Instant,
}

impl World {
    // Nobody listens when there is no service.
    fn new(plan: &Plan, misfortune: Misfortune, service: Option<Box<dyn Service>>) -> Self {
        plan.check().unwrap();
        let (a, b) = pair(misfortune, FRAMES);
        let mut server = Shard::new(a, ShardConfig::default());
        if let Some(service) = service {
            let number = server.add_service(service);
            server.listen(SERVER, number);
        }
        let config = Generator::<MemoryPort>::shard_config(plan);
        Self {
            server,
            load: Generator::new(b, config, plan, LINK),
            now: Instant::ZERO,
        }
    }

    // Until the load is over and the server has seen the end of it too; at most until `limit`.
    fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        let mut is_done = false;
        loop {
            let turn = self.load.turn(self.now);
            let breath = self.server.breathe(self.now);
            is_done |= turn.is_done;
            if turn.is_busy && !turn.is_done || breath.is_busy || breath.received + breath.sent > 0
            {
                continue;
            }
            let arrivals = [&mut self.server, self.load.shard()]
                .map(|shard| shard.port().next_arrival().unwrap_or(Instant::NEVER));
            let arrival = arrivals[0].min(arrivals[1]);
            if is_done && !arrival.is_armed() {
                return;
            }
            let next = if is_done {
                arrival
            } else {
                turn.next.min(arrival)
            };
            let next = next.min(self.server.next_deadline());
            self.now = next.max(self.now + Duration::from_micros(1));
            assert!(self.now < end, "it did not end: {:?}", self.load.tally());
        }
    }
}

/// Closes as soon as it may: at once, or when it has read so many octets.
struct Closer(usize);

impl Service for Closer {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        // user: octets read
        conn.user[0] += conn.rx.unread() as u64;
        conn.rx.clear();
        if conn.user[0] >= self.0 as u64 {
            conn.finish();
        }
    }
}

/// Closes what was open for two seconds, once it is spoken to.
struct Resetter;

impl Service for Resetter {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        if conn.rx.unread() > 0 || conn.rx.is_complete() {
            conn.abort();
        }
    }
}

/// Answers everything by these octets, then closes or stays.
struct Says(&'static [u8], bool);

impl Service for Says {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        if conn.user[0] == 0 {
            conn.user[0] = conn.tx.send(self.0) as u64;
            if self.1 {
                conn.finish();
            }
        } else if conn.rx.is_complete() {
            conn.finish();
        }
    }
}

/// Accepts, and that is all.
struct Silent;

impl Service for Silent {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
    }
}

fn service_for(pattern: Pattern, close: Close) -> Box<dyn Service> {
    match (pattern, close) {
        (Pattern::Request, _) => Box::new(Http::default()),
        (Pattern::Connect, Close::Peer) => Box::new(Closer(0)),
        (Pattern::Stream, Close::Peer) => Box::new(Closer(20_000)),
        (Pattern::Stream, Close::Fin) => Box::new(Echo),
        _ => Box::new(Discard),
    }
}

#[test]
fn what_it_counts_is_what_the_server_counts() {
    let patterns = [
        Pattern::Connect,
        Pattern::Request,
        Pattern::Hold,
        Pattern::Stream,
    ];
    for (pattern, close) in patterns
        .iter()
        .flat_map(|pattern| [Close::Fin, Close::Rst, Close::Peer].map(|close| (*pattern, close)))
        // A server that closes first what is held has to be told when: see below.
        .filter(|pair| *pair != (Pattern::Hold, Close::Peer))
    {
        let plan = plan(pattern, close);
        let mut world = World::new(
            &plan,
            Misfortune::default(),
            Some(service_for(pattern, close)),
        );
        world.run(Duration::from_secs(20));
        let what = format!("{pattern:?} {close:?}");
        let tally = world.load.tally().clone();
        assert_eq!(
            (tally.asked, tally.opened, tally.released),
            (500, 500, 500),
            "{what}"
        );
        assert_eq!((tally.failures(), tally.unstarted()), (0, 0), "{what}");
        let server = world.server.counters().connections;
        assert_eq!(server.accepted, 500, "{what}");
        let by_server = if close == Close::Rst {
            server.reset
        } else {
            server.released
        };
        assert_eq!(by_server, 500, "{what}: {server:?}");
        assert_eq!(server.live(), 0, "{what}");
        for (histogram, len) in [
            (&tally.late, 500),
            (&tally.handshake, 500),
            (&tally.release, 500),
            (&tally.life, 500),
            (
                &tally.first_byte,
                if pattern == Pattern::Request {
                    500
                } else {
                    tally.first_byte.len()
                },
            ),
        ] {
            assert_eq!(histogram.len(), len, "{what}");
        }
        let frames = world.load.shard().port().frames_free();
        assert_eq!(frames, FRAMES, "{what}: every frame is back");
        let states = world.load.counters().states;
        let time_waits = if close == Close::Fin { 500 } else { 0 };
        assert_eq!(
            states.iter().sum::<u64>(),
            time_waits,
            "{what}: nothing but TIME-WAIT"
        );
        assert_eq!(states[State::TimeWait as usize], time_waits, "{what}");
    }
}

#[test]
fn a_bad_network_costs_time_and_no_connection() {
    for seed in 0..3 {
        let misfortune = Misfortune {
            seed,
            loss: 0.05,
            duplicate: 0.05,
            reorder: 0.1,
            delay: Duration::from_millis(2),
            jitter: Duration::from_millis(2),
            ..Misfortune::default()
        };
        for pattern in [Pattern::Request, Pattern::Stream] {
            let mut plan = plan(pattern, Close::Fin);
            plan.timeout = Duration::from_mins(2);
            let service = service_for(pattern, Close::Fin);
            let mut world = World::new(&plan, misfortune, Some(service));
            world.run(Duration::from_mins(5));
            let tally = world.load.tally();
            assert_eq!((tally.released, tally.failures()), (500, 0), "{tally:?}");
            assert!(tally.handshake.max() > 500_000, "some SYN was lost");
        }
    }
}

type Make = fn() -> Option<Box<dyn Service>>;

const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\nabc";
const OTHER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";

/// What a server does, when one connects to it so, and what it is counted as.
type Failing = (&'static str, Pattern, Close, Make, Cause);

#[rustfmt::skip]
const FAILING: &[Failing] = &[
    ("a closed port", Pattern::Connect, Close::Fin, || None, Cause::Refused),
    ("a server that resets", Pattern::Request, Close::Fin, || Some(Box::new(Resetter)), Cause::Rst),
    ("a reset for our FIN", Pattern::Connect, Close::Fin, || Some(Box::new(Resetter)), Cause::Rst),
    ("silence", Pattern::Request, Close::Fin, || Some(Box::new(Silent)), Cause::Timeout),
    ("no FIN for ours", Pattern::Connect, Close::Fin, || Some(Box::new(Silent)), Cause::Timeout),
    ("no FIN before ours", Pattern::Connect, Close::Peer, || Some(Box::new(Discard)), Cause::Timeout),
    ("no HTTP", Pattern::Request, Close::Fin, || Some(Box::new(Says(b"220 mail\r\n\r\n", false))), Cause::Data),
    ("an answer cut short", Pattern::Request, Close::Peer, || Some(Box::new(Says(SHORT, true))), Cause::Data),
    ("an answer of another length", Pattern::Request, Close::Fin, || Some(Box::new(Says(OTHER, false))), Cause::Data),
    ("no echo of ours", Pattern::Stream, Close::Fin, || Some(Box::new(Says(b"no echo", false))), Cause::Data),
    ("half an echo", Pattern::Stream, Close::Fin, || Some(Box::new(Says(b"\0\x01\x02", false))), Cause::Data),
    ("a server that leaves", Pattern::Hold, Close::Fin, || Some(Box::new(Closer(0))), Cause::Data),
    ("a server that hears half", Pattern::Stream, Close::Peer, || Some(Box::new(Closer(1))), Cause::Data),
];

#[test]
fn each_failure_has_its_cause() {
    for (what, pattern, close, make, cause) in FAILING {
        let plan = plan(*pattern, *close);
        let mut world = World::new(&plan, Misfortune::default(), make());
        world.run(Duration::from_secs(30));
        let tally = world.load.tally();
        let failed = tally.failed_by(*cause);
        assert_eq!(
            (tally.released, failed),
            (0, 500),
            "{what}: {:?}",
            tally.failed
        );
        let opened = if *cause == Cause::Refused { 0 } else { 500 };
        assert_eq!(tally.opened, opened, "{what}");
    }
}

#[test]
fn nobody_at_home_is_a_timeout_in_time() {
    let plan = plan(Pattern::Connect, Close::Fin);
    let deaf = Misfortune {
        loss: 1.0,
        ..Misfortune::default()
    };
    let mut world = World::new(&plan, deaf, Some(Box::new(Discard)));
    world.run(Duration::from_secs(30));
    let tally = world.load.tally();
    assert_eq!(tally.failed_by(Cause::Timeout), 500);
    // The last begins after 25 ms and has five seconds.
    assert!(
        tally.span < Duration::from_millis(5_030),
        "{:?}",
        tally.span
    );
}

// A server that stalls for half a second does not stall the schedule: those that were to begin
// meanwhile did, and their latency says how long they waited.
#[test]
fn a_stall_is_not_left_out() {
    let mut plan = plan(Pattern::Connect, Close::Fin);
    plan.rate = 1000;
    plan.connections = Some(1000);
    let mut world = World::new(&plan, Misfortune::default(), Some(Box::new(Discard)));
    let stall = Duration::from_millis(250)..Duration::from_millis(750);
    while !world.load.turn(world.now).is_done {
        if !stall.contains(&(world.now - Instant::ZERO)) {
            world.server.breathe(world.now);
        }
        world.now = world.now + Duration::from_micros(100);
    }
    let tally = world.load.tally();
    assert_eq!((tally.released, tally.failures()), (1000, 0));
    // Half of all met the stall, and waited for 250 ms on average.
    let waited = tally.handshake.value_at_percentile(75.0);
    assert!((200_000..300_000).contains(&waited), "{waited}");
    assert!(tally.handshake.value_at_percentile(45.0) < 1000);
    assert!(tally.late.max() < 1000, "the schedule went on");
}

#[test]
fn a_limit_of_connections_at_once_holds_and_its_wait_is_counted() {
    let mut plan = plan(Pattern::Request, Close::Fin);
    plan.connections = None;
    plan.duration = Some(Duration::from_millis(500));
    plan.rate = 2000;
    plan.concurrency = Some(8);
    let far = Misfortune {
        delay: Duration::from_millis(10),
        ..Misfortune::default()
    };
    let mut world = World::new(&plan, far, Some(Box::new(Http::default())));
    let mut most = 0;
    while !world.load.turn(world.now).is_done {
        world.server.breathe(world.now);
        most = most.max(world.server.counters().connections.live());
        world.now = world.now + Duration::from_micros(100);
    }
    assert!(most <= 8, "{most}");
    let tally = world.load.tally();
    assert_eq!(tally.asked, 1000);
    assert!(
        tally.unstarted() > 500,
        "eight at a time cannot keep up: {}",
        tally.unstarted()
    );
    assert_eq!(tally.released + tally.unstarted(), 1000);
    assert!(tally.handshake.max() > 300_000, "the wait is part of it");
    assert!(tally.span < Duration::from_secs(1), "and it ends on time");
}

#[test]
fn a_load_that_is_stopped_ends_soon_with_everything_counted() {
    for pattern in [Pattern::Connect, Pattern::Hold] {
        let mut plan = plan(pattern, Close::Fin);
        plan.rate = 1000;
        plan.connections = Some(10_000);
        let mut world = World::new(&plan, Misfortune::default(), Some(Box::new(Discard)));
        let step = Duration::from_micros(100);
        while world.now < Instant::ZERO + Duration::from_millis(300) {
            world.load.turn(world.now);
            world.server.breathe(world.now);
            world.now = world.now + step;
        }
        world.load.stop(world.now);
        world.run(Duration::from_secs(2));
        let tally = world.load.tally();
        assert!((300..=301).contains(&tally.asked), "{}", tally.asked);
        assert_eq!((tally.released, tally.failures()), (tally.asked, 0));
    }
}

// Tuples run out and come again, after 2 MSL and not before: the server sees it by its TIME-WAIT
// being taken over, which would be counted.
#[test]
fn tuples_come_again_when_they_have_rested() {
    let mut plan = plan(Pattern::Connect, Close::Rst);
    plan.sources = "10.0.1.1".parse().unwrap();
    plan.rate = 20_000;
    plan.connections = None;
    plan.duration = Some(Duration::from_secs(8));
    plan.timeout = Duration::from_secs(1);
    plan.time_wait = Duration::from_secs(2);
    let mut world = World::new(&plan, Misfortune::default(), Some(Box::new(Discard)));
    world.run(Duration::from_secs(30));
    let tally = world.load.tally();
    assert_eq!((tally.asked, tally.released), (160_000, 160_000));
    assert!(tally.late.max() < 1000, "no start waited for a tuple");
}
