//! SipHash-2-4 over words that the caller makes (Aumasson and Bernstein, 2012): of what many
//! messages begin with, the state is computed once, and no message is ever laid out in memory.

use crate::wire::Address;

/// A keyed state that has taken in some words.
#[derive(Clone, Copy)]
pub(super) struct SipHash([u64; 4]);

impl SipHash {
    /// The state before the first word.
    pub(super) const fn new(key: &[u8; 16]) -> Self {
        let key = u128::from_le_bytes(*key);
        let (k0, k1) = (key as u64, (key >> 64) as u64);
        Self([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    /// Takes in eight octets of the message, the first of them the lowest of the word.
    #[inline]
    pub(super) const fn word(self, word: u64) -> Self {
        let Self([v0, v1, v2, v3]) = self;
        let Self([v0, v1, v2, v3]) = Self([v0, v1, v2, v3 ^ word]).round().round();
        Self([v0 ^ word, v1, v2, v3])
    }

    /// Takes in sixteen octets.
    #[inline]
    pub(super) const fn words(self, octets: [u8; 16]) -> Self {
        let [front, back] = words_of(octets);
        self.word(front).word(back)
    }

    /// The hash of a message of `len` octets that ends with the low `len % 8` octets of `tail`.
    #[inline]
    pub(super) const fn finish(self, tail: u64, len: u8) -> u64 {
        let Self([v0, v1, v2, v3]) = self.word(tail | (len as u64) << 56);
        let Self([v0, v1, v2, v3]) = Self([v0, v1, v2 ^ 0xff, v3])
            .round()
            .round()
            .round()
            .round();
        v0 ^ v1 ^ v2 ^ v3
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

/// A state that has taken in one of our addresses and waits for that of a peer.
#[derive(Clone, Copy)]
pub(super) struct FromLocal {
    state: SipHash,
    pub(super) is_v4: bool,
}

impl FromLocal {
    pub(super) const fn new(keyed: SipHash, local: Address) -> Self {
        let (state, is_v4) = (keyed.words(local.0), local.is_v4());
        // A mapped address begins with eight octets of zero, and the peer's is mapped like ours.
        let state = if is_v4 { state.word(0) } else { state };
        Self { state, is_v4 }
    }

    /// The four words of the state. For IPv4 it has taken in what begins the peer's address as well.
    pub(super) const fn state(&self) -> [u64; 4] {
        self.state.0
    }

    /// The state that has taken in a `remote` address as well, of the same family.
    #[inline]
    pub(super) const fn to(self, [front, back]: [u64; 2]) -> SipHash {
        debug_assert!(!self.is_v4 || front == 0, "both ends are of one family");
        let state = if self.is_v4 {
            self.state
        } else {
            self.state.word(front)
        };
        state.word(back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use siphasher::sip::SipHasher24;

    fn hash(key: &[u8; 16], message: &[u8]) -> u64 {
        let (words, rest) = message.as_chunks();
        let absorb = |state: SipHash, word: &[u8; 8]| state.word(u64::from_le_bytes(*word));
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
        assert_eq!(hash(&key, &message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn two_addresses_are_four_words() {
        let v6 = |last| Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        let v4 = |last| Address::v4([192, 0, 2, last]);
        for (local, remote) in [(v4(1), v4(2)), (v6(1), v6(2))] {
            let keyed = SipHash::new(&[7; 16]);
            let got = FromLocal::new(keyed, local)
                .to(words_of(remote.0))
                .finish(0, 32);
            assert_eq!(got, hash(&[7; 16], &[local.0, remote.0].concat()));
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_another_implementation(
            key in any::<[u8; 16]>(),
            message in prop::collection::vec(any::<u8>(), 0..256),
        ) {
            let want = SipHasher24::new_with_key(&key).hash(&message);
            prop_assert_eq!(hash(&key, &message), want);
        }

        #[test]
        fn sixteen_octets_are_two_words(octets in any::<[u8; 16]>()) {
            let got = SipHash::new(&[7; 16]).words(octets).finish(0, 16);
            prop_assert_eq!(got, hash(&[7; 16], &octets));
        }
    }
}
