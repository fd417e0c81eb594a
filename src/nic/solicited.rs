//! The groups that Neighbor Solicitations go to (RFC 4291 §2.7.1), joined for addresses that the
//! kernel does not hold: otherwise the NIC's filter, or a switch that listens to MLD, would keep
//! them from us. What arrives there is read by nobody but the XDP program.

use crate::wire::Address;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, UdpSocket};

/// Groups that one socket may join under the smallest usual `net.core.optmem_max`.
const GROUPS_PER_SOCKET: usize = 100;

/// Membership of groups; it ends when this is dropped.
#[derive(Debug, Default)]
pub struct SolicitedNodes(Vec<UdpSocket>);

impl SolicitedNodes {
    /// Joins the groups of all IPv6 addresses among `addresses`, on the interface of this number.
    ///
    /// # Errors
    /// What the kernel said: `ENODEV` when IPv6 is switched off on the interface.
    pub fn join(&mut self, interface: u32, addresses: &[Address]) -> io::Result<()> {
        let v6 = addresses.iter().filter(|address| !address.is_v4());
        let groups: BTreeSet<Address> = v6.map(Address::solicited_node).collect();
        let groups: Vec<Address> = groups.into_iter().collect();
        for some in groups.chunks(GROUPS_PER_SOCKET) {
            // Not bound: it has no port, and nothing is delivered to it.
            let flags = SockFlag::SOCK_CLOEXEC;
            let member = socket(AddressFamily::Inet6, SockType::Datagram, flags, None)?;
            let member = UdpSocket::from(member);
            for group in some {
                if let IpAddr::V6(group) = group.to_ip() {
                    member.join_multicast_v6(&group, interface)?;
                }
            }
            self.0.push(member);
        }
        Ok(())
    }
}
