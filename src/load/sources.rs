//! The addresses that connections come from.

use crate::wire::Address;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// A range of addresses in CIDR notation: those of it that hosts may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    network: Address,
    prefix_len: u8,
}

impl Sources {
    /// How many addresses: all of them, less the network's own and its broadcast address where
    /// IPv4 has more than two, and less the Subnet-Router anycast address (RFC 4291 §2.6.1) where
    /// IPv6 has more than two.
    #[must_use]
    pub fn count(&self) -> u64 {
        let bits = self.host_bits();
        match (self.network.is_v4(), bits) {
            (_, 0) => 1,
            (_, 1) => 2,
            (true, bits) => (1 << bits) - 2,
            (false, bits) => 1_u64.checked_shl(bits.into()).map_or(u64::MAX, |n| n - 1),
        }
    }

    /// Address number `n`, from 0, in order. `n` is below [`Sources::count`].
    #[must_use]
    pub fn nth(&self, n: u32) -> Address {
        let skipped = u128::from(self.host_bits() > 1);
        let first = u128::from_be_bytes(self.network.0);
        Address((first + skipped + u128::from(n)).to_be_bytes())
    }

    /// The number of `address`, when it is one of them and below 2^32.
    #[must_use]
    pub fn place(&self, address: &Address) -> Option<u32> {
        let first = u128::from_be_bytes(self.nth(0).0);
        let offset = u128::from_be_bytes(address.0).checked_sub(first)?;
        let place = u32::try_from(offset).ok()?;
        (u64::from(place) < self.count()).then_some(place)
    }

    /// Are these IPv4 addresses?
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.network.is_v4()
    }

    const fn host_bits(&self) -> u8 {
        let all = if self.network.is_v4() { 32 } else { 128 };
        all - self.prefix_len
    }
}

impl FromStr for Sources {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let want = || format!("`{text}` is no ADDRESS/BITS; want as in 192.0.2.0/24");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| want())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let prefix_len: u8 = match bits {
            Some(bits) => bits.parse().map_err(|_| want())?,
            None => all,
        };
        if prefix_len > all {
            return Err(format!(
                "{prefix_len} bits of a network, and there are {all}"
            ));
        }
        let address = Address::from(address);
        let host_bits = u32::from(all - prefix_len);
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        let octets = u128::from_be_bytes(address.0);
        // An IPv4 address is mapped: its upper bits are the mapping's and no host's.
        let network = Address((octets & mask).to_be_bytes());
        let sources = Self {
            network,
            prefix_len,
        };
        let multicast = if address.is_v4() {
            Address::v4([224, 0, 0, 0])
        } else {
            Address((0xff_u128 << 120).to_be_bytes())
        };
        let last = Address((octets | !mask).to_be_bytes());
        let has_multicast = (network..=last).contains(&multicast);
        if has_multicast || !sources.nth(0).is_unicast() {
            return Err(format!("{text} has addresses that no host can have"));
        }
        Ok(sources)
    }
}

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}
