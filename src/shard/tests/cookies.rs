//! Floods and cookies: what strangers cost, and what the honest get.

use super::rig::{Rig, always, client, syn, third, tuple_of};
use super::*;
use crate::drop_reason::DropReason;
use crate::wire::{Ctl, Options, Segment, Seq};
use proptest::prelude::*;

#[test]
fn everything_is_carried_by_connections_that_began_with_a_cookie() {
    run_with(&always(), 100, 10_000, Misfortune::default());
}

#[test]
fn a_syn_answered_by_a_cookie_leaves_nothing_behind() {
    let mut rig = Rig::new(always());
    let blocks = rig.shard.free_blocks();
    for n in 0..10_000 {
        let answer = rig.ask(client(n), syn(n), b"").unwrap().segment;
        assert_eq!(answer.ctl, Ctl::SYN_ACK);
        assert_eq!(answer.ack, Seq(n) + 1);
    }
    assert_eq!(rig.shard.len(), 0);
    assert_eq!(rig.shard.next_deadline(), Instant::NEVER);
    assert_eq!(rig.shard.free_blocks(), blocks);
    assert_eq!(rig.shard.counters().cookies.sent, 10_000);
    // Never sent again, however long nobody answers.
    rig.now = Instant::ZERO + Duration::from_mins(2);
    rig.shard.breathe(rig.now);
    assert_eq!(rig.wire.take_bytes(rig.now), None);
}

#[test]
fn a_syn_ack_is_no_longer_than_its_syn() {
    let mut rig = Rig::new(always());
    for mix in 0..16_u32 {
        let mut segment = syn(mix);
        let has = |bit: u32| mix >> bit & 1 == 1;
        let offered = segment.options;
        segment.options = Options {
            mss: Some(1460),
            window_scale: offered.window_scale.filter(|_| has(1)),
            sack_permitted: has(2),
            timestamps: offered.timestamps.filter(|_| has(3)),
        };
        let asked = Rig::frame(client(mix), segment, b"");
        assert!(rig.wire.send_bytes(rig.now, &asked));
        rig.shard.breathe(rig.now);
        let answer = rig.wire.take_bytes(rig.now).unwrap();
        assert!(answer.len() <= asked.len(), "{mix:04b}");
    }
}

#[test]
fn text_on_the_third_segment_is_delivered() {
    let mut rig = Rig::new(always());
    let syn_ack = rig.ask(client(1), syn(50), b"").unwrap().segment;
    let answer = rig.ask(client(1), third(50, &syn_ack), b"hello").unwrap();
    assert_eq!(answer.segment.text_len, 5, "it is echoed");
    let c = rig.shard.counters();
    assert_eq!((c.connections.accepted, c.cookies.accepted), (1, 1));
}

// The third segment and the text behind it were lost, the FIN was not. The peer sends again what we
// did not see, and a reset would end what it takes for a connection.
#[test]
fn what_overtakes_the_third_segment_harms_nobody() {
    let mut rig = Rig::new(always());
    let syn_ack = rig.ask(client(1), syn(50), b"").unwrap().segment;
    let text = third(50, &syn_ack);
    let more = Segment {
        seq: Seq(51) + 5,
        ..text
    };
    let fin = Segment {
        seq: Seq(51) + 10,
        ctl: Ctl::FIN_ACK,
        ..text
    };
    assert_eq!(rig.ask(client(1), more, b"world"), None);
    assert_eq!(rig.ask(client(1), fin, b""), None);
    assert_eq!(rig.dropped(DropReason::CookieAwaited), 2);
    let answer = rig.ask(client(1), text, b"hello").unwrap().segment;
    assert_eq!(answer.text_len, 5, "it is echoed");
    assert!(rig.ask(client(1), more, b"world").is_some());
    assert!(rig.ask(client(1), fin, b"").is_some());
    let c = rig.shard.counters();
    assert_eq!(
        (c.text_in, c.connections.accepted, c.drops.total()),
        (10, 1, 2)
    );
}

#[test]
fn a_wrong_cookie_is_reset_and_evicts_nobody() {
    let mut rig = Rig::new(always());
    let syn_ack = rig.ask(client(1), syn(50), b"").unwrap().segment;
    rig.ask(client(1), third(50, &syn_ack), b"");
    let wrong = Segment {
        ack: syn_ack.seq + 2,
        ..third(50, &syn_ack)
    };
    for n in 2..1000 {
        let answer = rig.ask(client(n), wrong, b"").unwrap().segment;
        assert_eq!((answer.ctl, answer.seq), (Ctl::RST, wrong.ack));
    }
    // Replayed in another tuple, it is as wrong.
    let replayed = rig.ask(client(2), third(50, &syn_ack), b"").unwrap();
    assert_eq!(replayed.segment.ctl, Ctl::RST);
    assert_eq!(rig.shard.counters().cookies.rejected, 999);
    assert_eq!(rig.dropped(DropReason::CookieWrong), 999);
    assert_eq!(rig.shard.len(), 1);
}

#[test]
fn a_cookie_of_the_epoch_before_last_is_refused() {
    let mut rig = Rig::new(always());
    for (wait, good) in [(60, true), (100, true), (130, false)] {
        let (from, begin) = (client(wait), rig.now);
        let syn_ack = rig.ask(from, syn(50), b"").unwrap().segment;
        // Every epoch is seen: a shard breathes at least a few times a second.
        for second in 1..=u64::from(wait) {
            rig.now = begin + Duration::from_secs(second);
            rig.shard.breathe(rig.now);
        }
        let accepted = rig.shard.counters().cookies.accepted;
        rig.ask(from, third(50, &syn_ack), b"");
        let now = rig.shard.counters().cookies.accepted;
        assert_eq!(now > accepted, good, "{wait} s");
        // The next begins at the start of an epoch.
        let epoch = rig.now.as_millis() / 64_000 + 1;
        rig.now = Instant::ZERO + Duration::from_secs(epoch * 64);
        rig.shard.breathe(rig.now);
    }
}

#[test]
fn auto_keeps_slots_until_too_many_handshakes_are_open() {
    let mut config = ShardConfig::default();
    config.limits.half_open = 100;
    let mut rig = Rig::new(config);
    for n in 0..1000 {
        rig.ask(client(n), syn(n), b"").unwrap();
    }
    let c = rig.shard.counters();
    assert_eq!(c.states[State::SynReceived as usize], 100);
    assert_eq!((c.cookies.sent, c.cookies.switched_on), (900, 1));
    // They are given up after a minute, and then the next SYN has a slot again.
    for second in 1..130 {
        rig.now = Instant::ZERO + Duration::from_secs(second);
        while rig.shard.breathe(rig.now).is_busy {}
        rig.wire.drain(rig.now);
    }
    assert_eq!(rig.shard.len(), 0);
    rig.ask(client(5000), syn(5), b"").unwrap();
    assert_eq!(rig.shard.len(), 1);
    assert_eq!(rig.shard.counters().cookies.switched_off, 1);
}

// RFC 9293 §3.10.7.2 lets a SYN have text. A cookie has no place for it: it is not acknowledged,
// and comes again with the third segment.
#[test]
fn text_on_a_syn_is_left_to_be_sent_again() {
    let mut rig = Rig::new(always());
    let blocks = rig.shard.free_blocks();
    let syn_ack = rig.ask(client(1), syn(50), b"hello").unwrap().segment;
    assert_eq!((syn_ack.ctl, syn_ack.ack), (Ctl::SYN_ACK, Seq(51)));
    assert_eq!((rig.shard.len(), rig.shard.free_blocks()), (0, blocks));
    let answer = rig.ask(client(1), third(50, &syn_ack), b"hello").unwrap();
    assert_eq!(answer.segment.text_len, 5, "it is echoed, once");
    assert_eq!(answer.segment.ack, Seq(51) + 5);
    let c = rig.shard.counters();
    assert_eq!((c.text_in, c.connections.accepted), (5, 1));
    assert_eq!((c.cookies.rejected, c.drops.total()), (0, 0));
}

// Otherwise it would wait in SYN-RECEIVED for ever: its SYN-ACK is out and has no timer.
#[test]
fn a_cookie_whose_text_finds_no_block_takes_no_slot() {
    let mut rig = Rig::new(ShardConfig {
        blocks: 1,
        ..always()
    });
    let syn_ack = rig.ask(client(1), syn(50), b"").unwrap().segment;
    assert_eq!(rig.ask(client(1), third(50, &syn_ack), b"x"), None);
    assert_eq!(rig.dropped(DropReason::NoBuffer), 1);
    assert_eq!(rig.shard.len(), 0);
    // The ACK alone brings the cookie as well.
    rig.ask(client(1), third(50, &syn_ack), b"");
    assert_eq!(rig.shard.counters().connections.accepted, 1);
}

// What arrives together: its frames in their order, and what was sent in its.
fn answers(config: &ShardConfig, frames: &[Vec<u8>], at_once: usize) -> (Vec<Vec<u8>>, Counters) {
    let mut rig = Rig::new(ShardConfig {
        cookies: SharedCookies::new(|_| [5; 16]),
        ..config.clone()
    });
    let mut sent = Vec::new();
    for burst in frames.chunks(at_once) {
        for frame in burst {
            assert!(rig.wire.send_bytes(rig.now, frame));
        }
        rig.shard.breathe(rig.now);
        sent.extend(core::iter::from_fn(|| rig.wire.take_bytes(rig.now)));
    }
    (sent, rig.shard.counters().clone())
}

// One of some peers, and a segment of one of some kinds.
fn stranger() -> impl Strategy<Value = Vec<u8>> {
    let v6 = |n: u8| Endpoint {
        address: Address([0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]),
        port: 1024,
    };
    (0..12_u8, any::<u8>(), 0..12_u8, any::<bool>()).prop_map(move |(kind, n, mix, is_v4)| {
        let from = if is_v4 { client(n.into()) } else { v6(n) };
        let mut segment = syn(n.into());
        let options = &mut segment.options;
        options.timestamps = options.timestamps.filter(|_| mix != 0);
        options.window_scale = options.window_scale.filter(|_| mix != 1);
        options.mss = options.mss.filter(|_| mix != 2);
        segment.ctl = match kind {
            0 => Ctl::ACK,
            1 => Ctl::SYN_ACK,
            2 => Ctl::RST,
            3 => Ctl::FIN_ACK,
            _ => Ctl::SYN,
        };
        let mut frame = Rig::frame(from, segment, b"");
        if kind == 4 {
            frame[40] ^= 1;
        }
        frame
    })
}

proptest! {
    #[test]
    fn strangers_in_a_burst_are_answered_as_if_they_came_one_by_one(
        frames in prop::collection::vec(stranger(), 0..200),
        budget in prop_oneof![Just(0), 1..2000_u32],
    ) {
        let mut config = always();
        config.budgets.syn_ack = budget;
        prop_assert_eq!(answers(&config, &frames, 64), answers(&config, &frames, 1));
    }

    // Those that find a slot are answered at the end of the breath: the order is another.
    #[test]
    fn a_burst_switches_to_cookies_in_its_midst(len in 0..200_u32, half_open in 0..100_u64) {
        let mut config = ShardConfig::default();
        config.limits.half_open = half_open;
        let frames: Vec<_> = (0..len).map(|n| Rig::frame(client(n), syn(n), b"")).collect();
        let [together, apart] = [64, 1].map(|at_once| {
            let (mut sent, counters) = answers(&config, &frames, at_once);
            sent.sort();
            (sent, counters)
        });
        prop_assert_eq!(&together, &apart);
        prop_assert_eq!(together.0.len(), len as usize);
    }
}

// A shard, and another with the same keys that answers SYNs in its place, as the XDP program does.
fn rig_and_other() -> (Rig, Rig) {
    let config = ShardConfig {
        cookies: SharedCookies::new(|_| [5; 16]),
        ..ShardConfig::default()
    };
    let other = ShardConfig {
        syn_cookies: SynCookies::Always,
        ..config.clone()
    };
    let until = Instant::ZERO + Duration::from_mins(10);
    config.cookies.await_until(until);
    (Rig::new(config), Rig::new(other))
}

#[test]
fn a_cookie_that_somebody_else_sent_is_as_good() {
    let (mut rig, mut other) = rig_and_other();
    let syn_ack = other.ask(client(1), syn(50), b"").unwrap().segment;
    let answer = rig.ask(client(1), third(50, &syn_ack), b"hello").unwrap();
    assert_eq!(answer.segment.text_len, 5, "it is echoed");
    let c = rig.shard.counters();
    assert_eq!((c.cookies.sent, c.cookies.accepted), (0, 1));
}

#[test]
fn nobody_awaits_what_others_sent_long_ago() {
    let (mut rig, mut other) = rig_and_other();
    for minutes in [5, 11] {
        (rig.now, other.now) = (
            Instant::ZERO + Duration::from_mins(minutes),
            Instant::ZERO + Duration::from_mins(minutes),
        );
        rig.shard.breathe(rig.now);
        let syn_ack = other.ask(client(1), syn(50), b"").unwrap().segment;
        let answer = rig.ask(client(1), third(50, &syn_ack), b"x").unwrap();
        assert_eq!(answer.segment.ctl.rst, minutes > 10);
        rig.shard.forget_all(rig.now);
        while rig.wire.take_bytes(rig.now).is_some() {}
    }
}

// A connection whose third segment had one octet that was echoed: the server closes it first.
fn close_first(rig: &mut Rig, echoed: Segment) {
    let handle = rig.shard.handle_of(&tuple_of(client(1))).unwrap();
    assert!(rig.shard.close(handle, None, rig.now));
    rig.shard.breathe(rig.now);
    rig.wire.take_bytes(rig.now).expect("our FIN");
    let fin = Segment {
        seq: echoed.seq + 1,
        ack: echoed.ack + 2,
        ctl: Ctl::FIN_ACK,
        ..echoed
    };
    rig.ask(client(1), fin, b"").unwrap();
}

// Old and new connection of a peer that has lost its memory: an old one in each state that a SYN
// answered elsewhere can find.
#[test]
fn a_peer_that_begins_anew_by_a_cookie_is_served() {
    for (old, first) in [
        ("SYN-RECEIVED", 50),
        ("SYN-RECEIVED, its own", 50),
        ("ESTABLISHED", 50),
        ("TIME-WAIT", 50),
        ("TIME-WAIT", 3_000_000_000),
    ] {
        let (mut rig, mut other) = rig_and_other();
        let syn_ack = rig.ask(client(1), syn(first), b"").unwrap().segment;
        let mut fresh = first + 90_000;
        match old {
            "SYN-RECEIVED" => {}
            "SYN-RECEIVED, its own" => fresh = first,
            _ => {
                rig.ask(client(1), third(first, &syn_ack), b"x").unwrap();
            }
        }
        if old == "TIME-WAIT" {
            close_first(&mut rig, third(first, &syn_ack));
        }
        let state = rig.shard.state_of(&tuple_of(client(1))).unwrap();
        assert!(old.starts_with(state.name()), "{old}: {state:?}");

        let syn_ack = other.ask(client(1), syn(fresh), b"").unwrap().segment;
        let text = third(fresh, &syn_ack);
        let answer = rig.ask(client(1), text, b"hello").unwrap().segment;
        assert_eq!((answer.text_len, answer.ctl.rst), (5, false), "{old}");
        assert_eq!(answer.ack, text.seq + 5, "{old}");
        let c = rig.shard.counters();
        let ended = u64::from(old == "ESTABLISHED");
        assert_eq!(c.connections.reset, ended, "{old}");
        assert_eq!((c.cookies.accepted, rig.shard.len()), (1, 1), "{old}");

        // The third segment once more, late: it is of this connection, and ends nothing.
        rig.ask(client(1), text, b"");
        let c = rig.shard.counters();
        assert_eq!(
            (c.cookies.accepted, c.connections.reset),
            (1, ended),
            "{old}"
        );
    }
}

// Of a connection before this one, on its way for long.
#[test]
fn an_old_cookie_does_not_end_a_younger_connection() {
    let (mut rig, mut other) = rig_and_other();
    let older = other.ask(client(1), syn(50), b"").unwrap().segment;
    let younger = other.ask(client(1), syn(90_000), b"").unwrap().segment;
    rig.ask(client(1), third(90_000, &younger), b"x").unwrap();
    let answer = rig.ask(client(1), third(50, &older), b"").unwrap().segment;
    assert_eq!((answer.ctl, answer.ack), (Ctl::ACK, Seq(90_000) + 2));
    assert_eq!(rig.shard.counters().cookies.accepted, 1);

    close_first(&mut rig, third(90_000, &younger));
    rig.ask(client(1), third(50, &older), b"");
    let state = rig.shard.state_of(&tuple_of(client(1)));
    assert_eq!(state, Some(State::TimeWait));
    assert_eq!(rig.shard.counters().cookies.accepted, 1);
}
