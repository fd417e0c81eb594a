//! What is measured: one row for each contestant, rate and phase.
//!
//! The names are those of `resilience --json` and stay.

use crate::load::Percentiles;
use serde::Serialize;

/// Who shares an interface of the server with the attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Attacker and honest clients come in by two interfaces of the server.
    Apart,
    /// Attacker and honest clients share one interface and one queue of the server.
    Shared,
}

impl Topology {
    /// As in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Shared => "shared",
        }
    }
}

/// Where in time a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Honest clients alone.
    Before,
    /// Beside the flood.
    During,
    /// Honest clients alone again.
    After,
}

impl Phase {
    /// As in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        }
    }
}

/// What one contestant did in one phase at one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name: `serve`, `kernel`, `nft-synproxy`.
    pub against: String,
    /// Who shares an interface with whom.
    pub topology: Topology,
    /// Before, during or after the flood.
    pub phase: Phase,
    /// Frames a second that were asked of the flood of this run; [`flood::Rate`]'s ceiling means
    /// as fast as it goes.
    ///
    /// [`flood::Rate`]: crate::flood::Rate
    pub flood_rate: u64,
    /// The honest clients.
    pub honest: Honest,
    /// The flood.
    pub flood: Flooded,
    /// Processors.
    pub cpu: Cpu,
}

/// Whom a row is against when it is a plain bounce of frames over `AF_XDP`: what rings and driver
/// give at best. No honest clients meet it.
pub const BASELINE: &str = "l2fwd";

/// What became of honest clients: each connects, asks, reads the answer to its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Honest {
    /// Connections begun in this phase.
    pub attempted: u64,
    /// Those that got the whole right answer.
    pub succeeded: u64,
    /// `succeeded` a second.
    pub rate_per_s: f64,
    /// SYNs that the clients' kernel sent again.
    pub syn_retransmitted: u64,
    /// From `connect` to writable, microseconds, of those that got so far; all zero when none did.
    pub handshake_us: Percentiles,
    /// Connections that succeeded in each quarter of a second of this phase.
    pub timeline: Vec<u64>,
}

/// What the flood did; all zero before and after it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Flooded {
    /// SYNs a second that its source handed to the driver.
    pub offered_per_s: f64,
    /// SYN-ACKs a second that came back to the attacker's interface.
    pub answered_per_s: f64,
}

/// Shares of processors, 0 to 1.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cpu {
    /// The processor that the server runs on; here honest clients share it.
    pub shard: f64,
    /// All processors together.
    pub system: f64,
    /// Each processor, by its number.
    pub cores: Vec<f64>,
}
