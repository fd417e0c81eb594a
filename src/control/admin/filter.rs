//! Which connections are asked for. The server's side applies it, so that what nobody wants to see
//! is not sent.

use super::protocol::StateName;
use crate::shard::{Note, Ticks};
use crate::time::Duration;
use crate::wire::{Endpoint, FourTuple};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Admits a connection that all of its parts admit; one that is not there admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// In one of these states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<StateName>,
    /// Whose local end is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<Ends>,
    /// Whose remote end is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<Ends>,
    /// With this port at one end or the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// That began this many milliseconds ago or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_ms: Option<u64>,
    /// That began less than this many milliseconds ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub younger_ms: Option<u64>,
}

impl Filter {
    /// Is this connection wanted?
    #[must_use]
    pub fn admits(&self, tuple: &FourTuple, note: &Note, now: Ticks) -> bool {
        let FourTuple { local, remote } = tuple;
        let admits = |ends: &Option<Ends>, end| ends.is_none_or(|ends| ends.contain(end));
        let age = note.began.age(now);
        (self.states.is_empty() || self.states.contains(&StateName(note.state)))
            && admits(&self.local, local)
            && admits(&self.remote, remote)
            && self
                .port
                .is_none_or(|p| p == local.port || p == remote.port)
            && self
                .older_ms
                .is_none_or(|ms| age >= Duration::from_millis(ms))
            && self
                .younger_ms
                .is_none_or(|ms| age < Duration::from_millis(ms))
    }
}

/// Ends of connections: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Any port of any address of a network.
    Of(IpNet),
    /// This one.
    At(SocketAddr),
}

impl Ends {
    /// Is `end` one of them?
    #[must_use]
    pub fn contain(&self, end: &Endpoint) -> bool {
        match self {
            Self::Of(network) => network.contains(&end.address.to_ip()),
            Self::At(at) => Endpoint::from(*at) == *end,
        }
    }
}

impl FromStr for Ends {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = || text.parse::<IpNet>().or_else(|_| address());
        let ends = network().map(Self::Of);
        let ends = ends.or_else(|_| text.parse().map(Self::At));
        ends.map_err(|_| {
            format!(
                "`{text}` is no ADDR, ADDR:PORT or ADDR/BITS; an IPv6 address with a port stands \
                 in brackets"
            )
        })
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(network) => network.fmt(f),
            Self::At(at) => at.fmt(f),
        }
    }
}
