//! The XDP program with its cookies switched on, run by the kernel (`BPF_PROG_TEST_RUN`), with the
//! shard as its oracle: what the program answers, the shard would answer octet for octet; what it
//! drops, the shard has nothing to say to; and a SYN to a listener that `wire` understands is
//! answered, if its headers are plain. Needs root.
//!
//! An input is a SYN that was made right, with octets changed and checksums made right again.

#[path = "../../tests/xdp_cookie/both.rs"]
#[expect(dead_code, reason = "the tests of the program need the rest")]
mod both;

use super::octets::Octets;
use super::xdp::{change, filter, port, repair};
use both::{ANSWER, Both, config};
use seawall::nic::af_xdp::{Action, AfXdp};
use seawall::tcp::{Config, Listened, on_listen};
use seawall::time::Duration;
use seawall::wire::{
    Address, Checksum, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq,
    Timestamps, parse,
};
use std::cell::RefCell;

/// When both get a new clock: before the epoch is over in which they began.
const RENEW: Duration = Duration::from_secs(128 + 60);

/// Text on a SYN that the program sums itself: `TEXT_MAX` of `xdp/checksum.h`.
const TEXT_MAX: u32 = 2048;

struct Stage {
    both: Both,
    port: AfXdp,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Runs an input. The first time, this thread goes into a network namespace of its own.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let frame = frame(&mut octets);
    // The kernel runs no frame that is shorter than its Ethernet header, or longer than a page.
    if !(14..=2048).contains(&frame.len()) {
        return;
    }
    STAGE.with_borrow_mut(|stage| {
        let stage = stage.get_or_insert_with(|| {
            let port = port();
            Stage {
                both: both(&port),
                port,
            }
        });
        if stage.both.clock.elapsed() > RENEW {
            stage.both = both(&stage.port);
        }
        compare(&mut stage.both, &frame);
    });
}

fn both(port: &AfXdp) -> Both {
    let listeners = [true, false].map(server);
    let config = config(Config::default(), Checksum::Verify);
    let mut both = Both::new(filter(port), config, &listeners);
    both.order(&ANSWER);
    both
}

// Raw octets, or a good SYN of which some octets are then replaced.
fn frame(octets: &mut Octets<'_>) -> Vec<u8> {
    let kind = octets.u8();
    if kind & 1 == 1 {
        return octets.0.to_vec();
    }
    let is_v4 = kind & 2 == 0;
    let segment = Segment {
        seq: Seq(0x0102_0304),
        wnd: 64_240,
        ctl: Ctl::SYN,
        options: Options {
            mss: (kind & 4 == 0).then_some(1460),
            window_scale: (kind & 8 == 0).then_some(7),
            sack_permitted: kind & 16 == 0,
            timestamps: (kind & 32 == 0).then_some(Timestamps { val: 9, ecr: 0 }),
        },
        text_len: u32::from(kind >> 6) * 7,
        ..Segment::default()
    };
    let client = Endpoint {
        address: address(is_v4, 9),
        port: 5_000,
    };
    let headers = Headers {
        link: &LinkHeader::new([2; 6], [4; 6]),
        tuple: &FourTuple {
            local: client,
            remote: server(is_v4),
        },
        segment: &segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut frame = vec![0; headers.len() + segment.text_len as usize];
    headers.emit(&mut frame).expect("there is room");
    // The last octet says which checksums lie.
    let spoilt = octets.0.last().copied().unwrap_or_default();
    change(&mut frame, octets);
    if spoilt & 0xc0 != 0x40 {
        repair(&mut frame);
    }
    if spoilt & 0xc0 != 0x80 {
        repair_segment(&mut frame);
    }
    frame
}

// The checksum of a segment behind a plain IP header without tags in front of it (RFC 9293 §3.1).
fn repair_segment(frame: &mut [u8]) {
    let (addresses, at, len) = match frame {
        [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            0x08,
            0x00,
            0x45,
            _,
            high,
            low,
            ..,
        ] => {
            let total = u16::from_be_bytes([*high, *low]);
            (26..34, 34, usize::from(total).saturating_sub(20))
        }
        [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            0x86,
            0xdd,
            _,
            _,
            _,
            _,
            high,
            low,
            ..,
        ] => (22..54, 54, usize::from(u16::from_be_bytes([*high, *low]))),
        _ => return,
    };
    let pseudo = sum(frame.get(addresses).unwrap_or_default()) + 6 + len as u32;
    let Some(segment) = frame.get_mut(at..at + len).filter(|it| it.len() >= 20) else {
        return;
    };
    segment[16..18].fill(0);
    let mut sum = pseudo + sum(segment);
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    segment[16..18].copy_from_slice(&(!sum as u16).to_be_bytes());
}

fn sum(octets: &[u8]) -> u32 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    octets.chunks(2).map(word).sum()
}

fn compare(both: &mut Both, frame: &[u8]) {
    let (action, reply) = both.ask(frame);
    let is_right = match action {
        Action::Transmit => reply.as_ref() == Some(&both.reply),
        Action::Drop => reply.is_none(),
        Action::Redirect | Action::Pass => !is_plain_syn(frame),
        Action::Other(_) => false,
    };
    let ours = &both.reply;
    assert!(
        is_right,
        "{action:?} of {frame:02x?}: {ours:02x?}, and the shard {reply:02x?}"
    );
}

// A SYN to a listener that the program does not leave to the shard.
fn is_plain_syn(frame: &[u8]) -> bool {
    let Ok(packet) = parse(frame, Checksum::Verify) else {
        return false;
    };
    let is_v4 = packet.tuple.local.address.is_v4();
    // Neither IP options nor extension headers.
    let Ok((_, ethertype, link_len)) = LinkHeader::parse(frame) else {
        return false;
    };
    let octet = |at| frame.get(link_len + at);
    let is_plain = match ethertype {
        0x0800 => octet(0) == Some(&0x45),
        _ => octet(6) == Some(&6),
    };
    is_plain
        && packet.tuple.local == server(is_v4)
        && packet.segment.text_len <= TEXT_MAX
        && on_listen(&packet.segment) == Listened::Syn
}

const fn server(is_v4: bool) -> Endpoint {
    Endpoint {
        address: address(is_v4, 1),
        port: 80,
    }
}

const fn address(is_v4: bool, last: u8) -> Address {
    if is_v4 {
        Address::v4([192, 0, 2, last])
    } else {
        Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    }
}
