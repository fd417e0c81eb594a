//! ARP, ND and ping for addresses that are ours alone. Frames are made in `wire`'s tests; here is
//! who is answered, by which Ethernet address, how often, and what is counted.

use super::*;
use crate::drop_reason::DropReason;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const ASKER: [u8; 6] = [2, 0, 0, 0, 0, 2];

struct Rig {
    shard: Shard<MemoryPort>,
    wire: MemoryPort,
    now: Instant,
}

impl Rig {
    fn new(neighbour: u32) -> Self {
        let mut config = ShardConfig {
            macs: vec![MAC],
            ..ShardConfig::default()
        };
        config.budgets.neighbour = neighbour;
        let (ours, wire) = pair(Misfortune::default(), 256);
        Self {
            shard: Shard::new(ours, config),
            wire,
            now: Instant::ZERO,
        }
    }

    fn ask(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        assert!(self.wire.send_bytes(self.now, frame));
        self.shard.breathe(self.now);
        self.wire.take_bytes(self.now)
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.shard.counters().drops.of(reason)
    }
}

fn arp(from: [u8; 4], about: [u8; 4]) -> Vec<u8> {
    let header = [0, 1, 8, 0, 6, 4, 0, 1];
    let link = [&[0xff; 6], &ASKER[..], &[8, 6]].concat();
    [&link, &header[..], &ASKER, &from, &[0; 6], &about].concat()
}

const OURS: [u8; 4] = [10, 0, 0, 1];
const PEER: [u8; 4] = [10, 0, 0, 2];

#[test]
fn an_address_of_ours_is_answered_for_and_no_other() {
    let mut rig = Rig::new(0);
    assert_eq!(rig.ask(&arp(PEER, OURS)), None);
    assert_eq!(rig.dropped(DropReason::NotIp), 1, "nothing is ours yet");

    rig.shard.answer_for(Address::v4(OURS));
    let reply = rig.ask(&arp(PEER, OURS)).unwrap();
    assert_eq!((&reply[..6], &reply[6..12]), (&ASKER[..], &MAC[..]));
    assert_eq!(&reply[22..32], [&MAC[..], &OURS].concat());
    assert_eq!(rig.shard.counters().neighbour_replies, 1);

    assert_eq!(rig.ask(&arp(PEER, PEER)), None);
    assert_eq!(rig.dropped(DropReason::NeighbourNotOurs), 1);
    assert_eq!(rig.ask(&arp(OURS, OURS)), None);
    assert_eq!(rig.dropped(DropReason::AddressConflict), 1);
    let mut from_a_group = arp(PEER, OURS);
    from_a_group[6] = 0xff;
    assert_eq!(rig.ask(&from_a_group), None);
    assert_eq!(rig.dropped(DropReason::NeighbourMalformed), 1);
    assert_eq!(rig.shard.counters().drops.total(), 4);
    assert_eq!(rig.shard.counters().neighbour_replies, 1);
}

#[test]
fn answers_have_a_budget_and_every_frame_comes_back() {
    let mut rig = Rig::new(100);
    rig.shard.answer_for(Address::v4(OURS));
    let free = rig.shard.port().frames_free();
    let answered = (0..2000)
        .filter(|_| {
            rig.now = rig.now + Duration::from_millis(1);
            rig.ask(&arp(PEER, OURS)).is_some()
        })
        .count() as u64;
    assert!((200..=212).contains(&answered), "{answered}");
    assert_eq!(rig.shard.counters().neighbour_replies, answered);
    assert_eq!(rig.dropped(DropReason::ReplyBudget), 2000 - answered);
    assert_eq!(rig.shard.port().frames_free(), free);
}

// RFC 792. The budget of pings is their own: others can still find us.
#[test]
fn a_flood_of_pings_does_not_hide_us() {
    let mut rig = Rig::new(10);
    rig.shard.answer_for(Address::v4(OURS));
    let ping = ping();
    while rig.ask(&ping).is_some() {}
    assert_eq!(rig.shard.counters().echo_replies, 2);
    assert_eq!(rig.dropped(DropReason::ReplyBudget), 1);
    assert!(rig.ask(&arp(PEER, OURS)).is_some());
}

// From the peer to us, its checksums right.
fn ping() -> Vec<u8> {
    let link = [&MAC[..], &ASKER, &[8, 0]].concat();
    let ip = [
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 2, 10, 0, 0, 1,
    ];
    let echo = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    [&link[..], &ip, &echo].concat()
}
