//! Where a packet would go, and the Ethernet addresses of neighbours.

use super::address::family_of;
use super::{Error, InterfaceAddress, Link, Mac, Message, Netlink};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
    RouteVia,
};
use nix::errno::Errno;
use std::net::IpAddr;

/// Where the kernel would send a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The number of the interface it would leave by.
    pub interface: u32,
    /// The neighbour it would go to: a gateway, or the destination itself.
    pub next_hop: IpAddr,
    /// The address that the kernel would send from.
    pub source: Option<IpAddr>,
    /// Is the destination an address of this machine?
    pub is_local: bool,
}

/// A neighbour whose Ethernet address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The number of the interface it is a neighbour on.
    pub interface: u32,
    /// Its IP address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Was it told by the operator, for good, and not learned?
    pub is_permanent: bool,
}

impl Netlink {
    /// The route to `destination`.
    pub fn route_to(&mut self, destination: IpAddr) -> Result<Route, Error> {
        let what = format!("looking up the route to {destination}");
        let mut message = RouteMessage::default();
        message.header.address_family = family_of(destination);
        message.header.destination_prefix_length = if destination.is_ipv4() { 32 } else { 128 };
        message.attributes = vec![RouteAttribute::Destination(destination.into())];
        let answers = self.ask(&what, Message::GetRoute(message), 0)?;
        let route = answers.into_iter().find_map(|answer| match answer {
            Message::NewRoute(route) => route_of(&route, destination),
            _ => None,
        });
        route.ok_or_else(|| Error::unreadable(&what, &"a route without an interface"))
    }

    /// The neighbours whose Ethernet addresses the kernel knows.
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, Error> {
        let messages = self.dump("listing the neighbours", || {
            Message::GetNeighbour(NeighbourMessage::default())
        })?;
        let neighbours = messages.into_iter().filter_map(|message| match message {
            Message::NewNeighbour(message) => neighbour_of(&message),
            _ => None,
        });
        Ok(neighbours.collect())
    }

    /// Makes the kernel forget a neighbour, so that it asks for it anew. One that it does not know
    /// is forgotten already.
    pub fn forget_neighbour(&mut self, neighbour: &Neighbour) -> Result<(), Error> {
        let what = format!("forgetting the neighbour {}", neighbour.address);
        let mut message = NeighbourMessage::default();
        message.header.family = family_of(neighbour.address);
        message.header.ifindex = neighbour.interface;
        message.attributes = vec![NeighbourAttribute::Destination(to_netlink(
            neighbour.address,
        ))];
        match self.ask(&what, Message::DelNeighbour(message), 0) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(()),
            told => told.map(drop),
        }
    }

    /// Sends what goes to the network `to` by `gateway`, a neighbour on `link`.
    pub fn add_route(
        &mut self,
        link: &Link,
        to: InterfaceAddress,
        gateway: IpAddr,
    ) -> Result<(), Error> {
        let what = format!("adding the route to {to} by {gateway} on {}", link.name);
        let mut message = RouteMessage::default();
        message.header.address_family = family_of(to.address);
        message.header.destination_prefix_length = to.prefix_len;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            RouteAttribute::Destination(to.address.into()),
            RouteAttribute::Gateway(gateway.into()),
            RouteAttribute::Oif(link.index),
        ];
        self.ask(&what, Message::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL)?;
        Ok(())
    }

    /// Tells the kernel a neighbour's Ethernet address, for good.
    pub fn add_neighbour(&mut self, link: &Link, address: IpAddr, mac: Mac) -> Result<(), Error> {
        let what = format!("adding the neighbour {address} at {mac} to {}", link.name);
        let mut message = NeighbourMessage::default();
        message.header.family = family_of(address);
        message.header.ifindex = link.index;
        message.header.state = NeighbourState::Permanent;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            NeighbourAttribute::Destination(to_netlink(address)),
            NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()),
        ];
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(&what, Message::NewNeighbour(message), flags)?;
        Ok(())
    }
}

const fn to_netlink(address: IpAddr) -> NeighbourAddress {
    match address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    }
}

fn route_of(message: &RouteMessage, destination: IpAddr) -> Option<Route> {
    let mut route = Route {
        interface: 0,
        next_hop: destination,
        source: None,
        is_local: message.header.kind == RouteType::Local,
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => route.interface = *index,
            RouteAttribute::Gateway(gateway) => route.next_hop = ip_of(gateway)?,
            // An IPv4 route by an IPv6 gateway.
            RouteAttribute::Via(RouteVia::Inet6(gateway)) => route.next_hop = (*gateway).into(),
            RouteAttribute::Via(RouteVia::Inet(gateway)) => route.next_hop = (*gateway).into(),
            RouteAttribute::PrefSource(source) => route.source = ip_of(source),
            _ => {}
        }
    }
    (route.interface != 0).then_some(route)
}

const fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn neighbour_of(message: &NeighbourMessage) -> Option<Neighbour> {
    let state = message.header.state;
    if matches!(state, NeighbourState::Incomplete | NeighbourState::Failed) {
        return None;
    }
    let address = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => {
                Some(IpAddr::V4(*address))
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => {
                Some(IpAddr::V6(*address))
            }
            _ => None,
        })?;
    let mac = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(octets) => {
                octets.as_slice().try_into().ok().map(Mac)
            }
            _ => None,
        })?;
    let interface = message.header.ifindex;
    Some(Neighbour {
        interface,
        address,
        mac,
        is_permanent: state == NeighbourState::Permanent,
    })
}
