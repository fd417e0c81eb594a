//! Ethernet II (RFC 894) with up to two VLAN tags (IEEE 802.1Q).

use crate::drop_reason::DropReason;
use crate::limits::LINK_HEADER_BYTES;

/// The `EtherType` of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// The `EtherType` of ARP.
pub(super) const ARP: u16 = 0x0806;
/// The `EtherType` of IPv6.
pub(super) const IPV6: u16 = 0x86dd;

// A customer's tag and a provider's.
const TAGS: [u16; 2] = [0x8100, 0x88a8];

const TAG_BYTES: usize = 4;
const TAGS_MAX: usize = 2;
const UNTAGGED_BYTES: usize = 14;

const _: () = assert!(UNTAGGED_BYTES + TAGS_MAX * TAG_BYTES == LINK_HEADER_BYTES);

/// The Ethernet header as it came, with its VLAN tags.
///
/// Its `EtherType` is not in it: the address family of the packet that leaves decides that, so
/// [`Headers::emit`](super::Headers::emit) writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkHeader {
    destination: [u8; 6],
    source: [u8; 6],
    tags: [[u8; TAG_BYTES]; TAGS_MAX],
    tags_len: u8,
}

const _: () = assert!(size_of::<LinkHeader>() <= 24);

impl LinkHeader {
    /// The header in front of `frame`, the `EtherType` of what follows it, and where that begins.
    ///
    /// # Errors
    /// `FrameTruncated` and `VlanTooDeep`.
    pub fn parse(frame: &[u8]) -> Result<(Self, u16, usize), DropReason> {
        let (ethertype, len) = Self::measure(frame)?;
        Ok((Self::take(frame, len), ethertype, len))
    }

    /// The `EtherType` of what follows the header, and where that begins.
    #[inline]
    pub(super) fn measure(frame: &[u8]) -> Result<(u16, usize), DropReason> {
        for tags in 0..=TAGS_MAX {
            let behind = UNTAGGED_BYTES + tags * TAG_BYTES;
            let Some([.., high, low]) = frame.get(..behind) else {
                return Err(DropReason::FrameTruncated);
            };
            let ethertype = u16::from_be_bytes([*high, *low]);
            if !TAGS.contains(&ethertype) {
                return Ok((ethertype, behind));
            }
        }
        Err(DropReason::VlanTooDeep)
    }

    /// The header of a frame in which it was measured to be `len` octets long.
    ///
    /// Apart from [`LinkHeader::measure`], so that it is written once, where it is to stay: a copy
    /// of what was just written by smaller pieces is the dearest part of parsing.
    #[inline]
    pub(super) fn take(frame: &[u8], len: usize) -> Self {
        let (destination, rest) = frame.split_first_chunk().unwrap_or((&[0; 6], &[]));
        let (source, rest) = rest.split_first_chunk().unwrap_or((&[0; 6], &[]));
        let count = len.saturating_sub(UNTAGGED_BYTES) / TAG_BYTES;
        let (words, _) = rest.as_chunks();
        let tag = |index: usize| {
            let word = words.get(index).filter(|_| index < count);
            word.copied().unwrap_or_default()
        };
        Self {
            destination: *destination,
            source: *source,
            tags: [tag(0), tag(1)],
            tags_len: count as u8,
        }
    }

    /// A header without tags.
    #[must_use]
    pub const fn new(destination: [u8; 6], source: [u8; 6]) -> Self {
        Self {
            destination,
            source,
            tags: [[0; TAG_BYTES]; TAGS_MAX],
            tags_len: 0,
        }
    }

    /// The header of the answer: addresses swapped, tags kept.
    #[inline]
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            destination: self.source,
            source: self.destination,
            ..*self
        }
    }

    /// Octets of the header: 14, and 4 for each tag.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of a header, not a container size"
    )]
    #[must_use]
    pub const fn len(&self) -> usize {
        UNTAGGED_BYTES + TAG_BYTES * self.tags_len as usize
    }

    /// The address it goes to.
    #[must_use]
    pub const fn destination(&self) -> [u8; 6] {
        self.destination
    }

    /// The address it comes from.
    #[must_use]
    pub const fn source(&self) -> [u8; 6] {
        self.source
    }

    /// The tag control information of each VLAN tag, the outermost first.
    pub fn tags(&self) -> impl Iterator<Item = u16> + '_ {
        let tags = self.tags.iter().take(usize::from(self.tags_len));
        tags.map(|[_, _, tci @ ..]| u16::from_be_bytes(*tci))
    }

    /// Writes the header to the front of `headers`, which has room for at least an IP header more.
    #[inline]
    pub(super) fn emit(&self, headers: &mut [u8], ethertype: u16) -> Option<()> {
        let at = self.len().checked_sub(size_of_val(&ethertype))?;
        let (destination, rest) = headers.split_first_chunk_mut()?;
        let (source, rest) = rest.split_first_chunk_mut()?;
        *destination = self.destination;
        *source = self.source;
        // A copy of constant length: where there is no tag, the IP header overwrites it.
        let tags = rest.first_chunk_mut::<{ TAGS_MAX * TAG_BYTES }>()?;
        tags.copy_from_slice(self.tags.as_flattened());
        *headers.get_mut(at..)?.first_chunk_mut()? = ethertype.to_be_bytes();
        Some(())
    }
}

/// Sends a frame another way: tags and `EtherType` stay as they are.
pub(super) fn turn(frame: &mut [u8], destination: [u8; 6], source: [u8; 6]) -> Option<()> {
    let (to, rest) = frame.split_first_chunk_mut()?;
    (*to, *rest.first_chunk_mut()?) = (destination, source);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const FROM: [u8; 6] = [2, 0, 0, 0, 0, 2];

    fn frame(after_addresses: &[u8]) -> Vec<u8> {
        [&TO, &FROM, after_addresses].concat()
    }

    #[test]
    fn a_header_is_taken_with_up_to_two_tags() {
        // What follows the addresses, the tags, the EtherType, the length.
        let rows: [(&[u8], &[u16], u16, usize); 5] = [
            (&[0x08, 0x00], &[], IPV4, 14),
            (&[0x86, 0xdd, 0xff], &[], IPV6, 14),
            (&[0x81, 0, 0x20, 7, 0x08, 0x00], &[0x2007], IPV4, 18),
            (
                &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd],
                &[7, 8],
                IPV6,
                22,
            ),
            (&[0x08, 0x06], &[], 0x0806, 14),
        ];
        for (octets, tags, ethertype, len) in rows {
            let (header, got, at) = LinkHeader::parse(&frame(octets)).unwrap();
            assert_eq!((got, at, header.len()), (ethertype, len, len));
            assert_eq!((header.destination(), header.source()), (TO, FROM));
            assert_eq!(header.tags().collect::<Vec<_>>(), tags);

            let answer = header.reversed();
            assert_eq!((answer.destination(), answer.source()), (FROM, TO));
            assert_eq!(answer.tags().collect::<Vec<_>>(), tags);
            assert_eq!(answer.reversed(), header);
        }
    }

    #[test]
    fn a_header_that_ends_early_or_goes_on_too_long_is_refused() {
        let tagged = frame(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x08, 0x00]);
        for end in 0..tagged.len() {
            let got = LinkHeader::parse(tagged.get(..end).unwrap());
            assert_eq!(got.unwrap_err(), DropReason::FrameTruncated, "{end} octets");
        }
        let deep = frame(&[0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x08, 0]);
        assert_eq!(
            LinkHeader::parse(&deep).unwrap_err(),
            DropReason::VlanTooDeep
        );
    }

    #[test]
    fn what_is_emitted_is_parsed_again() {
        for ethertype in [IPV4, IPV6] {
            let header = LinkHeader::new(TO, FROM);
            let mut octets = [0xee; 34];
            header.emit(&mut octets, ethertype).unwrap();
            assert_eq!(LinkHeader::parse(&octets), Ok((header, ethertype, 14)));
        }
    }
}
