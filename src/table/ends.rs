//! A tuple in 24 octets.
//!
//! ```text
//! addresses  16   IPv4: local, remote, 8 free;  else the remote address
//! ports       4   local, remote
//! mark        4   number of the local address (16 bits), 16 bits of whoever holds it
//! ```
//!
//! A server has few addresses and many peers: a local address that is not IPv4 stands here by its
//! number in [`Locals`]. All zeros, as fresh memory is, are nobody's tuple.

use super::locals::{FIRST, Locals};
use super::sync::{AtomicU32, AtomicU64, Ordering};
use crate::wire::{Address, Endpoint, FourTuple};

/// Stands for the number of a local address where there is no tuple.
pub(super) const NOBODY: u16 = 0;

/// Stands for the number of a local address where both addresses are IPv4 and fit in.
pub(super) const BOTH_V4: u16 = 1;

const _: () = assert!(FIRST > NOBODY && FIRST > BOTH_V4);

#[derive(Debug)]
#[repr(C)]
pub(super) struct Ends {
    addresses: [AtomicU64; 2],
    ports: AtomicU32,
    mark: AtomicU32,
}

#[cfg(not(feature = "loom"))]
const _: () = assert!(size_of::<Ends>() == 24);

impl Default for Ends {
    fn default() -> Self {
        Self {
            addresses: core::array::from_fn(|_| AtomicU64::new(0)),
            ports: AtomicU32::new(0),
            mark: AtomicU32::new(mark(NOBODY, 0)),
        }
    }
}

impl Ends {
    /// Is this the tuple, or was it last? For the one who writes.
    #[inline]
    pub(super) fn has(&self, tuple: &FourTuple, locals: &Locals) -> bool {
        // Relaxed here and below: the writer reads what it wrote itself, and others prove by what
        // stands beside it that they read one tuple.
        if self.ports.load(Ordering::Relaxed) != ports(tuple) {
            return false;
        }
        let number = number(self.mark.load(Ordering::Relaxed));
        let words = if number == BOTH_V4 {
            if !is_v4(tuple) {
                return false;
            }
            v4_words(tuple)
        } else {
            address_words(tuple.remote.address)
        };
        let differs = self.addresses.iter().zip(words);
        let differs = differs.fold(0, |all, (at, word)| {
            all | (at.load(Ordering::Relaxed) ^ word)
        });
        differs == 0 && (number == BOTH_V4 || locals.address(number) == tuple.local.address)
    }

    /// The tuple: whole for the one who writes, and for others as far as they prove it.
    pub(super) fn tuple(&self, locals: &Locals) -> FourTuple {
        let number = number(self.mark.load(Ordering::Relaxed));
        let words = core::array::from_fn(|n| self.addresses[n].load(Ordering::Relaxed));
        let ports = self.ports.load(Ordering::Relaxed);
        let (local, remote) = if number == BOTH_V4 {
            let v4 = |address: u64| Address::v4((address as u32).to_be_bytes());
            (v4(words[0] >> 32), v4(words[0]))
        } else {
            (locals.address(number), address_of(words))
        };
        let end = |address, port| Endpoint { address, port };
        FourTuple {
            local: end(local, (ports >> 16) as u16),
            remote: end(remote, ports as u16),
        }
    }

    /// Writes all but the mark.
    pub(super) fn write(&self, tuple: &FourTuple, number: u16) {
        let words = if number == BOTH_V4 {
            v4_words(tuple)
        } else {
            address_words(tuple.remote.address)
        };
        self.ports.store(ports(tuple), Ordering::Relaxed);
        for (at, word) in self.addresses.iter().zip(words) {
            at.store(word, Ordering::Relaxed);
        }
    }

    pub(super) fn mark(&self, order: Ordering) -> u32 {
        self.mark.load(order)
    }

    pub(super) fn set_mark(&self, mark: u32, order: Ordering) {
        self.mark.store(mark, order);
    }
}

/// A mark: `number` of the local address, `rest` for whoever holds it.
pub(super) const fn mark(number: u16, rest: u16) -> u32 {
    (rest as u32) << 16 | number as u32
}

/// The number of the local address in a mark.
pub(super) const fn number(mark: u32) -> u16 {
    mark as u16
}

/// The other half of a mark.
pub(super) const fn rest(mark: u32) -> u16 {
    (mark >> 16) as u16
}

/// Do both addresses fit in?
pub(super) const fn is_v4(tuple: &FourTuple) -> bool {
    tuple.local.address.is_v4() && tuple.remote.address.is_v4()
}

fn ports(tuple: &FourTuple) -> u32 {
    u32::from(tuple.local.port) << 16 | u32::from(tuple.remote.port)
}

fn v4_words(tuple: &FourTuple) -> [u64; 2] {
    let bits = |address: Address| u64::from(u32::from_be_bytes(address.v4_octets()));
    [
        bits(tuple.local.address) << 32 | bits(tuple.remote.address),
        0,
    ]
}

/// An address as two words.
pub(super) const fn address_words(address: Address) -> [u64; 2] {
    let octets = u128::from_ne_bytes(address.0);
    [octets as u64, (octets >> 64) as u64]
}

/// The address of two words.
pub(super) fn address_of([low, high]: [u64; 2]) -> Address {
    Address((u128::from(high) << 64 | u128::from(low)).to_ne_bytes())
}
