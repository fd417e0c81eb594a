//! ARP of IPv4 over Ethernet (RFC 826): a request in, a reply out.

use super::Address;
use super::inquiry::is_group;
use crate::drop_reason::DropReason;

/// Octets of a packet.
pub(super) const BYTES: usize = 28;

const ETHERNET: u8 = 1;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// Who asks for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) sender_mac: [u8; 6],
    /// Zero in a probe (RFC 5227 §2.1.1).
    pub(super) sender: [u8; 4],
    pub(super) target: [u8; 4],
}

/// A request; `NotIp` when it is something else, `NeighbourMalformed` when it has no sender.
pub(super) fn parse(packet: &[u8]) -> Result<Request, DropReason> {
    let Some((head, rest)) = packet.split_first_chunk::<8>() else {
        return Err(DropReason::FrameTruncated);
    };
    if *head != header(REQUEST) {
        return Err(DropReason::NotIp);
    }
    let (sender_mac, rest) = take::<6>(rest)?;
    let (sender, rest) = take::<4>(rest)?;
    let (_, rest) = take::<6>(rest)?;
    let (target, _) = take::<4>(rest)?;
    let is_probe = sender == [0; 4];
    if is_group(sender_mac) || !is_probe && !Address::v4(sender).is_unicast() {
        return Err(DropReason::NeighbourMalformed);
    }
    Ok(Request {
        sender_mac,
        sender,
        target,
    })
}

impl Request {
    /// "Swap hardware and protocol fields, putting the local hardware and protocol addresses in
    /// the sender fields."
    pub(super) fn reply(&self, mac: [u8; 6]) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        packet[..8].copy_from_slice(&header(REPLY));
        packet[8..14].copy_from_slice(&mac);
        packet[14..18].copy_from_slice(&self.target);
        packet[18..24].copy_from_slice(&self.sender_mac);
        packet[24..].copy_from_slice(&self.sender);
        packet
    }
}

// Hardware, protocol (an `EtherType`: IPv4), the lengths of their addresses, and the operation.
const fn header(operation: u8) -> [u8; 8] {
    [0, ETHERNET, 8, 0, 6, 4, 0, operation]
}

fn take<const N: usize>(octets: &[u8]) -> Result<([u8; N], &[u8]), DropReason> {
    let (first, rest) = octets
        .split_first_chunk()
        .ok_or(DropReason::FrameTruncated)?;
    Ok((*first, rest))
}
