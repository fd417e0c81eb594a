//! Retransmission: back-off, giving up, Karn (RFC 6298; RFC 9293 §3.8.1, §3.8.3).

use super::*;

// Lets the timer run out until the connection is given up: when each segment went, in
// milliseconds after the first, and when the end came.
fn back_off(tcb: &mut Tcb, config: &Config, want: &str) -> (Vec<u64>, u64) {
    let mut sent_at = Vec::new();
    loop {
        let (now, out) = time_out(tcb, config);
        let millis = (now - NOW).as_millis() as u64;
        if tcb.state() == State::Closed {
            assert_eq!((out.ended, out.reply), (Some(End::TimedOut), None));
            assert_eq!(tcb.deadline(), Instant::NEVER);
            return (sent_at, millis);
        }
        let cx = at(config, now);
        assert_eq!(shown(tcb, &cx), [want], "at {millis}");
        sent_at.push(millis);
    }
}

// MUST-23: R2 of a SYN is at least three minutes.
#[test]
fn a_syn_backs_off_and_is_given_up_after_247_seconds() {
    let config = plain();
    let mut tcb = Tcb::on_open(Seq(100), 0, &at(&config, NOW));
    sent(&mut tcb, &at(&config, NOW));
    let (sent_at, end) = back_off(&mut tcb, &config, "<SEQ=100><CTL=SYN>");
    assert_eq!(sent_at, [1000, 3000, 7000, 15_000, 31_000, 63_000, 127_000]);
    assert_eq!(end, 247_000);
}

#[test]
fn a_syn_ack_is_given_up_after_63_seconds() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = Tcb::on_syn(&seg("SYN", 299, 0, 0), Seq(100), 0, &cx);
    sent(&mut tcb, &cx);
    let (sent_at, end) = back_off(&mut tcb, &config, "<SEQ=100><ACK=300><CTL=SYN,ACK>");
    assert_eq!(sent_at, [1000, 3000, 7000, 15_000, 31_000]);
    assert_eq!(end, 63_000);
}

// MUST-20, MUST-21; SHLD-11: R2 is at least 100 seconds.
#[test]
fn text_and_fin_back_off_and_are_given_up_at_r2() {
    let config = Config {
        retries: 8,
        ..plain()
    };
    for (state, want) in [
        (State::Established, "<SEQ=100><ACK=300><DATA=1><CTL=ACK>"),
        (State::CloseWait, "<SEQ=100><ACK=300><DATA=1><CTL=ACK>"),
        (State::FinWait1, "<SEQ=100><ACK=300><CTL=FIN,ACK>"),
        (State::Closing, "<SEQ=100><ACK=300><CTL=FIN,ACK>"),
        (State::LastAck, "<SEQ=100><ACK=300><CTL=FIN,ACK>"),
    ] {
        let mut tcb = tcb(state);
        let (sent_at, end) = back_off(&mut tcb, &config, want);
        assert_eq!(
            sent_at,
            [1000, 3000, 7000, 15_000, 31_000, 63_000, 127_000, 247_000],
            "{state:?}"
        );
        assert_eq!(end, 367_000);
    }
}

// RFC 6298 §5.7.
#[test]
fn text_after_a_lost_syn_begins_with_three_seconds() {
    let config = plain();
    let mut tcb = Tcb::on_open(Seq(100), 0, &at(&config, NOW));
    sent(&mut tcb, &at(&config, NOW));
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    sent(&mut tcb, &cx);
    arrive(&mut tcb, &seg("SYN ACK", 299, 101, 0), &cx);
    tcb.on_send(10_000, &cx);
    assert_eq!(sent(&mut tcb, &cx).len(), 1, "RFC 5681 §3.1: one segment");
    assert_eq!(tcb.deadline(), now + millis(3000));
}

#[test]
fn progress_restarts_the_count_of_retries() {
    let config = Config {
        retries: 2,
        ..plain()
    };
    let mut tcb = idle();
    tcb.on_send(10, &at(&config, NOW));
    sent(&mut tcb, &at(&config, NOW));
    for octet in 1..10 {
        for _ in 0..2 {
            let (now, out) = time_out(&mut tcb, &config);
            assert_eq!(
                (out.ended, sent(&mut tcb, &at(&config, now)).len()),
                (None, 1)
            );
        }
        let now = tcb.deadline();
        arrive(
            &mut tcb,
            &seg("ACK", 300, 101 + octet, 0),
            &at(&config, now),
        );
    }
}

// RFC 6298 §5.2, §5.3.
#[test]
fn an_acknowledgment_restarts_or_stops_the_timer() {
    let config = plain();
    let later = NOW + millis(700);
    let mut tcb = idle();
    tcb.on_send(1000, &at(&config, NOW));
    tcb.on_send(1000, &at(&config, NOW));
    tcb.snd.wnd = 5000;
    assert_eq!(sent(&mut tcb, &at(&config, NOW)).len(), 2);
    assert_eq!(tcb.deadline(), NOW + millis(1000));
    arrive(&mut tcb, &seg("ACK", 300, 1101, 0), &at(&config, later));
    assert_eq!(tcb.deadline(), later + millis(2100), "RTT 700 ms");
    arrive(
        &mut tcb,
        &seg("ACK", 300, 1101, 0),
        &at(&config, later + millis(1)),
    );
    assert_eq!(tcb.deadline(), later + millis(2100), "nothing new");
    arrive(&mut tcb, &seg("ACK", 300, 2101, 0), &at(&config, later));
    assert_eq!(tcb.deadline(), Instant::NEVER);
}

#[test]
fn the_timer_measures_from_what_is_sent_not_from_what_waited() {
    let config = plain();
    let mut tcb = idle();
    tcb.snd.wnd = 100;
    tcb.on_send(1000, &at(&config, NOW)); // too little room: silly-window avoidance
    assert_eq!(sent(&mut tcb, &at(&config, NOW)), []);
    let later = NOW + millis(999);
    arrive(&mut tcb, &seg("ACK", 300, 101, 0), &at(&config, later));
    assert_eq!(sent(&mut tcb, &at(&config, later)).len(), 1);
    assert_eq!(tcb.deadline(), later + millis(1000));
}

// MUST-18: what was sent twice is not timed, and the back-off stays until something is.
#[test]
fn karn() {
    let config = plain();
    let mut tcb = idle();
    tcb.on_send(1, &at(&config, NOW));
    sent(&mut tcb, &at(&config, NOW));
    let (now, _) = time_out(&mut tcb, &config);
    sent(&mut tcb, &at(&config, now));
    let now = now + millis(50);
    arrive(&mut tcb, &seg("ACK", 300, 102, 0), &at(&config, now));
    assert_eq!(tcb.srtt(), None);
    tcb.on_send(1, &at(&config, now));
    sent(&mut tcb, &at(&config, now));
    assert_eq!(tcb.deadline(), now + millis(2000), "backed off");
    let now = now + millis(50);
    arrive(&mut tcb, &seg("ACK", 300, 103, 0), &at(&config, now));
    assert_eq!(tcb.srtt(), Some(millis(50)));
    tcb.on_send(1, &at(&config, now));
    sent(&mut tcb, &at(&config, now));
    assert_eq!(tcb.deadline(), now + config.rto_min);
}

#[test]
fn a_timeout_sends_everything_again_from_the_oldest() {
    let config = plain();
    let mut tcb = idle();
    tcb.snd.wnd = 5000;
    tcb.on_send(3000, &at(&config, NOW));
    sent(&mut tcb, &at(&config, NOW));
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    let again = |tcb: &mut Tcb| -> Vec<_> {
        let outputs = sent(tcb, &cx);
        let parts = outputs
            .iter()
            .map(|o| (o.segment.seq.0, o.text_offset, o.again));
        parts.collect()
    };
    assert_eq!(again(&mut tcb), [(101, 0, true)], "one segment: cwnd");
    arrive(&mut tcb, &seg("ACK", 300, 1101, 0), &cx);
    tcb.snd.wnd = 5000;
    assert_eq!(again(&mut tcb), [(1101, 0, true), (2101, 1000, true)]);
    tcb.on_send(1000, &cx);
    arrive(&mut tcb, &seg("ACK", 300, 3101, 0), &cx);
    assert_eq!(again(&mut tcb), [(3101, 0, false)]);
}

// A close that comes after text was lost: the FIN rides on its retransmission.
#[test]
fn a_fin_joins_text_that_goes_again() {
    let config = plain();
    let (mut tcb, mut out) = (tcb(State::Established), Actions::default());
    tcb.on_close(&at(&config, NOW), &mut out);
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=100><ACK=300><DATA=1><CTL=FIN,ACK>"]
    );
    arrive(&mut tcb, &seg("ACK", 300, 102, 0), &cx);
    assert_eq!(tcb.state(), State::FinWait2);
}
