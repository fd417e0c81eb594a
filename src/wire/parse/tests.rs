use super::*;
use crate::wire::{Ctl, Headers, Options, Seq, Timestamps};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

// What Linux sent over a veth, with and without its share of the TCP checksum.
const V4_TEXT: &str = "02000000000b02000000000a08004500003b1f664000400607430a0900010a090002\
    9d42000701a8d3fbaa9c80df8018003fdf3100000101080ab72d0267135a758773656177616c6c";
const V4_TEXT_PARTIAL: &str = "02000000000b02000000000a08004500003bd5734000400651350a0900010a090002\
    9d340007deca6e006bc491be8018003f144200000101080a9cc79f05ffc1548973656177616c6c";
const V6_SYN: &str = "02000000000b02000000000a86dd6000d16400280640\
    fd000009000000000000000000000001fd000009000000000000000000000002\
    87400007cc4739fe00000000a002fd200f5d0000020405a00402080abd11f6dd000000000103030a";
const V6_SYN_PARTIAL: &str = "02000000000b02000000000a86dd6005785800280640\
    fd000009000000000000000000000001fd000009000000000000000000000002\
    873e0007aea8ff8200000000a002fd20fa440000020405a00402080aa1aa7160000000000103030a";

const BOTH: [Checksum; 2] = [Checksum::Verify, Checksum::TrustPartial];

// Offsets in an untagged frame.
const IP: usize = 14;
const V4_TCP: usize = IP + 20;
const V6_TCP: usize = IP + 40;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn end(text: &str) -> Endpoint {
    text.parse::<std::net::SocketAddr>().unwrap().into()
}

// Sets the checksums of an untagged frame right, if it has them, whatever else it says of itself.
fn repair(frame: &mut [u8]) {
    repair_ip(frame);
    let is_v4 = frame.get(12) == Some(&8);
    let (tcp_at, addresses_at) = if is_v4 { (V4_TCP, 26) } else { (V6_TCP, 22) };
    if frame.len() < tcp_at + 20 {
        return;
    }
    let (headers, tcp) = frame.split_at_mut(tcp_at);
    tcp[16..18].fill(0);
    let sum = Sum::default().octets(&headers[addresses_at..]);
    let sum = sum.word(6).word(tcp.len() as u32).octets(tcp);
    tcp[16..18].copy_from_slice(&sum.checksum().to_be_bytes());
}

fn repair_ip(frame: &mut [u8]) {
    if frame.len() >= V4_TCP && frame[12] == 8 {
        frame[24..26].fill(0);
        let sum = Sum::default().octets(&frame[IP..V4_TCP]).checksum();
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
}

#[test]
fn frames_from_linux_are_read() {
    let packet = parse(&octets(V4_TEXT), Checksum::Verify).unwrap();
    assert_eq!(packet.link.source(), [2, 0, 0, 0, 0, 10]);
    assert_eq!(packet.tuple.local, end("10.9.0.2:7"));
    assert_eq!(packet.tuple.remote, end("10.9.0.1:40258"));
    assert_eq!(
        packet.segment,
        Segment {
            seq: Seq(0x01a8_d3fb),
            ack: Seq(0xaa9c_80df),
            wnd: 63,
            up: 0,
            ctl: Ctl {
                psh: true,
                ..Ctl::ACK
            },
            text_len: 7,
            options: Options {
                timestamps: Some(Timestamps {
                    val: 3_073_180_263,
                    ecr: 324_695_431,
                }),
                ..Options::default()
            },
        }
    );
    assert_eq!(packet.text(&octets(V4_TEXT)), b"seawall");
    assert_eq!(packet.text(&[0; 60]), b"");

    let packet = parse(&octets(V6_SYN), Checksum::Verify).unwrap();
    assert_eq!(packet.tuple.remote, end("[fd00:9::1]:34624"));
    assert_eq!((packet.segment.ctl, packet.segment.wnd), (Ctl::SYN, 64_800));
    assert_eq!(
        packet.segment.options,
        Options {
            mss: Some(1440),
            window_scale: Some(10),
            sack_permitted: true,
            timestamps: Some(Timestamps {
                val: 3_172_071_133,
                ecr: 0,
            }),
        }
    );
}

#[test]
fn a_partial_checksum_is_good_only_where_it_is_trusted() {
    for hex in [V4_TEXT_PARTIAL, V6_SYN_PARTIAL] {
        let frame = octets(hex);
        assert_eq!(
            parse(&frame, Checksum::Verify),
            Err(DropReason::TcpChecksum)
        );
        assert!(parse(&frame, Checksum::TrustPartial).is_ok());
    }
    for hex in [V4_TEXT, V6_SYN] {
        for checksum in BOTH {
            let mut frame = octets(hex);
            assert!(parse(&frame, checksum).is_ok());
            *frame.last_mut().unwrap() ^= 1;
            assert_eq!(parse(&frame, checksum), Err(DropReason::TcpChecksum));
        }
    }
}

#[test]
fn every_bit_of_a_segment_is_under_a_checksum() {
    for hex in [V4_TEXT, V6_SYN] {
        for bit in IP * 8..octets(hex).len() * 8 {
            let mut frame = octets(hex);
            frame[bit / 8] ^= 1 << (bit % 8);
            // IPv6 has no checksum of its own: traffic class, flow label and hop limit are free.
            let free = matches!(bit, 112..116 | 120..144 | 168..176) && hex == V6_SYN;
            assert_eq!(parse(&frame, Checksum::Verify).is_ok(), free, "bit {bit}");
        }
    }
}

type Edit = fn(&mut Vec<u8>);

// The checksums are right, in spite of the edit.
fn check_refused(hex: &str, rows: &[(&str, DropReason, Edit)]) {
    for (name, reason, edit) in rows {
        let mut frame = octets(hex);
        edit(&mut frame);
        repair(&mut frame);
        for checksum in BOTH {
            assert_eq!(parse(&frame, checksum), Err(*reason), "{name}");
        }
    }
}

#[test]
fn each_malformed_ipv4_frame_has_its_reason() {
    use DropReason::*;
    let rows: &[(&str, DropReason, Edit)] = &[
        ("empty", FrameTruncated, Vec::clear),
        ("no EtherType", FrameTruncated, |f| f.truncate(13)),
        ("no IP header", FrameTruncated, |f| f.truncate(IP)),
        ("half an IP header", FrameTruncated, |f| f.truncate(IP + 19)),
        ("ARP", NotIp, |f| f[12..14].copy_from_slice(&[8, 6])),
        ("802.3 length", NotIp, |f| {
            f[12..14].copy_from_slice(&[0, 46]);
        }),
        ("IPv6 announced", FrameTruncated, |f| {
            f[12..14].copy_from_slice(&[0x86, 0xdd]);
            f.truncate(IP + 39);
        }),
        ("version 6", IpHeader, |f| f[IP] = 0x65),
        ("IHL 0", IpHeader, |f| f[IP] = 0x40),
        ("IHL 4", IpHeader, |f| f[IP] = 0x44),
        ("total length 0", IpHeader, |f| f[16..18].fill(0)),
        ("total length 19", IpHeader, |f| f[17] = 19),
        ("total length one too long", IpHeader, |f| f[17] += 1),
        ("total length 65535", IpHeader, |f| f[16..18].fill(0xff)),
        ("total length below IHL", IpHeader, |f| {
            f[IP] = 0x4f;
            f[17] = 59;
        }),
        ("more fragments", IpFragment, |f| f[20] = 0x20),
        ("last fragment", IpFragment, |f| f[21] = 1),
        ("UDP", NotTcp, |f| f[23] = 17),
        ("from multicast", AddressInvalid, |f| f[26] = 224),
        ("to multicast", AddressInvalid, |f| f[30] = 239),
        ("from broadcast", AddressInvalid, |f| f[26..30].fill(255)),
        ("to broadcast", AddressInvalid, |f| f[30..34].fill(255)),
        ("from nowhere", AddressInvalid, |f| f[26..30].fill(0)),
        ("to nowhere", AddressInvalid, |f| f[30..34].fill(0)),
        ("no TCP header", TcpHeader, |f| {
            f[17] = 39;
            f.truncate(IP + 39);
        }),
        ("data offset 0", TcpHeader, |f| f[V4_TCP + 12] = 0),
        ("data offset 4", TcpHeader, |f| f[V4_TCP + 12] = 0x40),
        ("data offset past the end", TcpHeader, |f| {
            f[V4_TCP + 12] = 0xf0;
        }),
        ("Land", Land, |f| {
            f.copy_within(26..30, 30);
            f.copy_within(V4_TCP..V4_TCP + 2, V4_TCP + 2);
        }),
        ("option length 0", TcpOptions, |f| f[V4_TCP + 23] = 0),
        ("option length 1", TcpOptions, |f| f[V4_TCP + 23] = 1),
        ("option past the end", TcpOptions, |f| f[V4_TCP + 23] = 11),
        ("from port 0", PortZero, |f| f[V4_TCP..V4_TCP + 2].fill(0)),
        ("to port 0", PortZero, |f| f[V4_TCP + 2..V4_TCP + 4].fill(0)),
    ];
    check_refused(V4_TEXT, rows);
}

#[test]
fn each_malformed_ipv6_frame_has_its_reason() {
    use DropReason::*;
    let rows: &[(&str, DropReason, Edit)] = &[
        ("half an IP header", FrameTruncated, |f| f.truncate(IP + 39)),
        ("version 4", IpHeader, |f| f[IP] = 0x45),
        ("one too long", IpHeader, |f| f[19] += 1),
        ("65535 long", IpHeader, |f| f[18..20].fill(0xff)),
        ("jumbogram", TcpHeader, |f| f[18..20].fill(0)),
        ("fragment", IpFragment, |f| f[20] = 44),
        ("no next header", NotTcp, |f| f[20] = 59),
        ("encrypted", NotTcp, |f| f[20] = 50),
        ("UDP", NotTcp, |f| f[20] = 17),
        ("from multicast", AddressInvalid, |f| f[22] = 0xff),
        ("to multicast", AddressInvalid, |f| f[38] = 0xff),
        ("from nowhere", AddressInvalid, |f| f[22..38].fill(0)),
        ("from a mapped address", AddressInvalid, |f| {
            f[22..38].fill(0);
            f[32..36].fill(0xff);
        }),
        ("to a mapped address", AddressInvalid, |f| {
            f[38..54].fill(0);
            f[48..52].fill(0xff);
        }),
        ("no TCP header", TcpHeader, |f| {
            f[19] = 19;
            f.truncate(V6_TCP + 19);
        }),
        ("Land", Land, |f| {
            f.copy_within(22..38, 38);
            f.copy_within(V6_TCP..V6_TCP + 2, V6_TCP + 2);
        }),
        ("option past the end", TcpOptions, |f| {
            f[V6_TCP + 36..].copy_from_slice(&[1, 1, 2, 4]);
        }),
    ];
    check_refused(V6_SYN, rows);
}

#[test]
fn a_wrong_checksum_is_refused() {
    use DropReason::*;
    for (hex, at, reason) in [
        (V4_TEXT, 24, IpChecksum),
        (V4_TEXT, V4_TCP + 16, TcpChecksum),
        (V6_SYN, V6_TCP + 16, TcpChecksum),
    ] {
        let mut frame = octets(hex);
        frame[at] ^= 0x80;
        assert_eq!(parse(&frame, Checksum::Verify), Err(reason));
    }
}

// All faults from the i-th on: the i-th is the one that is named.
#[test]
fn the_first_fault_is_the_one_that_counts() {
    use DropReason::*;
    let faults: &[(DropReason, Edit)] = &[
        (NotIp, |f| f[12] = 9),
        (IpHeader, |f| f[IP] = 0x55),
        (IpChecksum, |f| {
            repair_ip(f);
            f[24] ^= 0x80;
        }),
        (IpFragment, |f| f[21] = 1),
        (NotTcp, |f| f[23] = 17),
        (AddressInvalid, |f| f[26] = 224),
        (TcpHeader, |f| f[V4_TCP + 12] = 0xf0),
        (Land, |f| f.copy_within(26..30, 30)),
        (TcpChecksum, |f| {
            repair(f);
            f[V4_TCP + 16] ^= 0x80;
        }),
        (TcpOptions, |f| f[V4_TCP + 23] = 0),
        (PortZero, |f| f[V4_TCP..V4_TCP + 4].fill(0)),
    ];
    for first in 0..faults.len() {
        let mut frame = octets(V4_TEXT);
        frame[V4_TCP..V4_TCP + 4].copy_from_slice(&[0, 7, 0, 7]);
        for (_, edit) in faults[first..].iter().rev() {
            edit(&mut frame);
        }
        let (want, _) = faults[first];
        if want > TcpChecksum {
            repair(&mut frame);
        } else if want > IpChecksum {
            repair_ip(&mut frame);
        }
        assert_eq!(parse(&frame, Checksum::Verify), Err(want));
    }
}

#[test]
fn padding_behind_the_packet_is_ignored() {
    for hex in [V4_TEXT, V6_SYN] {
        let plain = parse(&octets(hex), Checksum::Verify);
        for pad in [1, 6, 46, 1000] {
            let mut frame = octets(hex);
            frame.resize(frame.len() + pad, 0xee);
            assert_eq!(parse(&frame, Checksum::Verify), plain);
        }
    }
}

#[test]
fn options_of_ipv4_are_skipped() {
    for words in 1..=10 {
        let mut frame = octets(V4_TEXT);
        let options = vec![1; words * 4];
        frame.splice(V4_TCP..V4_TCP, options);
        frame[IP] += words as u8;
        frame[17] += words as u8 * 4;
        frame[24..26].fill(0);
        let sum = Sum::default()
            .octets(&frame[IP..V4_TCP + words * 4])
            .checksum();
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        let packet = parse(&frame, Checksum::Verify).unwrap();
        assert_eq!(packet.text(&frame), b"seawall");
        frame[V4_TCP] ^= 1;
        assert_eq!(parse(&frame, Checksum::Verify), Err(DropReason::IpChecksum));
    }
}

// The kinds of the extension headers in front of TCP, and what becomes of it. Each is of 8 octets
// but the second, which is of 24.
#[test]
fn ipv6_extensions_are_walked_to_their_limit() {
    const HOP: u8 = 0;
    const DST: u8 = 60;
    const RTE: u8 = 43;
    let rows: &[(&[u8], Result<(), DropReason>)] = &[
        (&[HOP], Ok(())),
        (&[DST], Ok(())),
        (&[RTE], Ok(())),
        (&[HOP, DST, RTE, DST], Ok(())),
        (&[DST; 8], Ok(())),
        (&[DST; 9], Err(DropReason::IpExtensions)),
        (&[DST, HOP], Err(DropReason::IpExtensions)),
        (&[HOP, HOP], Err(DropReason::IpExtensions)),
        (&[DST, 44], Err(DropReason::IpFragment)),
        (&[DST, 51], Err(DropReason::NotTcp)),
        (&[HOP, 17], Err(DropReason::NotTcp)),
    ];
    for (kinds, want) in rows {
        let mut extensions = Vec::new();
        for index in 0..kinds.len() {
            let next = kinds.get(index + 1).copied().unwrap_or(6);
            let eights = if index == 1 { 2 } else { 0 };
            extensions.extend([next, eights, 0, 0, 0, 0, 0, 0]);
            extensions.resize(extensions.len() + usize::from(eights) * 8, 0);
        }
        let mut frame = octets(V6_SYN);
        let len = extensions.len();
        frame[20] = kinds[0];
        frame[18..20].copy_from_slice(&(40 + len as u16).to_be_bytes());
        frame.splice(V6_TCP..V6_TCP, extensions);
        let got = parse(&frame, Checksum::Verify);
        assert_eq!(got.map(|_| ()), *want, "{kinds:?}");
        if let Ok(packet) = got {
            assert_eq!(usize::from(packet.text_at), frame.len());
        }
        // Cut anywhere, or with segments left in a routing header, it is no packet.
        for cut in 0..len {
            let mut short = frame.clone();
            short.truncate(V6_TCP + cut);
            short[18..20].copy_from_slice(&(cut as u16).to_be_bytes());
            assert!(parse(&short, Checksum::Verify).is_err());
        }
        if kinds[0] == RTE {
            frame[V6_TCP + 3] = 1;
            assert_eq!(
                parse(&frame, Checksum::Verify),
                Err(DropReason::IpExtensions)
            );
        }
        frame[V6_TCP + 1] = 255;
        assert!(parse(&frame, Checksum::Verify).is_err());
    }
}

// What is let in is sound, and is the same after another trip through a frame.
#[test]
fn any_bytes_are_parsed_or_refused() {
    let mut rng = TestRng::from_seed(RngAlgorithm::XorShift, &[7; 16]);
    let seeds = [V4_TEXT, V4_TEXT_PARTIAL, V6_SYN, V6_SYN_PARTIAL].map(octets);
    let (mut accepted, mut refused) = (0, [0; crate::drop_reason::DROP_REASONS]);
    for _ in 0..200_000 {
        let mut draw = |n: usize| rng.next_u32() as usize % n;
        let mut frame = seeds[draw(seeds.len())].clone();
        if draw(4) == 0 {
            let tag = [0x81, 0, draw(256) as u8, draw(256) as u8];
            let tags = tag.repeat(1 + draw(3));
            frame.splice(12..12, tags);
        }
        for _ in 0..draw(4) {
            let at = draw(frame.len());
            frame[at] = match draw(3) {
                0 => draw(256) as u8,
                1 => frame[at] ^ 1 << draw(8),
                _ => [0, 1, 2, 44, 0x45, 0x4f, 60, 0xff][draw(8)],
            };
        }
        if draw(4) > 0 {
            repair(&mut frame);
        }
        if draw(8) == 0 {
            frame.truncate(draw(frame.len() + 1));
        }
        for checksum in BOTH {
            let packet = match parse(&frame, checksum) {
                Ok(packet) => packet,
                Err(reason) => {
                    refused[reason as usize] += 1;
                    continue;
                }
            };
            accepted += 1;
            check_sound(&packet, &frame);
        }
    }
    assert!(accepted > 10_000, "{accepted}");
    for reason in DropReason::ALL
        .iter()
        .take_while(|r| **r <= DropReason::PortZero)
    {
        // Two equal ends are not come by through chance.
        let enough = refused[*reason as usize] > 0 || *reason == DropReason::Land;
        assert!(enough, "{reason:?} was never seen");
    }
}

fn check_sound(packet: &Packet, frame: &[u8]) {
    let text = packet.text(frame);
    assert_eq!(text.len(), packet.segment.text_len as usize);
    assert!(packet.tuple.local.port != 0 && packet.tuple.remote.port != 0);
    assert_ne!(packet.tuple.local, packet.tuple.remote);
    assert_eq!(
        packet.tuple.local.address.is_v4(),
        packet.tuple.remote.address.is_v4()
    );

    let mut segment = packet.segment;
    segment.ack = if segment.ctl.ack { segment.ack } else { Seq(0) };
    segment.up = if segment.ctl.urg { segment.up } else { 0 };
    let headers = Headers {
        link: &packet.link,
        tuple: &packet.tuple.reversed(),
        segment: &segment,
        hop_limit: 64,
        tos: packet.tos,
    };
    let mut again = [0; 256];
    again[headers.len()..][..text.len()].copy_from_slice(text);
    let len = headers.emit(&mut again).unwrap();
    let parsed = parse(&again[..len], Checksum::Verify).unwrap();
    assert_eq!(parsed.text(&again), text);
    let want = Packet {
        segment,
        text_at: parsed.text_at,
        ..*packet
    };
    assert_eq!(parsed, want);
}
