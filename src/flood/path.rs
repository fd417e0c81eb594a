//! The way to the target: who gets the frames, by the kernel's own tables.

use super::guard::Target;
use crate::nic::netlink::{Error as NetlinkError, Link, Mac, Netlink};
use crate::nic::resolve;
use core::net::IpAddr;
use core::time::Duration;
use std::thread;

/// How often and how long the kernel is given to find a neighbour: 3 s.
const LOOKS: u32 = 150;
const LOOK: Duration = Duration::from_millis(20);

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// What the kernel said.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The interface is off.
    #[error("{interface} is down; run `ip link set dev {interface} up`")]
    Down {
        /// Interface.
        interface: String,
    },
    /// The route leaves elsewhere.
    #[error("{target} is reached by {leaves}, not by {interface}; use --interface {leaves}")]
    Elsewhere {
        /// Target.
        target: IpAddr,
        /// The interface that was given.
        interface: String,
        /// The one that the route names.
        leaves: String,
    },
    /// Nobody answers for the next hop.
    #[error(
        "no neighbour {next_hop} on {interface}: nobody answers for it; start it, or tell the \
         kernel with `ip neighbour add {next_hop} lladdr MAC dev {interface}`"
    )]
    NoNeighbour {
        /// Next hop.
        next_hop: IpAddr,
        /// Interface.
        interface: String,
    },
    /// The next hop is everybody.
    #[error("{next_hop} is {mac} on {interface}: that is not one machine but many")]
    Many {
        /// Next hop.
        next_hop: IpAddr,
        /// Its Ethernet address.
        mac: Mac,
        /// Interface.
        interface: String,
    },
}

/// An interface and the Ethernet addresses of a flood that leaves by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Number of the interface.
    pub interface: u32,
    /// The largest IP packet, in octets.
    pub mtu: u32,
    /// The interface's Ethernet address.
    pub source: Mac,
    /// The next hop's.
    pub destination: Mac,
}

impl Path {
    /// The way to `target` by `interface` of the calling thread's network namespace. An unknown
    /// neighbour is looked for, for 3 s at most.
    ///
    /// # Errors
    /// No such interface, no route, a route by another interface, or no neighbour.
    pub fn find(interface: &str, target: &Target) -> Result<Self, PathError> {
        let mut netlink = Netlink::open()?;
        let link = netlink.link(interface)?;
        if !link.up {
            return Err(PathError::Down {
                interface: link.name,
            });
        }
        let ip = target.ip();
        // Link-local addresses are on every link, and the interface is the one that is meant.
        let is_link_local = match ip {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        let mut next_hop = ip;
        if !is_link_local {
            let route = netlink.route_to(ip)?;
            if route.interface != link.index {
                return Err(elsewhere(&mut netlink, ip, link, route.interface));
            }
            next_hop = route.next_hop;
            // To ourselves by loopback, which has no addresses.
            if route.is_local {
                return Ok(Self::to(&link, Mac::default()));
            }
        }
        let mac = mac_of(&mut netlink, &link, next_hop)?;
        // Broadcast and multicast.
        if mac.0[0] & 1 != 0 {
            let interface = link.name;
            return Err(PathError::Many {
                next_hop,
                mac,
                interface,
            });
        }
        Ok(Self::to(&link, mac))
    }

    const fn to(link: &Link, destination: Mac) -> Self {
        Self {
            interface: link.index,
            mtu: link.mtu,
            source: link.mac,
            destination,
        }
    }
}

fn elsewhere(netlink: &mut Netlink, target: IpAddr, link: Link, leaves: u32) -> PathError {
    let links = netlink.links().unwrap_or_default();
    let found = links.into_iter().find(|link| link.index == leaves);
    PathError::Elsewhere {
        target,
        interface: link.name,
        leaves: found.map_or_else(|| format!("interface {leaves}"), |link| link.name),
    }
}

fn mac_of(netlink: &mut Netlink, link: &Link, next_hop: IpAddr) -> Result<Mac, PathError> {
    for look in 0..LOOKS {
        let neighbours = netlink.neighbours()?;
        let known = neighbours
            .iter()
            .find(|known| known.interface == link.index && known.address == next_hop);
        if let Some(known) = known {
            return Ok(known.mac);
        }
        // Now and then anew: the kernel gives up after three requests.
        if look % 50 == 0 {
            // Where it cannot be asked, the neighbour stays unknown, and that is what is said.
            let _ = resolve::resolve(&link.name, next_hop);
        }
        thread::sleep(LOOK);
    }
    Err(PathError::NoNeighbour {
        next_hop,
        interface: link.name.clone(),
    })
}
