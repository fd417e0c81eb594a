//! Timestamps: PAWS, TS.Recent and what is echoed (RFC 7323 §3 to §5).

use super::*;
use crate::drop_reason::DropReason;

const DAY: u64 = 24 * 3600;

// TS.Recent = 1000 since NOW, Last.ACK.sent = RCV.NXT = 300.
fn timed(state: State) -> Tcb {
    let mut tcb = tcb(state);
    tcb.flags.set(Flags::TIMESTAMPS);
    tcb.ts.recent = 1000;
    tcb.ts.recent_at = 1;
    tcb
}

#[test]
fn paws_refuses_what_is_older_than_what_was_seen() {
    let config = plain();
    let paws = Some(DropReason::Paws);
    let table = [
        (stamped(seg("ACK", 300, 101, 5), 1000, 0), None),
        (stamped(seg("ACK", 300, 101, 5), 1001, 0), None),
        (stamped(seg("ACK", 300, 101, 5), 999, 0), paws),
        (stamped(seg("ACK", 300, 101, 0), 999, 0), paws),
        (stamped(seg("FIN ACK", 300, 101, 0), 999, 0), paws),
        (
            seg("ACK", 300, 101, 5),
            Some(DropReason::NoTimestamps), // §3.2
        ),
        // a reset is judged by its sequence number alone
        (
            stamped(seg("RST", 300, 0, 0), 999, 0),
            Some(DropReason::Reset),
        ),
        (seg("RST", 300, 0, 0), Some(DropReason::Reset)),
    ];
    for (segment, dropped) in table {
        let mut tcb = timed(State::Established);
        let out = arrive(&mut tcb, &segment, &at(&config, NOW));
        assert_eq!(out.dropped, dropped, "{segment:?}");
        // §5.3 R1: answered, so that a peer that is alive learns where we stand.
        assert_eq!(out.reply.is_some(), dropped == paws, "{segment:?}");
    }
}

#[test]
fn paws_works_across_the_wrap_of_the_clock() {
    let config = plain();
    for (val, taken) in [(5, true), (u32::MAX, true), (u32::MAX - 1, false)] {
        let mut tcb = timed(State::Established);
        tcb.ts.recent = u32::MAX;
        let segment = stamped(seg("ACK", 300, 101, 5), val, 0);
        let out = arrive(&mut tcb, &segment, &at(&config, NOW));
        assert_eq!(out.dropped.is_none(), taken, "{val}");
    }
}

// §5.5
#[test]
fn ts_recent_outlives_24_days_for_nobody() {
    let config = plain();
    for (days, taken) in [(23, false), (25, true)] {
        let mut tcb = timed(State::Established);
        let now = NOW + Duration::from_secs(days * DAY);
        let segment = stamped(seg("ACK", 300, 101, 5), 1, 0);
        let out = arrive(&mut tcb, &segment, &at(&config, now));
        assert_eq!(out.dropped.is_none(), taken, "{days}");
        assert_eq!(tcb.ts.recent == 1, taken, "{days}");
    }
}

// §4.3: SEG.SEQ =< Last.ACK.sent.
#[test]
fn a_delayed_ack_echoes_the_first_of_its_segments() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = timed(State::Established);
    arrive(&mut tcb, &stamped(seg("ACK", 300, 101, 9), 1001, 0), &cx);
    arrive(&mut tcb, &stamped(seg("ACK", 309, 101, 9), 1002, 0), &cx);
    let (now, _) = time_out(&mut tcb, &config);
    let ack = tcb.next_segment(&at(&config, now)).unwrap().segment;
    assert_eq!(ack.options.timestamps.unwrap().ecr, 1001);
}

#[test]
fn a_hole_freezes_the_echo_until_it_is_filled() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = timed(State::Established);
    let past = stamped(seg("ACK", 310, 101, 10), 1002, 0);
    let reply = arrive(&mut tcb, &past, &cx).reply.unwrap();
    assert_eq!(reply.options.timestamps.unwrap().ecr, 1000);
    arrive(&mut tcb, &stamped(seg("ACK", 300, 101, 10), 1003, 0), &cx);
    let ack = tcb.next_segment(&cx).unwrap().segment;
    assert_eq!(
        (ack.ack, ack.options.timestamps.unwrap().ecr),
        (Seq(320), 1003)
    );
}

#[test]
fn the_echo_measures_the_round_trip() {
    let config = Config {
        timestamps: true,
        ..plain()
    };
    let mut tcb = timed(State::Established);
    // TSval counts milliseconds: the octet in flight left at 1000.
    let ack = stamped(seg("ACK", 300, 101, 0), 1001, 1000);
    arrive(&mut tcb, &ack, &at(&config, NOW + millis(80)));
    assert_eq!(tcb.srtt(), Some(millis(80)));
}

#[test]
fn an_echo_from_the_future_measures_nothing() {
    let config = plain();
    let mut tcb = timed(State::Established);
    let ack = stamped(seg("ACK", 300, 101, 0), 1001, 99_999);
    arrive(&mut tcb, &ack, &at(&config, NOW + millis(80)));
    assert_eq!(tcb.srtt(), None);
}

// The ACK of a segment was lost and the segment comes again: an echo of its first copy would
// measure the peer's timeout as a round trip, and each loss would stretch the next timeout.
#[test]
fn the_acknowledgment_of_a_repeated_segment_echoes_the_repetition() {
    let config = plain();
    let cx = at(&config, NOW);
    for (segment, ecr) in [
        (stamped(seg("ACK", 290, 101, 10), 1005, 0), 1005),
        (stamped(seg("FIN ACK", 299, 101, 0), 1005, 0), 1005),
        (stamped(seg("ACK", 299, 101, 0), 1005, 0), 1000),
        // further back than any window: nobody we know
        (
            stamped(seg("ACK", 0_u32.wrapping_sub(90_000), 101, 10), 1005, 0),
            1000,
        ),
        // an ACK that the peer cannot have sent: RFC 5961 §5.2
        (stamped(seg("ACK", 290, 999, 10), 1005, 0), 1000),
        // past the window
        (stamped(seg("ACK", 1300, 101, 10), 1005, 0), 1000),
    ] {
        let mut tcb = timed(State::Established);
        let reply = arrive(&mut tcb, &segment, &cx).reply.unwrap();
        assert_eq!(reply.options.timestamps.unwrap().ecr, ecr, "{segment:?}");
    }
}
