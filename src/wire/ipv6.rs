//! IPv6 headers and the walk over extension headers (RFC 8200). Fragments are refused.

use super::Address;
use super::checksum::{Sum, TCP};
use super::parse::Datagram;
use crate::drop_reason::DropReason;
use crate::limits::IPV6_EXTENSIONS;

/// Octets of the header that we emit.
pub(super) const HEADER_BYTES: usize = 40;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// The datagram at the front of `bytes`; what is behind its payload length is padding.
pub(super) fn parse(bytes: &[u8]) -> Result<Datagram<'_>, DropReason> {
    let Some((header, behind)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(DropReason::FrameTruncated);
    };
    let (fixed, addresses) = header.split_at(8);
    let (&[a, b, _, _, len_high, len_low, next, _], &[source, destination]) =
        (fixed, addresses.as_chunks::<16>().0)
    else {
        return Err(DropReason::FrameTruncated);
    };
    if a >> 4 != 6 {
        return Err(DropReason::IpHeader);
    }
    // A jumbogram (RFC 2675) says 0 and is then refused for want of a TCP header.
    let len = usize::from(u16::from_be_bytes([len_high, len_low]));
    let payload = behind.get(..len).ok_or(DropReason::IpHeader)?;
    let payload = skip_extensions(next, payload)?;
    if !may_be_an_end(source) || !may_be_an_end(destination) {
        return Err(DropReason::AddressInvalid);
    }
    Ok(Datagram {
        source: Address(source),
        destination: Address(destination),
        addresses: Sum::default().octets(addresses),
        tos: a << 4 | b >> 4,
        header_len: HEADER_BYTES + len - payload.len(),
        payload,
    })
}

/// The first two words of the header of a datagram with `payload_len` octets of TCP; the two
/// addresses follow them. `None` when that is more than a datagram holds. The flow label is 0.
#[inline]
pub(super) fn emit(tos: u8, hop_limit: u8, payload_len: usize) -> Option<[u32; 2]> {
    let len = u16::try_from(payload_len).ok()?;
    Some([
        0x6000_0000 | u32::from(tos) << 20,
        u32::from(len) << 16 | u32::from(TCP) << 8 | u32::from(hop_limit),
    ])
}

// What is left of `payload` behind the extension headers, if that is TCP.
//
// Departs from RFC 8200 §4.2: the options inside are not read, so none of them can have the packet
// refused. Departs from RFC 8200 §4.5: a fragment that is a whole packet is refused like any other.
fn skip_extensions(mut next: u8, mut payload: &[u8]) -> Result<&[u8], DropReason> {
    for walked in 0..=IPV6_EXTENSIONS {
        match next {
            TCP => return Ok(payload),
            FRAGMENT => return Err(DropReason::IpFragment),
            // RFC 8200 §4.1: it stands first or nowhere.
            HOP_BY_HOP if walked > 0 => return Err(DropReason::IpExtensions),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {}
            _ => return Err(DropReason::NotTcp),
        }
        let &[after, eights, _, segments_left, ..] = payload else {
            return Err(DropReason::IpExtensions);
        };
        // RFC 8200 §4.4: with segments left we are a stop on the way, not its end.
        if next == ROUTING && segments_left != 0 {
            return Err(DropReason::IpExtensions);
        }
        let len = 8 + usize::from(eights) * 8;
        payload = payload.get(len..).ok_or(DropReason::IpExtensions)?;
        next = after;
    }
    Err(DropReason::IpExtensions)
}

// MUST-57, MUST-63. A mapped IPv4 address has no business on a wire (RFC 4291 §2.5.5.2), and here
// it would pass for IPv4.
#[inline]
pub(super) fn may_be_an_end(address: [u8; 16]) -> bool {
    let address = Address(address);
    address.is_unicast() && !address.is_v4()
}
