//! What a run measured: the table for people and the JSON for tools.

use crate::load::Percentiles;
use crate::shard::Counters;
use crate::tcp::State;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the many clients of a demo saw.
#[derive(Debug)]
pub(crate) struct Run {
    /// "`af_xdp`" or "memory".
    pub(crate) port: &'static str,
    /// Connections that reached ESTABLISHED.
    pub(crate) opened: u64,
    /// Connections that both sides closed, all text delivered.
    pub(crate) released: u64,
    /// Connections that did not get so far.
    pub(crate) failed: u64,
    /// Seconds from the first SYN to the last answer.
    pub(crate) seconds: f64,
    /// From SYN to ESTABLISHED, in nanoseconds.
    pub(crate) handshake: Histogram<u64>,
    /// From SYN to the end of the connection for the client, in nanoseconds.
    pub(crate) life: Histogram<u64>,
    /// Counters of the serving shards at the end.
    pub(crate) counters: Counters,
    /// Frames that went nowhere, by reason.
    pub(crate) drops: BTreeMap<&'static str, u64>,
}

/// An empty histogram of nanoseconds: three digits, up to a minute.
#[must_use]
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000_000, 3).expect("the bounds are constants that fit")
}

#[derive(Serialize)]
struct Json<'a> {
    port: &'a str,
    connections: Connections,
    rate_per_s: f64,
    handshake_us: Percentiles,
    life_us: Percentiles,
    drops: &'a BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Connections {
    opened: u64,
    released: u64,
    failed: u64,
}

/// Of a histogram of nanoseconds, in microseconds.
fn micros(histogram: &Histogram<u64>) -> Percentiles {
    Percentiles::of(histogram, 1e3)
}

impl Run {
    fn rate_per_s(&self) -> f64 {
        if self.seconds > 0.0 {
            // Connections of one run fit 32 bits many times over.
            f64::from(u32::try_from(self.released).unwrap_or(u32::MAX)) / self.seconds
        } else {
            0.0
        }
    }

    /// One line of JSON with stable names.
    #[must_use]
    pub(crate) fn json(&self) -> String {
        let json = Json {
            port: self.port,
            connections: Connections {
                opened: self.opened,
                released: self.released,
                failed: self.failed,
            },
            rate_per_s: (self.rate_per_s() * 10.0).round() / 10.0,
            handshake_us: micros(&self.handshake),
            life_us: micros(&self.life),
            drops: &self.drops,
        };
        serde_json::to_string(&json).expect("numbers and names are always JSON")
    }

    /// The table for people.
    #[must_use]
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["", "", "p50", "p99", "p99.9"]);
        table.add_row(["connections opened", &self.opened.to_string()]);
        table.add_row(["released by both sides", &self.released.to_string()]);
        table.add_row(["failed", &self.failed.to_string()]);
        table.add_row(["connections a second", &format!("{:.0}", self.rate_per_s())]);
        for (name, histogram) in [("handshake", &self.handshake), ("whole life", &self.life)] {
            let p = micros(histogram);
            let us = |value: f64| format!("{value:.0} µs");
            table.add_row([name.into(), String::new(), us(p.p50), us(p.p99), us(p.p999)]);
        }
        let c = &self.counters;
        table.add_row(["segments in", &c.segments_in.to_string()]);
        table.add_row(["segments out", &c.segments_out.to_string()]);
        table.add_row(["sent again", &c.segments_again.to_string()]);
        for state in State::ALL {
            let count = c.states.get(state as usize).copied().unwrap_or_default();
            if count > 0 {
                table.add_row([&format!("in {}", state.name()), &count.to_string()]);
            }
        }
        if self.drops.is_empty() {
            table.add_row(["dropped", "0"]);
        }
        for (reason, count) in &self.drops {
            table.add_row([&format!("dropped: {reason}"), &count.to_string()]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}
