//! What is measured: one row for each contestant, rate and phase.
//!
//! The names are those of `resilience --json` and stay.

use crate::flood::Kind;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// Its name: `serve`, `serve-xdp`, `kernel`, `nft-synproxy`; without honest clients, and during
    /// the flood alone: [`BASELINE`] and [`SERVE_ALONE`].
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
    /// What the flood of this run is made of.
    pub flood_kind: Kind,
    /// The honest clients.
    pub honest: Honest,
    /// The flood.
    pub flood: Flooded,
    /// Processors.
    pub cpu: Cpu,
}

impl Row {
    /// Contestants as they came, each by the rate of the flood, and phases in time.
    pub fn put_in_order(rows: &mut [Self]) {
        let mut names: Vec<String> = Vec::new();
        for row in rows.iter() {
            if !names.contains(&row.against) {
                names.push(row.against.clone());
            }
        }
        let place = |row: &Self| names.iter().position(|name| *name == row.against);
        rows.sort_by_key(|row| (place(row), row.flood_rate, row.phase));
    }
}

/// Whom a row is against when it is a plain bounce of frames over `AF_XDP`: what rings and driver
/// give at best. No honest clients meet it.
pub const BASELINE: &str = "l2fwd";

/// Whom a row is against when `serve` meets the flood without honest clients, to compare with
/// [`BASELINE`].
pub const SERVE_ALONE: &str = "serve alone";

/// What became of honest clients: each connects, asks, reads the answer to its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Honest {
    /// Connections begun in this phase.
    pub attempted: u64,
    /// Those that got the whole right answer.
    pub succeeded: u64,
    /// Those that succeeded while others were still begun, a second of that time.
    pub rate_per_s: f64,
    /// SYNs that the clients' kernel sent again.
    pub syn_retransmitted: u64,
    /// From `connect` to writable, microseconds, of those that got so far; all zero when none did.
    pub handshake_us: Percentiles,
    /// Connections that succeeded in each quarter of a second of this phase.
    pub timeline: Vec<u64>,
    /// Requests a second that were answered on connections that had been opened before the first
    /// phase; each asks again a little after its last answer.
    pub established_per_s: f64,
    /// From request to answer on those, microseconds.
    pub established_us: Percentiles,
    /// Octets a second that a bulk transfer got rid of, on a connection opened with those. It is
    /// paced: 12.5 million a second are asked of it.
    pub bulk_octets_per_s: f64,
    /// Of those connections, how many broke in this phase.
    pub established_broken: u64,
}

/// What the flood did; all zero before and after it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Flooded {
    /// Segments a second that its source handed to the driver.
    pub offered_per_s: f64,
    /// SYN-ACKs a second that came back to the attacker's interface: answers to SYNs.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(against: &str, flood_rate: u64, phase: Phase) -> Row {
        Row {
            against: against.into(),
            topology: Topology::Shared,
            phase,
            flood_rate,
            flood_kind: Kind::Syn,
            honest: Honest::default(),
            flood: Flooded::default(),
            cpu: Cpu::default(),
        }
    }

    #[test]
    fn rows_are_ordered_by_contestant_then_rate_then_phase() {
        let mut rows = [
            row("serve", 9, Phase::Before),
            row("serve", 9, Phase::During),
            row("serve", 5, Phase::After),
            row("serve", 5, Phase::Before),
            row("kernel", 5, Phase::Before),
        ];
        Row::put_in_order(&mut rows);
        let order = rows.each_ref().map(|row| (row.flood_rate, row.phase));
        assert_eq!(rows[4].against, "kernel");
        assert_eq!(
            order[..4],
            [
                (5, Phase::Before),
                (5, Phase::After),
                (9, Phase::Before),
                (9, Phase::During)
            ]
        );
    }

    #[test]
    fn json_has_the_names_that_tools_rely_on() {
        assert_eq!(
            serde_json::to_string(&row("serve", 5, Phase::During)).unwrap(),
            r#"{"against":"serve","topology":"shared","phase":"during","flood_rate":5,"flood_kind":"syn","#.to_owned()
                + r#""honest":{"attempted":0,"succeeded":0,"rate_per_s":0.0,"#
                + r#""syn_retransmitted":0,"handshake_us":{"p50":0.0,"p99":0.0,"p999":0.0},"#
                + r#""timeline":[],"established_per_s":0.0,"#
                + r#""established_us":{"p50":0.0,"p99":0.0,"p999":0.0},"#
                + r#""bulk_octets_per_s":0.0,"established_broken":0},"#
                + r#""flood":{"offered_per_s":0.0,"answered_per_s":0.0},"#
                + r#""cpu":{"shard":0.0,"system":0.0,"cores":[]}}"#
        );
    }
}
