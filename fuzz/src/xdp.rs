//! The XDP program, run by the kernel (`BPF_PROG_TEST_RUN`), with `wire` as its oracle: what `wire`
//! understands goes to the owner of its address and port, and to nobody else; what `wire` refuses
//! for its headers is not handed to it. Needs root.
//!
//! The program sees no checksums, so an input is a frame that was made right, with octets changed.

use super::octets::Octets;
use nix::sched::{CloneFlags, unshare};
use seawall::drop_reason::DropReason;
use seawall::nic::af_xdp::{Action, AfXdp, CopyMode, Filter, PortConfig, QueueSpec, RingSizes};
use seawall::wire::{
    Address, Checksum, Ctl, Endpoint, FourTuple, Headers, Inquiry, LinkHeader, Packet, Segment,
    parse,
};
use std::cell::RefCell;
use std::process::Command;

/// The port that is owned where not all are.
const PORT: u16 = 80;

/// How much is owned on the address that ends with it: one port, all, all with ARP and ND, nothing.
const ONE: u8 = 1;
const ALL: u8 = 2;
const ALONE: u8 = 3;
const NOTHING: u8 = 4;

struct Stage {
    filter: Filter,
    // Keeps the socket that is registered.
    _port: AfXdp,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Runs an input. The first time, this thread goes into a network namespace of its own.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let frame = frame(&mut octets);
    let action = STAGE.with_borrow_mut(|stage| {
        let stage = stage.get_or_insert_with(Stage::new);
        // The kernel runs no frame that is shorter than its Ethernet header, or longer than a page.
        stage.filter.judge(&frame).ok()
    });
    if let Some(action) = action {
        compare(&frame, action);
    }
}

impl Stage {
    fn new() -> Self {
        let port = port();
        let mut filter = filter(&port);
        for address in [v4, v6] {
            own(&mut filter, address).expect("the tables are empty");
        }
        Self {
            filter,
            _port: port,
        }
    }
}

/// Sockets on queue 0 of the loopback, in a network namespace that this thread goes into.
pub(super) fn port() -> AfXdp {
    unshare(CloneFlags::CLONE_NEWNET).expect("root");
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.is_ok_and(|status| status.success()), "ip link set lo up");
    let config = PortConfig {
        rings: RingSizes {
            receive: 64,
            syns: 64,
            transmit: 64,
            fill: 64,
            completion: 64,
        },
        copy: CopyMode::On,
        ..PortConfig::default()
    };
    AfXdp::open(&[QueueSpec::new("lo", 0)], &config).expect("a socket on lo")
}

/// The program, with these sockets.
pub(super) fn filter(port: &AfXdp) -> Filter {
    let mut filter = Filter::load().expect("the program loads");
    for (at, lane, socket) in port.sockets() {
        let registered = filter.register(at.queue, lane, socket);
        registered.expect("queue 0 is there");
    }
    filter
}

fn own(filter: &mut Filter, address: fn(u8) -> Address) -> Result<(), seawall::nic::af_xdp::Error> {
    filter.own(Endpoint {
        address: address(ONE),
        port: PORT,
    })?;
    filter.own_address(address(ALL))?;
    filter.own_address(address(ALONE))?;
    filter.answer_neighbours(address(ALONE))
}

// Raw octets, or a good segment of which some octets are then replaced.
fn frame(octets: &mut Octets<'_>) -> Vec<u8> {
    let kind = octets.u8();
    if kind & 1 == 1 {
        return octets.0.to_vec();
    }
    let address = if kind & 2 == 0 { v4 } else { v6 };
    let to = [ONE, ALL, ALONE, NOTHING][usize::from(kind >> 2 & 3)];
    let port = if kind & 16 == 0 { PORT } else { PORT + 1 };
    let tuple = FourTuple {
        local: Endpoint {
            address: address(9),
            port: 5_000,
        },
        remote: Endpoint {
            address: address(to),
            port,
        },
    };
    let segment = Segment {
        ctl: Ctl::ACK,
        text_len: u32::from(kind >> 5) * 8,
        ..Segment::default()
    };
    let headers = Headers {
        link: &LinkHeader::new([2; 6], [4; 6]),
        tuple: &tuple,
        segment: &segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut frame = vec![0; headers.len() + segment.text_len as usize];
    headers.emit(&mut frame).expect("there is room");
    change(&mut frame, octets);
    repair(&mut frame);
    frame
}

/// Replaces octets by what is left of an input: pairs of a place and what comes there. The place
/// 255 is the end of the frame.
pub(super) fn change(frame: &mut Vec<u8>, octets: &mut Octets<'_>) {
    while !octets.is_empty() {
        let (at, octet) = (usize::from(octets.u8()), octets.u8());
        if at == 0xff {
            frame.truncate(usize::from(octet));
        } else if let Some(place) = frame.get_mut(at) {
            *place = octet;
        }
    }
}

/// The checksum of an IPv4 header without tags in front of it (RFC 1071).
pub(super) fn repair(frame: &mut [u8]) {
    let Some([0x08, 0x00, header @ ..]) = frame.get_mut(12..) else {
        return;
    };
    let len = header
        .first()
        .map_or(0, |octet| usize::from(octet & 15) * 4);
    let Some(header) = header.get_mut(..len).filter(|header| header.len() >= 20) else {
        return;
    };
    header[10..12].fill(0);
    let (words, _) = header.as_chunks();
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

fn compare(frame: &[u8], action: Action) {
    assert!(
        !matches!(action, Action::Other(_)),
        "{action:?}: {frame:02x?}"
    );
    let parsed = parse(frame, Checksum::Verify);
    let asked = Inquiry::parse(frame).map(|inquiry| inquiry.about());
    let is_right = match parsed {
        Ok(packet) => {
            action
                == if is_owned(&packet) {
                    Action::Redirect
                } else {
                    Action::Pass
                }
        }
        // Nobody's, or a question.
        Err(DropReason::FrameTruncated | DropReason::VlanTooDeep) => action == Action::Pass,
        Err(DropReason::NotIp | DropReason::NotTcp) => match asked {
            Ok(about) if [v4(ALONE), v6(ALONE)].contains(&about) => action == Action::Redirect,
            // What is wrong with a question is found out behind the program.
            Err(DropReason::NeighbourMalformed) => action != Action::Drop,
            _ => action == Action::Pass,
        },
        // A header that lies, or a fragment of IPv4: the kernel's or nobody's.
        // But whether a ping is whole is found out behind the program.
        Err(DropReason::IpHeader | DropReason::TcpHeader) => {
            action != Action::Redirect || asked == Err(DropReason::NeighbourMalformed)
        }
        Err(DropReason::IpFragment) => is_v6(frame) || action != Action::Redirect,
        // Of the rest the program knows nothing, but that it is TCP.
        Err(_) => true,
    };
    assert!(
        is_right,
        "{action:?}, and {parsed:?}, {asked:?}: {frame:02x?}"
    );
}

fn is_owned(packet: &Packet) -> bool {
    let Endpoint { address, port } = packet.tuple.local;
    let is_one_of = |last| address == v4(last) || address == v6(last);
    is_one_of(ALL) || is_one_of(ALONE) || is_one_of(ONE) && port == PORT
}

fn is_v6(frame: &[u8]) -> bool {
    LinkHeader::parse(frame).is_ok_and(|(_, ethertype, _)| ethertype == 0x86dd)
}

const fn v4(last: u8) -> Address {
    Address::v4([192, 0, 2, last])
}

const fn v6(last: u8) -> Address {
    Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}
