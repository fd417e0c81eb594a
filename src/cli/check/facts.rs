//! What `seawall check` looks at, gathered without changing anything.

use crate::nic::device::Device;
use crate::nic::ethtool::{Channels, Offloads};
use crate::nic::netlink::{Error, InterfaceAddress, Netlink, XdpAttachment, XdpFeatures};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::utsname::uname;
use std::{fs, thread};

/// The machine, the process and the interface.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The kernel's release, `6.12.9-amd64`.
    pub release: String,
    /// Effective capabilities of the process, a bit each (`linux/capability.h`).
    pub capabilities: u64,
    /// Octets that the process may lock in memory.
    pub memlock: u64,
    /// Processors that the process may use.
    pub cpus: u32,
    /// The interface, or why it could not be looked at.
    pub interface: Result<InterfaceFacts, Error>,
}

/// One interface.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that hold or do not, each by itself"
)]
pub struct InterfaceFacts {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Is it one end of a veth pair?
    pub is_virtual: bool,
    /// Is it a bond or a team?
    pub is_bond: bool,
    /// The interfaces that belong to it, if it is a bond or a bridge.
    pub ports: Vec<String>,
    /// Is it switched on?
    pub up: bool,
    /// Has it a carrier?
    pub running: bool,
    /// The largest IP packet it carries, in octets.
    pub mtu: u32,
    /// Queues that receive.
    pub queues: u32,
    /// Queues in use and possible; `None` when the driver does not tell.
    pub channels: Option<Channels>,
    /// What XDP the driver says it does; `None` when the kernel does not tell.
    pub features: Option<XdpFeatures>,
    /// The XDP program that is attached.
    pub xdp: Option<XdpAttachment>,
    /// The offloads that are on.
    pub offloads: Offloads,
    /// Its addresses.
    pub addresses: Vec<InterfaceAddress>,
}

impl Facts {
    /// Looks at the machine, at this process and at the interface of this name.
    #[must_use]
    pub fn gather(interface: &str) -> Self {
        Self {
            release: uname().map_or_else(
                |_| String::new(),
                |name| name.release().to_string_lossy().into_owned(),
            ),
            capabilities: effective_capabilities(),
            memlock: getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft),
            cpus: thread::available_parallelism().map_or(1, |cpus| cpus.get() as u32),
            interface: interface_facts(interface),
        }
    }
}

fn effective_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("CapEff:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn interface_facts(name: &str) -> Result<InterfaceFacts, Error> {
    let device = Device::open(name)?;
    let links = Netlink::open()?.links()?;
    let ports = links
        .into_iter()
        .filter(|link| link.controller == Some(device.index()));
    Ok(InterfaceFacts {
        name: name.to_owned(),
        driver: device.driver().to_owned(),
        is_virtual: device.is_virtual(),
        is_bond: device.is_bond(),
        ports: ports.map(|link| link.name).collect(),
        up: device.link().up,
        running: device.link().running,
        mtu: device.mtu(),
        queues: device.rx_queues(),
        channels: device.channels(),
        features: device.xdp_features(),
        xdp: device.link().xdp,
        offloads: device.offloads()?,
        addresses: device.addresses()?,
    })
}
