//! ICMP errors about TCP segments that this side sent (RFC 792, RFC 4443 §3): what is said, and of
//! which segment, by the part of it that is quoted.

use super::ethernet::{IPV4, IPV6, LinkHeader};
use super::{Address, Endpoint, FourTuple, Seq, icmp};
use crate::drop_reason::DropReason;

const TCP: u8 = 6;
/// Octets of type, code, checksum and of what four more mean.
const HEADER_BYTES: usize = 8;
/// All that a router must quote of the TCP header: ports and sequence number.
const QUOTED_TCP_BYTES: usize = 8;

/// What became of a segment of ours, as somebody on its way claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    /// Whose segment: this side is local.
    pub tuple: FourTuple,
    /// Its SEG.SEQ.
    pub seq: Seq,
    /// Octets of its packet.
    pub len: u16,
    /// What is said of it.
    pub kind: IcmpKind,
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpKind {
    /// Destination Unreachable, code 0 and the like.
    NetUnreachable,
    /// Destination Unreachable, code 1 and the like; `ICMPv6` code 3.
    HostUnreachable,
    /// Destination Unreachable, code 2.
    ProtocolUnreachable,
    /// Destination Unreachable, code 3; `ICMPv6` code 4.
    PortUnreachable,
    /// Destination Unreachable, code 4; Packet Too Big. With the MTU of the next hop; 0 when an
    /// old router does not tell.
    PacketTooBig(u16),
    /// Destination Unreachable, code 5.
    SourceRouteFailed,
    /// Forbidden by somebody's policy.
    Prohibited,
    /// Time Exceeded.
    TimeExceeded,
    /// Parameter Problem.
    ParameterProblem,
}

impl IcmpKind {
    /// Is it a hard error by RFC 9293 §3.9.2.2?
    #[must_use]
    pub const fn is_hard(self) -> bool {
        matches!(self, Self::ProtocolUnreachable | Self::PortUnreachable)
    }
}

impl IcmpError {
    /// The error in a frame that [`parse`](super::parse) refused for this `reason`, if it is one.
    #[must_use]
    pub fn parse_if(reason: DropReason, frame: &[u8]) -> Option<Self> {
        if reason == DropReason::NotTcp {
            Self::parse(frame).ok()
        } else {
            None
        }
    }

    /// The error in a frame that [`parse`](super::parse) refused as `NotTcp`.
    ///
    /// # Errors
    /// `NotTcp` when it is no ICMP error about TCP; `IcmpIgnored` when it is one that says nothing
    /// to a connection, like Source Quench (MUST-55), or that quotes too little; and what is wrong
    /// with the Ethernet header or, as `NeighbourMalformed`, with the message.
    pub fn parse(frame: &[u8]) -> Result<Self, DropReason> {
        let (ethertype, at) = LinkHeader::measure(frame)?;
        let packet = frame.get(at..).unwrap_or_default();
        let (message, is_v4) = match ethertype {
            IPV4 => (icmp::parse_v4(packet)?, true),
            IPV6 => (icmp::parse_v6(packet)?, false),
            _ => return Err(DropReason::NotTcp),
        };
        let Some((header, quoted)) = message.octets.split_first_chunk::<HEADER_BYTES>() else {
            return Err(DropReason::NotTcp);
        };
        let kind = if is_v4 {
            kind_v4(*header)
        } else {
            kind_v6(*header)
        }?;
        let quote = if is_v4 {
            Quote::v4(quoted)
        } else {
            Quote::v6(quoted)
        };
        let quote = quote.ok_or(DropReason::IcmpIgnored)?;
        // Whoever sent the segment is the one who is told of it.
        if quote.source != message.destination {
            return Err(DropReason::IcmpIgnored);
        }
        quote.error(kind).ok_or(DropReason::IcmpIgnored)
    }
}

// RFC 792; RFC 9293 §3.9.2.2 for what the codes mean to TCP.
fn kind_v4(header: [u8; HEADER_BYTES]) -> Result<IcmpKind, DropReason> {
    let [kind, code, _, _, _, _, mtu @ ..] = header;
    Ok(match (kind, code) {
        (3, 0 | 6 | 9 | 11) => IcmpKind::NetUnreachable,
        (3, 1 | 7 | 8 | 10 | 12) => IcmpKind::HostUnreachable,
        (3, 2) => IcmpKind::ProtocolUnreachable,
        (3, 3) => IcmpKind::PortUnreachable,
        (3, 4) => IcmpKind::PacketTooBig(u16::from_be_bytes(mtu)),
        (3, 5) => IcmpKind::SourceRouteFailed,
        (3, 13..=15) => IcmpKind::Prohibited,
        (11, _) => IcmpKind::TimeExceeded,
        (12, _) => IcmpKind::ParameterProblem,
        (3..=5, _) => return Err(DropReason::IcmpIgnored), // MUST-55: 4 is Source Quench
        _ => return Err(DropReason::NotTcp),
    })
}

// RFC 4443 §3
fn kind_v6(header: [u8; HEADER_BYTES]) -> Result<IcmpKind, DropReason> {
    let [kind, code, _, _, mtu @ ..] = header;
    Ok(match (kind, code) {
        (1, 0) => IcmpKind::NetUnreachable,
        (1, 1 | 5 | 6) => IcmpKind::Prohibited,
        (1, 2 | 3) => IcmpKind::HostUnreachable,
        (1, 4) => IcmpKind::PortUnreachable,
        (2, _) => {
            let mtu = u32::from_be_bytes(mtu);
            IcmpKind::PacketTooBig(u16::try_from(mtu).unwrap_or(u16::MAX))
        }
        (3, _) => IcmpKind::TimeExceeded,
        (4, _) => IcmpKind::ParameterProblem,
        // RFC 4443 §2.1: below 128 are errors.
        (0..128, _) => return Err(DropReason::IcmpIgnored),
        _ => return Err(DropReason::NotTcp),
    })
}

/// The packet that an error quotes, as far as it goes.
struct Quote<'a> {
    source: Address,
    destination: Address,
    len: u16,
    tcp: &'a [u8],
}

impl<'a> Quote<'a> {
    // We send neither IP options nor fragments.
    fn v4(quoted: &'a [u8]) -> Option<Self> {
        let (header, tcp) = quoted.split_first_chunk::<20>()?;
        let [
            0x45,
            _,
            len_a,
            len_b,
            _,
            _,
            _,
            _,
            _,
            TCP,
            _,
            _,
            addresses @ ..,
        ] = *header
        else {
            return None;
        };
        let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
        Some(Self {
            source: Address::v4([s0, s1, s2, s3]),
            destination: Address::v4([d0, d1, d2, d3]),
            len: u16::from_be_bytes([len_a, len_b]),
            tcp,
        })
    }

    fn v6(quoted: &'a [u8]) -> Option<Self> {
        let (header, tcp) = quoted.split_first_chunk::<{ icmp::V6_BYTES }>()?;
        let (fixed, addresses) = header.split_at(8);
        let (&[version, _, _, _, len_a, len_b, TCP, _], &[source, destination]) =
            (fixed, addresses.as_chunks::<16>().0)
        else {
            return None;
        };
        let len = u16::from_be_bytes([len_a, len_b]);
        (version >> 4 == 6).then_some(Self {
            source: Address(source),
            destination: Address(destination),
            len: len.saturating_add(icmp::V6_BYTES as u16),
            tcp,
        })
    }

    fn error(&self, kind: IcmpKind) -> Option<IcmpError> {
        let &[a, b, c, d, seq @ ..] = self.tcp.first_chunk::<QUOTED_TCP_BYTES>()?;
        Some(IcmpError {
            tuple: FourTuple {
                local: Endpoint {
                    address: self.source,
                    port: u16::from_be_bytes([a, b]),
                },
                remote: Endpoint {
                    address: self.destination,
                    port: u16::from_be_bytes([c, d]),
                },
            },
            seq: Seq(u32::from_be_bytes(seq)),
            len: self.len,
            kind,
        })
    }
}

#[cfg(test)]
mod tests;
