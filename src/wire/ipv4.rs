//! IPv4 headers (RFC 791). Fragments are refused, options are skipped (MUST-50).

use super::checksum::{Sum, TCP};
use super::parse::Datagram;
use super::tuple::is_unicast_v4;
use super::{Address, FourTuple};
use crate::drop_reason::DropReason;

/// Octets of the header that we emit.
pub(super) const HEADER_BYTES: usize = 20;

pub(super) const DONT_FRAGMENT: u32 = 0x4000;
// The bit for more fragments, and the offset.
pub(super) const FRAGMENT: u32 = 0x3fff;

/// The datagram at the front of `bytes`; what is behind its total length is padding.
#[inline]
pub(super) fn parse(bytes: &[u8]) -> Result<Datagram<'_>, DropReason> {
    let (words, _) = bytes.as_chunks::<4>();
    let &[first, second, third, source, destination, ..] = words else {
        return Err(DropReason::FrameTruncated);
    };
    let [version_ihl, tos, len @ ..] = first;
    let header_len = usize::from(version_ihl & 0xf) * 4;
    let len = usize::from(u16::from_be_bytes(len));
    if version_ihl >> 4 != 4 || header_len < HEADER_BYTES || len < header_len {
        return Err(DropReason::IpHeader);
    }
    let bytes = bytes.get(..len).ok_or(DropReason::IpHeader)?;
    let (header, payload) = bytes
        .split_at_checked(header_len)
        .ok_or(DropReason::IpHeader)?;
    let addresses = Sum::default().octets(&source).octets(&destination);
    let sum = addresses.octets(&first).octets(&second).octets(&third);
    let options = header.get(HEADER_BYTES..).unwrap_or_default();
    let sum = if options.is_empty() {
        sum
    } else {
        sum.octets(options)
    };
    if !sum.is_good() {
        return Err(DropReason::IpChecksum);
    }
    if u32::from_be_bytes(second) & FRAGMENT != 0 {
        return Err(DropReason::IpFragment);
    }
    let [_, protocol, _, _] = third;
    if protocol != TCP {
        return Err(DropReason::NotTcp);
    }
    if !is_unicast_v4(source) || !is_unicast_v4(destination) {
        return Err(DropReason::AddressInvalid);
    }
    Ok(Datagram {
        source: Address::v4(source),
        destination: Address::v4(destination),
        addresses,
        tos,
        header_len,
        payload,
    })
}

/// The header of a datagram with `payload_len` octets of TCP, in words.
///
/// `None` when that is more than a datagram holds. It is never to be fragmented, and so needs no
/// identification (RFC 6864 §4.1).
#[expect(
    clippy::inline_always,
    reason = "the values are in registers where it is called"
)]
#[inline(always)]
pub(super) fn emit(tuple: &FourTuple, tos: u8, ttl: u8, payload_len: usize) -> Option<[u32; 5]> {
    let len = u16::try_from(HEADER_BYTES + payload_len).ok()?;
    let mut words = [
        0x4500_0000 | u32::from(tos) << 16 | u32::from(len),
        DONT_FRAGMENT,
        u32::from(ttl) << 24 | u32::from(TCP) << 16,
        u32::from_be_bytes(tuple.local.address.v4_octets()),
        u32::from_be_bytes(tuple.remote.address.v4_octets()),
    ];
    let sum = words
        .iter()
        .fold(Sum::default(), |sum, word| sum.word(*word));
    let [_, _, third, ..] = &mut words;
    *third |= u32::from(sum.checksum());
    Some(words)
}
