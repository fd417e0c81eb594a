//! Where frames for the target go: the kernel's own tables say.

use super::Error;
use crate::nic::device::Device;
use crate::nic::netlink::{Mac, Netlink};
use crate::nic::resolve;
use core::net::IpAddr;
use std::time::{Duration, Instant};

/// How long the next hop may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often the kernel's table is looked at meanwhile, and how often it is nudged.
const LOOK: Duration = Duration::from_millis(10);
const NUDGE: Duration = Duration::from_secs(1);

/// The Ethernet address of the next hop from `device` to `target`. Waits up to three seconds for
/// it to answer.
pub fn resolve(device: &Device, target: IpAddr) -> Result<Mac, Error> {
    let interface = || device.name().to_owned();
    let mut netlink = Netlink::open()?;
    let route = netlink.route_to(target).map_err(|error| Error::NoRoute {
        target,
        interface: interface(),
        error,
    })?;
    if route.is_local {
        return Err(Error::LocalTarget(target));
    }
    if route.interface != device.index() {
        let links = netlink.links()?;
        let other = links.into_iter().find(|link| link.index == route.interface);
        return Err(Error::OtherInterface {
            target,
            interface: interface(),
            other: other.map_or_else(|| "another interface".into(), |link| link.name),
        });
    }
    let next_hop = route.next_hop;
    let began = Instant::now();
    let mut nudge_at = began;
    loop {
        let known = netlink.neighbours()?;
        let found = known.iter().find(|neighbour| {
            neighbour.interface == device.index() && neighbour.address == next_hop
        });
        if let Some(neighbour) = found {
            return Ok(neighbour.mac);
        }
        let now = Instant::now();
        if now - began > PATIENCE {
            return Err(Error::NoNeighbour {
                next_hop,
                target,
                interface: interface(),
            });
        }
        if now >= nudge_at {
            resolve::resolve(device.name(), next_hop)
                .map_err(|error| Error::Resolve { next_hop, error })?;
            nudge_at = now + NUDGE;
        }
        std::thread::sleep(LOOK);
    }
}
