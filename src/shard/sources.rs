//! Connections by source: an IPv4 address, or the /64 of an IPv6 address.

use crate::wire::Address;
use ahash::RandomState;

/// Counts for as many sources as there can be connections, allocated at start.
pub(super) struct Sources {
    /// Connections that one source may have; 0 is no limit, and then nothing is counted.
    max: u32,
    places: Vec<Place>,
    keyed: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Place {
    source: u64,
    count: u32,
}

impl Sources {
    pub(super) fn new(max: u32, connections: usize, keyed: RandomState) -> Self {
        // Half full at most, so that a search ends soon.
        let places = if max == 0 {
            0
        } else {
            (connections * 2).next_power_of_two()
        };
        Self {
            max,
            places: vec![Place::default(); places],
            keyed,
        }
    }

    /// Has this source as many connections as it may?
    pub(super) fn is_full(&self, address: &Address) -> bool {
        if self.max == 0 {
            return false;
        }
        let place = self.find(source_of(address));
        self.places.get(place).is_some_and(|p| p.count >= self.max)
    }

    pub(super) fn add(&mut self, address: &Address) {
        if self.max == 0 {
            return;
        }
        let source = source_of(address);
        let place = self.find(source);
        if let Some(place) = self.places.get_mut(place) {
            place.source = source;
            place.count += 1;
        }
    }

    pub(super) fn remove(&mut self, address: &Address) {
        if self.max == 0 {
            return;
        }
        let at = self.find(source_of(address));
        let Some(place) = self.places.get_mut(at) else {
            return;
        };
        place.count = place.count.saturating_sub(1);
        if place.count == 0 {
            self.close_gap(at);
        }
    }

    /// Connections of all sources.
    pub(super) fn total(&self) -> u64 {
        self.places.iter().map(|place| u64::from(place.count)).sum()
    }

    // The place of a source, or the empty one where it would stand.
    fn find(&self, source: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut at = self.home(source);
        while self.places[at].count > 0 && self.places[at].source != source {
            at = (at + 1) & mask;
        }
        at
    }

    fn home(&self, source: u64) -> usize {
        self.keyed.hash_one(source) as usize & (self.places.len() - 1)
    }

    // What stood behind a place that became empty moves up, so that every search still finds it.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.places.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            if self.places[at].count == 0 {
                return;
            }
            let home = self.home(self.places[at].source);
            // May it stand in the gap? Only if its home is not between the gap and itself.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.places[gap] = self.places[at];
                self.places[at].count = 0;
                gap = at;
            }
        }
    }
}

// An IPv4 address and a /64 cannot be the same: the first eight octets of a mapped one are zero,
// and `::/64` has no global addresses (RFC 4291 §2.4).
fn source_of(address: &Address) -> u64 {
    if address.is_v4() {
        return u32::from_be_bytes(address.v4_octets()).into();
    }
    let network = address.0.first_chunk().copied();
    u64::from_be_bytes(network.expect("an address has sixteen octets"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn it_agrees_with_a_map() {
        let mut sources = Sources::new(5, 64, RandomState::with_seeds(1, 2, 3, 4));
        let (mut model, mut live) = (HashMap::<u8, u32>::new(), Vec::new());
        let mut random = 7_u32;
        for _ in 0..100_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let octet = (random >> 24) as u8 % 40;
            let address = Address::v4([198, 18, 0, octet]);
            assert_eq!(
                sources.is_full(&address),
                model.get(&octet).is_some_and(|n| *n >= 5)
            );
            if random >> 9 & 1 == 0 && live.len() < 64 {
                sources.add(&address);
                *model.entry(octet).or_default() += 1;
                live.push(octet);
            } else if !live.is_empty() {
                let octet = live.swap_remove((random >> 10) as usize % live.len());
                sources.remove(&Address::v4([198, 18, 0, octet]));
                *model.get_mut(&octet).unwrap() -= 1;
            }
        }
    }

    #[test]
    fn a_v6_source_is_its_64() {
        let mut sources = Sources::new(1, 8, RandomState::with_seeds(1, 2, 3, 4));
        let address = |subnet: u8, host: u8| {
            let mut octets = [0x20, 1, 0xd, 0xb8, 0, 0, 0, subnet, 0, 0, 0, 0, 0, 0, 0, 0];
            octets[15] = host;
            Address(octets)
        };
        sources.add(&address(1, 1));
        assert!(sources.is_full(&address(1, 2)));
        assert!(!sources.is_full(&address(2, 1)));
    }
}
