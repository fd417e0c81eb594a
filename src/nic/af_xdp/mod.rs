//! The real port: `AF_XDP` sockets, and the XDP program that feeds them.
//!
//! Two things are opened, in this order. A [`Program`] is attached to each interface: it decides
//! in the driver which frames are ours (`xdp/seawall.bpf.c`) and knows the owned addresses and
//! ports. An [`AfXdp`] is opened for each shard: a socket a queue, and one store of frames (a
//! UMEM) for all of them, so that a frame that came by one queue can leave by another without
//! being copied. Then [`AfXdp::register`] tells the programs which socket serves which queue;
//! until it does, what is ours is dropped and counted, because the kernel would answer it with a
//! reset.
//!
//! ```no_run
//! # use seawall::nic::af_xdp::{AfXdp, PortConfig, Program, QueueSpec, XdpMode};
//! # fn main() -> Result<(), seawall::nic::af_xdp::Error> {
//! let mut program = Program::attach("eth0", XdpMode::Auto)?;
//! let queues = [QueueSpec::new("eth0", 0), QueueSpec::new("eth0", 1)];
//! let port = AfXdp::open(&queues, &PortConfig::default())?;
//! port.register(std::slice::from_mut(&mut program))?;
//! program.own("192.0.2.1:80".parse::<std::net::SocketAddr>().unwrap().into())?;
//! # Ok(())
//! # }
//! ```
//!
//! A frame's life: free in the store, offered to the kernel in a *fill* ring, received by a
//! *receive* ring, on loan to the shard as a [`Frame`](crate::nic::Frame), queued in a *transmit*
//! ring, given back by a *completion* ring, free again. Each queue has its own four rings and the
//! free list is common. `PortConfig` demands as many frames as all rings can hold together, so
//! neither side can starve the other.
//!
//! Fall-backs: native XDP, else generic; zero copy, else copy. What was got is in
//! [`Program::is_native`] and [`AfXdp::reports`]. Everything goes away with its value: the
//! program is attached by a link that dies with the process, however the process dies.
//!
//! All `unsafe` of the crate's data path is in the files of this module: `mapping`, `rings` and
//! `umem` for memory shared with the kernel, `sys` for system calls.

mod answers;
mod doors;
mod error;
mod filter;
mod live;
mod mapping;
mod occupant;
mod port;
mod program;
mod refusal;
mod rings;
mod socket;
mod sys;
mod umem;
mod verdict;

pub use answers::{Answers, BLOCKED_MAX, EpochAnswer, LISTENERS_MAX, Orders};
pub use error::Error;
pub use filter::{ADDRESSES_MAX, Action, ENDPOINTS_MAX, Filter, QUEUES_MAX};
pub(crate) use live::run_live;
pub use occupant::{Occupant, occupant};
pub use port::{AfXdp, PortConfig, QueueReport, QueueSpec};
pub use program::{Program, XdpMode};
pub use socket::{CopyMode, Lane, RingSizes};
pub use verdict::{VERDICTS, Verdict, Verdicts};
