//! The TCP header (RFC 9293 §3.1).

use super::checksum::Sum;
use super::{Ctl, SackBlock, Segment, Seq, options};
use crate::drop_reason::DropReason;
use arrayvec::ArrayVec;

/// Octets of the header without options.
pub(super) const HEADER_BYTES: usize = 20;

/// A header whose length is true. Neither its checksum nor anything else was looked at.
pub(super) struct Header<'a> {
    fixed: [u32; HEADER_BYTES / 4],
    options: &'a [u8],
}

/// The header at the front of a segment.
#[inline]
pub(super) fn parse(segment: &[u8]) -> Result<Header<'_>, DropReason> {
    let (words, _) = segment.as_chunks();
    let fixed = words.first_chunk().ok_or(DropReason::TcpHeader)?;
    let fixed = fixed.map(u32::from_be_bytes);
    let [_, _, _, control, _] = fixed;
    let len = (control >> 28) as usize * 4;
    let options = segment
        .get(HEADER_BYTES..len)
        .ok_or(DropReason::TcpHeader)?;
    Ok(Header { fixed, options })
}

impl Header<'_> {
    /// Octets of the header.
    pub(super) const fn len(&self) -> usize {
        HEADER_BYTES + self.options.len()
    }

    pub(super) const fn source_port(&self) -> u16 {
        let [ports, ..] = self.fixed;
        (ports >> 16) as u16
    }

    pub(super) const fn destination_port(&self) -> u16 {
        let [ports, ..] = self.fixed;
        ports as u16
    }

    pub(super) const fn checksum(&self) -> u16 {
        let [.., checksum_up] = self.fixed;
        (checksum_up >> 16) as u16
    }

    /// The values of the header, for a segment with `text_len` octets of text.
    #[expect(
        clippy::inline_always,
        reason = "each value goes straight to its place in the packet"
    )]
    #[inline(always)]
    pub(super) fn segment(&self, text_len: u32) -> Result<Segment, DropReason> {
        let [_, seq, ack, control, checksum_up] = self.fixed;
        let ctl = Ctl::from_byte((control >> 16) as u8);
        Ok(Segment {
            seq: Seq(seq),
            ack: Seq(ack),
            wnd: control as u16,
            up: checksum_up as u16,
            ctl,
            text_len,
            options: options::parse(self.options, ctl)?,
        })
    }
}

/// The header of `segment` in words: the fixed part, its checksum included, and the options.
/// `rest` is the sum of the pseudo-header and the text. Fields whose control bit is off are zero.
#[inline]
pub(super) fn emit(
    source_port: u16,
    destination_port: u16,
    segment: &Segment,
    sack: &[SackBlock],
    rest: Sum,
) -> ([u32; 5], ArrayVec<u32, { options::WORDS_MAX }>) {
    let ctl = segment.ctl;
    let mut options = options::emit(&segment.options, ctl);
    options::emit_sack(sack, &mut options);
    let len = HEADER_BYTES / 4 + options.len();
    let ports = u32::from(source_port) << 16 | u32::from(destination_port);
    let seq = segment.seq.0;
    let ack = if ctl.ack { segment.ack.0 } else { 0 };
    let up = u32::from(if ctl.urg { segment.up } else { 0 });
    let control = (len as u32) << 28 | u32::from(ctl.to_byte()) << 16 | u32::from(segment.wnd);
    let sum = [ports, seq, ack, control, up]
        .into_iter()
        .fold(rest, Sum::word);
    let sum = options.iter().copied().fold(sum, Sum::word);
    let checksum_up = u32::from(sum.checksum()) << 16 | up;
    ([ports, seq, ack, control, checksum_up], options)
}
