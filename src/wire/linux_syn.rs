//! The SYN that Linux sends, and the SYN-ACK that answers it: IPv4 without options behind Ethernet
//! without tags, and TCP with MSS, SACK-permitted, timestamps and window scale, in that order.
//!
//! Floods are made of it, so it has a way of its own, with every field at an offset that the
//! compiler knows. It leads to the same end: what is read here [`parse`](super::parse) reads as
//! well, what is written here [`Headers::emit`] writes as well, and whatever is not exactly this is
//! left to those two. Tests hold them together.

use super::checksum::{Sum, TCP};
use super::ethernet::IPV4;
use super::ipv4::{DONT_FRAGMENT, FRAGMENT};
use super::options::{MSS, NOP, SACK_PERMITTED, SHIFT_MAX, TIMESTAMPS, WINDOW_SCALE};
use super::{
    Address, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Packet, Segment, Seq,
    Timestamps,
};

const LINK_BYTES: usize = 14;
const TCP_BYTES: usize = 40;
const IP_BYTES: usize = 20 + TCP_BYTES;
const FRAME_BYTES: usize = LINK_BYTES + IP_BYTES;

// Version and header length of IP; data offset of TCP; both above a half that is not fixed.
const VERSION_IHL: u32 = 0x45 << 24;
const DATA_OFFSET: u32 = 0xa << 28;

// What the words of the options hold beside their values.
const MSS_IS: u32 = u32::from_be_bytes([MSS, 4, 0, 0]);
const SACK_AND_TIMESTAMPS: u32 = u32::from_be_bytes([SACK_PERMITTED, 2, TIMESTAMPS, 10]);
const SHIFT_IS: u32 = u32::from_be_bytes([NOP, WINDOW_SCALE, 3, 0]);

/// The packet in a frame that is such a SYN with nothing wrong about it; `None` says nothing.
#[expect(
    clippy::inline_always,
    reason = "once, in the shard's loop: each value goes straight to its place in the packet"
)]
#[inline(always)]
pub fn parse_linux_syn(frame: &[u8]) -> Option<Packet> {
    let frame: &[u8; FRAME_BYTES] = frame.first_chunk()?;
    let (link, packet) = frame.split_at(LINK_BYTES);
    let (words, _) = packet.as_chunks::<4>();
    let words: [u32; IP_BYTES / 4] = words.first_chunk()?.map(u32::from_be_bytes);
    let [
        first,
        fragment,
        protocol,
        source,
        destination,
        ports,
        seq,
        ack,
        control,
        up,
        mss,
        sack_and_timestamps,
        val,
        ecr,
        shift,
    ] = words;
    let ethertype = link.last_chunk().copied().map(u16::from_be_bytes)?;
    let ctl_and_offset = control & (DATA_OFFSET | 0xf << 28 | 0x3f << 16);
    let (source_port, destination_port) = ((ports >> 16) as u16, ports as u16);
    let is_one = ethertype == IPV4
        && first & 0xff00_ffff == VERSION_IHL | IP_BYTES as u32
        && fragment & FRAGMENT == 0
        && protocol >> 16 & 0xff == u32::from(TCP)
        && ctl_and_offset == DATA_OFFSET | u32::from(Ctl::SYN.to_byte()) << 16
        && mss & 0xffff_0000 == MSS_IS
        && sack_and_timestamps == SACK_AND_TIMESTAMPS
        && shift & 0xffff_ff00 == SHIFT_IS;
    let (source, destination) = (source.to_be_bytes(), destination.to_be_bytes());
    let (source, destination) = (Address::v4(source), Address::v4(destination));
    let is_sane = source_port != 0
        && destination_port != 0
        && source_port != destination_port
        && source.is_unicast()
        && destination.is_unicast();
    if !is_one || !is_sane || !sums_are_good(&words) {
        return None;
    }
    Some(Packet {
        link: LinkHeader::take(frame, LINK_BYTES),
        tuple: FourTuple {
            local: Endpoint {
                address: destination,
                port: destination_port,
            },
            remote: Endpoint {
                address: source,
                port: source_port,
            },
        },
        segment: Segment {
            seq: Seq(seq),
            ack: Seq(ack),
            wnd: control as u16,
            up: up as u16,
            ctl: Ctl::SYN,
            text_len: 0,
            options: Options {
                mss: Some(mss as u16),
                window_scale: Some((shift as u8).min(SHIFT_MAX)),
                sack_permitted: true,
                timestamps: Some(Timestamps { val, ecr }),
            },
        },
        text_at: FRAME_BYTES as u16,
        tos: (first >> 16) as u8,
    })
}

impl Headers<'_> {
    /// Writes such a segment as [`Headers::emit`] would; `None`, and nothing written, when it is
    /// none.
    #[expect(
        clippy::inline_always,
        reason = "once, in the answer to a SYN: what was made up for it is never put together"
    )]
    #[inline(always)]
    pub fn emit_linux_syn(&self, frame: &mut [u8]) -> Option<usize> {
        let (segment, ctl) = (self.segment, self.segment.ctl);
        let &Options {
            mss: Some(mss),
            window_scale: Some(shift),
            sack_permitted: true,
            timestamps: Some(Timestamps { val, ecr }),
        } = &segment.options
        else {
            return None;
        };
        let (local, remote) = (self.tuple.local, self.tuple.remote);
        let is_one = ctl.syn
            && segment.text_len == 0
            && self.link.len() == LINK_BYTES
            && local.address.is_v4()
            && remote.address.is_v4();
        if !is_one {
            return None;
        }
        let frame: &mut [u8; FRAME_BYTES] = frame.first_chunk_mut()?;
        let ack = if ctl.ack { segment.ack.0 } else { 0 };
        let up = u32::from(if ctl.urg { segment.up } else { 0 });
        let mut words: [u32; IP_BYTES / 4] = [
            VERSION_IHL | u32::from(self.tos) << 16 | IP_BYTES as u32,
            DONT_FRAGMENT,
            u32::from(self.hop_limit) << 24 | u32::from(TCP) << 16,
            u32::from_be_bytes(local.address.v4_octets()),
            u32::from_be_bytes(remote.address.v4_octets()),
            u32::from(local.port) << 16 | u32::from(remote.port),
            segment.seq.0,
            ack,
            DATA_OFFSET | u32::from(ctl.to_byte()) << 16 | u32::from(segment.wnd),
            up,
            MSS_IS | u32::from(mss),
            SACK_AND_TIMESTAMPS,
            val,
            ecr,
            SHIFT_IS | u32::from(shift.min(SHIFT_MAX)),
        ];
        let (ip, tcp) = sums(&words);
        let [_, _, protocol, _, _, _, _, _, _, urgent, ..] = &mut words;
        *protocol |= u32::from(ip.checksum());
        *urgent |= u32::from(tcp.checksum()) << 16;
        let (link, packet) = frame.split_at_mut(LINK_BYTES);
        let (addresses, ethertype) = link.split_last_chunk_mut()?;
        let (destination, source) = addresses.split_first_chunk_mut()?;
        *destination = self.link.destination();
        *source.first_chunk_mut()? = self.link.source();
        *ethertype = IPV4.to_be_bytes();
        let (fours, _) = packet.as_chunks_mut::<4>();
        *fours.first_chunk_mut()? = words.map(u32::to_be_bytes);
        Some(FRAME_BYTES)
    }
}

#[inline]
fn sums_are_good(words: &[u32; IP_BYTES / 4]) -> bool {
    let (ip, tcp) = sums(words);
    ip.is_good() && tcp.is_good()
}

// Of the IP header, and of the segment with its pseudo-header.
#[expect(
    clippy::inline_always,
    reason = "the words are in registers where it is called"
)]
#[inline(always)]
fn sums(words: &[u32; IP_BYTES / 4]) -> (Sum, Sum) {
    let [first, second, third, source, destination, segment @ ..] = words;
    let addresses = Sum::default().word(*source).word(*destination);
    let ip = addresses.word(*first).word(*second).word(*third);
    let pseudo_header = addresses.segment(TCP_BYTES);
    (
        ip,
        segment
            .iter()
            .fold(pseudo_header, |sum, word| sum.word(*word)),
    )
}

#[cfg(test)]
mod tests;
