//! The demo without a NIC: two of our own shards over the in-memory port, on one thread.

use super::ladder::{Event, Watch, draw};
use super::report::{Run, histogram};
use super::{Stage, TIME_WAIT, crowd_heading, ladder_heading};
use crate::control::clock::Clock;
use crate::nic::memory::{MemoryPort, Misfortune, pair};
use crate::service::{Conn, Daytime, End, Http, Service};
use crate::shard::{Secrets, Shard, ShardConfig};
use crate::time::{Duration, Instant};
use crate::wire::{Address, Endpoint, FourTuple, LinkHeader};
use anyhow::ensure;
use hdrhistogram::Histogram;
use std::io::Write;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections at once.
const CLIENTS: u64 = 64;

/// Frames of each end.
const FRAMES: usize = 4096;

const REQUEST: &[u8] = b"GET /bytes/100 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n";

const SERVER: Address = Address::v4([10, 73, 0, 1]);

pub(super) fn run(stage: &Stage<'_>, out: &mut dyn Write) -> anyhow::Result<Run> {
    one(stage, out)?;
    crowd(stage, out)
}

struct World {
    server: Shard<MemoryPort>,
    client: Shard<MemoryPort>,
    clock: Clock,
}

impl World {
    fn new(connections: usize) -> anyhow::Result<Self> {
        let config = || -> anyhow::Result<ShardConfig> {
            let mut config = ShardConfig {
                connections,
                secrets: Secrets::draw()?,
                ..ShardConfig::default()
            };
            config.tcp.time_wait = TIME_WAIT;
            Ok(config)
        };
        let (a, b) = pair(Misfortune::default(), FRAMES);
        Ok(Self {
            server: Shard::new(a, config()?),
            client: Shard::new(b, config()?),
            clock: Clock::start(),
        })
    }

    fn listen(&mut self, port: u16, service: Box<dyn Service>) {
        let service = self.server.add_service(service);
        let address = SERVER;
        self.server.listen(Endpoint { address, port }, service);
    }

    // Lets both ends breathe once.
    fn breathe(&mut self) {
        let now = self.clock.now();
        let worked = [self.server.breathe(now), self.client.breathe(now)]
            .iter()
            .any(|breath| breath.is_busy || breath.received + breath.sent > 0);
        if !worked {
            std::thread::yield_now();
        }
    }
}

fn link() -> LinkHeader {
    LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

// The n-th client: as many ports as there are, then the next address.
fn tuple(n: u64, port: u16) -> FourTuple {
    const PORTS: u64 = 64_512;
    let [.., high, low] = (2 + n / PORTS).to_be_bytes();
    FourTuple {
        local: Endpoint {
            address: Address::v4([10, 73, high, low]),
            port: (1024 + n % PORTS) as u16,
        },
        remote: Endpoint {
            address: SERVER,
            port,
        },
    }
}

/// Reads to the end, then closes.
struct Reader(Arc<Mutex<Vec<u8>>>);

impl Service for Reader {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        while conn.rx.unread() > 0 {
            let text = conn.rx.text();
            lock(&self.0).extend_from_slice(text);
            let n = text.len();
            conn.rx.consume(n);
        }
        if conn.rx.is_finished() {
            conn.finish();
        }
    }
}

fn one(stage: &Stage<'_>, out: &mut dyn Write) -> anyhow::Result<()> {
    ladder_heading(out)?;
    let mut world = World::new(1024)?;
    let (sender, events) = mpsc::channel();
    world.server.set_tap(Box::new(Watch(sender)));
    world.listen(13, Box::new(Daytime::default()));
    let spoken = Arc::new(Mutex::new(Vec::new()));
    let service = world
        .client
        .add_service(Box::new(Reader(Arc::clone(&spoken))));
    let now = world.clock.now();
    world.client.open(tuple(0, 13), link(), 0, service, now)?;
    let (mut seen, mut closed_at) = (Vec::new(), None);
    while closed_at.is_none() && !stage.is_stopped() {
        world.breathe();
        for event in events.try_iter() {
            match event {
                Event::Segment(segment) => seen.push(segment),
                Event::Closed(at) => closed_at = Some(at),
            }
        }
    }
    write!(out, "{}", draw(&seen, "client", closed_at, TIME_WAIT))?;
    let spoken = lock(&spoken);
    ensure!(
        stage.is_stopped() || !spoken.is_empty(),
        "daytime said nothing"
    );
    let spoken = String::from_utf8_lossy(&spoken);
    writeln!(out, "  It said: {}\n", spoken.trim_end())?;
    Ok(())
}

// What the client's connections leave behind.
struct Tally {
    began: Vec<Instant>,
    opened: u64,
    released: u64,
    failed: u64,
    handshake: Histogram<u64>,
    life: Histogram<u64>,
}

/// Asks once, reads to the end, closes.
struct Visitor {
    tally: Arc<Mutex<Tally>>,
    clock: Clock,
}

// What `began` is filed under: a port is in use by one connection at a time.
fn place(tuple: &FourTuple) -> usize {
    tuple.local.port.into()
}

impl Service for Visitor {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        let mut tally = lock(&self.tally);
        let took = conn.now - tally.began[place(&conn.tuple)];
        tally.opened += 1;
        tally.handshake.saturating_record(took.as_nanos() as u64);
        conn.tx.send(REQUEST);
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        // user: octets read
        conn.user[0] += conn.rx.unread() as u64;
        conn.rx.clear();
        if conn.rx.is_finished() {
            conn.finish();
        }
    }

    fn on_end(&mut self, tuple: &FourTuple, user: &mut [u64; 2], end: End) {
        let mut tally = lock(&self.tally);
        if end == End::Closed && user[0] > 100 {
            let took = self.clock.now() - tally.began[place(tuple)];
            tally.released += 1;
            tally.life.saturating_record(took.as_nanos() as u64);
        } else {
            tally.failed += 1;
        }
    }
}

fn crowd(stage: &Stage<'_>, out: &mut dyn Write) -> anyhow::Result<Run> {
    crowd_heading(out, stage.seconds)?;
    let mut world = World::new(1 << 20)?;
    world.listen(80, Box::new(Http::default()));
    let tally = Arc::new(Mutex::new(Tally {
        began: vec![Instant::ZERO; 1 << 16],
        opened: 0,
        released: 0,
        failed: 0,
        handshake: histogram(),
        life: histogram(),
    }));
    let service = world.client.add_service(Box::new(Visitor {
        tally: Arc::clone(&tally),
        clock: world.clock,
    }));
    let bar = stage.bar();
    let began = world.clock.now();
    let until = began + Duration::from_secs(stage.seconds.into());
    let (mut asked, mut shown) = (0, began);
    loop {
        let now = world.clock.now();
        let over = now >= until || stage.is_stopped();
        let (ended, released) = {
            let tally = lock(&tally);
            (tally.released + tally.failed, tally.released)
        };
        while !over && asked - ended < CLIENTS {
            let tuple = tuple(asked, 80);
            lock(&tally).began[place(&tuple)] = now;
            world.client.open(tuple, link(), 0, service, now)?;
            asked += 1;
        }
        if over && ended == asked {
            break;
        }
        if now - shown > Duration::from_millis(100) {
            shown = now;
            bar.set_position((now - began).as_millis() as u64);
            bar.set_message(format!("{released} connections"));
        }
        world.breathe();
    }
    let seconds = (world.clock.now() - began).as_secs_f64();
    bar.finish_and_clear();
    let counters = world.server.counters().clone();
    let tally = lock(&tally);
    Ok(Run {
        port: "memory",
        opened: tally.opened,
        released: tally.released,
        failed: tally.failed,
        seconds,
        handshake: tally.handshake.clone(),
        life: tally.life.clone(),
        drops: counters
            .drops
            .nonzero()
            .map(|(r, n)| (r.name(), n))
            .collect(),
        counters,
    })
}

// One thread uses these: a lock that is poisoned has nobody to be wrong for.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
