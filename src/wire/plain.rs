//! The segments of a connection that goes on: IP without options or extensions behind Ethernet
//! without tags, and TCP with timestamps or without options, with ACK and neither SYN, RST nor URG.
//!
//! Nearly all there are, so they have a way of their own, with every field at an offset that the
//! compiler knows. It leads to the same end, as that of `linux_syn` does, and tests hold it to the
//! general one: what is not exactly this is left to that.

use super::checksum::Sum;
use super::ethernet::{IPV4, IPV6};
use super::linux_syn::{Ip, LINK_BYTES, TCP_WORDS, V4_WORDS, V6_WORDS};
use super::options::{NOP, TIMESTAMPS};
use super::{Checksum, Ctl, Headers, Options, Packet, Segment, Seq, Timestamps};

// The first word of timestamps alone (RFC 7323 Appendix A), and how many words they are.
const STAMPS: u32 = u32::from_be_bytes([NOP, NOP, TIMESTAMPS, 10]);
const STAMPS_WORDS: usize = 3;

// The control bits that such a segment may have beside ACK.
const BESIDE_ACK: u8 = 0b00_1001;

/// The packet in a frame that is such a segment with nothing wrong about it; `None` says nothing.
#[expect(
    clippy::inline_always,
    reason = "in front of the general way: each value goes straight to its place"
)]
#[inline(always)]
#[must_use]
pub fn parse_plain(frame: &[u8], checksum: Checksum) -> Option<Packet> {
    let (link, datagram) = frame.split_first_chunk::<LINK_BYTES>()?;
    let [.., high, low] = *link;
    match u16::from_be_bytes([high, low]) {
        IPV4 => parse_behind::<V4_WORDS>(frame, datagram, checksum),
        IPV6 => parse_behind::<V6_WORDS>(frame, datagram, checksum),
        _ => None,
    }
}

#[expect(clippy::inline_always, reason = "once for each family")]
#[inline(always)]
fn parse_behind<const IP_WORDS: usize>(
    frame: &[u8],
    datagram: &[u8],
    checksum: Checksum,
) -> Option<Packet> {
    let (words, _) = datagram.as_chunks();
    let (ip, segment) = words.split_first_chunk::<IP_WORDS>()?;
    let (fixed, behind) = segment.split_first_chunk::<TCP_WORDS>()?;
    let [ports, seq, ack, control, checksum_up] = fixed.map(u32::from_be_bytes);
    let (timestamps, tcp_words) = match control >> 28 {
        5 => (None, TCP_WORDS),
        8 => {
            let [kinds, val, ecr] = behind.first_chunk()?.map(u32::from_be_bytes);
            if kinds != STAMPS {
                return None;
            }
            (Some(Timestamps { val, ecr }), TCP_WORDS + STAMPS_WORDS)
        }
        _ => return None,
    };
    let (header_bytes, tcp_bytes) = (4 * (IP_WORDS + tcp_words), Ip::len_behind(ip)?);
    let text_len = tcp_bytes.checked_sub(4 * tcp_words)?;
    let text = datagram.get(header_bytes..header_bytes + text_len)?;
    let ip = Ip::parse(ip, tcp_bytes)?;
    let ctl = (control >> 16) as u8 & 0x3f;
    let (source_port, destination_port) = ((ports >> 16) as u16, ports as u16);
    let is_sane = ctl & !BESIDE_ACK == Ctl::ACK.to_byte()
        && source_port != 0
        && destination_port != 0
        && source_port != destination_port;
    let pseudo_header = ip.addresses.segment(tcp_bytes);
    let field = (checksum_up >> 16) as u16;
    let is_trusted = checksum == Checksum::TrustPartial && field == pseudo_header.folded();
    let is_good = is_trusted || {
        let sum = [ports, seq, ack, control, checksum_up];
        let sum = sum.into_iter().fold(pseudo_header, Sum::word);
        let stamps = timestamps.map_or(Sum::default(), |it| {
            let words = [STAMPS, it.val, it.ecr];
            words.into_iter().fold(Sum::default(), Sum::word)
        });
        sum.and(stamps).octets(text).is_good()
    };
    if !is_sane || !is_good {
        return None;
    }
    let segment = Segment {
        seq: Seq(seq),
        ack: Seq(ack),
        wnd: control as u16,
        up: checksum_up as u16,
        ctl: Ctl::from_byte(ctl),
        text_len: text_len as u32,
        options: Options {
            timestamps,
            ..Options::default()
        },
    };
    Some(ip.packet(frame, ports, segment, header_bytes))
}

impl Headers<'_> {
    /// Writes such a segment, whose text is in place, as the general way would; `None`, and nothing
    /// written, when it is none.
    #[expect(
        clippy::inline_always,
        reason = "once, in front of the general way: the compiler knows every offset"
    )]
    #[inline(always)]
    pub(super) fn emit_plain(&self, frame: &mut [u8]) -> Option<usize> {
        let Segment {
            ctl,
            text_len,
            ref options,
            ..
        } = *self.segment;
        let (local, remote) = (self.tuple.local.address, self.tuple.remote.address);
        let is_v4 = local.is_v4();
        let is_one = ctl.to_byte() & !BESIDE_ACK == Ctl::ACK.to_byte()
            && self.link.len() == LINK_BYTES
            && remote.is_v4() == is_v4;
        if !is_one {
            return None;
        }
        match options.timestamps {
            Some(Timestamps { val, ecr }) => {
                self.emit_with(frame, is_v4, [STAMPS, val, ecr], text_len as usize)
            }
            None => self.emit_with(frame, is_v4, [], text_len as usize),
        }
    }
}

#[cfg(test)]
mod tests;
