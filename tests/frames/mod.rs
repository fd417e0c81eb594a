//! Frames made by hand: each layer is a value with the right fields, which a test then spoils.
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const DESTINATION: u8 = 60;
pub(crate) const NO_NEXT: u8 = 59;
pub(crate) const ICMPV6: u8 = 58;

/// An Ethernet header with the types of VLAN `tags`, around `packet`.
pub(crate) fn ethernet(tags: &[u16], kind: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02; 12];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0, 7]);
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(packet);
    frame
}

/// A TCP header of `words` 32-bit words with a SYN, or as much of it as `words` says.
pub(crate) fn tcp(to: u16, words: u8) -> Vec<u8> {
    let mut header = vec![0; 20.max(usize::from(words) * 4)];
    header[..2].copy_from_slice(&40_000_u16.to_be_bytes());
    header[2..4].copy_from_slice(&to.to_be_bytes());
    header[12] = words << 4;
    header[13] = 2;
    header
}

/// An ARP packet (RFC 826) of `operation` about `to`.
pub(crate) fn arp(operation: u16, to: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4];
    packet.extend(operation.to_be_bytes());
    packet.extend([2, 2, 2, 2, 2, 2, 198, 51, 100, 7, 0, 0, 0, 0, 0, 0]);
    packet.extend(to.octets());
    packet
}

/// A Neighbor Solicitation (RFC 4861 §4.3) for `target`, its checksum left zero.
pub(crate) fn solicitation(target: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![135, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    message
}

/// An IPv4 header (RFC 791 §3.1), its checksum left zero.
#[derive(Clone)]
pub(crate) struct V4 {
    to: Ipv4Addr,
    protocol: u8,
    options: Vec<u8>,
    id: u16,
    /// Flags, and offset in units of 8 octets.
    fragment: u16,
    /// Instead of the right octet.
    version_ihl: Option<u8>,
    /// Instead of the right length.
    total: Option<u16>,
}

impl V4 {
    pub(crate) fn to(to: Ipv4Addr) -> Self {
        Self {
            to,
            protocol: TCP,
            options: vec![],
            id: 0,
            fragment: 0,
            version_ihl: None,
            total: None,
        }
    }

    pub(crate) fn protocol(self, protocol: u8) -> Self {
        Self { protocol, ..self }
    }

    pub(crate) fn options(self, options: Vec<u8>) -> Self {
        Self { options, ..self }
    }

    pub(crate) fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    pub(crate) fn fragment(self, fragment: u16) -> Self {
        Self { fragment, ..self }
    }

    pub(crate) fn version_ihl(self, octet: u8) -> Self {
        Self {
            version_ihl: Some(octet),
            ..self
        }
    }

    pub(crate) fn total(self, octets: u16) -> Self {
        Self {
            total: Some(octets),
            ..self
        }
    }

    /// The whole frame, without tags.
    pub(crate) fn frame(&self, payload: &[u8]) -> Vec<u8> {
        ethernet(&[], IPV4, &self.packet(payload))
    }

    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let total = (header + payload.len()) as u16;
        let mut packet = vec![self.version_ihl.unwrap_or(0x40 | (header / 4) as u8), 0];
        packet.extend(self.total.unwrap_or(total).to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend([198, 51, 100, 7]);
        packet.extend(self.to.octets());
        packet.extend(&self.options);
        packet.extend(payload);
        packet
    }
}

/// An IPv6 header and its extension headers (RFC 8200).
#[derive(Clone)]
pub(crate) struct V6 {
    to: Ipv6Addr,
    protocol: u8,
    /// Protocol number and octets of each, of which the first is filled in here.
    extensions: Vec<(u8, Vec<u8>)>,
    /// Instead of 6.
    version: u8,
    hop_limit: u8,
    /// Instead of the right length.
    payload: Option<u16>,
}

impl V6 {
    pub(crate) fn to(to: Ipv6Addr) -> Self {
        Self {
            to,
            protocol: TCP,
            extensions: vec![],
            version: 6,
            hop_limit: 64,
            payload: None,
        }
    }

    pub(crate) fn protocol(self, protocol: u8) -> Self {
        Self { protocol, ..self }
    }

    pub(crate) fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn hop_limit(self, hop_limit: u8) -> Self {
        Self { hop_limit, ..self }
    }

    pub(crate) fn payload(self, octets: u16) -> Self {
        Self {
            payload: Some(octets),
            ..self
        }
    }

    /// With an extension header of `protocol` and `octets`, of which the first is filled in.
    pub(crate) fn with(mut self, protocol: u8, octets: &[u8]) -> Self {
        self.extensions.push((protocol, octets.to_vec()));
        self
    }

    /// With a fragment header: offset in octets, more to come, identification.
    pub(crate) fn fragment(self, offset: u16, more: bool, id: u32) -> Self {
        let mut octets = vec![0, 0];
        octets.extend((offset | u16::from(more)).to_be_bytes());
        octets.extend(id.to_be_bytes());
        self.with(FRAGMENT, &octets)
    }

    /// The whole frame, without tags.
    pub(crate) fn frame(&self, payload: &[u8]) -> Vec<u8> {
        ethernet(&[], IPV6, &self.packet(payload))
    }

    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut chain = vec![];
        let mut next = self.protocol;
        for (protocol, octets) in self.extensions.iter().rev() {
            let mut header = octets.clone();
            header[0] = next;
            next = *protocol;
            chain.splice(0..0, header);
        }
        chain.extend(payload);
        let mut packet = vec![self.version << 4, 0, 0, 0];
        packet.extend(self.payload.unwrap_or(chain.len() as u16).to_be_bytes());
        packet.extend([next, self.hop_limit]);
        packet.extend("2001:db8:77::7".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend(self.to.octets());
        packet.extend(chain);
        packet
    }
}
