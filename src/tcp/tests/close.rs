//! CLOSE: half-closed connections, FIN-WAIT-2 and the FIN's place in the stream (RFC 9293
//! §3.6, §3.10.4).

use super::*;

const ACK_PATH: [(State, State); 2] = [
    (State::Established, State::FinWait1),
    (State::CloseWait, State::LastAck),
];

#[test]
fn a_fin_goes_behind_all_that_is_queued() {
    let config = plain();
    let cx = at(&config, NOW);
    for (before, after) in ACK_PATH {
        let (mut tcb, mut out) = (tcb(before), Actions::default());
        tcb.snd.wnd = 5000;
        tcb.on_send(2500, &cx);
        tcb.on_close(&cx, &mut out);
        assert_eq!((tcb.state(), out), (after, Actions::default()));
        assert_eq!(
            shown(&mut tcb, &cx),
            [
                "<SEQ=101><ACK=300><DATA=1000><CTL=ACK>",
                "<SEQ=1101><ACK=300><DATA=1000><CTL=ACK>",
                "<SEQ=2101><ACK=300><DATA=500><CTL=FIN,ACK>",
            ]
        );
        assert!(!tcb.is_send_open());
    }
}

#[test]
fn a_second_close_changes_nothing() {
    let config = plain();
    let cx = at(&config, NOW);
    for before in ALL_BUT_LISTEN.into_iter().skip(3) {
        if before == State::CloseWait {
            continue;
        }
        let (mut tcb, mut out) = (tcb(before), Actions::default());
        let was = tcb;
        tcb.on_close(&cx, &mut out);
        assert_eq!((tcb, out), (was, Actions::default()), "{before:?}");
    }
}

#[test]
fn close_does_not_put_off_a_retransmission() {
    let config = plain();
    for (before, _) in ACK_PATH {
        let (mut tcb, mut out) = (tcb(before), Actions::default());
        let deadline = tcb.deadline();
        tcb.on_close(&at(&config, NOW + millis(900)), &mut out);
        assert_eq!(tcb.deadline(), deadline);
    }
}

#[test]
fn text_flows_on_after_our_fin() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = tcb(State::FinWait2);
    for n in 0..3 {
        let out = arrive(&mut tcb, &seg("ACK", 300 + n * 1000, 101, 1000), &cx);
        assert_eq!(out.deliver, Span { skip: 0, len: 1000 });
        tcb.on_receive(1000, &cx);
        sent(&mut tcb, &cx);
    }
    assert_eq!(tcb.state(), State::FinWait2);
    assert_eq!(tcb.rcv.nxt, Seq(3300));
}

#[test]
fn text_flows_on_after_the_peers_fin() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    let out = arrive(&mut tcb, &seg("FIN ACK", 300, 101, 0), &cx);
    assert!(out.finished && tcb.is_send_open());
    tcb.on_send(1000, &cx);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=101><ACK=301><DATA=1000><CTL=ACK>"]
    );
    let out = arrive(&mut tcb, &seg("ACK", 301, 1101, 0), &cx);
    assert_eq!((out.acked, tcb.state()), (1000, State::CloseWait));
}

#[test]
fn fin_wait_2_is_bounded_only_where_nobody_reads() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (tcb(State::FinWait2), Actions::default());
    assert_eq!(tcb.deadline(), Instant::NEVER, "the user reads on");
    tcb.on_close_both(&cx, &mut out);
    assert_eq!(tcb.deadline(), NOW + config.fin_wait_2);
    let (_, out) = time_out(&mut tcb, &config);
    assert_eq!(
        (tcb.state(), out.ended, out.reply),
        (State::Closed, Some(End::Closed), None)
    );
}

#[test]
fn a_fin_waits_for_the_text_before_it() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    let out = arrive(&mut tcb, &seg("FIN ACK", 305, 101, 5), &cx);
    assert_eq!((out.store, out.store_ahead), (Span { skip: 0, len: 5 }, 5));
    assert_eq!((tcb.state(), out.finished), (State::Established, false));
    let out = arrive(&mut tcb, &seg("ACK", 300, 101, 5), &cx);
    assert_eq!((out.deliver.len, out.unlocked, out.finished), (5, 5, true));
    assert_eq!((tcb.state(), tcb.rcv.nxt), (State::CloseWait, Seq(311)));
}

#[test]
fn text_past_the_peers_fin_is_cut_off() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    arrive(&mut tcb, &seg("FIN ACK", 305, 101, 0), &cx);
    let out = arrive(&mut tcb, &seg("ACK", 300, 101, 50), &cx);
    assert_eq!((out.deliver.len, out.finished), (5, true));
    assert_eq!(tcb.rcv.nxt, Seq(306));
}

// RFC 9293 §3.4: the FIN is an octet of the stream, so it needs a place in the window.
#[test]
fn a_fin_stays_within_the_peers_window() {
    let config = plain();
    let cx = at(&config, NOW);
    for (queued, room, want) in [
        (
            1000,
            1001,
            vec!["<SEQ=101><ACK=300><DATA=1000><CTL=FIN,ACK>"],
        ),
        (1000, 1000, vec!["<SEQ=101><ACK=300><DATA=1000><CTL=ACK>"]),
        (10, 10, vec!["<SEQ=101><ACK=300><DATA=10><CTL=ACK>"]),
        (0, 1, vec!["<SEQ=101><ACK=300><CTL=FIN,ACK>"]),
        (0, 0, vec![]),
    ] {
        let (mut tcb, mut out) = (idle(), Actions::default());
        tcb.snd.wnd = room;
        if queued > 0 {
            tcb.on_send(queued, &cx);
        }
        tcb.on_close(&cx, &mut out);
        assert_eq!(shown(&mut tcb, &cx), want, "{queued} {room}");
        assert!(tcb.rtx_at.is_armed(), "the FIN is not forgotten");
    }
}

#[test]
fn a_fin_that_found_no_room_goes_out_with_the_next_window() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (idle(), Actions::default());
    tcb.on_send(1000, &cx);
    tcb.on_close(&cx, &mut out);
    sent(&mut tcb, &cx);
    let shut = Segment {
        wnd: 0,
        ..seg("ACK", 300, 1101, 0)
    };
    arrive(&mut tcb, &shut, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    assert_eq!(tcb.state(), State::FinWait1);
    let (mut probed, mut open) = (tcb, tcb);
    // Either it is probed with,
    let (now, _) = time_out(&mut probed, &config);
    let fin = ["<SEQ=1101><ACK=300><CTL=FIN,ACK>"];
    assert_eq!(shown(&mut probed, &at(&config, now)), fin);
    // or the window opens.
    arrive(&mut open, &seg("ACK", 300, 1101, 0), &cx);
    assert_eq!(shown(&mut open, &cx), fin);
}

// The peer broke its own stream: what lay past the FIN is no more, so nothing is lost by closing.
#[test]
fn text_that_came_before_the_fin_that_stands_before_it_is_forgotten() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (idle(), Actions::default());
    arrive(&mut tcb, &seg("ACK", 310, 101, 5), &cx);
    assert!(tcb.has_stored());
    arrive(&mut tcb, &seg("FIN ACK", 300, 101, 0), &cx);
    assert_eq!((tcb.state(), tcb.has_stored()), (State::CloseWait, false));
    sent(&mut tcb, &cx);
    tcb.on_close_both(&cx, &mut out);
    assert_eq!((tcb.state(), out.reply), (State::LastAck, None));
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=101><ACK=301><CTL=FIN,ACK>"]);
    assert!(tcb.deadline().is_armed());
}
