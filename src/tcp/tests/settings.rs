//! What a user chooses for one connection, and STATUS (RFC 9293 §3.10.6).

use super::*;
use core::num::NonZeroU16;

fn limited_to(mss: u16) -> Settings {
    Settings {
        mss_max: NonZeroU16::new(mss),
        ..Settings::default()
    }
}

// MUST-14, MUST-16, MUST-67.
#[test]
fn an_mss_limit_holds_for_what_is_offered_and_what_is_sent() {
    let config = roomy();
    let cx = at(&config, NOW);
    for (max, theirs, offered, effective) in [
        (0, 900, 1000, 900),
        (700, 900, 700, 700),
        (950, 900, 950, 900),
        (5000, 900, 1000, 900),
        (1, 900, 1, 48), // no segment of ours is as small as that
    ] {
        let mut tcb = Tcb::on_open(Seq(100), 0, &cx);
        tcb.set(limited_to(max), &cx);
        let outputs = sent(&mut tcb, &cx);
        assert_eq!(outputs[0].segment.options.mss, Some(offered), "{max}");
        let mut syn_ack = seg("SYN ACK", 299, 101, 0);
        syn_ack.options.mss = Some(theirs);
        arrive(&mut tcb, &syn_ack, &cx);
        assert_eq!(tcb.snd.mss, effective, "{max}");
    }
}

#[test]
fn an_mss_limit_may_come_later() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.snd.wnd = 10_000;
    tcb.set(limited_to(500), &cx);
    tcb.on_send(1000, &cx);
    let lens: Vec<_> = sent(&mut tcb, &cx)
        .iter()
        .map(|o| o.segment.text_len)
        .collect();
    assert_eq!(lens, [500, 500]);
}

// MUST-17: on an individual connection, and back again.
#[test]
fn nagle_is_turned_off_and_on() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = tcb(State::Established); // one octet is out
    tcb.on_send(10, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    tcb.set_no_delay(true);
    assert_eq!(sent(&mut tcb, &cx).len(), 1);
    tcb.set_no_delay(false);
    tcb.on_send(10, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
}

#[test]
fn status_of_an_open_is_that_of_a_beginning() {
    let config = Config::default();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_open(Seq(100), 0, &cx);
    sent(&mut tcb, &cx);
    let status = tcb.status(&cx);
    assert_eq!((status.state, status.open), (State::SynSent, Open::Active));
    assert_eq!((status.rto, status.srtt), (millis(1000), None));
    assert_eq!((status.ssthresh, status.trust), (None, Trust::Open));
    assert_eq!((status.unacknowledged, status.unsent), (1, 0));
    assert_eq!((status.advertised_mss, status.snd_mss), (1460, 536));
}

#[test]
fn status_counts_what_is_where() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.snd.wnd = 2500;
    tcb.on_send(5000, &cx);
    sent(&mut tcb, &cx);
    arrive(
        &mut tcb,
        &Segment {
            wnd: 2500,
            ..seg("ACK", 300, 101, 40)
        },
        &cx,
    );
    let status = tcb.status(&at(&config, NOW + millis(250)));
    assert_eq!(
        (status.unacknowledged, status.unacknowledged_segments),
        (2000, 2)
    );
    assert_eq!(
        (status.unsent, status.unread, status.snd_wnd),
        (3000, 40, 2500)
    );
    assert_eq!((status.rcv_mss, status.rcv_wnd), (1000, tcb.window()));
    assert_eq!(status.unheard, millis(250));
}

#[test]
fn status_tells_losses_from_probes() {
    let config = plain();
    for (wnd, retransmits, probes, trust) in [(1000, 2, 0, Trust::Loss), (0, 0, 2, Trust::Open)] {
        let mut tcb = tcb(State::Established);
        tcb.snd.wnd = wnd;
        for _ in 0..2 {
            let (now, _) = time_out(&mut tcb, &config);
            sent(&mut tcb, &at(&config, now));
        }
        let status = tcb.status(&at(&config, NOW));
        assert_eq!(
            (status.retransmits, status.probes, status.trust),
            (retransmits, probes, trust)
        );
        assert_eq!(
            (status.backoff, status.rto, status.resent),
            (2, millis(4000), 2)
        );
    }
}
