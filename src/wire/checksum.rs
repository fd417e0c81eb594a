//! The Internet checksum (RFC 1071), and the pseudo-header that TCP's covers (RFC 9293 §3.1,
//! RFC 8200 §8.1).

use super::FourTuple;

/// The IP protocol number of TCP.
pub(super) const TCP: u8 = 6;

/// A running one's complement sum of 16-bit words, not folded yet.
///
/// Kept in the order of memory: RFC 1071 §2 (B), words summed in the machine's order and the sum
/// swapped are the same sum. It overflows only past 2^32 words, and a frame has none so many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// The two addresses of a pseudo-header, in either order.
    ///
    /// One for both families: the `ffff` before a mapped IPv4 address is the other zero of one's
    /// complement, so sixteen octets of it sum up to what the four do.
    #[inline]
    pub(super) fn addresses(tuple: &FourTuple) -> Self {
        let sum = Self::default().octets(&tuple.local.address.0);
        sum.octets(&tuple.remote.address.0)
    }

    /// Adds the rest of the pseudo-header of a TCP segment of `len` octets.
    #[inline]
    pub(super) const fn segment(self, len: usize) -> Self {
        self.word(len as u32).word(TCP as u32)
    }

    /// Adds two 16-bit words as one of 32 bits, in host order.
    #[inline]
    pub(super) const fn word(self, word: u32) -> Self {
        Self(self.0 + word.to_be() as u64)
    }

    /// Adds four octets as they stand in the packet.
    #[inline]
    pub(super) const fn four(self, four: [u8; 4]) -> Self {
        Self(self.0 + u32::from_ne_bytes(four) as u64)
    }

    /// Adds another sum.
    #[inline]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Adds octets as they stand in the packet. Only the last octets added may be odd in number.
    #[inline]
    pub(super) fn octets(self, octets: &[u8]) -> Self {
        Self(self.0 + sum_native(octets))
    }

    /// The sum in 16 bits. Zero only if nothing but zeros was added.
    #[inline]
    pub(super) const fn folded(self) -> u16 {
        u16::from_be(fold(self.0))
    }

    /// What a checksum field must hold so that the whole sums up to all ones.
    #[inline]
    pub(super) const fn checksum(self) -> u16 {
        !self.folded()
    }

    /// Is the checksum field that was summed with the rest right?
    #[inline]
    pub(super) const fn is_good(self) -> bool {
        self.folded() == 0xffff
    }
}

const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff); // less than 2^18
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    sum as u16
}

// Halves of 32 bits in sums of 64: no carry to look after, and the compiler makes vectors of it.
#[inline]
fn sum_native(octets: &[u8]) -> u64 {
    let (chunks, rest) = octets.as_chunks::<8>();
    let mut sum = 0;
    for chunk in chunks {
        let both = u64::from_ne_bytes(*chunk);
        sum += (both & 0xffff_ffff) + (both >> 32);
    }
    let (fours, rest) = rest.as_chunks::<4>();
    for four in fours {
        sum += u64::from(u32::from_ne_bytes(*four));
    }
    let (twos, rest) = rest.as_chunks::<2>();
    for two in twos {
        sum += u64::from(u16::from_ne_bytes(*two));
    }
    if let [last] = rest {
        sum += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Address, Endpoint};
    use core::net::IpAddr;
    use proptest::prelude::*;

    #[test]
    fn known_sums_come_out() {
        // The first is RFC 1071 §3's own example, the last a whole IPv4 header less its checksum.
        let rows: [(&[u8], u16); 6] = [
            (&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], 0xddf2),
            (&[], 0),
            (&[0xab], 0xab00),
            (&[0xff, 0xff, 0, 1], 1),
            (&[0xff; 64], 0xffff),
            (
                &[
                    0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xc0, 0xa8, 0x00,
                    0x01, 0xc0, 0xa8, 0x00, 0xc7,
                ],
                !0xb861,
            ),
        ];
        for (octets, sum) in rows {
            assert_eq!(Sum::default().octets(octets).folded(), sum, "{octets:02x?}");
        }
    }

    #[test]
    fn one_pseudo_header_serves_both_families() {
        let rows = [
            ("192.0.2.1", "198.51.100.2", 20),
            ("0.0.0.1", "0.0.0.2", 40),
            ("255.255.255.255", "255.255.255.255", 20),
            ("2001:db8::1", "2001:db8::2", 20),
        ];
        for (local, remote, tcp_len) in rows {
            let end = |text: &str| Endpoint {
                address: text.parse::<IpAddr>().unwrap().into(),
                port: 0,
            };
            let tuple = FourTuple {
                local: end(local),
                remote: end(remote),
            };
            // Word for word, as RFC 9293 §3.1 and RFC 8200 §8.1 draw it.
            let octets = |address: Address| match address.to_ip() {
                IpAddr::V4(v4) => v4.octets().to_vec(),
                IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            let mut drawn = octets(tuple.local.address);
            drawn.extend(octets(tuple.remote.address));
            drawn.extend([0, 0, 0, tcp_len, 0, 0, 0, TCP]);
            assert_eq!(
                Sum::addresses(&tuple).segment(tcp_len.into()).folded(),
                plain(&drawn)
            );
        }
    }

    proptest! {
        #[test]
        fn summing_by_eights_is_summing_by_words(
            octets in prop::collection::vec(any::<u8>(), 0..1600),
            half in 0..800usize,
        ) {
            let want = plain(&octets);
            prop_assert_eq!(Sum::default().octets(&octets).folded(), want);
            let (front, back) = octets.split_at((half * 2).min(octets.len()));
            let split = Sum::default().octets(front).octets(back);
            prop_assert_eq!(split.folded(), want);
        }
    }

    // RFC 1071 §4.1, as it is printed.
    fn plain(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        }
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}
