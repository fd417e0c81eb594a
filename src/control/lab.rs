//! The lab: a server and a client, two network namespaces joined by veth, and nothing else.
//!
//! ```text
//! server namespace                                  client namespace
//!   sw0  10.73.0.1/16, 2001:db8:73::1/64   ======   sw1  10.73.0.2/16 .., 2001:db8:73::2/64 ..
//! ```
//!
//! Offloads stay as the kernel makes them: frames from the client's kernel carry half a checksum
//! (`CHECKSUM_PARTIAL`), which is the hard case. Made through netlink alone, it needs no tools and
//! disappears with the process; other topologies are made of the same parts, see
//! [`namespace`](super::namespace).

use super::namespace::{Error, Namespace, join};
use crate::nic::netlink::{InterfaceAddress, Netlink};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The server's interface.
pub const SERVER_INTERFACE: &str = "sw0";

/// The client's interface.
pub const CLIENT_INTERFACE: &str = "sw1";

/// Bits of the lab's IPv4 network, 10.73.0.0.
const PREFIX_V4: u8 = 16;

/// Bits of the lab's IPv6 network, `2001:db8:73::`.
const PREFIX_V6: u8 = 64;

/// What a lab is to look like.
#[derive(Clone, Debug)]
pub struct LabConfig {
    /// Receive queues, and as many transmit queues, of each end.
    pub queues: u32,
    /// The largest IP packet on the veth, in octets.
    pub mtu: u32,
    /// Addresses of the server.
    pub server: Vec<InterfaceAddress>,
    /// Addresses of the client.
    pub client: Vec<InterfaceAddress>,
    /// Tell both ends each other's Ethernet addresses, so that there is neither ARP nor ND.
    pub neighbours: bool,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self {
            queues: 1,
            mtu: 1500,
            server: vec![lab_v4(1), lab_v6(1)],
            client: vec![lab_v4(2), lab_v6(2)],
            neighbours: false,
        }
    }
}

impl LabConfig {
    /// Gives the client the first `count` client addresses of each family: as many times 64,512
    /// connections to one server port can be open at once.
    #[must_use]
    pub fn with_clients(mut self, count: u16) -> Self {
        let hosts = (0..count).map(|n| n.saturating_add(2));
        self.client = hosts
            .flat_map(|host| [lab_v4(host), lab_v6(host)])
            .collect();
        self
    }

    /// Gives each end this many queues.
    #[must_use]
    pub const fn with_queues(mut self, queues: u32) -> Self {
        self.queues = queues;
        self
    }
}

/// `10.73.0.0/16`, host `host`.
#[must_use]
pub fn lab_v4(host: u16) -> InterfaceAddress {
    let [high, low] = host.to_be_bytes();
    InterfaceAddress::new(Ipv4Addr::new(10, 73, high, low), PREFIX_V4)
}

/// `2001:db8:73::/64`, host `host`.
#[must_use]
pub fn lab_v6(host: u16) -> InterfaceAddress {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0x73, 0, 0, 0, 0, host);
    InterfaceAddress::new(address, PREFIX_V6)
}

/// Two namespaces joined by veth. The veth goes when this is dropped, the namespaces once nobody
/// else (a child process, a socket) holds them open; all of it when the process ends, however it
/// ends.
#[derive(Debug)]
pub struct Lab {
    server: Namespace,
    client: Namespace,
    config: LabConfig,
    // Opened in the server's namespace, to take the veth away from wherever the lab is dropped.
    netlink: Netlink,
}

impl Drop for Lab {
    // The namespaces go when their descriptors are closed, but some time later, and not while
    // others are in them. The veth goes now.
    fn drop(&mut self) {
        if let Ok(link) = self.netlink.link(SERVER_INTERFACE) {
            // It can only fail because the veth has gone already.
            let _ = self.netlink.delete_link(&link);
        }
    }
}

impl Lab {
    /// Makes it; when this returns both ends are up and every address can be used. Needs
    /// `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`.
    pub fn new(config: &LabConfig) -> Result<Self, Error> {
        let config = config.clone();
        let (server, client) = (Namespace::new()?, Namespace::new()?);
        let ends = ((&server, SERVER_INTERFACE), (&client, CLIENT_INTERFACE));
        join(ends.0, ends.1, config.queues, config.mtu)?;
        server.configure(SERVER_INTERFACE, &config.server)?;
        client.configure(CLIENT_INTERFACE, &config.client)?;
        // A client of many short connections: every port, and each again as soon as it is free.
        client.sysctl("net.ipv4.ip_local_port_range", "1024 65535")?;
        client.sysctl("net.ipv4.tcp_tw_reuse", "1")?;
        if config.neighbours {
            let of = |addresses: &[InterfaceAddress]| -> Vec<IpAddr> {
                addresses.iter().map(|address| address.address).collect()
            };
            let (to_server, to_client) = (of(&config.server), of(&config.client));
            server.set_neighbours(SERVER_INTERFACE, &client, CLIENT_INTERFACE, to_client)?;
            client.set_neighbours(CLIENT_INTERFACE, &server, SERVER_INTERFACE, to_server)?;
        }
        let netlink = server.run(Netlink::open)?;
        Ok(Self {
            server,
            client,
            config,
            netlink,
        })
    }

    /// The namespace that holds [`SERVER_INTERFACE`].
    #[must_use]
    pub const fn server(&self) -> &Namespace {
        &self.server
    }

    /// The namespace that holds [`CLIENT_INTERFACE`].
    #[must_use]
    pub const fn client(&self) -> &Namespace {
        &self.client
    }

    /// What it was made from.
    #[must_use]
    pub const fn config(&self) -> &LabConfig {
        &self.config
    }

    /// The server's addresses.
    pub fn server_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.config.server.iter().map(|address| address.address)
    }

    /// The client's addresses.
    pub fn client_addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.config.client.iter().map(|address| address.address)
    }
}
