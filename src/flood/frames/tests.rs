use super::*;
use crate::flood::guard::{Rate, Span, check_source};
use crate::flood::plan::Kind;
use crate::nic::netlink::Mac;
use crate::time::Duration;
use crate::wire::{Checksum, parse};
use std::collections::HashSet;

fn frames(target: &str, kind: Kind, seed: u64) -> Frames {
    let plan = Plan {
        interface: String::new(),
        target: target.parse().unwrap(),
        rate: Rate::MAX,
        span: Span::new(Duration::from_secs(1)).unwrap(),
        kind,
        source: None,
        seed,
    };
    let path = Path {
        interface: 1,
        mtu: 1500,
        source: Mac([2, 0, 0, 0, 0, 1]),
        destination: Mac([2, 0, 0, 0, 0, 2]),
    };
    Frames::new(&plan, &path)
}

#[test]
fn every_frame_is_what_was_asked_for() {
    for (target, mss) in [("10.0.0.1:80", 1460), ("[fd00::1]:80", 1440)] {
        let frames = frames(target, Kind::Mixed, 1);
        let mut octets = [0xee; 128];
        let mut tuples = HashSet::new();
        for number in 0..10_000 {
            let len = frames.frame(number, &mut octets).unwrap();
            let frame = &octets[..len];
            let ctl = frames.turns()[number as usize % 5];
            let packet = parse(frame, Checksum::Verify).unwrap();
            assert_eq!(packet.tuple.local.to_string(), target);
            assert_eq!(packet.segment.ctl, ctl);
            assert_eq!(check_source(packet.tuple.remote.address.to_ip()), Ok(()));
            assert!(packet.tuple.remote.port >= PORT_FIRST);
            let options = packet.segment.options;
            if ctl.syn {
                assert_eq!((options.mss, options.window_scale), (Some(mss), Some(7)));
                assert!(options.sack_permitted && options.timestamps.is_some());
            } else {
                assert_eq!(options, Options::default());
            }
            tuples.insert(packet.tuple);
        }
        assert!(tuples.len() >= 9_990, "{} tuples", tuples.len());
    }
}

#[test]
fn a_template_holds_the_longest_headers_and_no_variable_field() {
    for (target, len) in [("10.0.0.1:80", 74), ("[fd00::1]:80", 94)] {
        let frames = frames(target, Kind::Mixed, 1);
        for (turn, ctl) in frames.turns().iter().enumerate() {
            let (octets, got) = frames.template(*ctl);
            assert_eq!(got, if turn == 0 { len } else { len - 20 }, "{ctl:?}");
            let tcp = if len == 74 { 34 } else { 54 };
            assert_eq!(octets[tcp..tcp + 2], [0; 2], "source port");
            assert_eq!(octets[tcp + 4..tcp + 12], [0; 8], "sequence numbers");
        }
    }
}

#[test]
fn another_seed_makes_other_frames() {
    let [mut one, mut two] = [[0; 128]; 2];
    let a = frames("10.0.0.1:80", Kind::Syn, 1);
    let b = frames("10.0.0.1:80", Kind::Syn, 2);
    a.frame(0, &mut one).unwrap();
    b.frame(0, &mut two).unwrap();
    assert_ne!(one, two);
    a.frame(0, &mut two).unwrap();
    assert_eq!(one, two, "a function of seed and number");
    assert_eq!(a.frame(0, &mut [0; 73]), None, "no room");
}
