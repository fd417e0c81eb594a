//! ICMP errors from a frame to the connection, and what its service learns (MUST-54).

use super::*;
use crate::drop_reason::DropReason;
use crate::tcp::Report;
use crate::wire::IcmpKind;

/// What a client was told, and how it failed.
#[derive(Default)]
struct Told {
    reports: Vec<Report>,
    failed: Vec<End>,
}

impl Service for Told {
    fn on_ready(&mut self, _conn: &mut Conn<'_>) {}

    fn on_report(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], report: Report) {
        self.reports.push(report);
    }

    fn on_failed(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], end: End) {
        self.failed.push(end);
    }
}

struct Rig {
    shard: Shard<MemoryPort>,
    wire: MemoryPort,
    now: Instant,
    service: u16,
}

impl Rig {
    // With a SYN on its way, and the frame that holds it.
    fn new() -> (Self, Vec<u8>) {
        let (ours, mut wire) = pair(Misfortune::default(), 256);
        let mut shard = Shard::new(ours, ShardConfig::default());
        let service = shard.add_service(Box::new(Told::default()));
        let now = Instant::ZERO;
        shard.open(tuple(10_000), link(), 0, service, now).unwrap();
        shard.breathe(now);
        let syn = wire.take_bytes(now).expect("a SYN was sent");
        let rig = Self {
            shard,
            wire,
            now,
            service,
        };
        (rig, syn)
    }

    fn receive(&mut self, frame: &[u8]) {
        assert!(self.wire.send_bytes(self.now, frame));
        self.shard.breathe(self.now);
    }

    fn told(&mut self) -> &Told {
        self.shard.service_mut(self.service).unwrap()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.shard.counters().drops.of(reason)
    }
}

fn checksum(octets: &[u8]) -> [u8; 2] {
    let words = octets
        .chunks(2)
        .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!(((folded & 0xffff) + (folded >> 16)) as u16)).to_be_bytes()
}

// A router's error about the packet in `frame`, as much of it as RFC 792 wants quoted.
fn error(kind: u8, code: u8, frame: &[u8]) -> Vec<u8> {
    let quoted = &frame[14..14 + 28];
    let mut message = [&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat();
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum);
    let ours = &frame[26..30];
    let mut ip = [
        0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 254, 0, 0, 0, 0,
    ];
    ip[16..].copy_from_slice(ours);
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    [&frame[6..12], &frame[..6], &[8, 0], &ip, &message].concat()
}

#[test]
fn a_soft_error_is_told_and_the_syn_goes_on() {
    let (mut rig, syn) = Rig::new();
    rig.receive(&error(3, 1, &syn));
    let want = Report::Icmp(IcmpKind::HostUnreachable);
    assert_eq!(rig.told().reports, [want]);
    assert_eq!((rig.shard.len(), rig.shard.counters().icmp_errors), (1, 1));
}

// SHLD-26
#[test]
fn a_hard_error_ends_an_open() {
    let (mut rig, syn) = Rig::new();
    let free = rig.shard.port().frames_free();
    rig.receive(&error(3, 3, &syn));
    assert_eq!(rig.told().failed, [End::Unreachable]);
    assert!(rig.shard.is_empty());
    assert_eq!(rig.shard.port().frames_free(), free);
}

// MUST-55, RFC 5927 §4.1: each is counted, and nothing is answered.
#[test]
fn what_is_no_concern_of_a_connection_is_ignored() {
    let (mut rig, syn) = Rig::new();
    let with = |at: usize| {
        let mut other = syn.clone();
        other[at] ^= 1;
        other
    };
    for (what, frame, reason) in [
        (
            "another port",
            error(3, 3, &with(35)),
            DropReason::IcmpIgnored,
        ),
        (
            "another number",
            error(3, 3, &with(41)),
            DropReason::IcmpIgnored,
        ),
        ("source quench", error(4, 0, &syn), DropReason::NotTcp),
    ] {
        let before = rig.dropped(reason);
        rig.receive(&frame);
        assert_eq!(rig.dropped(reason), before + 1, "{what}");
    }
    assert_eq!((rig.shard.len(), rig.shard.counters().icmp_errors), (1, 0));
    assert!(rig.told().reports.is_empty());
    assert_eq!(rig.wire.take_bytes(rig.now), None);
}
