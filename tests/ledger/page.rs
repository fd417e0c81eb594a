//! `CONFORMANCE.md`: the tables for people.

use crate::calls::CALLS;
use crate::columns::{COLUMNS, Cell, DEPARTURES, cells, name_of};
use crate::requirements::{KINDS, REQUIREMENTS, Requirement, Status};
use crate::segments::{At, Field, Row, SEGMENTS};
use std::fmt::Write;

const HEAD: &str = "\
# Conformance to RFC 9293

Printed by `cargo run --example conformance > CONFORMANCE.md` from the tables that `cargo test --test
ledger` holds the stack to: what is done names a test that the suite has, and every cell of the state
tables is run against a shard.
";

const SEGMENTS_HEAD: &str = "\
## SEGMENT ARRIVES (§3.10.7)

With RFC 5961 where it amends it. Each row is a segment: its control bits, the octets of its text,
where it lies in the receive window, and what its ACK field says. A cell is the answer, then the next
state when it is another one. RCV.WND is 1000, and one octet of ours, text or SYN or FIN as the state
has it, is not acknowledged; in FIN-WAIT-2 and TIME-WAIT it is.

- `ACK` is `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`; `ACK+n` the same with RCV.NXT moved by n (in SYN-SENT
  from SEG.SEQ).
- `RST` is `<SEQ=SEG.ACK><CTL=RST>`, `RST+ACK` is `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`.
- `SYN+ACK` is `<SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK>`.
";

const CALLS_HEAD: &str = "\
## Calls of the user (§3.10.1 to §3.10.6)

`FIN` is `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=FIN,ACK>`, `RST` is
`<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`.
";

pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    counts(&mut page);
    page += "\n";
    page += SEGMENTS_HEAD;
    head(&mut page, "segment | text | in the window | SEG.ACK");
    for row in SEGMENTS {
        let segment = format!(
            "{} | {} | {} | {}",
            ctl(row),
            row.text,
            at(row.at),
            field(row.ack)
        );
        line(&mut page, &segment, row.cells);
    }
    page += "\n";
    page += CALLS_HEAD;
    head(&mut page, "call");
    for (call, cells) in CALLS {
        line(&mut page, call.name(), cells);
    }
    page += "\n### Departures\n\nCells that are not what the text of §3.10 says:\n\n";
    for (letter, why) in DEPARTURES {
        push(&mut page, format_args!("- *{letter}*: {why}"));
    }
    requirements(&mut page);
    page
}

fn push(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("a String takes everything");
}

fn counts(page: &mut String) {
    let kinds = KINDS.map(|(kind, count)| format!("{kind}-1 to {count}"));
    let kinds = kinds.join(" | ");
    push(page, format_args!("\n| | {kinds} |\n|---|---|---|---|---|"));
    for name in ["done", "not ours", "open"] {
        let of = |(kind, _): (&str, usize)| {
            let all = REQUIREMENTS.iter();
            let counted = all.filter(|it| it.number.starts_with(kind) && word(it) == name);
            counted.count().to_string()
        };
        let row = KINDS.map(of).join(" | ");
        push(page, format_args!("| {name} | {row} |"));
    }
    let rows = SEGMENTS.iter().map(|row| row.cells);
    let all = rows.chain(CALLS.iter().map(|(_, cells)| *cells));
    let departures: usize = all
        .clone()
        .map(|row| cells(row).iter().filter(|c| c.departure.is_some()).count())
        .sum();
    let count = all.count() * COLUMNS.len();
    push(
        page,
        format_args!(
            "\nThe state tables have {count} cells; {departures} of them depart from the text of \
             §3.10, for {} reasons.",
            DEPARTURES.len()
        ),
    );
}

fn word(requirement: &Requirement) -> &'static str {
    match requirement.status {
        Status::Done { .. } => "done",
        Status::NotOurs { .. } => "not ours",
        Status::Open { .. } => "open",
    }
}

fn head(page: &mut String, first: &str) {
    let columns = COLUMNS.map(|(_, name)| name).join(" | ");
    let rule = "---|".repeat(first.split('|').count() + COLUMNS.len());
    push(page, format_args!("\n| {first} | {columns} |\n|{rule}"));
}

fn line(page: &mut String, first: &str, row: &str) {
    let cells: Vec<String> = cells(row).iter().map(shown).collect();
    push(page, format_args!("| {first} | {} |", cells.join(" | ")));
}

fn shown(cell: &Cell<'_>) -> String {
    let next = cell.next.map(|next| format!("→ {}", name_of(next)));
    let departure = cell.departure.map(|letter| format!("*{letter}*"));
    let answer = match (cell.answer, &next) {
        ("-", Some(_)) => None,
        ("-", None) => Some("–".to_owned()),
        (answer, _) => Some(answer.to_owned()),
    };
    let parts: Vec<String> = [answer, next, departure].into_iter().flatten().collect();
    parts.join(" ")
}

fn ctl(row: &Row) -> &'static str {
    if row.ctl.is_empty() {
        "no control bit"
    } else {
        row.ctl
    }
}

fn at(at: At) -> &'static str {
    match at {
        At::Before => "before it",
        At::Straddle => "across its left edge",
        At::Left => "at its left edge",
        At::Inside => "inside",
        At::Right => "at its last number",
        At::Past => "past it",
    }
}

fn field(field: Field) -> &'static str {
    match field {
        Field::None => "",
        Field::All => "SND.NXT",
        Field::Una => "SND.UNA",
        Field::Unsent => "SND.NXT+1",
        Field::Oldest => "SND.UNA−MAX.SND.WND",
        Field::Old => "SND.UNA−MAX.SND.WND−1",
    }
}

fn requirements(page: &mut String) {
    page.push_str("\n## Numbered requirements (appendix B)\n\n");
    page.push_str(
        "Those marked • are connection management.\n\n| | | requirement | | test, or why not |\n",
    );
    page.push_str("|---|---|---|---|---|\n");
    for it in REQUIREMENTS {
        let why = match it.status {
            Status::Done { test } => format!("`{test}`"),
            Status::NotOurs { why } | Status::Open { why } => why.to_owned(),
        };
        let mark = if it.is_management { "•" } else { "" };
        let (number, text, word) = (it.number, it.text, word(it));
        push(
            page,
            format_args!("| {number} | {mark} | {text} | {word} | {why} |"),
        );
    }
}
