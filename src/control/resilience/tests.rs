//! Verdicts and the report.

use super::*;
use crate::flood::{Kind, Rate};
use crate::load::page;

const MAX: u64 = Rate::MAX.per_s();

// Two seconds of a phase in which all of 20 thousand connections succeeded.
fn row(against: &str, flood_rate: u64, phase: Phase) -> Row {
    let is_flood = phase == Phase::During;
    Row {
        against: against.into(),
        topology: Topology::Apart,
        phase,
        flood_rate,
        flood_kind: Kind::Syn,
        honest: Honest {
            attempted: 20_000,
            succeeded: 20_000,
            rate_per_s: if is_flood { 9_000.0 } else { 10_000.0 },
            syn_retransmitted: 0,
            handshake_us: Percentiles {
                p50: 90.0,
                p99: 1_240.0,
                p999: 2_000.0,
            },
            timeline: vec![2_500; 8],
            established_per_s: 650.0,
            established_us: Percentiles {
                p50: 110.0,
                p99: 640.0,
                p999: 3_100.0,
            },
            bulk_octets_per_s: 12_400_000.0,
            established_broken: 0,
        },
        flood: if is_flood {
            Flooded {
                offered_per_s: 0.2 * crate::load::float(flood_rate),
                answered_per_s: 0.1 * crate::load::float(flood_rate),
            }
        } else {
            Flooded::default()
        },
        cpu: Cpu {
            shard: 0.9,
            system: 0.7,
            cores: vec![0.9, 0.5],
        },
    }
}

fn run(against: &str, flood_rate: u64) -> [Row; 3] {
    [Phase::Before, Phase::During, Phase::After].map(|phase| row(against, flood_rate, phase))
}

fn verdict(rows: &[Row]) -> Verdict {
    let [verdict] = verdicts(rows).try_into().unwrap();
    verdict
}

#[test]
fn who_served_everyone_is_said_to_have() {
    let rows = [run("serve", 100_000), run("serve", MAX)].concat();
    let verdict = verdict(&rows);
    assert!(verdict.is_kept);
    assert_eq!(
        verdict.to_string(),
        "serve: every one of 40,000 honest connections succeeded under up to 2M SYN/s. At the \
         highest rate 9k honest connections a second (90 % of 10k before), handshake p99 1.24 ms, \
         0 SYNs sent again."
    );
}

#[test]
fn one_failure_is_not_hidden_by_many_successes() {
    let mut rows = [run("kernel", 100_000), run("kernel", MAX)].concat();
    rows[4].honest.succeeded -= 1;
    rows[4].honest.syn_retransmitted = 1_234;
    let failed = verdict(&rows);
    assert!(!failed.is_kept);
    assert_eq!(
        failed.outcome,
        "1 of 40,000 honest connections failed under up to 2M SYN/s"
    );
    assert!(failed.price.unwrap().contains("1,234 SYNs sent again"));

    rows[1].honest.succeeded = 0;
    assert_eq!(
        verdict(&rows).outcome,
        "20,001 of 40,000 honest connections failed under up to 2M SYN/s, the first under 20k"
    );
    rows[4].honest.succeeded = 0;
    assert_eq!(
        verdict(&rows).outcome,
        "none of 40,000 honest connections succeeded under up to 2M SYN/s, the first under 20k"
    );
}

#[test]
fn who_does_not_recover_has_not_kept_the_promise() {
    let mut rows = run("serve", MAX);
    rows[2].honest.succeeded = 19_988;
    let verdict = verdict(&rows);
    assert!(!verdict.is_kept);
    assert_eq!(
        verdict.outcome,
        "every one of 20,000 honest connections succeeded under up to 2M SYN/s; before and after \
         the flood, 12 of 40,000 honest connections failed"
    );
}

#[test]
fn without_flood_or_clients_nothing_is_proven() {
    let mut rows = run("serve", MAX);
    rows[1].flood = Flooded::default();
    let calm = verdict(&rows);
    assert!(!calm.is_kept);
    assert!(calm.outcome.ends_with("succeeded, but no flood came"));

    rows[1].honest = Honest::default();
    let empty = verdict(&rows);
    assert!(!empty.is_kept && empty.price.is_none());
    assert!(empty.outcome.starts_with("no honest client tried"));
    assert!(!verdict(&rows[..1]).is_kept);
}

#[test]
fn the_baseline_has_no_verdict_and_topologies_have_their_own() {
    let mut rows = [run("serve", MAX), run("serve", MAX), run(BASELINE, MAX)].concat();
    for row in &mut rows[3..6] {
        row.topology = Topology::Shared;
    }
    let names: Vec<_> = verdicts(&rows).into_iter().map(|v| v.against).collect();
    assert_eq!(names, ["serve, apart", "serve, shared"]);
    assert_eq!(verdicts(&[]), []);
}

#[test]
fn the_report_is_one_page_that_asks_nobody() {
    let rows = [
        run("serve", 250_000),
        run("serve", MAX),
        run("<nft> & \"co\"", MAX),
    ]
    .concat();
    let facts = [("processor".into(), "<2> & \"co\"".into())];
    let page = html(&rows, &facts);
    page::check(&page);
    assert!(page.contains("&lt;nft&gt; &amp; &quot;co&quot;"));
    assert!(page.contains("&lt;2&gt; &amp; &quot;co&quot;"));
    assert!(!page.contains("<nft>") && !page.contains("<2>"));
    assert_eq!(page.matches("<svg").count(), 7);
    assert_eq!(page.matches("<tr class=").count(), rows.len());
    assert!(page.contains(">250k<") && page.contains(">max<"));
    assert!(!page.contains(">10M<"), "the ceiling is no rate");
    assert!(page.contains("every one of 40,000 honest connections succeeded under up to 2M"));
}

#[test]
fn the_baseline_is_beside_the_answers_and_in_the_table_alone() {
    let mut baseline = row(BASELINE, MAX, Phase::During);
    baseline.honest = Honest::default();
    let rows = [&run("serve", MAX)[..], &[baseline]].concat();
    let page = html(&rows, &[]);
    page::check(&page);
    let figures: Vec<_> = page.split("<figure>").skip(1).collect();
    let with_baseline = figures
        .iter()
        .filter(|figure| figure.contains("s6\">l2fwd"));
    let titles: Vec<_> = with_baseline.map(|figure| figure.lines().nth(1)).collect();
    assert_eq!(titles, [Some("<h2>Flood offered and answered</h2>")]);
    assert!(page.contains("<th>l2fwd</th>"));
}

#[test]
fn established_connections_have_their_charts_and_columns() {
    let rows = [run("serve", MAX), run("kernel", MAX)].concat();
    let page = html(&rows, &[]);
    let figure = |title: &str| {
        let mut figures = page.split("<figure>").skip(1);
        figures.find(|figure| figure.contains(title)).expect(title)
    };
    let requests = figure("<h2>Requests on established connections</h2>");
    assert!(requests.contains("serve p99") && requests.contains("kernel p50"));
    assert!(figure("<h2>Bulk transfer on an established connection</h2>").contains("12.4"));
    let cells = "<td>650</td><td>640</td><td>12</td><td>0</td>";
    assert_eq!(page.matches(cells).count(), rows.len());
}

#[test]
fn a_flood_is_called_by_its_name() {
    let mut rows = run("serve", MAX);
    for row in &mut rows {
        row.flood_kind = Kind::Ack;
    }
    assert!(
        verdict(&rows)
            .outcome
            .ends_with("under up to 2M ACKs a second")
    );
    assert!(html(&rows, &[]).contains("<td>ACKs</td>"));
}

#[test]
fn nothing_and_zeros_make_a_page() {
    let nothing = html(&[], &[]);
    page::check(&nothing);
    assert!(nothing.contains("Nothing was measured"));

    let mut rows = run("serve", 0);
    for row in &mut rows {
        row.honest = Honest::default();
        row.flood = Flooded::default();
        row.cpu = Cpu::default();
    }
    page::check(&html(&rows, &[]));
    for row in &mut rows {
        row.honest.attempted = 1;
        row.honest.rate_per_s = f64::NAN;
        row.honest.handshake_us.p999 = f64::INFINITY;
        row.honest.timeline = vec![0];
        row.flood.offered_per_s = f64::NAN;
        row.cpu.cores = vec![f64::NAN; 200];
    }
    page::check(&html(&rows, &[]));
}
