//! Urgent data (RFC 9293 §3.8.5, §3.10.7.4 sixth check; RFC 6093).

use super::*;

fn urgent(seq: u32, up: u16, text_len: u32) -> Segment {
    Segment {
        up,
        ..seg("ACK URG", seq, 101, text_len)
    }
}

// MUST-62: the pointer names the octet behind the urgent ones.
#[test]
fn the_user_learns_of_urgent_data_and_how_much_is_left() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    assert_eq!(tcb.urgent(), 0);
    let out = arrive(&mut tcb, &urgent(300, 30, 10), &cx);
    assert_eq!((out.report, out.deliver.len), (Some(Report::Urgent), 10));
    assert_eq!(tcb.urgent(), 30);
    tcb.on_receive(10, &cx);
    assert_eq!(tcb.urgent(), 20, "MUST-33");
    arrive(&mut tcb, &seg("ACK", 310, 101, 25), &cx);
    assert_eq!(tcb.urgent(), 20);
    tcb.on_receive(19, &cx);
    assert_eq!(tcb.urgent(), 1);
    tcb.on_receive(1, &cx);
    assert_eq!(tcb.urgent(), 0);
}

// MUST-32: told when there was none before, and whenever the pointer advances; not otherwise.
#[test]
fn the_user_is_told_of_what_is_new() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    let mut told = |seq, up, text_len| {
        let out = arrive(&mut tcb, &urgent(seq, up, text_len), &cx);
        out.report.is_some()
    };
    assert!(told(300, 5, 0), "none before, and no text at all");
    assert!(!told(300, 5, 5), "the same");
    assert!(!told(305, 0, 5), "it ends where it ended");
    assert!(told(310, 5, 5), "it advances");
    assert!(!told(315, 0, 5), "behind");
    tcb.on_receive(20, &cx);
    let out = arrive(&mut tcb, &urgent(320, 0, 5), &cx);
    assert_eq!(
        (out.report, tcb.urgent()),
        (None, 0),
        "nothing lies before it"
    );
}

// MUST-31: more than the field can count, by a pointer that advances.
#[test]
fn urgent_data_may_be_of_any_length() {
    let config = Config {
        receive_buffer: 1 << 20,
        ..plain()
    };
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + (1 << 20);
    for n in 0..200 {
        let out = arrive(&mut tcb, &urgent(300 + n * 1000, u16::MAX, 1000), &cx);
        assert_eq!(out.report, Some(Report::Urgent));
    }
    assert_eq!(tcb.urgent(), 199 * 1000 + u32::from(u16::MAX));
}

// MUST-66: the text is refused, the pointer is not.
#[test]
fn urg_is_heard_past_a_closed_window() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt;
    tcb.rcv.unread = 1000;
    let out = arrive(&mut tcb, &urgent(300, 7, 5), &cx);
    assert_eq!((out.report, out.deliver.len), (Some(Report::Urgent), 0));
    assert_eq!(tcb.urgent(), 1007);
}

// RFC 9293 §3.10.7.4: after the peer's FIN there is none, nor before ESTABLISHED.
#[test]
fn urg_is_ignored_where_no_text_may_come() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in [
        State::CloseWait,
        State::Closing,
        State::LastAck,
        State::TimeWait,
    ] {
        let mut tcb = tcb(state);
        let out = arrive(&mut tcb, &urgent(300, 10, 0), &cx);
        assert_eq!((out.report, tcb.urgent()), (None, 0), "{state:?}");
    }
}

#[test]
fn a_fin_is_not_counted_as_urgent() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    let segment = Segment {
        up: 3,
        ..seg("ACK FIN URG", 300, 101, 3)
    };
    arrive(&mut tcb, &segment, &cx);
    assert_eq!((tcb.state(), tcb.urgent()), (State::CloseWait, 3));
    tcb.on_receive(3, &cx);
    assert_eq!(tcb.urgent(), 0);
}

// MUST-30, MUST-62: every segment that begins before the end says where that is, an ACK too.
#[test]
fn what_is_sent_urgent_is_marked_until_it_is_acknowledged() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.snd.wnd = 10_000;
    tcb.set_no_delay(true);
    tcb.on_send(2500, &cx);
    tcb.on_send_urgent(1500);
    let marks = |tcb: &mut Tcb, cx: &Context<'_>| -> Vec<_> {
        let outputs = sent(tcb, cx);
        let marks = outputs.iter().map(|o| &o.segment);
        marks.map(|s| (s.seq.0, s.ctl.urg, s.up)).collect()
    };
    let want = [(101, true, 1500), (1101, true, 500), (2101, false, 0)];
    assert_eq!(marks(&mut tcb, &cx), want);
    arrive(
        &mut tcb,
        &Segment {
            wnd: 9000,
            ..seg("ACK", 300, 1101, 0)
        },
        &cx,
    );
    assert_eq!(tcb.snd.una, Seq(1101));
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    assert_eq!(marks(&mut tcb, &cx)[0], want[1], "again, and still urgent");
    arrive(
        &mut tcb,
        &Segment {
            wnd: 9000,
            ..seg("ACK", 300, 1601, 0)
        },
        &cx,
    );
    assert_eq!(marks(&mut tcb, &cx)[0], want[2], "behind the end");
    assert!(!tcb.flags.has(Flags::URGENT_OUT));
}

// RFC 9293 §3.8.5: the receiver learns of it although its window is closed.
#[test]
fn a_probe_of_a_closed_window_says_urgent() {
    let config = plain();
    let mut tcb = idle();
    tcb.snd.wnd = 0;
    tcb.on_send(100_000, &at(&config, NOW));
    tcb.on_send_urgent(100_000);
    let (now, _) = time_out(&mut tcb, &config);
    let outputs = sent(&mut tcb, &at(&config, now));
    let [probe] = outputs[..] else {
        panic!("{outputs:?}");
    };
    assert_eq!((probe.segment.ctl.urg, probe.segment.up), (true, u16::MAX));
}
