//! What the operator or the machine did, and what to change.

use crate::load::PlanError;
use crate::nic::{af_xdp, netlink};
use crate::wire::Address;
use core::net::IpAddr;
use std::io;

/// Why a load did not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for cannot be done.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The kernel has no way to the target.
    #[error("no route to {target} from {interface}: {error}")]
    NoRoute {
        /// The target.
        target: IpAddr,
        /// The interface.
        interface: String,
        /// The kernel's answer.
        error: netlink::Error,
    },
    /// The kernel's way to the target is another one.
    #[error(
        "the route to {target} leaves by {other}, not by {interface}: name that one with \
         --interface, or add a route with `ip route add {target} dev {interface}`"
    )]
    OtherInterface {
        /// The target.
        target: IpAddr,
        /// The interface that was named.
        interface: String,
        /// The interface of the route.
        other: String,
    },
    /// The target is this machine.
    #[error(
        "{0} is an address of this machine, which no frame leaves for: load it from another \
         machine or network namespace"
    )]
    LocalTarget(IpAddr),
    /// Nobody answers for the next hop.
    #[error(
        "nobody on {interface} answers for {next_hop}, the next hop to {target}: is it up? \
         `ip neighbour add {next_hop} lladdr MAC dev {interface}` sets it by hand"
    )]
    NoNeighbour {
        /// The next hop.
        next_hop: IpAddr,
        /// The target.
        target: IpAddr,
        /// The interface.
        interface: String,
    },
    /// The next hop could not be asked for.
    #[error("cannot ask for the Ethernet address of {next_hop}: {error}")]
    Resolve {
        /// The next hop.
        next_hop: IpAddr,
        /// Why not.
        error: io::Error,
    },
    /// A source address that the kernel uses.
    #[error(
        "{address} is the kernel's own address on {interface}, and TCP to it would be taken away \
         from the kernel: name a --source without it"
    )]
    KernelAddress {
        /// The address.
        address: Address,
        /// The interface.
        interface: String,
    },
    /// An interface that is switched off.
    #[error("{0} is down: switch it on with `ip link set {0} up`")]
    Down(String),
    /// No random numbers.
    #[error("no secrets from the operating system: {0}")]
    Secrets(#[from] getrandom::Error),
    /// An interface could not be looked at.
    #[error(transparent)]
    Device(#[from] netlink::Error),
    /// Program, sockets or rings.
    #[error(transparent)]
    AfXdp(#[from] af_xdp::Error),
    /// No thread.
    #[error("cannot start the thread of the load: {0}")]
    Thread(io::Error),
    /// A defect of ours.
    #[error("the load ended before its time: please report what was printed above")]
    Died,
}
