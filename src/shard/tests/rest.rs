//! Connections on which nothing is under way: they are laid to rest, and nobody sees a difference.

use super::rig::{Rig, client, open, syn, third, tuple_of};
use super::*;
use crate::drop_reason::DropReason;
use crate::tcp::{KeepAlive, Settings};
use crate::wire::{Segment, Seq};
use core::num::{NonZeroU8, NonZeroU16};

/// Text of the peer's: the n-th octet of `open` was the first.
fn text(syn_ack: &Segment, sent: u32) -> Segment {
    Segment {
        seq: Seq(51) + sent,
        ack: syn_ack.seq + 1 + sent,
        ..third(50, syn_ack)
    }
}

// Opens a connection, and acknowledges its echo: nothing is under way.
fn opened(rig: &mut Rig, n: u32) -> (Handle, Segment) {
    let syn_ack = open(rig, client(n)).expect("there is room");
    assert!(rig.ask(client(n), text(&syn_ack, 1), b"").is_none());
    (handle(rig, n), syn_ack)
}

fn handle(rig: &Rig, n: u32) -> Handle {
    rig.shard
        .handle_of(&tuple_of(client(n)))
        .expect("it is there")
}

fn limited(at_work: usize) -> Rig {
    Rig::new(ShardConfig {
        connections: 16,
        at_work: Some(at_work),
        ..ShardConfig::default()
    })
}

#[test]
fn whoever_has_nothing_under_way_is_at_rest() {
    let mut rig = Rig::new(ShardConfig::default());
    for n in 0..100 {
        let (_, syn_ack) = opened(&mut rig, n);
        assert_eq!(rig.shard.at_work(), 0);
        let echo = rig.ask(client(n), text(&syn_ack, 1), b"hello").unwrap();
        assert_eq!((echo.segment.text_len, rig.shard.at_work()), (5, 1));
        assert!(rig.ask(client(n), text(&syn_ack, 6), b"").is_none());
        assert_eq!(rig.shard.at_work(), 0);
        rig.shard.audit().unwrap();
    }
    let counters = rig.shard.counters();
    assert_eq!(counters.states[State::Established as usize], 100);
    assert_eq!(counters.drops.total(), 0);
}

#[test]
fn at_rest_it_looks_as_it_does_at_work() {
    let mut rig = Rig::new(ShardConfig::default());
    let (handle, _) = opened(&mut rig, 1);
    let settings = Settings {
        tos: 0xb8,
        hop_limit: NonZeroU8::new(9),
        keep_alive: Some(KeepAlive::default()),
        ..Settings::default()
    };
    let look = |rig: &mut Rig| {
        let shard = &mut rig.shard;
        let seen = (
            shard.at_work(),
            shard.settings(handle),
            shard.received_tos(handle),
            shard.user_mut(handle).copied(),
            shard.waiting(handle),
            shard.state_at(handle),
            shard.status(handle, rig.now),
        );
        assert_eq!(shard.at_work(), seen.0, "who looks wakes nobody");
        seen
    };
    *rig.shard.user_mut(handle).unwrap() = [7, 8];
    assert!(rig.shard.set(handle, settings, rig.now));
    let at_work = look(&mut rig);
    assert_eq!((at_work.0, at_work.1), (1, Some(settings)));
    rig.shard.breathe(rig.now);
    let at_rest = look(&mut rig);
    assert_eq!(at_rest.0, 0);
    let seen = |(_, a, b, c, d, e, f)| (a, b, c, d, e, f);
    assert_eq!(seen(at_rest), seen(at_work));
}

#[test]
fn its_timer_wakes_it() {
    let mut rig = Rig::new(ShardConfig::default());
    let (handle, syn_ack) = opened(&mut rig, 1);
    let keep = KeepAlive {
        idle_secs: NonZeroU16::new(60).unwrap(),
        interval_secs: NonZeroU16::new(10).unwrap(),
        count: NonZeroU8::new(2).unwrap(),
    };
    let settings = Settings {
        keep_alive: Some(keep),
        ..Settings::default()
    };
    rig.shard.set(handle, settings, rig.now);
    let mut resets = Vec::new();
    let mut probes = 0;
    while !rig.shard.is_empty() {
        rig.shard.breathe(rig.now);
        rig.shard.audit().unwrap();
        assert_eq!(rig.shard.at_work(), 0, "to wait for an answer is no work");
        while let Some(frame) = rig.wire.take_bytes(rig.now) {
            let segment = crate::wire::parse(&frame, crate::wire::Checksum::Verify)
                .unwrap()
                .segment;
            if segment.ctl.rst {
                resets.push(segment);
            } else {
                assert_eq!(segment.seq, syn_ack.seq + 1, "an octet that the peer has");
                probes += 1;
            }
        }
        rig.now = rig.shard.next_deadline().max(rig.now);
        if probes == 1 {
            // The first is answered: it begins from the front.
            assert!(rig.ask(client(1), text(&syn_ack, 1), b"").is_none());
            probes += 10;
        }
    }
    assert_eq!((probes, resets.len()), (13, 1));
    assert_eq!(rig.shard.counters().connections.timed_out, 1);
}

#[test]
fn where_too_many_are_at_work_nobody_is_thrown_out_and_nobody_comes() {
    let mut rig = limited(2);
    let peers: Vec<_> = (0..5).map(|n| opened(&mut rig, n)).collect();
    for n in [0, 1] {
        let (_, syn_ack) = &peers[n as usize];
        assert!(rig.ask(client(n), text(syn_ack, 1), b"one").is_some());
    }
    assert_eq!(rig.shard.at_work(), 2);
    let (third_one, syn_ack) = peers[2];
    assert!(rig.ask(client(2), text(&syn_ack, 1), b"two").is_none());
    assert!(rig.ask(client(9), syn(50), b"").is_none());
    assert_eq!(rig.dropped(DropReason::AtWorkFull), 2);
    let now = rig.now;
    let opened = rig.shard.open(tuple(9), link(), 0, 0, now);
    assert_eq!(opened, Err(OpenError::Full));
    assert!(!rig.shard.nudge(third_one, now));
    assert!(rig.shard.with_connection(third_one, now, |_| ()).is_none());
    assert_eq!(rig.shard.state_at(third_one), Some(State::Established));
    // Who ends is always heard.
    assert!(rig.shard.abort(third_one, now));
    assert_eq!(rig.shard.state_at(third_one), None);
    // One has its answer, and so there is a place.
    assert!(
        rig.ask(client(0), text(&peers[0].1, 4), b"").is_some(),
        "the abort's reset"
    );
    assert!(rig.ask(client(3), text(&peers[3].1, 1), b"four").is_some());
    assert_eq!(rig.shard.counters().connections.live(), 4);
    rig.shard.audit().unwrap();
}

#[test]
fn a_timer_without_a_place_tries_again() {
    let mut rig = limited(1);
    let (first, _) = opened(&mut rig, 0);
    let (_, syn_ack) = opened(&mut rig, 1);
    let settings = Settings {
        keep_alive: Some(KeepAlive::default()),
        ..Settings::default()
    };
    assert!(rig.shard.set(first, settings, rig.now));
    rig.shard.breathe(rig.now);
    rig.now = rig.now + Duration::from_hours(2);
    let echo = rig.ask(client(1), text(&syn_ack, 1), b"x").unwrap();
    assert_eq!(echo.segment.text_len, 1);
    for _ in 0..3 {
        let due = rig.shard.next_deadline();
        assert!(due > rig.now && due <= rig.now + Duration::from_millis(12));
        rig.now = due;
        rig.shard.breathe(rig.now);
        rig.shard.audit().unwrap();
    }
    // With a place, it asks.
    let probe = rig.ask(client(1), text(&syn_ack, 2), b"").or_else(|| {
        rig.now = rig.shard.next_deadline();
        rig.shard.breathe(rig.now);
        let frame = rig.wire.take_bytes(rig.now)?;
        crate::wire::parse(&frame, crate::wire::Checksum::Verify).ok()
    });
    assert_eq!(probe.unwrap().tuple.local, client(0));
}

// FIN-WAIT-2 where nobody reads: it leaves at once, for which there always is a place.
#[test]
fn what_ends_by_its_timer_needs_no_place() {
    let mut rig = limited(1);
    let (closed, syn_ack) = opened(&mut rig, 0);
    assert!(rig.shard.close(closed, None, rig.now));
    rig.shard.breathe(rig.now);
    assert!(rig.wire.take_bytes(rig.now).is_some(), "our FIN");
    assert!(rig.ask(client(0), text(&syn_ack, 2), b"").is_none());
    assert_eq!(rig.shard.state_at(closed), Some(State::FinWait2));
    let over = rig.now + rig.shard.config().tcp.fin_wait_2;
    let (_, syn_ack) = opened(&mut rig, 1);
    assert!(rig.ask(client(1), text(&syn_ack, 1), b"x").is_some());
    while rig.shard.state_at(closed).is_some() {
        assert_eq!(rig.shard.at_work(), 1, "its echo is not acknowledged");
        rig.now = rig.shard.next_deadline().max(rig.now);
        assert!(rig.now <= over + Duration::from_millis(2), "no later");
        rig.shard.breathe(rig.now);
        rig.shard.audit().unwrap();
        while rig.wire.take_bytes(rig.now).is_some() {}
    }
    assert!(rig.now >= over);
}
