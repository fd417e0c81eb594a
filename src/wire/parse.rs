//! A frame to a [`Packet`], or the reason why not. Each check has one reason, and the first that
//! fails is the one that is counted: Ethernet, IP, then TCP.

use super::checksum::Sum;
use super::ethernet::{IPV4, IPV6};
use super::plain::parse_plain;
use super::{Address, Endpoint, FourTuple, LinkHeader, Segment, ipv4, ipv6, tcp};
use crate::drop_reason::DropReason;

/// What the TCP checksum of an arriving segment may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Right (MUST-3).
    Verify,
    /// Right, or only the folded sum of the pseudo-header: what a Linux peer leaves there when the
    /// link is virtual and it expects hardware behind it to do the rest (`CHECKSUM_PARTIAL`).
    ///
    /// Departs from RFC 9293 §3.1: such a segment is not protected at all, which is as good as the
    /// memory that it was copied through. Never for a link that is a wire.
    TrustPartial,
}

/// A parsed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its Ethernet header.
    pub link: LinkHeader,
    /// Seen from this side: the destination is local.
    pub tuple: FourTuple,
    /// The segment.
    pub segment: Segment,
    /// Offset of the text in the frame, in octets.
    pub text_at: u16,
    /// The octet of the IP header that holds DSCP and ECN (RFC 2474 §3, RFC 3168 §5).
    pub tos: u8,
}

impl Packet {
    /// The text, in the frame that this was parsed from; empty in one that is too short.
    #[must_use]
    pub fn text<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let at = usize::from(self.text_at);
        let end = at + self.segment.text_len as usize;
        frame.get(at..end).unwrap_or_default()
    }
}

/// A datagram of either family that carries TCP.
pub(super) struct Datagram<'a> {
    pub(super) source: Address,
    pub(super) destination: Address,
    /// The sum of the two.
    pub(super) addresses: Sum,
    pub(super) tos: u8,
    /// Octets of the header and its extensions.
    pub(super) header_len: usize,
    pub(super) payload: &'a [u8],
}

/// Parses a frame. Padding behind the IP packet is ignored.
///
/// # Errors
/// The first of the checks that it fails, in this order: `FrameTruncated`, `VlanTooDeep`, `NotIp`,
/// `IpHeader`, `IpChecksum`, `IpFragment`, `IpExtensions`, `NotTcp`, `AddressInvalid`, `TcpHeader`,
/// `Land`, `TcpChecksum`, `TcpOptions`, `PortZero`. Any mix of control bits is a segment: what each
/// means is its state's to say (RFC 9293 §3.10.7).
pub fn parse(frame: &[u8], checksum: Checksum) -> Result<Packet, DropReason> {
    match parse_plain(frame, checksum) {
        Some(packet) => Ok(packet),
        None => parse_any(frame, checksum),
    }
}

/// As [`parse`], for what is likely none of those that have a way of their own
/// ([`parse_plain`], [`parse_linux_syn`](super::parse_linux_syn)), and for all others too.
///
/// # Errors
/// Those of [`parse`].
pub fn parse_any(frame: &[u8], checksum: Checksum) -> Result<Packet, DropReason> {
    let (ethertype, link_len) = LinkHeader::measure(frame)?;
    let bytes = frame.get(link_len..).unwrap_or_default();
    match ethertype {
        IPV4 => parse_tcp(frame, link_len, &ipv4::parse(bytes)?, checksum),
        IPV6 => parse_tcp(frame, link_len, &ipv6::parse(bytes)?, checksum),
        _ => Err(DropReason::NotIp),
    }
}

#[expect(
    clippy::inline_always,
    reason = "once for each family: what was read of the datagram stays in registers"
)]
#[inline(always)]
fn parse_tcp(
    frame: &[u8],
    link_len: usize,
    datagram: &Datagram<'_>,
    checksum: Checksum,
) -> Result<Packet, DropReason> {
    let header = tcp::parse(datagram.payload)?;
    let tuple = FourTuple {
        local: Endpoint {
            address: datagram.destination,
            port: header.destination_port(),
        },
        remote: Endpoint {
            address: datagram.source,
            port: header.source_port(),
        },
    };
    // The ports first: most frames need no comparison of addresses.
    if header.source_port() == header.destination_port() && datagram.source == datagram.destination
    {
        return Err(DropReason::Land);
    }
    check_checksum(checksum, header.checksum(), datagram)?;
    let text_len = datagram.payload.len() - header.len();
    let segment = header.segment(text_len as u32)?;
    if header.source_port() == 0 || header.destination_port() == 0 {
        return Err(DropReason::PortZero);
    }
    // More than 16 bits only behind extension headers that no frame of our ports has room for.
    let text_at = link_len + datagram.header_len + header.len();
    let text_at = u16::try_from(text_at).map_err(|_| DropReason::IpExtensions)?;
    Ok(Packet {
        link: LinkHeader::take(frame, link_len),
        tuple,
        segment,
        text_at,
        tos: datagram.tos,
    })
}

#[inline]
fn check_checksum(
    checksum: Checksum,
    field: u16,
    datagram: &Datagram<'_>,
) -> Result<(), DropReason> {
    let pseudo_header = datagram.addresses.segment(datagram.payload.len());
    if checksum == Checksum::TrustPartial && field == pseudo_header.folded() {
        return Ok(());
    }
    if pseudo_header.octets(datagram.payload).is_good() {
        Ok(())
    } else {
        Err(DropReason::TcpChecksum)
    }
}

#[cfg(test)]
mod tests;
