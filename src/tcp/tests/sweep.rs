//! Every state, every mix of control bits, each offset near an edge of a window, on both sides of
//! the wrap: what no segment may ever do.

use super::*;

const EDGES: [u32; 11] = [
    u32::MAX - 1000,
    u32::MAX - 1,
    u32::MAX,
    0,
    1,
    2,
    5,
    999,
    1000,
    1001,
    1 << 31,
];

// What the block is like before the segment arrives, beside its state.
const SETUPS: [fn(&mut Tcb); 8] = [
    |_| {},
    |tcb| {
        tcb.reassembly.insert(tcb.rcv.nxt + 5, 5);
        tcb.reassembly.insert(tcb.rcv.nxt + 12, 1);
    },
    |tcb| {
        if !tcb.is_peer_finished() {
            tcb.flags.set(Flags::FIN_SEEN);
            tcb.rcv.fin = tcb.rcv.nxt + 1;
        }
    },
    |tcb| {
        // Just no room for the FIN.
        if !matches!(tcb.state, State::FinWait2 | State::TimeWait) {
            tcb.snd.queued += 5;
            tcb.snd.wnd = tcb.fin_seq() - tcb.snd.una;
            tcb.set_no_delay(true);
        }
    },
    |tcb| {
        if tcb.state == State::SynReceived {
            tcb.open = Open::Active;
            tcb.snd.shift = 3;
        }
    },
    |tcb| tcb.flags.set(Flags::RECEIVE_SHUT),
    |tcb| {
        tcb.set_no_delay(true);
        tcb.flags.set(Flags::ACK_NOW);
    },
    |tcb| {
        tcb.snd.wnd = 0;
        tcb.snd.rtx = tcb.snd.una;
    },
];

// Moves the whole block along the circle, so that RCV.NXT = SND.UNA = `origin`.
fn moved(mut tcb: Tcb, origin: u32, wnd: u32) -> Tcb {
    let (una, nxt) = (tcb.snd.una.0, tcb.rcv.nxt.0);
    let ours = |seq: Seq| Seq(seq.0.wrapping_sub(una).wrapping_add(origin));
    let theirs = |seq: Seq| Seq(seq.0.wrapping_sub(nxt).wrapping_add(origin));
    tcb.snd.una = ours(tcb.snd.una);
    tcb.snd.nxt = ours(tcb.snd.nxt);
    tcb.snd.rtx = ours(tcb.snd.rtx);
    tcb.snd.wl2 = ours(tcb.snd.wl2);
    tcb.iss = ours(tcb.iss);
    tcb.snd.wl1 = theirs(tcb.snd.wl1);
    tcb.irs = theirs(tcb.irs);
    tcb.rcv.nxt = theirs(tcb.rcv.nxt);
    tcb.rcv.acked = theirs(tcb.rcv.acked);
    tcb.rcv.fin = theirs(tcb.rcv.fin);
    tcb.rcv.edge = tcb.rcv.nxt + wnd;
    tcb.rcv.unread = 1000 - wnd;
    tcb
}

fn check(was: &Tcb, segment: &Segment, cx: &Context<'_>) {
    let mut tcb = *was;
    let out = arrive(&mut tcb, segment, cx);
    let row = || format!("{was:#?}\n{segment:#?}\n{out:#?}");
    check_numbers(was, &tcb, segment, &out, &row);
    check_actions(was, &tcb, segment, &out, &row);
    let window = was.rcv.edge - was.rcv.nxt;
    assert!(out.store_ahead + out.store.len <= window, "{}", row());
    if out.dropped.is_none() && out.ended.is_none() {
        check_output(&mut tcb, cx, &row);
    } else {
        sent(&mut tcb, cx);
    }
    let is_out = tcb.snd.una != tcb.snd.nxt && tcb.state() != State::Closed;
    assert_eq!(
        tcb.rtx_at.is_armed(),
        is_out || tcb.has_unsent(),
        "{}",
        row()
    );
    if tcb.state() == State::TimeWait {
        assert!(tcb.life_at.is_armed());
    }
}

fn check_numbers(was: &Tcb, tcb: &Tcb, segment: &Segment, out: &Actions, row: &dyn Fn() -> String) {
    if was.state() == State::SynSent && tcb.state() != State::SynSent {
        return; // nothing was known of the peer before
    }
    assert!(was.snd.una.le(tcb.snd.una), "SND.UNA went back: {}", row());
    assert!(tcb.snd.una.le(tcb.snd.nxt), "{}", row());
    assert!(tcb.snd.una.le(tcb.snd.rtx), "{}", row());
    assert!(tcb.snd.rtx.le(tcb.snd.nxt), "{}", row());
    assert!(was.rcv.nxt.le(tcb.rcv.nxt), "RCV.NXT went back: {}", row());
    assert!(
        was.rcv.edge.le(tcb.rcv.edge),
        "the edge went back: {}",
        row()
    );
    assert!(tcb.rcv.nxt.le(tcb.rcv.edge), "past window: {}", row());
    let taken = out.deliver.len + out.unlocked + u32::from(out.finished);
    assert_eq!(tcb.rcv.nxt - was.rcv.nxt, taken, "{}", row());
    for span in [out.deliver, out.store] {
        assert!(span.skip + span.len <= segment.text_len, "{}", row());
    }
    if out.deliver.len > 0 {
        let start = segment.seq + u32::from(segment.ctl.syn) + out.deliver.skip;
        assert_eq!(start, was.rcv.nxt, "{}", row());
    }
    if out.store.len > 0 {
        let start = segment.seq + u32::from(segment.ctl.syn) + out.store.skip;
        assert_eq!(start, tcb.rcv.nxt + out.store_ahead, "{}", row());
        assert!(out.store_ahead > 0 && out.deliver.len == 0, "{}", row());
    }
    let freed = was.snd.queued - tcb.snd.queued;
    assert_eq!(out.acked, freed, "{}", row());
}

fn check_actions(was: &Tcb, tcb: &Tcb, segment: &Segment, out: &Actions, row: &dyn Fn() -> String) {
    let is_reset = out.reply.is_some_and(|reply| reply.ctl.rst);
    assert!(!(segment.ctl.rst && is_reset), "a RST for a RST: {}", row());
    if out.reply.is_some_and(|reply| !reply.ctl.rst) {
        assert!(!tcb.flags.has(Flags::ACK_NOW), "two answers: {}", row());
    }
    if tcb.state() == State::Closed {
        assert_eq!(tcb.deadline(), Instant::NEVER, "{}", row());
        assert!(out.ended.is_some() != out.reopen.is_some(), "{}", row());
    } else {
        let is_over = tcb.state() == State::TimeWait && was.state() != State::TimeWait;
        assert_eq!(out.ended.is_some(), is_over, "{}", row());
        assert_eq!(out.reopen, None, "{}", row());
    }
    assert!(is_legal(was.state(), tcb.state()), "{}", row());
    if out.dropped.is_some() {
        assert_eq!((out.deliver.len, out.store.len), (0, 0), "{}", row());
        assert!(!out.finished, "{}", row());
    }
}

// What follows goes no further than the peer's window, except what was sent before, or probes.
fn check_output(tcb: &mut Tcb, cx: &Context<'_>, row: &dyn Fn() -> String) {
    let edge = tcb.snd.una + tcb.snd.wnd;
    let is_syn = tcb.is_syn_out();
    for output in sent(tcb, cx) {
        let segment = output.segment;
        let end = segment.seq + segment.len();
        let is_bare = segment.len() == 0;
        assert!(
            output.again || is_syn || is_bare || end.le(edge),
            "past the window: {output:?} {}",
            row()
        );
        assert_eq!(segment.ack, tcb.rcv.nxt);
        assert!(output.text_offset + segment.text_len <= tcb.snd.queued);
        assert!(segment.text_len <= tcb.snd.mss.into());
    }
    assert!(!tcb.flags.has(Flags::ACK_NOW) || tcb.state() == State::Closed);
}

// RFC 9293 §3.3.2, figure 5, with what one segment may do in one step.
fn is_legal(before: State, after: State) -> bool {
    use State::*;
    if before == after || after == Closed {
        return true;
    }
    match before {
        SynSent => matches!(after, SynReceived | Established),
        SynReceived => matches!(
            after,
            Established | CloseWait | FinWait1 | Closing | FinWait2
        ),
        Established => after == CloseWait,
        FinWait1 => matches!(after, FinWait2 | Closing | TimeWait),
        FinWait2 | Closing => after == TimeWait,
        _ => false,
    }
}

fn sweep(state: State) {
    let config = plain();
    let cx = at(&config, NOW);
    for (origin, wnd) in [
        (0, 0),
        (0, 1),
        (0, 1000),
        (u32::MAX, 1000),
        (u32::MAX - 500, 1000),
    ] {
        for setup in SETUPS {
            let mut tcb = moved(tcb(state), origin, wnd);
            let fin = tcb.rcv.fin;
            setup(&mut tcb);
            // Nothing is stored past the window.
            if wnd == 1000 || !tcb.has_stored() && tcb.rcv.fin == fin {
                sweep_segments(&tcb, origin, &cx);
            }
        }
    }
}

fn sweep_segments(tcb: &Tcb, origin: u32, cx: &Context<'_>) {
    for bits in 0..32_u8 {
        for (seq, ack) in EDGES.into_iter().flat_map(|s| EDGES.map(|a| (s, a))) {
            for text_len in [0, 1, 7, 1001] {
                let segment = Segment {
                    seq: Seq(origin) + seq,
                    ack: Seq(origin) + ack,
                    wnd: 1,
                    ctl: Ctl::from_byte(bits),
                    text_len,
                    ..Segment::default()
                };
                check(tcb, &segment, cx);
            }
        }
    }
}

#[test]
fn no_segment_breaks_an_invariant() {
    for state in ALL_BUT_LISTEN {
        sweep(state);
    }
}
