//! One network interface and what can be known of it before a ring is opened.
//!
//! A [`Device`] remembers what does not change while it is used; what does (addresses, the XDP
//! program in place, offloads) is asked anew each time, in the network namespace of the thread
//! that asks. That thread must be in the namespace where the device was opened.

use super::ethtool::{Channels, Driver, Ethtool, Offloads, Rings};
use super::netlink::{
    Error, InterfaceAddress, Link, Mac, Netlink, XdpAttachment, XdpFeatures, xdp_features,
};

/// A network interface.
#[derive(Clone, Debug)]
pub struct Device {
    link: Link,
    driver: Option<Driver>,
    channels: Option<Channels>,
    rings: Option<Rings>,
    features: Option<XdpFeatures>,
}

impl Device {
    /// Looks up the interface of this name in the calling thread's network namespace. The error
    /// for a missing one lists those that exist.
    pub fn open(name: &str) -> Result<Self, Error> {
        let link = Netlink::open()?.link(name)?;
        let ethtool = Ethtool::open()?;
        Ok(Self {
            driver: ethtool.driver(name)?,
            channels: ethtool.channels(name)?,
            rings: ethtool.rings(name)?,
            features: xdp_features(&link)?,
            link,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// Its number in its namespace.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.link.index
    }

    /// Its Ethernet address.
    #[must_use]
    pub const fn mac(&self) -> Mac {
        self.link.mac
    }

    /// The largest IP packet it carries, in octets.
    #[must_use]
    pub const fn mtu(&self) -> u32 {
        self.link.mtu
    }

    /// The kernel's description of it when it was opened.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// The name of its driver, or of the software that makes it.
    #[must_use]
    pub fn driver(&self) -> &str {
        let driver = self.driver.as_ref().map(|driver| driver.name.as_str());
        driver.or(self.link.kind.as_deref()).unwrap_or("unknown")
    }

    /// Is it one end of a veth pair? A frame from the other end's kernel never crossed a wire, and
    /// its TCP checksum may be the sum of the pseudo-header alone.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.link.kind.as_deref() == Some("veth")
    }

    /// Is it a bond or a team? XDP belongs on the interfaces below it.
    #[must_use]
    pub fn is_bond(&self) -> bool {
        matches!(self.link.kind.as_deref(), Some("bond" | "team"))
    }

    /// Queues that receive now: numbers 0 to this less 1. A driver that does not tell has one.
    ///
    /// Attaching an XDP program may change it (`virtio_net`): open the device again afterwards.
    #[must_use]
    pub fn rx_queues(&self) -> u32 {
        let receiving = self.channels.map_or(1, |channels| channels.receiving());
        receiving.max(1)
    }

    /// The queues in use and how many there could be.
    #[must_use]
    pub const fn channels(&self) -> Option<Channels> {
        self.channels
    }

    /// Sizes of the NIC's own rings.
    #[must_use]
    pub const fn rings(&self) -> Option<Rings> {
        self.rings
    }

    /// What XDP the driver says it does; `None` when the kernel does not tell (before Linux 6.3).
    #[must_use]
    pub const fn xdp_features(&self) -> Option<XdpFeatures> {
        self.features
    }

    /// Its addresses now, those that the kernel answers for.
    pub fn addresses(&self) -> Result<Vec<InterfaceAddress>, Error> {
        Netlink::open()?.addresses(&self.link)
    }

    /// The XDP program that is attached now.
    pub fn xdp_attached(&self) -> Result<Option<XdpAttachment>, Error> {
        Ok(Netlink::open()?.link(self.name())?.xdp)
    }

    /// The offloads that are on now.
    pub fn offloads(&self) -> Result<Offloads, Error> {
        Ethtool::open()?.offloads(self.name())
    }
}

/// The name of the driver of `interface`, for messages about something that failed there.
pub(super) fn driver_of(interface: &str) -> String {
    Device::open(interface).map_or_else(|_| "(unknown)".into(), |device| device.driver().into())
}

/// Receive queues of `interface`; `None` when it does not exist.
pub(super) fn queues_of(interface: &str) -> Option<u32> {
    Device::open(interface)
        .ok()
        .map(|device| device.rx_queues())
}
