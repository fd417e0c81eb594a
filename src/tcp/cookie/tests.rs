//! Cookies: what passes, what does not, what survives.

use super::*;
use crate::tcp::Actions;
use crate::wire::{Address, Endpoint};

const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

fn v4() -> FourTuple {
    FourTuple {
        local: Endpoint {
            address: Address::v4([192, 0, 2, 1]),
            port: 80,
        },
        remote: Endpoint {
            address: Address::v4([198, 18, 0, 7]),
            port: 40_000,
        },
    }
}

fn v6() -> FourTuple {
    let address = |last| {
        let mut octets = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        octets[15] = last;
        Address(octets)
    };
    FourTuple {
        local: Endpoint {
            address: address(1),
            port: 443,
        },
        remote: Endpoint {
            address: address(2),
            port: 50_000,
        },
    }
}

const SEQ: Seq = Seq(0x0102_0304);

#[test]
fn every_mss_comes_back_as_the_class_below_it() {
    let keys = CookieKeys::new(3, KEY);
    for (tuple, classes) in [(v4(), MSS_V4), (v6(), MSS_V6)] {
        for mss in 0..=u16::MAX {
            let iss = keys.mint(&tuple, SEQ, Some(mss));
            let got = keys.check(&tuple, SEQ, iss).unwrap();
            let want = classes.iter().rev().find(|class| **class <= mss);
            assert_eq!(got, *want.unwrap_or(&classes[0]), "{mss}");
        }
    }
    let default = |tuple: FourTuple| keys.check(&tuple, SEQ, keys.mint(&tuple, SEQ, None));
    assert_eq!((default(v4()), default(v6())), (Ok(536), Ok(1220))); // MUST-15
}

// Whoever has read text acknowledges more than our SYN. When the connection is gone on our side, a
// cookie made of that would begin it anew in the middle of the peer's text.
#[test]
fn an_ack_of_text_is_no_cookie() {
    let keys = CookieKeys::new(3, KEY);
    for tuple in [v4(), v6()] {
        for mss in [48, 536, 1460] {
            let iss = keys.mint(&tuple, SEQ, Some(mss));
            for text in 1..=u32::from(u16::MAX) {
                assert!(keys.check(&tuple, SEQ, iss + text).is_err(), "{text}");
            }
        }
    }
}

#[test]
fn a_cookie_lives_for_its_epoch_and_the_next() {
    let mut keys = CookieKeys::new(7, KEY);
    let iss = keys.mint(&v4(), SEQ, None);
    keys.rotate(8, [8; 16]);
    assert_eq!(keys.check(&v4(), SEQ, iss), Ok(536));
    keys.rotate(9, [9; 16]);
    assert_eq!(keys.check(&v4(), SEQ, iss), Err(NoCookie::Wrong));
    // A machine that slept through an epoch has no key of the one before.
    let iss = keys.mint(&v4(), SEQ, None);
    keys.rotate(11, [11; 16]);
    assert_eq!(keys.check(&v4(), SEQ, iss), Err(NoCookie::Wrong));
}

#[test]
fn a_cookie_is_good_for_one_tuple_and_one_syn() {
    let keys = CookieKeys::new(7, KEY);
    let iss = keys.mint(&v4(), SEQ, None);
    let mut others = vec![(v6(), SEQ), (v4().reversed(), SEQ), (v4(), SEQ + 1)];
    let mut port = v4();
    port.remote.port += 1;
    others.push((port, SEQ));
    for (tuple, seq) in others {
        assert_eq!(
            keys.check(&tuple, seq, iss),
            Err(NoCookie::Wrong),
            "{tuple:?}"
        );
    }
    for bit in 0..32 {
        let forged = Seq(iss.0 ^ 1 << bit);
        assert!(keys.check(&v4(), SEQ, forged).is_err(), "bit {bit}");
    }
}

#[test]
fn blind_acks_pass_as_rarely_as_the_format_says() {
    let mut keys = CookieKeys::new(6, [1; 16]);
    keys.rotate(7, KEY);
    let passed = (0..4_000_000_u32)
        .filter(|n| {
            keys.check(&v4(), SEQ, Seq(n.wrapping_mul(0x9e37_79b1)))
                .is_ok()
        })
        .count();
    // 4 M tries at 2 in 2^29, times the eight classes, are an expected 0.12.
    assert!(passed <= 3, "{passed} of 4 M blind ACKs passed");
}

#[test]
fn the_timestamp_never_runs_ahead_and_never_loses_an_option() {
    for clock in [0, 1, 63, 64, 1000, u32::MAX, 0x8000_0000] {
        for scale in (0..=14).map(Some).chain([None]) {
            for sack in [false, true] {
                let packed = pack(clock, scale, sack);
                assert!(clock.wrapping_sub(packed) < 128, "{clock} {packed}");
                let seg = Segment {
                    options: Options {
                        timestamps: Some(Timestamps {
                            val: 1,
                            ecr: packed,
                        }),
                        ..Options::default()
                    },
                    ..Segment::default()
                };
                let got = remembered(&seg, 1460, &Config::default());
                assert_eq!((got.window_scale, got.sack_permitted), (scale, sack));
            }
        }
    }
}

fn syn(options: Options) -> Segment {
    Segment {
        seq: SEQ,
        wnd: 64_000,
        ctl: Ctl::SYN,
        options,
        ..Segment::default()
    }
}

// All mixes of what a SYN may offer: what the SYN-ACK offers is among it, and the connection that
// the third segment builds has it.
#[test]
fn the_connection_has_what_the_handshake_agreed_on() {
    let config = Config::default();
    let keys = CookieKeys::new(0, KEY);
    for mix in 0..16 {
        let has = |bit: u32| mix >> bit & 1 == 1;
        let offered = Options {
            mss: has(0).then_some(1400),
            window_scale: has(1).then_some(9),
            sack_permitted: has(2),
            timestamps: has(3).then_some(Timestamps { val: 77, ecr: 0 }),
        };
        let cx = Context {
            now: Instant::ZERO + Duration::from_secs(5),
            config: &config,
            is_v4: true,
            may_store: true,
            may_reopen: true,
        };
        let iss = keys.mint(&v4(), SEQ, offered.mss);
        let answer = Offer::new(None, &cx)
            .syn_ack(&syn(offered), iss, 1234)
            .options;
        assert_eq!(answer.timestamps.is_some(), has(3));
        assert_eq!(answer.window_scale.is_some(), has(1) && has(3));
        assert_eq!(answer.sack_permitted, has(2) && has(3));
        let third = Segment {
            seq: SEQ + 1,
            ack: iss + 1,
            wnd: 500,
            ctl: Ctl::ACK,
            text_len: 5,
            options: Options {
                timestamps: answer.timestamps.map(|ts| Timestamps {
                    val: 80,
                    ecr: ts.val,
                }),
                ..Options::default()
            },
            ..Segment::default()
        };
        let mss = keys.check(&v4(), SEQ, iss).unwrap();
        let mut tcb = Tcb::on_cookie(&third, &remembered(&third, mss, &config), 1234, &cx);
        let mut out = Actions::default();
        tcb.on_segment(&third, &cx, &mut out);
        assert_eq!(tcb.state(), State::Established, "{mix:04b} {out:?}");
        assert!(out.opened);
        assert_eq!(
            out.deliver.len, 5,
            "text on the third segment is the user's"
        );
        assert_eq!(tcb.has_timestamps(), has(3));
        assert_eq!(tcb.is_sack_permitted(), has(2) && has(3));
        let shift = if has(1) && has(3) { 9 } else { 0 };
        assert_eq!((tcb.snd.shift, tcb.snd.wnd), (shift, 500 << shift));
        let room = if has(0) { 1360 } else { 536 };
        let options = if has(3) { 12 } else { 0 };
        assert_eq!(tcb.snd.mss, room - options);
    }
}
