//! `seawall resilience` measures what it says: honest connections succeed beside a flood, in both
//! topologies, and its rows have the names that tools rely on.

mod common;

use common::{Process, Row, run};
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::ExitCode;

const TESTS: &[Row] = &[
    (
        "beside_a_flood_every_honest_connection_succeeds",
        &["root"],
        apart,
    ),
    (
        "on_one_queue_with_the_flood_honest_connections_get_in",
        &["root"],
        shared,
    ),
    (
        "on_one_queue_with_all_the_flood_there_is_nobody_feels_it_who_is_answered_in_the_driver",
        &["root"],
        shared_at_full_flood,
    ),
    (
        "beside_an_ack_flood_every_honest_connection_succeeds",
        &["root"],
        acks,
    ),
    (
        "a_signal_ends_it_and_finished_rows_are_told",
        &["root"],
        signal,
    ),
    ("wrong_arguments_exit_2_before_anything_is_made", &[], wrong),
];

fn main() -> ExitCode {
    run(TESTS)
}

fn rows(arguments: &str) -> Result<Vec<Value>, Failed> {
    let process = Process::seawall(None, &format!("resilience --json - {arguments}"))?;
    let finished = process.finish()?;
    if !finished.status.success() {
        return Err(finished.stderr.into());
    }
    Ok(serde_json::from_str(&finished.stdout)?)
}

// Rows of a contestant by phase: before, during, after.
fn of<'a>(rows: &'a [Value], against: &str) -> Vec<&'a Value> {
    rows.iter()
        .filter(|row| row["against"] == against)
        .collect()
}

fn names(value: &Value) -> BTreeSet<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

fn number(row: &Value, path: &str) -> f64 {
    row.pointer(path).and_then(Value::as_f64).expect(path)
}

fn check_names(row: &Value) {
    for (path, expected) in [
        (
            "",
            &[
                "against",
                "topology",
                "phase",
                "flood_rate",
                "flood_kind",
                "honest",
                "flood",
                "cpu",
            ][..],
        ),
        (
            "/honest",
            &[
                "attempted",
                "succeeded",
                "rate_per_s",
                "syn_retransmitted",
                "handshake_us",
                "timeline",
                "established_per_s",
                "established_us",
                "bulk_octets_per_s",
                "established_broken",
            ],
        ),
        ("/honest/handshake_us", &["p50", "p99", "p999"]),
        ("/honest/established_us", &["p50", "p99", "p999"]),
        ("/flood", &["offered_per_s", "answered_per_s"]),
        ("/cpu", &["shard", "system", "cores"]),
    ] {
        let at = row.pointer(path).expect(path);
        assert_eq!(names(at), expected.iter().copied().collect(), "{path}");
    }
}

// Every connection succeeded, and those held from before did not break.
fn check_honest(row: &Value) {
    assert!(number(row, "/honest/attempted") >= 16.0, "{row}");
    assert_eq!(
        row["honest"]["attempted"], row["honest"]["succeeded"],
        "{row}"
    );
    assert_eq!(row["honest"]["established_broken"], 0, "{row}");
    assert!(number(row, "/honest/established_per_s") > 0.0, "{row}");
    let each = row["honest"]["timeline"].as_array().expect("a list");
    let sum: u64 = each.iter().filter_map(Value::as_u64).sum();
    assert_eq!(Some(sum), row["honest"]["succeeded"].as_u64(), "{row}");
    let [p50, p999] = ["p50", "p999"].map(|p| number(row, &format!("/honest/handshake_us/{p}")));
    assert!(0.0 < p50 && p50 <= p999, "{row}");
}

fn check_flood(row: &Value) {
    let (offered, answered) = (
        number(row, "/flood/offered_per_s"),
        number(row, "/flood/answered_per_s"),
    );
    if row["phase"] == "during" {
        assert!(answered > 0.0 && answered <= offered * 1.01, "{row}");
    } else {
        assert!(offered == 0.0 && answered == 0.0, "{row}");
    }
}

fn apart() -> Result<(), Failed> {
    let rows = rows("--against serve --rates 50k --phase 500ms")?;
    let serve = of(&rows, "serve");
    let phases: Vec<&Value> = serve.iter().map(|row| &row["phase"]).collect();
    assert_eq!(phases, ["before", "during", "after"]);
    for row in serve {
        check_names(row);
        check_honest(row);
        check_flood(row);
        assert_eq!(
            (&row["topology"], &row["flood_rate"]),
            (&"apart".into(), &50_000.into())
        );
        assert!((0.0..=1.0).contains(&number(row, "/cpu/shard")), "{row}");
    }
    for alone in ["l2fwd", "serve alone"] {
        let alone = of(&rows, alone);
        assert_eq!(alone.len(), 1);
        check_names(alone[0]);
        check_flood(alone[0]);
        assert_eq!(alone[0]["honest"]["attempted"], 0);
    }
    Ok(())
}

fn shared() -> Result<(), Failed> {
    let rows =
        rows("--topology shared --against serve,kernel --rates 20k --phase 250ms --patience 3s")?;
    for row in &rows {
        assert_eq!(row["topology"], "shared");
        check_flood(row);
    }
    // The rate asked for, the one that finds the capacity, and 80% of that.
    let rates: BTreeSet<u64> = of(&rows, "serve")
        .iter()
        .filter_map(|row| row["flood_rate"].as_u64())
        .collect();
    assert_eq!(rates.len(), 3, "{rates:?}");
    for against in ["serve", "kernel"] {
        let asked = of(&rows, against).into_iter();
        let asked: Vec<&Value> = asked.filter(|row| row["flood_rate"] == 20_000).collect();
        assert_eq!(asked.len(), 3);
        asked.into_iter().for_each(check_honest);
    }
    Ok(())
}

// As fast as the source goes, which is what the queue takes: nothing is lost on the way, and the
// connections of before go on as before.
fn shared_at_full_flood() -> Result<(), Failed> {
    let line = "--topology shared --against serve-xdp --rates max --phase 500ms --patience 5s";
    let rows = rows(line)?;
    let serve = of(&rows, "serve-xdp");
    assert_eq!(serve.len(), 3);
    for row in &serve {
        check_honest(row);
        check_flood(row);
    }
    let [before, during, _] = serve[..] else {
        unreachable!("three were counted");
    };
    let flood = |name: &str| number(during, &format!("/flood/{name}_per_s"));
    assert!(flood("answered") > 0.8 * flood("offered"), "{during}");
    let [was, is] = [before, during].map(|row| number(row, "/honest/bulk_octets_per_s"));
    // Half, since others may have the machine: without the queue's own thread it was a tenth.
    assert!(is > 0.5 * was, "{before} {during}");
    Ok(())
}

// It goes to the shard, whoever answers SYNs.
fn acks() -> Result<(), Failed> {
    let rows = rows("--kind ack --against serve,serve-xdp --rates 50k --phase 500ms")?;
    let contestants: Vec<&Value> = rows.iter().map(|row| &row["against"]).collect();
    let expected = ["serve"; 3].into_iter().chain(["serve-xdp"; 3]);
    assert_eq!(contestants, expected.collect::<Vec<_>>(), "and no bounce");
    for row in &rows {
        check_names(row);
        check_honest(row);
        assert_eq!(row["flood_kind"], "ack");
        let offered = number(row, "/flood/offered_per_s");
        assert_eq!(offered > 0.0, row["phase"] == "during", "{row}");
        assert_eq!(row["flood"]["answered_per_s"], 0.0, "nothing to answer");
    }
    Ok(())
}

fn signal() -> Result<(), Failed> {
    let line = "resilience --json - --against serve,kernel --phase 500ms --rates 1k,2k";
    let process = Process::seawall(None, line)?;
    process.wait_for("serve, flood of 1k, during: ")?;
    process.signal(Signal::SIGINT)?;
    let finished = process.finish()?;
    assert!(finished.status.success(), "{}", finished.stderr);
    assert!(finished.stderr.contains("stopped"), "{}", finished.stderr);
    let rows: Vec<Value> = serde_json::from_str(&finished.stdout)?;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["phase"], "before");
    Ok(())
}

fn wrong() -> Result<(), Failed> {
    for (arguments, complaint) in [
        ("--rates 11M", "no override"),
        ("--against nobody", "possible values"),
        ("--phase 0s", "at most 40s"),
    ] {
        let finished = Process::seawall(None, &format!("resilience {arguments}"))?.finish()?;
        assert_eq!(finished.status.code(), Some(2), "{}", finished.stderr);
        assert!(finished.stderr.contains(complaint), "{}", finished.stderr);
        assert!(finished.stdout.is_empty());
    }
    Ok(())
}
