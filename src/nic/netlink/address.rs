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
    let mut local = None;
    let mut other = None;
    for attribute in &message.attributes {
        match attribute {
            // On a point-to-point link `Address` is the far end.
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => other = Some(*address),
            AddressAttribute::Flags(flags)
                if flags.intersects(AddressFlags::Tentative | AddressFlags::Dadfailed) =>
            {
                return None;
            }
            _ => {}
        }
    }
    let address = local.or(other)?;
    Some(InterfaceAddress::new(address, message.header.prefix_len))
}
