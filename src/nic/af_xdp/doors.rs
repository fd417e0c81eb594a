//! Listeners that the XDP program finds without a hash table: `doors` of `xdp/maps.h`. Each has one
//! place there, by its address and port; who comes second to a place is found by `endpoints` alone.

use super::answers::map_error;
use super::error::Error;
use super::filter::EndpointKey;
use aya::maps::{Array, MapData};
use std::collections::BTreeMap;

/// Bits of a place: `DOORS_BITS` of `xdp/seawall.h`.
const DOORS_BITS: u32 = 10;

/// `struct door` of `xdp/seawall.h`: the key in `endpoints`, and its value.
type Door = [u8; 24];

/// The doors, and whose they are.
pub(super) struct Doors {
    map: Array<MapData, Door>,
    owners: BTreeMap<u32, EndpointKey>,
}

impl Doors {
    pub(super) const fn new(map: Array<MapData, Door>) -> Self {
        Self {
            map,
            owners: BTreeMap::new(),
        }
    }

    /// `endpoints` says `value` of `key` by now: the number of a listener and 1, or 0.
    pub(super) fn set(
        &mut self,
        interface: &str,
        key: &EndpointKey,
        value: u32,
    ) -> Result<(), Error> {
        if value == 0 {
            return self.close(interface, key);
        }
        let place = place_of(key);
        if self.owners.get(&place).is_some_and(|owner| owner != key) {
            return Ok(());
        }
        let mut door = [0; 24];
        door[..20].copy_from_slice(key);
        door[20..].copy_from_slice(&value.to_ne_bytes());
        self.write(interface, place, &door)?;
        self.owners.insert(place, *key);
        Ok(())
    }

    /// `endpoints` is about to forget `key`.
    pub(super) fn close(&mut self, interface: &str, key: &EndpointKey) -> Result<(), Error> {
        let place = place_of(key);
        if self.owners.get(&place) == Some(key) {
            self.write(interface, place, &[0; 24])?;
            self.owners.remove(&place);
        }
        Ok(())
    }

    fn write(&mut self, interface: &str, place: u32, door: &Door) -> Result<(), Error> {
        let set = self.map.set(place, door, 0);
        set.map_err(|error| map_error(interface, "doors", 1 << DOORS_BITS, error))
    }
}

/// `door_of` of `xdp/answer.h`.
fn place_of(key: &EndpointKey) -> u32 {
    let [.., a, b, c, d, port, more, _, _] = *key;
    let (last, port) = (
        u32::from_ne_bytes([a, b, c, d]),
        u16::from_ne_bytes([port, more]),
    );
    (last ^ u32::from(port)).wrapping_mul(0x9e37_79b1) >> (32 - DOORS_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_has_the_same_doors() {
        let header = include_str!("../../../xdp/seawall.h");
        let line = format!("#define DOORS_BITS {DOORS_BITS}");
        assert!(header.lines().any(|theirs| theirs == line), "{line}");
    }

    #[test]
    fn ports_beside_each_other_are_doors_apart() {
        let mut places: Vec<u32> = (0..64)
            .map(|port| {
                let mut key = [0; 20];
                key[10..18].copy_from_slice(&[255, 255, 192, 0, 2, 1, 31, port]);
                place_of(&key)
            })
            .collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 56, "{}", places.len());
    }
}
