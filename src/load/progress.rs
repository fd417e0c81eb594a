//! How far a connection is, in the two words that its service has.
//!
//! | bits | what |
//! |---|---|
//! | 37 | intended start, in microseconds of the shard's clock: 38 hours |
//! | 37 | when the release began, likewise |
//! | 3 | stage |
//! | 1 | has anything arrived? |
//! | 25 | octets sent |
//! | 25 | octets received, or those of an answer still missing |

use crate::time::Instant;

const TIME_BITS: u32 = 37;
const STAGE_BITS: u32 = 3;
pub(super) const COUNT_BITS: u32 = 25;

const _: () = assert!(2 * TIME_BITS + STAGE_BITS + 1 + 2 * COUNT_BITS == 128);

/// What a connection is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// The handshake.
    #[default]
    Opening,
    /// Its exchange; for a request, up to the header of the answer.
    Exchange,
    /// The body of an answer.
    Body,
    /// Waiting for the peer to close.
    Waiting,
    /// Our FIN is out.
    Closing,
    /// A reset is to be sent, as planned.
    Resetting,
    /// A reset is to be sent, because what arrived is wrong.
    Wrong,
}

impl Stage {
    const ALL: [Self; 7] = [
        Self::Opening,
        Self::Exchange,
        Self::Body,
        Self::Waiting,
        Self::Closing,
        Self::Resetting,
        Self::Wrong,
    ];
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// When it was to begin, in microseconds.
    pub(super) start: u64,
    /// When its release began, in microseconds.
    pub(super) release: u64,
    pub(super) stage: Stage,
    /// Has anything arrived?
    pub(super) is_heard: bool,
    pub(super) sent: u32,
    /// Octets received; of a request's answer those still missing.
    pub(super) received: u32,
}

impl Progress {
    /// A connection that was to begin at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start: start.as_micros(),
            ..Self::default()
        }
    }

    /// As the two words of a connection.
    #[must_use]
    pub fn to_words(self) -> [u64; 2] {
        let fields = [
            (u128::from(self.start), TIME_BITS),
            (u128::from(self.release), TIME_BITS),
            (self.stage as u128, STAGE_BITS),
            (u128::from(self.is_heard), 1),
            (u128::from(self.sent), COUNT_BITS),
            (u128::from(self.received), COUNT_BITS),
        ];
        let packed = fields.iter().fold(0, |packed, (value, bits)| {
            packed << bits | (value & ((1 << bits) - 1))
        });
        [(packed >> 64) as u64, packed as u64]
    }

    /// The reverse of [`Progress::to_words`].
    #[must_use]
    pub fn from_words([high, low]: [u64; 2]) -> Self {
        let mut packed = u128::from(high) << 64 | u128::from(low);
        let mut take = |bits: u32| {
            let value = packed & ((1 << bits) - 1);
            packed >>= bits;
            value as u64
        };
        let received = take(COUNT_BITS) as u32;
        let sent = take(COUNT_BITS) as u32;
        let is_heard = take(1) == 1;
        let stage = take(STAGE_BITS) as usize;
        let release = take(TIME_BITS);
        Self {
            start: take(TIME_BITS),
            release,
            stage: Stage::ALL.get(stage).copied().unwrap_or_default(),
            is_heard,
            sent,
            received,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_words_hold_all_of_it(
            start in 0..1_u64 << 37, release in 0..1_u64 << 37, stage in 0..7_usize,
            is_heard: bool, sent in 0..1_u32 << 25, received in 0..1_u32 << 25,
        ) {
            let stage = Stage::ALL[stage];
            let progress = Progress { start, release, stage, is_heard, sent, received };
            prop_assert_eq!(Progress::from_words(progress.to_words()), progress);
        }
    }
}
