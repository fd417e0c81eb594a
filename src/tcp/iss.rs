//! Initial sequence numbers (RFC 9293 §3.4.1, RFC 6528), and the offsets of timestamp clocks
//! (RFC 7323 §5.4).
//!
//! Both are keyed by one secret. The sequence number is an authenticator of sorts, and is made by
//! SipHash-2-4. An offset proves nothing: it hides how long the machine has been up, so the cheaper
//! SipHash-1-3 makes it, under a key of its own. It is computed for each SYN of a flood, in the XDP
//! program as well (`xdp/cookie.h`). With octets in network order, but the hashes' lowest first:
//!
//! ```text
//! key     = SipHash-2-4(secret, 1 0)[8] SipHash-2-4(secret, 1 1)[8]
//! message = local address[16] remote address[4 or 16]
//! offset  = SipHash-1-3(key, message) mod 2^32
//! ```
//!
//! An IPv4 local address stands in its mapped form (RFC 4291 §2.5.5.2), a remote one as it is.

use super::siphash::{SipHash13, SipHash24, v4_of, words_of};
use crate::time::Instant;
use crate::wire::{Address, FourTuple, Seq};

const ISS_BYTES: u8 = 36;
const OFFSET_BYTES_V4: u8 = 20;
const OFFSET_BYTES_V6: u8 = 32;

// What begins the messages that the key of offsets is made of.
const KEY_OF_OFFSETS: u64 = 1;

/// ISS = M + F(tuple, secret): M a clock of 4 microseconds (MUST-8), F keyed by a secret that
/// never leaves the machine (MUST-9, SHLD-1).
#[derive(Clone)]
pub struct IssSource {
    keyed: SipHash24,
    offsets: SipHash13,
}

impl core::fmt::Debug for IssSource {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IssSource")
    }
}

impl IssSource {
    /// With a secret of 128 bits, drawn from the operating system at start.
    #[must_use]
    pub const fn new(secret: &[u8; 16]) -> Self {
        let keyed = SipHash24::new(secret);
        let front = keyed.finish(KEY_OF_OFFSETS, 2);
        let back = keyed.finish(KEY_OF_OFFSETS | 1 << 8, 2);
        let key = (front as u128 | (back as u128) << 64).to_le_bytes();
        Self {
            keyed,
            offsets: SipHash13::new(&key),
        }
    }

    /// The initial sequence number of a connection that begins at `now`.
    #[must_use]
    pub fn iss(&self, tuple: &FourTuple, now: Instant) -> Seq {
        let m = (now.as_nanos() / 4_000) as u32;
        let FourTuple { local, remote } = tuple;
        let local_words = words_of(local.address.0);
        let ends = self
            .keyed
            .words(local_words)
            .words(words_of(remote.address.0));
        let ports = u64::from(local.port.swap_bytes()) | u64::from(remote.port.swap_bytes()) << 16;
        Seq(m) + ends.finish(ports, ISS_BYTES) as u32
    }

    /// What is added to the timestamp clock of a connection (RFC 7323 §5.4): the same for each
    /// connection between the same ends, so that PAWS and RFC 6191 hold across them.
    #[must_use]
    pub fn timestamp_offset(&self, tuple: &FourTuple) -> u32 {
        let offsets = self.timestamp_offsets(tuple.local.address);
        offsets.with(tuple.remote.address)
    }

    /// The offsets of all connections of one of our addresses.
    #[must_use]
    pub const fn timestamp_offsets(&self, local: Address) -> TimestampOffsets {
        TimestampOffsets {
            state: self.offsets.words(words_of(local.0)),
            is_v4: local.is_v4(),
        }
    }
}

/// Timestamp offsets of one of our addresses: the part of the hash that all share is done.
#[derive(Clone, Copy)]
pub struct TimestampOffsets {
    state: SipHash13,
    is_v4: bool,
}

impl TimestampOffsets {
    /// The state of the hash behind the local address, as
    /// [`Mint::state`](super::cookie::Mint::state).
    #[must_use]
    pub const fn state(&self) -> [u64; 4] {
        self.state.state()
    }

    /// [`IssSource::timestamp_offset`] of connections with `remote`.
    #[inline]
    #[must_use]
    pub const fn with(&self, remote: Address) -> u32 {
        self.with_words(words_of(remote.0))
    }

    #[expect(
        clippy::inline_always,
        reason = "where it is part of a loop over lanes, a call would keep it out of vectors"
    )]
    #[inline(always)]
    pub(super) const fn with_words(&self, remote: [u64; 2]) -> u32 {
        let hash = if self.is_v4 {
            self.state.finish(v4_of(remote), OFFSET_BYTES_V4)
        } else {
            self.state.words(remote).finish(0, OFFSET_BYTES_V6)
        };
        hash as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn tuple(port: u16) -> FourTuple {
        let mut tuple = FourTuple::default();
        tuple.remote.port = port;
        tuple
    }

    #[test]
    fn the_clock_ticks_every_four_microseconds() {
        let source = IssSource::new(&[7; 16]);
        let at = |micros| source.iss(&tuple(1), Instant::ZERO + Duration::from_micros(micros));
        assert_eq!(at(4) - at(0), 1);
        assert_eq!(at(1_000_000) - at(0), 250_000);
    }

    #[test]
    fn tuples_and_secrets_do_not_share_numbers() {
        let (a, b) = (IssSource::new(&[1; 16]), IssSource::new(&[2; 16]));
        assert_ne!(
            a.iss(&tuple(1), Instant::ZERO),
            a.iss(&tuple(2), Instant::ZERO)
        );
        assert_ne!(
            a.iss(&tuple(1), Instant::ZERO),
            b.iss(&tuple(1), Instant::ZERO)
        );
        assert_eq!(a.timestamp_offset(&tuple(1)), a.timestamp_offset(&tuple(2)));
    }
}
