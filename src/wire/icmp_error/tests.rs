use super::super::checksum::Sum;
use super::*;
use proptest::prelude::*;

// What a host that is asked for a closed port sends back: RFC 792, with addresses and ports of the
// documentation. `kind`, `code` and the last four octets of the header are the rows'.
fn v4(kind: u8, code: u8, rest: [u8; 4]) -> Vec<u8> {
    let quoted = [
        0x45, 0, 5, 220, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 9, // IP
        0, 80, 0x30, 0x39, 1, 2, 3, 4, // ports and SEG.SEQ
    ];
    let mut message = [&[kind, code, 0, 0], &rest[..], &quoted].concat();
    let sum = Sum::default().octets(&message).checksum();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut ip = [
        0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 198, 51, 100, 1, 192, 0, 2, 1,
    ];
    let sum = Sum::default().octets(&ip).checksum();
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    [&[2; 12][..], &[8, 0], &ip, &message].concat()
}

fn v6(kind: u8, code: u8, rest: [u8; 4]) -> Vec<u8> {
    let ours = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let peer = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let quoted = [0x60, 0, 0, 0, 5, 180, 6, 64];
    let tcp = [0, 80, 0x30, 0x39, 1, 2, 3, 4];
    let mut message = [&[kind, code, 0, 0], &rest[..], &quoted, &ours, &peer, &tcp].concat();
    let addresses = [peer, ours].concat();
    let sum = icmp::pseudo_header(&addresses, message.len());
    let sum = sum.octets(&message).checksum();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let ip = [0x60, 0, 0, 0, 0, message.len() as u8, 58, 64];
    [&[2; 12][..], &[0x86, 0xdd], &ip, &addresses, &message].concat()
}

#[test]
fn the_quoted_segment_names_the_connection() {
    for (frame, len) in [(v4(3, 1, [0; 4]), 1500), (v6(1, 3, [0; 4]), 1500)] {
        let error = IcmpError::parse(&frame).unwrap();
        assert_eq!(
            (error.tuple.local.port, error.tuple.remote.port),
            (80, 12345)
        );
        assert_eq!(
            error
                .tuple
                .remote
                .address
                .to_ip()
                .to_string()
                .chars()
                .last(),
            Some('9')
        );
        assert_eq!((error.seq, error.len), (Seq(0x0102_0304), len));
        assert_eq!(error.kind, IcmpKind::HostUnreachable);
    }
}

// RFC 792, RFC 1191 §4; RFC 9293 §3.9.2.2.
#[test]
fn types_and_codes_of_ipv4() {
    use IcmpKind::*;
    for (kind, code, rest, want) in [
        (3, 0, [0; 4], Ok(NetUnreachable)),
        (3, 1, [0; 4], Ok(HostUnreachable)),
        (3, 2, [0; 4], Ok(ProtocolUnreachable)),
        (3, 3, [0; 4], Ok(PortUnreachable)),
        (3, 4, [0, 0, 5, 120], Ok(PacketTooBig(1400))),
        (3, 4, [0; 4], Ok(PacketTooBig(0))),
        (3, 5, [0; 4], Ok(SourceRouteFailed)),
        (3, 13, [0; 4], Ok(Prohibited)),
        (3, 99, [0; 4], Err(DropReason::IcmpIgnored)),
        (4, 0, [0; 4], Err(DropReason::IcmpIgnored)), // MUST-55
        (5, 1, [0; 4], Err(DropReason::IcmpIgnored)),
        (8, 0, [0; 4], Err(DropReason::NotTcp)),
        (11, 0, [0; 4], Ok(TimeExceeded)),
        (12, 0, [0; 4], Ok(ParameterProblem)),
    ] {
        let got = IcmpError::parse(&v4(kind, code, rest));
        assert_eq!(got.map(|error| error.kind), want, "{kind} {code}");
    }
}

// RFC 4443 §3
#[test]
fn types_and_codes_of_ipv6() {
    use IcmpKind::*;
    for (kind, code, rest, want) in [
        (1, 0, [0; 4], Ok(NetUnreachable)),
        (1, 1, [0; 4], Ok(Prohibited)),
        (1, 3, [0; 4], Ok(HostUnreachable)),
        (1, 4, [0; 4], Ok(PortUnreachable)),
        (1, 99, [0; 4], Err(DropReason::IcmpIgnored)),
        (2, 0, [0, 0, 5, 120], Ok(PacketTooBig(1400))),
        (2, 0, [0, 1, 0, 0], Ok(PacketTooBig(u16::MAX))),
        (3, 0, [0; 4], Ok(TimeExceeded)),
        (4, 1, [0; 4], Ok(ParameterProblem)),
        (127, 0, [0; 4], Err(DropReason::IcmpIgnored)),
        (128, 0, [0; 4], Err(DropReason::NotTcp)),
    ] {
        let got = IcmpError::parse(&v6(kind, code, rest));
        assert_eq!(got.map(|error| error.kind), want, "{kind} {code}");
    }
}

#[test]
fn hard_errors_are_those_of_rfc_9293() {
    let kind_of = |code| IcmpError::parse(&v4(3, code, [0; 4])).unwrap().kind;
    let hard: Vec<u8> = (0..6).filter(|code| kind_of(*code).is_hard()).collect();
    assert_eq!(hard, [2, 3], "and 4 where paths are not discovered");
}

// Each octet of the quote that says whose segment it was: another protocol, options, another host.
#[test]
fn a_quote_of_something_else_is_ignored() {
    let frame = v4(3, 1, [0; 4]);
    for at in [42, 51, 54] {
        let mut other = frame.clone();
        other[at] ^= 1;
        // The checksum of the message covers the quote.
        other[36..38].fill(0);
        let sum = Sum::default().octets(&other[34..]).checksum();
        other[36..38].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(
            IcmpError::parse(&other),
            Err(DropReason::IcmpIgnored),
            "{at}"
        );
    }
    let mut damaged = frame;
    damaged[60] ^= 1;
    assert_eq!(
        IcmpError::parse(&damaged),
        Err(DropReason::NeighbourMalformed)
    );
}

#[test]
fn every_shorter_frame_is_refused() {
    for frame in [v4(3, 1, [0; 4]), v6(1, 3, [0; 4])] {
        for len in 0..frame.len() {
            assert!(IcmpError::parse(&frame[..len]).is_err(), "{len}");
        }
    }
}

proptest! {
    #[test]
    fn any_octets_are_parsed_or_refused(at in 0..84_usize, octet in any::<u8>(), len in 0..90_usize) {
        for mut frame in [v4(3, 4, [0; 4]), v6(2, 0, [0; 4])] {
            if let Some(place) = frame.get_mut(at) {
                *place = octet;
            }
            frame.truncate(len);
            let _ = IcmpError::parse(&frame);
        }
    }
}
