//! Checks of a configuration against the machine, and what follows from both: which queues,
//! how many shards, on which CPUs.

use super::probe::check_free;
use super::{Error, ServerConfig};
use crate::control::worker;
use crate::limits::{FRAME_BYTES, LINK_HEADER_BYTES};
use crate::nic::af_xdp::QueueSpec;
use crate::nic::device::Device;
use crate::nic::netlink::{InterfaceAddress, Netlink};
use crate::nic::solicited::SolicitedNodes;
use crate::wire::{Address, Endpoint};
use std::collections::BTreeSet;

/// The largest MTU whose packets fit a frame, with two VLAN tags.
const MTU_MAX: u32 = (FRAME_BYTES - LINK_HEADER_BYTES) as u32;

pub(super) fn check_endpoints(config: &ServerConfig) -> Result<(), Error> {
    if config.interfaces.is_empty() {
        return Err(Error::NoInterface);
    }
    for (index, name) in config.interfaces.iter().enumerate() {
        if config.interfaces[..index].contains(name) {
            return Err(Error::InterfaceTwice(name.clone()));
        }
    }
    if config.listeners.is_empty() {
        return Err(Error::NoListener);
    }
    for (index, (endpoint, _)) in config.listeners.iter().enumerate() {
        if endpoint.port == 0 || !endpoint.address.is_unicast() {
            return Err(Error::NotAnEndpoint(*endpoint));
        }
        let before = config.listeners.get(..index).unwrap_or_default();
        if before.iter().any(|(other, _)| other == endpoint) {
            return Err(Error::Twice(*endpoint));
        }
    }
    Ok(())
}

pub(super) fn check_devices(devices: &[Device]) -> Result<(), Error> {
    for device in devices {
        if !device.link().up {
            return Err(Error::Down(device.name().to_owned()));
        }
        if device.mtu() > MTU_MAX {
            return Err(Error::Mtu {
                interface: device.name().to_owned(),
                mtu: device.mtu(),
                max: MTU_MAX,
            });
        }
    }
    Ok(())
}

/// The listen addresses that the kernel does not hold: ours alone, so that we have to answer ARP,
/// ND and ping for them, and every port.
///
/// Such an address is in the network of an interface that is served, where neighbours look for it,
/// and none of them has it. Any other is refused.
pub(super) fn addresses_alone(
    config: &ServerConfig,
    devices: &[Device],
) -> Result<BTreeSet<Address>, Error> {
    let mut usable = Vec::new();
    for device in devices {
        usable.extend(device.addresses()?);
    }
    let mut netlink = Netlink::open()?;
    let mut alone = BTreeSet::new();
    for (endpoint, _) in &config.listeners {
        let address = endpoint.address.to_ip();
        if usable.iter().any(|own| own.address == address) {
            continue;
        }
        // The kernel answers for addresses of its other interfaces too, and for its tentative ones
        // in a moment.
        let held = netlink.is_held(address)?;
        check_on_link(*endpoint, &usable, config)?;
        if !held {
            alone.insert(endpoint.address);
        }
    }
    check_free(&alone, devices)?;
    Ok(alone)
}

fn check_on_link(
    endpoint: Endpoint,
    usable: &[InterfaceAddress],
    config: &ServerConfig,
) -> Result<(), Error> {
    let address = endpoint.address.to_ip();
    if usable.iter().any(|own| own.reserves(address)) {
        return Err(Error::NotAnEndpoint(endpoint));
    }
    if usable.iter().any(|own| own.contains(address)) {
        return Ok(());
    }
    Err(Error::NotOurAddress {
        address: endpoint.address,
        interfaces: config.interfaces.join(", "),
        interface: config.interfaces.first().cloned().unwrap_or_default(),
        bits: if endpoint.address.is_v4() { 32 } else { 128 },
    })
}

/// Lets Neighbor Solicitations for the addresses that are ours alone through to the interfaces.
pub(super) fn join_groups(
    alone: &BTreeSet<Address>,
    devices: &[Device],
    warnings: &mut Vec<String>,
) -> SolicitedNodes {
    let alone: Vec<Address> = alone.iter().copied().collect();
    let mut groups = SolicitedNodes::default();
    for device in devices {
        if let Err(error) = groups.join(device.index(), &alone) {
            warnings.push(format!(
                "cannot join the groups that neighbours look for IPv6 addresses in on {}: {error}; \
                 they may not be found there",
                device.name(),
            ));
        }
    }
    groups
}

pub(super) fn queues_of(
    device: &Device,
    asked: Option<u32>,
    warnings: &mut Vec<String>,
) -> Result<Vec<QueueSpec>, Error> {
    let there = device.rx_queues();
    let used = asked.unwrap_or(there);
    if used == 0 || used > there {
        return Err(Error::Queues {
            interface: device.name().to_owned(),
            asked: used,
            there,
        });
    }
    if used < there {
        warnings.push(format!(
            "{name} receives on {there} queues and {used} are served: what arrives on the others \
             is dropped. `ethtool -L {name} combined {used}` lets it receive on these alone",
            name = device.name(),
        ));
    }
    let queues = (0..used).map(|queue| QueueSpec::new(device.name(), queue));
    Ok(queues.collect())
}

pub(super) fn shards_for(config: &ServerConfig, queues: usize) -> Result<usize, Error> {
    let cores = worker::allowed_cpus().map_err(Error::Affinity)?.len();
    let shards = config.shards.unwrap_or_else(|| queues.min(cores).max(1));
    if shards == 0 || shards > queues {
        return Err(Error::Shards { shards, queues });
    }
    Ok(shards)
}

// The queues of each shard, in turn.
pub(super) fn deal(queues: &[QueueSpec], shards: usize) -> Vec<Vec<QueueSpec>> {
    let of = |shard| queues.iter().skip(shard).step_by(shards).cloned().collect();
    (0..shards).map(of).collect()
}

// The last CPUs by default: interrupts and the kernel's receive work like the first.
pub(super) fn cpus_for(asked: &[usize], shards: usize) -> Result<Vec<usize>, Error> {
    let allowed = worker::allowed_cpus().map_err(Error::Affinity)?;
    if let Some(&cpu) = asked.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(Error::Cpu { cpu, allowed });
    }
    if asked.is_empty() {
        let last_first = allowed.iter().rev().copied().cycle();
        return Ok(last_first.take(shards).collect());
    }
    if asked.len() < shards {
        return Err(Error::TooFewCpus {
            cpus: asked.len(),
            shards,
        });
    }
    Ok(asked.iter().copied().take(shards).collect())
}
