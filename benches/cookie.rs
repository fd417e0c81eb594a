//! SYNs answered by cookies: what one costs a shard, frame in to frame out, on one core.
//!
//! The port is a store of 64 frames that hold SYNs again at each breath: what is measured is
//! parsing with the checksum verified, the table's miss, the cookie, and the reply in place.
//! Instructions a reply: `perf stat -e instructions:u target/release/deps/cookie-* --bench
//! --profile-time 5`, divided by the replies that it prints.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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

const SERVER: Endpoint = Endpoint {
    address: Address::v4([192, 0, 2, 1]),
    port: 80,
};

/// Brings the same burst of SYNs at each breath, from other ports each time.
struct Flood {
    template: Vec<Vec<u8>>,
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
        for (n, (frame, syn)) in self.store.iter_mut().zip(&self.template).enumerate() {
            frame[..syn.len()].copy_from_slice(syn);
            burst.push(Frame::new(n as u32, syn.len() as u16, 0));
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

fn syn(n: u32, is_v4: bool, timestamps: bool) -> Vec<u8> {
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
    let mut bytes = vec![0; 128];
    let len = headers.emit(&mut bytes).expect("a SYN fits 128 octets");
    bytes.truncate(len);
    bytes
}

fn replies(c: &mut Criterion) {
    let mut group = c.benchmark_group("cookie_reply_64");
    group.throughput(Throughput::Elements(BURST_FRAMES as u64));
    for (name, is_v4, timestamps, checksum) in [
        ("v4", true, true, Checksum::Verify),
        ("v4_no_timestamps", true, false, Checksum::Verify),
        ("v6", false, true, Checksum::Verify),
    ] {
        let config = ShardConfig {
            syn_cookies: SynCookies::Always,
            checksum: vec![checksum],
            ..ShardConfig::default()
        };
        let mut shard = Shard::new(Flood::new(is_v4, timestamps), config);
        let discard = shard.add_service(Box::new(Discard));
        let address = address(is_v4, 1);
        shard.listen(Endpoint { address, ..SERVER }, discard);
        let mut now = Instant::ZERO;
        group.bench_function(name, |b| {
            b.iter(|| {
                now = now + Duration::from_micros(5);
                shard.breathe(now)
            });
        });
        let (sent, cookies) = (shard.port().sent, shard.counters().cookies.sent);
        assert_eq!(sent, cookies, "every SYN was answered by a cookie");
        println!("cookie_reply_64/{name}: {sent} replies");
    }
    group.finish();
}

criterion_group!(benches, replies);
criterion_main!(benches);
