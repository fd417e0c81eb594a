//! Neighbour Discovery (RFC 4861) as far as others need it to find an address of ours: a
//! Neighbor Solicitation in, a Neighbor Advertisement out. Finding others is the kernel's.

use super::Address;
use super::icmp::{ICMPV6, Message, V6_BYTES, fill, pseudo_header};
use crate::drop_reason::DropReason;

/// The Ethernet address of all nodes (RFC 2464 §7).
pub(super) const ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

const ALL_NODES_ADDRESS: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const HOP_LIMIT: u8 = 255;

const SOLICITATION_BYTES: usize = 24;
const ADVERTISEMENT_BYTES: usize = 32;

/// Who asks for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Solicitation {
    /// Unspecified in a probe.
    pub(super) source: [u8; 16],
    pub(super) target: [u8; 16],
}

/// A solicitation that passes all checks of RFC 4861 §7.1.1; `None` when the message is another.
pub(super) fn parse(message: &Message<'_>) -> Result<Option<Solicitation>, DropReason> {
    const MALFORMED: DropReason = DropReason::NeighbourMalformed;
    let [SOLICITATION, ..] = message.octets else {
        return Ok(None);
    };
    let (head, options) = message.octets.split_first_chunk().ok_or(MALFORMED)?;
    let &[_, code, _, _, _, _, _, _, ref target @ ..]: &[u8; SOLICITATION_BYTES] = head;
    let target = Address(*target);
    if message.hop_limit != HOP_LIMIT || code != 0 || !target.is_unicast() || target.is_v4() {
        return Err(MALFORMED);
    }
    let has_source_link_address = walk(options)?;
    let solicitation = Solicitation {
        source: message.source.0,
        target: target.0,
    };
    let is_valid = if solicitation.is_probe() {
        message.destination == target.solicited_node() && !has_source_link_address
    } else {
        message.source.is_unicast()
    };
    is_valid.then_some(Some(solicitation)).ok_or(MALFORMED)
}

impl Solicitation {
    /// Does somebody ask before it takes the address for itself (RFC 4862 §5.4)?
    pub(super) const fn is_probe(&self) -> bool {
        u128::from_be_bytes(self.source) == 0
    }

    /// The answer (RFC 4861 §7.2.4), as an IPv6 packet: to the source, or to all nodes when that
    /// has no address yet.
    pub(super) fn advertise(&self, mac: [u8; 6]) -> [u8; V6_BYTES + ADVERTISEMENT_BYTES] {
        let (to, flags) = if self.is_probe() {
            (ALL_NODES_ADDRESS, OVERRIDE)
        } else {
            (self.source, SOLICITED | OVERRIDE)
        };
        let mut packet = [0; V6_BYTES + ADVERTISEMENT_BYTES];
        packet[0] = 0x60;
        packet[5] = ADVERTISEMENT_BYTES as u8;
        packet[6] = ICMPV6;
        packet[7] = HOP_LIMIT;
        packet[8..24].copy_from_slice(&self.target);
        packet[24..40].copy_from_slice(&to);
        packet[44] = flags;
        packet[48..64].copy_from_slice(&self.target);
        packet[64..66].copy_from_slice(&[TARGET_LINK_ADDRESS, 1]);
        packet[66..].copy_from_slice(&mac);
        let sum = pseudo_header(&packet[8..40], ADVERTISEMENT_BYTES);
        let filled = fill(&mut packet[V6_BYTES..], ADVERTISEMENT, sum);
        debug_assert!(filled.is_some(), "there is room for a checksum");
        packet
    }
}

// All options have a length and end in the message. Is one of them the sender's Ethernet address?
fn walk(mut options: &[u8]) -> Result<bool, DropReason> {
    let mut has_source_link_address = false;
    while let [kind, rest @ ..] = options {
        let eights = rest.first().copied().unwrap_or(0);
        let len = usize::from(eights) * 8;
        options = options
            .get(len..)
            .filter(|_| len > 0)
            .ok_or(DropReason::NeighbourMalformed)?;
        has_source_link_address |= *kind == SOURCE_LINK_ADDRESS;
    }
    Ok(has_source_link_address)
}
