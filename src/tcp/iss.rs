//! Initial sequence numbers (RFC 9293 §3.4.1, RFC 6528).

use super::siphash::{FromLocal, SipHash, words_of};
use crate::time::Instant;
use crate::wire::{Address, FourTuple, Seq};

// Behind the tuple: what the hash is for.
const ISS: u64 = 0;
const TIMESTAMP_OFFSET: u64 = 1;

const MESSAGE_BYTES: u8 = 37;

/// ISS = M + F(tuple, secret): M a clock of 4 microseconds (MUST-8), F keyed by a secret that
/// never leaves the machine (MUST-9, SHLD-1).
#[derive(Clone)]
pub struct IssSource {
    keyed: SipHash,
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
        Self {
            keyed: SipHash::new(secret),
        }
    }

    /// The initial sequence number of a connection that begins at `now`, and its
    /// [`IssSource::timestamp_offset`].
    #[must_use]
    pub fn numbers(&self, tuple: &FourTuple, now: Instant) -> (Seq, u32) {
        let m = (now.as_nanos() / 4_000) as u32;
        let FourTuple { local, remote } = tuple;
        let ends = FromLocal::new(self.keyed, local.address).to(words_of(remote.address.0));
        let ports = u64::from(local.port.swap_bytes()) | u64::from(remote.port.swap_bytes()) << 16;
        let iss = Seq(m) + ends.finish(ports | ISS << 32, MESSAGE_BYTES) as u32;
        (iss, offset(ends))
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
            local: FromLocal::new(self.keyed, local),
        }
    }
}

/// Timestamp offsets of one of our addresses: the part of the hash that all share is done.
#[derive(Clone, Copy)]
pub struct TimestampOffsets {
    local: FromLocal,
}

impl TimestampOffsets {
    /// The state of the hash behind the local address, as [`Mint::state`](super::cookie::Mint::state).
    #[must_use]
    pub const fn state(&self) -> [u64; 4] {
        self.local.state()
    }

    /// [`IssSource::timestamp_offset`] of connections with `remote`.
    #[inline]
    #[must_use]
    pub const fn with(&self, remote: Address) -> u32 {
        self.with_words(words_of(remote.0))
    }

    #[inline]
    pub(super) const fn with_words(&self, remote: [u64; 2]) -> u32 {
        offset(self.local.to(remote))
    }
}

#[inline]
const fn offset(ends: SipHash) -> u32 {
    ends.finish(TIMESTAMP_OFFSET << 32, MESSAGE_BYTES) as u32
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
        let at = |micros| {
            let (iss, _) = source.numbers(&tuple(1), Instant::ZERO + Duration::from_micros(micros));
            iss
        };
        assert_eq!(at(4) - at(0), 1);
        assert_eq!(at(1_000_000) - at(0), 250_000);
    }

    #[test]
    fn tuples_and_secrets_do_not_share_numbers() {
        let (a, b) = (IssSource::new(&[1; 16]), IssSource::new(&[2; 16]));
        let of = |source: &IssSource, port| source.numbers(&tuple(port), Instant::ZERO);
        assert_ne!(of(&a, 1).0, of(&a, 2).0);
        assert_ne!(of(&a, 1).0, of(&b, 1).0);
        assert_ne!(of(&a, 1).1, of(&b, 1).1);
        assert_eq!(of(&a, 1).1, of(&a, 2).1);
        assert_eq!(of(&a, 1).1, a.timestamp_offset(&tuple(3)));
    }
}
