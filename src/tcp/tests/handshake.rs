//! What SYN and SYN-ACK agree on (RFC 9293 §3.7.1, RFC 7323 §2, §3), and simultaneous open
//! (RFC 9293 §3.5, figure 7).

use super::*;
use crate::wire::Options;

fn with(segment: Segment, options: Options) -> Segment {
    Segment { options, ..segment }
}

#[test]
fn a_syn_offers_everything_and_a_syn_ack_only_what_was_offered() {
    let config = Config::default();
    let cx = at(&config, NOW);
    let syn = Tcb::on_open(Seq(100), 7, &cx).next_segment(&cx).unwrap();
    let offers = Options {
        mss: Some(1460),
        window_scale: Some(3),
        sack_permitted: true,
        timestamps: Some(Timestamps { val: 1007, ecr: 0 }),
    };
    assert_eq!(syn.segment.options, offers);
    let nothing = Options {
        mss: Some(1460),
        ..Options::default()
    };
    let theirs = Timestamps { val: 5, ecr: 0 };
    let echo = Timestamps { val: 1007, ecr: 5 };
    let table = [
        (Options::default(), nothing),
        (nothing, nothing),
        (
            Options {
                window_scale: Some(0),
                ..nothing
            },
            Options {
                window_scale: Some(3),
                ..nothing
            },
        ),
        (
            Options {
                sack_permitted: true,
                timestamps: Some(theirs),
                ..nothing
            },
            Options {
                sack_permitted: true,
                timestamps: Some(echo),
                ..nothing
            },
        ),
    ];
    for (asked, answered) in table {
        let syn = with(seg("SYN", 299, 0, 0), asked);
        let mut tcb = Tcb::on_syn(&syn, Seq(100), 7, &cx);
        let syn_ack = tcb.next_segment(&cx).unwrap().segment;
        assert_eq!(syn_ack.options, answered);
        // MUST-65: only a SYN speaks of these.
        arrive(&mut tcb, &with(seg("ACK", 300, 101, 0), asked), &cx);
        tcb.on_send(1, &cx);
        let text = tcb.next_segment(&cx).unwrap().segment;
        let plain = Options {
            timestamps: answered.timestamps,
            ..Options::default()
        };
        assert_eq!(text.options, plain);
    }
}

// MUST-15, MUST-16.
#[test]
fn the_send_mss_is_the_smaller_less_options() {
    let config = Config::default();
    let stamps = Some(Timestamps::default());
    let table = [
        (true, None, None, 536),
        (false, None, None, 1220),
        (true, Some(1400), None, 1400),
        (true, Some(9000), None, 1460),
        (false, Some(9000), None, 1440),
        (true, Some(1460), stamps, 1448),
        (true, Some(0), None, 48),
        (true, Some(1), stamps, 36),
    ];
    for (is_v4, mss, timestamps, want) in table {
        let cx = Context {
            is_v4,
            ..at(&config, NOW)
        };
        let options = Options {
            mss,
            timestamps,
            ..Options::default()
        };
        let tcb = Tcb::on_syn(&with(seg("SYN", 299, 0, 0), options), Seq(100), 0, &cx);
        assert_eq!(tcb.snd.mss, want, "{options:?}");
    }
}

// RFC 7323 §2.2: the field of a SYN is never scaled, in neither direction.
#[test]
fn windows_are_scaled_except_in_a_syn() {
    let config = Config::default();
    let cx = at(&config, NOW);
    let options = Options {
        window_scale: Some(7),
        ..Options::default()
    };
    let syn = with(seg("SYN", 299, 0, 0), options);
    let mut tcb = Tcb::on_syn(&syn, Seq(100), 0, &cx);
    assert_eq!(tcb.snd.wnd, 1000);
    assert_eq!(tcb.next_segment(&cx).unwrap().segment.wnd, u16::MAX);
    arrive(&mut tcb, &seg("ACK", 300, 101, 0), &cx);
    assert_eq!(tcb.snd.wnd, 128_000);
    assert_eq!(tcb.window(), config.receive_buffer);
    tcb.on_send(1, &cx);
    let text = tcb.next_segment(&cx).unwrap().segment;
    assert_eq!(u32::from(text.wnd) << 3, config.receive_buffer);
}

#[test]
fn without_scaling_no_window_passes_64_kib() {
    let config = Config::default();
    let cx = at(&config, NOW);
    let tcb = Tcb::on_syn(&seg("SYN", 299, 0, 0), Seq(100), 0, &cx);
    assert_eq!(tcb.window(), 65_535);
}

// SYN-RECEIVED by way of SYN-SENT: ISS = 100, IRS = 299, our SYN-ACK is out.
fn crossing(config: &Config, options: Options) -> Tcb {
    let cx = at(config, NOW);
    let mut tcb = Tcb::on_open(Seq(100), 0, &cx);
    sent(&mut tcb, &cx);
    arrive(&mut tcb, &with(seg("SYN", 299, 0, 0), options), &cx);
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=100><ACK=300><CTL=SYN,ACK>"]);
    tcb
}

#[test]
fn simultaneous_open_ends_with_either_answer() {
    let config = plain();
    let cx = at(&config, NOW);
    let table = [
        (seg("SYN ACK", 299, 101, 0), State::Established),
        (seg("ACK", 300, 101, 0), State::Established),
        (seg("FIN ACK", 300, 101, 0), State::CloseWait),
        (seg("SYN ACK", 299, 100, 0), State::SynReceived),
        (seg("SYN", 299, 0, 0), State::SynReceived),
        (seg("SYN", 300, 0, 0), State::SynReceived), // MUST-11: challenged
        (seg("SYN ACK", 300, 101, 0), State::SynReceived),
    ];
    for (segment, after) in table {
        let mut tcb = crossing(&config, Options::default());
        arrive(&mut tcb, &segment, &cx);
        assert_eq!(tcb.state(), after, "{segment:?}");
    }
}

#[test]
fn a_refused_simultaneous_open_says_so() {
    let config = plain();
    let mut tcb = crossing(&config, Options::default());
    let out = arrive(&mut tcb, &seg("RST", 300, 0, 0), &at(&config, NOW));
    assert_eq!(
        (tcb.state(), out.ended),
        (State::Closed, Some(End::Refused))
    );
}

#[test]
fn the_window_of_a_crossing_syn_ack_is_not_scaled() {
    let config = Config::default();
    let options = Options {
        window_scale: Some(7),
        ..Options::default()
    };
    let mut tcb = crossing(&config, options);
    let syn_ack = with(seg("SYN ACK", 299, 101, 0), options);
    arrive(&mut tcb, &syn_ack, &at(&config, NOW));
    assert_eq!((tcb.state(), tcb.snd.wnd), (State::Established, 1000));
}

// Text and FIN behind a SYN begin one octet past SEG.SEQ. They come again.
#[test]
fn text_and_fin_on_a_crossing_syn_ack_are_left_for_later() {
    let config = plain();
    let cx = at(&config, NOW);
    for segment in [
        seg("SYN ACK", 299, 101, 5),
        seg("SYN FIN ACK", 299, 101, 5),
        seg("SYN FIN ACK", 299, 101, 0),
    ] {
        let mut tcb = crossing(&config, Options::default());
        let out = arrive(&mut tcb, &segment, &cx);
        assert_eq!(tcb.state(), State::Established, "{segment:?}");
        assert_eq!((out.deliver.len, tcb.rcv.nxt), (0, Seq(300)), "{segment:?}");
        let out = arrive(&mut tcb, &seg("ACK", 300, 101, 5), &cx);
        assert_eq!(out.deliver, Span { skip: 0, len: 5 });
    }
}

// RFC 9293 §3.10.4: nothing is queued, so the FIN goes at once. The peer acknowledges both, or the
// SYN first.
#[test]
fn close_in_syn_received_sends_the_fin_behind_the_syn() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut closed, mut out) = (tcb(State::SynReceived), Actions::default());
    closed.on_close(&cx, &mut out);
    assert_eq!((closed.state(), out), (State::FinWait1, Actions::default()));
    let fin = ["<SEQ=101><ACK=300><CTL=FIN,ACK>"];
    assert_eq!(shown(&mut closed, &cx), fin);

    let mut both = closed;
    let out = arrive(&mut both, &seg("ACK", 300, 102, 0), &cx);
    assert_eq!((both.state(), out.opened), (State::FinWait2, true));
    let mut syn_first = closed;
    let out = arrive(&mut syn_first, &seg("ACK", 300, 101, 9), &cx);
    assert_eq!((syn_first.state(), out.opened), (State::FinWait1, true));
    assert_eq!((out.deliver.len, armed(&syn_first)), (9, "RA".into()));
    let out = arrive(&mut syn_first, &seg("FIN ACK", 309, 102, 0), &cx);
    assert_eq!(
        (syn_first.state(), out.ended),
        (State::TimeWait, Some(End::Closed))
    );

    let wrong = arrive(&mut closed, &seg("ACK", 300, 100, 0), &cx);
    assert_eq!(show_option(wrong.reply.as_ref()), "<SEQ=100><CTL=RST>");
}

// Neither arrived: both go again, the SYN-ACK first, as often as a SYN-ACK does.
#[test]
fn a_lost_syn_ack_is_sent_again_with_the_fin_behind_it() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (tcb(State::SynReceived), Actions::default());
    tcb.on_close(&cx, &mut out);
    sent(&mut tcb, &cx);
    let both = [
        "<SEQ=100><ACK=300><CTL=SYN,ACK>",
        "<SEQ=101><ACK=300><CTL=FIN,ACK>",
    ];
    for _ in 0..config.syn_ack_retries {
        let (now, out) = time_out(&mut tcb, &config);
        assert_eq!(out.ended, None);
        assert_eq!(shown(&mut tcb, &at(&config, now)), both);
    }
    // The peer repeats its SYN: it has heard of neither.
    let mut heard = tcb;
    arrive(&mut heard, &seg("SYN", 299, 0, 0), &cx);
    assert_eq!(shown(&mut heard, &cx), both);
    let (_, out) = time_out(&mut tcb, &config);
    assert_eq!(
        (tcb.state(), out.ended),
        (State::Closed, Some(End::TimedOut))
    );
}

#[test]
fn close_before_the_handshake_ends_is_remembered() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (tcb(State::SynReceived), Actions::default());
    tcb.on_send(3, &cx);
    tcb.on_close(&cx, &mut out);
    assert_eq!(tcb.state(), State::SynReceived);
    let out = arrive(&mut tcb, &seg("ACK", 300, 101, 0), &cx);
    assert_eq!((tcb.state(), out.opened), (State::FinWait1, true));
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=101><ACK=300><DATA=3><CTL=FIN,ACK>"]
    );
}

#[test]
fn a_lost_last_ack_is_sent_again_when_the_syn_ack_repeats() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_open(Seq(100), 0, &cx);
    sent(&mut tcb, &cx);
    let syn_ack = seg("SYN ACK", 299, 101, 0);
    arrive(&mut tcb, &syn_ack, &cx);
    let ack = ["<SEQ=101><ACK=300><CTL=ACK>"];
    assert_eq!(shown(&mut tcb, &cx), ack);
    let out = arrive(&mut tcb, &syn_ack, &cx);
    assert_eq!(show(&out.reply.unwrap()), ack[0]);
}
