//! Makes the kernel find out a neighbour's Ethernet address by ARP or ND. What it found is in its
//! [`neighbours`](super::netlink::Netlink::neighbours).

use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// The discard port (RFC 863).
const DISCARD: u16 = 9;

/// Sends an empty datagram to `neighbour` by `interface`: to send it, the kernel has to know where
/// the neighbour is. It asks at once, and twice more in intervals of a second.
///
/// # Errors
/// What the kernel said. That it has looked before and found nobody is no error: it looks again.
pub fn resolve(interface: &str, neighbour: IpAddr) -> io::Result<()> {
    let any: IpAddr = match neighbour {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    setsockopt(&socket, BindToDevice, &OsString::from(interface))?;
    match socket.send_to(&[], (neighbour, DISCARD)) {
        Err(error) if error.kind() == io::ErrorKind::HostUnreachable => Ok(()),
        sent => sent.map(drop),
    }
}
