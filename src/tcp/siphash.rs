//! SipHash-2-4 and SipHash-1-3 over words that the caller makes (Aumasson and Bernstein, 2012): of
//! what many messages begin with, the state is computed once, and no message is ever laid out in
//! memory.

/// A keyed state that has taken in some words, by `C` rounds each; `D` rounds make the hash of it.
#[derive(Clone, Copy)]
pub(super) struct SipHash<const C: usize, const D: usize>([u64; 4]);

/// What authenticates.
pub(super) type SipHash24 = SipHash<2, 4>;

/// What hides, where nothing is proven by it: half the rounds.
pub(super) type SipHash13 = SipHash<1, 3>;

impl<const C: usize, const D: usize> SipHash<C, D> {
    /// The state before the first word.
    pub(super) const fn new(key: &[u8; 16]) -> Self {
        let [k0, k1] = words_of(*key);
        Self([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    /// The four words of the state, for those who hash on in another language.
    pub(super) const fn state(&self) -> [u64; 4] {
        self.0
    }

    /// Takes in eight octets of the message, the first of them the lowest of the word.
    #[inline]
    pub(super) const fn word(self, word: u64) -> Self {
        let Self([v0, v1, v2, v3]) = self;
        let Self([v0, v1, v2, v3]) = Self([v0, v1, v2, v3 ^ word]).rounds(C);
        Self([v0 ^ word, v1, v2, v3])
    }

    /// Takes in sixteen octets.
    #[inline]
    pub(super) const fn words(self, [front, back]: [u64; 2]) -> Self {
        self.word(front).word(back)
    }

    /// The hash of a message of `len` octets that ends with the low `len % 8` octets of `tail`.
    #[inline]
    pub(super) const fn finish(self, tail: u64, len: u8) -> u64 {
        let Self([v0, v1, v2, v3]) = self.word(tail | (len as u64) << 56);
        let Self([v0, v1, v2, v3]) = Self([v0, v1, v2 ^ 0xff, v3]).rounds(D);
        v0 ^ v1 ^ v2 ^ v3
    }

    #[inline]
    const fn rounds(self, count: usize) -> Self {
        let mut state = self;
        let mut round = 0;
        while round < count {
            state = state.round();
            round += 1;
        }
        state
    }

    #[inline]
    const fn round(self) -> Self {
        let Self([mut v0, mut v1, mut v2, mut v3]) = self;
        v0 = v0.wrapping_add(v1);
        v2 = v2.wrapping_add(v3);
        v1 = v1.rotate_left(13) ^ v0;
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.rotate_left(32).wrapping_add(v3);
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.rotate_left(32);
        Self([v0, v1, v2, v3])
    }
}

/// Sixteen octets as two words of a message.
#[inline]
pub(super) const fn words_of(octets: [u8; 16]) -> [u64; 2] {
    let octets = u128::from_le_bytes(octets);
    [octets as u64, (octets >> 64) as u64]
}

/// The four octets of an IPv4 address as the low ones of a word, from the words of its mapped form.
#[inline]
pub(super) const fn v4_of([_, back]: [u64; 2]) -> u64 {
    back >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Address;
    use proptest::prelude::*;
    use siphasher::sip::{SipHasher13, SipHasher24};

    fn hash<const C: usize, const D: usize>(key: &[u8; 16], message: &[u8]) -> u64 {
        let (words, rest) = message.as_chunks();
        let absorb = |state: SipHash<C, D>, word: &[u8; 8]| state.word(u64::from_le_bytes(*word));
        let mut tail = [0; 8];
        tail[..rest.len()].copy_from_slice(rest);
        let state = words.iter().fold(SipHash::new(key), absorb);
        state.finish(u64::from_le_bytes(tail), message.len() as u8)
    }

    // The paper's appendix A: key 00..0f, message 00..0e.
    #[test]
    fn the_papers_own_vector_comes_out() {
        let message: [u8; 15] = core::array::from_fn(|n| n as u8);
        let key = core::array::from_fn(|n| n as u8);
        assert_eq!(hash::<2, 4>(&key, &message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn an_ipv4_address_is_its_four_octets() {
        let address = Address::v4([192, 0, 2, 1]);
        let word = v4_of(words_of(address.0));
        assert_eq!(word.to_le_bytes(), [192, 0, 2, 1, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn it_agrees_with_another_implementation(
            key in any::<[u8; 16]>(),
            message in prop::collection::vec(any::<u8>(), 0..256),
        ) {
            let want = SipHasher24::new_with_key(&key).hash(&message);
            prop_assert_eq!(hash::<2, 4>(&key, &message), want);
            let want = SipHasher13::new_with_key(&key).hash(&message);
            prop_assert_eq!(hash::<1, 3>(&key, &message), want);
        }

        #[test]
        fn sixteen_octets_are_two_words(octets in any::<[u8; 16]>()) {
            let got = SipHash24::new(&[7; 16]).words(words_of(octets)).finish(0, 16);
            prop_assert_eq!(got, hash::<2, 4>(&[7; 16], &octets));
        }
    }
}
