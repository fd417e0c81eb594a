//! What is asked of an address that nobody but us holds: ARP (RFC 826), Neighbor Solicitations
//! (RFC 4861 §4.3) and pings (RFC 792, RFC 4443 §4.1). Each is answered in the frame that brought
//! it. Which addresses are answered for is known in `shard`.

use super::ethernet::{ARP, IPV4, IPV6, LinkHeader, turn};
use super::{Address, arp, icmp, neighbour};
use crate::drop_reason::DropReason;

/// A question that a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Offset of what follows the Ethernet header.
    at: usize,
    /// The Ethernet address that it came from.
    from: [u8; 6],
    question: Question,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Arp(arp::Request),
    Solicitation(neighbour::Solicitation),
    Echo(icmp::Echo),
}

impl Inquiry {
    /// The question in a frame that [`parse`](super::parse) refused as `NotIp` or `NotTcp`.
    ///
    /// # Errors
    /// `NotIp` and `NotTcp` when it is none of these questions, `NeighbourMalformed` when it is one
    /// that may not be answered; and what is wrong with the Ethernet header.
    pub fn parse(frame: &[u8]) -> Result<Self, DropReason> {
        let (ethertype, at) = LinkHeader::measure(frame)?;
        let from = LinkHeader::take(frame, at).source();
        if is_group(from) {
            return Err(DropReason::NeighbourMalformed);
        }
        let packet = frame.get(at..).unwrap_or_default();
        let question = match ethertype {
            ARP => Question::Arp(arp::parse(packet)?),
            IPV4 => Question::Echo(icmp::parse_v4(packet)?.echo()?),
            IPV6 => {
                let message = icmp::parse_v6(packet)?;
                match neighbour::parse(&message)? {
                    Some(solicitation) => Question::Solicitation(solicitation),
                    None => Question::Echo(message.echo()?),
                }
            }
            _ => return Err(DropReason::NotIp),
        };
        Ok(Self { at, from, question })
    }

    /// The address that is asked for.
    #[must_use]
    pub const fn about(&self) -> Address {
        match &self.question {
            Question::Arp(request) => Address::v4(request.target),
            Question::Solicitation(solicitation) => Address(solicitation.target),
            Question::Echo(echo) => echo.destination,
        }
    }

    /// Is it a ping?
    #[must_use]
    pub const fn is_echo(&self) -> bool {
        matches!(self.question, Question::Echo(_))
    }

    /// Does the sender call the address its own? An announcement (RFC 5227 §2.3) or a forgery, but
    /// no question.
    #[must_use]
    pub fn is_claim(&self) -> bool {
        match &self.question {
            Question::Arp(request) => request.sender == request.target,
            Question::Solicitation(solicitation) => solicitation.source == solicitation.target,
            Question::Echo(echo) => echo.source == echo.destination,
        }
    }

    /// Turns the frame that this was parsed from into the answer; `frame` is all the room that it
    /// has. `mac` is the Ethernet address of the interface that it came by, `hop_limit` the time to
    /// live of an echo reply. Returns the length of the answer, `None` when there is no room.
    pub fn answer(&self, mac: [u8; 6], hop_limit: u8, frame: &mut [u8]) -> Option<usize> {
        let to = match &self.question {
            Question::Arp(request) => request.sender_mac,
            Question::Solicitation(solicitation) if solicitation.is_probe() => neighbour::ALL_NODES,
            Question::Solicitation(_) | Question::Echo(_) => self.from,
        };
        turn(frame, to, mac)?;
        let packet = frame.get_mut(self.at..)?;
        let len = match &self.question {
            Question::Arp(request) => put(packet, &request.reply(mac))?,
            Question::Solicitation(solicitation) => put(packet, &solicitation.advertise(mac))?,
            Question::Echo(echo) => echo.reply(hop_limit, packet)?,
        };
        Some(self.at + len)
    }
}

/// Is it the address of a group, or of nobody? Nobody sends from one.
pub(super) const fn is_group(mac: [u8; 6]) -> bool {
    mac[0] & 1 != 0 || matches!(mac, [0, 0, 0, 0, 0, 0])
}

fn put(packet: &mut [u8], octets: &[u8]) -> Option<usize> {
    packet.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(octets.len())
}

#[cfg(test)]
mod tests;
