//! What is taken without waking its connection has the same answers, and leaves the same behind.

use super::rig::{Rig, client, syn, third, tuple_of};
use super::*;
use crate::tcp::Config;
use crate::wire::{Ctl, Segment, Seq};

/// Does what the first octet of a text says, and counts its calls.
struct Whim;

const READS_HALF: u8 = 1;
const READS_NOTHING: u8 = 2;
const WRITES: u8 = 4;
const FINISHES: u8 = 8;
const CLOSES: u8 = 16;
const ABORTS: u8 = 32;
const HURRIES: u8 = 64;

impl Service for Whim {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.user[0] += 1;
        let Some(&whim) = conn.rx.text().first() else {
            return;
        };
        let has = |bit| whim & bit != 0;
        conn.user[1] = conn.user[1] * 31 + conn.rx.unread() as u64;
        if has(READS_HALF) {
            conn.rx.consume(conn.rx.unread() / 2);
        } else if !has(READS_NOTHING) {
            conn.rx.clear();
        }
        if has(HURRIES) {
            conn.set_no_delay();
        }
        if has(WRITES) {
            conn.tx.send(b"I say");
        }
        if has(FINISHES) {
            conn.finish();
        }
        if has(CLOSES) {
            conn.close();
        }
        if has(ABORTS) {
            conn.abort();
        }
    }
}

fn config(quick_acks: u8) -> ShardConfig {
    ShardConfig {
        connections: 32,
        at_work: Some(32),
        tcp: Config {
            quick_acks,
            ..Config::default()
        },
        ..ShardConfig::default()
    }
}

fn opened(rig: &mut Rig, n: u32) -> Segment {
    let syn_ack = rig.ask(client(n), syn(50), b"").unwrap().segment;
    assert!(rig.ask(client(n), third(50, &syn_ack), b"").is_none());
    syn_ack
}

// All that was sent.
fn frames(rig: &mut Rig) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| rig.wire.take_bytes(rig.now)).collect()
}

fn text_at(seq: Seq, syn_ack: &Segment) -> Segment {
    Segment {
        seq,
        ctl: Ctl {
            psh: true,
            ..Ctl::ACK
        },
        ..third(50, syn_ack)
    }
}

#[test]
fn whatever_a_service_does_the_peer_sees_no_difference() {
    for whim in 0..128 {
        let mut rigs = [(); 2].map(|()| Rig::serving(config(200), Box::new(Whim)));
        let syn_acks = rigs.each_mut().map(|rig| opened(rig, 1));
        assert_eq!(syn_acks[0], syn_acks[1]);
        let handle = rigs[0].shard.handle_of(&tuple_of(client(1))).unwrap();
        let mut next = Seq(51);
        for len in [1_usize, 2, 1000, 64, 1400] {
            let mut text = vec![0; len];
            text[0] = whim;
            let segment = text_at(next, &syn_acks[0]);
            next = next + len as u32;
            // Who was called is at work until it was asked for output, and takes the long way.
            let [short, long] = &mut rigs;
            let settings = long.shard.settings(handle).unwrap_or_default();
            long.shard.set(handle, settings, long.now);
            let answers = [short, long].map(|rig| {
                let bytes = Rig::frame(client(1), segment, &text);
                assert!(rig.wire.send_bytes(rig.now, &bytes));
                rig.now = rig.now + Duration::from_millis(3);
                while rig.shard.breathe(rig.now).is_busy {}
                rig.shard.audit().unwrap();
                let at_work = rig.shard.at_work();
                let counters = rig.shard.counters();
                let counted = (counters.text_in, counters.segments_out, counters.states);
                let words = rig.shard.user_mut(handle).copied();
                let status = rig.shard.status(handle, rig.now);
                let free = rig.shard.free_blocks();
                (frames(rig), at_work, counted, words, status, free)
            });
            assert_eq!(answers[0], answers[1], "whim {whim:#b}, {len} octets");
            let is_only_read = whim & !HURRIES == 0;
            assert!(!is_only_read || answers[0].1 == 0, "it was woken");
        }
    }
}

#[test]
fn a_burst_is_acknowledged_once() {
    let mut rig = Rig::serving(config(200), Box::new(Whim));
    let (syn_ack, other) = (opened(&mut rig, 1), opened(&mut rig, 2));
    for (n, from, syn_ack) in [
        (0, 1, &syn_ack),
        (0, 2, &other),
        (1, 1, &syn_ack),
        (2, 1, &syn_ack),
    ] {
        let bytes = Rig::frame(client(from), text_at(Seq(51 + n), syn_ack), &[0]);
        assert!(rig.wire.send_bytes(rig.now, &bytes));
    }
    rig.shard.breathe(rig.now);
    let acks = frames(&mut rig).into_iter().map(|frame| {
        let packet = crate::wire::parse(&frame, crate::wire::Checksum::Verify).unwrap();
        (packet.tuple.local, packet.segment.ack)
    });
    let mut acks: Vec<_> = acks.collect();
    acks.sort_by_key(|(_, ack)| ack.0);
    assert_eq!(acks, [(client(2), Seq(52)), (client(1), Seq(54))]);
}

// Who waits to acknowledge is at work meanwhile. Nobody is turned away for that.
#[test]
fn where_places_are_few_nobody_waits_to_acknowledge() {
    let config = ShardConfig {
        at_work: Some(16),
        ..config(0)
    };
    let mut rig = Rig::serving(config, Box::new(Whim));
    let peers: Vec<_> = (0..20).map(|n| opened(&mut rig, n)).collect();
    assert_eq!(rig.shard.at_work(), 0);
    for (n, syn_ack) in peers.iter().enumerate() {
        let answer = rig.ask(client(n as u32), text_at(Seq(51), syn_ack), &[0]);
        assert_eq!(answer.is_some(), n >= 15, "{n}");
        rig.shard.audit().unwrap();
    }
    assert_eq!(rig.shard.counters().drops.total(), 0);
    assert_eq!(rig.shard.at_work(), 15);
}

#[test]
fn who_has_closed_is_called_no_more() {
    for (whim, calls) in [(FINISHES | WRITES, 1), (CLOSES | WRITES, 0)] {
        let mut rig = Rig::serving(config(200), Box::new(Whim));
        let syn_ack = opened(&mut rig, 1);
        let handle = rig.shard.handle_of(&tuple_of(client(1))).unwrap();
        let said = rig.ask(client(1), text_at(Seq(51), &syn_ack), &[whim]);
        let said = said.unwrap().segment;
        assert!(said.ctl.fin && said.text_len == 5);
        let before = rig.shard.user_mut(handle).unwrap()[0];
        let acknowledgment = Segment {
            ack: said.seq + said.len(),
            ..text_at(Seq(52), &syn_ack)
        };
        assert!(rig.ask(client(1), acknowledgment, b"").is_none());
        assert_eq!(rig.shard.state_at(handle), Some(State::FinWait2));
        let after = rig.shard.user_mut(handle).unwrap()[0];
        assert_eq!(after - before, calls, "whim {whim:#b}");
    }
}
