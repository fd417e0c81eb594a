//! ICMP and `ICMPv6` messages as far as we answer them: the checks that all share, and echo
//! (RFC 792, RFC 4443 §4.1). Neighbour Discovery is `neighbour`.
//!
//! An IPv4 packet with options and packets in fragments are not answered.

use super::Address;
use super::checksum::Sum;
use crate::drop_reason::DropReason;

const ICMP: u8 = 1;
/// The protocol number of `ICMPv6`.
pub(super) const ICMPV6: u8 = 58;

const V4_BYTES: usize = 20;
/// Octets of an IPv6 header.
pub(super) const V6_BYTES: usize = 40;

const ECHO_BYTES: usize = 8;
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

// The bit for more fragments, and the offset.
const FRAGMENT: u16 = 0x3fff;

/// A message whose checksum is right.
pub(super) struct Message<'a> {
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) hop_limit: u8,
    /// Octets of its packet, without padding.
    len: usize,
    pub(super) octets: &'a [u8],
}

/// A request to send the same back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Echo {
    pub(super) source: Address,
    pub(super) destination: Address,
    len: usize,
}

/// The message at the front of an IPv4 packet: `NotTcp` when it carries none.
pub(super) fn parse_v4(packet: &[u8]) -> Result<Message<'_>, DropReason> {
    let Some((header, _)) = packet.split_first_chunk::<V4_BYTES>() else {
        return Err(DropReason::FrameTruncated);
    };
    let &[
        version_ihl,
        _,
        len_a,
        len_b,
        _,
        _,
        fragment_a,
        fragment_b,
        hop_limit,
        protocol,
        _,
        _,
        ref addresses @ ..,
    ] = header;
    let fragment = u16::from_be_bytes([fragment_a, fragment_b]) & FRAGMENT;
    if version_ihl != 0x45 || protocol != ICMP || fragment != 0 {
        return Err(DropReason::NotTcp);
    }
    let &[s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
    let len = usize::from(u16::from_be_bytes([len_a, len_b]));
    let octets = packet
        .get(V4_BYTES..len)
        .ok_or(DropReason::NeighbourMalformed)?;
    if !Sum::default().octets(header).is_good() || !Sum::default().octets(octets).is_good() {
        return Err(DropReason::NeighbourMalformed);
    }
    Ok(Message {
        source: Address::v4([s0, s1, s2, s3]),
        destination: Address::v4([d0, d1, d2, d3]),
        hop_limit,
        len,
        octets,
    })
}

/// The message at the front of an IPv6 packet without extension headers: `NotTcp` when it carries
/// none.
pub(super) fn parse_v6(packet: &[u8]) -> Result<Message<'_>, DropReason> {
    let Some((header, behind)) = packet.split_first_chunk::<V6_BYTES>() else {
        return Err(DropReason::FrameTruncated);
    };
    let (fixed, addresses) = header.split_at(8);
    let (&[version, _, _, _, len_a, len_b, next, hop_limit], &[source, destination]) =
        (fixed, addresses.as_chunks::<16>().0)
    else {
        return Err(DropReason::FrameTruncated);
    };
    if version >> 4 != 6 || next != ICMPV6 {
        return Err(DropReason::NotTcp);
    }
    let len = usize::from(u16::from_be_bytes([len_a, len_b]));
    let octets = behind.get(..len).ok_or(DropReason::NeighbourMalformed)?;
    if !pseudo_header(addresses, len).octets(octets).is_good() {
        return Err(DropReason::NeighbourMalformed);
    }
    let (source, destination) = (Address(source), Address(destination));
    // A mapped IPv4 address would pass for IPv4 here (RFC 4291 §2.5.5.2).
    if source.is_v4() || destination.is_v4() {
        return Err(DropReason::NeighbourMalformed);
    }
    Ok(Message {
        source,
        destination,
        hop_limit,
        len: V6_BYTES + len,
        octets,
    })
}

impl Message<'_> {
    /// It as an echo request: `NotTcp` when it is another message, `NeighbourMalformed` when nobody
    /// could be answered.
    pub(super) fn echo(&self) -> Result<Echo, DropReason> {
        let echo = if self.source.is_v4() { ECHO } else { ECHO_V6 };
        let &[kind, code, ..] = self.octets else {
            return Err(DropReason::NeighbourMalformed);
        };
        if (kind, code) != (echo, 0) {
            return Err(DropReason::NotTcp);
        }
        if self.octets.len() < ECHO_BYTES || !self.source.is_unicast() {
            return Err(DropReason::NeighbourMalformed);
        }
        Ok(Echo {
            source: self.source,
            destination: self.destination,
            len: self.len,
        })
    }
}

impl Echo {
    /// Turns the request into the reply: the same octets, the other way. Returns its length.
    pub(super) fn reply(&self, hop_limit: u8, packet: &mut [u8]) -> Option<usize> {
        let packet = packet.get_mut(..self.len)?;
        if self.source.is_v4() {
            let (header, message) = packet.split_first_chunk_mut::<V4_BYTES>()?;
            header[8] = hop_limit;
            header[10..12].fill(0);
            header[12..16].copy_from_slice(&self.destination.v4_octets());
            header[16..20].copy_from_slice(&self.source.v4_octets());
            let sum = Sum::default().octets(header.as_slice()).checksum();
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            fill(message, ECHO_REPLY, Sum::default())?;
        } else {
            let (header, message) = packet.split_first_chunk_mut::<V6_BYTES>()?;
            header[7] = hop_limit;
            header[8..24].copy_from_slice(&self.destination.0);
            header[24..40].copy_from_slice(&self.source.0);
            let sum = pseudo_header(&header[8..40], message.len());
            fill(message, ECHO_REPLY_V6, sum)?;
        }
        Some(self.len)
    }
}

/// Sets type and checksum of a message; `sum` is that of its pseudo-header.
pub(super) fn fill(message: &mut [u8], kind: u8, sum: Sum) -> Option<()> {
    let [first, _, a, b, ..] = message else {
        return None;
    };
    (*first, *a, *b) = (kind, 0, 0);
    let sum = sum.octets(message).checksum();
    message.get_mut(2..4)?.copy_from_slice(&sum.to_be_bytes());
    Some(())
}

/// RFC 8200 §8.1, of both addresses and a message of `len` octets.
pub(super) fn pseudo_header(addresses: &[u8], len: usize) -> Sum {
    let sum = Sum::default().octets(addresses);
    sum.word(len as u32).word(u32::from(ICMPV6))
}
