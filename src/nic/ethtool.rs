//! Facts that only the driver knows, by the `SIOCETHTOOL` ioctl: its name, channels, rings and
//! offloads. Reading only; `deploy/tune-nic` does the setting.
//!
//! Not from `/sys/class/net`: that shows the network namespace of whoever mounted it, not ours.

use super::netlink::Error;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::os::fd::{AsRawFd, OwnedFd};

// include/uapi/linux/ethtool.h
const GDRVINFO: u32 = 0x03;
const GRINGPARAM: u32 = 0x10;
const GTSO: u32 = 0x1e;
const GFLAGS: u32 = 0x25;
const GGRO: u32 = 0x2b;
const GCHANNELS: u32 = 0x3c;
const FLAG_LRO: u32 = 1 << 15;

/// The driver of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Its name, as `ethtool -i` shows it.
    pub name: String,
    /// Its version; the kernel's, for drivers that come with it.
    pub version: String,
    /// Where the device sits on its bus; empty when there is none.
    pub bus: String,
}

/// Queues of an interface, as `ethtool -l` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channels {
    /// Queues in use that receive and transmit.
    pub combined: u32,
    /// Further queues in use that only receive.
    pub rx: u32,
    /// Further queues in use that only transmit.
    pub tx: u32,
    /// How many `combined` could be.
    pub combined_max: u32,
    /// How many `rx` could be.
    pub rx_max: u32,
}

impl Channels {
    /// Queues in use that receive.
    #[must_use]
    pub const fn receiving(&self) -> u32 {
        self.combined + self.rx
    }
}

/// Frames in the rings of one queue, as `ethtool -g` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rings {
    /// Frames of a receive ring.
    pub rx: u32,
    /// Frames of a transmit ring.
    pub tx: u32,
    /// How many `rx` could be.
    pub rx_max: u32,
    /// How many `tx` could be.
    pub tx_max: u32,
}

/// Which work on frames is left to the NIC, or done by the kernel on what it received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Generic receive offload: the kernel joins segments.
    pub gro: bool,
    /// Large receive offload: the NIC joins segments.
    pub lro: bool,
    /// TCP segmentation offload: the NIC cuts large packets into segments.
    pub tso: bool,
}

/// Asks the drivers of one network namespace: the one of the thread that opened it.
#[derive(Debug)]
pub struct Ethtool(OwnedFd);

impl Ethtool {
    /// Opens a socket in the calling thread's network namespace.
    pub fn open() -> Result<Self, Error> {
        let (family, flags) = (AddressFamily::Inet, SockFlag::SOCK_CLOEXEC);
        let opened = socket(family, SockType::Datagram, flags, None);
        let opened = opened.map_err(|errno| Error::refused("opening a socket for ioctl", errno))?;
        Ok(Self(opened))
    }

    /// The driver; `None` when it does not tell.
    pub fn driver(&self, interface: &str) -> Result<Option<Driver>, Error> {
        let mut request = DrvInfo::default();
        let told = self.ask(interface, "driver", &mut request)?;
        Ok(told.then(|| Driver {
            name: text(&request.driver),
            version: text(&request.version),
            bus: text(&request.bus_info),
        }))
    }

    /// The queues; `None` when the driver does not tell, as those with one queue do.
    pub fn channels(&self, interface: &str) -> Result<Option<Channels>, Error> {
        let mut request = ChannelsRequest::default();
        let told = self.ask(interface, "channels", &mut request)?;
        Ok(told.then_some(Channels {
            combined: request.combined_count,
            rx: request.rx_count,
            tx: request.tx_count,
            combined_max: request.max_combined,
            rx_max: request.max_rx,
        }))
    }

    /// The rings; `None` when there are none, or the driver does not tell.
    pub fn rings(&self, interface: &str) -> Result<Option<Rings>, Error> {
        let mut request = RingParam::default();
        let told = self.ask(interface, "rings", &mut request)?;
        Ok(told.then_some(Rings {
            rx: request.rx_pending,
            tx: request.tx_pending,
            rx_max: request.rx_max_pending,
            tx_max: request.tx_max_pending,
        }))
    }

    /// The offloads. What a driver does not tell counts as off.
    pub fn offloads(&self, interface: &str) -> Result<Offloads, Error> {
        let value = |command| -> Result<u32, Error> {
            let mut request = Value { command, data: 0 };
            let told = self.ask(interface, "offloads", &mut request)?;
            Ok(if told { request.data } else { 0 })
        };
        Ok(Offloads {
            gro: value(GGRO)? != 0,
            lro: value(GFLAGS)? & FLAG_LRO != 0,
            tso: value(GTSO)? != 0,
        })
    }

    // Has the driver filled in `request`? A driver that does not support the question is no error.
    #[expect(unsafe_code, reason = "SIOCETHTOOL has no safe wrapper")]
    fn ask<T: Request>(&self, interface: &str, of: &str, request: &mut T) -> Result<bool, Error> {
        let what = || format!("asking for the {of} of {interface}");
        let mut name = [0; libc::IFNAMSIZ];
        // The kernel wants the name to end in a zero octet.
        if interface.len() >= name.len() {
            return Err(Error::refused(what(), Errno::ENODEV));
        }
        for (to, from) in name.iter_mut().zip(interface.bytes()) {
            *to = from.cast_signed();
        }
        let mut envelope = libc::ifreq {
            ifr_name: name,
            ifr_ifru: libc::__c_anonymous_ifr_ifru {
                ifru_data: (&raw mut *request).cast(),
            },
        };
        // SAFETY: `ifr_data` points at `request`, which is borrowed for longer than the call. Its
        // type, by the promise of `Request`, begins with the command and has the size that the
        // kernel reads and writes for that command, plain integers throughout.
        let code = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCETHTOOL, &raw mut envelope) };
        match Errno::result(code) {
            Ok(_) => Ok(true),
            Err(Errno::EOPNOTSUPP) => Ok(false),
            Err(errno) => Err(Error::refused(what(), errno)),
        }
    }
}

/// A struct of `linux/ethtool.h`: begins with its command, made of integers, of the kernel's size.
trait Request {}

impl Request for DrvInfo {}
impl Request for ChannelsRequest {}
impl Request for RingParam {}
impl Request for Value {}

#[repr(C)]
struct DrvInfo {
    command: u32,
    driver: [u8; 32],
    version: [u8; 32],
    fw_version: [u8; 32],
    bus_info: [u8; 32],
    erom_version: [u8; 32],
    reserved: [u8; 12],
    n_priv_flags: u32,
    n_stats: u32,
    testinfo_len: u32,
    eedump_len: u32,
    regdump_len: u32,
}

impl Default for DrvInfo {
    fn default() -> Self {
        Self {
            command: GDRVINFO,
            driver: [0; 32],
            version: [0; 32],
            fw_version: [0; 32],
            bus_info: [0; 32],
            erom_version: [0; 32],
            reserved: [0; 12],
            n_priv_flags: 0,
            n_stats: 0,
            testinfo_len: 0,
            eedump_len: 0,
            regdump_len: 0,
        }
    }
}

#[repr(C)]
struct ChannelsRequest {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx_count: u32,
    tx_count: u32,
    other_count: u32,
    combined_count: u32,
}

impl Default for ChannelsRequest {
    fn default() -> Self {
        Self {
            command: GCHANNELS,
            max_rx: 0,
            max_tx: 0,
            max_other: 0,
            max_combined: 0,
            rx_count: 0,
            tx_count: 0,
            other_count: 0,
            combined_count: 0,
        }
    }
}

#[repr(C)]
struct RingParam {
    command: u32,
    rx_max_pending: u32,
    rx_mini_max_pending: u32,
    rx_jumbo_max_pending: u32,
    tx_max_pending: u32,
    rx_pending: u32,
    rx_mini_pending: u32,
    rx_jumbo_pending: u32,
    tx_pending: u32,
}

impl Default for RingParam {
    fn default() -> Self {
        Self {
            command: GRINGPARAM,
            rx_max_pending: 0,
            rx_mini_max_pending: 0,
            rx_jumbo_max_pending: 0,
            tx_max_pending: 0,
            rx_pending: 0,
            rx_mini_pending: 0,
            rx_jumbo_pending: 0,
            tx_pending: 0,
        }
    }
}

#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

const _: () = assert!(size_of::<DrvInfo>() == 196);
const _: () = assert!(size_of::<ChannelsRequest>() == 36);
const _: () = assert!(size_of::<RingParam>() == 36);
const _: () = assert!(size_of::<Value>() == 8);

// Up to the first zero octet.
fn text(octets: &[u8]) -> String {
    let text = octets.split(|octet| *octet == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
