//! RFC 9293, requirement by requirement and state by state: what we claim is what runs.

#[path = "ledger/calls.rs"]
mod calls;
#[path = "ledger/columns.rs"]
mod columns;
#[path = "ledger/page.rs"]
mod page;
#[path = "ledger/requirements.rs"]
mod requirements;
#[path = "ledger/segments.rs"]
mod segments;
#[path = "ledger/stage.rs"]
mod stage;

use calls::CALLS;
use columns::{COLUMNS, Cell, DEPARTURES, cells, name_of};
use requirements::{KINDS, REQUIREMENTS, Status};
use segments::{At, SEGMENTS};
use stage::Stage;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_numbered_requirement_is_listed_once() {
    let wanted: BTreeSet<String> = KINDS
        .iter()
        .flat_map(|(kind, count)| (1..=*count).map(move |n| format!("{kind}-{n}")))
        .collect();
    let listed: BTreeSet<String> = REQUIREMENTS.iter().map(|it| it.number.into()).collect();
    assert_eq!(listed, wanted);
    assert_eq!(REQUIREMENTS.len(), wanted.len(), "one of them twice");
}

#[test]
fn what_is_done_is_cited_and_tested() {
    let sources = sources("src");
    let cited: HashSet<String> = sources.iter().flat_map(|text| numbers(text)).collect();
    let tests: Vec<String> = [sources, self::sources("tests")].concat();
    let tests: HashSet<&str> = tests.iter().flat_map(|text| test_names(text)).collect();
    for it in REQUIREMENTS {
        if let Status::Done { test } = it.status {
            assert!(cited.contains(it.number), "{}: not cited", it.number);
            assert!(tests.contains(test), "{}: no test {test}", it.number);
        }
    }
}

#[test]
fn no_must_is_open_and_those_of_connection_management_are_done() {
    for it in REQUIREMENTS {
        let is_must = it.number.starts_with("MUST-");
        let is_open = matches!(it.status, Status::Open { .. });
        assert!(!is_must || !is_open, "{}", it.number);
        let is_done = matches!(it.status, Status::Done { .. });
        assert!(!it.is_management || is_done, "{}", it.number);
    }
}

#[test]
fn segments_lead_where_the_table_says() {
    let rows = SEGMENTS.iter().map(|row| {
        let name = format!(
            "[{}] text {} {:?} ack {:?}",
            row.ctl, row.text, row.at, row.ack
        );
        let run = move |column: &str| Stage::at(column).run(row);
        (name, row.cells, run)
    });
    check(rows);
}

#[test]
fn calls_lead_where_the_table_says() {
    let rows = CALLS.iter().map(|(call, cells)| {
        let run = move |column: &str| Stage::at(column).call(*call);
        (call.name().to_owned(), *cells, run)
    });
    check(rows);
}

// All cells that are wrong, not the first alone.
fn check<F: Fn(&str) -> (String, &'static str)>(
    rows: impl Iterator<Item = (String, &'static str, F)>,
) {
    let mut wrong = Vec::new();
    for (name, row, run) in rows {
        for ((column, _), cell) in COLUMNS.iter().zip(cells(row)) {
            let next = next_state(column, &cell);
            let got = run(column);
            if (got.0.as_str(), got.1) != (cell.answer, next) {
                wrong.push(format!("{name} in {column}: {cell:?} but {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn next_state(column: &str, cell: &Cell<'_>) -> &'static str {
    let here = if matches!(column, "SP" | "SA") {
        "SR"
    } else {
        column
    };
    name_of(cell.next.unwrap_or(here))
}

// Each mix of control bits at the edges of the window, inside of it and outside.
#[test]
fn the_table_has_every_event() {
    let mut places = BTreeMap::<(&str, bool), Vec<At>>::new();
    for row in SEGMENTS {
        let key = (row.ctl, row.text > 0);
        places.entry(key).or_default().push(row.at);
    }
    for ctl in [
        "RST", "RST,ACK", "SYN", "SYN,ACK", "SYN,FIN", "ACK", "FIN", "FIN,ACK", "",
    ] {
        for at in [At::Before, At::Left, At::Inside, At::Right, At::Past] {
            assert!(places[&(ctl, false)].contains(&at), "{ctl} {at:?}");
        }
    }
    for ctl in ["ACK", ""] {
        for at in [At::Before, At::Straddle, At::Left, At::Inside, At::Past] {
            assert!(places[&(ctl, true)].contains(&at), "{ctl} {at:?}");
        }
    }
}

#[test]
fn every_departure_is_explained_and_every_explanation_is_used() {
    let rows = SEGMENTS.iter().map(|row| row.cells);
    let rows = rows.chain(CALLS.iter().map(|(_, cells)| *cells));
    let used: BTreeSet<&str> = rows
        .flat_map(|row| cells(row).into_iter().filter_map(|cell| cell.departure))
        .collect();
    let explained: BTreeSet<&str> = DEPARTURES.iter().map(|(letter, _)| *letter).collect();
    assert_eq!(used, explained);
}

#[test]
fn the_page_is_what_the_tables_say() {
    let page = fs::read_to_string("CONFORMANCE.md").unwrap();
    assert!(
        page == page::page(),
        "run: cargo run --example conformance > CONFORMANCE.md"
    );
}

/// Texts of all Rust files under a folder, the tables of this test left out.
fn sources(folder: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path == Path::new("tests/ledger") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}

/// MUST-1, and all the others that a text cites.
fn numbers(text: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    for (kind, _) in KINDS {
        for (at, found) in text.match_indices(&format!("{kind}-")) {
            let digits = text[at + found.len()..].chars();
            let digits: String = digits.take_while(char::is_ascii_digit).collect();
            numbers.push(format!("{kind}-{digits}"));
        }
    }
    numbers
}

/// The functions of a text that are tests.
fn test_names(text: &str) -> Vec<&str> {
    let functions = text.split("#[test]").skip(1);
    let names = functions.filter_map(|text| {
        let (_, name) = text.split_once("fn ")?;
        name.split('(').next()
    });
    names.collect()
}
