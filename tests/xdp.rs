//! The XDP program on frames made by hand: what it says, and what it counts.
//!
//! Run by the kernel (`BPF_PROG_TEST_RUN`), so it needs root; no interface is touched.

mod common;
mod frames;
#[path = "frames/socket.rs"]
mod socket;

use common::ROOT;
use frames::{ARP, DESTINATION, HOP_BY_HOP, ICMP, ICMPV6, IPV4, IPV6, NO_NEXT, ROUTING, UDP};
use frames::{V4, V6, arp, ethernet, solicitation, tcp};
use seawall::nic::af_xdp::{Action, Filter, Verdict};
use seawall::wire::{Address, Endpoint};
use socket::{register, with_socket};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use Verdict::{
    DropExtensions, DropFragment, DropMalformed, DropNoSocket, PassFragment, PassNotIp,
    PassNotOwned, PassNotTcp, PassTruncated, PassVlan, Redirect, RedirectIcmp, RedirectNeighbour,
};

/// Port 80 of these is owned, and nothing else.
const ONE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ONE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// All ports of these are owned.
const ALL_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ALL_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
/// All ports of these are owned, and the kernel does not hold them.
const ALONE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
const ALONE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3);
/// Nothing of these is owned.
const NOT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const NOT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

const MORE: u16 = 0x2000;

type Row = (&'static str, Vec<u8>, Verdict);

const TESTS: &[common::Row<()>] = &[
    (
        "what_is_not_ours_is_passed",
        ROOT,
        what_is_not_ours_is_passed,
    ),
    (
        "what_is_ours_is_redirected",
        ROOT,
        what_is_ours_is_redirected,
    ),
    ("who_asks_for_us_is_ours", ROOT, who_asks_for_us_is_ours),
    (
        "errors_about_our_segments_are_ours",
        ROOT,
        errors_about_our_segments_are_ours,
    ),
    (
        "an_address_is_left_to_the_kernel_again",
        ROOT,
        an_address_is_left_to_the_kernel_again,
    ),
    ("what_lies_is_dropped", ROOT, what_lies_is_dropped),
    (
        "fragments_follow_the_first",
        ROOT,
        fragments_follow_the_first,
    ),
    ("without_a_socket_it_drops", ROOT, without_a_socket_it_drops),
    (
        "what_is_disowned_is_passed",
        ROOT,
        what_is_disowned_is_passed,
    ),
    ("any_octets_get_a_verdict", ROOT, any_octets_get_a_verdict),
];

fn main() -> ExitCode {
    common::run_together(TESTS)
}

/// Judges every row in order, with a socket on queue 0.
macro_rules! check {
    ($($what:literal => $frame:expr, $verdict:ident;)+) => {
        check_rows(vec![$(($what, $frame, $verdict)),+])
    };
}

fn what_is_not_ours_is_passed() {
    let segment = tcp(80, 5);
    let one = v4().packet(&segment);
    let empty_arp = ethernet(&[], ARP, &[0; 46]);
    check! {
        "ARP of zeros" => empty_arp, PassNotIp;
        "802.3 length" => ethernet(&[], 46, &[0; 46]), PassNotIp;
        "three tags" => ethernet(&[0x88a8, 0x8100, 0x8100], IPV4, &one), PassVlan;
        "a tag past the end" => ethernet(&[], 0x8100, &[0; 3]), PassNotIp;
        "half an IPv4 header" => ethernet(&[], IPV4, &one[..19]), PassTruncated;
        "half an IPv6 header" => ethernet(&[], IPV6, &v6().packet(&[])[..39]), PassTruncated;
        "another address" => V4::to(NOT_V4).frame(&segment), PassNotOwned;
        "another address, v6" => V6::to(NOT_V6).frame(&segment), PassNotOwned;
        "another port" => v4().frame(&tcp(22, 5)), PassNotOwned;
        "another port, v6" => v6().frame(&tcp(22, 5)), PassNotOwned;
        "UDP" => V4::to(ALL_V4).protocol(UDP).frame(&segment), PassNotTcp;
        "UDP, v6" => V6::to(ALL_V6).protocol(UDP).frame(&segment), PassNotTcp;
        "UDP behind an extension" =>
            V6::to(ALL_V6).protocol(UDP).with(DESTINATION, &[0; 8]).frame(&segment), PassNotTcp;
        "nothing behind an extension" =>
            V6::to(ALL_V6).protocol(NO_NEXT).with(HOP_BY_HOP, &[0; 8]).frame(&[]), PassNotTcp;
        // Headers that lie are not our business where nothing is ours.
        "IHL 4" => V4::to(NOT_V4).version_ihl(0x44).frame(&segment), PassNotOwned;
        "total length" => V4::to(NOT_V4).total(999).frame(&segment), PassNotOwned;
        "payload length" => V6::to(NOT_V6).payload(999).frame(&segment), PassNotOwned;
        "a fragment" => V4::to(NOT_V4).fragment(9).frame(&segment), PassNotOwned;
        "data offset, another port" => v4().frame(&tcp(22, 4)), PassNotOwned;
    }
}

fn what_is_ours_is_redirected() {
    let segment = tcp(80, 5);
    let one_v4 = v4().packet(&segment);
    let one_v6 = v6().packet(&segment);
    let with_options = v4().options(vec![1; 40]);
    let eight = (0..8).fold(v6(), |ip, _| ip.with(DESTINATION, &[0; 8]));
    let mut long = vec![0; 8 * 4];
    long[1] = 3;
    check! {
        "a port" => ethernet(&[], IPV4, &one_v4), Redirect;
        "a port, v6" => ethernet(&[], IPV6, &one_v6), Redirect;
        "an address" => V4::to(ALL_V4).frame(&tcp(12345, 5)), Redirect;
        "an address, v6" => V6::to(ALL_V6).frame(&tcp(12345, 5)), Redirect;
        "one tag" => ethernet(&[0x8100], IPV4, &one_v4), Redirect;
        "one tag, v6" => ethernet(&[0x88a8], IPV6, &one_v6), Redirect;
        "two tags" => ethernet(&[0x88a8, 0x8100], IPV4, &one_v4), Redirect;
        "two tags, v6" => ethernet(&[0x8100, 0x8100], IPV6, &one_v6), Redirect;
        "40 octets of IP options" => with_options.frame(&segment), Redirect;
        "40 octets of TCP options" => v4().frame(&tcp(80, 15)), Redirect;
        "text" => v4().frame(&[segment.clone(), vec![7; 1400]].concat()), Redirect;
        "padding" => [v4().frame(&segment), vec![0; 6]].concat(), Redirect;
        "don't fragment" => v4().fragment(0x4000).frame(&segment), Redirect;
        "hop-by-hop" => v6().with(HOP_BY_HOP, &[0; 8]).frame(&segment), Redirect;
        "a long routing header" => v6().with(ROUTING, &long).frame(&segment), Redirect;
        "eight extensions" => eight.frame(&segment), Redirect;
        "a fragment that is whole" => v6().fragment(0, false, 1).frame(&segment), Redirect;
    }
}

/// Only what asks for an address that the kernel does not hold.
fn who_asks_for_us_is_ours() {
    let ask = |to| ethernet(&[], ARP, &arp(1, to));
    let tagged = |tags: &[u16], to| ethernet(tags, ARP, &arp(1, to));
    let short = ethernet(&[], ARP, &arp(1, ALONE_V4)[..27]);
    let with = |at: usize, octet: u8| {
        let mut packet = arp(1, ALONE_V4);
        packet[at] = octet;
        ethernet(&[], ARP, &packet)
    };
    let group = "ff02::1:ff00:3".parse().unwrap();
    let nd = |to| V6::to(to).protocol(ICMPV6).hop_limit(255);
    let solicit = |to, target| nd(to).frame(&solicitation(target));
    let mut version = solicit(group, ALONE_V6);
    version[14] = 0x20;
    let mut advertisement = solicitation(ALONE_V6);
    advertisement[0] = 136;
    let mut coded = solicitation(ALONE_V6);
    coded[1] = 1;
    let ping = [8, 0, 0, 0, 0, 1, 0, 1];
    let ping_v6 = [128, 0, 0, 0, 0, 1, 0, 1];
    let icmp = |to| V4::to(to).protocol(ICMP);
    let solicited = ethernet(&[0x8100], IPV6, &nd(group).packet(&solicitation(ALONE_V6)));
    check! {
        "ARP" => ask(ALONE_V4), RedirectNeighbour;
        "ARP, padded" => [ask(ALONE_V4), vec![0; 18]].concat(), RedirectNeighbour;
        "ARP, one tag" => tagged(&[0x8100], ALONE_V4), RedirectNeighbour;
        "ARP, two tags" => tagged(&[0x88a8, 0x8100], ALONE_V4), RedirectNeighbour;
        "ARP for one of the kernel's" => ask(ONE_V4), PassNotIp;
        "ARP for one that is all owned" => ask(ALL_V4), PassNotIp;
        "ARP for another" => ask(NOT_V4), PassNotIp;
        "an ARP reply" => ethernet(&[], ARP, &arp(2, ALONE_V4)), PassNotIp;
        "half of an ARP" => short, PassNotIp;
        "ARP of another hardware" => with(1, 6), PassNotIp;
        "ARP of another protocol" => with(2, 9), PassNotIp;
        "ARP of longer hardware addresses" => with(4, 8), PassNotIp;
        "ARP of longer addresses" => with(5, 16), PassNotIp;
        "ND to the group" => solicit(group, ALONE_V6), RedirectNeighbour;
        "ND to the address" => solicit(ALONE_V6, ALONE_V6), RedirectNeighbour;
        "ND, one tag" => solicited, RedirectNeighbour;
        "ND for one of the kernel's" => solicit(group, ONE_V6), PassNotOwned;
        "ND for one of the kernel's, to it" => solicit(ONE_V6, ONE_V6), PassNotTcp;
        "ND for another" => solicit(group, NOT_V6), PassNotOwned;
        "ND from behind a router" =>
            nd(group).hop_limit(254).frame(&solicitation(ALONE_V6)), PassNotOwned;
        "ND in IP of another version" => version, PassNotOwned;
        "ND with a code" => nd(group).frame(&coded), PassNotOwned;
        "an advertisement" => nd(group).frame(&advertisement), PassNotOwned;
        "half of ND" => nd(group).frame(&solicitation(ALONE_V6)[..23]), PassNotOwned;
        "a ping" => icmp(ALONE_V4).frame(&ping), RedirectNeighbour;
        "a ping, v6" => V6::to(ALONE_V6).protocol(ICMPV6).frame(&ping_v6), RedirectNeighbour;
        "a ping to one of the kernel's" => icmp(ONE_V4).frame(&ping), PassNotTcp;
        "a ping to one that is all owned" => icmp(ALL_V4).frame(&ping), PassNotTcp;
        "a ping to one of the kernel's, v6" =>
            V6::to(ONE_V6).protocol(ICMPV6).frame(&ping_v6), PassNotTcp;
        "a ping with options" => icmp(ALONE_V4).options(vec![1; 4]).frame(&ping), PassNotTcp;
        "a ping in fragments" => icmp(ALONE_V4).fragment(MORE).frame(&ping), PassNotTcp;
        "a pong" => icmp(ALONE_V4).frame(&[0; 8]), PassNotTcp;
        "half of a ping" => icmp(ALONE_V4).frame(&ping[..3]), PassNotTcp;
        "UDP" => V4::to(ALONE_V4).protocol(UDP).frame(&ping), PassNotTcp;
        "TCP" => V4::to(ALONE_V4).frame(&tcp(12345, 5)), Redirect;
        "TCP, v6" => V6::to(ALONE_V6).frame(&tcp(12345, 5)), Redirect;
    }
}

/// RFC 792, RFC 4443: by what they quote, which must come from the address that they go to.
fn errors_about_our_segments_are_ours() {
    let kinds = |kind: u8| [kind, 0, 0, 0, 0, 0, 0, 0];
    // The error of this type that goes to the first address about a packet from the second.
    let about = |kind: u8, to, from: Ipv4Addr, port: u16, quoted: V4| {
        let mut segment = tcp(443, 5);
        segment[..2].copy_from_slice(&port.to_be_bytes());
        let mut packet = quoted.packet(&segment[..8]);
        packet[12..16].copy_from_slice(&from.octets());
        let message = [&kinds(kind)[..], &packet].concat();
        V4::to(to).protocol(ICMP).frame(&message)
    };
    let about_v6 = |kind: u8, to, from: Ipv6Addr, port: u16, quoted: V6| {
        let mut segment = tcp(443, 5);
        segment[..2].copy_from_slice(&port.to_be_bytes());
        let mut packet = quoted.packet(&segment[..8]);
        packet[8..24].copy_from_slice(&from.octets());
        let message = [&kinds(kind)[..], &packet].concat();
        V6::to(to).protocol(ICMPV6).frame(&message)
    };
    let sent = || V4::to(NOT_V4);
    let sent_v6 = || V6::to(NOT_V6);
    let mut short = about(3, ONE_V4, ONE_V4, 80, sent());
    short.truncate(short.len() - 5);
    check! {
        "unreachable" => about(3, ONE_V4, ONE_V4, 80, sent()), RedirectIcmp;
        "time exceeded" => about(11, ONE_V4, ONE_V4, 80, sent()), RedirectIcmp;
        "parameter problem" => about(12, ONE_V4, ONE_V4, 80, sent()), RedirectIcmp;
        "any port of one that is all owned" => about(3, ALL_V4, ALL_V4, 9, sent()), RedirectIcmp;
        "source quench" => about(4, ONE_V4, ONE_V4, 80, sent()), PassNotTcp;
        "a redirect" => about(5, ONE_V4, ONE_V4, 80, sent()), PassNotTcp;
        "about a port of the kernel's" => about(3, ONE_V4, ONE_V4, 81, sent()), PassNotTcp;
        "about somebody else's segment" => about(3, ONE_V4, ALL_V4, 80, sent()), PassNotTcp;
        "to somebody else" => about(3, NOT_V4, ONE_V4, 80, sent()), PassNotOwned;
        "about UDP" => about(3, ONE_V4, ONE_V4, 80, sent().protocol(UDP)), PassNotTcp;
        "it quotes too little" => short, PassNotTcp;
        "unreachable, v6" => about_v6(1, ONE_V6, ONE_V6, 80, sent_v6()), RedirectIcmp;
        "too big" => about_v6(2, ONE_V6, ONE_V6, 80, sent_v6()), RedirectIcmp;
        "time exceeded, v6" => about_v6(3, ONE_V6, ONE_V6, 80, sent_v6()), RedirectIcmp;
        "parameter problem, v6" => about_v6(4, ALL_V6, ALL_V6, 9, sent_v6()), RedirectIcmp;
        "type 5 of v6" => about_v6(5, ONE_V6, ONE_V6, 80, sent_v6()), PassNotTcp;
        "a port of the kernel's, v6" => about_v6(1, ONE_V6, ONE_V6, 81, sent_v6()), PassNotTcp;
        "somebody else's, v6" => about_v6(1, ONE_V6, ALL_V6, 80, sent_v6()), PassNotTcp;
        "about UDP, v6" =>
            about_v6(1, ONE_V6, ONE_V6, 80, sent_v6().protocol(UDP)), PassNotTcp;
    }
}

fn an_address_is_left_to_the_kernel_again() {
    let mut filter = Filter::load().unwrap();
    let address = Address::from(IpAddr::from(ALONE_V4));
    let ask = || ethernet(&[], ARP, &arp(1, ALONE_V4));
    let segment = || V4::to(ALONE_V4).frame(&tcp(80, 5));
    expect(&mut filter, ("nothing is ours", ask(), PassNotIp));
    filter.answer_neighbours(address).unwrap();
    expect(&mut filter, ("who has it", ask(), DropNoSocket));
    expect(&mut filter, ("its TCP", segment(), PassNotOwned));
    filter.own_address(address).unwrap();
    expect(&mut filter, ("its TCP now", segment(), DropNoSocket));
    filter.leave_neighbours(address).unwrap();
    expect(&mut filter, ("who has it now", ask(), PassNotIp));
    expect(&mut filter, ("its TCP still", segment(), DropNoSocket));
    filter.disown_address(address).unwrap();
    expect(&mut filter, ("its TCP no more", segment(), PassNotOwned));
}

fn what_lies_is_dropped() {
    let segment = tcp(80, 5);
    let nine = (0..9).fold(v6(), |ip, _| ip.with(DESTINATION, &[0; 8]));
    let mut past_the_end = vec![0; 8];
    past_the_end[1] = 255;
    check! {
        "IHL 0" => v4().version_ihl(0x40).frame(&segment), DropMalformed;
        "IHL 4" => v4().version_ihl(0x44).frame(&segment), DropMalformed;
        "IHL past the end" => v4().version_ihl(0x4f).frame(&segment), DropMalformed;
        "IPv4 of version 6" => v4().version_ihl(0x65).frame(&segment), DropMalformed;
        "total length 0" => v4().total(0).frame(&segment), DropMalformed;
        "total length 19" => v4().total(19).frame(&segment), DropMalformed;
        "no room for ports" => v4().total(23).frame(&segment), DropMalformed;
        "no room for a TCP header" => v4().total(39).frame(&segment), DropMalformed;
        "total length past the end" => v4().total(41).frame(&segment), DropMalformed;
        "total length 65535" => v4().total(65535).frame(&segment), DropMalformed;
        "data offset 0" => v4().frame(&tcp(80, 0)), DropMalformed;
        "data offset 4" => v4().frame(&tcp(80, 4)), DropMalformed;
        "data offset past the end" => v4().frame(&tcp(80, 6)[..20]), DropMalformed;
        "data offset in the padding" =>
            [v4().frame(&tcp(80, 6)[..20]), vec![0; 6]].concat(), DropMalformed;
        "IPv6 of version 4" => v6().version(4).frame(&segment), DropMalformed;
        "payload length past the end" => v6().payload(21).frame(&segment), DropMalformed;
        "payload length 65535" => v6().payload(65535).frame(&segment), DropMalformed;
        "payload length 0" => v6().payload(0).frame(&segment), DropMalformed;
        "payload length 19" => v6().payload(19).frame(&segment), DropMalformed;
        "data offset 4, v6" => v6().frame(&tcp(80, 4)), DropMalformed;
        "data offset past the end, v6" => v6().frame(&tcp(80, 15)[..56]), DropMalformed;
        "nine extensions" => nine.frame(&segment), DropExtensions;
        "half an extension" => v6().with(ROUTING, &[0; 7]).frame(&[]), DropExtensions;
        "an extension past the end" =>
            v6().with(ROUTING, &past_the_end).frame(&segment), DropExtensions;
        "an extension past the payload" =>
            v6().payload(7).with(ROUTING, &[0; 8]).frame(&segment), DropExtensions;
    }
}

fn fragments_follow_the_first() {
    let first = |id, to| V4::to(to).id(id).fragment(MORE);
    let middle = |id, to| V4::to(to).id(id).fragment(MORE | 3);
    let last = |id, to| V4::to(to).id(id).fragment(9);
    let text = [0x55; 32];
    check! {
        "a first one of ours" => first(1, ONE_V4).frame(&tcp(80, 5)), DropFragment;
        "a later one of ours" => middle(1, ONE_V4).frame(&text), DropFragment;
        "a first one with half a header" => first(2, ONE_V4).frame(&tcp(80, 5)[..8]), DropFragment;
        "a first one without ports" => first(3, ONE_V4).frame(&[0; 3]), DropFragment;
        "a first one of an address" => first(4, ALL_V4).frame(&tcp(22, 5)), DropFragment;
        "one of nothing known" => last(5, ONE_V4).frame(&text), DropFragment;
        "a first one of the kernel's" => first(6, ONE_V4).frame(&tcp(22, 5)), PassNotOwned;
        "a later one of the kernel's" => middle(6, ONE_V4).frame(&text), PassFragment;
        "the last one of the kernel's" => last(6, ONE_V4).frame(&text), PassFragment;
        "one of another packet" => last(7, ONE_V4).frame(&text), DropFragment;
        "one for another address" => last(6, ALL_V4).frame(&text), DropFragment;
        "one of UDP" => last(8, ONE_V4).protocol(UDP).frame(&text), PassNotTcp;
        "v6: a first one of ours" => v6().fragment(0, true, 1).frame(&tcp(80, 5)), DropFragment;
        "v6: a later one of ours" => v6().fragment(24, false, 1).frame(&text), DropFragment;
        "v6: a first one of the kernel's" =>
            v6().fragment(0, true, 6).frame(&tcp(22, 5)), PassNotOwned;
        "v6: a later one of the kernel's" => v6().fragment(24, false, 6).frame(&text), PassFragment;
        "v6: one of another packet" => v6().fragment(24, false, 7).frame(&text), DropFragment;
        "v6: one of UDP" => v6().protocol(UDP).fragment(24, false, 8).frame(&text), PassNotTcp;
        "v6: a first one of UDP behind options" =>
            v6().protocol(UDP).fragment(0, true, 9).with(DESTINATION, &[0; 8]).frame(&text),
            PassNotTcp;
        "v6: its later one, which may be TCP" =>
            v6().protocol(DESTINATION).fragment(24, false, 9).frame(&text), PassFragment;
        "v6: one that may be TCP" =>
            v6().protocol(DESTINATION).fragment(24, false, 10).frame(&text), DropFragment;
    }
}

fn without_a_socket_it_drops() {
    let mut filter = owning_filter();
    let ours = v4().frame(&tcp(80, 5));
    expect(&mut filter, ("ours", ours, DropNoSocket));
    let other = v4().frame(&tcp(22, 5));
    expect(&mut filter, ("the kernel's", other, PassNotOwned));
}

fn what_is_disowned_is_passed() {
    let mut filter = Filter::load().unwrap();
    let frame = |port| v4().frame(&tcp(port, 5));
    let later = v4().fragment(9).frame(&[0; 32]);
    let address = Address::from(IpAddr::from(ONE_V4));
    let endpoint = |port| Endpoint { address, port };

    expect(&mut filter, ("nothing is owned", frame(80), PassNotOwned));
    filter.own(endpoint(80)).unwrap();
    filter.own(endpoint(81)).unwrap();
    filter.disown(endpoint(80)).unwrap();
    expect(&mut filter, ("one is left", frame(81), DropNoSocket));
    expect(&mut filter, ("one is not", frame(80), PassNotOwned));
    filter.own_address(address).unwrap();
    expect(
        &mut filter,
        ("the address is owned", frame(80), DropNoSocket),
    );
    filter.disown_address(address).unwrap();
    expect(&mut filter, ("one is left again", frame(81), DropNoSocket));
    expect(&mut filter, ("and one is not", frame(80), PassNotOwned));
    expect(
        &mut filter,
        ("a fragment is not passed", later.clone(), DropFragment),
    );
    filter.disown(endpoint(81)).unwrap();
    expect(&mut filter, ("none is left", frame(81), PassNotOwned));
    expect(&mut filter, ("a fragment is passed", later, PassNotOwned));
    filter.disown(endpoint(81)).unwrap();
}

/// Every octet of a good frame replaced by telling values, and every length: no third action, and
/// one count a frame.
fn any_octets_get_a_verdict() {
    with_socket(|socket| {
        let mut filter = owning_filter();
        register(&mut filter, socket);
        let extended = v6().with(HOP_BY_HOP, &[0; 8]).fragment(0, false, 1);
        let mut judged = 0;
        let who_has = ethernet(&[], ARP, &arp(1, ALONE_V4));
        let solicited = V6::to(ALONE_V6).protocol(ICMPV6).hop_limit(255);
        for frame in [
            v4().frame(&tcp(80, 6)),
            extended.frame(&tcp(80, 5)),
            who_has,
            solicited.frame(&solicitation(ALONE_V6)),
        ] {
            for at in 12..frame.len() {
                for value in [0, 1, 4, 6, 0x0f, 0x40, 0x45, 0x4f, 0x60, 0x80, 0xff] {
                    let mut spoiled = frame.clone();
                    spoiled[at] = value;
                    let action = filter.judge(&spoiled).unwrap();
                    assert!(!matches!(action, Action::Other(_)), "{spoiled:02x?}");
                    judged += 1;
                }
            }
            for len in 14..frame.len() {
                let action = filter.judge(&frame[..len]).unwrap();
                assert!(
                    matches!(action, Action::Pass | Action::Drop),
                    "{len} octets"
                );
                judged += 1;
            }
        }
        let counted: u64 = filter.verdicts().unwrap().iter().map(|(_, n)| n).sum();
        assert_eq!(counted, judged);
    });
}

fn check_rows(rows: Vec<Row>) {
    with_socket(|socket| {
        let mut filter = owning_filter();
        register(&mut filter, socket);
        for row in rows {
            expect(&mut filter, row);
        }
    });
}

fn expect(filter: &mut Filter, (what, frame, verdict): Row) {
    let before = filter.verdicts().unwrap();
    let action = filter.judge(&frame).unwrap();
    let after = filter.verdicts().unwrap();
    let counted: Vec<_> = after
        .iter()
        .filter(|(verdict, count)| *count != before.of(*verdict))
        .collect();
    assert_eq!(counted, [(verdict, before.of(verdict) + 1)], "{what}");
    let expected = match verdict.name().split('_').next() {
        Some("pass") => Action::Pass,
        Some("redirect") => Action::Redirect,
        _ => Action::Drop,
    };
    assert_eq!(action, expected, "{what}");
}

fn v4() -> V4 {
    V4::to(ONE_V4)
}

fn v6() -> V6 {
    V6::to(ONE_V6)
}

fn owning_filter() -> Filter {
    let mut filter = Filter::load().unwrap();
    for address in [IpAddr::from(ONE_V4), IpAddr::from(ONE_V6)] {
        filter.own(SocketAddr::new(address, 80).into()).unwrap();
    }
    for address in [IpAddr::from(ALL_V4), IpAddr::from(ALL_V6)] {
        filter.own_address(address.into()).unwrap();
    }
    for address in [IpAddr::from(ALONE_V4), IpAddr::from(ALONE_V6)] {
        filter.own_address(address.into()).unwrap();
        filter.answer_neighbours(address.into()).unwrap();
    }
    filter
}
