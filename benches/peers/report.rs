//! What was measured, for people.

use crate::rounds::Rounds;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

const OURS: &str = "seawall";

const PEERS: [&str; 5] = ["hashbrown", "dashmap", "papaya", "scc", "smoltcp"];

/// Why somebody is faster than we: of a question, and printed only if somebody is. In the order of
/// the table.
const WHY: [(&str, &str); 6] = [
    (
        "lookup",
        "ours reads a line of the index and then the entry; others find it behind one. What calling \
         memory ahead gains is more than that, unless all is in the cache, or others had the memory \
         while ours was asked: ask again",
    ),
    (
        "miss",
        "ours reads a line that has ten entries; others read an octet for each entry, which of a \
         million stay in the cache",
    ),
    (
        "insert",
        "ours writes a line of the index and two of a slot, in steps that readers may follow, and \
         nobody has called the slot's ahead. While these are in the cache (1,024 tuples out at a \
         time, not 32,768) it takes half as long or less. hashbrown writes entry and tag in one \
         place, and has no readers beside the writer",
    ),
    (
        "remove",
        "ours hashes the tuple again, clears index and slot in steps that readers may follow, and \
         keeps the slot for the next; others clear an octet",
    ),
    (
        "segment",
        "of one connection nobody has to look for the right one, and our table is no gain. We have \
         read the link's header, hashed the tuple, found it and let the service run as well",
    ),
    (
        "connection",
        "a breath has its price whatever comes, and alone a connection pays for four: over a third \
         of what it takes, and 32 side by side share that. A slot, an entry of the index and a \
         secret sequence number are made for each; smoltcp's socket was there before",
    ),
];

/// A question, and of how many.
type Row = (&'static str, &'static str);

struct Measured {
    row: Row,
    who: &'static str,
    nanos: f64,
}

#[derive(Default)]
pub(crate) struct Report {
    measured: Vec<Measured>,
    left_out: Vec<String>,
}

impl Report {
    /// Notes the median, if there is one.
    pub(crate) fn add(&mut self, row: Row, who: &'static str, rounds: Rounds) {
        let nanos = rounds.median();
        if !nanos.is_nan() {
            self.measured.push(Measured { row, who, nanos });
        }
    }

    pub(crate) fn leave_out(&mut self, line: String) {
        self.left_out.push(line);
    }

    /// The table, and why we lose where we do.
    pub(crate) fn print(&self) {
        let mut rows: Vec<Row> = Vec::new();
        for measured in &self.measured {
            if !rows.contains(&measured.row) {
                rows.push(measured.row);
            }
        }
        // Sizes of a question below each other.
        rows.sort_by_key(|row| WHY.iter().position(|(question, _)| *question == row.0));
        if !rows.is_empty() {
            println!("{}", self.table(&rows));
        }
        for line in &self.left_out {
            println!("{line}");
        }
        for (question, why) in WHY {
            let lost: Vec<String> = rows
                .iter()
                .filter(|row| row.0 == question)
                .flat_map(|row| self.lost(*row))
                .collect();
            if !lost.is_empty() {
                println!("{question}: {} faster: {why}.", lost.join(", "));
            }
        }
    }

    fn table(&self, rows: &[Row]) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["ns", "of", OURS].into_iter().chain(PEERS));
        for row in rows {
            let ours = self.nanos(*row, OURS);
            let mut cells = vec![row.0.to_owned(), row.1.to_owned()];
            cells.push(ours.map_or_else(|| "-".into(), number));
            cells.extend(PEERS.map(|peer| {
                let Some(nanos) = self.nanos(*row, peer) else {
                    return "-".into();
                };
                let times = ours.map(|ours| format!(" ({:.2})", nanos / ours));
                number(nanos) + &times.unwrap_or_default()
            }));
            table.add_row(cells);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    // Who is faster than we.
    fn lost(&self, row: Row) -> Vec<String> {
        let Some(ours) = self.nanos(row, OURS) else {
            return Vec::new();
        };
        let is_faster = |peer: &&str| self.nanos(row, peer).is_some_and(|nanos| nanos < ours);
        let faster = PEERS.into_iter().filter(is_faster);
        faster.map(|peer| format!("{peer} ({})", row.1)).collect()
    }

    fn nanos(&self, row: Row, who: &str) -> Option<f64> {
        let mut all = self.measured.iter();
        let one = all.find(|measured| measured.row == row && measured.who == who)?;
        Some(one.nanos)
    }
}

fn number(nanos: f64) -> String {
    format!("{nanos:.0}")
}
