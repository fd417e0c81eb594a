//! The addresses of an interface.

use super::{Error, Link, Message, Netlink};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage,
};
use std::fmt;
use std::net::IpAddr;

/// An address of an interface and how many of its bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// Bits of the network, 0 to 32 or 128.
    pub prefix_len: u8,
}

impl InterfaceAddress {
    /// `address/prefix_len`.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, prefix_len: u8) -> Self {
        let address = address.into();
        Self {
            address,
            prefix_len,
        }
    }

    /// Is `other` in its network: a neighbour on the same link, or it itself?
    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()) & self.mask_v4() == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let host_bits = 128_u32.saturating_sub(self.prefix_len.into());
                let differing = own.to_bits() ^ other.to_bits();
                differing.checked_shr(host_bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Is `other` the address of the network itself or its broadcast address? A network of two
    /// addresses has neither (RFC 3021), nor has IPv6.
    #[must_use]
    pub fn reserves(&self, other: IpAddr) -> bool {
        let (IpAddr::V4(address), true) = (other, self.contains(other)) else {
            return false;
        };
        let host = address.to_bits() & !self.mask_v4();
        self.prefix_len < 31 && (host == 0 || host == !self.mask_v4())
    }

    fn mask_v4(&self) -> u32 {
        let host_bits = 32_u32.saturating_sub(self.prefix_len.into());
        u32::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

impl Netlink {
    /// The addresses of an interface, IPv4 and IPv6. Those whose duplicate detection is not over
    /// or has failed are left out: the kernel does not answer for them.
    pub fn addresses(&mut self, link: &Link) -> Result<Vec<InterfaceAddress>, Error> {
        let what = format!("listing the addresses of {}", link.name);
        let messages = self.dump(&what, || Message::GetAddress(AddressMessage::default()))?;
        let of_link = messages.into_iter().filter_map(|message| match message {
            Message::NewAddress(message) if message.header.index == link.index => Some(message),
            _ => None,
        });
        Ok(of_link.filter_map(|message| usable(&message)).collect())
    }

    /// Does the kernel hold this address, on whatever interface, usable already or not?
    pub fn is_held(&mut self, address: IpAddr) -> Result<bool, Error> {
        let what = format!("looking for {address} among the addresses of this machine");
        let messages = self.dump(&what, || Message::GetAddress(AddressMessage::default()))?;
        Ok(messages.iter().any(|message| match message {
            Message::NewAddress(message) => address_of(message) == Some(address),
            _ => false,
        }))
    }

    /// Gives an interface an address, usable at once: there is no duplicate detection (IPv6), so
    /// it is for networks whose every address we know.
    pub fn add_address(&mut self, link: &Link, address: InterfaceAddress) -> Result<(), Error> {
        let what = format!("adding {address} to {}", link.name);
        let mut message = AddressMessage::default();
        message.header.index = link.index;
        message.header.prefix_len = address.prefix_len;
        message.header.family = family_of(address.address);
        message.attributes = vec![
            AddressAttribute::Local(address.address),
            AddressAttribute::Address(address.address),
        ];
        if address.address.is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
            let nodad = AddressAttribute::Flags(AddressFlags::Nodad);
            message.attributes.push(nodad);
        }
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.ask(&what, Message::NewAddress(message), flags)?;
        Ok(())
    }
}

pub(super) const fn family_of(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn usable(message: &AddressMessage) -> Option<InterfaceAddress> {
    let is_unusable = message.attributes.iter().any(|attribute| {
        let unusable = AddressFlags::Tentative | AddressFlags::Dadfailed;
        matches!(attribute, AddressAttribute::Flags(flags) if flags.intersects(unusable))
    });
    let address = address_of(message).filter(|_| !is_unusable)?;
    Some(InterfaceAddress::new(address, message.header.prefix_len))
}

// On a point-to-point link `Address` is the far end.
fn address_of(message: &AddressMessage) -> Option<IpAddr> {
    let local = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
    let other = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        });
    local.or(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_members_and_a_few_that_are_no_hosts() {
        // Our address, another, whether that is in our network, whether it is no host there.
        let rows = [
            ("10.0.0.1/24", "10.0.0.200", true, false),
            ("10.0.0.1/24", "10.0.1.1", false, false),
            ("10.0.0.1/24", "10.0.0.0", true, true),
            ("10.0.0.1/24", "10.0.0.255", true, true),
            ("10.0.0.1/31", "10.0.0.0", true, false),
            ("10.0.0.1/32", "10.0.0.1", true, false),
            ("10.0.0.1/32", "10.0.0.2", false, false),
            ("10.0.0.1/0", "192.0.2.1", true, false),
            ("10.0.0.1/24", "::ffff:10.0.0.2", false, false),
            ("2001:db8::1/64", "2001:db8::ffff", true, false),
            ("2001:db8::1/64", "2001:db8::", true, false),
            ("2001:db8::1/64", "2001:db8:0:1::1", false, false),
            ("2001:db8::1/128", "2001:db8::2", false, false),
            ("2001:db8::1/0", "fd00::1", true, false),
        ];
        for (own, other, contains, reserves) in rows {
            let (address, prefix_len) = own.split_once('/').unwrap();
            let address: IpAddr = address.parse().unwrap();
            let network = InterfaceAddress::new(address, prefix_len.parse().unwrap());
            let other = other.parse().unwrap();
            let got = (network.contains(other), network.reserves(other));
            assert_eq!(got, (contains, reserves), "{own} {other}");
        }
    }
}
