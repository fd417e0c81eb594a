//! TIME-WAIT as others see it: what is left of it answers as the connection did.

use super::rig::{Rig, client, close_after_speaker, syn, third};
use super::*;
use crate::drop_reason::DropReason;
use crate::tcp::Settings;
use crate::wire::{Checksum, Ctl, Segment, Timestamps, parse};
use core::num::NonZeroU8;

const V6: Endpoint = Endpoint {
    address: Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
    port: 1024,
};

// The server has closed first, and the peer's FIN is the segment that is returned.
fn close_by_server(rig: &mut Rig, from: Endpoint) -> Segment {
    let fin = close_after_speaker(rig, from);
    assert_eq!(time_waits(rig), 1);
    fin
}

fn time_waits(rig: &Rig) -> u64 {
    rig.shard.audit().unwrap();
    rig.shard.counters().states[State::TimeWait as usize]
}

fn rig() -> Rig {
    let mut rig = Rig::serving(ShardConfig::default(), Box::new(Speaker));
    rig.now = Instant::ZERO + Duration::from_micros(1_234_567);
    rig
}

#[test]
fn it_is_held_for_2_msl_and_hardly_longer() {
    for from in [client(1), V6] {
        let mut rig = rig();
        let fin = close_by_server(&mut rig, from);
        let two_msl = rig.shard.config().tcp.time_wait;
        let again = rig.now + Duration::from_secs(40);
        for began in [rig.now, again] {
            let end = rig.shard.next_deadline();
            assert!(end >= began + two_msl, "in full");
            assert!(end <= began + two_msl + Duration::from_millis(8));
            if began != again {
                rig.now = again;
                let answer = rig.ask(from, fin, b"").unwrap().segment;
                assert_eq!((answer.ctl, answer.ack), (Ctl::ACK, fin.seq + 1));
                assert_eq!(time_waits(&rig), 1);
            }
        }
        rig.now = rig.shard.next_deadline();
        rig.shard.breathe(rig.now);
        assert_eq!((time_waits(&rig), rig.shard.len()), (0, 0));
    }
}

// Three duplicates ask for the text once more, and what comes behind them in the same breath needs
// it no more.
#[test]
fn nothing_that_was_to_be_sent_again_keeps_it_in_its_slot() {
    let mut rig = rig();
    let from = client(1);
    let syn_ack = rig.ask(from, syn(50), b"").unwrap().segment;
    let ack = third(50, &syn_ack);
    rig.ask(from, ack, b"").unwrap();
    for _ in 0..3 {
        assert!(rig.wire.send_bytes(rig.now, &Rig::frame(from, ack, b"")));
    }
    let fin = Segment {
        ctl: Ctl::FIN_ACK,
        ack: syn_ack.seq + 6,
        ..ack
    };
    let last = rig.ask(from, fin, b"").unwrap().segment;
    assert_eq!((last.ctl, last.ack), (Ctl::ACK, fin.seq + 1));
    assert_eq!((time_waits(&rig), rig.shard.at_work()), (1, 0));
    assert_eq!(rig.shard.table.len(), 0, "it left its slot");
}

// MUST-48, MUST-49: TTL and DSCP are those that were chosen, IPv6 or not.
#[test]
fn its_segments_leave_as_those_before() {
    let chosen = Settings {
        hop_limit: NonZeroU8::new(255),
        tos: 0xb8,
        ..Settings::default()
    };
    for settings in [Settings::default(), chosen] {
        let mut rig = rig();
        assert!(rig.shard.stop_listening(&SERVER));
        rig.shard.try_listen(SERVER, 0, settings).unwrap();
        let fin = close_by_server(&mut rig, client(1));
        let asked = Rig::frame(client(1), fin, b"");
        assert!(rig.wire.send_bytes(rig.now, &asked));
        rig.shard.breathe(rig.now);
        let answer = rig.wire.take_bytes(rig.now).unwrap();
        let hop_limit = settings.hop_limit.map_or(64, NonZeroU8::get);
        assert_eq!((answer[22], answer[15]), (hop_limit, settings.tos));
        let tuple = parse(&answer, Checksum::Verify).unwrap().tuple.reversed();
        let handle = rig.shard.handle_of(&tuple).unwrap();
        assert!(handle.is_retired());
        assert_eq!(rig.shard.settings(handle), Some(settings));
        let status = rig.shard.status(handle, rig.now).unwrap();
        assert_eq!(status.state, State::TimeWait);
        assert!(status.has_timestamps && status.has_window_scale);
    }
}

// RFC 6191, in a table that is full: the one in TIME-WAIT stays when its successor has no slot.
#[test]
fn nobody_gives_way_to_one_that_is_refused() {
    let mut rig = Rig::serving(
        ShardConfig {
            connections: 1,
            ..ShardConfig::default()
        },
        Box::new(Speaker),
    );
    close_by_server(&mut rig, V6);
    assert!(rig.ask(client(2), syn(7), b"").is_some(), "it has the slot");
    let mut newer = syn(1_000_000);
    newer.options.timestamps = Some(Timestamps { val: 20, ecr: 0 });
    assert_eq!(rig.ask(V6, newer, b""), None);
    assert_eq!(rig.dropped(DropReason::TableFull), 1);
    assert_eq!(time_waits(&rig), 1);
    rig.shard.forget_all(rig.now);
    assert_eq!(rig.shard.len(), 0);
    rig.shard.breathe(rig.now);
    assert!(rig.wire.take_bytes(rig.now).is_some(), "a reset");
    close_by_server(&mut rig, V6);
    let answer = rig.ask(V6, newer, b"").unwrap().segment;
    assert_eq!(answer.ctl, Ctl::SYN_ACK);
    assert_eq!(time_waits(&rig), 0);
}

#[test]
fn nobody_gives_way_where_the_source_has_enough() {
    let mut config = ShardConfig::default();
    config.limits.per_source = 1;
    let mut rig = Rig::serving(config, Box::new(Speaker));
    close_by_server(&mut rig, client(1));
    assert!(rig.ask(client(2), syn(7), b"").is_some(), "the only one");
    let mut newer = syn(1_000_000);
    newer.options.timestamps = Some(Timestamps { val: 20, ecr: 0 });
    assert_eq!(rig.ask(client(1), newer, b""), None);
    assert_eq!(rig.dropped(DropReason::SourceFull), 1);
    assert_eq!(time_waits(&rig), 1);
}

// A SYN to where nobody listens, as anybody may forge one for a connection that we began: no
// connection comes of it, so it is challenged (RFC 9293 §3.10.7.4), and the TIME-WAIT stays.
#[test]
fn nobody_gives_way_where_nobody_listens() {
    let mut rig = rig();
    close_by_server(&mut rig, client(1));
    assert!(rig.shard.stop_listening(&SERVER));
    rig.now = rig.now + Duration::from_secs(1);
    let mut newer = syn(1_000_000);
    newer.options.timestamps = Some(Timestamps { val: 20, ecr: 0 });
    let answer = rig.ask(client(1), newer, b"").unwrap().segment;
    assert_eq!((answer.ctl, time_waits(&rig)), (Ctl::ACK, 1));
}
