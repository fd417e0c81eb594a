//! What to serve, and with what.

use super::CookiePathConfig;
use crate::control::clock::Clock;
use crate::control::worker::Idle;
use crate::nic::af_xdp::{CopyMode, XdpMode};
use crate::service::Service;
use crate::shard::{ShardConfig, Tap};
use crate::wire::Endpoint;
use std::path::PathBuf;

/// Makes the service of one listener, once for each shard.
pub type ServiceFactory = Box<dyn Fn() -> Box<dyn Service> + Send>;

/// Makes what watches the segments of a shard.
pub type TapFactory = Box<dyn Fn() -> Box<dyn Tap> + Send>;

/// What the checksum of an arriving segment may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ChecksumRule {
    /// Verify; on veth accept a sum of the pseudo-header alone as well, since frames from the
    /// other end's kernel have no more.
    #[default]
    Auto,
    /// Verify on every interface.
    Verify,
    /// Accept a sum of the pseudo-header alone on every interface.
    TrustPartial,
}

impl ChecksumRule {
    /// Is a checksum of the pseudo-header alone accepted on an interface?
    #[must_use]
    pub const fn trusts_partial(self, is_virtual: bool) -> bool {
        match self {
            Self::Auto => is_virtual,
            Self::Verify => false,
            Self::TrustPartial => true,
        }
    }
}

/// What to serve, and with what.
pub struct ServerConfig {
    /// Interfaces, by name.
    pub interfaces: Vec<String>,
    /// Use the first so many queues of each interface; all when `None`.
    pub queues: Option<u32>,
    /// Number of shards; a shard a queue, at most one a core, when `None`.
    pub shards: Option<usize>,
    /// Where the XDP program runs.
    pub xdp_mode: XdpMode,
    /// Zero copy or copy.
    pub copy: CopyMode,
    /// What the checksum of an arriving segment may be.
    pub checksum: ChecksumRule,
    /// The CPU of each shard; the last ones that the process may use, when empty.
    pub cpus: Vec<usize>,
    /// What a shard does when nothing arrives.
    pub idle: Idle,
    /// Record all frames to this file; shards behind the first add their number to its name.
    pub capture: Option<PathBuf>,
    /// What each listener talks to. An address that the kernel does not hold has to be in a network
    /// of an interface, and free: it is ours alone then, ARP, ND and ping are answered for it.
    pub listeners: Vec<(Endpoint, ServiceFactory)>,
    /// Who answers SYNs by cookies, and whom nobody serves.
    pub cookie_path: CookiePathConfig,
    /// The clock of the shards, which may have begun before.
    pub clock: Clock,
    /// Watches all segments, when there is one: for diagrams.
    pub tap: Option<TapFactory>,
    /// Size and protocol settings of each shard. MTU, checksums, secrets and the keys of
    /// cookies are filled in.
    pub shard: ShardConfig,
}

impl ServerConfig {
    /// Serves nothing yet, on `interface`.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        Self {
            interfaces: vec![interface.to_owned()],
            queues: None,
            shards: None,
            xdp_mode: XdpMode::Auto,
            copy: CopyMode::Auto,
            checksum: ChecksumRule::Auto,
            cpus: Vec::new(),
            idle: Idle::Adaptive,
            capture: None,
            listeners: Vec::new(),
            cookie_path: CookiePathConfig::default(),
            clock: Clock::start(),
            tap: None,
            shard: ShardConfig {
                connections: 1 << 18,
                ..ShardConfig::default()
            },
        }
    }

    /// Lets connections to `endpoint` talk to what `factory` makes.
    #[must_use]
    pub fn listen(
        mut self,
        endpoint: Endpoint,
        factory: impl Fn() -> Box<dyn Service> + Send + 'static,
    ) -> Self {
        self.listeners.push((endpoint, Box::new(factory)));
        self
    }
}
