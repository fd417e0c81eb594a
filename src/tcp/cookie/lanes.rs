//! The hashes of several SYNs at once. A flood brings SYNs in bursts, and in vectors of 512 bits
//! the hashes of eight cost little more than those of one without.
//!
//! Nothing here is another way to hash: a loop runs the functions of one SYN over arrays, and the
//! compiler makes vectors of it, as wide as the processor has them.

use super::{Mint, class_of, iss_of, numbers};
use crate::tcp::iss::TimestampOffsets;
use crate::tcp::siphash::words_of;
use crate::wire::{FourTuple, Segment, Seq};

/// SYNs that are hashed at once: the 64-bit lanes of the widest vectors.
pub const LANES: usize = 8;

/// What is hashed of SYNs to one of our addresses, a lane each.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    remote: [[u64; LANES]; 2],
    numbers: [u64; LANES],
    len: usize,
    has_timestamps: bool,
}

impl Lanes {
    /// Gives the next lane to a SYN with this tuple. There are [`LANES`] of them.
    #[inline]
    pub fn push(&mut self, tuple: &FourTuple, syn: &Segment) {
        debug_assert!(self.len < LANES, "all lanes are taken");
        let lane = self.len % LANES;
        let [front, back] = words_of(tuple.remote.address.0);
        self.remote[0][lane] = front;
        self.remote[1][lane] = back;
        self.numbers[lane] = numbers(tuple, syn.seq);
        self.has_timestamps |= syn.options.timestamps.is_some();
        self.len = lane + 1;
    }
}

/// The hashes of SYNs, a lane each. Those of a lane into which none was put mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    epoch: u32,
    is_v4: bool,
    cookies: [u64; LANES],
    ts_offsets: [u32; LANES],
}

impl Hashes {
    /// Of SYNs to the local address of `mint` and `offsets`.
    #[must_use]
    pub fn new(mint: &Mint, offsets: &TimestampOffsets, lanes: &Lanes) -> Self {
        let mut hashes = Self {
            epoch: mint.epoch,
            is_v4: mint.is_v4,
            cookies: [0; LANES],
            ts_offsets: [0; LANES],
        };
        if lanes.len > 1 {
            hashes.fill_widely(mint, offsets, lanes);
        } else {
            hashes.fill::<1>(mint, offsets, lanes);
        }
        hashes
    }

    /// [`Mint::iss`] of the SYN in a lane, with its MSS option.
    #[inline]
    #[must_use]
    pub fn iss(&self, lane: usize, mss: Option<u16>) -> Seq {
        iss_of(
            self.cookies[lane % LANES],
            self.epoch,
            class_of(mss, self.is_v4),
        )
    }

    /// [`TimestampOffsets::with`] of the SYN in a lane; of one without timestamps, anything.
    #[inline]
    #[must_use]
    pub fn ts_offset(&self, lane: usize) -> u32 {
        self.ts_offsets[lane % LANES]
    }

    // By the widest vectors that there are.
    #[cfg(target_arch = "x86_64")]
    #[expect(
        unsafe_code,
        reason = "only at run time is it known what may be called"
    )]
    #[inline]
    fn fill_widely(&mut self, mint: &Mint, offsets: &TimestampOffsets, lanes: &Lanes) {
        #[target_feature(enable = "avx512f")]
        fn avx512(to: &mut Hashes, mint: &Mint, offsets: &TimestampOffsets, lanes: &Lanes) {
            to.fill::<LANES>(mint, offsets, lanes);
        }

        #[target_feature(enable = "avx2")]
        fn avx2(to: &mut Hashes, mint: &Mint, offsets: &TimestampOffsets, lanes: &Lanes) {
            to.fill::<LANES>(mint, offsets, lanes);
        }

        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has what this one is compiled for.
            unsafe { avx512(self, mint, offsets, lanes) }
        } else if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            unsafe { avx2(self, mint, offsets, lanes) }
        } else {
            self.fill::<LANES>(mint, offsets, lanes);
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn fill_widely(&mut self, mint: &Mint, offsets: &TimestampOffsets, lanes: &Lanes) {
        self.fill::<LANES>(mint, offsets, lanes);
    }

    #[expect(
        clippy::inline_always,
        reason = "into functions that may use what their processors have"
    )]
    #[inline(always)]
    fn fill<const N: usize>(&mut self, mint: &Mint, offsets: &TimestampOffsets, lanes: &Lanes) {
        let [front, back] = &lanes.remote;
        for lane in 0..N {
            let remote = [front[lane], back[lane]];
            self.cookies[lane] = mint.hash(remote, lanes.numbers[lane]);
        }
        if lanes.has_timestamps {
            for lane in 0..N {
                self.ts_offsets[lane] = offsets.with_words([front[lane], back[lane]]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::IssSource;
    use crate::tcp::cookie::CookieKeys;
    use crate::wire::{Address, Endpoint, Options, Timestamps};
    use proptest::prelude::*;

    fn address(is_v4: bool, octets: [u8; 16]) -> Address {
        let [.., a, b, c, d] = octets;
        if is_v4 {
            Address::v4([a, b, c, d])
        } else {
            Address(octets)
        }
    }

    proptest! {
        #[test]
        fn a_lane_hashes_what_is_hashed_alone(
            key in any::<[u8; 16]>(),
            epoch in any::<u32>(),
            is_v4 in any::<bool>(),
            local in any::<([u8; 16], u16)>(),
            syns in prop::collection::vec(any::<([u8; 16], u16, u32, Option<u16>, bool)>(), 0..=LANES),
        ) {
            let end = |(octets, port)| Endpoint {
                address: address(is_v4, octets),
                port,
            };
            let local = end(local);
            let mint = CookieKeys::new(epoch, key).mint_at(local.address);
            let offsets = IssSource::new(&key).timestamp_offsets(local.address);
            let syns: Vec<_> = syns
                .into_iter()
                .map(|(octets, port, seq, mss, has_timestamps)| {
                    let remote = end((octets, port));
                    let timestamps = has_timestamps.then_some(Timestamps { val: 1, ecr: 0 });
                    let options = Options { mss, timestamps, ..Options::default() };
                    let syn = Segment { seq: Seq(seq), options, ..Segment::default() };
                    (FourTuple { local, remote }, syn)
                })
                .collect();
            let mut lanes = Lanes::default();
            for (tuple, syn) in &syns {
                lanes.push(tuple, syn);
            }
            let hashes = Hashes::new(&mint, &offsets, &lanes);
            for (lane, (tuple, syn)) in syns.iter().enumerate() {
                let mss = syn.options.mss;
                prop_assert_eq!(hashes.iss(lane, mss), mint.iss(tuple, syn.seq, mss));
                if syn.options.timestamps.is_some() {
                    let offset = offsets.with(tuple.remote.address);
                    prop_assert_eq!(hashes.ts_offset(lane), offset);
                }
            }
            let mut plain = Hashes { cookies: [0; LANES], ts_offsets: [0; LANES], ..hashes };
            plain.fill::<LANES>(&mint, &offsets, &lanes);
            if syns.len() > 1 {
                prop_assert_eq!(plain, hashes);
            }
        }
    }
}
