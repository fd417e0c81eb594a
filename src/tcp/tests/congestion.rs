//! Fast retransmit and recovery, as a connection does them (RFC 5681 §3.2, RFC 6582).

use super::*;

fn ack(n: u32) -> Segment {
    Segment {
        wnd: 60_000,
        ..seg("ACK", 300, n, 0)
    }
}

// ESTABLISHED, ten segments of 1000 octets in flight, the first at 101.
fn flight(config: &Config) -> Tcb {
    let cx = at(config, NOW);
    let mut tcb = idle();
    arrive(&mut tcb, &ack(101), &cx);
    tcb.congestion = super::super::congestion::Congestion::new(1000, Seq(100));
    tcb.on_send(10_000, &cx);
    assert_eq!(sent(&mut tcb, &cx).len(), 10);
    tcb
}

#[test]
fn the_third_duplicate_sends_the_oldest_segment_again() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = flight(&config);
    for duplicate in 1..=5 {
        arrive(&mut tcb, &ack(101), &cx);
        let want: &[&str] = if duplicate == 3 {
            &["<SEQ=101><ACK=300><DATA=1000><CTL=ACK>"]
        } else {
            &[]
        };
        assert_eq!(shown(&mut tcb, &cx), want, "{duplicate}");
    }
}

// RFC 5681 §2: what makes an ACK a duplicate.
#[test]
fn only_a_bare_repeated_ack_is_a_duplicate() {
    let config = plain();
    let cx = at(&config, NOW);
    let window = Segment {
        wnd: 50_000,
        ..ack(101)
    };
    let text = |n: u32| Segment {
        seq: Seq(300 + n),
        text_len: 1,
        ..ack(101)
    };
    let fin = Segment {
        ctl: Ctl::FIN_ACK,
        ..ack(101)
    };
    for segments in [
        [text(0), text(1), text(2)],
        [ack(101), ack(101), window],
        [ack(101), fin, ack(101)],
    ] {
        let mut tcb = flight(&config);
        for segment in segments {
            arrive(&mut tcb, &segment, &cx);
        }
        assert!(sent(&mut tcb, &cx).iter().all(|o| !o.again));
    }
    let mut tcb = idle();
    for _ in 0..5 {
        arrive(&mut tcb, &ack(101), &cx);
        assert_eq!(sent(&mut tcb, &cx), [], "nothing is out");
    }
}

// RFC 6582 §3.2 step 3.
#[test]
fn a_partial_acknowledgment_sends_the_next_hole() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = flight(&config);
    for _ in 0..3 {
        arrive(&mut tcb, &ack(101), &cx);
    }
    sent(&mut tcb, &cx);
    arrive(&mut tcb, &ack(3101), &cx);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=3101><ACK=300><DATA=1000><CTL=ACK>"]
    );
    arrive(&mut tcb, &ack(10_101), &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    assert_eq!(tcb.deadline(), Instant::NEVER);
}

#[test]
fn what_was_acknowledged_meanwhile_is_not_sent_again() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = flight(&config);
    for _ in 0..3 {
        arrive(&mut tcb, &ack(101), &cx);
    }
    // All in one burst: nothing was sent yet.
    arrive(&mut tcb, &ack(10_101), &cx);
    tcb.on_send(1000, &cx);
    let outputs = sent(&mut tcb, &cx);
    assert_eq!((outputs.len(), outputs[0].again), (1, false));
    arrive(&mut tcb, &ack(11_101), &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
}

#[test]
fn a_lost_fin_is_sent_again_fast() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (flight(&config), Actions::default());
    tcb.congestion.cwnd += 1000;
    tcb.on_close(&cx, &mut out);
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=10101><ACK=300><CTL=FIN,ACK>"]);
    for _ in 0..4 {
        arrive(&mut tcb, &ack(10_101), &cx);
    }
    assert_eq!(shown(&mut tcb, &cx), ["<SEQ=10101><ACK=300><CTL=FIN,ACK>"]);
}

// RFC 5681 §4.1: a connection that is busy is not idle, with timestamps or without.
#[test]
fn a_busy_connection_keeps_its_window() {
    let config = Config {
        timestamps: true,
        ..plain()
    };
    for timestamps in [false, true] {
        let mut tcb = idle();
        if timestamps {
            tcb.flags.set(Flags::TIMESTAMPS);
        }
        tcb.congestion = super::super::congestion::Congestion::new(1000, Seq(100));
        let mut now = NOW;
        let mut cwnd = tcb.congestion.cwnd;
        for _ in 0..100 {
            tcb.on_send(1000, &at(&config, now));
            let segment = sent(&mut tcb, &at(&config, now))[0].segment;
            now = now + millis(50);
            let mut answer = ack((segment.seq + segment.text_len).0);
            if let Some(theirs) = segment.options.timestamps {
                answer = stamped(answer, now.as_millis() as u32, theirs.val);
            }
            arrive(&mut tcb, &answer, &at(&config, now));
            assert!(tcb.congestion.cwnd > cwnd, "{timestamps}");
            cwnd = tcb.congestion.cwnd;
        }
        tcb.on_send(1, &at(&config, now + millis(10_000)));
        assert!(tcb.congestion.cwnd < cwnd, "idle for ten seconds");
    }
}
