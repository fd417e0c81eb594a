//! What the operator or the machine did, and what to change.

use crate::nic::netlink::Mac;
use crate::nic::{af_xdp, netlink};
use crate::wire::{Address, Endpoint};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Why a server did not start, or did not stop in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to serve on.
    #[error("no interface to serve on: name one")]
    NoInterface,
    /// Nothing to serve.
    #[error("no listener: name at least one endpoint and its service")]
    NoListener,
    /// The same endpoint twice.
    #[error("{0} is listed twice: give each endpoint one service")]
    Twice(Endpoint),
    /// The same interface twice.
    #[error("{0} is named twice: name each interface once")]
    InterfaceTwice(String),
    /// Nobody would find us at a listen address.
    #[error(
        "{address} is neither an address of {interfaces} nor in a network of it: add it with `ip addr add {address}/{bits} dev {interface}`"
    )]
    NotOurAddress {
        /// The address.
        address: Address,
        /// The interfaces that were asked.
        interfaces: String,
        /// The first of them.
        interface: String,
        /// Bits of the prefix to add it with.
        bits: u8,
    },
    /// Another host has a listen address.
    #[error(
        "{address} is taken: {mac} answers for it on {interface}; stop that host, or listen on another address"
    )]
    Taken {
        /// The address.
        address: IpAddr,
        /// The Ethernet address of its owner.
        mac: Mac,
        /// Where the owner is.
        interface: String,
    },
    /// Whether another host has a listen address could not be asked.
    #[error(
        "cannot ask on {interface} whether {address} is taken: {error}; see `ip route get {address}`"
    )]
    Probe {
        /// The address.
        address: IpAddr,
        /// Where it would be ours.
        interface: String,
        /// Why not.
        error: io::Error,
    },
    /// An address that no server can have.
    #[error(
        "{0} cannot be listened on: name an address of the interface, and a port that is not 0"
    )]
    NotAnEndpoint(Endpoint),
    /// An interface carries packets that do not fit our frames.
    #[error(
        "{interface} has an MTU of {mtu}, more than {max}: set it with `ip link set {interface} mtu {max}`"
    )]
    Mtu {
        /// The interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// The largest that fits.
        max: u32,
    },
    /// An interface that is switched off.
    #[error("{0} is down: switch it on with `ip link set {0} up`")]
    Down(String),
    /// More shards than queues.
    #[error(
        "{shards} shards for {queues} queue(s): a shard needs at least one, use --shards {queues} or more queues"
    )]
    Shards {
        /// Shards asked for.
        shards: usize,
        /// Queues there are.
        queues: usize,
    },
    /// More queues asked for than there are.
    #[error(
        "{interface} has {there} receive queue(s), not {asked}: use --queues {there} or `ethtool -L {interface} combined {asked}`"
    )]
    Queues {
        /// The interface.
        interface: String,
        /// Queues asked for.
        asked: u32,
        /// Queues there are.
        there: u32,
    },
    /// A CPU that this process may not use, or too few of them.
    #[error("CPU {cpu} is not one that this process may use: choose from {allowed:?} with --cpus")]
    Cpu {
        /// The CPU.
        cpu: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// Fewer CPUs named than there are shards.
    #[error("{cpus} CPUs for {shards} shards: name one a shard with --cpus")]
    TooFewCpus {
        /// CPUs named.
        cpus: usize,
        /// Shards.
        shards: usize,
    },
    /// The capture file.
    #[error("cannot write the capture to {}: {error}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
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
    #[error("cannot start the thread of shard {shard}: {error}")]
    Thread {
        /// The shard.
        shard: usize,
        /// Why not.
        error: io::Error,
    },
    /// No thread to tend SYN cookies.
    #[error("cannot start the thread that tends SYN cookies: {0}")]
    CookieThread(io::Error),
    /// The CPUs could not be asked for.
    #[error("cannot learn which CPUs this process may use: {0}")]
    Affinity(nix::Error),
    /// Shards could not be joined.
    #[error("cannot make an event descriptor for the hand-over between shards: {0}")]
    Mesh(nix::Error),
    /// A defect of ours.
    #[error("shard {0} ended before it was told to: please report what was printed above")]
    ShardDied(usize),
}
