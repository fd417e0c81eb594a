use super::super::checksum::Sum;
use super::*;
use proptest::prelude::*;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];

// What Linux asked over a veth, and what Linux answered there.
const ARP_REQUEST: &str =
    "ffffffffffff02000000000b0806000108000604000102000000000b0a0900020000000000000a090001";
const ARP_REPLY: &str =
    "02000000000b02000000000a0806000108000604000202000000000a0a09000102000000000b0a090002";
const SOLICITATION: &str = "3333ff00000102000000000b86dd6000000000203aff\
    fd000009000000000000000000000002ff0200000000000000000001ff000001\
    87007d7c00000000fd000009000000000000000000000001010102000000000b";
const ADVERTISEMENT: &str = "02000000000b02000000000a86dd6000000000203aff\
    fd000009000000000000000000000001fd000009000000000000000000000002\
    88001c7860000000fd000009000000000000000000000001020102000000000a";
// With a nonce (RFC 7527).
const PROBE: &str = "3333ff00000102000000000b86dd6000000000203aff\
    00000000000000000000000000000000ff0200000000000000000001ff000001\
    8700725e00000000fd0000090000000000000000000000010e01ca4d632ecfb8";
const PROBE_ANSWER: &str = "33330000000102000000000a86dd6000000000203aff\
    fd000009000000000000000000000001ff020000000000000000000000000001\
    88005a8020000000fd000009000000000000000000000001020102000000000a";
const PING: &str = "02000000000a02000000000b080045000023808940004001a63c\
    0a0900020a090001080055ae0007000173656177616c6c";
// Linux chooses another identification and clears DF: here both are the request's.
const PONG: &str = "02000000000b02000000000a080045000023808940004001a63c\
    0a0900010a09000200005dae0007000173656177616c6c";
const PING_V6: &str = "02000000000a02000000000b86dd600fc0e3000f3a40\
    fd000009000000000000000000000002fd000009000000000000000000000001\
    8000e34d0007000173656177616c6c";
// And another flow label.
const PONG_V6: &str = "02000000000b02000000000a86dd600fc0e3000f3a40\
    fd000009000000000000000000000001fd000009000000000000000000000002\
    8100e24d0007000173656177616c6c";

const QUESTIONS: [&str; 5] = [ARP_REQUEST, SOLICITATION, PROBE, PING, PING_V6];

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn answer(question: &[u8]) -> Vec<u8> {
    let inquiry = Inquiry::parse(question).unwrap();
    let mut room = [question, &[0xee; 100]].concat();
    let len = inquiry.answer(MAC, 64, &mut room).unwrap();
    room.truncate(len);
    room
}

// A VLAN tag behind the Ethernet addresses.
fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0x20, 7], &frame[12..]].concat()
}

// Sets the checksums of an untagged ICMP or ICMPv6 frame right.
fn repair(frame: &mut [u8]) {
    let is_v4 = frame[12] == 8;
    if is_v4 {
        frame[24..26].fill(0);
        let sum = Sum::default().octets(&frame[14..34]).checksum();
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
    let (headers, message) = frame.split_at_mut(if is_v4 { 34 } else { 54 });
    message[2..4].fill(0);
    let sum = if is_v4 {
        Sum::default()
    } else {
        icmp::pseudo_header(&headers[22..54], message.len())
    };
    let sum = sum.octets(message).checksum();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn what_linux_asks_is_answered_as_linux_does() {
    let rows = [
        (ARP_REQUEST, ARP_REPLY, "10.9.0.1", false),
        (SOLICITATION, ADVERTISEMENT, "fd00:9::1", false),
        (PROBE, PROBE_ANSWER, "fd00:9::1", false),
        (PING, PONG, "10.9.0.1", true),
        (PING_V6, PONG_V6, "fd00:9::1", true),
    ];
    for (asked, answered, about, is_echo) in rows {
        let (asked, answered) = (octets(asked), octets(answered));
        let inquiry = Inquiry::parse(&asked).unwrap();
        assert_eq!(inquiry.about().to_string(), about);
        assert_eq!((inquiry.is_echo(), inquiry.is_claim()), (is_echo, false));
        assert_eq!(answer(&asked), answered, "{about}");

        assert_eq!(answer(&tagged(&asked)), tagged(&answered), "with a tag");
        let padded = [asked, vec![0; 18]].concat();
        assert_eq!(answer(&padded), answered, "with padding");
    }
}

// RFC 5227 §2.1.1: whoever probes an address has none yet.
#[test]
fn an_arp_probe_is_answered() {
    let mut probe = octets(ARP_REQUEST);
    probe[28..32].fill(0);
    let answer = answer(&probe);
    assert_eq!(answer[..38], octets(ARP_REPLY)[..38]);
    assert_eq!(answer[38..], [0; 4]);
}

#[test]
fn who_calls_the_address_its_own_claims_it() {
    // The question, and where in it which octets are to be repeated.
    let rows = [
        (ARP_REQUEST, 38..42, 28),
        (SOLICITATION, 62..78, 22),
        (PING, 30..34, 26),
        (PING_V6, 38..54, 22),
    ];
    for (question, from, to) in rows {
        let mut claim = octets(question);
        claim.copy_within(from, to);
        if question != ARP_REQUEST {
            repair(&mut claim);
        }
        assert!(Inquiry::parse(&claim).unwrap().is_claim(), "{question}");
    }
}

#[test]
fn what_breaks_a_rule_is_refused_by_name() {
    use DropReason::{NeighbourMalformed, NotIp, NotTcp};
    // The question, an offset, what to write there, whether to repair the checksums, the reason.
    let rows: [(&str, usize, &[u8], bool, DropReason); 34] = [
        (ARP_REQUEST, 12, &[0x88, 0xb5], false, NotIp),
        (ARP_REQUEST, 15, &[6], false, NotIp),
        (ARP_REQUEST, 16, &[0x86, 0xdd], false, NotIp),
        (ARP_REQUEST, 18, &[8], false, NotIp),
        (ARP_REQUEST, 19, &[16], false, NotIp),
        (ARP_REQUEST, 21, &[2], false, NotIp),
        (ARP_REQUEST, 6, &[3], false, NeighbourMalformed),
        (ARP_REQUEST, 22, &[0xff; 6], false, NeighbourMalformed),
        (ARP_REQUEST, 22, &[0; 6], false, NeighbourMalformed),
        (ARP_REQUEST, 28, &[224], false, NeighbourMalformed),
        // RFC 4861 §7.1.1, rule by rule.
        (SOLICITATION, 21, &[254], true, NeighbourMalformed),
        (SOLICITATION, 56, &[0, 0], false, NeighbourMalformed),
        (SOLICITATION, 55, &[1], true, NeighbourMalformed),
        (SOLICITATION, 19, &[23], true, NeighbourMalformed),
        (SOLICITATION, 62, &[0xff, 2], true, NeighbourMalformed),
        (SOLICITATION, 62, &[0; 16], true, NeighbourMalformed),
        (SOLICITATION, 79, &[0], true, NeighbourMalformed),
        (SOLICITATION, 79, &[2], true, NeighbourMalformed),
        (PROBE, 38, &[0xfd], true, NeighbourMalformed),
        (PROBE, 78, &[1], true, NeighbourMalformed),
        (SOLICITATION, 22, &[0xff, 2], true, NeighbourMalformed),
        (SOLICITATION, 6, &[3], true, NeighbourMalformed),
        (SOLICITATION, 54, &[136], true, NotTcp),
        (SOLICITATION, 20, &[17], true, NotTcp),
        (SOLICITATION, 14, &[0x40], true, NotTcp),
        (PING, 34, &[0], true, NotTcp),
        (PING, 35, &[1], true, NotTcp),
        (PING, 20, &[0x20], true, NotTcp),
        (PING, 23, &[17], true, NotTcp),
        (PING, 36, &[0, 0], false, NeighbourMalformed),
        (PING, 24, &[0, 0], false, NeighbourMalformed),
        (PING, 26, &[224], true, NeighbourMalformed),
        (PING_V6, 22, &[0xff, 2], true, NeighbourMalformed),
        (PING_V6, 54, &[129], true, NotTcp),
    ];
    for (question, at, spoiled, is_repaired, reason) in rows {
        let mut frame = octets(question);
        frame[at..at + spoiled.len()].copy_from_slice(spoiled);
        if is_repaired {
            repair(&mut frame);
        }
        let got = Inquiry::parse(&frame);
        assert_eq!(got, Err(reason), "{spoiled:02x?} at {at} of {question}");
    }
}

// RFC 4291 §2.5.5.2: the IPv4 address that it maps would be asked for by IPv6.
#[test]
fn a_mapped_address_is_nobody() {
    let mapped = Address::v4([10, 9, 0, 1]).0;
    for (question, at) in [(SOLICITATION, 62), (SOLICITATION, 22), (PING_V6, 38)] {
        let mut frame = octets(question);
        frame[at..at + 16].copy_from_slice(&mapped);
        repair(&mut frame);
        let got = Inquiry::parse(&frame);
        assert_eq!(got, Err(DropReason::NeighbourMalformed), "{question}");
    }
}

#[test]
fn no_question_is_read_past_its_end() {
    for question in QUESTIONS {
        let frame = octets(question);
        for end in 0..frame.len() {
            assert!(
                Inquiry::parse(&frame[..end]).is_err(),
                "{end} of {question}"
            );
        }
    }
}

#[test]
fn an_answer_without_room_is_none() {
    for question in QUESTIONS {
        let mut frame = octets(question);
        let inquiry = Inquiry::parse(&frame).unwrap();
        let len = frame.len();
        assert_eq!(inquiry.answer(MAC, 64, &mut frame[..len - 1]), None);
    }
}

proptest! {
    // Whatever is taken for a question has an answer that is no longer, and good.
    #[test]
    fn spoiled_questions_are_refused_or_answered(
        question in prop::sample::select(&QUESTIONS),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        is_repaired: bool,
    ) {
        let mut frame = octets(question);
        for (at, octet) in spoils {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        if is_repaired && matches!(frame[12..14], [8, 0] | [0x86, 0xdd]) {
            repair(&mut frame);
        }
        if let Ok(inquiry) = Inquiry::parse(&frame) {
            let len = inquiry.answer(MAC, 64, &mut frame);
            prop_assert!(len.is_some_and(|len| len <= frame.len()));
            let (ethertype, at) = LinkHeader::measure(&frame).unwrap();
            match ethertype {
                IPV4 => prop_assert!(icmp::parse_v4(&frame[at..]).is_ok()),
                IPV6 => prop_assert!(icmp::parse_v6(&frame[at..]).is_ok()),
                _ => prop_assert_eq!(frame[at + 7], 2),
            }
        }
    }
}
