//! What a shard is made with: sizes, limits, budgets, secrets.

use super::SharedCookies;
use crate::tcp::Config;
use crate::wire::Checksum;

/// How large a shard is, and what it believes. All of it is allocated at start.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Settings of the protocol.
    pub tcp: Config,
    /// Connections that it can hold, those in TIME-WAIT left out.
    pub connections: usize,
    /// Of these, connections on which something is under way, at once: text, a SYN or a FIN. At
    /// the limit new ones are refused, what arrives for others has to come again, and calls of
    /// users from outside find no connection. `None`: an eighth of them, but 65,536 at least, or
    /// all.
    pub at_work: Option<usize>,
    /// Blocks of text received and not read, and as many again of text to send.
    pub blocks: usize,
    /// What the checksum of an arriving segment may be, queue by queue; the last holds for all
    /// queues behind it.
    pub checksum: Vec<Checksum>,
    /// The Ethernet address of the interface of each queue; the last holds for all queues behind
    /// it. For [`Shard::answer_for`](super::Shard::answer_for): else it may be empty.
    pub macs: Vec<[u8; 6]>,
    /// TTL or hop limit of what is sent (MUST-49).
    pub hop_limit: u8,
    /// When a SYN is answered by a cookie.
    pub syn_cookies: SynCookies,
    /// How many connections of which kind.
    pub limits: Limits,
    /// How many replies that an attacker can cause.
    pub budgets: Budgets,
    /// Secrets of this process.
    pub secrets: Secrets,
    /// The keys of cookies, which whoever answers for the same addresses shares.
    pub cookies: SharedCookies,
}

impl ShardConfig {
    /// Connections in TIME-WAIT that there is room for.
    #[must_use]
    pub const fn time_waits(&self) -> usize {
        match self.limits.time_wait {
            0 => 2 * self.connections,
            limit => limit,
        }
    }

    pub(super) fn at_work_max(&self) -> usize {
        const ALL: usize = 1 << 16;
        let max = self.at_work.unwrap_or((self.connections / 8).max(ALL));
        max.min(self.connections)
    }
}

/// When a SYN is answered by a cookie instead of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SynCookies {
    /// Above [`Limits::half_open`], until fewer than half as many are left. Below, a slot keeps
    /// the options of the SYN whole.
    #[default]
    Auto,
    /// Every SYN.
    Always,
    /// No SYN: above [`Limits::half_open`] they are refused.
    Never,
}

/// Limits that hold under any load. 0 is no limit, except for `half_open` and `time_wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in SYN-RECEIVED.
    pub half_open: u64,
    /// Connections of one listener, those in TIME-WAIT left out.
    pub per_listener: u32,
    /// Connections of one IPv4 address or IPv6 /64, those in TIME-WAIT left out.
    pub per_source: u32,
    /// Connections in TIME-WAIT, which have room of their own: above, the oldest ends before its
    /// time. 0 is twice [`ShardConfig::connections`].
    pub time_wait: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            half_open: 4096,
            per_listener: 0,
            per_source: 0,
            time_wait: 0,
        }
    }
}

/// Replies a second that strangers can cause; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// SYN-ACKs that are cookies. Each answers a SYN that is no shorter.
    pub syn_ack: u32,
    /// Resets for segments of no connection.
    pub reset: u32,
    /// ACKs for segments that a connection does not accept. Each connection has a smaller budget
    /// of its own: one for all alone would be a side channel (CVE-2016-5696).
    pub challenge: u32,
    /// Answers to ARP and ND for addresses that the kernel does not hold, and as many to pings.
    pub neighbour: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            syn_ack: 0,
            reset: 50_000,
            challenge: 100_000,
            neighbour: 10_000,
        }
    }
}

/// What strangers must not know; drawn from the operating system at start.
#[derive(Clone)]
pub struct Secrets {
    /// Keys of initial sequence numbers (RFC 6528).
    pub iss: [u8; 16],
    /// Keys of the connection table.
    pub table: [u64; 4],
}

impl Secrets {
    /// Fresh ones.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut table = [0; 32];
        getrandom::fill(&mut table)?;
        let word = |n: usize| {
            table[n..n + 8]
                .iter()
                .fold(0, |w, b| w << 8 | u64::from(*b))
        };
        let mut secrets = Self {
            iss: [0; 16],
            table: [word(0), word(8), word(16), word(24)],
        };
        getrandom::fill(&mut secrets.iss)?;
        Ok(secrets)
    }
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Default for ShardConfig {
    /// A small shard for tests and demonstrations, with secrets that are none.
    fn default() -> Self {
        Self {
            tcp: Config::default(),
            connections: 1 << 16,
            at_work: None,
            blocks: 1 << 13,
            checksum: vec![Checksum::Verify],
            macs: Vec::new(),
            hop_limit: 64,
            syn_cookies: SynCookies::default(),
            limits: Limits::default(),
            budgets: Budgets::default(),
            secrets: Secrets {
                iss: [0; 16],
                table: [0; 4],
            },
            cookies: SharedCookies::default(),
        }
    }
}
