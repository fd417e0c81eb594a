//! The report for people: one HTML page that needs nothing but itself.

use super::chart::{Chart, Colour, Mark, Scale, Series, short};
use super::json::{Spread, name_of};
use super::page::{fact, page};
use super::tally::float;
use super::{Cause, Plan, Sample, Tally};
use crate::tcp::State;
use core::fmt::Write;
use hdrhistogram::Histogram;

/// Percentiles up to this many nines have a line in the chart.
const NINES: u32 = 5;

/// Points of a percentile line between two lines of the grid.
const POINTS_A_NINE: u32 = 16;

/// The page of a load that is over. `facts` are names and values that the run adds to its own.
#[must_use]
pub fn html(plan: &Plan, tally: &Tally, facts: &[(String, String)]) -> String {
    let figures = [latency(tally), rates(tally), states(tally)].map(|chart| chart.figure());
    let body = [
        summary(plan, tally, facts),
        times(tally),
        figures.concat(),
        failures(tally),
    ];
    page(
        &format!("seawall load: {}", plan.target),
        "",
        &body.concat(),
    )
}

fn summary(plan: &Plan, tally: &Tally, facts: &[(String, String)]) -> String {
    let mut out = String::from("<table>\n");
    fact(&mut out, "pattern", &name_of(&plan.pattern));
    fact(&mut out, "close", &name_of(&plan.close));
    fact(&mut out, "source", &plan.sources.to_string());
    fact(&mut out, "intended starts a second", &plan.rate.to_string());
    fact(&mut out, "asked", &tally.asked.to_string());
    fact(&mut out, "opened", &tally.opened.to_string());
    fact(&mut out, "released", &tally.released.to_string());
    fact(&mut out, "failed", &tally.failures().to_string());
    if tally.unstarted() > 0 {
        fact(
            &mut out,
            "not begun in time",
            &tally.unstarted().to_string(),
        );
    }
    fact(
        &mut out,
        "released a second",
        &format!("{:.0}", tally.rate()),
    );
    fact(
        &mut out,
        "seconds",
        &format!("{:.3}", tally.span.as_secs_f64()),
    );
    if let Some(hold) = tally.hold {
        let held = format!(
            "{} of {} open, never fewer than {}, for {:.1} s",
            hold.open,
            hold.asked,
            hold.least,
            hold.held.as_secs_f64(),
        );
        fact(&mut out, "held", &held);
    }
    for (name, value) in facts {
        fact(&mut out, name, value);
    }
    out + "</table>\n"
}

// The histograms by name; what counts from the intended start first.
fn histograms(tally: &Tally) -> [(&'static str, &Histogram<u64>); 5] {
    [
        ("handshake", &tally.handshake),
        ("first byte", &tally.first_byte),
        ("whole life", &tally.life),
        ("release", &tally.release),
        ("start (ours)", &tally.late),
    ]
}

fn times(tally: &Tally) -> String {
    let mut out = String::from(
        "<h2>Latency</h2>\n<p>In microseconds. Handshake, first byte and whole life count from \
         the intended start, so a stall is not left out; release counts from the first FIN or \
         reset; start is how late the generator itself was.</p>\n<table>\n\
         <tr><th></th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n",
    );
    for (name, histogram) in histograms(tally) {
        if histogram.is_empty() {
            continue;
        }
        let p = Spread::of(histogram);
        let _ = write!(out, "<tr><th>{name}</th>");
        for value in [p.p50, p.p90, p.p99, p.p999, p.max] {
            let _ = write!(out, "<td>{value:.0}</td>");
        }
        out.push_str("</tr>\n");
    }
    out + "</table>\n"
}

// Percentiles by the number of nines: 90 is 1, 99.9 is 3.
fn latency(tally: &Tally) -> Chart<'static> {
    let series = histograms(tally)
        .into_iter()
        .filter(|(_, histogram)| !histogram.is_empty());
    let colours = [
        Colour::Blue,
        Colour::Orange,
        Colour::Green,
        Colour::Purple,
        Colour::Teal,
    ];
    let series = series.zip(colours).map(|((name, histogram), colour)| {
        // Beyond 1 in the number of samples there is only the maximum.
        let nines = float(histogram.len()).log10().min(f64::from(NINES));
        let points = (0..=NINES * POINTS_A_NINE).map(|n| f64::from(n) / f64::from(POINTS_A_NINE));
        let points = points.filter(|x| *x <= nines).map(|x| {
            let percentile = 100.0 * (1.0 - 10_f64.powf(-x));
            (x, float(histogram.value_at_percentile(percentile)))
        });
        Series {
            name: name.into(),
            colour,
            mark: Mark::Line,
            points: points.collect(),
        }
    });
    let labels = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"];
    let x_ticks = (0..).map(f64::from).zip(labels.map(String::from));
    Chart {
        scale: Scale::Log,
        x_ticks: x_ticks.collect(),
        series: series.collect(),
        ..Chart::new("Latency by percentile", "percentile", "microseconds")
    }
}

fn rates(tally: &Tally) -> Chart<'static> {
    let of = |name: &str, colour, count: fn(&Sample) -> u64| {
        let points = tally.samples().windows(2).filter_map(|pair| {
            let [before, after] = pair else { return None };
            let seconds = (after.at.saturating_sub(before.at)).as_secs_f64();
            let events = float(count(after).saturating_sub(count(before)));
            (seconds > 0.0).then(|| (after.at.as_secs_f64(), events / seconds))
        });
        Series {
            name: name.into(),
            colour,
            mark: Mark::Line,
            points: points.collect(),
        }
    };
    Chart {
        series: vec![
            of("opened", Colour::Blue, |sample| sample.opened),
            of("released", Colour::Green, |sample| sample.released),
            of("failed", Colour::Red, |sample| sample.failed),
        ],
        ..Chart::new("Rate over time", "seconds", "connections a second")
    }
}

fn states(tally: &Tally) -> Chart<'static> {
    let of = |name: &str, colour, states: &[State]| {
        let points = tally.samples().iter().map(|sample| {
            let count = states.iter().map(|state| sample.states[*state as usize]);
            (sample.at.as_secs_f64(), float(count.sum()))
        });
        Series {
            name: name.into(),
            colour,
            mark: Mark::Line,
            points: points.collect(),
        }
    };
    let closing = [
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
    ];
    Chart {
        scale: Scale::Log,
        series: vec![
            of(
                "SYN-SENT",
                Colour::Orange,
                &[State::SynSent, State::SynReceived],
            ),
            of("ESTABLISHED", Colour::Green, &[State::Established]),
            of("closing", Colour::Purple, &closing),
            of("TIME-WAIT", Colour::Teal, &[State::TimeWait]),
        ],
        ..Chart::new(
            "Our connections by state over time",
            "seconds",
            "connections",
        )
    }
}

fn failures(tally: &Tally) -> String {
    let mut out = String::from("<h2>Failures by cause</h2>\n");
    if tally.failures() == 0 {
        return out + "<p>None.</p>\n";
    }
    out.push_str("<table>\n");
    for cause in Cause::ALL {
        let count = tally.failed_by(cause);
        let share = 100.0 * float(count) / float(tally.failures());
        let _ = writeln!(
            out,
            "<tr><th>{}</th><td>{}</td><td class=\"bar\"><i style=\"width:{share:.1}%\"></i></td>\
             <td class=\"say\">{}</td></tr>",
            cause.name(),
            short(float(count)),
            cause.help(),
        );
    }
    out + "</table>\n"
}
