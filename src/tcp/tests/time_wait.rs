//! TIME-WAIT: RFC 9293 §3.6.1, RFC 1337, RFC 6191.

use super::super::tcb::TimestampState;
use super::super::time_wait::challenge_step;
use super::*;
use crate::drop_reason::DropReason;
use crate::wire::Options;
use core::num::NonZeroU8;
use proptest::prelude::*;

// MUST-13.
#[test]
fn it_lasts_for_2_msl() {
    let config = plain();
    let mut tcb = tcb(State::FinWait2);
    let out = arrive(&mut tcb, &seg("FIN ACK", 300, 101, 0), &at(&config, NOW));
    assert_eq!(out.ended, Some(End::Closed));
    assert_eq!(tcb.deadline(), NOW + config.time_wait);
    let (_, out) = time_out(&mut tcb, &config);
    assert_eq!((tcb.state(), out.ended), (State::Closed, None));
}

#[test]
fn a_timer_that_comes_early_does_nothing() {
    let config = plain();
    for state in ALL_BUT_LISTEN {
        let (mut tcb, mut out) = (tcb(state), Actions::default());
        let was = tcb;
        tcb.on_timeout(&at(&config, NOW), &mut out);
        assert_eq!((tcb, out), (was, Actions::default()), "{state:?}");
    }
}

#[test]
fn a_repeated_fin_restarts_the_2_msl() {
    let config = plain();
    let later = NOW + millis(30_000);
    for (segment, restarts) in [
        (seg("FIN ACK", 299, 101, 0), true),
        (seg("FIN ACK", 295, 101, 4), true),
        (seg("ACK", 299, 101, 0), false),
        (seg("ACK", 295, 101, 4), false),
        (seg("RST FIN", 299, 101, 0), false),
        // Not the peer's FIN: older than it, or with an ACK of what was never sent.
        (seg("FIN ACK", 298, 101, 0), false),
        (seg("FIN ACK", 290, 101, 4), false),
        (seg("FIN ACK", 299, 102, 0), false),
        (seg("FIN", 299, 0, 0), false),
    ] {
        let mut tcb = tcb(State::TimeWait);
        arrive(&mut tcb, &segment, &at(&config, later));
        let began = if restarts { later } else { NOW };
        assert_eq!(tcb.deadline(), began + config.time_wait, "{segment:?}");
        assert_eq!(tcb.state(), State::TimeWait);
    }
}

// RFC 1337: neither a reset nor old text may end it.
#[test]
fn nothing_cuts_it_short() {
    let config = plain();
    let cx = at(&config, NOW);
    for bits in 0..32_u8 {
        let segment = Segment {
            ctl: Ctl::from_byte(bits),
            ..seg("", 300, 101, 0)
        };
        for text_len in [0, 1, 1000] {
            let mut tcb = tcb(State::TimeWait);
            arrive(
                &mut tcb,
                &Segment {
                    text_len,
                    ..segment
                },
                &cx,
            );
            assert_eq!(tcb.state(), State::TimeWait, "{segment:?}");
            assert!(tcb.deadline() >= NOW + config.time_wait);
        }
    }
}

// MAY-2 by RFC 6191 §2. TS.Recent of the old connection is 1000, RCV.NXT is 300.
#[test]
fn a_newer_syn_takes_its_place() {
    let stamp = |segment, val| stamped(segment, val, 0);
    let (old, new) = (seg("SYN", 299, 0, 0), seg("SYN", 301, 0, 0));
    let with = Config {
        timestamps: true,
        ..plain()
    };
    let without = plain();
    #[rustfmt::skip]
    let table = [
        // old one had timestamps, we use them, SYN, may it?
        (true,  &with,    stamp(old, 1001),     true),
        (true,  &with,    stamp(old, 1000),     false),
        (true,  &with,    stamp(new, 1000),     true),
        (true,  &with,    stamp(new, 999),      false),
        (true,  &with,    old,                  false),
        (true,  &with,    new,                  true),
        (false, &with,    stamp(old, 1),        true),
        (false, &with,    old,                  false),
        (false, &with,    new,                  true),
        // the new one would have none either: only its sequence number counts
        (false, &without, stamp(old, 1),        false),
        (false, &without, stamp(new, 1),        true),
        // no SYN alone
        (false, &with,    seg("SYN ACK", 301, 101, 0), false),
        (false, &with,    seg("SYN RST", 301, 101, 0), false),
        (false, &with,    seg("ACK", 301, 101, 0),     false),
    ];
    for (row, (had, config, segment, may)) in table.into_iter().enumerate() {
        let mut tcb = tcb(State::TimeWait);
        tcb.ts.recent = 1000;
        tcb.ts.recent_at = 1;
        if had {
            tcb.flags.set(Flags::TIMESTAMPS);
        }
        let out = arrive(&mut tcb, &segment, &at(config, NOW));
        let after = if may { State::Closed } else { State::TimeWait };
        assert_eq!(
            (out.reopen.is_some(), tcb.state()),
            (may, after),
            "row {row}"
        );
        assert_eq!(out.ended, None, "the user was told before");
        if let Some(iss) = out.reopen {
            assert!(tcb.snd.nxt.lt(iss), "past all that was sent");
            assert_eq!(out.dropped, Some(DropReason::UnexpectedSyn));
        }
    }
}

#[test]
fn only_time_wait_gives_way_to_a_syn() {
    let config = plain();
    for state in ALL_BUT_LISTEN {
        let mut tcb = tcb(state);
        let out = arrive(&mut tcb, &seg("SYN", 301, 0, 0), &at(&config, NOW));
        assert_eq!(out.reopen.is_some(), state == State::TimeWait, "{state:?}");
    }
}

// All windows that a peer may have had, and the numbers around each power of two.
#[test]
fn the_largest_window_is_remembered_exactly_or_rounded_up_a_little() {
    let config = plain();
    let edges = (0..30).flat_map(|bit| (1_u32 << bit).saturating_sub(2)..=(1 << bit) + 2);
    for wnd in (0..5000).chain(edges).chain([65_535 << 14]) {
        let mut tcb = tcb(State::TimeWait);
        tcb.snd.wnd_max = wnd;
        let was = tcb.time_wait(&config).unwrap();
        let is = through_a_record(&was, &config);
        let (is, again) = (is.wnd_max(), through_a_record(&is, &config).wnd_max());
        assert!(is >= wnd && is - wnd <= wnd / 512, "{wnd}: {is}");
        assert!(wnd >= 1024 || is == wnd);
        assert_eq!(is, again);
    }
}

fn through_a_record(was: &TimeWait, config: &Config) -> TimeWait {
    let (words, bits) = was.pack(config);
    assert_eq!(bits >> TimeWait::BITS, 0);
    let ends = (was.hop_limit, was.tos);
    TimeWait::unpack(words, bits, (was.open, was.began), ends, config)
}

prop_compose! {
    fn any_segment()(
        ctl in 0..64_u8,
        seq in -1200..1200_i32,
        ack in -2000..100_i32,
        text_len in prop_oneof![Just(0), Just(1), 0..1200_u32],
        wnd in 0..1000_u16,
        stamp in prop::option::of(-3..3_i32),
    ) -> Segment {
        Segment {
            seq: Seq(300_u32.wrapping_add_signed(seq)),
            ack: Seq(101_u32.wrapping_add_signed(ack)),
            wnd,
            ctl: Ctl::from_byte(ctl),
            text_len,
            options: Options {
                timestamps: stamp.map(|val| Timestamps {
                    val: 1000_u32.wrapping_add_signed(val),
                    ecr: 0,
                }),
                ..Options::default()
            },
            ..Segment::default()
        }
    }
}

proptest! {
    // A block that was kept, and one that is made anew of what was remembered for each segment.
    #[test]
    fn what_is_remembered_answers_as_the_block_did(
        segments in prop::collection::vec((any_segment(), any::<bool>()), 1..40),
        has_timestamps: bool,
        has_scaling: bool,
        uses_timestamps: bool,
        tos: u8,
    ) {
        let config = Config { timestamps: uses_timestamps, ..roomy() };
        let mut kept = tcb(State::TimeWait);
        kept.ts.offset = 77;
        kept.ts.recent = 1000;
        kept.ts.recent_at = 1;
        kept.settings.tos = tos;
        kept.settings.hop_limit = NonZeroU8::new(tos);
        // All that was offered, less the FIN.
        kept.rcv.edge = kept.rcv.nxt + (config.receive_buffer - 1);
        if has_timestamps {
            kept.flags.set(Flags::TIMESTAMPS);
        } else {
            kept.ts = TimestampState { offset: 77, ..TimestampState::default() };
        }
        if has_scaling {
            kept.flags.set(Flags::SCALING);
            kept.rcv.shift = config.window_shift();
        }
        let mut remembered = kept.time_wait(&config).unwrap();
        let mut now = NOW;
        for (segment, is_later) in segments {
            // A challenge is put off by less than a step; here there is none to put off.
            now = now + challenge_step(&config) * u32::from(is_later) ;
            let cx = at(&config, now);
            let mut anew = Tcb::from_time_wait(&remembered, 77, &cx);
            prop_assert_eq!(anew.settings(), kept.settings());
            let out = arrive(&mut kept, &segment, &cx);
            prop_assert_eq!(arrive(&mut anew, &segment, &cx), out, "{:?}", segment);
            prop_assert_eq!((anew.state(), anew.deadline()), (kept.state(), kept.deadline()));
            if out.reopen.is_some() {
                return Ok(());
            }
            prop_assert!(!kept.wants_to_send());
            let rest = anew.time_wait(&config).unwrap();
            prop_assert_eq!(rest, kept.time_wait(&config).unwrap());
            remembered = through_a_record(&rest, &config);
            prop_assert_eq!(remembered, rest);
        }
    }
}
