//! Counters as the JSON that tools rely on: the same names on exit (`serve --json`) and while it
//! runs (`seawall stats --json`), documented in the README.

use super::view::XdpCounts;
use crate::shard::Counters;
use crate::tcp::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was counted, of one shard or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections, by what became of them.
    pub connections: Connections,
    /// Segments.
    pub segments: Segments,
    /// SYN cookies.
    pub cookies: Cookies,
    /// Frames that went nowhere, by reason; only reasons that occurred.
    pub drops: BTreeMap<String, u64>,
}

/// Connections, by what became of them: see [`crate::shard::Connections`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "they are the counters that they are copied from"
)]
pub struct Connections {
    pub accepted: u64,
    pub released: u64,
    pub reset: u64,
    pub timed_out: u64,
    pub live: u64,
}

/// Segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// Arrived with good headers.
    pub r#in: u64,
    /// Sent.
    pub out: u64,
}

/// SYN cookies: see [`crate::shard::CookieCounters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "they are the counters that they are copied from"
)]
pub struct Cookies {
    pub sent: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Of those sent, by the XDP program.
    #[serde(default)]
    pub sent_by_xdp: u64,
    /// Switches from the shards to the XDP program, as those who answer SYNs.
    #[serde(default)]
    pub xdp_switched_on: u64,
    /// Switches back.
    #[serde(default)]
    pub xdp_switched_off: u64,
}

impl From<&Counters> for Counts {
    fn from(c: &Counters) -> Self {
        let drops = c.drops.nonzero();
        Self {
            connections: Connections {
                accepted: c.connections.accepted,
                released: c.connections.released,
                reset: c.connections.reset,
                timed_out: c.connections.timed_out,
                live: c.connections.live(),
            },
            segments: Segments {
                r#in: c.segments_in,
                out: c.segments_out,
            },
            cookies: Cookies {
                sent: c.cookies.sent,
                accepted: c.cookies.accepted,
                rejected: c.cookies.rejected,
                ..Cookies::default()
            },
            drops: drops
                .map(|(reason, n)| (reason.name().to_owned(), n))
                .collect(),
        }
    }
}

impl Counts {
    /// With what XDP programs counted: what they sent is among the cookies already, and what they
    /// dropped is added.
    #[must_use]
    pub fn with_xdp(mut self, xdp: &XdpCounts) -> Self {
        self.cookies.sent_by_xdp = xdp.answers();
        self.cookies.xdp_switched_on = xdp.switched_on;
        self.cookies.xdp_switched_off = xdp.switched_off;
        let drops = xdp.verdicts.iter().filter(|(verdict, _)| verdict.is_drop());
        for (verdict, n) in drops.filter(|(_, n)| *n > 0) {
            *self.drops.entry(verdict.name().to_owned()).or_default() += n;
        }
        self
    }
}

/// Connections by state; only states that some are in.
#[must_use]
pub fn by_state(states: &[u64; State::ALL.len()]) -> BTreeMap<String, u64> {
    let named = State::ALL.iter().zip(states).filter(|(_, n)| **n > 0);
    named
        .map(|(state, n)| (state.name().to_owned(), *n))
        .collect()
}
