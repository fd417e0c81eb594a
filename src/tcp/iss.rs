//! Initial sequence numbers (RFC 9293 §3.4.1, RFC 6528).

use crate::time::Instant;
use crate::wire::{FourTuple, Seq};
use siphasher::sip::SipHasher24;

/// ISS = M + F(tuple, secret): M a clock of 4 microseconds (MUST-8), F keyed by a secret that
/// never leaves the machine (MUST-9, SHLD-1).
#[derive(Clone, Debug)]
pub struct IssSource {
    keyed: SipHasher24,
}

impl IssSource {
    /// With a secret of 128 bits, drawn from the operating system at start.
    #[must_use]
    pub fn new(secret: &[u8; 16]) -> Self {
        Self {
            keyed: SipHasher24::new_with_key(secret),
        }
    }

    /// The initial sequence number of a connection that begins at `now`.
    #[must_use]
    pub fn iss(&self, tuple: &FourTuple, now: Instant) -> Seq {
        let m = (now.as_nanos() / 4_000) as u32;
        Seq(m) + self.hash(tuple, 0) as u32
    }

    /// What is added to the timestamp clock of a connection (RFC 7323 §5.4): the same for each
    /// connection between the same ends, so that PAWS and RFC 6191 hold across them.
    #[must_use]
    pub fn timestamp_offset(&self, tuple: &FourTuple) -> u32 {
        let ends = FourTuple {
            local: crate::wire::Endpoint {
                port: 0,
                ..tuple.local
            },
            remote: crate::wire::Endpoint {
                port: 0,
                ..tuple.remote
            },
        };
        self.hash(&ends, 1) as u32
    }

    fn hash(&self, tuple: &FourTuple, domain: u8) -> u64 {
        let mut message = [domain; 37];
        message[..16].copy_from_slice(&tuple.local.address.0);
        message[16..32].copy_from_slice(&tuple.remote.address.0);
        message[32..34].copy_from_slice(&tuple.local.port.to_be_bytes());
        message[34..36].copy_from_slice(&tuple.remote.port.to_be_bytes());
        self.keyed.hash(&message)
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
