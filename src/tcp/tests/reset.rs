//! ABORT, half-duplex close and the ration of challenges (RFC 9293 §3.5.2, §3.6.1, §3.10.5;
//! RFC 5961).

use super::*;
use crate::drop_reason::DropReason;

#[test]
fn abort_resets_where_the_peer_knows_of_the_connection() {
    let aborted = Some(End::Aborted);
    let table = [
        (State::SynSent, false, aborted),
        (State::SynReceived, true, aborted),
        (State::Established, true, aborted),
        (State::FinWait1, true, aborted),
        (State::FinWait2, true, aborted),
        (State::CloseWait, true, aborted),
        (State::Closing, false, aborted),
        (State::LastAck, false, aborted),
    ];
    let config = plain();
    for (before, resets, ended) in table {
        let (mut tcb, mut out) = (tcb(before), Actions::default());
        let reset = format!("<SEQ=101><ACK={}><CTL=RST,ACK>", tcb.rcv.nxt.0);
        let reply = if resets { reset } else { String::new() };
        tcb.on_abort(&mut out);
        let got = (show_option(out.reply.as_ref()), out.ended, tcb.state());
        assert_eq!(got, (reply, ended, State::Closed), "{before:?}");
        assert_eq!(tcb.deadline(), Instant::NEVER);
        assert_eq!(sent(&mut tcb, &at(&config, NOW)), []);
    }
}

// SHLD-2: the text is not looked at; it only has to begin where the reset has to.
#[test]
fn a_reset_may_carry_text() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in [State::SynReceived, State::Established, State::FinWait2] {
        let mut reset = tcb(state);
        let out = arrive(&mut reset, &seg("RST", 300, 0, 50), &cx);
        assert_eq!((reset.state(), out.deliver.len), (State::Closed, 0));
        assert_eq!((out.ended, out.reply), (Some(End::Reset), None));
        let mut challenged = tcb(state);
        arrive(&mut challenged, &seg("RST", 310, 0, 50), &cx);
        assert_eq!(challenged.state(), state);
    }
    let mut refused = tcb(State::SynSent);
    let out = arrive(&mut refused, &seg("RST ACK", 0, 101, 50), &cx);
    assert_eq!(out.ended, Some(End::Refused));
}

// MUST-13
#[test]
fn abort_leaves_time_wait_alone() {
    let (mut tcb, mut out) = (tcb(State::TimeWait), Actions::default());
    let was = tcb;
    tcb.on_abort(&mut out);
    assert_eq!((tcb, out), (was, Actions::default()));
}

// SHLD-3, MAY-1.
#[test]
fn text_after_close_both_is_answered_by_a_reset() {
    let config = plain();
    let cx = at(&config, NOW);
    let table = [
        (seg("ACK", 300, 101, 1), true),
        (seg("ACK", 310, 101, 1), true),
        (seg("FIN ACK", 300, 101, 9), true),
        (seg("ACK", 299, 101, 1), false), // came again
        (seg("ACK", 300, 101, 0), false),
        (seg("FIN ACK", 300, 101, 0), false),
    ];
    for (segment, is_reset) in table {
        let (mut tcb, mut out) = (idle(), Actions::default());
        tcb.on_close_both(&cx, &mut out);
        assert_eq!(shown(&mut tcb, &cx), ["<SEQ=101><ACK=300><CTL=FIN,ACK>"]);
        let out = arrive(&mut tcb, &segment, &cx);
        if is_reset {
            assert_eq!(show_option(out.reply.as_ref()), "<SEQ=102><CTL=RST>");
            assert_eq!(out.dropped, Some(DropReason::TextAfterClose));
            assert_eq!(
                (tcb.state(), out.ended),
                (State::Closed, Some(End::Aborted))
            );
        } else {
            assert_ne!(tcb.state(), State::Closed, "{segment:?}");
        }
        assert_eq!(out.deliver.len, 0);
    }
}

#[test]
fn close_both_with_unread_text_aborts() {
    let config = plain();
    let cx = at(&config, NOW);
    for (segment, nxt) in [
        (seg("ACK", 300, 101, 9), 309),
        (seg("ACK", 310, 101, 9), 300),
    ] {
        let (mut tcb, mut out) = (idle(), Actions::default());
        arrive(&mut tcb, &segment, &cx);
        tcb.on_close_both(&cx, &mut out);
        let reset = format!("<SEQ=101><ACK={nxt}><CTL=RST,ACK>");
        assert_eq!(show_option(out.reply.as_ref()), reset);
        assert_eq!(
            (tcb.state(), out.ended),
            (State::Closed, Some(End::Aborted))
        );
    }
}

// MUST-13: a user who leaves text unread does not shorten it.
#[test]
fn close_both_leaves_time_wait_alone() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (tcb(State::FinWait2), Actions::default());
    arrive(&mut tcb, &seg("FIN ACK", 300, 101, 9), &cx);
    assert_eq!((tcb.state(), tcb.rcv.unread), (State::TimeWait, 9));
    tcb.on_close_both(&cx, &mut out);
    assert_eq!((tcb.state(), out.ended), (State::TimeWait, None));
    assert_eq!(tcb.deadline(), NOW + config.time_wait);
}

// RFC 5961 §7: what has no text and proves nothing is answered once an interval.
#[test]
fn challenges_are_rationed_and_retransmissions_are_not() {
    let config = plain();
    let cases = [
        ("near-miss RST", seg("RST", 301, 0, 0), [true, false, true]),
        ("SYN", seg("SYN", 300, 0, 0), [true, false, true]),
        ("stray ACK", seg("ACK", 1300, 101, 0), [true, false, true]),
        (
            "ACK of nothing sent",
            seg("ACK", 300, 200, 0),
            [true, false, true],
        ),
        ("old text", seg("ACK", 290, 101, 9), [true, true, true]),
        ("old FIN", seg("FIN ACK", 299, 101, 0), [true, true, true]),
    ];
    for (name, segment, want) in cases {
        let mut tcb = tcb(State::Established);
        let times = [NOW, NOW, NOW + config.challenge_interval];
        let answered = times.map(|now| {
            arrive(&mut tcb, &segment, &at(&config, now))
                .reply
                .is_some()
        });
        assert_eq!(answered, want, "{name}");
    }
}

#[test]
fn a_challenged_peer_that_is_gone_resets_exactly() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = tcb(State::Established);
    let challenge = arrive(&mut tcb, &seg("SYN", 700, 0, 0), &cx).reply.unwrap();
    let reset = reset_for(&challenge).unwrap();
    let out = arrive(&mut tcb, &reset, &cx);
    assert_eq!((tcb.state(), out.ended), (State::Closed, Some(End::Reset)));
}
