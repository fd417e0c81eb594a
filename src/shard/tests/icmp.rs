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

// What forged errors come in numbers cannot cost: nobody is woken for them.
#[test]
fn a_connection_at_rest_sleeps_on() {
    let mut rig = rig::Rig::new(ShardConfig {
        at_work: Some(1),
        ..ShardConfig::default()
    });
    let from = rig::client(1);
    let syn_ack = rig::open(&mut rig, from).expect("there is room");
    let mut ack = rig::third(50, &syn_ack);
    (ack.seq, ack.ack) = (ack.seq + 1, ack.ack + 1);
    // As our own last segment looks when it is quoted: from us to the peer.
    let mut quoted = rig::Rig::frame(from, ack, b"");
    let (source, destination) = quoted[26..34].split_at_mut(4);
    source.swap_with_slice(destination);
    let (source, destination) = quoted[34..38].split_at_mut(2);
    source.swap_with_slice(destination);
    assert!(rig.ask(from, ack, b"").is_none());
    assert_eq!(rig.shard.at_work(), 0);
    assert!(rig.wire.send_bytes(rig.now, &error(3, 1, &quoted)));
    rig.shard.breathe(rig.now);
    assert_eq!(rig.dropped(DropReason::IcmpIgnored), 1);
    assert_eq!(rig.shard.at_work(), 0);
}

// Two shards with a queue each, and a connection whose segments and errors come by different ones.
#[test]
fn an_error_that_arrives_at_another_shard_reaches_its_connection() {
    let now = Instant::ZERO;
    let meshes = Mesh::new(&[vec![0], vec![0]]).unwrap();
    let [(mut owner, mut wire), (mut other, mut other_wire)] = [(); 2].map(|()| {
        let (ours, wire) = pair(Misfortune::default(), 64);
        let mut shard = Shard::new(ours, ShardConfig::default());
        shard.add_service(Box::new(Told::default()));
        (shard, wire)
    });
    // One that the first shard owns.
    let mut tuples = (10_000..11_000).map(tuple);
    let its_own = tuples.find(|tuple| {
        let hash = owner.table.hash(tuple);
        meshes[0].other_owner(0, hash).is_none()
    });
    owner.open(its_own.unwrap(), link(), 0, 0, now).unwrap();
    for (shard, mesh) in [&mut owner, &mut other].into_iter().zip(meshes) {
        shard.join(mesh);
    }
    owner.breathe(now);
    let syn = wire.take_bytes(now).expect("a SYN was sent");
    assert!(other_wire.send_bytes(now, &error(3, 1, &syn)));
    other.breathe(now);
    assert_eq!(other.counters().handed_over, 1);
    owner.breathe(now);
    let told = owner.service_mut::<Told>(0).unwrap();
    assert_eq!(told.reports, [Report::Icmp(IcmpKind::HostUnreachable)]);
    assert_eq!((owner.len(), owner.counters().icmp_errors), (1, 1));
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
