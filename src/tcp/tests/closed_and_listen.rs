//! SEGMENT ARRIVES in CLOSED and LISTEN (RFC 9293 §3.10.7.1-2).

use super::*;
use crate::drop_reason::DropReason;

#[test]
fn closed_answers_everything_but_resets() {
    let table = [
        (seg("RST", 300, 0, 0), ""),
        (seg("RST ACK", 300, 101, 9), ""),
        (seg("SYN", 300, 0, 0), "<SEQ=0><ACK=301><CTL=RST,ACK>"),
        (seg("FIN", 300, 0, 0), "<SEQ=0><ACK=301><CTL=RST,ACK>"),
        (seg("", 300, 0, 9), "<SEQ=0><ACK=309><CTL=RST,ACK>"),
        (seg("SYN FIN", 300, 0, 9), "<SEQ=0><ACK=311><CTL=RST,ACK>"),
        (seg("", u32::MAX, 0, 9), "<SEQ=0><ACK=8><CTL=RST,ACK>"),
        (seg("ACK", 300, 101, 0), "<SEQ=101><CTL=RST>"),
        (seg("SYN ACK", 300, 101, 0), "<SEQ=101><CTL=RST>"),
        (seg("FIN ACK", 300, 101, 9), "<SEQ=101><CTL=RST>"),
    ];
    for (segment, reply) in table {
        assert_eq!(show_option(reset_for(&segment).as_ref()), reply);
    }
}

#[test]
fn a_listener_takes_nothing_but_a_syn() {
    let reset = |seq| Listened::Reset(reset_for(&seg("ACK", 0, seq, 0)).unwrap());
    let table = [
        // first, RST
        (
            seg("RST", 300, 0, 0),
            Listened::Drop(DropReason::NoListener),
        ),
        (
            seg("RST SYN ACK", 300, 101, 0),
            Listened::Drop(DropReason::NoListener),
        ),
        // second, ACK
        (seg("ACK", 300, 101, 0), reset(101)),
        (seg("SYN ACK", 300, 101, 0), reset(101)),
        // third, SYN
        (seg("SYN", 300, 0, 0), Listened::Syn),
        (seg("SYN", 300, 0, 9), Listened::Syn),
        (seg("SYN FIN", 300, 0, 0), Listened::Syn),
        // fourth, other text or control
        (seg("", 300, 0, 0), Listened::Drop(DropReason::FlagsInvalid)),
        (seg("", 300, 0, 9), Listened::Drop(DropReason::FlagsInvalid)),
        (
            seg("FIN URG PSH", 300, 0, 0),
            Listened::Drop(DropReason::FlagsInvalid),
        ),
    ];
    for (segment, listened) in table {
        assert_eq!(on_listen(&segment), listened, "{segment:?}");
    }
}

#[test]
fn a_syn_makes_a_block_in_syn_received() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_syn(&seg("SYN", 299, 0, 0), Seq(100), 0, &cx);
    assert_eq!(tcb.state(), State::SynReceived);
    assert_eq!(tcb.open(), Open::Passive);
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=100><ACK=300><CTL=SYN,ACK>"]);
    assert_eq!((tcb.snd.una, tcb.snd.nxt), (Seq(100), Seq(101)));
    assert_eq!(armed(&tcb), "R");
}

// Text that a stranger sends costs nothing: it comes again once the stranger is proven.
#[test]
fn text_and_fin_on_a_syn_are_not_acknowledged() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_syn(&seg("SYN FIN", 299, 0, 50), Seq(100), 0, &cx);
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=100><ACK=300><CTL=SYN,ACK>"]);
    arrive(&mut tcb, &seg("ACK", 300, 101, 0), &cx);
    assert_eq!((tcb.state(), tcb.rcv.nxt), (State::Established, Seq(300)));
}
