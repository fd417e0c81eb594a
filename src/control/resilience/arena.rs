//! Where it takes place: a lab, and in [`Topology::Apart`] an attacker with a veth of its own.
//!
//! ```text
//! client namespace        server namespace                attacker namespace
//!   sw1 10.73.0.2 ..  ==  sw0 10.73.0.1
//!                         sw2 10.74.0.1/30           ==     sw3 10.74.0.2/30
//! ```
//!
//! Everybody goes to 10.73.0.1. In [`Topology::Shared`] the flood leaves by the client's own
//! interface, sw1, and the server's queue, where it is polled at all, is polled by a thread on the
//! attacker's core ([`Arena::settle`]). All neighbours are permanent, so nobody asks in the middle of
//! a flood.

use super::sink::Sink;
use super::{Error, Topology};
use crate::control::lab::{CLIENT_INTERFACE, Lab, LabConfig, SERVER_INTERFACE};
use crate::control::namespace::{Error as NamespaceError, Namespace, join};
use crate::nic::napi::poll_on;
use crate::nic::netlink::{Error as NetlinkError, InterfaceAddress, Netlink};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Where the contestants listen.
pub(super) const TARGET: SocketAddr = SocketAddr::new(SERVER, 80);

/// Where they throw away what comes.
pub(super) const BULK: SocketAddr = SocketAddr::new(SERVER, 9);

/// The core of the server and of the honest clients.
pub(super) const SERVER_CPU: usize = 0;

/// The core of the attacker.
pub(super) const ATTACKER_CPU: usize = 1;

const SERVER: IpAddr = v4(10, 73, 0, 1);
const CLIENT: IpAddr = v4(10, 73, 0, 2);

/// Client addresses: so many, that no tuple comes again while the server remembers it.
const CLIENTS: u16 = 8;

const BACK_INTERFACE: &str = "sw2";
const ATTACKER_INTERFACE: &str = "sw3";
const BACK: IpAddr = v4(10, 74, 0, 1);
const ATTACKER: IpAddr = v4(10, 74, 0, 2);
const LINK_BITS: u8 = 30;

/// Connections that a listener of the kernel may have waiting.
const BACKLOG: &str = "4096";

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// The namespaces, made for one contestant and gone with it.
pub(super) struct Arena {
    lab: Lab,
    attacker: Option<Namespace>,
    sink: Arc<Sink>,
}

impl Arena {
    pub(super) fn new(topology: Topology) -> Result<Self, Error> {
        let config = LabConfig {
            neighbours: true,
            ..LabConfig::default().with_clients(CLIENTS)
        };
        let lab = Lab::new(&config)?;
        let (interface, gateway, attacker) = match topology {
            Topology::Apart => (BACK_INTERFACE, ATTACKER, Some(attacker_of(&lab)?)),
            Topology::Shared => (SERVER_INTERFACE, CLIENT, None),
        };
        let server = lab.server();
        server.set_route(interface, benchmark(), gateway)?;
        server.sysctl("net.core.somaxconn", BACKLOG)?;
        server.sysctl("net.ipv4.tcp_max_syn_backlog", BACKLOG)?;
        server.sysctl("net.ipv4.tcp_syncookies", "1")?;
        for scope in ["all", interface] {
            // 10.73.0.1 is asked for by the way of another network.
            server.sysctl(&format!("net.ipv4.conf.{scope}.rp_filter"), "0")?;
        }
        let attacks_from = attacker.as_ref().unwrap_or(lab.client());
        let sink = attacks_from.run(|| Sink::attach(attacker_interface(attacker.is_some())))?;
        Ok(Self {
            lab,
            attacker,
            sink: Arc::new(sink),
        })
    }

    pub(super) const fn server(&self) -> &Namespace {
        self.lab.server()
    }

    pub(super) const fn client(&self) -> &Namespace {
        self.lab.client()
    }

    /// Where honest connections come from.
    pub(super) fn sources(&self) -> Vec<Ipv4Addr> {
        let v4 = self.lab.client_addresses().filter_map(|ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        v4.collect()
    }

    /// The namespace that the flood leaves from, and the interface.
    pub(super) fn attacker(&self) -> (&Namespace, &'static str) {
        let namespace = self.attacker.as_ref().unwrap_or(self.lab.client());
        (namespace, attacker_interface(self.attacker.is_some()))
    }

    /// A contestant is ready, and with it the queue that it is flooded by: in [`Topology::Shared`] it
    /// is polled on the attacker's core from now on, first of all, as a NIC would have it. Otherwise
    /// it would be polled by whoever found it empty, the honest clients on the server's core for
    /// one, and the flood would overflow it while they have other things to do: then most of what
    /// is measured is frames that nobody ever saw.
    pub(super) fn settle(&self) -> Result<(), Error> {
        if self.attacker.is_some() {
            return Ok(());
        }
        let settled = self.lab.server().run(|| -> Result<(), NetlinkError> {
            let link = Netlink::open()?.link(SERVER_INTERFACE)?;
            poll_on(&link, ATTACKER_CPU).map(drop)
        });
        Ok(settled.map_err(NamespaceError::from)?)
    }

    /// Counts the answers to the flood.
    pub(super) const fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }

    /// All interfaces of the server; the last is the one that the flood comes by.
    pub(super) fn server_interfaces(&self) -> &'static [&'static str] {
        if self.attacker.is_some() {
            &[SERVER_INTERFACE, BACK_INTERFACE]
        } else {
            &[SERVER_INTERFACE]
        }
    }

    /// The interface of the server that the flood comes by.
    pub(super) fn flooded_interface(&self) -> &'static str {
        if self.attacker.is_some() {
            BACK_INTERFACE
        } else {
            SERVER_INTERFACE
        }
    }
}

const fn attacker_interface(is_apart: bool) -> &'static str {
    if is_apart {
        ATTACKER_INTERFACE
    } else {
        CLIENT_INTERFACE
    }
}

/// Where floods come from (RFC 2544).
fn benchmark() -> InterfaceAddress {
    InterfaceAddress::new(v4(198, 18, 0, 0), 15)
}

fn attacker_of(lab: &Lab) -> Result<Namespace, Error> {
    let (server, attacker) = (lab.server(), Namespace::new()?);
    let ends = ((server, BACK_INTERFACE), (&attacker, ATTACKER_INTERFACE));
    join(ends.0, ends.1, 1, lab.config().mtu)?;
    let at = |address| [InterfaceAddress::new(address, LINK_BITS)];
    server.configure(BACK_INTERFACE, &at(BACK))?;
    attacker.configure(ATTACKER_INTERFACE, &at(ATTACKER))?;
    server.set_neighbours(BACK_INTERFACE, &attacker, ATTACKER_INTERFACE, [ATTACKER])?;
    attacker.set_neighbours(ATTACKER_INTERFACE, server, BACK_INTERFACE, [BACK])?;
    let server = InterfaceAddress::new(SERVER, 32);
    attacker.set_route(ATTACKER_INTERFACE, server, BACK)?;
    Ok(attacker)
}
