//! The short way and the long way agree, octet for octet.

use super::*;
use crate::wire::{Checksum, parse};
use proptest::prelude::*;

fn headers() -> impl Strategy<Value = (LinkHeader, FourTuple, Segment, u8, u8)> {
    let address = |is_v4: bool, octets: [u8; 16]| match octets {
        [.., a, b, c, d] if is_v4 => Address::v4([a, b, c, d]),
        _ => Address(octets),
    };
    let ends = (any::<bool>(), any::<[([u8; 16], u16); 2]>()).prop_map(move |(is_v4, ends)| {
        let [local, remote] = ends.map(|(octets, port)| Endpoint {
            address: address(is_v4, octets),
            port,
        });
        FourTuple { local, remote }
    });
    // Bit by bit: as Linux has them, with timestamps and without, MSS alone, none, or any mix.
    let mixes = prop_oneof![
        Just(0b1111_u8),
        Just(0b0111),
        Just(0b0001),
        Just(0),
        0..16_u8
    ];
    let options = (mixes, any::<[u32; 4]>()).prop_map(|(mix, [mss, shift, val, ecr])| {
        let has = |bit: u8| mix >> bit & 1 == 1;
        Options {
            mss: has(0).then_some(mss as u16),
            window_scale: has(1).then_some((shift % 15) as u8),
            sack_permitted: has(2),
            timestamps: has(3).then_some(Timestamps { val, ecr }),
        }
    });
    let ctl = prop_oneof![
        4 => Just(Ctl::SYN),
        4 => Just(Ctl::SYN_ACK),
        1 => any::<u8>().prop_map(Ctl::from_byte),
    ];
    let numbers = (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>());
    let segment = (ctl, numbers, options).prop_map(|(ctl, (seq, ack, wnd, up), options)| Segment {
        seq: Seq(seq),
        ack: Seq(ack),
        wnd,
        up,
        ctl,
        text_len: 0,
        options,
    });
    let link = any::<[[u8; 6]; 2]>().prop_map(|[to, from]| LinkHeader::new(to, from));
    (link, ends, segment, any::<u8>(), any::<u8>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_short_way_writes_what_the_long_way_writes(
        (link, tuple, segment, hop_limit, tos) in headers(),
    ) {
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment: &segment,
            hop_limit,
            tos,
        };
        let (mut short, mut long) = ([0xee; 128], [0xee; 128]);
        let short_len = headers.emit_linux_syn(&mut short);
        let long_len = headers.emit(&mut long);
        if short_len.is_some() {
            prop_assert_eq!(short_len, long_len);
            prop_assert_eq!(short, long);
        } else {
            prop_assert_eq!(short, [0xee; 128]);
        }
        let one_less = short_len.map_or(0, |len| len - 1);
        prop_assert!(headers.emit_linux_syn(&mut short[..one_less]).is_none());
    }

    // With one octet changed at most, and its checksums left alone or made right again.
    #[test]
    fn the_short_way_reads_what_the_long_way_reads(
        (link, tuple, segment, hop_limit, tos) in headers(),
        (at, octet) in (0..102_usize, any::<u8>()),
        is_made_right in any::<bool>(),
    ) {
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment: &segment,
            hop_limit,
            tos,
        };
        let mut frame = [0; 128];
        if let Some(len) = headers.emit(&mut frame) {
            let frame = &mut frame[..len + 8];
            if let Some(place) = frame.get_mut(at) {
                *place = octet;
            }
            if is_made_right {
                make_right(frame);
            }
            let long = parse(frame, Checksum::Verify);
            if let Some(packet) = parse_linux_syn(frame) {
                prop_assert_eq!(long, Ok(packet));
            }
        }
    }
}

// Puts right checksums into a frame that is thought to be such a SYN.
fn make_right(frame: &mut [u8]) {
    let is_v4 = frame[12..14] == IPV4.to_be_bytes();
    let (ip_words, addresses) = if is_v4 { (V4_WORDS, 12) } else { (V6_WORDS, 8) };
    let tcp_at = LINK_BYTES + 4 * ip_words;
    let offset = frame.get(tcp_at + 12).map_or(0, |octet| octet >> 4);
    let tcp_bytes = 4 * usize::from(offset).max(TCP_WORDS);
    let Some((ip, tcp)) = frame
        .get_mut(LINK_BYTES..tcp_at + tcp_bytes)
        .and_then(|packet| packet.split_at_mut_checked(4 * ip_words))
    else {
        return;
    };
    if is_v4 {
        ip[10..12].fill(0);
        let sum = Sum::default().octets(ip);
        ip[10..12].copy_from_slice(&sum.checksum().to_be_bytes());
    }
    tcp[16..18].fill(0);
    let pseudo_header = Sum::default().octets(&ip[addresses..]).segment(tcp_bytes);
    let sum = pseudo_header.octets(tcp);
    tcp[16..18].copy_from_slice(&sum.checksum().to_be_bytes());
}

#[test]
fn what_linux_sends_goes_the_short_way_and_its_answer_too() {
    let v6 = |last| Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let v4 = |last| Address::v4([192, 0, 2, last]);
    let linux = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { val: 1, ecr: 0 }),
    };
    let no_timestamps = Options {
        timestamps: None,
        ..linux
    };
    let mss_alone = Options {
        mss: linux.mss,
        ..Options::default()
    };
    let none = Options::default();
    // A SYN's options, and those of its answer.
    let rows = [
        (linux, linux),
        (no_timestamps, mss_alone),
        (mss_alone, mss_alone),
        (none, mss_alone),
    ];
    for ((local, remote), (asked, answered)) in [(v4(1), v4(2)), (v6(1), v6(2))]
        .into_iter()
        .flat_map(|ends| rows.map(|row| (ends, row)))
    {
        let end = |address, port| Endpoint { address, port };
        let tuple = FourTuple {
            local: end(local, 80),
            remote: end(remote, 40_000),
        };
        let segment = |ctl, options| Segment {
            ctl,
            options,
            ..Segment::default()
        };
        let link = LinkHeader::new([2; 6], [4; 6]);
        let headers = |segment| Headers {
            link: &link,
            tuple: &tuple,
            segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut frame = [0; 128];
        let answer = segment(Ctl::SYN_ACK, answered);
        let len = headers(&answer).emit_linux_syn(&mut frame).unwrap();
        assert_eq!(
            parse_linux_syn(&frame[..len]),
            None,
            "a SYN-ACK has another way in"
        );
        let syn = segment(Ctl::SYN, asked);
        let len = headers(&syn).emit(&mut frame).unwrap();
        assert!(parse_linux_syn(&frame[..len]).is_some(), "{asked:?}");
        assert_eq!(parse_linux_syn(&frame[..len - 1]), None);
        // Any one bit that is wrong has it looked at the long way, but those that no sum covers:
        // traffic class, flow label and hop limit of IPv6.
        let is_covered = |bit: &usize| local.is_v4() || !matches!(bit, 4..32 | 56..64);
        for bit in (0..(len - LINK_BYTES) * 8).filter(is_covered) {
            let mut wrong = frame;
            wrong[LINK_BYTES + bit / 8] ^= 1 << (7 - bit % 8);
            assert_eq!(parse_linux_syn(&wrong[..len]), None, "bit {bit}");
        }
    }
}
