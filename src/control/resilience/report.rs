//! The report for people: one HTML page that needs nothing but itself.

use super::contestant::Contestant;
use super::number::{NONE, flood_rate, grouped, percent, rounded};
use super::row::{Honest, Phase, Row, Topology};
use super::verdict::verdicts;
use crate::load::Percentiles;
use crate::load::chart::{Band, Chart, Colour, Mark, Scale, Series, escape};
use crate::load::float;
use crate::load::page::{fact, page};
use core::fmt::Write;
use std::collections::BTreeSet;

const STYLE: &str = include_str!("report.css");

/// Seconds of one number of [`Honest::timeline`](super::Honest::timeline).
const TICK: f64 = 0.25;

/// How much of the room on the x axis bars leave between groups.
const GAP: f64 = 0.2;

/// A bar is no wider than this part of its group.
const WIDEST: f64 = 0.3;

/// So many processors have their numbers below the chart.
const NUMBERED_CORES: usize = 24;

/// In order of appearance; the baseline is grey.
const COLOURS: [Colour; 6] = [
    Colour::Blue,
    Colour::Orange,
    Colour::Green,
    Colour::Purple,
    Colour::Teal,
    Colour::Red,
];

/// The page of a run. `facts` are names and values: the machine, and how it was measured.
#[must_use]
pub fn html(rows: &[Row], facts: &[(String, String)]) -> String {
    let run = Run::of(rows);
    let figures = [
        run.timeline(),
        run.successes(),
        run.handshakes(),
        run.requests(),
        run.bulk(),
        run.answers(),
        run.processors(),
    ];
    let body = [
        proof(rows),
        machine(rows, facts),
        figures.map(|chart| chart.figure()).concat(),
        all(rows),
    ];
    page("seawall resilience", STYLE, &body.concat())
}

fn proof(rows: &[Row]) -> String {
    let verdicts = verdicts(rows);
    if verdicts.is_empty() {
        return "<p>Nothing was measured.</p>\n".into();
    }
    let mut out = String::from("<section class=\"proof\">\n");
    for verdict in verdicts {
        let class = if verdict.is_kept { "kept" } else { "lost" };
        let [name, outcome, price] = [
            &verdict.against,
            &verdict.outcome,
            verdict.price.as_deref().unwrap_or_default(),
        ]
        .map(escape);
        // Writing into a string cannot fail.
        let _ = writeln!(
            out,
            "<div class=\"{class}\"><strong>{name}:</strong> {outcome}.<p>{price}</p></div>"
        );
    }
    out + "</section>\n"
}

fn machine(rows: &[Row], facts: &[(String, String)]) -> String {
    let mut out = String::from("<h2>Where and how</h2>\n<table class=\"facts\">\n");
    for (topology, meaning) in [
        (Topology::Apart, "by two interfaces of the server"),
        (
            Topology::Shared,
            "by one interface and one queue of the server",
        ),
    ] {
        if rows.iter().any(|row| row.topology == topology) {
            let text = format!("attacker and honest clients come in {meaning}");
            fact(&mut out, topology.name(), &text);
        }
    }
    if let Some(row) = rows.first() {
        fact(&mut out, "flood", row.flood_kind.segments());
    }
    for (name, value) in facts {
        fact(&mut out, name, value);
    }
    out + "</table>\n"
}

// What the charts are made of.
struct Run<'a> {
    honest: Vec<(Contestant<'a>, Colour)>,
    baselines: Vec<(Contestant<'a>, Colour)>,
    rates: Vec<u64>,
}

impl<'a> Run<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let contestants = Contestant::all(rows).into_iter();
        let (baselines, honest): (Vec<_>, Vec<_>) = contestants.partition(Contestant::is_baseline);
        let rates: BTreeSet<u64> = rows.iter().map(|row| row.flood_rate).collect();
        let grey = baselines.into_iter().map(|one| (one, Colour::Grey));
        Self {
            honest: honest
                .into_iter()
                .zip(COLOURS.into_iter().cycle())
                .collect(),
            baselines: grey.collect(),
            rates: rates.into_iter().collect(),
        }
    }

    fn timeline(&self) -> Chart<'static> {
        let phases = [Phase::Before, Phase::During, Phase::After];
        // Each phase begins for all where the longest of the one before ends.
        let starts = phases.map(|phase| self.longest(phase)).into_iter();
        let starts = starts.scan(0.0, |end, length| {
            *end += length;
            Some(*end - length)
        });
        let starts: Vec<f64> = starts.collect();
        let end = starts[2] + self.longest(Phase::After);
        let series = self.honest.iter().map(|(contestant, colour)| {
            let mut points = Vec::new();
            for (phase, start) in phases.into_iter().zip(&starts) {
                let row = contestant.at_peak(phase);
                let ticks = row.map_or(&[][..], |row| &row.honest.timeline);
                let middles = (0..).map(|n| start + (f64::from(n) + 0.5) * TICK);
                points.extend(middles.zip(ticks.iter().map(|count| float(*count) / TICK)));
            }
            Series {
                name: contestant.name.clone(),
                colour: *colour,
                mark: Mark::Line,
                points,
            }
        });
        let flood = Band {
            from: starts[1],
            to: starts[2],
            name: "flood",
        };
        Chart {
            note: "At the highest rate of the flood.",
            x_end: end,
            series: series.collect(),
            bands: vec![flood],
            ..Chart::new(
                "Honest connections over time",
                "seconds",
                "connections a second",
            )
        }
    }

    // Seconds of a phase at the highest rate.
    fn longest(&self, phase: Phase) -> f64 {
        let rows = self.honest.iter();
        let rows = rows.filter_map(|(contestant, _)| contestant.at_peak(phase));
        let lengths = rows.map(|row| float(row.honest.timeline.len() as u64) * TICK);
        lengths.fold(0.0, f64::max)
    }

    // Groups on the x axis: no flood, then each rate. `value` of the row of each.
    fn sweep(
        &self,
        contestant: &Contestant<'_>,
        value: impl Fn(&Row) -> Option<f64>,
    ) -> Vec<(f64, f64)> {
        let calm = contestant.at_peak(Phase::Before);
        let rates = self.rates.iter();
        let floods = rates.map(|rate| contestant.at(*rate, Phase::During));
        let groups = core::iter::once(calm).chain(floods);
        let points = (0..).map(f64::from).zip(groups);
        points
            .filter_map(|(n, row)| Some((n + 0.5, value(row?)?)))
            .collect()
    }

    fn sweep_ticks(&self) -> Vec<(f64, String)> {
        let rates = self.rates.iter().map(|rate| flood_rate(*rate));
        let labels = core::iter::once("none".into()).chain(rates);
        (0..).map(|n| f64::from(n) + 0.5).zip(labels).collect()
    }

    fn successes(&self) -> Chart<'static> {
        let share = |row: &Row| {
            let Row { honest, .. } = row;
            percent(float(honest.succeeded), float(honest.attempted))
        };
        let bars = Bars::of(&self.honest);
        let series = bars.series(Mark::Bars, |contestant| self.sweep(contestant, share));
        let x_ticks = self.sweep_ticks();
        Chart {
            note: "Connections that got the whole right answer, of those begun.",
            x_end: float(x_ticks.len() as u64),
            y_end: 100.0,
            x_ticks,
            series,
            ..Chart::new(
                "Honest connections that succeeded",
                "segments a second asked of the flood",
                "percent",
            )
        }
    }

    fn handshakes(&self) -> Chart<'static> {
        Chart {
            note: "From connect to writable, of those that got so far. A SYN that was lost costs \
                   its client's kernel a second.",
            ..self.latency("Handshakes of honest clients", |it| it.handshake_us)
        }
    }

    fn requests(&self) -> Chart<'static> {
        Chart {
            note: "From request to answer, on connections that were opened before the flood.",
            ..self.latency("Requests on established connections", |it| {
                it.established_us
            })
        }
    }

    // Median and 99th percentile.
    fn latency(&self, title: &'static str, of: fn(&Honest) -> Percentiles) -> Chart<'static> {
        let mut series = Vec::new();
        for (contestant, colour) in &self.honest {
            let mut add = |name: &str, mark, value: fn(Percentiles) -> f64| {
                // Nothing takes 0 microseconds.
                let value = |row: &Row| Some(value(of(&row.honest))).filter(|value| *value > 0.0);
                series.push(Series {
                    name: format!("{} {name}", contestant.name),
                    colour: *colour,
                    mark,
                    points: self.sweep(contestant, value),
                });
            };
            add("p50", Mark::Dashes, |it| it.p50);
            add("p99", Mark::Dots, |it| it.p99);
        }
        let x_ticks = self.sweep_ticks();
        Chart {
            scale: Scale::Log,
            x_end: float(x_ticks.len() as u64),
            x_ticks,
            series,
            ..Chart::new(
                title,
                "segments a second asked of the flood",
                "microseconds",
            )
        }
    }

    fn bulk(&self) -> Chart<'static> {
        let rate = |row: &Row| Some(rounded(row.honest.bulk_octets_per_s / 1e6));
        let series = Bars::of(&self.honest).series(Mark::Bars, |one| self.sweep(one, rate));
        let x_ticks = self.sweep_ticks();
        Chart {
            note: "A transfer to the server on a connection that was opened before the flood; 12.5 \
                   megabytes a second are asked of it.",
            x_end: float(x_ticks.len() as u64),
            x_ticks,
            series,
            ..Chart::new(
                "Bulk transfer on an established connection",
                "segments a second asked of the flood",
                "megabytes a second",
            )
        }
    }

    fn answers(&self) -> Chart<'static> {
        let everyone = [&self.honest[..], &self.baselines].concat();
        let bars = Bars::of(&everyone);
        let at_each_rate = |contestant: &Contestant<'_>, value: fn(&Row) -> f64| {
            let points = self.sweep(contestant, |row| Some(rounded(value(row))));
            // There is no flood in the first group.
            let points = points.into_iter().map(|(x, y)| (x - 1.0, y));
            points.filter(|(x, _)| *x > 0.0).collect()
        };
        let offered = bars.series(Mark::Outlines, |contestant| {
            at_each_rate(contestant, |row| row.flood.offered_per_s)
        });
        let answered = bars.series(Mark::Bars, |contestant| {
            at_each_rate(contestant, |row| row.flood.answered_per_s)
        });
        let series = offered.into_iter().map(Series::unnamed);
        let series = series.chain(answered).collect();
        let x_ticks = self.sweep_ticks().into_iter().skip(1);
        let x_ticks: Vec<_> = x_ticks.map(|(x, label)| (x - 1.0, label)).collect();
        Chart {
            note: "Filled: SYN-ACKs that came back to the attacker. Outline: segments that its source \
                   handed to the driver, fewer where the server pushes back.",
            x_end: float(x_ticks.len() as u64),
            x_ticks,
            series,
            ..Chart::new(
                "Flood offered and answered",
                "segments a second asked of the flood",
                "a second",
            )
        }
    }

    fn processors(&self) -> Chart<'static> {
        let bars = Bars::of(&self.honest);
        let cores = |contestant: &Contestant<'_>, phase| -> Vec<(f64, f64)> {
            let row = contestant.at_peak(phase);
            let shares = row.map_or(&[][..], |row| &row.cpu.cores).iter();
            let points = (0..).map(|n| f64::from(n) + 0.5);
            points
                .zip(shares.map(|share| rounded(100.0 * share)))
                .collect()
        };
        let mut series = bars.series(Mark::Bars, |one| cores(one, Phase::During));
        let before = bars.series(Mark::Outlines, |one| cores(one, Phase::Before));
        series.extend(before.into_iter().map(Series::unnamed));
        let count = series.iter().map(|series| series.points.len()).max();
        let count = count.unwrap_or_default();
        let every = count.div_ceil(NUMBERED_CORES).max(1);
        let numbers = (0..count).step_by(every);
        let x_ticks = numbers.map(|n| (float(n as u64) + 0.5, n.to_string()));
        Chart {
            note: "Filled: during the flood at its highest rate. Outline: before it.",
            x_end: float(count as u64),
            y_end: 100.0,
            x_ticks: x_ticks.collect(),
            series,
            ..Chart::new("Processors", "processor", "percent busy")
        }
    }
}

// Bars side by side, one for each contestant in each group.
struct Bars<'a> {
    contestants: &'a [(Contestant<'a>, Colour)],
    width: f64,
}

impl<'a> Bars<'a> {
    fn of(contestants: &'a [(Contestant<'a>, Colour)]) -> Self {
        let count = float(contestants.len().max(1) as u64);
        Self {
            contestants,
            width: WIDEST.min((1.0 - GAP) / count),
        }
    }

    // `points` of a contestant are in the middles of the groups.
    fn series(
        &self,
        mark: fn(f64) -> Mark,
        points: impl Fn(&Contestant<'_>) -> Vec<(f64, f64)>,
    ) -> Vec<Series> {
        let half = float(self.contestants.len() as u64) / 2.0;
        let places = (0..).map(|n| (f64::from(n) + 0.5 - half) * self.width);
        let contestants = self.contestants.iter().zip(places);
        let series = contestants.map(|((contestant, colour), place)| Series {
            name: contestant.name.clone(),
            colour: *colour,
            mark: mark(self.width * 0.9),
            points: points(contestant)
                .into_iter()
                .map(|(x, y)| (x + place, y))
                .collect(),
        });
        series.collect()
    }
}

const HEADER: &str = "<h2>All rows</h2>\n<p>Percentiles in microseconds, processors in percent. Held: on \
     connections that were opened before the flood.</p>\n\
     <div class=\"wide\">\n<table class=\"rows\">\n<thead>\n\
     <tr><th>against</th><th>flood</th><th>phase</th><th>attempted</th>\
     <th>succeeded</th><th>failed</th><th>a second</th><th>SYN again</th><th>p50</th><th>p99</th>\
     <th>p99.9</th><th>answers/s held</th><th>p99 held</th><th>bulk MB/s</th><th>broken</th>\
     <th>offered/s</th><th>answered/s</th><th>shard</th><th>system</th><th>cores</th>\
     </tr>\n</thead>\n<tbody>\n";

fn all(rows: &[Row]) -> String {
    let mut out = String::from(HEADER);
    for contestant in Contestant::all(rows) {
        for row in &contestant.rows {
            one(&mut out, &contestant.name, row);
        }
    }
    out + "</tbody>\n</table>\n</div>\n"
}

fn one(out: &mut String, name: &str, row: &Row) {
    let Row {
        honest, flood, cpu, ..
    } = row;
    let (name, flood_rate, phase) = (escape(name), flood_rate(row.flood_rate), row.phase.name());
    let _ = write!(
        out,
        "<tr class=\"{phase}\"><th>{name}</th><td>{flood_rate}</td><td>{phase}</td>"
    );
    let tried = honest.attempted > 0;
    let failed = honest.attempted.saturating_sub(honest.succeeded);
    let p = honest.handshake_us;
    let has_handshakes = p.p999 > 0.0;
    let is_flood = row.phase == Phase::During;
    for (value, is_known) in [
        (float(honest.attempted), tried),
        (float(honest.succeeded), tried),
        (float(failed), tried),
        (honest.rate_per_s, tried),
        (float(honest.syn_retransmitted), tried),
        (p.p50, has_handshakes),
        (p.p99, has_handshakes),
        (p.p999, has_handshakes),
        (honest.established_per_s, tried),
        (honest.established_us.p99, honest.established_us.p99 > 0.0),
        (honest.bulk_octets_per_s / 1e6, tried),
        (float(honest.established_broken), tried),
        (flood.offered_per_s, is_flood),
        (flood.answered_per_s, is_flood),
        (100.0 * cpu.shard, true),
        (100.0 * cpu.system, true),
    ] {
        let text = if is_known {
            grouped(value)
        } else {
            NONE.into()
        };
        let _ = write!(out, "<td>{text}</td>");
    }
    let cores: Vec<_> = cpu.cores.iter().map(|core| grouped(100.0 * core)).collect();
    let _ = writeln!(out, "<td>{}</td></tr>", cores.join(" "));
}
