//! What is predicted comes out as the long way would have had it, and nothing else is predicted.

use super::rest::{QUIET, Quiet, pause, settings};
use super::*;
use crate::tcp::rest::WND_PLAIN;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::sync::atomic::{AtomicU32, Ordering};

/// How a segment differs from the one that is expected.
#[derive(Clone, Copy, Debug)]
enum Oddity {
    None,
    Seq(i32),
    Ack(i32),
    Wnd(u16),
    Len(u32),
    Bits(u8),
    Stamp(i32),
    NoStamp,
}

fn oddity() -> impl Strategy<Value = Oddity> {
    let near = || prop_oneof![2 => -3..3, 1 => -70_000..70_000, 1 => any::<i32>()];
    prop_oneof![
        6 => Just(Oddity::None),
        1 => near().prop_map(Oddity::Seq),
        1 => near().prop_map(Oddity::Ack),
        1 => any::<u16>().prop_map(Oddity::Wnd),
        2 => prop_oneof![Just(0), 1..70_000_u32].prop_map(Oddity::Len),
        1 => (0..64_u8).prop_map(Oddity::Bits),
        1 => near().prop_map(Oddity::Stamp),
        1 => Just(Oddity::NoStamp),
    ]
}

// The text that a block at rest expects next, but for the oddity.
fn next(rest: &TcbAtRest, len: u32, stamp: u32, oddity: Oddity) -> Segment {
    let mut segment = Segment {
        seq: rest.rcv_nxt,
        ack: rest.una,
        wnd: rest.snd_wnd,
        text_len: len,
        ..seg("ACK", 0, 0, 0)
    };
    segment = stamped(segment, rest.ts_recent.wrapping_add(stamp), 7);
    let moved = |seq: Seq, by: i32| Seq(seq.0.wrapping_add_signed(by));
    match oddity {
        Oddity::None => {}
        Oddity::Seq(by) => segment.seq = moved(segment.seq, by),
        Oddity::Ack(by) => segment.ack = moved(segment.ack, by),
        Oddity::Wnd(wnd) => segment.wnd = wnd,
        Oddity::Len(len) => segment.text_len = len,
        Oddity::Bits(bits) => segment.ctl = Ctl::from_byte(bits),
        Oddity::Stamp(by) => {
            segment = stamped(segment, rest.ts_recent.wrapping_add_signed(by), 7);
        }
        Oddity::NoStamp => segment.options.timestamps = None,
    }
    segment
}

// What the long way makes of it, when the user reads all at once, and nobody waits to acknowledge.
fn the_long_way(
    rest: &TcbAtRest,
    segment: &Segment,
    settings: Settings,
    life_at: Instant,
    cx: &Context<'_>,
) -> (Actions, Vec<Output>, Option<TcbAtRest>) {
    let mut tcb = Tcb::wake(rest, settings, life_at, cx.config, cx.now);
    let out = arrive(&mut tcb, segment, cx);
    if tcb.state() == State::Closed {
        return (out, Vec::new(), None);
    }
    tcb.on_receive(tcb.rcv.unread, cx);
    if out.deliver.len > 0 && !rest.is_young(cx.config) {
        tcb.flags.set(Flags::ACK_NOW);
        tcb.ack_at = Instant::NEVER;
    }
    let sent = sent(&mut tcb, cx);
    (out, sent, tcb.rest(cx.now))
}

static PREDICTED: AtomicU32 = AtomicU32::new(0);

fn check(
    quiet: &Quiet,
    (settings, slept): (Settings, Duration),
    (len, stamp, oddity): (u32, u32, Oddity),
    young: u8,
) -> Result<(), TestCaseError> {
    let Quiet { tcb, config, now } = quiet;
    let (mut tcb, config) = (*tcb, config.clone());
    tcb.set(settings, &at(&config, *now));
    tcb.rcv.quick_acks = tcb.rcv.quick_acks.min(young);
    let mut rest = tcb.rest(*now).expect("it is quiet");
    // Its timer would have woken it.
    let now = (*now + slept).min(tcb.deadline());
    let (cx, was) = (at(&config, now), rest);
    let segment = next(&rest, len, stamp, oddity);
    let (out, sent, after) = the_long_way(&rest, &segment, settings, tcb.deadline(), &cx);
    let text_len = segment.text_len;
    let deliver = Span {
        skip: 0,
        len: text_len,
    };
    let is_text_alone = text_len > 0
        && out
            == Actions {
                deliver,
                ..Actions::default()
            };
    if !rest.predicts(&segment) {
        // It is none of those that the short way is for.
        let is_fresh = |ts: Timestamps| Seq(was.ts_recent).le(Seq(ts.val));
        let stamps = segment.options.timestamps;
        let is_plain = is_text_alone
            && sent.len() == 1
            && after.is_some_and(|after| after.state == State::Established)
            && (segment.ack, segment.wnd) == (was.una, was.snd_wnd)
            && was.probes == 0
            && !segment.ctl.urg
            && !segment.ctl.fin
            && was.bits & WND_PLAIN == 0
            && (!tcb.has_timestamps() || stamps.is_some_and(is_fresh));
        prop_assert!(!is_plain, "{was:?} might have predicted {segment:?}");
        return Ok(());
    }
    PREDICTED.fetch_add(1, Ordering::Relaxed);
    let acknowledgment = rest.take(&segment, &cx);
    prop_assert!(is_text_alone, "{out:?}");
    let expected = Output {
        segment: acknowledgment,
        text_offset: 0,
        again: false,
    };
    prop_assert_eq!(sent, vec![expected]);
    let after = after.expect("nothing is under way");
    // The long way rounds up twice.
    let rounded = after.silence.abs_diff(rest.silence);
    prop_assert!(rounded <= 1, "{} or {}", after.silence, rest.silence);
    let alike = TcbAtRest {
        silence: after.silence,
        challenge_at: after.challenge_at,
        ..rest
    };
    prop_assert_eq!(alike, after);
    Ok(())
}

#[test]
fn it_leads_to_the_same_end() {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(20_000)
    };
    let mut runner = TestRunner::new(config);
    let what = (
        any::<prop::sample::Index>(),
        (settings(), pause()),
        (1..1500_u32, 0..100_000_u32, oddity()),
        prop_oneof![4 => 0..8_u8, 1 => Just(8)],
    );
    runner
        .run(&what, |(which, before, segment, young)| {
            check(&QUIET[which.index(QUIET.len())], before, segment, young)
        })
        .unwrap();
    let predicted = PREDICTED.load(Ordering::Relaxed);
    assert!(predicted > 2000, "only {predicted} were predicted");
}

#[test]
fn a_connection_is_young_for_so_many_segments() {
    let config = Config {
        receive_buffer: 10_000,
        ..Config::default()
    };
    let cx = at(&config, NOW);
    let mut rest = idle().rest(NOW).unwrap();
    for n in 0..2 * config.quick_acks {
        assert_eq!(rest.is_young(&config), n < config.quick_acks, "{n}");
        let text = seg("PSH ACK", 300 + 10 * u32::from(n), 101, 10);
        assert!(rest.predicts(&text), "{n}");
        let (ack, nxt) = (rest.take(&text, &cx), text.seq.0 + 10);
        assert_eq!(show(&ack), format!("<SEQ=101><ACK={nxt}><CTL=ACK>"));
    }
}
