//! What was measured, for people: the table, and what follows from it.

use crate::control::resilience::{Against, BASELINE, Honest, Phase, Row, SERVE_ALONE};
use crate::flood::{Kind, Rate};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

const HEADER: [&str; 12] = [
    "against",
    "flood",
    "phase",
    "honest\nsucceeded",
    "conn/s",
    "handshake p50\nµs",
    "p99\nµs",
    "p99.9\nµs",
    "SYNs\nagain",
    "SYN/s\noffered",
    "SYN-ACK/s\nanswered",
    "CPU\n% a core",
];

/// One line a row, in their order.
pub(super) fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let mut header = HEADER;
    if rows.iter().any(|row| row.flood_kind != Kind::Syn) {
        header[9] = "flood/s\noffered";
    }
    table.set_header(header);
    for row in rows {
        table.add_row(line(row));
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn line(row: &Row) -> [String; 12] {
    let honest = &row.honest;
    let is_any = honest.attempted > 0;
    let of_honest = |text: String| if is_any { text } else { "-".into() };
    let of_flood = |text: String| match row.phase {
        Phase::During => text,
        Phase::Before | Phase::After => "-".into(),
    };
    let cores: Vec<String> = row.cpu.cores.iter().map(|core| percent(*core)).collect();
    let latency = honest.handshake_us;
    [
        row.against.clone(),
        flood(row),
        row.phase.name().into(),
        of_honest(format!("{}/{}", honest.succeeded, honest.attempted)),
        of_honest(format!("{:.0}", honest.rate_per_s)),
        of_honest(format!("{:.0}", latency.p50)),
        of_honest(format!("{:.0}", latency.p99)),
        of_honest(format!("{:.0}", latency.p999)),
        of_honest(honest.syn_retransmitted.to_string()),
        of_flood(count(row.flood.offered_per_s)),
        of_flood(count(row.flood.answered_per_s)),
        cores.join(" "),
    ]
}

// Its rate, and what it is made of when that is not the usual.
fn flood(row: &Row) -> String {
    let rate = rate(row.flood_rate);
    match row.flood_kind {
        Kind::Syn => rate,
        kind => format!("{rate} {}", kind.name()),
    }
}

/// As it is written on the command line.
pub(super) fn rate(per_s: u64) -> String {
    match per_s {
        max if max == Rate::MAX.per_s() => "max".into(),
        millions if millions % 1_000_000 == 0 => format!("{}M", millions / 1_000_000),
        thousands if thousands % 1_000 == 0 => format!("{}k", thousands / 1_000),
        _ => per_s.to_string(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}

fn count(per_s: f64) -> String {
    if per_s >= 1e6 {
        format!("{:.2} M", per_s / 1e6)
    } else {
        format!("{:.1} k", per_s / 1e3)
    }
}

/// What the rows mean together, a line each.
pub(super) fn conclusions(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    let answered = |against| most_answered(rows, against);
    let serve = answered(Against::Serve.name());
    let alone = answered(SERVE_ALONE);
    let pairs = [
        (SERVE_ALONE, alone, BASELINE),
        (SERVE_ALONE, alone, Against::NftSynproxy.name()),
        ("serve", serve, Against::NftSynproxy.name()),
        ("serve", serve, Against::Kernel.name()),
    ];
    for (name, ours, other) in pairs {
        if let (Some(ours), Some(theirs)) = (ours, answered(other))
            && theirs > 0.0
        {
            lines.push(format!(
                "SYN-ACK/s at most: {name} {} : {other} {} = {:.2}",
                count(ours),
                count(theirs),
                ours / theirs,
            ));
        }
    }
    lines.extend(rows.iter().filter_map(|row| established(rows, row)));
    lines
}

fn most_answered(rows: &[Row], against: &str) -> Option<f64> {
    let of_it = rows.iter().filter(|row| row.against == against);
    let during = of_it.filter(|row| row.phase == Phase::During);
    during.map(|row| row.flood.answered_per_s).reduce(f64::max)
}

// Connections opened before the flood, beside it and before it.
fn established(rows: &[Row], row: &Row) -> Option<String> {
    if row.phase != Phase::During || row.honest.attempted == 0 {
        return None;
    }
    let is_before = |other: &&Row| {
        let is_alike = (&other.against, other.flood_rate) == (&row.against, row.flood_rate);
        other.phase == Phase::Before && is_alike
    };
    let beside = |of: fn(&Honest) -> f64, digits: usize| {
        let before = rows.iter().find(is_before).map(|row| of(&row.honest));
        let before = before.map(|before| format!(" ({before:.digits$} before)"));
        format!("{:.digits$}{}", of(&row.honest), before.unwrap_or_default())
    };
    Some(format!(
        "established connections of {} beside a flood of {}: {} answers a second, p99 {} µs, \
         bulk MB/s {}, {} broken",
        row.against,
        flood(row),
        beside(|it| it.established_per_s, 0),
        beside(|it| it.established_us.p99, 0),
        beside(|it| it.bulk_octets_per_s / 1e6, 1),
        row.honest.established_broken,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::resilience::{Cpu, Flooded, Topology};

    fn row(against: &str, answered_per_s: f64, attempted: u64) -> Row {
        Row {
            against: against.into(),
            topology: Topology::Apart,
            phase: Phase::During,
            flood_rate: Rate::MAX.per_s(),
            flood_kind: Kind::Syn,
            honest: Honest {
                attempted,
                succeeded: attempted,
                ..Honest::default()
            },
            flood: Flooded {
                offered_per_s: 3.0e6,
                answered_per_s,
            },
            cpu: Cpu {
                cores: vec![1.0, 0.254],
                ..Cpu::default()
            },
        }
    }

    #[test]
    fn rates_are_written_as_they_are_asked_for() {
        for text in ["max", "250k", "2M", "123"] {
            assert_eq!(rate(text.parse::<Rate>().unwrap().per_s()), text);
        }
    }

    #[test]
    fn what_was_not_there_is_a_dash() {
        let text = line(&row(BASELINE, 812_340.0, 0));
        assert_eq!(text[..3], ["l2fwd", "max", "during"]);
        assert_eq!(text[3..9], ["-"; 6]);
        assert_eq!(text[9..], ["3.00 M", "812.3 k", "100 25"]);
        let before = Row {
            phase: Phase::Before,
            ..row("serve", 0.0, 5)
        };
        let text = line(&before);
        assert_eq!(text[3], "5/5");
        assert_eq!(text[9..11], ["-", "-"]);
        assert!(table(&[before]).contains("5/5"));
        let mut acks = row("serve", 0.0, 5);
        acks.flood_kind = Kind::Ack;
        assert_eq!(line(&acks)[1], "max ack");
        assert!(!table(core::slice::from_ref(&acks)).contains("SYN/s"));
        // Of answers that nobody owes there is nothing to compare.
        let theirs = row("kernel", 0.0, 5);
        let lines = conclusions(&[acks, theirs]);
        assert!(
            lines.iter().all(|line| line.starts_with("established")),
            "{lines:?}"
        );
    }

    #[test]
    fn ratios_are_of_the_most_that_each_answered() {
        let rows = [
            row("serve", 100_000.0, 9),
            row("serve", 300_000.0, 9),
            row("nft-synproxy", 200_000.0, 9),
            row(BASELINE, 400_000.0, 0),
            row(SERVE_ALONE, 380_000.0, 0),
        ];
        let lines = conclusions(&rows);
        assert!(
            lines[0].ends_with("serve alone 380.0 k : l2fwd 400.0 k = 0.95"),
            "{lines:?}"
        );
        let beside = &lines[1..3];
        assert!(beside[0].ends_with("nft-synproxy 200.0 k = 1.90"));
        assert!(beside[1].ends_with("nft-synproxy 200.0 k = 1.50"));
        assert_eq!(lines.len(), 3 + 3, "{lines:?}");
        let mut calm = row("serve", 0.0, 9);
        calm.phase = Phase::Before;
        calm.honest.established_per_s = 80.0;
        let line = established(&[calm], &rows[0]).unwrap();
        assert!(line.contains("0 (80 before) answers a second"), "{line}");
        assert!(conclusions(&rows[..0]).is_empty());
    }
}
