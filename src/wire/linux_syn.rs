//! The SYNs that Linux sends, and the SYN-ACKs that answer them: IP without options or extensions
//! behind Ethernet without tags, and TCP with MSS, SACK-permitted, timestamps and window scale, in
//! that order, or without timestamps.
//!
//! Floods are made of them, so they have a way of their own, with every field at an offset that the
//! compiler knows. It leads to the same end: what is read here [`parse`](super::parse) reads as
//! well, what is written here [`Headers::emit`] writes as well, and whatever is not exactly this is
//! left to those two. Tests hold them together.

use super::checksum::{Sum, TCP};
use super::emit::put;
use super::ethernet::{IPV4, IPV6};
use super::ipv4::FRAGMENT;
use super::options::{MSS, NOP, SACK_PERMITTED, SHIFT_MAX, TIMESTAMPS, WINDOW_SCALE};
use super::tuple::is_unicast_v4;
use super::{
    Address, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Packet, Segment, Seq,
    Timestamps, ipv4, ipv6,
};

pub(super) const LINK_BYTES: usize = 14;
pub(super) const TCP_WORDS: usize = 5;

// Words of an IP header without options or extensions.
pub(super) const V4_WORDS: usize = 5;
pub(super) const V6_WORDS: usize = 10;

// What the words of the options hold beside their values.
const MSS_IS: u32 = u32::from_be_bytes([MSS, 4, 0, 0]);
const SACK: u32 = u32::from_be_bytes([NOP, NOP, SACK_PERMITTED, 2]);
const SACK_AND_TIMESTAMPS: u32 = u32::from_be_bytes([SACK_PERMITTED, 2, TIMESTAMPS, 10]);
const SHIFT_IS: u32 = u32::from_be_bytes([NOP, WINDOW_SCALE, 3, 0]);

/// The packet in a frame that is such a SYN with nothing wrong about it; `None` says nothing.
#[expect(
    clippy::inline_always,
    reason = "once, in the shard's loop: each value goes straight to its place in the packet"
)]
#[inline(always)]
#[must_use]
pub fn parse_linux_syn(frame: &[u8]) -> Option<Packet> {
    let (link, datagram) = frame.split_first_chunk::<LINK_BYTES>()?;
    let (words, _) = datagram.as_chunks();
    let [.., high, low] = *link;
    match u16::from_be_bytes([high, low]) {
        IPV4 => parse_behind::<V4_WORDS>(frame, words),
        IPV6 => parse_behind::<V6_WORDS>(frame, words),
        _ => None,
    }
}

#[expect(clippy::inline_always, reason = "once for each family")]
#[inline(always)]
fn parse_behind<const IP_WORDS: usize>(frame: &[u8], words: &[[u8; 4]]) -> Option<Packet> {
    let (ip, segment) = words.split_first_chunk::<IP_WORDS>()?;
    let (fixed, behind) = segment.split_first_chunk::<TCP_WORDS>()?;
    let [ports, seq, ack, control, up] = fixed.map(u32::from_be_bytes);
    // First: it tells all other segments apart.
    if (control >> 16) as u8 & 0x3f != Ctl::SYN.to_byte() {
        return None;
    }
    let options_len = ((control >> 28) as usize).wrapping_sub(TCP_WORDS);
    let (options, sum) = parse_options(behind.get(..options_len)?)?;
    let tcp_bytes = 4 * (TCP_WORDS + options_len);
    let ip = Ip::parse(ip, tcp_bytes)?;
    let (source_port, destination_port) = ((ports >> 16) as u16, ports as u16);
    let is_sane = source_port != 0 && destination_port != 0 && source_port != destination_port;
    let sum = [ports, seq, ack, control, up]
        .into_iter()
        .fold(ip.addresses.segment(tcp_bytes).and(sum), Sum::word);
    if !is_sane || !sum.is_good() {
        return None;
    }
    let segment = Segment {
        seq: Seq(seq),
        ack: Seq(ack),
        wnd: control as u16,
        up: up as u16,
        ctl: Ctl::SYN,
        text_len: 0,
        options,
    };
    Some(ip.packet(frame, ports, segment, 4 * IP_WORDS + tcp_bytes))
}

// What a header of either family says.
pub(super) struct Ip {
    pub(super) source: Address,
    pub(super) destination: Address,
    /// The sum of the two.
    pub(super) addresses: Sum,
    pub(super) tos: u8,
}

impl Ip {
    /// Octets that a header of either family says there are behind it, when it is one without
    /// options.
    #[inline]
    pub(super) fn len_behind(words: &[[u8; 4]]) -> Option<usize> {
        let [[_, _, total @ ..], [len @ .., _, _], ..] = *words else {
            return None;
        };
        if words.len() == V4_WORDS {
            usize::from(u16::from_be_bytes(total)).checked_sub(4 * V4_WORDS)
        } else {
            Some(u16::from_be_bytes(len).into())
        }
    }

    /// The packet of a frame without VLAN tags, between the two `ports` of its TCP header, whose
    /// text stands behind `headers` octets of IP and TCP.
    #[expect(
        clippy::inline_always,
        reason = "each value goes straight to its place in the packet"
    )]
    #[inline(always)]
    pub(super) fn packet(
        self,
        frame: &[u8],
        ports: u32,
        segment: Segment,
        headers: usize,
    ) -> Packet {
        Packet {
            link: LinkHeader::take(frame, LINK_BYTES),
            tuple: FourTuple {
                local: Endpoint {
                    address: self.destination,
                    port: ports as u16,
                },
                remote: Endpoint {
                    address: self.source,
                    port: (ports >> 16) as u16,
                },
            },
            segment,
            text_at: (LINK_BYTES + headers) as u16,
            tos: self.tos,
        }
    }

    // The header in front of `len` octets of TCP and nothing else.
    #[expect(clippy::inline_always, reason = "once for each family")]
    #[inline(always)]
    pub(super) fn parse(words: &[[u8; 4]], len: usize) -> Option<Self> {
        if let &[first, second, third, source, destination] = words {
            let addresses = Sum::default().four(source).four(destination);
            let sum = addresses.four(first).four(second).four(third);
            let [version_ihl, tos, total @ ..] = first;
            let [_, protocol, ..] = third;
            let is_one = version_ihl == 0x45
                && usize::from(u16::from_be_bytes(total)) == 4 * V4_WORDS + len
                && u32::from_be_bytes(second) & FRAGMENT == 0
                && protocol == TCP
                && is_unicast_v4(source)
                && is_unicast_v4(destination);
            return (is_one && sum.is_good()).then(|| Self {
                source: Address::v4(source),
                destination: Address::v4(destination),
                addresses,
                tos,
            });
        }
        let ([[a, b, ..], second], addresses) = words.split_first_chunk()?;
        let [len_high, len_low, next, _] = *second;
        let is_one = a >> 4 == 6
            && usize::from(u16::from_be_bytes([len_high, len_low])) == len
            && next == TCP;
        let &[source, destination] = addresses.as_flattened().as_chunks().0 else {
            return None;
        };
        let is_one = is_one && ipv6::may_be_an_end(source) && ipv6::may_be_an_end(destination);
        is_one.then(|| Self {
            source: Address(source),
            destination: Address(destination),
            addresses: addresses
                .iter()
                .fold(Sum::default(), |sum, four| sum.four(*four)),
            tos: a << 4 | b >> 4,
        })
    }
}

// The options of a SYN as Linux lays them out, with timestamps or without, and their sum; or MSS
// alone, or none, as those send them who only look who is there.
#[expect(clippy::inline_always, reason = "part of the one above")]
#[inline(always)]
fn parse_options(fours: &[[u8; 4]]) -> Option<(Options, Sum)> {
    let mut options = Options::default();
    let mut sum = Sum::default();
    let mut word = |four: [u8; 4]| {
        sum = sum.four(four);
        u32::from_be_bytes(four)
    };
    if let [first, ..] = fours {
        let mss = word(*first);
        if mss & 0xffff_0000 != MSS_IS {
            return None;
        }
        options.mss = Some(mss as u16);
    }
    match *fours {
        [] | [_] => {}
        [_, sack, shift] => {
            let (sack, shift) = (word(sack), word(shift));
            if sack != SACK || shift & 0xffff_ff00 != SHIFT_IS {
                return None;
            }
            options.sack_permitted = true;
            options.window_scale = Some((shift as u8).min(SHIFT_MAX));
        }
        [_, kinds, val, ecr, shift] => {
            let (kinds, val, ecr, shift) = (word(kinds), word(val), word(ecr), word(shift));
            if kinds != SACK_AND_TIMESTAMPS || shift & 0xffff_ff00 != SHIFT_IS {
                return None;
            }
            options.sack_permitted = true;
            options.timestamps = Some(Timestamps { val, ecr });
            options.window_scale = Some((shift as u8).min(SHIFT_MAX));
        }
        _ => return None,
    }
    Some((options, sum))
}

impl Headers<'_> {
    /// Writes such a segment, or one with no option but its MSS, as [`Headers::emit`] would;
    /// `None`, and nothing written, when it is none.
    #[expect(
        clippy::inline_always,
        reason = "once, in the answer to a SYN: what was made up for it is never put together"
    )]
    #[inline(always)]
    pub fn emit_linux_syn(&self, frame: &mut [u8]) -> Option<usize> {
        let (local, remote) = (self.tuple.local.address, self.tuple.remote.address);
        let is_v4 = local.is_v4();
        let is_one = self.segment.ctl.syn
            && self.segment.text_len == 0
            && self.link.len() == LINK_BYTES
            && remote.is_v4() == is_v4;
        if !is_one {
            return None;
        }
        let options = &self.segment.options;
        let mss = MSS_IS | u32::from(options.mss?);
        match *options {
            Options {
                window_scale: Some(shift),
                sack_permitted: true,
                timestamps: Some(Timestamps { val, ecr }),
                ..
            } => {
                let shift = SHIFT_IS | u32::from(shift.min(SHIFT_MAX));
                self.emit_with(frame, is_v4, [mss, SACK_AND_TIMESTAMPS, val, ecr, shift], 0)
            }
            Options {
                window_scale: None,
                sack_permitted: false,
                timestamps: None,
                ..
            } => self.emit_with(frame, is_v4, [mss], 0),
            _ => None,
        }
    }

    /// With these options in front of the text, which is in place.
    #[expect(clippy::inline_always, reason = "part of the one above")]
    #[inline(always)]
    pub(super) fn emit_with<const OPTIONS: usize>(
        &self,
        frame: &mut [u8],
        is_v4: bool,
        options: [u32; OPTIONS],
        text_len: usize,
    ) -> Option<usize> {
        let len = 4 * (TCP_WORDS + OPTIONS) + text_len;
        if is_v4 {
            let ip = ipv4::emit(self.tuple, self.tos, self.hop_limit, len)?;
            let [.., local, remote] = ip;
            let addresses = Sum::default().word(local).word(remote);
            self.emit_behind(frame, (IPV4, ip, addresses), options, text_len)
        } else {
            let mut ip = [0; V6_WORDS];
            ip[..2].copy_from_slice(&ipv6::emit(self.tos, self.hop_limit, len)?);
            ip[2..6].copy_from_slice(&words_of(self.tuple.local.address));
            ip[6..].copy_from_slice(&words_of(self.tuple.remote.address));
            let addresses = ip[2..].iter().copied().fold(Sum::default(), Sum::word);
            self.emit_behind(frame, (IPV6, ip, addresses), options, text_len)
        }
    }

    #[expect(clippy::inline_always, reason = "part of the one above")]
    #[inline(always)]
    fn emit_behind<const IP_WORDS: usize, const OPTIONS: usize>(
        &self,
        frame: &mut [u8],
        (ethertype, ip, addresses): (u16, [u32; IP_WORDS], Sum),
        options: [u32; OPTIONS],
        text_len: usize,
    ) -> Option<usize> {
        let (segment, ctl, tuple) = (self.segment, self.segment.ctl, self.tuple);
        let header_bytes = 4 * (TCP_WORDS + OPTIONS);
        let text_at = LINK_BYTES + 4 * IP_WORDS + header_bytes;
        let (tcp_bytes, len) = (header_bytes + text_len, text_at + text_len);
        let ports = u32::from(tuple.local.port) << 16 | u32::from(tuple.remote.port);
        let ack = if ctl.ack { segment.ack.0 } else { 0 };
        let up = u32::from(if ctl.urg { segment.up } else { 0 });
        let offset_and_ctl = (header_bytes as u32) << 26 | u32::from(ctl.to_byte()) << 16;
        let control = offset_and_ctl | u32::from(segment.wnd);
        let pseudo_header = addresses.segment(tcp_bytes);
        let fixed = [ports, segment.seq.0, ack, control, up];
        let sum = fixed.into_iter().fold(pseudo_header, Sum::word);
        let sum = options.into_iter().fold(sum, Sum::word);
        let (headers, text) = frame.get_mut(..len)?.split_at_mut_checked(text_at)?;
        let checksum_up = u32::from(sum.octets(text).checksum()) << 16 | up;

        let (link, packet) = headers.split_first_chunk_mut::<LINK_BYTES>()?;
        let (addresses, last) = link.split_last_chunk_mut()?;
        let (destination, source) = addresses.split_first_chunk_mut()?;
        *destination = self.link.destination();
        *source.first_chunk_mut()? = self.link.source();
        *last = ethertype.to_be_bytes();
        let (room, _) = packet.as_chunks_mut();
        let room = put(room, ip)?;
        let room = put(room, [ports, segment.seq.0, ack, control, checksum_up])?;
        put(room, options)?;
        Some(len)
    }
}

// An address in words, as a header holds it.
#[inline]
fn words_of(address: Address) -> [u32; 4] {
    let octets = u128::from_be_bytes(address.0);
    [96, 64, 32, 0].map(|shift| (octets >> shift) as u32)
}

#[cfg(test)]
mod tests;
