//! What was asked for, and whether it can be done.

use super::progress::COUNT_BITS;
use super::{PORTS, Schedule, Sources, Tuples};
use crate::nic::af_xdp::ADDRESSES_MAX;
use crate::time::Duration;
use crate::wire::Endpoint;

/// Octets that one connection may send or ask for.
pub const BYTES_MAX: u32 = (1 << COUNT_BITS) - 1;

/// Connections that can be open at once.
pub const CONNECTIONS_MAX: u64 = 1 << 23;

/// Connections a second that can be asked for.
pub const RATE_MAX: u64 = 100_000_000;

/// How long a load lasts when nothing else is said.
const DURATION: Duration = Duration::from_secs(10);

/// Connections at once are at most these when nothing else is said.
const CONCURRENCY: u64 = 1 << 20;

/// TIME-WAITs that a shard keeps. Those beyond end early in the table and keep their tuple all
/// the same: what is lost is the answer to a FIN that comes again.
const TIME_WAITS: u64 = 1 << 18;

/// Addresses that are used even when fewer would do: a server shall see many clients.
const ADDRESSES: u64 = 256;

/// What each connection does between its handshake and its release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pattern {
    /// Nothing: handshake, then release. Any server will do
    #[default]
    Connect,
    /// One HTTP GET, of /bytes/N with --bytes N and of / without; the answer must be 200 and as
    /// long as its Content-Length and N say
    Request,
    /// Stay open: all of them, counted, for --duration
    Hold,
    /// Send --bytes octets to a server that throws them away or returns them (discard, echo)
    Stream,
}

/// How a connection is released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Close {
    /// By our FIN, then the server's
    #[default]
    Fin,
    /// By our reset
    Rst,
    /// By the server's FIN, then ours: for servers that close first by themselves; `request` asks
    /// for it with `Connection: close`
    Peer,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub target: Endpoint,
    /// Where connections come from.
    pub sources: Sources,
    /// Connections to begin a second.
    pub rate: u64,
    /// Connections in all.
    pub connections: Option<u64>,
    /// Connections at once.
    pub concurrency: Option<u64>,
    /// How long connections are begun, or held.
    pub duration: Option<Duration>,
    /// What each connection does.
    pub pattern: Pattern,
    /// How it ends.
    pub close: Close,
    /// Octets to send or to ask for.
    pub bytes: Option<u32>,
    /// A connection that is not over after this long has failed. One that is held may take as
    /// long to open, and again to be released.
    pub timeout: Duration,
    /// 2 MSL.
    pub time_wait: Duration,
    /// Where the ports begin, in a round of all that there are.
    pub port_first: u16,
}

/// Why that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Too few addresses.
    #[error(
        "{sources} has {there} addresses and this rate takes {needed}: each has {PORTS} ports, and \
         a port rests for {} s (2 MSL) after its connection. Name a larger --source, or lower \
         --rate, --duration or --connections",
        rest.as_secs_f64()
    )]
    TooFewAddresses {
        /// The range.
        sources: Sources,
        /// Its addresses.
        there: u64,
        /// Those needed.
        needed: u64,
        /// 2 MSL.
        rest: Duration,
    },
    /// More addresses than the XDP program can own.
    #[error(
        "this rate takes {needed} source addresses and {ADDRESSES_MAX} can be had: lower --rate, \
         --duration or --connections"
    )]
    TooManyAddresses {
        /// Those needed.
        needed: u64,
    },
    /// IPv4 here, IPv6 there.
    #[error("{sources} and {target} are not of one family: name a --source of the target's")]
    Families {
        /// The range.
        sources: Sources,
        /// The server.
        target: Endpoint,
    },
    /// An address that no server can have.
    #[error("{0} cannot be connected to: name an address of one host, and a port that is not 0")]
    NotAnEndpoint(Endpoint),
    /// The server is among the clients.
    #[error("{target} is in {sources}: name a --source without the target")]
    TargetInSources {
        /// The range.
        sources: Sources,
        /// The server.
        target: Endpoint,
    },
    /// How many to hold?
    #[error("--pattern hold opens so many and holds them: say how many with --connections")]
    HoldWithoutCount,
    /// Held, and not all at once?
    #[error("--pattern hold has all its connections open at once: leave --concurrency out")]
    HoldWithConcurrency,
    /// Too many at once.
    #[error("{0} connections at once, and {CONNECTIONS_MAX} can be: ask for fewer")]
    TooManyConnections(u64),
    /// Octets for a pattern that has none.
    #[error("--bytes is for the patterns `request` and `stream`")]
    BytesUnused,
    /// No octets for a pattern that needs some.
    #[error("--pattern stream sends octets: say how many with --bytes")]
    BytesMissing,
}

impl Plan {
    /// Connects to `target` from `sources`, a thousand times a second for ten seconds.
    #[must_use]
    pub const fn new(target: Endpoint, sources: Sources) -> Self {
        Self {
            target,
            sources,
            rate: 1000,
            connections: None,
            concurrency: None,
            duration: None,
            pattern: Pattern::Connect,
            close: Close::Fin,
            bytes: None,
            timeout: Duration::from_secs(5),
            time_wait: Duration::from_mins(1),
            port_first: 0,
        }
    }

    /// Can it be done?
    ///
    /// # Errors
    /// What cannot, and what to change.
    pub fn check(&self) -> Result<(), PlanError> {
        let (sources, target) = (self.sources, self.target);
        if target.port == 0 || !target.address.is_unicast() {
            return Err(PlanError::NotAnEndpoint(target));
        }
        if sources.is_v4() != target.address.is_v4() {
            return Err(PlanError::Families { sources, target });
        }
        if sources.place(&target.address).is_some() {
            return Err(PlanError::TargetInSources { sources, target });
        }
        match (self.pattern, self.bytes) {
            (Pattern::Hold, _) if self.connections.or(self.concurrency).is_none() => {
                return Err(PlanError::HoldWithoutCount);
            }
            (Pattern::Hold, _) if self.connections.is_some() && self.concurrency.is_some() => {
                return Err(PlanError::HoldWithConcurrency);
            }
            (Pattern::Connect | Pattern::Hold, Some(_)) => return Err(PlanError::BytesUnused),
            (Pattern::Stream, None) => return Err(PlanError::BytesMissing),
            _ => {}
        }
        if self.at_once() > CONNECTIONS_MAX {
            return Err(PlanError::TooManyConnections(self.at_once()));
        }
        let (needed, there) = (self.addresses_needed(), sources.count());
        if needed > there {
            return Err(PlanError::TooFewAddresses {
                sources,
                there,
                needed,
                rest: self.time_wait,
            });
        }
        if needed > ADDRESSES_MAX.into() {
            return Err(PlanError::TooManyAddresses { needed });
        }
        Ok(())
    }

    /// When connections begin.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        if self.pattern == Pattern::Hold {
            let count = self.connections.or(self.concurrency);
            return Schedule::new(self.rate, count, None);
        }
        Schedule::new(self.rate, self.connections, self.span())
    }

    /// How long connections are begun at most; `None` for until all have.
    #[must_use]
    pub fn span(&self) -> Option<Duration> {
        match (self.pattern, self.connections) {
            (Pattern::Hold, _) => None,
            (_, Some(_)) => self.duration,
            (_, None) => Some(self.duration.unwrap_or(DURATION)),
        }
    }

    /// How long connections are held.
    #[must_use]
    pub fn hold(&self) -> Option<Duration> {
        (self.pattern == Pattern::Hold).then(|| self.duration.unwrap_or(DURATION))
    }

    /// Connections at once, at most.
    #[must_use]
    pub fn at_once(&self) -> u64 {
        let count = self.schedule().count();
        if self.pattern == Pattern::Hold {
            return count;
        }
        // As many as can begin before the first is given up.
        let by_rate = Schedule::new(self.rate, None, Some(self.timeout)).count();
        let limit = self.concurrency.unwrap_or(by_rate.clamp(1, CONCURRENCY));
        limit.min(count)
    }

    /// TIME-WAITs that the shard's table has room for.
    #[must_use]
    pub fn time_waits(&self) -> u64 {
        self.schedule().count().clamp(1, TIME_WAITS)
    }

    /// The addresses that are used: the first so many of the range.
    #[must_use]
    pub fn addresses(&self) -> u32 {
        let most = self.sources.count().min(ADDRESSES_MAX.into());
        self.addresses_needed().max(ADDRESSES).min(most) as u32
    }

    /// The tuples of these addresses.
    #[must_use]
    pub fn tuples(&self) -> Tuples {
        let used = Schedule::new(
            self.rate,
            Some(self.schedule().count()),
            Some(self.time_wait),
        );
        Tuples::new(
            self.sources,
            self.addresses(),
            self.target,
            self.time_wait,
            used.count() as usize,
        )
        .starting_at(self.port_first)
    }

    fn addresses_needed(&self) -> u64 {
        let count = self.schedule().count();
        Tuples::addresses_needed(self.rate, count, self.timeout, self.time_wait)
    }
}
