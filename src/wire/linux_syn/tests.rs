//! The short way and the long way agree, octet for octet.

use super::*;
use crate::wire::{Checksum, parse};
use proptest::prelude::*;

fn headers() -> impl Strategy<Value = (LinkHeader, FourTuple, Segment, u8, u8)> {
    let octets = any::<[u8; 4]>().prop_map(Address::v4);
    let address = prop_oneof![8 => octets, 1 => any::<[u8; 16]>().prop_map(Address)];
    let end = (address, any::<u16>()).prop_map(|(address, port)| Endpoint { address, port });
    let rarely_none = |value: u32| {
        if value.is_multiple_of(8) {
            None
        } else {
            Some(value >> 3)
        }
    };
    let options = any::<[u32; 5]>().prop_map(move |[mss, shift, sack, val, ecr]| Options {
        mss: rarely_none(mss).map(|mss| mss as u16),
        window_scale: rarely_none(shift).map(|shift| (shift % 15) as u8),
        sack_permitted: rarely_none(sack).is_some(),
        timestamps: rarely_none(val).map(|val| Timestamps { val, ecr }),
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
    let tuple = (end.clone(), end).prop_map(|(local, remote)| FourTuple { local, remote });
    (link, tuple, segment, any::<u8>(), any::<u8>())
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
        prop_assert!(headers.emit_linux_syn(&mut [0; FRAME_BYTES - 1]).is_none());
    }

    // With one octet changed at most, and its checksums left alone or made right again.
    #[test]
    fn the_short_way_reads_what_the_long_way_reads(
        (link, tuple, segment, hop_limit, tos) in headers(),
        (at, octet) in (0..FRAME_BYTES + 8, any::<u8>()),
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
    let Some(frame) = frame.first_chunk_mut::<FRAME_BYTES>() else {
        return;
    };
    let words = |frame: &[u8; FRAME_BYTES]| {
        core::array::from_fn(|n| {
            let at = LINK_BYTES + 4 * n;
            u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]])
        })
    };
    frame[24..26].fill(0);
    frame[50..52].fill(0);
    let (ip, tcp) = sums(&words(frame));
    frame[24..26].copy_from_slice(&ip.checksum().to_be_bytes());
    frame[50..52].copy_from_slice(&tcp.checksum().to_be_bytes());
}

#[test]
fn what_linux_sends_goes_the_short_way_and_its_answer_too() {
    let end = |last, port| Endpoint {
        address: Address::v4([192, 0, 2, last]),
        port,
    };
    let tuple = FourTuple {
        local: end(2, 40_000),
        remote: end(1, 80),
    };
    let options = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { val: 1, ecr: 0 }),
    };
    for ctl in [Ctl::SYN, Ctl::SYN_ACK] {
        let headers = Headers {
            link: &LinkHeader::new([2; 6], [4; 6]),
            tuple: &tuple,
            segment: &Segment {
                ctl,
                options,
                ..Segment::default()
            },
            hop_limit: 64,
            tos: 0,
        };
        let mut frame = [0; 128];
        assert_eq!(headers.emit_linux_syn(&mut frame), Some(FRAME_BYTES));
        let packet = parse_linux_syn(&frame);
        assert_eq!(
            packet.is_some(),
            ctl == Ctl::SYN,
            "a SYN-ACK has another way in"
        );
        // Any one bit that is wrong has it looked at the long way, but those that no sum covers.
        for bit in (LINK_BYTES * 8..FRAME_BYTES * 8).filter(|_| ctl == Ctl::SYN) {
            let mut wrong = frame;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_linux_syn(&wrong), None, "bit {bit}");
        }
    }
}
