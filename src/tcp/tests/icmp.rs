//! ICMP errors about our segments (RFC 9293 §3.9.2.2, RFC 5927), and path MTU discovery (RFC 1191,
//! RFC 8201).

use super::*;
use crate::drop_reason::DropReason;
use crate::wire::{FourTuple, IcmpError, IcmpKind};

const SOFT: [IcmpKind; 6] = [
    IcmpKind::NetUnreachable,
    IcmpKind::HostUnreachable,
    IcmpKind::SourceRouteFailed,
    IcmpKind::Prohibited,
    IcmpKind::TimeExceeded,
    IcmpKind::ParameterProblem,
];
const HARD: [IcmpKind; 2] = [IcmpKind::ProtocolUnreachable, IcmpKind::PortUnreachable];

fn error(kind: IcmpKind, seq: u32) -> IcmpError {
    IcmpError {
        tuple: FourTuple::default(),
        seq: Seq(seq),
        len: 1040,
        kind,
    }
}

fn complain(tcb: &mut Tcb, error: &IcmpError, cx: &Context<'_>) -> Actions {
    let mut out = Actions::default();
    tcb.on_icmp(error, cx, &mut out);
    out
}

// MUST-56, SHLD-25.
#[test]
fn soft_errors_are_told_and_end_nothing() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in ALL_BUT_LISTEN {
        if matches!(state, State::FinWait2 | State::TimeWait) {
            continue; // nothing is in flight
        }
        for kind in SOFT {
            let mut tcb = tcb(state);
            let out = complain(&mut tcb, &error(kind, 100), &cx);
            assert_eq!((out.report, out.ended), (Some(Report::Icmp(kind)), None));
            assert_eq!(tcb.state(), state);
            assert_eq!(tcb.status(&cx).icmp, Some(kind));
        }
    }
}

// SHLD-26, RFC 5927 §5.2.
#[test]
fn hard_errors_end_what_is_not_synchronized_and_nothing_else() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in ALL_BUT_LISTEN {
        if matches!(state, State::FinWait2 | State::TimeWait) {
            continue;
        }
        for kind in HARD {
            let mut tcb = tcb(state);
            let out = complain(&mut tcb, &error(kind, 100), &cx);
            if matches!(state, State::SynSent | State::SynReceived) {
                assert_eq!((out.ended, out.reply), (Some(End::Unreachable), None));
                assert_eq!(tcb.state(), State::Closed);
            } else {
                assert_eq!((out.report, out.ended), (Some(Report::Icmp(kind)), None));
                assert_eq!(tcb.state(), state);
            }
        }
    }
}

// RFC 5927 §4.1
#[test]
fn an_error_about_what_is_not_in_flight_is_ignored() {
    let config = plain();
    let cx = at(&config, NOW);
    for kind in [HARD[0], SOFT[0], IcmpKind::PacketTooBig(600)] {
        for (seq, is_in_flight) in [(99, false), (100, true), (101, false), (1 << 31, false)] {
            let mut tcb = tcb(State::Established);
            tcb.snd.mss = 1000;
            let was = tcb;
            let out = complain(&mut tcb, &error(kind, seq), &cx);
            assert_eq!(tcb != was, is_in_flight, "{kind:?} {seq}");
            let ignored = (!is_in_flight).then_some(DropReason::IcmpIgnored);
            assert_eq!(out.dropped, ignored);
        }
    }
}

fn in_flight(is_v4: bool) -> (Config, Tcb) {
    let config = Config {
        mtu: 1500,
        receive_buffer: 10_000,
        ..plain()
    };
    let mut cx = at(&config, NOW);
    cx.is_v4 = is_v4;
    let mut tcb = idle();
    tcb.snd.mss = config.mss(is_v4);
    tcb.snd.wnd = 10_000;
    tcb.on_send(3000, &cx);
    assert!(sent(&mut tcb, &cx).len() >= 2);
    (config, tcb)
}

// RFC 1191 §3, RFC 8201 §4: MTU told, and MSS that follows; 0 when nothing does.
#[test]
fn a_packet_that_is_too_big_makes_segments_smaller() {
    let rows: [(bool, u16, u16); 13] = [
        (true, 1400, 1360),
        (true, 576, 536),
        (true, 552, 512),
        (true, 551, 512), // no path is that narrow
        (true, 68, 512),
        (true, 0, 1452), // RFC 1191 §7.1: the plateau below 1500 is 1492
        (true, 1499, 1459),
        (true, 1500, 0), // it was no bigger
        (true, u16::MAX, 0),
        (false, 1280, 1220),
        (false, 1279, 0), // below the minimum of IPv6: discarded
        (false, 0, 0),
        (false, 1500, 0),
    ];
    for (is_v4, mtu, mss) in rows {
        let (config, mut tcb) = in_flight(is_v4);
        let mut cx = at(&config, NOW);
        cx.is_v4 = is_v4;
        let was = tcb;
        let big = IcmpError {
            len: 1500,
            ..error(IcmpKind::PacketTooBig(mtu), 101)
        };
        let out = complain(&mut tcb, &big, &cx);
        if mss == 0 {
            assert_eq!(
                (tcb, out.dropped),
                (was, Some(DropReason::IcmpIgnored)),
                "{mtu}"
            );
            continue;
        }
        assert_eq!(
            (tcb.snd.mss, out.ended, out.dropped),
            (mss, None, None),
            "{mtu}"
        );
        // What was lost goes again at once, in segments that fit, and it is no congestion.
        let outputs = sent(&mut tcb, &cx);
        assert_eq!(outputs[0].segment.seq, Seq(101));
        assert!(outputs.iter().all(|o| o.segment.text_len <= mss.into()));
        assert_eq!(tcb.congestion.cwnd, was.congestion.cwnd);
    }
}

#[test]
fn options_come_off_a_smaller_segment_too() {
    let (config, mut tcb) = in_flight(true);
    tcb.flags.set(Flags::TIMESTAMPS);
    let big = IcmpError {
        len: 1500,
        ..error(IcmpKind::PacketTooBig(1400), 101)
    };
    complain(&mut tcb, &big, &at(&config, NOW));
    assert_eq!(tcb.snd.mss, 1348);
}

#[test]
fn what_opens_has_forgotten_its_troubles() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = tcb(State::SynSent);
    complain(&mut tcb, &error(IcmpKind::HostUnreachable, 100), &cx);
    arrive(&mut tcb, &seg("SYN ACK", 299, 101, 0), &cx);
    assert_eq!(
        (tcb.state(), tcb.status(&cx).icmp),
        (State::Established, None)
    );
}
