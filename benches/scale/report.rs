//! What was measured, for people and as JSON.

use crate::part::Measured;
use crate::parts::Part;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use std::collections::BTreeMap;

/// By the names of parts.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) measured: BTreeMap<String, Measured>,
    counted: BTreeMap<String, Counted>,
    /// What could not be measured, and why.
    pub(crate) missing: BTreeMap<String, String>,
}

/// Instructions an operation.
struct Counted {
    counter: &'static str,
    each: f64,
    less: Option<&'static str>,
}

#[derive(Serialize)]
struct Lookup {
    #[serde(rename = "10k")]
    small: Option<f64>,
    #[serde(rename = "1m")]
    large: Option<f64>,
    #[serde(rename = "10m")]
    huge: Option<f64>,
}

/// The figures; what was not measured is null.
#[derive(Serialize)]
pub(crate) struct Figures {
    lookup_ns: Lookup,
    miss_ns_10m: Option<f64>,
    insert_remove_per_s_10m: Option<f64>,
    segments_per_s_1m: Option<f64>,
    lifecycles_per_s: Option<f64>,
    bytes_live: Option<f64>,
    bytes_time_wait: Option<f64>,
    rss_bytes: Option<u64>,
    deadline_error_ms_max: Option<f64>,
    breath_us_max: Option<f64>,
    reader_cost_percent: Option<f64>,
    two_shards_ratio: Option<f64>,
}

/// Figures that have a target: the part, its value, what it is, and what is wanted.
const TARGETS: [(&str, &str, &str, &str); 25] = [
    ("lookup_10k", "ns", "ns a lookup", "<= 15"),
    ("lookup_1m", "ns", "ns a lookup", "<= 40"),
    ("lookup_10m", "ns", "ns a lookup", "<= 60, 4 x 10k"),
    ("lines_1m", "ns", "ns a bare line of memory", ""),
    ("lines_10m", "ns", "ns a bare line of memory", ""),
    ("miss_10m", "ns", "ns a miss", "<= 35"),
    ("insert_remove_10m", "ns", "ns, out and in", "<= 200"),
    ("segments_1m", "ns", "ns a segment, ACK and all", "<= 200"),
    (
        "segments_1m_delayed",
        "ns",
        "ns, with its ACK 40 ms later",
        "",
    ),
    ("lifecycles", "ns", "ns a life", "<= 1000"),
    ("lifecycles", "loop_ns", "ns a life, peers and all", ""),
    ("bytes_live", "bytes", "octets", "<= 192"),
    ("bytes_time_wait", "bytes", "octets", "<= 48"),
    ("whole", "rss", "octets resident", "<= 4294967296"),
    ("whole", "time_wait_error_ms", "ms late, TIME-WAIT", "<= 10"),
    ("whole", "ack_error_ms", "ms late, ACKs", "<= 10"),
    ("breath", "max_us", "us, the longest", "<= 100"),
    ("breath", "p9999_us", "us, one in 10,000 longer", ""),
    ("breath", "median_us", "us, the median", ""),
    ("breath", "nothing_max_us", "us, the longest of nothing", ""),
    ("breath", "wall_max_us", "us, by the wall's clock", ""),
    ("breath", "wall_p9999_us", "one in 10,000 longer", ""),
    ("reader", "percent", "% slower beside a reader", "< 2"),
    ("two_shards", "ratio", "times one shard", ">= 1.85"),
    ("two_shards", "lines_ratio", "times one core's lines", ""),
];

impl Report {
    /// Notes what `count` says of a part: a counter, instructions, and in how many rounds.
    pub(crate) fn count(
        &mut self,
        part: &Part,
        operations: u64,
        count: impl FnOnce(&str) -> Option<(&'static str, u64, u32)>,
    ) {
        if let Some((counter, instructions, rounds)) = count(&part.name) {
            let counted = Counted {
                counter,
                each: instructions as f64 / (operations as f64 * f64::from(rounds)),
                less: part.less,
            };
            self.counted.insert(part.name.clone(), counted);
        }
    }

    /// Targets first, then all else.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["part", "", "measured", "target", "instructions"]);
        for (part, value, what, target) in TARGETS {
            self.row(&mut table, part, value, what, target);
        }
        let has_target = |name: &String| TARGETS.iter().any(|row| row.0 == name);
        let others = self.measured.keys().filter(|name| !has_target(name));
        for part in others {
            self.row(&mut table, part, "ns", "ns an operation", "");
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn row(&self, table: &mut Table, part: &str, value: &str, what: &str, target: &str) {
        let Some(measured) = self.value(part, value) else {
            return;
        };
        let counted = match self.instructions(part) {
            Some((counter, each)) if value == "ns" => format!("{each:.0} ({counter})"),
            _ => "-".into(),
        };
        let measured = if measured < 1e6 {
            format!("{measured:.1}")
        } else {
            format!("{measured:.0}")
        };
        table.add_row([part, what, &measured, target, &counted]);
    }

    // Of the part alone; `None` as well when what is to be taken off was not counted.
    fn instructions(&self, part: &str) -> Option<(&'static str, f64)> {
        let counted = self.counted.get(part)?;
        let less = match counted.less {
            Some(less) => self.counted.get(less)?.each,
            None => 0.0,
        };
        Some((counted.counter, counted.each - less))
    }

    fn value(&self, part: &str, name: &str) -> Option<f64> {
        self.measured.get(part)?.values.get(name).copied()
    }

    /// As the file has them.
    pub(crate) fn json(&self) -> Figures {
        let ns = |part| self.value(part, "ns");
        let per_s = |part| Some(1e9 / ns(part)?);
        let errors = ["time_wait_error_ms", "ack_error_ms"].map(|name| self.value("whole", name));
        Figures {
            lookup_ns: Lookup {
                small: ns("lookup_10k"),
                large: ns("lookup_1m"),
                huge: ns("lookup_10m"),
            },
            miss_ns_10m: ns("miss_10m"),
            insert_remove_per_s_10m: per_s("insert_remove_10m"),
            segments_per_s_1m: per_s("segments_1m"),
            lifecycles_per_s: per_s("lifecycles"),
            bytes_live: self.value("bytes_live", "bytes"),
            bytes_time_wait: self.value("bytes_time_wait", "bytes"),
            rss_bytes: self.value("whole", "rss").map(whole),
            deadline_error_ms_max: errors.into_iter().flatten().reduce(f64::max),
            breath_us_max: self.value("breath", "max_us"),
            reader_cost_percent: self.value("reader", "percent"),
            two_shards_ratio: self.value("two_shards", "ratio"),
        }
    }
}

#[expect(clippy::cast_sign_loss, reason = "it was octets before")]
const fn whole(octets: f64) -> u64 {
    octets as u64
}
