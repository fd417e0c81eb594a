//! Keep-alives of ours, and of the peer (RFC 9293 §3.8.4).

use super::*;
use core::num::{NonZeroU8, NonZeroU16, NonZeroU32};

const SECOND: Duration = Duration::from_secs(1);

fn secs(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

// After 10 seconds, every 3 seconds, 4 of them.
fn keep_alive() -> KeepAlive {
    KeepAlive {
        idle_secs: secs(10),
        interval_secs: secs(3),
        count: NonZeroU8::new(4).unwrap(),
    }
}

fn settings() -> Settings {
    Settings {
        keep_alive: Some(keep_alive()),
        ..Settings::default()
    }
}

fn kept_alive(state: State) -> Tcb {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = tcb(state);
    tcb.snd.una = tcb.snd.nxt;
    tcb.snd.queued = 0;
    tcb.rtx_at = Instant::NEVER;
    tcb.set(settings(), &cx);
    tcb
}

// When each probe goes, in milliseconds from `NOW`, until the connection ends.
fn probe_until_dead(tcb: &mut Tcb, config: &Config) -> (Vec<u64>, u64, Actions) {
    let mut probed = Vec::new();
    loop {
        let (now, out) = time_out(tcb, config);
        let millis = (now - NOW).as_millis() as u64;
        if out.ended.is_some() {
            return (probed, millis, out);
        }
        let want = ["<SEQ=100><ACK=300><CTL=ACK>"]; // SHLD-12: no text
        assert_eq!(shown(tcb, &at(config, now)), want, "at {millis}");
        probed.push(millis);
    }
}

// MUST-25, MUST-28.
#[test]
fn they_are_off_by_default_and_two_hours_apart_when_on() {
    let config = plain();
    let mut tcb = idle();
    assert_eq!(
        (tcb.settings().keep_alive, armed(&tcb)),
        (None, String::new())
    );
    let wanted = Settings {
        keep_alive: Some(KeepAlive::default()),
        ..Settings::default()
    };
    tcb.set(wanted, &at(&config, NOW));
    assert_eq!(tcb.deadline(), NOW + 7200 * SECOND);
}

// MUST-24
#[test]
fn they_are_turned_on_and_off_for_one_connection_at_any_time() {
    let config = plain();
    let mut tcb = kept_alive(State::Established);
    assert_eq!(tcb.deadline(), NOW + 10 * SECOND);
    tcb.set(Settings::default(), &at(&config, NOW));
    assert_eq!(tcb.deadline(), Instant::NEVER);
    // What was idle for long is probed at once.
    let later = NOW + 60 * SECOND;
    tcb.set(settings(), &at(&config, later));
    assert_eq!(tcb.deadline(), later);
}

// MUST-27, MUST-29: no probe alone decides.
#[test]
fn a_peer_that_answers_none_of_them_is_given_up_with_a_reset() {
    let config = plain();
    for state in [State::Established, State::CloseWait, State::FinWait2] {
        let mut tcb = kept_alive(state);
        let (probed, end, out) = probe_until_dead(&mut tcb, &config);
        assert_eq!(probed, [10_000, 13_000, 16_000, 19_000], "{state:?}");
        assert_eq!((end, out.ended), (22_000, Some(End::TimedOut)));
        assert_eq!(show_option(out.reply.as_ref()), "<SEQ=101><CTL=RST>");
        assert_eq!((tcb.state(), armed(&tcb)), (State::Closed, String::new()));
    }
}

#[test]
fn a_count_of_one_is_a_count_of_two() {
    let config = plain();
    let mut tcb = kept_alive(State::Established);
    let mut wanted = settings();
    wanted.keep_alive = Some(KeepAlive {
        count: NonZeroU8::MIN,
        ..keep_alive()
    });
    tcb.set(wanted, &at(&config, NOW));
    let (probed, end, _) = probe_until_dead(&mut tcb, &config);
    assert_eq!((probed, end), (vec![10_000, 13_000], 16_000));
}

#[test]
fn the_user_timeout_stands_in_for_their_count() {
    let config = plain();
    let mut tcb = kept_alive(State::Established);
    let wanted = Settings {
        user_timeout_millis: NonZeroU32::new(26_000),
        ..settings()
    };
    tcb.set(wanted, &at(&config, NOW));
    let (probed, end, _) = probe_until_dead(&mut tcb, &config);
    assert_eq!(probed, [10_000, 13_000, 16_000, 19_000, 22_000, 25_000]);
    assert_eq!(end, 28_000);
}

// MUST-26, and the one answer that keeps a connection alive for ever.
#[test]
fn an_answer_begins_the_interval_anew() {
    let config = plain();
    let mut tcb = kept_alive(State::Established);
    for _ in 0..20 {
        let mut heard = NOW;
        for _ in 0..3 {
            let (now, out) = time_out(&mut tcb, &config);
            assert_eq!(
                (out.ended, shown(&mut tcb, &at(&config, now)).len()),
                (None, 1)
            );
            heard = now + SECOND;
        }
        arrive(&mut tcb, &seg("ACK", 300, 101, 0), &at(&config, heard));
        assert_eq!(tcb.deadline(), heard + 10 * SECOND);
        assert_eq!(tcb.status(&at(&config, heard)).probes, 0);
    }
}

// The timer is lazy: it finds out that something came.
#[test]
fn text_puts_them_off() {
    let config = plain();
    let mut tcb = kept_alive(State::Established);
    let heard = NOW + 4 * SECOND;
    arrive(&mut tcb, &seg("ACK", 300, 101, 10), &at(&config, heard));
    sent(&mut tcb, &at(&config, heard + SECOND));
    tcb.ack_at = Instant::NEVER;
    let (now, _) = time_out(&mut tcb, &config);
    assert_eq!(now, NOW + 10 * SECOND);
    assert_eq!(sent(&mut tcb, &at(&config, now)), []);
    assert_eq!(tcb.deadline(), heard + 10 * SECOND);
}

// MUST-26
#[test]
fn none_is_sent_while_text_is_outstanding() {
    let config = plain();
    let mut tcb = kept_alive(State::Established);
    let cx = at(&config, NOW + 9 * SECOND);
    tcb.on_send(10, &cx);
    assert_eq!(sent(&mut tcb, &cx).len(), 1);
    for _ in 0..8 {
        let (now, _) = time_out(&mut tcb, &config);
        let outputs = sent(&mut tcb, &at(&config, now));
        assert!(
            outputs.iter().all(|o| o.segment.text_len == 10),
            "{outputs:?}"
        );
    }
}

#[test]
fn nothing_is_kept_alive_before_the_handshake_and_after_the_end() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in [State::SynSent, State::SynReceived, State::TimeWait] {
        let mut tcb = tcb(state);
        let deadline = tcb.deadline();
        tcb.set(settings(), &cx);
        assert_eq!(tcb.deadline(), deadline, "{state:?}");
    }
    let mut opened = tcb(State::SynReceived);
    opened.set(settings(), &cx);
    let later = NOW + SECOND;
    arrive(&mut opened, &seg("ACK", 300, 101, 0), &at(&config, later));
    assert_eq!(opened.deadline(), later + 10 * SECOND);
    // A user who is gone waits for nobody's sake.
    let mut tcb = kept_alive(State::FinWait2);
    tcb.on_close_both(&cx, &mut Actions::default());
    assert_eq!(tcb.deadline(), NOW + config.fin_wait_2);
    let (_, out) = time_out(&mut tcb, &config);
    assert_eq!((out.ended, out.reply), (Some(End::Closed), None));
}

#[test]
fn time_wait_is_not_shortened_by_a_probe_that_was_out() {
    let config = plain();
    let mut tcb = kept_alive(State::FinWait2);
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    sent(&mut tcb, &cx);
    arrive(&mut tcb, &seg("FIN ACK", 300, 101, 0), &cx);
    assert_eq!(tcb.deadline(), now + config.time_wait);
    arrive(&mut tcb, &seg("ACK", 301, 101, 0), &cx);
    assert_eq!(
        (tcb.state(), tcb.deadline()),
        (State::TimeWait, now + config.time_wait)
    );
}

// RFC 9293 §3.8.4: both forms of the peer's, with one garbage octet and without.
#[test]
fn those_of_the_peer_are_answered_and_change_nothing() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in [State::Established, State::FinWait2, State::CloseWait] {
        for text_len in [0, 1] {
            let mut tcb = kept_alive(state);
            let nxt = tcb.rcv.nxt;
            let probe = seg("ACK", 299, 101, text_len);
            let out = arrive(&mut tcb, &probe, &cx);
            let want = "<SEQ=101><ACK=300><CTL=ACK>";
            assert_eq!(
                show_option(out.reply.as_ref()),
                want,
                "{state:?} {text_len}"
            );
            assert_eq!((out.deliver.len, tcb.rcv.nxt, tcb.state()), (0, nxt, state));
        }
    }
}
