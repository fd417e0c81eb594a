//! Is a listen address that the kernel does not hold free? The kernel is made to look for its owner,
//! as a host does before it takes an address (RFC 5227 §2.1, RFC 4862 §5.4).

use super::Error;
use crate::nic::device::Device;
use crate::nic::netlink::{Neighbour, Netlink};
use crate::nic::resolve::resolve;
use crate::wire::Address;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How long an owner has to answer: the kernel asks at once and again after a second.
const PATIENCE: Duration = Duration::from_millis(1300);

/// How often the kernel is asked meanwhile what it has found.
const LOOK: Duration = Duration::from_millis(10);

/// Refuses addresses that another host on a link of ours answers for.
pub(super) fn check_free(alone: &BTreeSet<Address>, devices: &[Device]) -> Result<(), Error> {
    let mut sought = Vec::new();
    for device in devices {
        let networks = device.addresses()?;
        let is_here = |ip: &IpAddr| networks.iter().any(|network| network.contains(*ip));
        let here = alone.iter().map(|address| address.to_ip()).filter(is_here);
        sought.extend(here.map(|ip| (device, ip)));
    }
    if sought.is_empty() {
        return Ok(());
    }
    let mut netlink = Netlink::open()?;
    // What was learned some time ago may not be so any more.
    for (_, learned) in found(&mut netlink, &sought)? {
        if !learned.is_permanent {
            netlink.forget_neighbour(&learned)?;
        }
    }
    for (device, ip) in &sought {
        resolve(device.name(), *ip).map_err(|error| Error::Probe {
            address: *ip,
            interface: device.name().to_owned(),
            error,
        })?;
    }
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some((device, owner)) = found(&mut netlink, &sought)?.first() {
            return Err(Error::Taken {
                address: owner.address,
                mac: owner.mac,
                interface: device.name().to_owned(),
            });
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

// Those of `sought` that the kernel knows an Ethernet address of.
fn found<'a>(
    netlink: &mut Netlink,
    sought: &[(&'a Device, IpAddr)],
) -> Result<Vec<(&'a Device, Neighbour)>, Error> {
    let known = netlink.neighbours()?.into_iter();
    let found = known.filter_map(|neighbour| {
        let (device, _) = sought.iter().find(|(device, ip)| {
            neighbour.address == *ip && neighbour.interface == device.index()
        })?;
        Some((*device, neighbour))
    });
    Ok(found.collect())
}
