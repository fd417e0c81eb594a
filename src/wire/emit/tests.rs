use super::*;
use crate::wire::{Address, Checksum, Ctl, Endpoint, Options, Seq, Timestamps, parse};
use proptest::prelude::*;

// SYN-ACKs that Linux sent; it leaves the identification of these at 0, as we do of all.
const V4_SYN_ACK: [u8; 74] = [
    0x02, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x08, 0x00, 0x45, 0x00,
    0x00, 0x3c, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0x26, 0xa8, 0x0a, 0x09, 0x00, 0x02, 0x0a, 0x09,
    0x00, 0x01, 0x00, 0x07, 0x9d, 0x42, 0xaa, 0x9c, 0x80, 0xde, 0x01, 0xa8, 0xd3, 0xfb, 0xa0, 0x12,
    0xfe, 0x88, 0x54, 0x72, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a, 0x13, 0x5a,
    0x75, 0x87, 0xb7, 0x2d, 0x02, 0x66, 0x01, 0x03, 0x03, 0x0a,
];
// With the flow label that Linux drew set to 0.
const V6_SYN_ACK: [u8; 94] = [
    0x02, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x02, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x86, 0xdd, 0x60, 0x00,
    0x00, 0x00, 0x00, 0x28, 0x06, 0x40, 0xfd, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x07, 0x87, 0x40, 0x58, 0x66, 0x1c, 0xb3, 0xcc, 0x47,
    0x39, 0xff, 0xa0, 0x12, 0xfb, 0x04, 0x65, 0xb7, 0x00, 0x00, 0x02, 0x04, 0x05, 0xa0, 0x04, 0x02,
    0x08, 0x0a, 0x7d, 0x0f, 0xb9, 0x87, 0xbd, 0x11, 0xf6, 0xdd, 0x01, 0x03, 0x03, 0x0a,
];

fn link() -> LinkHeader {
    LinkHeader::new([2, 0, 0, 0, 0, 10], [2, 0, 0, 0, 0, 11])
}

fn tuple(local: &str, remote: &str) -> FourTuple {
    let end = |text: &str| text.parse::<std::net::SocketAddr>().unwrap().into();
    FourTuple {
        local: end(local),
        remote: end(remote),
    }
}

#[test]
fn a_syn_ack_is_octet_for_octet_what_linux_sends() {
    let segment = |seq, ack, wnd, mss, val, ecr| Segment {
        seq: Seq(seq),
        ack: Seq(ack),
        wnd,
        ctl: Ctl::SYN_ACK,
        options: Options {
            mss: Some(mss),
            window_scale: Some(10),
            sack_permitted: true,
            timestamps: Some(Timestamps { val, ecr }),
        },
        ..Segment::default()
    };
    let v4 = segment(
        2_862_383_326,
        27_841_531,
        65_160,
        1460,
        324_695_431,
        3_073_180_262,
    );
    let v6 = segment(
        1_483_087_027,
        3_427_219_967,
        64_260,
        1440,
        2_098_182_535,
        3_172_071_133,
    );
    let rows: [(FourTuple, Segment, &[u8]); 2] = [
        (tuple("10.9.0.2:7", "10.9.0.1:40258"), v4, &V4_SYN_ACK),
        (tuple("[fd00:9::2]:7", "[fd00:9::1]:34624"), v6, &V6_SYN_ACK),
    ];
    for (tuple, segment, want) in rows {
        let headers = Headers {
            link: &link(),
            tuple: &tuple,
            segment: &segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut frame = [0xee; 128];
        assert_eq!(headers.emit(&mut frame), Some(want.len()));
        assert_eq!(frame[..want.len()], *want);
        assert!(frame[want.len()..].iter().all(|octet| *octet == 0xee));
    }
}

#[test]
fn what_does_not_fit_is_not_emitted() {
    let v4 = tuple("10.9.0.2:7", "10.9.0.1:40258");
    let v6 = tuple("[fd00:9::2]:7", "[fd00:9::1]:34624");
    let mixed = FourTuple {
        local: v4.local,
        remote: v6.remote,
    };
    // Tuple, octets of text, octets of room, the length if it fits.
    let rows = [
        (v4, 0, 54, Some(54)),
        (v4, 0, 53, None),
        (v4, 6, 60, Some(60)),
        (v4, 7, 60, None),
        (v4, 0, 0, None),
        (v6, 0, 74, Some(74)),
        (v6, 0, 73, None),
        (mixed, 0, 100, None),
        (mixed.reversed(), 0, 100, None),
        (v4, 65_495, 70_000, Some(65_549)),
        (v4, 65_496, 70_000, None),
        (v6, 65_515, 70_000, Some(65_589)),
        (v6, 65_516, 70_000, None),
        (v4, u32::MAX, 70_000, None),
    ];
    let mut frame = vec![0; 70_000];
    for (tuple, text_len, room, want) in rows {
        let segment = Segment {
            ctl: Ctl::ACK,
            text_len,
            ..Segment::default()
        };
        let headers = Headers {
            link: &link(),
            tuple: &tuple,
            segment: &segment,
            hop_limit: 64,
            tos: 0,
        };
        assert_eq!(headers.emit(&mut frame[..room]), want, "{text_len} {room}");
    }
}

#[test]
fn fields_that_mean_nothing_are_zero() {
    let segment = Segment {
        seq: Seq(9),
        ack: Seq(u32::MAX),
        up: u16::MAX,
        ctl: Ctl::RST,
        ..Segment::default()
    };
    let headers = Headers {
        link: &link(),
        tuple: &tuple("10.9.0.2:7", "10.9.0.1:40258"),
        segment: &segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut frame = [0xee; 60];
    headers.emit(&mut frame).unwrap();
    assert_eq!(frame[42..46], [0; 4], "SEG.ACK");
    assert_eq!(frame[52..54], [0; 2], "SEG.UP");
}

fn tuples() -> impl Strategy<Value = FourTuple> {
    let v4 = any::<[u8; 4]>().prop_map(|[_, b, c, d]| Address::v4([10, b, c, d]));
    let v6 = any::<[u8; 15]>().prop_map(|rest| {
        let mut octets = [0x20; 16];
        octets[1..].copy_from_slice(&rest);
        Address(octets)
    });
    let end = |address, port| Endpoint { address, port };
    let ports = (1..=u16::MAX, 1..=u16::MAX);
    prop_oneof![
        (v4.clone(), v4, ports.clone()).boxed(),
        (v6.clone(), v6, ports).boxed()
    ]
    .prop_map(move |(a, b, (p, q))| FourTuple {
        local: end(a, p),
        remote: end(b, q),
    })
    .prop_filter("Land", |tuple| tuple.local != tuple.remote)
}

prop_compose! {
    fn segments()(
        numbers in any::<(u32, u32, u16, u16)>(),
        bits in 0..64u8,
        mss in any::<Option<u16>>(),
        window_scale in prop::option::of(0..=14u8),
        sack_permitted in any::<bool>(),
        timestamps in any::<Option<(u32, u32)>>(),
    ) -> Segment {
        let (seq, ack, wnd, up) = numbers;
        let ctl = Ctl::from_byte(bits);
        Segment {
            seq: Seq(seq),
            ack: Seq(if ctl.ack { ack } else { 0 }),
            wnd,
            up: if ctl.urg { up } else { 0 },
            ctl,
            text_len: 0,
            options: Options {
                mss: mss.filter(|_| ctl.syn),
                window_scale: window_scale.filter(|_| ctl.syn),
                sack_permitted: sack_permitted && ctl.syn,
                timestamps: timestamps.map(|(val, ecr)| Timestamps { val, ecr }),
            },
        }
    }
}

fn links() -> impl Strategy<Value = LinkHeader> {
    (
        any::<[u8; 12]>(),
        prop::collection::vec(any::<u16>(), 0..=2),
    )
        .prop_map(|(macs, tags)| {
            let mut octets = macs.to_vec();
            for tci in tags {
                octets.extend([0x81, 0x00]);
                octets.extend(tci.to_be_bytes());
            }
            octets.extend([0x08, 0x00]);
            LinkHeader::parse(&octets).unwrap().0
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn what_is_emitted_is_parsed_again(
        tuple in tuples(),
        segment in segments(),
        link in links(),
        text in prop::collection::vec(any::<u8>(), 0..1500),
        padding in 0..50usize,
        hop_limit in any::<u8>(),
        tos in any::<u8>(),
    ) {
        let segment = Segment { text_len: text.len() as u32, ..segment };
        let headers = Headers { link: &link, tuple: &tuple, segment: &segment, hop_limit, tos };
        let text_at = headers.len();
        let mut frame = vec![0xee; text_at + text.len() + padding];
        frame[text_at..][..text.len()].copy_from_slice(&text);
        prop_assert_eq!(headers.emit(&mut frame), Some(text_at + text.len()));

        for checksum in [Checksum::Verify, Checksum::TrustPartial] {
            let packet = parse(&frame, checksum);
            prop_assert!(packet.is_ok(), "{:?}", packet);
            let packet = packet.unwrap();
            prop_assert_eq!(packet.link, link);
            prop_assert_eq!(packet.tuple, tuple.reversed());
            prop_assert_eq!(packet.segment, segment);
            prop_assert_eq!(packet.tos, tos);
            prop_assert_eq!(usize::from(packet.text_at), text_at);
            prop_assert_eq!(packet.text(&frame), &text[..]);
        }
    }
}
