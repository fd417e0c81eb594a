//! The data path allocates nothing after start: an allocator that counts says so.

use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::service::{Conn, Http, Service};
use seawall::shard::{Shard, ShardConfig, SynCookies};
use seawall::time::{Duration, Instant};
use seawall::wire::{
    Address, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq, Timestamps,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // The cell is gone while the thread ends, and then nobody asks.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator is unsafe by nature")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Asks for a body that takes several segments, reads it, closes.
struct Visitor;

impl Service for Visitor {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        conn.tx
            .send(b"GET /bytes/20000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        if conn.rx.is_finished() {
            conn.finish();
        }
    }
}

const SERVER: Endpoint = Endpoint {
    address: Address::v4([10, 0, 0, 1]),
    port: 80,
};

struct World {
    ends: Vec<Shard<MemoryPort>>,
    now: Instant,
    next: u16,
}

impl World {
    fn new() -> Self {
        let config = ShardConfig {
            connections: 256,
            ..ShardConfig::default()
        };
        // Loss and disorder, so that retransmission and reassembly are part of it.
        let misfortune = Misfortune {
            seed: 3,
            loss: 0.05,
            reorder: 0.05,
            delay: Duration::from_micros(200),
            ..Misfortune::default()
        };
        let (a, b) = pair(misfortune, 4096);
        let mut ends = vec![Shard::new(a, config.clone()), Shard::new(b, config)];
        let http = ends[0].add_service(Box::new(Http::default()));
        ends[0].listen(SERVER, http);
        ends[1].add_service(Box::new(Visitor));
        Self {
            ends,
            now: Instant::ZERO,
            next: 0,
        }
    }

    // Opens as many connections as there is room for and lets `simulated` go by.
    fn run(&mut self, simulated: Duration) {
        let until = self.now + simulated;
        let link = LinkHeader::new([2; 6], [2; 6]);
        while self.now < until {
            if self.ends[1].len() < 100 {
                let local = Endpoint {
                    address: Address::v4([10, 0, 0, 2]),
                    port: 1024 + self.next % 60_000,
                };
                self.next = self.next.wrapping_add(1);
                let tuple = FourTuple {
                    local,
                    remote: SERVER,
                };
                // A tuple that is still in use is passed over.
                let _ = self.ends[1].open(tuple, link, 0, 0, self.now);
            }
            for end in &mut self.ends {
                end.breathe(self.now);
            }
            self.now = self.now + Duration::from_micros(100);
        }
    }
}

#[test]
fn nothing_is_allocated_after_start() {
    let mut world = World::new();
    let released = |world: &World| world.ends[0].counters().connections.released;
    // The wire between the two, which is no part of the product, grows to its size here.
    world.run(Duration::from_secs(20));
    let (before, done) = (ALLOCATIONS.with(Cell::get), released(&world));
    world.run(Duration::from_secs(40));
    let after = ALLOCATIONS.with(Cell::get);
    let served = released(&world) - done;
    assert!(served > 200, "only {served} connections were served");
    assert!(
        world.ends[0].counters().segments_again > 0,
        "nothing was lost"
    );
    assert_eq!(after - before, 0, "allocations while serving {served}");
}

#[test]
fn ten_million_syns_answered_by_cookies_touch_nothing() {
    const SYNS: u32 = 10_000_000;
    let config = ShardConfig {
        syn_cookies: SynCookies::Always,
        ..ShardConfig::default()
    };
    let (ours, mut wire) = pair(Misfortune::default(), 1024);
    let mut shard = Shard::new(ours, config);
    let http = shard.add_service(Box::new(Http::default()));
    shard.listen(SERVER, http);
    let blocks = shard.free_blocks();
    let mut syn = [0; 128];
    let mut now = Instant::ZERO;
    let mut flood = |shard: &mut Shard<MemoryPort>, syns: u32| {
        for n in 0..syns {
            let len = emit_syn(&mut syn, n);
            assert!(wire.send_bytes(now, &syn[..len]));
            if n % 64 == 63 {
                now = now + Duration::from_micros(64);
                shard.breathe(now);
                assert_eq!(wire.drain(now), 64, "every SYN is answered");
            }
        }
    };
    flood(&mut shard, 64_000); // the wire grows to its size
    let before = ALLOCATIONS.with(Cell::get);
    flood(&mut shard, SYNS);
    let after = ALLOCATIONS.with(Cell::get);
    assert_eq!(after - before, 0);
    assert!(shard.is_empty());
    assert_eq!(shard.next_deadline(), Instant::NEVER);
    assert_eq!(shard.free_blocks(), blocks);
    assert_eq!(shard.counters().cookies.sent, u64::from(SYNS) + 64_000);
}

fn emit_syn(into: &mut [u8], n: u32) -> usize {
    let tuple = FourTuple {
        local: Endpoint {
            address: Address::v4((0xc612_0000 | n & 0x1_ffff).to_be_bytes()),
            port: (n >> 17) as u16 + 1024,
        },
        remote: SERVER,
    };
    let segment = Segment {
        seq: Seq(n.wrapping_mul(0x9e37_79b9)),
        wnd: 64_240,
        ctl: Ctl::SYN,
        options: Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { val: n, ecr: 0 }),
        },
        ..Segment::default()
    };
    let headers = Headers {
        link: &LinkHeader::new([2; 6], [4; 6]),
        tuple: &tuple,
        segment: &segment,
        hop_limit: 64,
        tos: 0,
    };
    headers.emit(into).expect("a SYN fits 128 octets")
}
