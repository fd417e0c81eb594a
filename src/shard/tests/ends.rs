//! The ends of a connection: which addresses OPEN takes, and that they stay (RFC 9293 §3.9.1.1).

use super::rig::{self, Rig, client};
use super::*;
use crate::drop_reason::DropReason;
use crate::tcp::Settings;
use crate::wire::{Checksum, Ctl, Headers, Packet, Segment, Seq, parse};

const OTHER: Address = Address::v4([10, 0, 0, 3]);

// MUST-42: one way round and the other; the listener answers meanwhile.
#[test]
fn one_port_listens_and_opens_at_once() {
    let mut rig = Rig::new(ShardConfig::default());
    let away = |port| {
        rig::tuple_of(Endpoint {
            address: OTHER,
            port,
        })
    };
    let opened = rig.shard.open(away(80), link(), 0, 0, rig.now);
    let first = opened.unwrap();
    assert!(rig.shard.stop_listening(&SERVER));
    let again = rig.shard.try_listen(SERVER, 0, Settings::default());
    assert_eq!(again, Ok(()));
    let second = rig.shard.open(away(81), link(), 0, 0, rig.now).unwrap();
    rig.shard.breathe(rig.now);
    for _ in 0..2 {
        let syn = rig.wire.take_bytes(rig.now).expect("two SYNs");
        assert_eq!(parse(&syn, Checksum::Verify).unwrap().segment.ctl, Ctl::SYN);
    }
    let answer = rig.ask(client(1), rig::syn(50), b"").unwrap();
    assert_eq!(answer.segment.ctl, Ctl::SYN_ACK);
    for handle in [first, second] {
        assert_eq!(rig.shard.state_at(handle), Some(State::SynSent));
    }
}

// MUST-43
#[test]
fn a_listener_at_one_address_does_not_hear_another() {
    let (ours, mut wire) = pair(Misfortune::default(), 64);
    let mut shard = Shard::new(ours, ShardConfig::default());
    let service = shard.add_service(Box::new(Echo));
    shard.listen(SERVER, service);
    for (address, want) in [(SERVER.address, Ctl::SYN_ACK), (OTHER, Ctl::RST_ACK)] {
        let tuple = FourTuple {
            local: client(1),
            remote: Endpoint { address, ..SERVER },
        };
        let frame = frame(&tuple, &rig::syn(50));
        assert!(wire.send_bytes(Instant::ZERO, &frame));
        shard.breathe(Instant::ZERO);
        let answer = wire.take_bytes(Instant::ZERO).unwrap();
        let answer = parse(&answer, Checksum::Verify).unwrap();
        assert_eq!(answer.segment.ctl, want);
    }
}

// MUST-45: SYN, ACK, text, FIN, and the reset of an abort.
#[test]
fn every_segment_of_a_connection_is_from_the_address_of_its_syn() {
    let (ours, mut wire) = pair(Misfortune::default(), 64);
    let mut shard = Shard::new(ours, ShardConfig::default());
    let service = shard.add_service(Box::new(Speaker));
    let now = Instant::ZERO;
    let tuple = FourTuple {
        local: Endpoint {
            address: OTHER,
            port: 10_000,
        },
        remote: SERVER,
    };
    let handle = shard.open(tuple, link(), 0, service, now).unwrap();
    let mut seen = Vec::new();
    let mut say = |shard: &mut Shard<MemoryPort>, segment: Option<Segment>| -> Segment {
        if let Some(segment) = segment {
            assert!(wire.send_bytes(now, &frame(&tuple.reversed(), &segment)));
        }
        shard.breathe(now);
        let mut last = None;
        while let Some(bytes) = wire.take_bytes(now) {
            let packet: Packet = parse(&bytes, Checksum::Verify).unwrap();
            assert_eq!(packet.tuple, tuple.reversed());
            seen.push(packet.segment.ctl);
            last = Some(packet.segment);
        }
        last.expect("it says something")
    };
    let syn = say(&mut shard, None);
    let syn_ack = Segment {
        seq: Seq(300),
        ack: syn.seq + 1,
        wnd: 1000,
        ctl: Ctl::SYN_ACK,
        ..Segment::default()
    };
    let fin = say(&mut shard, Some(syn_ack));
    assert!(fin.ctl.fin && fin.text_len == 4);
    assert!(shard.abort(handle, now));
    let reset = say(&mut shard, None);
    assert!(reset.ctl.rst);
    assert_eq!(seen.len(), 3, "{seen:?}");
}

// MUST-46
#[test]
fn an_open_to_what_is_no_host_is_an_error() {
    let (ours, mut wire) = pair(Misfortune::default(), 64);
    let mut shard = Shard::new(ours, ShardConfig::default());
    let service = shard.add_service(Box::new(Echo));
    let remote = |text: &str| -> Endpoint {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        socket.into()
    };
    for text in [
        "224.0.0.1:80",
        "239.255.255.255:80",
        "255.255.255.255:80",
        "0.0.0.0:80",
        "[ff02::1]:80",
        "[::]:80",
    ] {
        let opened = shard.open(
            rig::tuple_of(remote(text)),
            link(),
            0,
            service,
            Instant::ZERO,
        );
        assert_eq!(opened, Err(OpenError::InvalidRemote), "{text}");
    }
    shard.breathe(Instant::ZERO);
    assert_eq!(wire.take_bytes(Instant::ZERO), None);
    assert!(shard.is_empty());
}

// What scanners send: answered where nobody listens, as far as the budget of resets goes; dropped
// by name where somebody does. Neither costs a slot.
#[test]
fn scans_are_answered_within_the_budget_and_cost_nothing() {
    const SCANS: u64 = 1000;
    let mut rig = Rig::new(ShardConfig {
        budgets: Budgets {
            reset: 10,
            ..Budgets::default()
        },
        ..ShardConfig::default()
    });
    let free = rig.shard.port().frames_free();
    let scan = |n: u64| Segment {
        seq: Seq(n as u32),
        ctl: Ctl::from_byte([0, 0b00_0001, 0b10_1001][n as usize % 3]),
        ..Segment::default()
    };
    for n in 0..SCANS {
        assert_eq!(rig.ask(client(n as u32), scan(n), b""), None);
    }
    assert_eq!(rig.dropped(DropReason::FlagsInvalid), SCANS);
    assert!(rig.shard.stop_listening(&SERVER));
    let answers: u64 = (0..SCANS)
        .map(|n| u64::from(rig.ask(client(n as u32), scan(n), b"").is_some()))
        .sum();
    assert!((1..=2).contains(&answers), "{answers}");
    assert_eq!(rig.dropped(DropReason::NoConnection), answers);
    assert_eq!(rig.dropped(DropReason::ReplyBudget), SCANS - answers);
    assert!(rig.shard.is_empty());
    assert_eq!(rig.shard.port().frames_free(), free);
}

/// Closes at once, and aborts when the peer has said the last word.
struct Impatient;

impl Service for Impatient {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.finish();
        if conn.rx.is_complete() {
            conn.abort();
        }
    }
}

// MUST-13: in the very segment that leads there.
#[test]
fn an_abort_on_the_last_text_does_not_cut_time_wait_short() {
    let mut rig = Rig::serving(ShardConfig::default(), Box::new(Impatient));
    let (from, bare) = (client(1), crate::wire::Options::default());
    let opening = Segment {
        options: bare,
        ..rig::syn(50)
    };
    let syn_ack = rig.ask(from, opening, b"").unwrap().segment;
    let fin = rig
        .ask(from, rig::third(50, &syn_ack), b"")
        .unwrap()
        .segment;
    assert!(fin.ctl.fin);
    let last = Segment {
        seq: Seq(51),
        ack: fin.seq + 1,
        ctl: Ctl::FIN_ACK,
        ..rig::third(50, &syn_ack)
    };
    let answer = rig.ask(from, last, b"bye").unwrap().segment;
    assert_eq!((answer.ctl, answer.ack), (Ctl::ACK, Seq(55)));
    let state = rig.shard.state_of(&rig::tuple_of(from));
    assert_eq!(state, Some(State::TimeWait));
}

fn frame(tuple: &FourTuple, segment: &Segment) -> Vec<u8> {
    let headers = Headers {
        link: &link(),
        tuple,
        segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut bytes = vec![0; headers.len()];
    assert_eq!(headers.emit(&mut bytes), Some(bytes.len()));
    bytes
}
