//! Headers around text that is already in place.

use super::checksum::Sum;
use super::ethernet::{IPV4, IPV6};
use super::{FourTuple, LinkHeader, SackBlock, Segment, ipv4, ipv6, options, tcp, tcp_options_len};

/// What to write in front of the text of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// The Ethernet header as it shall leave.
    pub link: &'a LinkHeader,
    /// The local end is the source.
    pub tuple: &'a FourTuple,
    /// The segment; `text_len` octets of text are in place.
    pub segment: &'a Segment,
    /// The IPv4 time to live, or the IPv6 hop limit.
    pub hop_limit: u8,
    /// The octet of the IP header that holds DSCP and ECN.
    pub tos: u8,
}

impl Headers<'_> {
    /// Octets of all headers: the offset in the frame at which the text must stand.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of headers, not a container size"
    )]
    #[must_use]
    pub fn len(&self) -> usize {
        self.tcp_at() + self.tcp_header_len()
    }

    /// Writes Ethernet, IP and TCP headers with their options and checksums (MUST-2) to `frame`, in
    /// which `text_len` octets of text already stand at [`Headers::len`]. Returns the length of the
    /// frame.
    ///
    /// `None` when it does not fit into `frame` or into a datagram, or when the two ends are not of
    /// one family; what the headers' room then holds is not said.
    pub fn emit(&self, frame: &mut [u8]) -> Option<usize> {
        let short = if self.segment.ctl.syn {
            self.emit_linux_syn(frame)
        } else {
            self.emit_plain(frame)
        };
        short.or_else(|| self.emit_any(frame))
    }

    /// As [`Headers::emit`], whatever segment it is.
    pub(super) fn emit_any(&self, frame: &mut [u8]) -> Option<usize> {
        self.write(frame, &[])
    }

    /// As [`Headers::emit`], of a segment without text that also tells the peer what arrived ahead
    /// of a hole: as many of the blocks as there is room for, the first of them first.
    pub fn emit_sack(&self, frame: &mut [u8], blocks: &[SackBlock]) -> Option<usize> {
        debug_assert_eq!(self.segment.text_len, 0, "it would stand elsewhere");
        let options_len = tcp_options_len(&self.segment.options, self.segment.ctl);
        self.write(frame, options::fitting(blocks, options_len))
    }

    #[inline]
    fn write(&self, frame: &mut [u8], sack: &[SackBlock]) -> Option<usize> {
        let (local, remote) = (self.tuple.local, self.tuple.remote);
        let is_v4 = local.address.is_v4();
        if is_v4 != remote.address.is_v4() {
            return None;
        }
        let tcp_at = self.tcp_at();
        let text_at = tcp_at + self.tcp_header_len() + options::sack_len(sack);
        let len = text_at.checked_add(self.segment.text_len as usize)?;
        let (headers, text) = frame.get_mut(..len)?.split_at_mut_checked(text_at)?;
        let tcp_len = len.checked_sub(tcp_at)?;

        let rest = Sum::addresses(self.tuple).segment(tcp_len).octets(text);
        let (fixed, options) = tcp::emit(local.port, remote.port, self.segment, sack, rest);
        let behind_ip = if is_v4 {
            self.link.emit(headers, IPV4)?;
            let words = ipv4::emit(self.tuple, self.tos, self.hop_limit, tcp_len)?;
            put(words_behind(headers, self.link.len())?, words)?
        } else {
            self.link.emit(headers, IPV6)?;
            let words = ipv6::emit(self.tos, self.hop_limit, tcp_len)?;
            let addresses = put(words_behind(headers, self.link.len())?, words)?;
            let (source, behind) = addresses.split_first_chunk_mut::<4>()?;
            let (destination, behind) = behind.split_first_chunk_mut::<4>()?;
            source.as_flattened_mut().copy_from_slice(&local.address.0);
            let destination = destination.as_flattened_mut();
            destination.copy_from_slice(&remote.address.0);
            behind
        };
        let room = put(behind_ip, fixed)?;
        // Timestamps alone are the usual: of a copy whose length is known become a few stores.
        if let Ok(timestamps) = <[u32; 3]>::try_from(options.as_slice()) {
            put(room, timestamps)?;
        } else {
            for (four, word) in room.iter_mut().zip(options) {
                *four = word.to_be_bytes();
            }
        }
        Some(len)
    }

    fn tcp_at(&self) -> usize {
        let ip_len = if self.tuple.local.address.is_v4() {
            ipv4::HEADER_BYTES
        } else {
            ipv6::HEADER_BYTES
        };
        self.link.len() + ip_len
    }

    const fn tcp_header_len(&self) -> usize {
        tcp::HEADER_BYTES + tcp_options_len(&self.segment.options, self.segment.ctl)
    }
}

// What stands behind a link header, in words.
#[inline]
fn words_behind(headers: &mut [u8], link_len: usize) -> Option<&mut [[u8; 4]]> {
    let (words, _) = headers.get_mut(link_len..)?.as_chunks_mut();
    Some(words)
}

// Writes words in network order to the front of `room`; returns what is behind them.
#[inline]
pub(super) fn put<const N: usize>(room: &mut [[u8; 4]], words: [u32; N]) -> Option<&mut [[u8; 4]]> {
    let (front, behind) = room.split_first_chunk_mut()?;
    *front = words.map(u32::to_be_bytes);
    Some(behind)
}

#[cfg(test)]
mod tests;
