//! Active OPEN, and SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.1, §3.10.7.3).

use super::*;
use crate::drop_reason::DropReason;

// ISS = 100, SND.NXT = 101.
#[test]
fn segment_arrives_in_syn_sent() {
    use State::{CloseWait, Closed, Established, SynReceived, SynSent};
    const SYN_ACK: &str = "<SEQ=100><ACK=301><CTL=SYN,ACK>";
    const ACK: &str = "<SEQ=101><ACK=301><CTL=ACK>";
    const ACK_9: &str = "<SEQ=101><ACK=310><CTL=ACK>";
    const ACK_FIN: &str = "<SEQ=101><ACK=302><CTL=ACK>";
    let unsent = Some(DropReason::AckUnsent);
    let refused = (Some(DropReason::Reset), Some(End::Refused));
    #[rustfmt::skip]
    let table = [
        // segment                        after        reply                 sends    armed (dropped, ended)
        // first, ACK: it must be for our SYN
        (seg("ACK",         300, 100, 0), SynSent,     "<SEQ=100><CTL=RST>", "",      "R",  (unsent, None)),
        (seg("ACK",         300, 102, 0), SynSent,     "<SEQ=102><CTL=RST>", "",      "R",  (unsent, None)),
        (seg("SYN ACK",     300,  91, 0), SynSent,     "<SEQ=91><CTL=RST>",  "",      "R",  (unsent, None)),
        (seg("RST ACK",     300, 100, 0), SynSent,     "",                   "",      "R",  (unsent, None)),
        (seg("RST SYN ACK", 300, 102, 0), SynSent,     "",                   "",      "R",  (unsent, None)),
        // second, RST
        (seg("RST",         300,   0, 0), SynSent,     "",                   "",      "R",  (Some(DropReason::RstNotExact), None)),
        (seg("RST ACK",     300, 101, 0), Closed,      "",                   "",      "",   refused),
        (seg("RST ACK",       0, 101, 0), Closed,      "",                   "",      "",   refused),
        // fourth, SYN
        (seg("SYN ACK",     300, 101, 0), Established, "",                   ACK,     "",   (None, None)),
        // "continue processing at the sixth step"
        (seg("SYN ACK",     300, 101, 9), Established, "",                   ACK_9,   "",   (None, None)),
        (seg("SYN FIN ACK", 300, 101, 0), CloseWait,   "",                   ACK_FIN, "",   (None, None)),
        (seg("SYN",         300,   0, 0), SynReceived, "",                   SYN_ACK, "R",  (None, None)),
        (seg("SYN",         300,   0, 9), SynReceived, "",                   SYN_ACK, "R",  (None, None)),
        // fifth, neither SYN nor RST
        (seg("ACK",         300, 101, 9), SynSent,     "",                   "",      "R",  (Some(DropReason::NoAck), None)),
        (seg("FIN",         300,   0, 0), SynSent,     "",                   "",      "R",  (Some(DropReason::NoAck), None)),
        (seg("",            300,   0, 9), SynSent,     "",                   "",      "R",  (Some(DropReason::NoAck), None)),
    ];
    for (row, (segment, after, reply, sends, timers, verdict)) in table.into_iter().enumerate() {
        let config = plain();
        let cx = at(&config, NOW);
        let mut tcb = tcb(SynSent);
        let out = arrive(&mut tcb, &segment, &cx);
        let next = tcb.next_segment(&cx).map(|o| o.segment);
        let got = (
            tcb.state(),
            show_option(out.reply.as_ref()),
            show_option(next.as_ref()),
            armed(&tcb),
            (out.dropped, out.ended),
        );
        let want = (after, reply.into(), sends.into(), timers.into(), verdict);
        assert_eq!(got, want, "row {row}: {segment:?}");
        let opened = matches!(after, Established | CloseWait);
        assert_eq!(out.opened, opened, "row {row}");
    }
}

#[test]
fn a_syn_goes_out_once_and_is_timed() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_open(Seq(100), 0, &cx);
    assert_eq!(tcb.deadline(), Instant::NEVER, "nothing is out");
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=100><CTL=SYN>"]);
    assert_eq!(tcb.deadline(), NOW + config.rto_initial);
}

#[test]
fn text_queued_before_the_handshake_rides_with_its_last_ack() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_open(Seq(100), 0, &cx);
    tcb.on_send(7, &cx);
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=100><CTL=SYN>"]);
    arrive(&mut tcb, &seg("SYN ACK", 300, 101, 0), &cx);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=101><ACK=301><DATA=7><CTL=ACK>"]
    );
}

#[test]
fn close_in_syn_sent_forgets() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (tcb(State::SynSent), Actions::default());
    tcb.on_close(&cx, &mut out);
    assert_eq!(
        (tcb.state(), out.ended, out.reply),
        (State::Closed, Some(End::Closed), None)
    );
    assert_eq!(tcb.deadline(), Instant::NEVER);
}
