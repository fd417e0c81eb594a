//! Why resilience cannot be measured.

use crate::control::{namespace, server};
use crate::flood::{self, Rate};
use crate::nic::af_xdp;
use std::error::Error as StdError;
use std::io;

/// Why resilience cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The flood needs a core of its own.
    #[error(
        "resilience needs CPUs 0 and 1, one for the server and its clients and one for the flood; \
         this process may use {allowed:?}; `taskset -p` shows and changes that"
    )]
    TooFewCpus {
        /// What it may use.
        allowed: Vec<usize>,
    },
    /// The lab was refused.
    #[error(transparent)]
    Namespace(#[from] namespace::Error),
    /// `serve` does not start, or ended badly.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// The forwarder does not start.
    #[error(transparent)]
    AfXdp(#[from] af_xdp::Error),
    /// The flood does not start, or ended early.
    #[error(transparent)]
    Flood(#[from] flood::Error),
    /// Nothing left.
    #[error(
        "no frame of the flood of {} a second left within 5 s: something else has CPU 1, or its interface; \
         stop that and run it again", .rate.per_s()
    )]
    NoFlood {
        /// Segments a second that were asked for.
        rate: Rate,
    },
    /// The flood may not be.
    #[error(transparent)]
    Refusal(#[from] flood::Refusal),
    /// The program that counts answers is refused.
    #[error("the kernel refuses the XDP program that counts answers on {interface}")]
    Sink {
        /// Interface of the lab.
        interface: String,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The first connections, before any flood, did not open.
    #[error("the server in the lab does not take connections, without any flood: {0}")]
    NotServed(io::Error),
    /// The synproxy's rules were refused.
    #[error("nft refuses the rules of the synproxy: {0}; leave nft-synproxy out of --against")]
    Nft(String),
    /// A system call of clients, or of a thread, failed.
    #[error("a system call of the lab's clients, servers or threads failed")]
    Io(#[from] io::Error),
    /// The same.
    #[error("a system call of the lab's clients, servers or threads failed")]
    System(#[from] nix::Error),
    /// No random seed.
    #[error("the operating system gives no random octets")]
    Random(#[from] getrandom::Error),
}
