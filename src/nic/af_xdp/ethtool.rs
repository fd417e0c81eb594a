//! Two questions to a driver: what it is called, and how many queues it has.

use super::sys;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::os::fd::AsFd;

/// `struct ethtool_channels` (linux/ethtool.h).
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Channels {
    command: u32,
    max: [u32; 4],
    receive: u32,
    transmit: u32,
    other: u32,
    combined: u32,
}

/// The head of `struct ethtool_drvinfo`, and the rest of it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct DriverName {
    command: u32,
    name: [u8; 32],
    rest: [u8; 160],
}

const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GCHANNELS: u32 = 0x3c;

const _: () = assert!(size_of::<Channels>() == 36 && size_of::<DriverName>() == 196);

fn ask<T: sys::Abi>(interface: &str, mut request: T) -> Option<T> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, SockType::Datagram, flags, None).ok()?;
    sys::ethtool(fd.as_fd(), interface, &mut request).ok()?;
    Some(request)
}

/// Queues of `interface` that receive now; `None` when the driver does not say, as loopback does
/// not. Some drivers add queues when a program is attached, so ask after that.
#[must_use]
pub fn receive_queues(interface: &str) -> Option<u32> {
    let request = Channels {
        command: ETHTOOL_GCHANNELS,
        ..sys::zeroed()
    };
    ask(interface, request).map(|channels| channels.receive + channels.combined)
}

/// Name of the driver of `interface`; `None` when there is none that says.
#[must_use]
pub fn driver(interface: &str) -> Option<String> {
    let request = DriverName {
        command: ETHTOOL_GDRVINFO,
        ..sys::zeroed()
    };
    let name = ask(interface, request)?.name;
    let len = name.iter().position(|octet| *octet == 0)?;
    String::from_utf8(name[..len].to_vec()).ok()
}

/// As [`driver`], for messages.
pub(super) fn driver_or_unknown(interface: &str) -> String {
    driver(interface).unwrap_or_else(|| "(unknown)".into())
}
