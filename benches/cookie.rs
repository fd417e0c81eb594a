//! SYNs answered by cookies: what one costs a shard, frame in to frame out, on one core.
//!
//! The port is a store of 64 frames that hold SYNs again at each breath: what is measured is
//! parsing with the checksum verified, the table's miss, the cookie, and the reply in place.
//! With `--count` it counts the instructions of a reply instead, the copy of its SYN included, by
//! `perf stat`, or by `valgrind --tool=callgrind` where the machine lends no counters:
//! `cargo bench --bench cookie -- --count`.

#[path = "common/count.rs"]
mod count;

use criterion::{Criterion, Throughput, criterion_group};
use seawall::limits::{BURST_FRAMES, FRAME_BYTES};
use seawall::nic::{Burst, Frame, Port, PortCounters};
use seawall::service::Discard;
use seawall::shard::{Shard, ShardConfig, SynCookies};
use seawall::time::{Duration, Instant};
use seawall::wire::{
    Address, Checksum, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq,
    Timestamps,
};
use std::os::fd::BorrowedFd;

/// How far a breath moves the clock.
const BREATH: Duration = Duration::from_micros(5);

/// The argument by which it runs itself under a counter.
const BREATHE: &str = "--breathe";

/// Octets that a SYN may have: its copy has this length, so that little is measured of it.
const SYN_BYTES: usize = 96;

const SERVER: Endpoint = Endpoint {
    address: Address::v4([192, 0, 2, 1]),
    port: 80,
};

/// Brings the same burst of SYNs at each breath, from other ports each time.
struct Flood {
    template: Vec<([u8; SYN_BYTES], u16)>,
    store: Vec<[u8; FRAME_BYTES]>,
    sent: u64,
}

impl Flood {
    fn new(is_v4: bool, timestamps: bool) -> Self {
        let template = (0..BURST_FRAMES as u32).map(|n| syn(n, is_v4, timestamps));
        Self {
            template: template.collect(),
            store: vec![[0; FRAME_BYTES]; BURST_FRAMES],
            sent: 0,
        }
    }
}

impl Port for Flood {
    fn receive(&mut self, _now: Instant, burst: &mut Burst) {
        for (n, (frame, (syn, len))) in self.store.iter_mut().zip(&self.template).enumerate() {
            frame[..SYN_BYTES].copy_from_slice(syn);
            burst.push(Frame::new(n as u32, *len, 0));
        }
    }

    fn allocate(&mut self, _queue: u16) -> Option<Frame> {
        None
    }

    fn bytes(&self, frame: &Frame) -> &[u8] {
        &self.store[frame.at() as usize][..frame.len()]
    }

    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8] {
        &mut self.store[frame.at() as usize]
    }

    fn transmit(&mut self, _now: Instant, _frame: Frame) {
        self.sent += 1;
    }

    fn release(&mut self, _frame: Frame) {}

    fn flush(&mut self, _now: Instant) {}

    fn wait(&mut self, _timeout: Duration, _wake: Option<BorrowedFd<'_>>) {}

    fn queues(&self) -> usize {
        1
    }

    fn counters(&self) -> PortCounters {
        PortCounters::default()
    }
}

fn address(is_v4: bool, last: u8) -> Address {
    if is_v4 {
        Address::v4([192, 0, 2, last])
    } else {
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        octets[15] = last;
        Address(octets)
    }
}

fn syn(n: u32, is_v4: bool, timestamps: bool) -> ([u8; SYN_BYTES], u16) {
    let tuple = FourTuple {
        local: Endpoint {
            address: address(is_v4, 2 + n as u8),
            port: 1024 + n as u16,
        },
        remote: Endpoint {
            address: address(is_v4, 1),
            ..SERVER
        },
    };
    let segment = Segment {
        seq: Seq(n.wrapping_mul(0x9e37_79b9)),
        wnd: 64_240,
        ctl: Ctl::SYN,
        options: Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: timestamps.then_some(Timestamps { val: n, ecr: 0 }),
        },
        ..Segment::default()
    };
    let link = LinkHeader::new([2; 6], [4; 6]);
    let headers = Headers {
        link: &link,
        tuple: &tuple,
        segment: &segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut bytes = [0; SYN_BYTES];
    let len = headers.emit(&mut bytes).expect("a SYN fits");
    (bytes, len as u16)
}

// Name, family and timestamps of the SYNs that are measured.
const KINDS: [(&str, bool, bool); 3] = [
    ("v4", true, true),
    ("v4_no_timestamps", true, false),
    ("v6", false, true),
];

fn shard(is_v4: bool, timestamps: bool) -> Shard<Flood> {
    let config = ShardConfig {
        syn_cookies: SynCookies::Always,
        checksum: vec![Checksum::Verify],
        ..ShardConfig::default()
    };
    let mut shard = Shard::new(Flood::new(is_v4, timestamps), config);
    let discard = shard.add_service(Box::new(Discard));
    let address = address(is_v4, 1);
    shard.listen(Endpoint { address, ..SERVER }, discard);
    shard
}

fn assert_all_answered(shard: &mut Shard<Flood>) {
    let (sent, cookies) = (shard.port().sent, shard.counters().cookies.sent);
    assert_eq!(sent, cookies, "every SYN was answered by a cookie");
}

fn replies(c: &mut Criterion) {
    let mut group = c.benchmark_group("cookie_reply_64");
    group.throughput(Throughput::Elements(BURST_FRAMES as u64));
    for (name, is_v4, timestamps) in KINDS {
        let mut shard = shard(is_v4, timestamps);
        let mut now = Instant::ZERO;
        group.bench_function(name, |b| {
            b.iter(|| {
                now = now + BREATH;
                shard.breathe(now)
            });
        });
        assert_all_answered(&mut shard);
    }
    group.finish();
}

criterion_group!(benches, replies);

const BREATHS: u64 = 2000;

// Instructions of so many breaths, and of a start.
fn instructions(name: &str, breaths: u64) -> Option<(&'static str, u64)> {
    count::instructions(&[BREATHE, name, &breaths.to_string()])
}

// The difference between a run and one of twice its length: start and end cancel out.
fn count_all() {
    for (name, ..) in KINDS {
        let (once, twice) = (instructions(name, BREATHS), instructions(name, 2 * BREATHS));
        let (Some((counter, once)), Some((_, twice))) = (once, twice) else {
            return println!("neither perf nor valgrind counts instructions here");
        };
        let replies = BREATHS * BURST_FRAMES as u64;
        let each = (twice - once) / replies;
        println!("cookie_reply_64/{name}: {each} instructions a reply ({counter})");
    }
}

fn breathe(name: &str, breaths: u64) {
    let kind = KINDS.iter().find(|kind| kind.0 == name);
    let &(_, is_v4, timestamps) = kind.expect("one of the kinds");
    let mut shard = shard(is_v4, timestamps);
    let mut now = Instant::ZERO;
    for _ in 0..breaths {
        now = now + BREATH;
        shard.breathe(now);
    }
    assert_all_answered(&mut shard);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [BREATHE, name, breaths] => breathe(name, breaths.parse().expect("a number of breaths")),
        _ if arguments.contains(&"--count") => count_all(),
        _ => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
