//! When to acknowledge (RFC 9293 §3.8.6.3, RFC 5681 §4.2), and text out of order (SHLD-31).

use super::*;
use crate::drop_reason::DropReason;

const fn text(seq: u32, len: u32) -> (u32, u32) {
    (seq, len)
}

// Which of the segments was acknowledged at once, and by what.
fn acknowledged(tcb: &mut Tcb, config: &Config, segments: &[(u32, u32)]) -> Vec<String> {
    let cx = at(config, NOW);
    let answers = segments.iter().map(|&(seq, len)| {
        let segment = seg("ACK", seq, 101, len);
        let reply = arrive(tcb, &segment, &cx).reply;
        let next = tcb.next_segment(&cx).map(|o| o.segment);
        assert!(reply.is_none() || next.is_none(), "one answer is enough");
        let answer = reply.or(next);
        answer.map_or_else(String::new, |a| a.ack.0.to_string())
    });
    answers.collect()
}

// SHLD-18, SHLD-19.
#[test]
fn every_second_full_segment_is_acknowledged() {
    let config = plain();
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + 10_000;
    let segments = [0, 1, 2, 3].map(|n| text(300 + n * 1000, 1000));
    assert_eq!(
        acknowledged(&mut tcb, &config, &segments),
        ["", "2300", "", "4300"]
    );
}

// A young connection's peer waits for each ACK.
#[test]
fn the_first_segments_are_acknowledged_at_once() {
    let config = Config {
        quick_acks: 3,
        ..plain()
    };
    let mut tcb = idle();
    let segments = [0, 1, 2, 3, 4].map(|n| text(300 + n * 10, 10));
    assert_eq!(
        acknowledged(&mut tcb, &config, &segments),
        ["310", "320", "330", "", ""]
    );
}

// SHLD-19: or 2*RMSS octets.
#[test]
fn two_segments_worth_of_small_ones_are_acknowledged() {
    let config = plain();
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + 10_000;
    let segments = [0, 1, 2, 3].map(|n| text(300 + n * 700, 700));
    assert_eq!(
        acknowledged(&mut tcb, &config, &segments),
        ["", "", "2400", ""]
    );
}

// MUST-40.
#[test]
fn a_lone_segment_is_acknowledged_in_time() {
    let config = plain();
    let mut tcb = idle();
    let cx = at(&config, NOW);
    arrive(&mut tcb, &seg("ACK", 300, 101, 9), &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    let (now, _) = time_out(&mut tcb, &config);
    assert!(now - NOW < millis(500));
    assert_eq!(
        shown(&mut tcb, &at(&config, now)),
        ["<SEQ=101><ACK=309><CTL=ACK>"]
    );
    assert_eq!(tcb.deadline(), Instant::NEVER);
}

// MUST-58, MUST-59.
#[test]
fn a_burst_is_acknowledged_once_and_text_carries_it() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + 10_000;
    for n in 0..8 {
        arrive(&mut tcb, &seg("ACK", 300 + n * 1000, 101, 1000), &cx);
    }
    tcb.on_send(5, &cx);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=101><ACK=8300><DATA=5><CTL=ACK>"]
    );
}

#[test]
fn a_burst_without_an_answer_does_not_overflow() {
    let config = Config {
        receive_buffer: 1 << 20,
        ..plain()
    };
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + 1_000_000;
    for n in 0..1000 {
        arrive(&mut tcb, &seg("ACK", 300 + n * 1000, 101, 1000), &cx);
    }
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=101><ACK=1000300><CTL=ACK>"]);
}

// RFC 5681 §4.2, MAY-13.
#[test]
fn holes_are_acknowledged_at_once_and_so_is_their_end() {
    let config = plain();
    let mut tcb = idle();
    let segments = [text(310, 10), text(320, 10), text(340, 10), text(300, 10)];
    assert_eq!(
        acknowledged(&mut tcb, &config, &segments),
        ["300", "300", "300", "330"]
    );
    assert!(tcb.has_stored());
}

#[test]
fn text_out_of_order_is_stored_and_unlocked() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    let out = arrive(&mut tcb, &seg("ACK", 310, 101, 10), &cx);
    assert_eq!(out.store, Span { skip: 0, len: 10 });
    assert_eq!((out.store_ahead, out.deliver.len), (10, 0));
    // It overlaps what is stored: that is delivered from the segment, the rest from the store.
    let out = arrive(&mut tcb, &seg("ACK", 295, 101, 20), &cx);
    assert_eq!(out.deliver, Span { skip: 5, len: 15 });
    assert_eq!(
        (out.unlocked, tcb.rcv.nxt, tcb.rcv.unread),
        (5, Seq(320), 20)
    );
    assert!(!tcb.has_stored());
}

#[test]
fn text_that_cannot_be_stored_is_acknowledged_and_dropped() {
    let config = plain();
    let cx = Context {
        may_store: false,
        ..at(&config, NOW)
    };
    let mut tcb = idle();
    let out = arrive(&mut tcb, &seg("FIN ACK", 310, 101, 10), &cx);
    assert_eq!(out.dropped, Some(DropReason::ReassemblyFull));
    assert_eq!((out.store.len, tcb.has_stored()), (0, false));
    assert_eq!(show(&out.reply.unwrap()), "<SEQ=101><ACK=300><CTL=ACK>");
    let out = arrive(&mut tcb, &seg("ACK", 300, 101, 10), &cx);
    assert_eq!((out.deliver.len, out.finished), (10, false));
}

#[test]
fn what_is_stored_is_cut_at_the_window() {
    let config = plain();
    let mut tcb = idle();
    let out = arrive(&mut tcb, &seg("ACK", 1290, 101, 50), &at(&config, NOW));
    assert_eq!((out.store.len, out.store_ahead), (10, 990));
}

#[test]
fn acked_counts_text_and_neither_syn_nor_fin() {
    let config = plain();
    let cx = at(&config, NOW);
    for (state, acked) in [
        (State::SynReceived, 0),
        (State::Established, 1),
        (State::CloseWait, 1),
        (State::FinWait1, 0),
        (State::LastAck, 0),
    ] {
        let mut tcb = tcb(state);
        let out = arrive(&mut tcb, &seg("ACK", 300, 101, 0), &cx);
        assert_eq!((out.acked, tcb.snd.queued), (acked, 0), "{state:?}");
    }
}
