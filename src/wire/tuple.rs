//! Who talks to whom: addresses and the four-tuple of a connection (RFC 9293 §3.3.1).

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An IP address of either family in 16 octets, an IPv4 address in its mapped form
/// (RFC 4291 §2.5.5.2), so that one table and one hash serve both.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Address(pub [u8; 16]);

/// What stands before the four octets of a mapped IPv4 address.
const MAPPED: u128 = 0xffff;

impl Address {
    /// From the four octets of an IPv4 header.
    #[must_use]
    pub const fn v4(octets: [u8; 4]) -> Self {
        let mapped = MAPPED << 32 | u32::from_be_bytes(octets) as u128;
        Self(mapped.to_be_bytes())
    }

    /// Is it an IPv4 address?
    #[inline]
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        u128::from_be_bytes(self.0) >> 32 == MAPPED
    }

    /// The last four octets: the IPv4 address, if it is one.
    #[must_use]
    pub const fn v4_octets(&self) -> [u8; 4] {
        let [.., a, b, c, d] = self.0;
        [a, b, c, d]
    }

    /// May it be an end of a connection: neither unspecified, multicast nor broadcast (MUST-46,
    /// MUST-57, MUST-63)? A subnet's own broadcast address is not known here.
    #[inline]
    #[must_use]
    pub fn is_unicast(&self) -> bool {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4 @ ..] => is_unicast_v4(v4),
            [first, ..] => first != 0xff && self.0 != [0; 16],
        }
    }

    /// The group that Neighbor Solicitations for an IPv6 address go to (RFC 4291 §2.7.1).
    #[must_use]
    pub const fn solicited_node(&self) -> Self {
        let [.., a, b, c] = self.0;
        Self([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
    }

    /// The standard library's form.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        if self.is_v4() {
            IpAddr::from(self.v4_octets())
        } else {
            IpAddr::V6(Ipv6Addr::from(self.0))
        }
    }
}

/// [`Address::is_unicast`] of the four octets of an IPv4 header.
#[inline]
pub(super) const fn is_unicast_v4(octets: [u8; 4]) -> bool {
    let address = u32::from_be_bytes(octets);
    address != 0 && address >> 28 != 0b1110 && address != u32::MAX
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::v4(v4.octets()),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_ip(), f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_ip(), f)
    }
}

/// One end of a connection: address and port.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// IP address.
    pub address: Address,
    /// TCP port, in host order.
    pub port: u16,
}

impl Hash for Endpoint {
    // Two words and a port, without the length of an octet array.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.address.0));
        state.write_u16(self.port);
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Self {
            address: addr.ip().into(),
            port: addr.port(),
        }
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(end: Endpoint) -> Self {
        Self::new(end.address.to_ip(), end.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SocketAddr::from(*self), f)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&SocketAddr::from(*self), f)
    }
}

/// The tuple of a connection, as this side sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FourTuple {
    /// Our end.
    pub local: Endpoint,
    /// The peer's end.
    pub remote: Endpoint,
}

impl Hash for FourTuple {
    // Five words where the derived one would write each octet array with its length.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for half in [self.local.address, self.remote.address] {
            let octets = u128::from_ne_bytes(half.0);
            state.write_u64(octets as u64);
            state.write_u64((octets >> 64) as u64);
        }
        state.write_u32(u32::from(self.local.port) << 16 | u32::from(self.remote.port));
    }
}

impl FourTuple {
    /// The same connection from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_family() {
        for text in ["192.0.2.1", "2001:db8::1", "::1", "0.0.0.0"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(Address::from(ip).to_ip(), ip);
            assert_eq!(Address::from(ip).is_v4(), ip.is_ipv4());
        }
    }

    #[test]
    fn an_endpoint_prints_as_it_is_written() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:443", "[::]:1"] {
            let socket: SocketAddr = text.parse().unwrap();
            let end = Endpoint::from(socket);
            assert_eq!(
                (end.to_string().as_str(), SocketAddr::from(end)),
                (text, socket)
            );
        }
    }

    #[test]
    fn a_tuple_seen_from_the_other_side_has_its_ends_swapped() {
        let end = |text: &str| text.parse::<SocketAddr>().unwrap().into();
        let tuple = FourTuple {
            local: end("192.0.2.1:80"),
            remote: end("192.0.2.2:1024"),
        };
        let other = tuple.reversed();
        assert_eq!((other.local, other.remote), (tuple.remote, tuple.local));
        assert_eq!(other.reversed(), tuple);
    }

    // RFC 4291 §2.5.5.2: the two ways to write one address are one address here.
    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(Address::from(mapped), Address::v4([192, 0, 2, 1]));
        assert_eq!(Address::v4([192, 0, 2, 1]).v4_octets(), [192, 0, 2, 1]);
    }
}
