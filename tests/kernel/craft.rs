//! Frames made by hand, octet by octet and without the crate's own encoders, and put on the wire
//! on the client's side beside its kernel.

use libtest_mimic::Failed;
use seawall::control::lab::{CLIENT_INTERFACE, Lab, SERVER_INTERFACE};
use seawall::nic::Port;
use seawall::nic::af_xdp::{AfXdp, PortConfig, QueueSpec};
use seawall::nic::netlink::Netlink;
use seawall::time::Instant;

/// Sends frames from the client's interface. A socket that only sends: no program is attached,
/// and what arrives stays the kernel's.
pub(crate) struct Injector {
    port: AfXdp,
    /// Ethernet addresses of the server and of the client.
    macs: [u8; 12],
}

impl Injector {
    pub(crate) fn new(lab: &Lab) -> Result<Self, Failed> {
        let server = lab
            .server()
            .run(|| Netlink::open()?.link(SERVER_INTERFACE))?;
        let client = lab
            .client()
            .run(|| Netlink::open()?.link(CLIENT_INTERFACE))?;
        let queues = [QueueSpec::new(CLIENT_INTERFACE, 0)];
        let port = lab
            .client()
            .run(|| AfXdp::open(&queues, &PortConfig::default()))?;
        let mut macs = [0; 12];
        macs[..6].copy_from_slice(&server.mac.0);
        macs[6..].copy_from_slice(&client.mac.0);
        Ok(Self { port, macs })
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        let mut frame = loop {
            match self.port.allocate(0) {
                Some(frame) => break frame,
                // Those that were sent come back.
                None => self.port.flush(Instant::ZERO),
            }
        };
        self.port.bytes_mut(&mut frame)[..octets.len()].copy_from_slice(octets);
        frame.set_len(octets.len());
        self.port.transmit(Instant::ZERO, frame);
        self.port.flush(Instant::ZERO);
    }

    pub(crate) fn ethernet(&self, link: &[u8], packet: &[u8]) -> Vec<u8> {
        [&self.macs, link, packet].concat()
    }

    pub(crate) fn v4(&self, packet: &[u8]) -> Vec<u8> {
        self.ethernet(&[0x08, 0x00], packet)
    }

    pub(crate) fn v6(&self, packet: &[u8]) -> Vec<u8> {
        self.ethernet(&[0x86, 0xdd], packet)
    }
}

/// A SYN to `port` from an address that nobody has.
pub(crate) fn syn(injector: &Injector, port: u16) -> Vec<u8> {
    injector.v4(&ipv4(&tcp(port, SYN, &[])))
}

/// The server of the lab; and a client's address that its kernel does not have.
pub(crate) const SERVER_V4: [u8; 4] = [10, 73, 0, 1];
pub(crate) const STRANGER_V4: [u8; 4] = [10, 73, 9, 9];
pub(crate) const SERVER_V6: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0x73, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const STRANGER_V6: [u8; 16] =
    [0x20, 1, 0x0d, 0xb8, 0, 0x73, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9];

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
pub(crate) const TCP: u8 = 6;

// RFC 1071 §1
pub(crate) fn checksum(pieces: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0_u32;
    for piece in pieces {
        for pair in piece.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// A segment from port 4,000, its checksum still 0; `options` is a multiple of four.
pub(crate) fn tcp(to: u16, flags: u8, options: &[u8]) -> Vec<u8> {
    let ports = [4000_u16.to_be_bytes(), to.to_be_bytes()].concat();
    let offset = (5 + options.len() / 4) as u8;
    let rest = [
        0,
        0,
        1,
        0,
        0,
        0,
        2,
        0,
        offset << 4,
        flags,
        0x20,
        0,
        0,
        0,
        0,
        0,
    ];
    [&ports[..], &rest, options].concat()
}

/// A packet from the stranger to the server, both checksums right.
pub(crate) fn ipv4(segment: &[u8]) -> Vec<u8> {
    ipv4_from(STRANGER_V4, segment)
}

pub(crate) fn ipv4_from(source: [u8; 4], segment: &[u8]) -> Vec<u8> {
    let len = (segment.len() as u16).to_be_bytes();
    let pseudo = [&source[..], &SERVER_V4, &[0, TCP], &len].concat();
    let mut segment = segment.to_vec();
    let sum = checksum(&[&pseudo, &segment]);
    segment[16..18].copy_from_slice(&sum);
    let total = (20 + segment.len() as u16).to_be_bytes();
    let fixed = [0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, TCP, 0, 0];
    let header = [&fixed[..], &source, &SERVER_V4].concat();
    [resum(header), segment].concat()
}

/// Makes the checksum of an IPv4 packet right again.
pub(crate) fn resum(mut packet: Vec<u8>) -> Vec<u8> {
    packet[10..12].fill(0);
    let sum = checksum(&[&packet[..20]]);
    packet[10..12].copy_from_slice(&sum);
    packet
}

/// The packet with some octets changed, and its header's checksum right again.
pub(crate) fn changed(mut packet: Vec<u8>, at: usize, octets: &[u8]) -> Vec<u8> {
    packet[at..at + octets.len()].copy_from_slice(octets);
    resum(packet)
}

/// A packet from the stranger to the server; `headers` are extension headers, the first of type
/// `next`, and the segment's checksum is right.
pub(crate) fn ipv6(next: u8, headers: &[u8], segment: &[u8]) -> Vec<u8> {
    ipv6_from(STRANGER_V6, next, headers, segment)
}

pub(crate) fn ipv6_from(source: [u8; 16], next: u8, headers: &[u8], segment: &[u8]) -> Vec<u8> {
    let len = (segment.len() as u16).to_be_bytes();
    let mut segment = segment.to_vec();
    let pseudo = [&source[..], &SERVER_V6, &[0, TCP], &len].concat();
    let sum = checksum(&[&pseudo, &segment]);
    segment[16..18].copy_from_slice(&sum);
    let len = ((headers.len() + segment.len()) as u16).to_be_bytes();
    let fixed = [0x60, 0, 0, 0, len[0], len[1], next, 64];
    [&fixed[..], &source, &SERVER_V6, headers, &segment].concat()
}

pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const DESTINATION: u8 = 60;

/// Six octets of padding: the rest of an extension header of eight.
pub(crate) const PAD: [u8; 6] = [0, 1, 4, 0, 0, 0];

/// An extension header of eight octets with nothing in it.
pub(crate) fn extension(next: u8) -> Vec<u8> {
    let [_, rest @ ..] = PAD;
    [&[next, 0][..], &rest, &[0]].concat()
}
