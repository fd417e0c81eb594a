//! The JSON that tools rely on: stable names, documented in the README.

use crate::control::counts::Counts;
use crate::control::server::{Server, Totals};
use serde::Serialize;
use std::collections::BTreeMap;

/// What `serve --json` prints on exit.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    counts: Counts,
    queues: Vec<Queue>,
    tables: Option<Tables>,
}

/// Where the tables of connections lie.
#[derive(Debug, Serialize)]
pub(crate) struct Tables {
    bytes: u64,
    huge_bytes: u64,
}

/// One queue, as it was set up.
#[derive(Debug, Serialize)]
pub(crate) struct Queue {
    interface: String,
    #[serde(rename = "queue")]
    number: u32,
    xdp: &'static str,
    copy: bool,
    cpu: usize,
}

/// The queues of a server that runs.
#[must_use]
pub(crate) fn json_queues(server: &Server) -> Vec<Queue> {
    let queues = server.queues().iter();
    let queues = queues.map(|queue| Queue {
        interface: queue.report.queue.interface.clone(),
        number: queue.report.queue.queue,
        xdp: if queue.native { "native" } else { "generic" },
        copy: !queue.report.zero_copy,
        cpu: queue.cpu,
    });
    queues.collect()
}

/// The tables of a server that runs; `None` when it cannot see them.
#[must_use]
pub(crate) fn json_tables(server: &Server) -> Option<Tables> {
    let tables = server.tables().ok()?;
    Some(Tables {
        bytes: tables.bytes,
        huge_bytes: tables.huge_bytes,
    })
}

impl Summary {
    /// Of a server that was stopped.
    #[must_use]
    pub(crate) fn new(totals: &Totals, queues: Vec<Queue>, tables: Option<Tables>) -> Self {
        let drops = drops_by_name(totals).into_iter();
        let counts = Counts::from(&totals.counters).with_xdp(&totals.xdp);
        let counts = Counts {
            drops: drops.map(|(name, n)| (name.to_owned(), n)).collect(),
            ..counts
        };
        Self {
            counts,
            queues,
            tables,
        }
    }
}

/// What went nowhere, by reason: in the shard, in its rings, and in the XDP program.
#[must_use]
pub(crate) fn drops_by_name(totals: &Totals) -> BTreeMap<&'static str, u64> {
    let shard = totals.counters.drops.nonzero();
    let mut drops: BTreeMap<_, _> = shard.map(|(reason, n)| (reason.name(), n)).collect();
    let port = &totals.port;
    let rings = [
        ("transmit_full", port.transmit_full),
        ("receive_full", port.receive_full),
        ("fill_empty", port.fill_empty),
    ];
    let xdp = totals.xdp.verdicts.iter();
    let xdp = xdp.filter(|(verdict, _)| verdict.is_drop());
    let outside = xdp.map(|(verdict, n)| (verdict.name(), n));
    for (name, n) in outside.chain(rings).filter(|(_, n)| *n > 0) {
        *drops.entry(name).or_default() += n;
    }
    drops
}
