//! USER TIMEOUT, R1 and R2 of one connection (RFC 9293 §3.8.3, §3.10.8; RFC 5482).

use super::*;
use core::num::{NonZeroU8, NonZeroU32};

fn patient_for(millis: u32) -> Settings {
    Settings {
        user_timeout_millis: NonZeroU32::new(millis),
        ..Settings::default()
    }
}

// Milliseconds after `NOW` at which something went again, and at which it was given up.
fn give_up(tcb: &mut Tcb, config: &Config) -> (Vec<u64>, u64) {
    let mut sent_at = Vec::new();
    loop {
        let (now, out) = time_out(tcb, config);
        let millis = (now - NOW).as_millis() as u64;
        if out.ended.is_some() {
            assert_eq!((out.ended, out.reply), (Some(End::TimedOut), None));
            assert_eq!(tcb.state(), State::Closed);
            return (sent_at, millis);
        }
        assert_eq!(sent(tcb, &at(config, now)).len(), 1);
        sent_at.push(millis);
    }
}

#[test]
fn what_is_not_acknowledged_in_time_ends_the_connection_in_every_state() {
    let config = plain();
    let cx = at(&config, NOW);
    for state in ALL_BUT_LISTEN {
        if matches!(state, State::FinWait2 | State::TimeWait) {
            continue; // nothing is out
        }
        let mut tcb = tcb(state);
        tcb.set(patient_for(3500), &cx);
        assert_eq!(
            give_up(&mut tcb, &config),
            (vec![1000, 3000], 3500),
            "{state:?}"
        );
    }
}

#[test]
fn it_may_be_longer_than_r2() {
    let config = Config {
        retries: 2,
        ..plain()
    };
    let mut tcb = tcb(State::Established);
    tcb.set(patient_for(100_000), &at(&config, NOW));
    let (sent_at, end) = give_up(&mut tcb, &config);
    assert_eq!((sent_at.len(), end), (6, 100_000));
}

#[test]
fn a_shorter_one_takes_hold_at_once() {
    let config = plain();
    let mut tcb = tcb(State::Established);
    tcb.set(patient_for(600), &at(&config, NOW));
    assert_eq!(tcb.deadline(), NOW + millis(600));
    assert_eq!(give_up(&mut tcb, &config), (vec![], 600));
}

#[test]
fn progress_begins_it_anew() {
    let config = roomy();
    let mut tcb = idle();
    tcb.set(patient_for(1500), &at(&config, NOW));
    tcb.on_send(100, &at(&config, NOW));
    sent(&mut tcb, &at(&config, NOW));
    for n in 1..=50 {
        let now = NOW + millis(900 * n);
        let ack = seg("ACK", 300, 101 + n as u32, 0);
        assert_eq!(arrive(&mut tcb, &ack, &at(&config, now)).ended, None);
        assert!(tcb.deadline() <= now + millis(1500));
    }
    let heard = NOW + millis(45_000);
    loop {
        let (now, out) = time_out(&mut tcb, &config);
        sent(&mut tcb, &at(&config, now));
        if out.ended.is_some() {
            assert_eq!(now, heard + millis(1500));
            return;
        }
    }
}

// Departing from nothing: MUST-37 keeps open what the user does not limit.
#[test]
fn a_closed_window_that_is_acknowledged_outlasts_r2_but_not_the_users_patience() {
    let config = plain();
    for limit in [None, NonZeroU32::new(50_000)] {
        let mut tcb = idle();
        let wanted = Settings {
            user_timeout_millis: limit,
            ..Settings::default()
        };
        tcb.set(wanted, &at(&config, NOW));
        tcb.snd.wnd = 0;
        tcb.on_send(10, &at(&config, NOW));
        let mut ended = None;
        for _ in 0..100 {
            let (now, out) = time_out(&mut tcb, &config);
            ended = out.ended;
            if ended.is_some() {
                assert_eq!(now, NOW + millis(50_000));
                break;
            }
            assert_eq!(sent(&mut tcb, &at(&config, now)).len(), 1);
            let answer = Segment {
                wnd: 0,
                ..seg("ACK", 300, 101, 0)
            };
            arrive(&mut tcb, &answer, &at(&config, now));
        }
        assert_eq!(ended, limit.map(|_| End::TimedOut));
    }
}

// FIN-WAIT-1 behind a closed window: probed as long as the peer answers, R2 when it is silent.
#[test]
fn a_fin_behind_a_closed_window_is_given_up_when_the_peer_is_silent() {
    let config = Config {
        retries: 4,
        ..plain()
    };
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (idle(), Actions::default());
    tcb.snd.wnd = 0;
    tcb.on_close(&cx, &mut out);
    assert_eq!(
        (sent(&mut tcb, &cx), tcb.state()),
        (vec![], State::FinWait1)
    );
    let mut answered = tcb;
    assert_eq!(
        give_up(&mut tcb, &config),
        (vec![1000, 3000, 7000, 15_000], 31_000)
    );
    for _ in 0..20 {
        let (now, out) = time_out(&mut answered, &config);
        let cx = at(&config, now);
        let fin = ["<SEQ=101><ACK=300><CTL=FIN,ACK>"];
        assert_eq!(
            (out.ended, shown(&mut answered, &cx)),
            (None, fin.map(String::from).to_vec())
        );
        let shut = Segment {
            wnd: 0,
            ..seg("ACK", 300, 101, 0)
        };
        arrive(&mut answered, &shut, &cx);
    }
    assert_eq!(answered.state(), State::FinWait1);
}

// MUST-21
#[test]
fn r2_is_set_for_one_connection() {
    let config = plain();
    let mut tcb = tcb(State::Established);
    let wanted = Settings {
        retries: NonZeroU8::new(2),
        ..Settings::default()
    };
    tcb.set(wanted, &at(&config, NOW));
    assert_eq!(give_up(&mut tcb, &config), (vec![1000, 3000], 7000));
}

// MUST-20 (a), SHLD-9, SHLD-10; MUST-22: a SYN is no exception.
#[test]
fn the_user_is_told_at_r1_once() {
    let config = Config {
        retries: 6,
        ..plain()
    };
    for state in [State::SynSent, State::Established, State::LastAck] {
        let mut tcb = tcb(state);
        let mut reports = Vec::new();
        for n in 1..=6 {
            let (now, out) = time_out(&mut tcb, &config);
            sent(&mut tcb, &at(&config, now));
            reports.extend(out.report.map(|report| (n, report)));
        }
        assert_eq!(reports, [(3, Report::Silent)], "{state:?}");
    }
}

#[test]
fn linger_gives_up_a_close_that_is_not_acknowledged() {
    let config = plain();
    let mut tcb = tcb(State::Established);
    let closed = NOW + millis(500);
    tcb.set_linger(millis(2000), &at(&config, closed));
    tcb.on_close_both(&at(&config, closed), &mut Actions::default());
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=100><ACK=300><DATA=1><CTL=FIN,ACK>"]
    );
    assert_eq!(give_up(&mut tcb, &config).1, 2500);
}
