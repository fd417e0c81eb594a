//! SEGMENT ARRIVES in the other states (RFC 9293 §3.10.7.4): one row a rule, in the RFC's order.

use super::*;
use crate::drop_reason::DropReason;
use State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, TimeWait,
};

const ACK: &str = "<SEQ=101><ACK=300><CTL=ACK>";
const ACK_FIN: &str = "<SEQ=101><ACK=301><CTL=ACK>";

// before, segment, after, reply, next_segment, armed timers, dropped, ended
type Row = (
    State,
    Segment,
    State,
    &'static str,
    &'static str,
    &'static str,
    Option<DropReason>,
    Option<End>,
);

fn check(rows: &[Row]) {
    let config = plain();
    let cx = at(&config, NOW);
    for (row, (before, segment, after, reply, sends, timers, dropped, ended)) in
        rows.iter().enumerate()
    {
        let mut tcb = tcb(*before);
        let out = arrive(&mut tcb, segment, &cx);
        let timers_now = armed(&tcb);
        let next = tcb.next_segment(&cx).map(|o| o.segment);
        let got = (
            tcb.state(),
            show_option(out.reply.as_ref()),
            show_option(next.as_ref()),
            timers_now.as_str(),
            out.dropped,
            out.ended,
        );
        let want = (
            *after,
            (*reply).into(),
            (*sends).into(),
            *timers,
            *dropped,
            *ended,
        );
        assert_eq!(got, want, "row {row}: {before:?} {}", show(segment));
    }
}

#[test]
fn first_sequence_number() {
    let out = Some(DropReason::OutOfWindow);
    let dup = Some(DropReason::Duplicate);
    #[rustfmt::skip]
    check(&[
        // RFC 9293 §3.4, table 6: no text, window open
        (Established, seg("ACK",      299, 101, 0),  Established, ACK, "", "R",  out, None),
        (Established, seg("ACK",      300, 101, 0),  Established, "",  "", "",   None, None),
        (Established, seg("ACK",     1299, 101, 0),  Established, "",  "", "",   None, None),
        (Established, seg("ACK",     1300, 101, 0),  Established, ACK, "", "R",  out, None),
        // text: its first or its last octet in the window
        (Established, seg("ACK",      299, 101, 1),  Established, ACK, "", "R",  dup, None),
        (Established, seg("ACK",      290, 101, 10), Established, ACK, "", "R",  dup, None),
        (Established, seg("ACK",      290, 101, 11), Established, "",  "", "A",  None, None),
        (Established, seg("ACK",     1299, 101, 9),  Established, ACK, "", "",   None, None),
        (Established, seg("ACK",     1300, 101, 9),  Established, ACK, "", "R",  out, None),
        // a reset is never answered
        (Established, seg("RST",      299,   0, 0),  Established, "",  "", "R",  out, None),
        (Established, seg("RST",     1300,   0, 0),  Established, "",  "", "R",  out, None),
        // SYN-RECEIVED: the SYN comes again; with text, too
        (SynReceived, seg("SYN",      299,   0, 0),  SynReceived, "", "<SEQ=100><ACK=300><CTL=SYN,ACK>", "R", dup, None),
        (SynReceived, seg("SYN",      299,   0, 9),  SynReceived, "", "<SEQ=100><ACK=300><CTL=SYN,ACK>", "R", dup, None),
        (SynReceived, seg("SYN FIN",  299,   0, 0),  SynReceived, "", "<SEQ=100><ACK=300><CTL=SYN,ACK>", "R", dup, None),
        (SynReceived, seg("SYN ACK",  299, 101, 0),  SynReceived, ACK, "", "R", out, None),
        (SynReceived, seg("ACK",     1300, 101, 0),  SynReceived, ACK, "", "R", out, None),
        // the peer's FIN comes again
        (CloseWait,   seg("FIN ACK",  299, 101, 0),  CloseWait,   ACK, "", "R",  out, None),
        (Closing,     seg("FIN ACK",  299, 101, 0),  Closing,     ACK, "", "R",  out, None),
        (LastAck,     seg("FIN ACK",  299, 101, 0),  LastAck,     ACK, "", "R",  out, None),
        (TimeWait,    seg("FIN ACK",  299, 101, 0),  TimeWait,    ACK, "", "L",  out, None),
        (TimeWait,    seg("ACK",      298, 101, 1),  TimeWait,    ACK, "", "L",  dup, None),
        (FinWait1,    seg("ACK",      299, 101, 0),  FinWait1,    ACK, "", "R",  out, None),
        (FinWait2,    seg("ACK",      299, 101, 0),  FinWait2,    ACK, "", "",   out, None),
    ]);
}

#[test]
fn second_rst() {
    let reset = Some(DropReason::Reset);
    let near = Some(DropReason::RstNotExact);
    #[rustfmt::skip]
    check(&[
        // RFC 5961 §3.2: exact
        (SynReceived, seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (Established, seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (Established, seg("RST ACK",  300, 999, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (Established, seg("RST SYN",  300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (FinWait1,    seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (FinWait2,    seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (CloseWait,   seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Reset)),
        (Closing,     seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Closed)),
        (LastAck,     seg("RST",      300,   0, 0),  Closed,      "",  "", "",  reset, Some(End::Closed)),
        // RFC 1337
        (TimeWait,    seg("RST",      300,   0, 0),  TimeWait,    "",  "", "L", Some(DropReason::RstInTimeWait), None),
        // in the window
        (SynReceived, seg("RST",      301,   0, 0),  SynReceived, ACK, "", "R", near, None),
        (Established, seg("RST",      301,   0, 0),  Established, ACK, "", "R", near, None),
        (Established, seg("RST ACK", 1299, 101, 0),  Established, ACK, "", "R", near, None),
        (LastAck,     seg("RST",      301,   0, 0),  LastAck,     ACK, "", "R", near, None),
        (TimeWait,    seg("RST",      301,   0, 0),  TimeWait,    ACK, "", "L", near, None),
    ]);
}

#[test]
fn fourth_syn() {
    let syn = Some(DropReason::UnexpectedSyn);
    #[rustfmt::skip]
    check(&[
        (SynReceived, seg("SYN",      300,   0, 0),  Closed,      "",  "", "",  syn, Some(End::Reset)),
        (SynReceived, seg("SYN ACK",  300, 101, 0),  Closed,      "",  "", "",  syn, Some(End::Reset)),
        // RFC 5961 §4.2
        (Established, seg("SYN",      300,   0, 0),  Established, ACK, "", "R", syn, None),
        (Established, seg("SYN ACK",  300, 101, 0),  Established, ACK, "", "R", syn, None),
        (Established, seg("SYN",      299,   0, 9),  Established, ACK, "", "R", syn, None),
        (FinWait1,    seg("SYN",      300,   0, 0),  FinWait1,    ACK, "", "R", syn, None),
        (FinWait2,    seg("SYN",      300,   0, 0),  FinWait2,    ACK, "", "",  syn, None),
        (CloseWait,   seg("SYN",      300,   0, 0),  CloseWait,   ACK, "", "R", syn, None),
        (Closing,     seg("SYN",      300,   0, 0),  Closing,     ACK, "", "R", syn, None),
        (LastAck,     seg("SYN",      300,   0, 0),  LastAck,     ACK, "", "R", syn, None),
        // no later than what was seen, so no new connection (RFC 6191)
        (TimeWait,    seg("SYN",      300,   0, 0),  TimeWait,    ACK, "", "L", syn, None),
        (TimeWait,    seg("SYN ACK",  301, 101, 0),  TimeWait,    ACK, "", "L", syn, None),
    ]);
}

#[test]
fn fifth_ack() {
    let unsent = Some(DropReason::AckUnsent);
    let old = Some(DropReason::AckTooOld);
    let none = Some(DropReason::NoAck);
    #[rustfmt::skip]
    check(&[
        (SynReceived, seg("",         300,   0, 1),  SynReceived, "",  "", "R", none, None),
        (Established, seg("",         300,   0, 1),  Established, "",  "", "R", none, None),
        (Established, seg("FIN",      300,   0, 0),  Established, "",  "", "R", none, None),
        (TimeWait,    seg("",         300,   0, 0),  TimeWait,    "",  "", "L", none, None),
        // SYN-RECEIVED: it must be for our SYN
        (SynReceived, seg("ACK",      300, 100, 0),  SynReceived, "<SEQ=100><CTL=RST>", "", "R", unsent, None),
        (SynReceived, seg("ACK",      300, 102, 0),  SynReceived, "<SEQ=102><CTL=RST>", "", "R", unsent, None),
        (SynReceived, seg("ACK",      300, 101, 0),  Established, "",  "", "",  None, None),
        // RFC 5961 §5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT
        (Established, seg("ACK",      300, 102, 0),  Established, ACK, "", "R", unsent, None),
        (Established, seg("ACK",      300, 101, 0),  Established, "",  "", "",  None, None),
        (Established, seg("ACK",      300, 100, 0),  Established, "",  "", "R", None, None),
        (Established, seg("ACK",      300, 0_u32.wrapping_sub(900), 1), Established, "",  "", "RA", None, None),
        (Established, seg("ACK",      300, 0_u32.wrapping_sub(901), 1), Established, ACK, "", "R", old, None),
        // what the acknowledgment of our FIN leads to
        (FinWait1,    seg("ACK",      300, 100, 0),  FinWait1,    "",  "", "R", None, None),
        (FinWait1,    seg("ACK",      300, 101, 0),  FinWait2,    "",  "", "",  None, None),
        (Closing,     seg("ACK",      300, 100, 0),  Closing,     "",  "", "R", None, None),
        (Closing,     seg("ACK",      300, 101, 0),  TimeWait,    "",  "", "L", None, Some(End::Closed)),
        (LastAck,     seg("ACK",      300, 100, 0),  LastAck,     "",  "", "R", None, None),
        (LastAck,     seg("ACK",      300, 101, 0),  Closed,      "",  "", "",  None, Some(End::Closed)),
        (CloseWait,   seg("ACK",      300, 101, 0),  CloseWait,   "",  "", "",  None, None),
        (FinWait2,    seg("ACK",      300, 102, 0),  FinWait2,    ACK, "", "",  unsent, None),
        (TimeWait,    seg("ACK",      300, 101, 0),  TimeWait,    "",  "", "L", None, None),
    ]);
}

#[test]
fn seventh_text() {
    let late = Some(DropReason::TextAfterFin);
    #[rustfmt::skip]
    check(&[
        (SynReceived, seg("ACK",      300, 101, 9),  Established, "",  "", "A", None, None),
        (Established, seg("ACK",      300, 101, 9),  Established, "",  "", "A", None, None),
        (Established, seg("URG ACK",  300, 101, 9),  Established, "",  "", "A", None, None),
        (FinWait1,    seg("ACK",      300, 100, 9),  FinWait1,    "",  "", "RA", None, None),
        (FinWait2,    seg("ACK",      300, 101, 9),  FinWait2,    "",  "", "A", None, None),
        // out of order: RFC 5681 §4.2
        (Established, seg("ACK",      310, 101, 9),  Established, ACK, "", "",  None, None),
        // past the peer's FIN
        (CloseWait,   seg("ACK",      300, 101, 9),  CloseWait,   "",  "", "",  late, None),
        (Closing,     seg("ACK",      300, 100, 9),  Closing,     "",  "", "R", late, None),
        (LastAck,     seg("ACK",      300, 100, 9),  LastAck,     "",  "", "R", late, None),
        (TimeWait,    seg("ACK",      300, 101, 9),  TimeWait,    ACK, "", "L", late, None),
        (TimeWait,    seg("FIN ACK",  300, 101, 0),  TimeWait,    ACK, "", "L", late, None),
    ]);
}

#[test]
fn eighth_fin() {
    let closed = Some(End::Closed);
    #[rustfmt::skip]
    check(&[
        (SynReceived, seg("FIN ACK",  300, 101, 0),  CloseWait,   "",  ACK_FIN, "",  None, None),
        (Established, seg("FIN ACK",  300, 101, 0),  CloseWait,   "",  ACK_FIN, "",  None, None),
        (FinWait1,    seg("FIN ACK",  300, 100, 0),  Closing,     "",  ACK_FIN, "R", None, None),
        (FinWait1,    seg("FIN ACK",  300, 101, 0),  TimeWait,    "",  ACK_FIN, "L", None, closed),
        (FinWait2,    seg("FIN ACK",  300, 101, 0),  TimeWait,    "",  ACK_FIN, "L", None, closed),
        // with text before it
        (Established, seg("FIN ACK",  300, 101, 9),  CloseWait,   "",  "<SEQ=101><ACK=310><CTL=ACK>", "A", None, None),
        (FinWait2,    seg("FIN ACK",  295, 101, 5),  TimeWait,    "",  ACK_FIN, "L", None, closed),
        // with a hole before it: RFC 5681 §4.2
        (Established, seg("FIN ACK",  301, 101, 0),  Established, "",  ACK,     "",  None, None),
        // past the window
        (Established, seg("FIN ACK",  300, 101, 1000), Established, "",  "", "A", None, None),
    ]);
}

// MUST-66, with RCV.WND = 0: what arrives, SND.UNA after it, the answer, the verdict.
#[test]
fn zero_window_bars_only_text_and_fin() {
    let config = plain();
    let table = [
        (seg("ACK", 300, 101, 0), 101, "", None),
        (seg("ACK", 300, 101, 1), 101, ACK, None),
        (seg("FIN ACK", 300, 101, 1), 101, ACK, None),
        (seg("FIN ACK", 300, 101, 0), 101, ACK, None),
        (seg("URG ACK", 300, 101, 1), 101, ACK, None),
        (seg("RST", 300, 0, 5), 100, "", Some(DropReason::Reset)),
        (
            seg("RST", 301, 0, 0),
            100,
            "",
            Some(DropReason::OutOfWindow),
        ),
    ];
    for (segment, una, reply, dropped) in table {
        let mut tcb = tcb(Established);
        tcb.rcv.edge = tcb.rcv.nxt;
        tcb.rcv.unread = config.receive_buffer;
        let out = arrive(&mut tcb, &segment, &at(&config, NOW));
        let got = (tcb.snd.una, show_option(out.reply.as_ref()), out.dropped);
        assert_eq!(got, (Seq(una), reply.into(), dropped), "{segment:?}");
        assert_eq!((tcb.rcv.nxt, out.deliver.len), (Seq(300), 0), "{segment:?}");
        assert!(!out.finished);
    }
}

#[test]
fn text_straddling_rcv_nxt_is_delivered_once() {
    let config = plain();
    let mut tcb = tcb(Established);
    let out = arrive(&mut tcb, &seg("ACK", 296, 101, 10), &at(&config, NOW));
    assert_eq!(out.deliver, Span { skip: 4, len: 6 });
    assert_eq!((tcb.rcv.nxt, tcb.rcv.unread), (Seq(306), 6));
}

#[test]
fn text_straddling_the_right_edge_is_cut() {
    let config = plain();
    let mut tcb = tcb(Established);
    let out = arrive(&mut tcb, &seg("ACK", 300, 101, 1500), &at(&config, NOW));
    assert_eq!(out.deliver, Span { skip: 0, len: 1000 });
    assert_eq!((tcb.rcv.nxt, tcb.window()), (Seq(1300), 0));
}

// SND.WL1 and SND.WL2: is SND.WND taken from the late one after (300, 101) set it?
#[test]
fn an_older_segment_does_not_undo_the_window() {
    let config = plain();
    let cx = at(&config, NOW);
    let table = [
        (seg("ACK", 301, 101, 0), true),
        (seg("ACK", 300, 101, 0), true),
        (seg("ACK", 300, 100, 0), false), // same text, older ACK
        (seg("ACK", 301, 100, 0), false), // newer text, ACK from before SND.UNA
    ];
    for (late, taken) in table {
        let mut tcb = tcb(Established);
        arrive(&mut tcb, &seg("ACK", 300, 101, 0), &cx);
        arrive(&mut tcb, &Segment { wnd: 7, ..late }, &cx);
        assert_eq!(tcb.snd.wnd == 7, taken, "{late:?}");
    } // Text that was overtaken on the way: in the window, but older than the last update.
    let mut tcb = tcb(Established);
    arrive(&mut tcb, &seg("ACK", 310, 101, 1), &cx);
    let late = Segment {
        wnd: 7,
        ..seg("ACK", 305, 101, 1)
    };
    arrive(&mut tcb, &late, &cx);
    assert_eq!(tcb.snd.wnd, 1000);
}
