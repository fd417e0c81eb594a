//! A tuple in 16 octets, or 24.
//!
//! ```text
//! address   8   IPv4: local, remote;  else the first half of the remote address
//! behind    8   the second half; IPv4 has none, and it is not touched
//! ports     4   local, remote
//! mark      4   number of the local address (16 bits), 16 bits of whoever holds it
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

/// Where the words of a tuple are.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) address: &'a AtomicU64,
    pub(super) behind: &'a AtomicU64,
    pub(super) ports: &'a AtomicU32,
    pub(super) mark: &'a AtomicU32,
}

impl Ends<'_> {
    /// Is this the tuple, or was it last? For the one who writes.
    #[inline]
    pub(super) fn has(self, tuple: &FourTuple, locals: &Locals) -> bool {
        // Relaxed here and below: the writer reads what it wrote itself, and others prove by what
        // stands beside it that they read one tuple.
        if self.ports.load(Ordering::Relaxed) != ports(tuple) {
            return false;
        }
        let number = number(self.mark.load(Ordering::Relaxed));
        let address = self.address.load(Ordering::Relaxed);
        if number == BOTH_V4 {
            return is_v4(tuple) && address == v4_word(tuple);
        }
        let [first, second] = address_words(tuple.remote.address);
        address == first
            && self.behind.load(Ordering::Relaxed) == second
            && locals.address(number) == tuple.local.address
    }

    /// The tuple: whole for the one who writes, and for others as far as they prove it.
    pub(super) fn tuple(self, locals: &Locals) -> FourTuple {
        let number = number(self.mark.load(Ordering::Relaxed));
        let address = self.address.load(Ordering::Relaxed);
        let ports = self.ports.load(Ordering::Relaxed);
        let (local, remote) = if number == BOTH_V4 {
            let v4 = |address: u64| Address::v4((address as u32).to_be_bytes());
            (v4(address >> 32), v4(address))
        } else {
            let behind = self.behind.load(Ordering::Relaxed);
            (locals.address(number), address_of([address, behind]))
        };
        let end = |address, port| Endpoint { address, port };
        FourTuple {
            local: end(local, (ports >> 16) as u16),
            remote: end(remote, ports as u16),
        }
    }

    /// Writes all but the mark.
    pub(super) fn write(self, tuple: &FourTuple, number: u16) {
        self.ports.store(ports(tuple), Ordering::Relaxed);
        if number == BOTH_V4 {
            self.address.store(v4_word(tuple), Ordering::Relaxed);
            return;
        }
        let [first, second] = address_words(tuple.remote.address);
        self.address.store(first, Ordering::Relaxed);
        self.behind.store(second, Ordering::Relaxed);
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

/// Both ports, as they stand.
pub(super) fn ports(tuple: &FourTuple) -> u32 {
    u32::from(tuple.local.port) << 16 | u32::from(tuple.remote.port)
}

/// Both addresses, where they fit in.
pub(super) fn v4_word(tuple: &FourTuple) -> u64 {
    let bits = |address: Address| u64::from(u32::from_be_bytes(address.v4_octets()));
    bits(tuple.local.address) << 32 | bits(tuple.remote.address)
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
