//! The short way and the general one agree, octet for octet.

use super::*;
use crate::wire::parse::parse_any;
use crate::wire::{Address, Endpoint, FourTuple, LinkHeader};
use proptest::prelude::*;

const ROOM: usize = 192;

fn headers() -> impl Strategy<Value = (LinkHeader, FourTuple, Segment, u8, u8)> {
    let ends = (any::<bool>(), any::<[([u8; 16], u16); 2]>()).prop_map(|(is_v4, ends)| {
        let [local, remote] = ends.map(|([.., a, b, c, d], port)| Endpoint {
            address: if is_v4 {
                Address::v4([a & 0x7f, b, c, d])
            } else {
                Address([0x20, 1, a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, c, d])
            },
            port,
        });
        FourTuple { local, remote }
    });
    let timestamps = proptest::option::weighted(0.7, any::<[u32; 2]>())
        .prop_map(|it| it.map(|[val, ecr]| Timestamps { val, ecr }));
    let ctl = prop_oneof![
        4 => Just(Ctl::ACK),
        2 => Just(Ctl { psh: true, ..Ctl::ACK }),
        2 => Just(Ctl::FIN_ACK),
        2 => any::<u8>().prop_map(Ctl::from_byte),
    ];
    let text_len = prop_oneof![2 => Just(0), 1 => 0..60_u32];
    let numbers = (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>());
    let segment = (ctl, numbers, timestamps, text_len).prop_map(
        |(ctl, (seq, ack, wnd, up), timestamps, text_len)| Segment {
            seq: Seq(seq),
            ack: Seq(ack),
            wnd,
            up,
            ctl,
            text_len,
            options: Options {
                timestamps,
                ..Options::default()
            },
        },
    );
    let link = any::<[[u8; 6]; 2]>().prop_map(|[to, from]| LinkHeader::new(to, from));
    (link, ends, segment, any::<u8>(), any::<u8>())
}

fn checksum() -> impl Strategy<Value = Checksum> {
    prop_oneof![Just(Checksum::Verify), Just(Checksum::TrustPartial)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_short_way_writes_what_the_general_way_writes(
        (link, tuple, segment, hop_limit, tos) in headers(),
    ) {
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment: &segment,
            hop_limit,
            tos,
        };
        let (mut short, mut any) = ([0xee; ROOM], [0xee; ROOM]);
        let short_len = headers.emit_plain(&mut short);
        let any_len = headers.emit_any(&mut any);
        let Ctl { urg, ack, rst, syn, .. } = segment.ctl;
        let is_plain = ack && !(urg || rst || syn);
        prop_assert_eq!(short_len.is_some(), is_plain);
        if is_plain {
            prop_assert_eq!(short_len, any_len);
            prop_assert_eq!(short, any);
            let one_less = short_len.map_or(0, |len| len - 1);
            prop_assert!(headers.emit_plain(&mut short[..one_less]).is_none());
        } else {
            prop_assert_eq!(short, [0xee; ROOM]);
        }
    }

    // With one octet changed at most, its checksums whole, or that of TCP left to the NIC.
    #[test]
    fn the_short_way_reads_what_the_general_way_reads(
        (link, tuple, segment, hop_limit, tos) in headers(),
        changed in proptest::option::of((0..120_usize, any::<u8>())),
        is_partial in any::<bool>(),
        checksum in checksum(),
    ) {
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment: &segment,
            hop_limit,
            tos,
        };
        let mut frame = [0x5a; ROOM];
        let Some(len) = headers.emit_any(&mut frame) else {
            return Ok(());
        };
        let (tcp_at, words) = if tuple.local.address.is_v4() { (34, 5) } else { (54, 10) };
        if is_partial {
            let tcp_len = len - tcp_at;
            let addresses = &frame[if words == 5 { 26 } else { 22 }..tcp_at];
            let sum = Sum::default().octets(addresses).segment(tcp_len).folded();
            frame[tcp_at + 16..tcp_at + 18].copy_from_slice(&sum.to_be_bytes());
        }
        if let Some((at, octet)) = changed {
            frame[at] = octet;
        }
        // Padding behind, and a frame that ends early.
        for end in [len, len + 5, len - 1] {
            let any = parse_any(&frame[..end], checksum);
            let short = parse_plain(&frame[..end], checksum);
            if let Some(packet) = short {
                prop_assert_eq!(any, Ok(packet));
            } else if let (Ok(packet), None) = (any, changed) {
                let Ctl { urg, ack, rst, syn, .. } = packet.segment.ctl;
                prop_assert!(urg || rst || syn || !ack, "plain, and refused: {:?}", packet);
            }
        }
    }
}
