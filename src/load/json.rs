//! The JSON that tools rely on: stable names.

use super::tally::float;
use super::{Cause, Percentiles, Plan, Tally};
use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;

/// What `load --json` writes.
#[derive(Debug, Serialize)]
pub struct Json {
    asked: u64,
    unstarted: u64,
    opened: u64,
    released: u64,
    failed: BTreeMap<&'static str, u64>,
    rate_per_s: f64,
    seconds: f64,
    start_us: Spread,
    handshake_us: Spread,
    first_byte_us: Spread,
    release_us: Spread,
    life_us: Spread,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldJson>,
    target: String,
    source: String,
    pattern: String,
    close: String,
}

#[derive(Debug, Serialize)]
struct HoldJson {
    asked: u64,
    open: u64,
    least: u64,
    seconds: f64,
}

/// Percentiles of a histogram and its maximum, in its unit; all zero when it is empty.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// Half are at most this.
    pub p50: f64,
    /// Nine in ten are at most this.
    pub p90: f64,
    /// 99 in a hundred are at most this.
    pub p99: f64,
    /// 999 in a thousand are at most this.
    pub p999: f64,
    /// All are at most this.
    pub max: f64,
}

impl Spread {
    /// Of what `histogram` holds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let Percentiles { p50, p99, p999 } = Percentiles::of(histogram, 1.0);
        Self {
            p50,
            p90: float(histogram.value_at_percentile(90.0)),
            p99,
            p999,
            max: float(histogram.max()),
        }
    }
}

impl Json {
    /// Of a load that is over.
    #[must_use]
    pub fn new(plan: &Plan, tally: &Tally) -> Self {
        let causes = Cause::ALL.iter().copied();
        Self {
            asked: tally.asked,
            unstarted: tally.unstarted(),
            opened: tally.opened,
            released: tally.released,
            failed: causes.map(|c| (c.name(), tally.failed_by(c))).collect(),
            rate_per_s: tally.rate(),
            seconds: tally.span.as_secs_f64(),
            start_us: Spread::of(&tally.late),
            handshake_us: Spread::of(&tally.handshake),
            first_byte_us: Spread::of(&tally.first_byte),
            release_us: Spread::of(&tally.release),
            life_us: Spread::of(&tally.life),
            hold: tally.hold.map(|hold| HoldJson {
                asked: hold.asked,
                open: hold.open,
                least: hold.least,
                seconds: hold.held.as_secs_f64(),
            }),
            target: plan.target.to_string(),
            source: plan.sources.to_string(),
            pattern: name_of(&plan.pattern),
            close: name_of(&plan.close),
        }
    }
}

/// The name of a choice on the command line.
pub(super) fn name_of(choice: &impl ValueEnum) -> String {
    let value = choice.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
